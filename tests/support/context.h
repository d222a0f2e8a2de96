/* SPDX-License-Identifier: Apache-2.0 */
/* One context for the tests of a file: cmocka_run_group_tests(tests, open_context, close_context)
 * opens and closes it. */
#ifndef SUPPORT_CONTEXT_H
#define SUPPORT_CONTEXT_H

#include "support/check.h"

static snug_context *ctx;

static int open_context(void **state)
{
    (void)state;
    ok(snug_context_create(&(snug_context_config){.threads = 2}, &ctx));
    return 0;
}

static int close_context(void **state)
{
    (void)state;
    snug_context_destroy(ctx);
    return 0;
}

#endif
