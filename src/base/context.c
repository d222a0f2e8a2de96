/* SPDX-License-Identifier: Apache-2.0 */
/* The context: thread pool, tier mask, operators, log sink. Snug's own operators come from above,
 * through snug_context_create_with. */
#include "base/context.h"
#include "base/cpu.h"
#include "base/os.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_LOG 1024

static void log_to_stderr(void *arg, snug_log_level level, const char *message)
{
    static const char *const prefix[] = {"error: ", "warning: ", "", "debug: "};
    (void)arg;
    fprintf(stderr, "%s%s\n", prefix[level], message);
}

static snug_status context_start(snug_context *ctx)
{
    uint32_t mask = ctx->config.tier_mask;
    ctx->tiers = snug_cpu_tiers();
    if (mask) ctx->tiers &= mask | 1u << SNUG_TIER_SCALAR;
    if (!ctx->config.log) ctx->config.log = log_to_stderr;
    CHECK(ctx->config.threads >= 0, SNUG_EINVAL, "%d threads: must be 0 (one a core) or more",
          ctx->config.threads);
    int threads = ctx->config.threads ? ctx->config.threads : snug_os_cores();
    TRY(snug_pool_create(threads, &ctx->pool));
    TRY(snug_pool_create(1, &ctx->alone));
    ctx->queue.pool = ctx->pool;
    ctx->inner.pool = ctx->alone;
    return SNUG_OK;
}

snug_status snug_context_create_with(const snug_context_config *config,
                                     const snug_op *const *builtin_ops, int n_builtin_ops,
                                     snug_context **out)
{
    static const snug_context_config defaults = {.log_level = SNUG_LOG_WARN};
    snug_context *ctx = snug_alloc(TAG_CONTEXT, sizeof *ctx);
    if (!ctx) return SNUG_ENOMEM;
    ctx->config = config ? *config : defaults;
    ctx->builtin_ops = builtin_ops;
    ctx->n_builtin_ops = n_builtin_ops;
    snug_status s = context_start(ctx);
    if (s != SNUG_OK)
        snug_context_destroy(ctx);
    else
        *out = ctx;
    return s;
}

void snug_context_destroy(snug_context *ctx)
{
    if (!ctx) return;
    snug_pool_destroy(ctx->pool);
    snug_pool_destroy(ctx->alone);
    snug_free(ctx);
}

int snug_context_threads(const snug_context *ctx)
{
    return snug_pool_threads(ctx->pool);
}

snug_tier snug_context_tier(const snug_context *ctx)
{
    int tier = SNUG_N_TIERS - 1;
    while (tier > 0 && !(ctx->tiers >> tier & 1)) tier--;
    return (snug_tier)tier;
}

const char *snug_tier_name(snug_tier t)
{
    static const char *const names[] = {"scalar", "neon", "avx2", "avx512"};
    return (unsigned)t < SNUG_N_TIERS ? names[t] : "unknown";
}

void snug_context_interrupt(snug_context *ctx)
{
    atomic_store(&ctx->interrupted, true);
}

bool snug_context_interrupted(const snug_context *ctx)
{
    return atomic_load(&ctx->interrupted);
}

snug_status snug_context_add_op(snug_context *ctx, const snug_op *op)
{
    CHECK(op->name && op->name[0], SNUG_EINVAL, "an operator needs a name");
    CHECK(op->shape && op->ref, SNUG_EINVAL, "operator '%s' needs a shape rule and a reference",
          op->name);
    CHECK(op->n_in_max <= SNUG_MAX_IN && op->n_in_min <= op->n_in_max && op->n_out >= 1 &&
              op->n_out <= SNUG_MAX_OUT,
          SNUG_EINVAL, "operator '%s': at most %d inputs, and 1 to %d outputs", op->name,
          SNUG_MAX_IN, SNUG_MAX_OUT);
    CHECK(!snug_context_find_op(ctx, op->name), SNUG_EINVAL, "there is an operator '%s' already",
          op->name);
    CHECK(ctx->n_user_ops < SNUG_MAX_USER_OPS, SNUG_EINVAL, "more than %d operators registered",
          SNUG_MAX_USER_OPS);
    ctx->user_ops[ctx->n_user_ops++] = op;
    return SNUG_OK;
}

const snug_op *snug_context_find_op(const snug_context *ctx, const char *name)
{
    const snug_op *op;
    for (int i = 0; (op = snug_context_op(ctx, i)) != NULL; i++)
        if (!strcmp(op->name, name)) return op;
    return NULL;
}

const snug_op *snug_context_op(const snug_context *ctx, int i)
{
    if (i < 0) return NULL;
    if (i < ctx->n_builtin_ops) return ctx->builtin_ops[i];
    i -= ctx->n_builtin_ops;
    return i < ctx->n_user_ops ? ctx->user_ops[i] : NULL;
}

void snug_log(const snug_context *ctx, snug_log_level level, const char *fmt, ...)
{
    if (level > ctx->config.log_level) return;
    char message[MAX_LOG];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    ctx->config.log(ctx->config.log_arg, level, message);
}

const char *snug_version(void)
{
    return SNUG_VERSION;
}
