/* SPDX-License-Identifier: Apache-2.0 */
/* What reductions over any set of axes share: the set as a bit mask, output shapes, and walks over
 * the group of elements that makes one output element. */
#ifndef OPS_REDUCE_H
#define OPS_REDUCE_H

#include "ops/rules.h"

#define REDUCE_ATTRS                                                                               \
    ATTR_INT(snug_reduce_attrs, axes, 0, (1 << SNUG_MAX_DIMS) - 1, 0,                              \
             "bit mask of the axes, 0: all"),                                                      \
        ATTR_BOOL(snug_reduce_attrs, keep_dims, "reduced axes stay, with length 1")

/* Whether axis d is reduced. */
static inline bool snug_reduces(const snug_reduce_attrs *a, int d)
{
    return a->axes == 0 || (a->axes >> d & 1);
}

/* Elements of one group: the reduced axes of x, without axis 0 where that is the batch and reduced
 * too; then `batch_step` elements lie between samples' rows. */
typedef struct snug_group {
    int n_dims;
    int64_t dim[SNUG_MAX_DIMS], step[SNUG_MAX_DIMS], n;
    int64_t batch_step; /* 0: the batch is not reduced */
} snug_group;

/* The shape that x has after the reduction. */
snug_shape snug_reduced_shape(const snug_reduce_attrs *a, const snug_shape *x);
/* The mask names axes of input i. */
snug_status snug_infer_reduce(const snug_infer *f, int i, snug_shape *out) SNUG_MUST_USE;
/* The same, and samples are not reduced: `what` cannot be made of parts of a batch. */
snug_status snug_infer_within(const snug_infer *f, int i, const char *what,
                              snug_shape *out) SNUG_MUST_USE;
/* How kept axes follow to output 0: from x to the reduction; in a gradient, from an input shaped
 * like the reduction or like x to dx. */
enum { REDUCE_FORTH, REDUCE_BACK_Y, REDUCE_BACK_X };
int snug_reduce_uses(const snug_sig *s, const snug_shape *x, snug_axis_use *u, int n, int in,
                     int how);
snug_group snug_group_of(const snug_reduce_attrs *a, const snug_shape *x);
/* The first element of the group of output element o. */
int64_t snug_group_first(const snug_reduce_attrs *a, const snug_shape *x, int64_t o);

/* How far element k of a group is from its first one. */
static inline int64_t snug_group_at(const snug_group *g, int64_t k)
{
    int64_t at = 0;
    for (int d = g->n_dims - 1; d >= 0; d--) at += k % g->dim[d] * g->step[d], k /= g->dim[d];
    return at;
}

#endif
