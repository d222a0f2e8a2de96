/* SPDX-License-Identifier: Apache-2.0 */
/* How reference kernels sum over samples (snug/leaves.h): one partial a leaf slot, in double and
 * then rounded to the output's type, combined by the tree with rounding at each merge. A tensor
 * without a batch axis is one leaf. */
#ifndef OPS_LEAF_SUM_H
#define OPS_LEAF_SUM_H

#include "ops/rules.h"
#include <snug/leaves.h>

static inline double leaf_round(snug_dtype dtype, double v)
{
    _Alignas(16) char element[16];
    const snug_dtype_info *info = snug_dtype_get(dtype);
    info->store(element, 0, v);
    return info->load(element, 0);
}

/* What is summed: rows of a tensor, and which leaf each belongs to. */
typedef struct leaf_rows {
    const snug_step *step; /* NULL: no batch axis, one leaf */
    int64_t n_rows, rows_per_sample;
} leaf_rows;

/* The first n_axes axes of a tensor, as rows. */
static inline leaf_rows leaf_rows_of(const snug_call *c, const snug_shape *s, int n_axes)
{
    leaf_rows r = {.n_rows = 1, .rows_per_sample = 1};
    for (int i = 0; i < n_axes; i++) r.n_rows *= s->dim[i];
    if (n_axes > 0 && snug_shape_has_batch(s)) {
        r.step = c->step;
        r.rows_per_sample = snug_each_sample(r.step, r.n_rows);
    }
    return r;
}

/* Rows that the whole step has: what a mean over the batch divides by. */
static inline double leaf_rows_step(const leaf_rows *r)
{
    return (double)(r->step ? r->step->n_step * r->rows_per_sample : r->n_rows);
}

/* The sum over rows [begin, end) for one output element, which `arg` tells. */
typedef double (*leaf_partial)(const void *arg, int64_t begin, int64_t end);

static inline double leaf_sum(const leaf_rows *r, snug_dtype dtype, leaf_partial partial,
                              const void *arg)
{
    if (!r->step) return leaf_round(dtype, partial(arg, 0, r->n_rows));
    double stack[SNUG_LEAF_DEPTH] = {0};
    int depth = 0;
    for (int64_t slot = 0; slot < r->step->leaves_here; slot++) {
        int64_t begin, end;
        snug_leaf_range(r->step, slot, &begin, &end);
        double sum = partial(arg, begin * r->rows_per_sample, end * r->rows_per_sample);
        stack[depth++] = leaf_round(dtype, sum);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            stack[depth - 2] = leaf_round(dtype, stack[depth - 2] + stack[depth - 1]);
    }
    return stack[0];
}

#endif
