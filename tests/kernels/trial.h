/* SPDX-License-Identifier: Apache-2.0 */
/* One call of an operator on made-up tensors: its types follow from a test case and a number of
 * samples, its inputs from a seed and each sample's number, so that a smaller batch holds the same
 * samples. Data lie off alignment; outputs stand between guard bytes. */
#ifndef TESTS_KERNELS_TRIAL_H
#define TESTS_KERNELS_TRIAL_H

#include "base/pool.h"
#include "base/rng.h"
#include "base/status.h"
#include "kernels/kernel.h"
#include "ops/ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 64
#ifndef SKEW
#define SKEW 4 /* bytes off a 64-byte boundary */
#endif

static int trial_way; /* that kernels are told to go; 0: what suits the shape */

typedef struct trial {
    const snug_op *op;
    const snug_case *c;
    void *attrs;
    snug_tensor in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    void *block[SNUG_MAX_IN + SNUG_MAX_OUT]; /* what to free */
    char *scratch;                           /* grows with what kernels ask for */
    size_t scratch_bytes;
    snug_step step;
    int n_in, n_out;
    int64_t row, n_rows; /* of out[0], which then has these alone; n_rows 0: all */
} trial;

static inline void *trial_alloc(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) abort();
    return p;
}

/* The case's attributes, or the defaults. */
static inline void *trial_attrs(const snug_op *op, const snug_case *c)
{
    char *attrs = calloc(1, op->attrs_bytes + 1);
    if (!attrs) abort();
    if (c->attrs) return memcpy(attrs, c->attrs, op->attrs_bytes);
    for (const snug_attr *a = op->attrs; a && a->name; a++) {
        int64_t whole = (int64_t)a->initial;
        if (a->kind == SNUG_ATTR_FLOAT)
            memcpy(attrs + a->offset, &a->initial, sizeof(double));
        else
            memcpy(attrs + a->offset, &whole, sizeof whole);
    }
    return attrs;
}

/* An integer attribute by name, or `otherwise`. */
static inline int64_t trial_attr(const trial *t, const char *name, int64_t otherwise)
{
    int64_t value = otherwise;
    for (const snug_attr *a = t->op->attrs; a && a->name; a++)
        if (strcmp(a->name, name) == 0) memcpy(&value, (char *)t->attrs + a->offset, sizeof value);
    return value;
}

static inline bool trial_has_batch(const snug_type *t)
{
    return t->shape.n_dims > 0 && t->shape.kind[0] == SNUG_AXIS_BATCH;
}

