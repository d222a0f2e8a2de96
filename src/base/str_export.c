/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves Snug as text: numbers that are read back exactly, and strings that a program frees.
 */
#include "base/fault.h"
#include "base/str.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *snug_format_double(double x, char *buf, size_t buf_bytes)
{
    if (fabs(x) < 1e15 && x == floor(x)) {
        snprintf(buf, buf_bytes, "%.0f", x);
        return buf;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, buf_bytes, "%.*g", digits, x);
        if (strtod(buf, NULL) == x) break;
    }
    char *point = strstr(buf, localeconv()->decimal_point), *exponent = strchr(buf, 'e');
    size_t room = strlen(buf) + sizeof ".0";
    if (point) *point = '.';
    if (!point && exponent && room <= buf_bytes) { /* YAML 1.1 takes 1e-08 for text */
        memmove(exponent + 2, exponent, strlen(exponent) + 1);
        exponent[0] = '.';
        exponent[1] = '0';
    }
    return buf;
}

snug_status snug_str_export(snug_str *s, char **out)
{
    snug_status status = snug_str_check(s);
    char *copy = NULL;
    if (status == SNUG_OK && !snug_fault_hit(FAULT_ALLOC)) copy = malloc(s->length + 1);
    if (copy) memcpy(copy, s->text ? s->text : "", s->length + 1);
    snug_str_free(s);
    TRY(status);
    CHECK(copy, SNUG_ENOMEM, "out of memory while building a text");
    *out = copy;
    return SNUG_OK;
}
