/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: a graph lowered to instructions over byte ranges.
 *
 * A step is: prologue, body repeated n_micro times with strides into streamed buffers, epilogue.
 * Compute instructions cannot fail; effects are start/wait pairs and return a status. Segments:
 * persistent (shared by every plan of a run, placed by name), transient (reused inside a step; the
 * arena holds the largest of all plans), stream (slots that the loader fills), constant. */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "graph/graph.h"
#include "kernels/device.h"

typedef enum snug_segment {
    SEGMENT_NONE,
    SEGMENT_PERSISTENT,
    SEGMENT_TRANSIENT,
    SEGMENT_STREAM,
    SEGMENT_CONSTANT,
    N_SEGMENTS
} snug_segment;
typedef enum snug_owner {
    OWNER_PARAMETERS,
    OWNER_GRADIENTS,
    OWNER_OPTIMIZER,
    OWNER_ACTIVATIONS,
    OWNER_SCRATCH,
    OWNER_DATA,
    OWNER_COMMUNICATION,
    OWNER_CODE,
    N_OWNERS
} snug_owner;

#define SNUG_ALIGN        64
#define SNUG_STREAM_SLOTS 2

/* Where a value lives. In a body run k times the address moves by `stride` a repetition. */
typedef struct snug_place {
    size_t offset, bytes, stride;
    size_t
        piece; /* in a chain: bytes of a thread's own piece, one behind another; 0: it is whole */
    uint8_t segment, space;
} snug_place;

typedef enum snug_instr_kind {
    INSTR_COMPUTE,
    INSTR_START, /* begin an effect */
    INSTR_WAIT,  /* end it */
    INSTR_CHECK, /* stop the step unless out[0] is finite */
    INSTR_KEEP   /* in the prologue: what a kernel of the body makes of its in[1] once */
} snug_instr_kind;

typedef struct snug_instr {
    uint8_t kind;
    const snug_node *node;
    const snug_kernel *kernel; /* NULL: the operator's reference */
    int way;                   /* of the kernel */
    int32_t chain;             /* number of the chain that this is of, from 1; 0: none */
    const snug_place *in[SNUG_MAX_IN], *out[SNUG_MAX_OUT];
    snug_place scratch;
    snug_place kept; /* made by INSTR_KEEP, read by the compute instruction of the same node */
} snug_instr;

/* Instructions [first, last] that run piece by piece: `samples` samples at a time go through all of
 * them, on one thread (passes/chain.c); or a product and an update (passes/chain_updates.c), and
 * `samples` of `rows` rows of the weight. */
typedef struct snug_chain {
    int32_t first, last;
    int64_t samples, rows; /* rows 0: of samples */
    snug_place scratch;    /* of all, a thread's `piece` bytes one behind another */
} snug_chain;

typedef struct snug_program {
    snug_instr *instr;
    snug_chain *chain;
    int32_t n_chains;
    int32_t n_instr, body_begin,
        epilogue_begin; /* [0, body) prologue, [body, epilogue) body, then epilogue */
} snug_program;

/* Persistent values of all plans, by name. */
typedef struct snug_persistent_entry {
    const char *name;
    snug_type type;
    snug_role role;
    snug_init init;
    size_t offset;
    bool frozen;
} snug_persistent_entry;

typedef struct snug_persistent {
    snug_persistent_entry *entry; /* in order of first sight */
    int32_t n, capacity;
    size_t bytes;
} snug_persistent;

snug_persistent_entry *snug_persistent_find(const snug_persistent *p, const char *name);
void snug_persistent_free(snug_persistent *p);

typedef struct snug_plan_config {
    int64_t batch, leaves, n_micro; /* samples a step, leaf slots a step, repetitions of the body */
    int threads;
    const snug_device *device; /* whose kernels run */
    const char *ways;          /* plan/ways.h; NULL: none. Read while the plan is built */
} snug_plan_config;

typedef struct snug_plan {
    snug_graph *graph; /* not owned; lowered */
    snug_plan_config config;
    snug_program program;
    bool steady; /* the prologue makes the same until parameters change from outside: it is run once
                    for many steps, and kernels keep there what they make of weights */
    const snug_place **place; /* by value id; NULL: the value has no bytes in this plan */
    snug_bump *bump;
    size_t transient_bytes, stream_slot_bytes;
    size_t owner_bytes[N_OWNERS]; /* of the transient part */
    double flops, seconds;        /* of one step at the bound; seconds are estimated */
    int32_t n_fallbacks;          /* nodes that run on reference kernels */
} snug_plan;

/* Lower `g` (after its passes ran) into a plan; persistent values are added to `persistent`. */
snug_status snug_plan_build(snug_graph *g, const snug_plan_config *config,
                            snug_persistent *persistent, snug_plan **out) SNUG_MUST_USE;
void snug_plan_destroy(snug_plan *p);
/* Leaves for a batch: about batch / 16, a power of two, 1 to 16. */
int64_t snug_default_leaves(int64_t batch);
/* The batch bound a graph must be built with to run `batch` samples in n_micro micro-batches: whole
 * leaves. */
int64_t snug_micro_batch(int64_t batch, int64_t leaves, int64_t n_micro);

#endif
