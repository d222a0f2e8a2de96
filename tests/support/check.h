/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with what every test of Snug needs: statuses checked with their message. */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* relies on the headers above */

#include <snug/snug.h>

/* The call succeeded. */
#define ok(call) check_ok((call), #call, __FILE__, __LINE__)
/* The call failed with this status and a message that contains `text`; the record is cleared. */
#define fails(call, want, text) check_fails((call), (want), (text), __FILE__, __LINE__)

static inline void check_ok(snug_status s, const char *call, const char *file, int line)
{
    if (s == SNUG_OK) return;
    print_error("%s: %s: %s\n", call, snug_status_name(s), snug_error_message());
    _fail(file, line);
}

static inline void check_fails(snug_status s, snug_status want, const char *text, const char *file,
                               int line)
{
    bool told = strstr(snug_error_message(), text) != NULL;
    if (s == want && told) {
        snug_error_clear();
        return;
    }
    print_error("status %s with '%s'; expected %s with '%s'\n", snug_status_name(s),
                snug_error_message(), snug_status_name(want), text);
    _fail(file, line);
}

#endif
