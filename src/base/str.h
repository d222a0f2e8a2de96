/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: a growing buffer, sizes and times as people write them, and the nearest name to a typo.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/memory.h"

typedef struct snug_str {
    char *text; /* NUL-terminated once anything was added; NULL before */
    size_t length, capacity;
    bool failed; /* out of memory happened: sticky, checked once at the end */
} snug_str;

void snug_str_add(snug_str *s, const char *text);
void snug_str_addn(snug_str *s, const char *text, size_t n);
void snug_str_printf(snug_str *s, const char *fmt, ...) SNUG_PRINTF(2, 3);
snug_status snug_str_check(const snug_str *s) SNUG_MUST_USE;
void snug_str_free(snug_str *s);

/* "64M" -> 67108864; K M G T are powers of 1024, a trailing B or iB is allowed. */
snug_status snug_parse_size(const char *text, int64_t *out) SNUG_MUST_USE;
/* "20m" -> 1200.0 seconds; s m h d; a bare number is seconds. */
snug_status snug_parse_time(const char *text, double *out) SNUG_MUST_USE;
snug_status snug_parse_int(const char *text, int64_t *out) SNUG_MUST_USE; /* the whole text */
snug_status snug_parse_double(const char *text,
                              double *out) SNUG_MUST_USE; /* the whole text, locale-free */
/* "63.9 M", "1.2 K": at most 8 characters. */
const char *snug_format_size(double bytes, char *buf, size_t buf_bytes);
/* "850 ms", "1m20s" */
const char *snug_format_time(double seconds, char *buf, size_t buf_bytes);

/* Index of the name nearest to `typo` by edit distance, -1 when none is near enough to offer. */
int snug_nearest(const char *typo, int n, const char *const *names);

#endif
