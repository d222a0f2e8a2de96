/* SPDX-License-Identifier: Apache-2.0 */
/* The executor: walks a plan. It knows nothing of training, accumulation or any other technique,
 * and allocates nothing after creation. */
#ifndef RUN_EXEC_H
#define RUN_EXEC_H

#include "plan/plan.h"

/* The one block of tensors of a run: persistent part, transient part, stream slots. */
typedef struct snug_arena {
    char *base;
    size_t bytes, persistent_bytes, transient_offset, transient_bytes, stream_offset,
        stream_slot_bytes;
    const snug_persistent *persistent;
    snug_queue *queue; /* of the plans' device; NULL without plans */
    snug_tier tier;    /* likewise; the scalar one */
    const void *last;  /* whose step ran last; NULL: nobody's since values were changed from outside
                        */
} snug_arena;

size_t snug_arena_size(const snug_persistent *p, int n_plans, snug_plan *const *plans);
snug_status snug_arena_create(const snug_persistent *p, int n_plans, snug_plan *const *plans,
                              snug_arena *out) SNUG_MUST_USE;
void snug_arena_destroy(snug_arena *a);
/* Fill parameters and states of a new arena by their init, keyed by seed and name. What begins at
 * zero is not touched. */
void snug_arena_init(snug_arena *a, uint64_t seed);
/* Persistent values were changed by another than an executor's step. */
void snug_arena_changed(snug_arena *a);
/* A persistent value by name; data NULL when there is none. */
snug_tensor snug_arena_tensor(const snug_arena *a, const char *name);

/* Where a streamed input of this plan (one with a batch axis) lies in a slot: the rows of a whole
 * step. NULL when the plan has none of this name. */
void *snug_arena_stream(const snug_arena *a, const snug_plan *p, const char *input, int slot);

typedef struct snug_exec snug_exec;

/* What stands behind an effect of a plan. "load": start hands a slot back to be filled, wait tells
 * which slot holds the next batch and how many samples it has, 0 when the pass has ended. */
typedef struct snug_effect_driver {
    const char *op;
    void *self;
    snug_status (*start)(void *self, int slot);
    snug_status (*wait)(void *self, int *slot, int64_t *n_samples);
} snug_effect_driver;

/* Without a load driver the caller fills snug_exec_tensor(e, input) and says step.n. */
snug_status snug_exec_create(snug_context *ctx, snug_plan *plan, snug_arena *arena, int n_drivers,
                             const snug_effect_driver *drivers, snug_exec **out) SNUG_MUST_USE;
void snug_exec_destroy(snug_exec *e);

typedef struct snug_exec_step {
    uint64_t seed, step;
    int64_t n; /* samples, when no load effect tells; else ignored */
} snug_exec_step;

/* Run one step. *n_samples (may be NULL) receives how many samples it had; 0: the loader's pass has
 * ended and nothing ran. */
snug_status snug_exec_run(snug_exec *e, const snug_exec_step *step,
                          int64_t *n_samples) SNUG_MUST_USE;
/* A tensor by input or output name, valid until the next run; for batch-bounded outputs the whole
 * step's rows. data NULL when there is none. */
snug_tensor snug_exec_tensor(snug_exec *e, const char *name);

/* Per-node times of the last runs, when asked for: seconds and calls by instruction. */
void snug_exec_profile(snug_exec *e, bool on);
double snug_exec_node_seconds(const snug_exec *e, int instr, int64_t *calls);

/* Forget the slot that the last step held: the loader has begun another pass. */
void snug_exec_drop_slot(snug_exec *e);

#endif
