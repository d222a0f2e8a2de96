/* SPDX-License-Identifier: Apache-2.0 */
/* What people see: colour only on a terminal that wants it, widths from the terminal, sizes and
 * times in words. */
#include "cli/cli.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_COLUMNS = 40, MAX_COLUMNS = 120, USUAL_COLUMNS = 80, RING = 16, TEXT = 32 };

static char *ring_next(void)
{
    static char ring[RING][TEXT];
    static int next;
    next = (next + 1) % RING;
    return ring[next];
}

static bool set_and_not_empty(const char *name)
{
    const char *v = getenv(name);
    return v && v[0];
}

static bool speaks_utf8(void)
{
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *v = getenv(names[i]);
        if (v && v[0]) return strstr(v, "UTF-8") || strstr(v, "utf8") || strstr(v, "utf-8");
    }
    return false;
}

static int columns_from_environment(void)
{
    int64_t n = 0;
    if (!set_and_not_empty("COLUMNS") || snug_parse_int(getenv("COLUMNS"), &n) != SNUG_OK) {
        snug_error_clear();
        return USUAL_COLUMNS;
    }
    return n > MAX_COLUMNS ? MAX_COLUMNS : (int)n;
}

void cli_console_open(cli *c)
{
    c->people = c->json ? stderr : stdout;
    int columns = snug_terminal_columns(c->json ? 2 : 1);
    c->terminal = columns > 0;
    if (!c->terminal) columns = columns_from_environment();
    c->columns = columns < MIN_COLUMNS   ? MIN_COLUMNS
                 : columns > MAX_COLUMNS ? MAX_COLUMNS
                                         : columns;
    const char *term = getenv("TERM");
    c->colour =
        c->terminal && !set_and_not_empty("NO_COLOR") && (!term || strcmp(term, "dumb") != 0);
    c->utf8 = c->terminal && speaks_utf8();
}

const char *cli_paint(const cli *c, cli_style style)
{
    static const char *const codes[] = {"\033[0m", "\033[1m", "\033[2m", "\033[32m", "\033[33m"};
    return c->colour ? codes[style] : "";
}

void cli_say(const cli *c, const char *fmt, ...)
{
    if (c->quiet) return;
    va_list args;
    va_start(args, fmt);
    vfprintf(c->people, fmt, args);
    va_end(args);
}

const char *cli_bar(const cli *c, double share, int width, char *buf)
{
    const char *full = c->utf8 ? "\u2588" : "#", *rest = c->utf8 ? "\u2591" : ".";
    if (!(share > 0)) share = 0;
    int n = share > 1 ? width : (int)(share * width + 0.5);
    if (n == 0 && share > 0) n = 1;
    char *at = buf;
    for (int i = 0; i < width; i++)
        for (const char *part = i < n ? full : rest; *part; part++) *at++ = *part;
    *at = '\0';
    return buf;
}

const char *cli_size(double bytes)
{
    return snug_format_size(bytes, ring_next(), TEXT);
}

const char *cli_time(double seconds)
{
    return snug_format_time(seconds, ring_next(), TEXT);
}

const char *cli_count(int64_t n)
{
    char digits[TEXT], *out = ring_next();
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n), o = 0;
    for (int i = 0; i < length; i++) {
        out[o++] = digits[i];
        int left = length - 1 - i;
        if (left > 0 && left % 3 == 0 && digits[i] != '-') out[o++] = ',';
    }
    out[o] = '\0';
    return out;
}
