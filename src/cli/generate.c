/* SPDX-License-Identifier: Apache-2.0 */
/* A text that a model goes on with: on standard output as it is made, or one JSON object. */
#include "cli/cli.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct sink {
    const cli *cli;
    const char *prompt; /* still to be shown: nothing is until the model has taken it */
    char *text;         /* all of it, with --json */
    size_t n, room;
    int64_t tokens;
    bool failed;
} sink;

static void keep(sink *s, const char *text, size_t n)
{
    if (s->n + n > s->room) {
        const size_t room = s->room * 2 + n;
        char *more = realloc(s->text, room);
        s->failed = !more;
        if (!more) return;
        s->text = more;
        s->room = room;
    }
    memcpy(s->text + s->n, text, n);
    s->n += n;
}

static void take(void *arg, const snug_token *t)
{
    sink *s = arg;
    if (s->failed) return;
    s->tokens++;
    if (s->cli->json) {
        keep(s, t->text, (size_t)t->n_bytes);
        return;
    }
    if (s->prompt && !s->cli->quiet) fputs(s->prompt, stdout);
    s->prompt = NULL;
    fwrite(t->text, 1, (size_t)t->n_bytes, stdout);
    s->failed = fflush(stdout) != 0;
}

/* Models of bytes may stop within a character, which is no text for JSON. */
static json_t *text_json(const sink *s)
{
    for (size_t n = s->n;; n--) {
        json_t *text = json_stringn(s->text ? s->text : "", n);
        if (text || n == 0) return text;
    }
}

static snug_status print_json(const snug_model *m, const cli_generate_options *o, const sink *s,
                              double seconds, bool interrupted)
{
    return cli_json_print(json_pack("{ss ss so sI so sb}", "model", snug_model_name(m), "prompt",
                                    o->prompt, "text", text_json(s), "tokens",
                                    (json_int_t)s->tokens, "seconds", cli_number(seconds),
                                    "interrupted", interrupted),
                          false);
}

static snug_context *volatile interruptible;

static void on_interrupt(int sig)
{
    signal(sig, SIG_DFL);
    /* NOLINTNEXTLINE(bugprone-signal-handler): no more than an atomic store */
    if (interruptible) snug_context_interrupt(interruptible);
}

static snug_status number(const char *option, const char *text, double most, double *out)
{
    char *end = NULL;
    if (!text) return SNUG_OK;
    const double v = strtod(text, &end);
    SNUG_CHECK(end != text && *end == '\0' && v >= 0 && v <= most, SNUG_EINVAL,
               "--%s wants a number from 0 to %g, not '%s'", option, most, text);
    *out = v;
    return SNUG_OK;
}

static snug_status go_on(cli *c, snug_model *m, const snug_generate_config *config, sink *s)
{
    interruptible = c->ctx;
    signal(SIGINT, on_interrupt);
    snug_status status = snug_model_generate(m, config, take, s);
    interruptible = NULL;
    if (!c->json && s->tokens > 0) putchar('\n');
    if (status == SNUG_OK && s->failed)
        status = SNUG_FAIL(SNUG_EIO, "cannot write to standard output");
    return status;
}

snug_status cli_generate(cli *c, snug_model *m, const cli_generate_options *o)
{
    snug_generate_config config = {.prompt = o->prompt,
                                   .tokens = o->tokens,
                                   .temperature = 0.8,
                                   .top_k = o->top_k,
                                   .seed = o->seed ? (uint64_t)o->seed : 1};
    sink s = {.cli = c, .prompt = o->prompt};
    const double began = snug_now();
    SNUG_TRY(number("temperature", o->temperature, 100, &config.temperature));
    SNUG_TRY(number("top-p", o->top_p, 1, &config.top_p));
    snug_status status = go_on(c, m, &config, &s);
    const bool interrupted = status == SNUG_EINTERRUPTED;
    if (interrupted) {
        c->exit_code = snug_status_exit_code(status);
        snug_error_clear();
        status = SNUG_OK;
    }
    if (status == SNUG_OK && c->json)
        status = print_json(m, o, &s, snug_now() - began, interrupted);
    free(s.text);
    return status;
}
