/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: a growing buffer. Sizes, times and nearest names are public: snug/text.h. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/memory.h"
#include <snug/text.h>

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

/* The shortest text that snug_parse_double reads back as the same number, locale-free. */
#define SNUG_DOUBLE_TEXT 32
const char *snug_format_double(double x, char *buf, size_t buf_bytes);

/* Hand the text to a program: *out is malloc'ed, freed with free(). Frees s in any case. */
snug_status snug_str_export(snug_str *s, char **out) SNUG_MUST_USE;

#endif
