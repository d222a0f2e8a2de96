/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of long work: a bar with rate and remaining time on a terminal, a plain line now and
 * then elsewhere. */
#include "cli/cli.h"
#include <inttypes.h>
#include <string.h>

static const double REDRAW_SECONDS = 0.1, LINE_SECONDS = 15.0;

void cli_progress_start(cli_progress *p, const cli *c)
{
    double now = snug_now();
    *p = (cli_progress){.cli = c, .started = now, .shown = now - REDRAW_SECONDS, .said = now};
}

void cli_progress_clear(cli_progress *p)
{
    if (!p->drawn) return;
    fprintf(p->cli->people, "\r\033[K");
    fflush(p->cli->people);
    p->drawn = false;
}

static void draw(cli_progress *p, double share, const char *text)
{
    const cli *c = p->cli;
    char bar[4 * 120 + 1];
    int width = c->columns - (int)strlen(text) - 9;
    if (width > 40) width = 40;
    fprintf(c->people, "\r\033[K%3.0f%% ", 100 * share);
    if (width >= 4)
        fprintf(c->people, "%s%s%s  ", cli_paint(c, STYLE_GOOD), cli_bar(c, share, width, bar),
                cli_paint(c, STYLE_PLAIN));
    fprintf(c->people, "%.*s", c->columns - 7, text);
    fflush(c->people);
    p->drawn = true;
}

void cli_progress_step(cli_progress *p, int64_t step, int64_t n_steps, double loss, double rate)
{
    const cli *c = p->cli;
    double now = snug_now();
    double *last = c->terminal ? &p->shown : &p->said;
    if (c->quiet || now - *last < (c->terminal ? REDRAW_SECONDS : LINE_SECONDS)) return;
    *last = now;
    double share = n_steps > 0 ? (double)step / (double)n_steps : 0;
    double left = share > 0 ? (now - p->started) * (1 - share) / share : 0;
    char text[96];
    snprintf(text, sizeof text, "%" PRId64 "/%" PRId64 "  loss %.4f  %s/s  %s left", step, n_steps,
             loss, cli_count((int64_t)rate), cli_time(left));
    if (c->terminal)
        draw(p, share, text);
    else
        fprintf(c->people, "  step %s\n", text);
}
