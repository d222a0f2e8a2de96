/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy's broadcasting: shapes are aligned at their last axes, an axis of length 1 or one that an
 * input lacks is repeated. A batch axis stands first, and meets the batch or nothing: it is never
 * repeated, since how long it is differs from call to call. */
#ifndef OPS_BROADCAST_H
#define OPS_BROADCAST_H

#include "ops/rules.h"

enum { BROADCAST_MAX_IN = 3 };

/* The shape of all inputs together. */
snug_status snug_infer_broadcast(const snug_infer *f, snug_shape *out) SNUG_MUST_USE;
/* Axis rule: an axis of the output follows those of the inputs that are as long. */
int snug_axes_broadcast(const snug_sig *s, snug_axis_use *u);
/* din[i] = d, which has the output's shape, summed over the axes along which input i was repeated.
 */
snug_status snug_grad_broadcast(snug_grad *g, int i, snug_value *d) SNUG_MUST_USE;

/* How the elements of a call's inputs lie along its output: neighbouring axes that all inputs treat
 * alike are one, outermost first; along axis d, input i moves by step[i][d] elements, 0 where it is
 * repeated. */
typedef struct snug_broadcast {
    int n_dims, n_in;
    int64_t dim[SNUG_MAX_DIMS], step[BROADCAST_MAX_IN][SNUG_MAX_DIMS];
} snug_broadcast;

void snug_broadcast_of(const snug_call *c, snug_broadcast *b);

/* The element of input `in` that belongs to element i of the output. */
static inline int64_t snug_broadcast_at(const snug_broadcast *b, int in, int64_t i)
{
    int64_t at = 0;
    for (int d = b->n_dims - 1; d >= 0; d--) {
        at += i % b->dim[d] * b->step[in][d];
        i /= b->dim[d];
    }
    return at;
}

#endif