/* 64 random bits for element i of an input (splitmix64's output function). */
static inline uint64_t trial_bits(int input, int64_t i)
{
    uint64_t z = ((uint64_t)i + 1) * 0x9e3779b97f4a7c15u + (uint64_t)input * 0xd1342543de82ef95u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Standard normal, nearly: the sum of four uniform numbers. */
static inline double trial_normal(uint64_t u)
{
    int64_t sum = (int64_t)((u & 0xffff) + (u >> 16 & 0xffff) + (u >> 32 & 0xffff) + (u >> 48));
    return (double)(sum - 2 * 0xffff) * (1.7320508 / 0x10000);
}

static inline double trial_value(const snug_case_in *in, int input, int64_t i, int64_t n)
{
    uint64_t u = trial_bits(input, i);
    double unit = (double)(u >> 40) * 0x1p-24;
    switch ((snug_fill)in->fill) {
    case SNUG_FILL_POSITIVE:
        return 0.5 + unit;
    case SNUG_FILL_UNIT:
        return unit;
    case SNUG_FILL_INDEX:
        return floor(unit * (double)in->index_below);
    case SNUG_FILL_DISTINCT:
        return 0.02 * ((double)snug_permute((uint64_t)n, (uint64_t)i, 7, RNG_TEST, 0) + 0.5 -
                       (double)(n / 2));
    case SNUG_FILL_SMALL:
        return trial_normal(u) / 10;
    default:
        return trial_normal(u);
    }
}

/* Rows [first, first + n) of a case's batch of n_all; the whole when it has no batch. */
static inline void trial_fill(trial *t, int i, int64_t first, int64_t n_all)
{
    const snug_tensor *x = &t->in[i];
    int64_t n = snug_shape_elements(&x->type.shape), skip = 0, all = n;
    if (trial_has_batch(&x->type) && x->type.shape.dim[0] > 0) {
        skip = n / x->type.shape.dim[0] * first;
        all = n / x->type.shape.dim[0] * n_all;
    }
    for (int64_t e = 0; e < n; e++) snug_store(x, e, trial_value(&t->c->in[i], i, skip + e, all));
}

static inline snug_type trial_type(const snug_case_in *in, int64_t samples)
{
    snug_type t = snug_case_type(in, SNUG_F32);
    if (in->batch) t.shape.dim[0] = samples;
    return t;
}

/* With a guard before, and one behind when it is written to; reading behind an input is for address
 * sanitizers to find. */
static inline void trial_place(snug_tensor *t, bool output, void **block)
{
    size_t bytes = snug_type_bytes(&t->type), all = GUARD + SKEW + bytes + (output ? GUARD : 0);
    void *p = NULL;
    if (posix_memalign(&p, 64, all) != 0) abort();
    memset(p, 0xA5, all);
    t->data = (char *)p + GUARD + SKEW;
    *block = p;
}

static inline bool trial_guards_whole(const snug_tensor *t, bool output)
{
    const unsigned char *p = t->data;
    size_t bytes = snug_type_bytes(&t->type);
    for (int i = 1; i <= GUARD; i++)
        if (p[-i] != 0xA5) return false;
    for (size_t i = 0; i < GUARD && output; i++)
        if (p[bytes + i] != 0xA5) return false;
    return true;
}

/* Types for `samples` of the case; false, with the error recorded, when the shapes do not fit. */
static inline bool trial_open(trial *t, const snug_op *op, const snug_case *c, int64_t samples)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT] = {{.shape = {.n_dims = 0}}};
    *t = (trial){.op = op, .c = c, .attrs = trial_attrs(op, c), .n_in = c->n_in};
    t->n_out = snug_op_outputs(op, t->attrs);
    for (int i = 0; i < c->n_in; i++) in[i] = trial_type(&c->in[i], samples);
    snug_infer f = {.name = c->name,
                    .attrs = t->attrs,
                    .n_in = c->n_in,
                    .n_out = t->n_out,
                    .in = in,
                    .out = out};
    if (op->shape(&f) != SNUG_OK) {
        free(t->attrs);
        return false;
    }
    for (int i = 0; i < t->n_in; i++) {
        t->in[i].type = in[i];
        trial_place(&t->in[i], false, &t->block[i]);
    }
    for (int i = 0; i < t->n_out; i++) {
        t->out[i].type = out[i];
        trial_place(&t->out[i], true, &t->block[SNUG_MAX_IN + i]);
    }
    t->step = (snug_step){.seed = 3,
                          .step = 5,
                          .n_step = samples,
                          .n_here = samples,
                          .leaf_samples = samples > 0 ? samples : 1,
                          .leaves_here = 1,
                          .n_micro = 1};
    return true;
}

/* Samples [first, first + n) of a batch of `all`, as leaf slots [0, leaves) of leaf_samples. */
static inline bool trial_make(trial *t, const snug_op *op, const snug_case *c,
                              const snug_step *step)
{
    if (!trial_open(t, op, c, step->n_here)) return false;
    t->step = *step;
    for (int i = 0; i < t->n_in; i++) trial_fill(t, i, step->first_here, step->n_step);
    return true;
}

static inline void trial_close(trial *t)
{
    for (int i = 0; i < SNUG_MAX_IN + SNUG_MAX_OUT; i++) free(t->block[i]);
    free(t->scratch);
    free(t->attrs);
}

static inline snug_sig trial_sig(const trial *t, snug_type in[SNUG_MAX_IN],
                                 snug_type out[SNUG_MAX_OUT])
{
    for (int i = 0; i < t->n_in; i++) in[i] = t->in[i].type;
    for (int i = 0; i < t->n_out; i++) out[i] = t->out[i].type;
    return (snug_sig){.attrs = t->attrs,
                      .n_in = t->n_in,
                      .n_out = t->n_out,
                      .in = in,
                      .out = out,
                      .way = trial_way};
}

