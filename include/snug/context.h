/* SPDX-License-Identifier: Apache-2.0 */
/* A context owns the thread pool, the CPU tier, the registered operators and the log sink. There is
 * no other global state: two contexts in one process do not know each other.
 */
#ifndef SNUG_CONTEXT_H
#define SNUG_CONTEXT_H

#include <snug/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snug_context snug_context;

/* CPU tiers, in rising order on one architecture. */
typedef enum snug_tier {
    SNUG_TIER_SCALAR,
    SNUG_TIER_NEON,
    SNUG_TIER_AVX2,
    SNUG_TIER_AVX512,
    SNUG_N_TIERS
} snug_tier;

typedef enum snug_log_level {
    SNUG_LOG_ERROR,
    SNUG_LOG_WARN,
    SNUG_LOG_INFO,
    SNUG_LOG_DEBUG
} snug_log_level;

typedef struct snug_context_config {
    int threads; /* compute threads; 0: one a core this process may use */
    uint32_t
        tier_mask; /* bit t: tier t may be used; 0: all the CPU has. SCALAR is always allowed */
    bool reference_kernels;   /* use the reference kernels only: slow, an oracle */
    snug_log_level log_level; /* what reaches the sink: this level and those before it */
    void (*log)(void *arg, snug_log_level level, const char *message); /* NULL: standard error */
    void *log_arg;
} snug_context_config;

/* config may be NULL for the defaults. */
SNUG_API snug_status snug_context_create(const snug_context_config *config,
                                         snug_context **out) SNUG_MUST_USE;
SNUG_API void snug_context_destroy(snug_context *ctx);

SNUG_API int snug_context_threads(const snug_context *ctx);
SNUG_API snug_tier snug_context_tier(const snug_context *ctx);
SNUG_API const char *snug_tier_name(snug_tier t);

/* Ask whatever runs in this context to stop at the next step, save and return SNUG_EINTERRUPTED.
 * Safe from a signal handler and from any thread. */
SNUG_API void snug_context_interrupt(snug_context *ctx);
SNUG_API bool snug_context_interrupted(const snug_context *ctx);

/* Register an operator; it must outlive the context. Its name must be free. */
SNUG_API snug_status snug_context_add_op(snug_context *ctx, const snug_op *op) SNUG_MUST_USE;
SNUG_API const snug_op *snug_context_find_op(const snug_context *ctx, const char *name);
/* The i-th operator, Snug's own first; NULL past the end. */
SNUG_API const snug_op *snug_context_op(const snug_context *ctx, int i);

/* "0.1.0" */
SNUG_API const char *snug_version(void);

#ifdef __cplusplus
}
#endif
#endif
