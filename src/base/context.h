/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CONTEXT_H
#define BASE_CONTEXT_H

#include "base/memory.h"
#include "base/pool.h"
#include <snug/context.h>
#include <stdatomic.h>

#define SNUG_MAX_USER_OPS 256

struct snug_context {
    snug_context_config config;
    snug_pool *pool, *alone; /* alone: of one thread */
    snug_queue queue, inner; /* inner: for calls inside a loop, one thread */
    uint32_t tiers;          /* usable tiers, a mask */
    atomic_bool interrupted;
    const snug_op *const *builtin_ops; /* set by ops/ through snug_context_create */
    int n_builtin_ops, n_user_ops;
    const snug_op *user_ops[SNUG_MAX_USER_OPS];
};

/* snug_context_create (ops/registry.c) is this with Snug's own operators. */
snug_status snug_context_create_with(const snug_context_config *config, const snug_op *const *ops,
                                     int n_ops, snug_context **out) SNUG_MUST_USE;
void snug_log(const snug_context *ctx, snug_log_level level, const char *fmt, ...)
    SNUG_PRINTF(3, 4);

#endif