/* Whether the kernel has this many ways, and this one is open. */
static inline bool trial_can(const snug_kernel *k, const snug_sig *sig)
{
    int n = 0;
    while (snug_kernel_can(k)->ways && k->more->ways[n]) n++;
    return sig->way == 0 || (sig->way <= n && k->more->can(sig, sig->way));
}

static inline const snug_kernel *trial_kernel(const trial *t, snug_tier tier)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    snug_sig sig = trial_sig(t, in, out);
    const snug_kernel *k = snug_kernel_find(1u << tier, t->op->name, &sig);
    return k && trial_can(k, &sig) ? k : NULL;
}

static inline void trial_run_with(trial *t, const snug_kernel *k, snug_pool *pool, void *kept)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    snug_sig sig = trial_sig(t, in, out);
    sig.kept = kept != NULL;
    if (t->n_rows) in[0].shape.dim[in[0].shape.n_dims - 1] = t->n_rows;
    snug_queue queue = {pool};
    size_t bytes = k && k->scratch ? k->scratch(&sig, snug_pool_threads(pool)) : 0;
    if (!k && t->op->ref_scratch) bytes = t->op->ref_scratch(&sig);
    if (!t->scratch || t->scratch_bytes < bytes) {
        free(t->scratch);
        t->scratch = trial_alloc(bytes + GUARD);
        t->scratch_bytes = bytes;
    }
    memset(t->scratch + bytes, 0xA5, GUARD);
    snug_call call = {.attrs = t->attrs,
                      .in = t->in,
                      .out = t->out,
                      .n_in = t->n_in,
                      .n_out = t->n_out,
                      .scratch = t->scratch,
                      .scratch_bytes = bytes,
                      .kept = kept,
                      .queue = &queue,
                      .step = &t->step,
                      .node_key = 11,
                      .way = trial_way,
                      .row = t->row,
                      .n_rows = t->n_rows};
    int64_t repeats = t->op->flags & SNUG_OP_ACROSS ? trial_attr(t, "n_micro", 1) : 1;
    if (repeats > 1) t->step.n_micro = repeats;
    for (int64_t m = 0; m < repeats; m++) {
        if (repeats > 1) t->step.micro = m;
        k ? k->run(&call) : t->op->ref(&call);
    }
    for (int i = 0; i < GUARD; i++)
        if ((unsigned char)t->scratch[bytes + (size_t)i] != 0xA5) abort();
}

static inline void trial_run(trial *t, const snug_kernel *k, snug_pool *pool)
{
    trial_run_with(t, k, pool, NULL);
}

/* What the kernel keeps of in[1], and a run that has nothing else of it. False: it keeps nothing.
 */
static inline bool trial_run_kept(trial *t, const snug_kernel *k, snug_pool *pool)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    const snug_sig sig = trial_sig(t, in, out);
    const size_t bytes =
        snug_kernel_can(k)->keep_bytes && t->n_in > 1 ? k->more->keep_bytes(&sig) : 0;
    if (bytes == 0) return false;
    char *kept = trial_alloc(bytes + GUARD);
    memset(kept + bytes, 0xA5, GUARD);
    snug_queue queue = {pool};
    snug_tensor only[SNUG_MAX_IN] = {{0}};
    for (int i = 0; i < t->n_in; i++) only[i].type = t->in[i].type;
    only[1].data = t->in[1].data;
    k->more->keep(&(snug_call){.attrs = t->attrs,
                               .in = only,
                               .out = t->out,
                               .n_in = t->n_in,
                               .n_out = t->n_out,
                               .kept = kept,
                               .queue = &queue,
                               .step = &t->step,
                               .way = trial_way});
    for (int i = 0; i < GUARD; i++)
        if ((unsigned char)kept[bytes + (size_t)i] != 0xA5) abort();
    t->in[1].data = NULL;
    trial_run_with(t, k, pool, kept);
    t->in[1].data = only[1].data;
    free(kept);
    return true;
}

#endif
