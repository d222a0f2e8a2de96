/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of something over all elements of a call to one number. A leaf is cut into chunks of CHUNK
 * elements from its first one; a chunk is summed in float by four vector accumulators, chunks of a
 * leaf in order in double, leaves by the tree of snug/leaves.h. */
#ifndef KERNELS_CPU_FLAT_SUM_H
#define KERNELS_CPU_FLAT_SUM_H

#include "kernels/cpu/spans.h"
#include "ops/rules.h"
#include <snug/leaves.h>

enum { CHUNK = 4096, TASK_CHUNKS = SPAN_STREAM / CHUNK };

/* `sum` and what the n elements at i contribute; lanes past n must add nothing. */
typedef vf (*flat_term)(const void *arg, int64_t i, int n, vf sum);

/* One chunk: a body for the functions that flat.chunk points to, with the term inlined. */
ALWAYS_INLINE float flat_elements(const void *arg, int64_t begin, int64_t end, flat_term term)
{
    vf sum[4] = {vzero(), vzero(), vzero(), vzero()};
    int64_t i = begin;
    for (; i + 4 * VLEN <= end; i += 4 * VLEN)
        for (int v = 0; v < 4; v++) sum[v] = term(arg, i + v * VLEN, VLEN, sum[v]);
    for (int v = 0; i < end; v++, i += VLEN) sum[v] = term(arg, i, vlanes(i, end), sum[v]);
    return vsum(vadd(vadd(sum[0], sum[1]), vadd(sum[2], sum[3])));
}

/* The flat elements of a call, by leaves. */
typedef struct flat {
    float (*chunk)(const void *arg, int64_t begin, int64_t end);
    const void *arg;
    int64_t n, leaf, leaf_chunks, n_leaves;
    double n_step; /* elements of the whole step */
    double *partials;
} flat;

static inline flat flat_of(const snug_call *c)
{
    const snug_shape *s = &c->in[0].type.shape;
    int64_t n = snug_shape_elements(s);
    flat f = {.n = n, .leaf = n, .n_leaves = 1, .n_step = (double)n};
    if (snug_shape_has_batch(s)) {
        int64_t per_sample = snug_each_sample(c->step, n);
        f.leaf = c->step->leaf_samples * per_sample;
        f.n_leaves = c->step->leaves_here;
        f.n_step = (double)(c->step->n_step * per_sample);
    }
    f.leaf_chunks = (f.leaf + CHUNK - 1) / CHUNK;
    return f;
}

/* Chunks up to the end of the last leaf that has elements. */
static inline int64_t flat_chunks(const flat *f)
{
    if (f->leaf == 0) return 0; /* no elements at all */
    int64_t full = (f->n - 1) / f->leaf;
    return full * f->leaf_chunks + (f->n - full * f->leaf + CHUNK - 1) / CHUNK;
}

static inline double flat_chunk(const flat *f, int64_t chunk)
{
    int64_t leaf = chunk / f->leaf_chunks, begin = leaf * f->leaf;
    int64_t leaf_end = begin + f->leaf < f->n ? begin + f->leaf : f->n;
    begin += chunk % f->leaf_chunks * CHUNK;
    if (begin + CHUNK < leaf_end) leaf_end = begin + CHUNK;
    return (double)f->chunk(f->arg, begin, leaf_end);
}

static inline void flat_task(void *arg, int64_t task, int thread)
{
    const flat *f = arg;
    (void)thread;
    int64_t end = (task + 1) * TASK_CHUNKS, n = flat_chunks(f);
    for (int64_t i = task * TASK_CHUNKS; i < end && i < n; i++) f->partials[i] = flat_chunk(f, i);
}

static inline float flat_leaf(const flat *f, int64_t slot, int64_t n_chunks, double divisor)
{
    double sum = 0;
    int64_t end = (slot + 1) * f->leaf_chunks;
    for (int64_t i = slot * f->leaf_chunks; i < end && i < n_chunks; i++)
        sum += f->partials ? f->partials[i] : flat_chunk(f, i);
    return n_chunks > 0 ? (float)(sum / divisor) : 0;
}

/* The sum, each leaf's divided by `divisor`. */
static inline float flat_sum(const snug_call *c, flat *f, double divisor)
{
    int64_t n_chunks = flat_chunks(f), n_tasks = (n_chunks + TASK_CHUNKS - 1) / TASK_CHUNKS;
    if (n_tasks > 1 && c->scratch_bytes >= (size_t)n_chunks * sizeof(double)) {
        f->partials = c->scratch;
        snug_parallel(c->queue, n_tasks, flat_task, f);
    }
    float stack[SNUG_LEAF_DEPTH] = {0};
    int depth = 0;
    for (int64_t slot = 0; slot < f->n_leaves; slot++) {
        stack[depth++] = flat_leaf(f, slot, n_chunks, divisor);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            stack[depth - 2] += stack[depth - 1];
    }
    return stack[0];
}

/* Leaves begin chunks: one chunk a leaf more than the elements would fill. */
static inline size_t flat_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    const snug_shape *x = &s->in[0].shape;
    int64_t n = snug_shape_elements(x), leaves = snug_shape_has_batch(x) ? x->dim[0] : 1;
    if (n <= SPAN_STREAM) return 0;
    return (size_t)(n / CHUNK + (leaves < SNUG_MAX_LEAVES ? leaves : SNUG_MAX_LEAVES)) *
           sizeof(double);
}

#endif
