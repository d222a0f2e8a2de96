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

static inline void ok(snug_status s)
{
    if (s != SNUG_OK) fail_msg("%s: %s", snug_status_name(s), snug_error_message());
}

/* The call failed with this status and a message that contains `text`. */
static inline void fails(snug_status s, snug_status want, const char *text)
{
    if (s != want)
        fail_msg("status %s, not %s: %s", snug_status_name(s), snug_status_name(want),
                 snug_error_message());
    if (!strstr(snug_error_message(), text))
        fail_msg("'%s' is not in: %s", text, snug_error_message());
    snug_error_clear();
}

#endif
