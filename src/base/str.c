/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string whose failure is sticky; sizes, times and numbers as people write them, whatever
 * the locale; the nearest name to a typo. */
#include "base/str.h"
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(snug_str *s, size_t more)
{
    size_t need;
    if (s->failed || !snug_size_add(s->length + 1, more, &need)) return !(s->failed = true);
    if (need <= s->capacity) return true;
    size_t capacity = need < 64 ? 64 : need + need / 2;
    char *text = snug_realloc(TAG_FILE, s->text, capacity);
    if (!text) return !(s->failed = true);
    s->text = text;
    s->capacity = capacity;
    return true;
}

void snug_str_addn(snug_str *s, const char *text, size_t n)
{
    if (!make_room(s, n)) return;
    memcpy(s->text + s->length, text, n);
    s->length += n;
    s->text[s->length] = '\0';
}

void snug_str_add(snug_str *s, const char *text)
{
    snug_str_addn(s, text, strlen(text));
}

void snug_str_printf(snug_str *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (length < 0 || !make_room(s, (size_t)length)) return;
    va_start(args, fmt);
    vsnprintf(s->text + s->length, (size_t)length + 1, fmt, args);
    va_end(args);
    s->length += (size_t)length;
}

snug_status snug_str_check(const snug_str *s)
{
    CHECK(!s->failed, SNUG_ENOMEM, "out of memory while building a text");
    return SNUG_OK;
}

void snug_str_free(snug_str *s)
{
    snug_free(s->text);
    *s = (snug_str){0};
}

/* ---- numbers ---- */

/* The decimal number at the start of text, in the C locale's form; *end is where it stops. Neither
 * inf, nan nor hexadecimal; false when there is none. */
static bool scan_number(const char *text, double *out, const char **end)
{
    char copy[64];
    size_t n = strspn(text, "+-.0123456789eE");
    size_t digit = strcspn(text, "0123456789");
    if (n >= sizeof copy || digit >= n) return false;
    const char *point = localeconv()->decimal_point;
    for (size_t i = 0; i < n; i++) copy[i] = text[i] == '.' ? *point : text[i];
    copy[n] = '\0';
    char *stop;
    *out = strtod(copy, &stop);
    *end = text + (stop - copy);
    return stop != copy && isfinite(*out);
}

snug_status snug_parse_double(const char *text, double *out)
{
    double v;
    const char *end;
    CHECK(scan_number(text, &v, &end) && !*end, SNUG_EINVAL, "'%s' is not a number", text);
    *out = v;
    return SNUG_OK;
}

snug_status snug_parse_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    CHECK(end != text && !*end && !isspace((unsigned char)*text), SNUG_EINVAL,
          "'%s' is not a whole number", text);
    CHECK(errno != ERANGE, SNUG_EINVAL, "'%s' does not fit into 64 bits", text);
    *out = v;
    return SNUG_OK;
}

static bool is_byte_suffix(const char *s)
{
    return !*s || !strcmp(s, "B") || !strcmp(s, "b") || !strcmp(s, "iB");
}

snug_status snug_parse_size(const char *text, int64_t *out)
{
    static const char units[] = "KMGT";
    double v;
    const char *end;
    CHECK(scan_number(text, &v, &end), SNUG_EINVAL, "'%s' is not a size (write 512K, 64M, 2G)",
          text);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit) {
        v = ldexp(v, 10 * (int)(unit - units + 1));
        end++;
    }
    CHECK(is_byte_suffix(end), SNUG_EINVAL, "'%s' is not a size (write 512K, 64M, 2G)", text);
    CHECK(v >= 0 && v < 0x1p62, SNUG_EINVAL, "'%s' is out of range for a size", text);
    *out = (int64_t)v;
    return SNUG_OK;
}

snug_status snug_parse_time(const char *text, double *out)
{
    static const char units[] = "smhd";
    static const double seconds[] = {1, 60, 3600, 86400};
    double total = 0, v;
    const char *at = text;
    do { /* parts in a row: 1h30m */
        CHECK(scan_number(at, &v, &at) && v >= 0, SNUG_EINVAL,
              "'%s' is not a time (write 90s, 20m, 1h30m, 2d)", text);
        const char *unit = *at ? strchr(units, *at) : NULL;
        CHECK(unit || !*at, SNUG_EINVAL, "'%s' is not a time (write 90s, 20m, 1h30m, 2d)", text);
        total += unit ? v * seconds[unit - units] : v;
        at += unit != NULL;
    } while (*at);
    *out = total;
    return SNUG_OK;
}

const char *snug_format_size(double bytes, char *buf, size_t buf_bytes)
{
    static const char units[] = "KMGTPE";
    int unit = -1;
    for (; bytes >= 1023.95 && unit < 5; unit++) bytes /= 1024;
    if (unit < 0)
        snprintf(buf, buf_bytes, "%.0f B", bytes);
    else
        snprintf(buf, buf_bytes, "%.1f %c", bytes, units[unit]);
    return buf;
}

const char *snug_format_time(double seconds, char *buf, size_t buf_bytes)
{
    long long whole = seconds < 1e15 ? (long long)(seconds + 0.5) : (long long)1e15;
    if (seconds < 0.9995e-3)
        snprintf(buf, buf_bytes, "%.0f us", seconds * 1e6);
    else if (seconds < 0.9995)
        snprintf(buf, buf_bytes, "%.0f ms", seconds * 1e3);
    else if (seconds < 59.95)
        snprintf(buf, buf_bytes, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(buf, buf_bytes, "%lldm%02llds", whole / 60, whole % 60);
    else if (whole < 86400)
        snprintf(buf, buf_bytes, "%lldh%02lldm", whole / 3600, whole / 60 % 60);
    else
        snprintf(buf, buf_bytes, "%lldd%02lldh", whole / 86400, whole / 3600 % 24);
    return buf;
}

/* ---- the nearest name ---- */

#define MAX_NAME 64

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Edits (insert, delete, replace, swap of neighbours) between two short strings: the restricted
 * Damerau-Levenshtein distance over three rows. */
static int edit_distance(const char *a, const char *b)
{
    int rows[3][MAX_NAME + 1];
    int n = (int)strlen(a), m = (int)strlen(b);
    int *before = rows[0], *above = rows[1], *row = rows[2];
    for (int j = 0; j <= m; j++) above[j] = j;
    for (int i = 1; i <= n; i++) {
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
        }
        int *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[m];
}

int snug_nearest(const char *typo, int n, const char *const *names)
{
    size_t length = strlen(typo);
    if (length > MAX_NAME) return -1;
    int best = -1, limit = (int)length / 3 + 1;
    for (int i = 0; i < n; i++) {
        if (strlen(names[i]) > MAX_NAME) continue;
        int d = edit_distance(typo, names[i]);
        if (d > limit || d >= (int)strlen(names[i])) continue;
        best = i;
        limit = d - 1;
    }
    return best;
}
