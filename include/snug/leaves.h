/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves: how every reduction over samples gets the same bits at any number of threads,
 * micro-batches and workers.
 *
 * A step's batch is cut into leaf slots of leaf_samples consecutive samples. A reduction makes one
 * partial a slot, in a fixed order inside it, and combines partials by the binary tree over slot
 * numbers. Pushing slots in order on a stack does that, with one partial more than the tree is
 * deep:
 *
 *     for (int64_t slot = 0; slot < step->leaves_here; slot++) {
 *         snug_leaf_range(step, slot, &begin, &end);         // samples of this call, may be empty
 *         partial[depth++] = sum over [begin, end);
 *         for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
 *             partial[depth - 2] += partial[depth - 1];
 *     }
 *     result = partial[0];
 *
 * leaves_here is a power of two and micro-batches are aligned groups of slots, so the sums of
 * micro-batches are subtrees of the same tree.
 */
#ifndef SNUG_LEAVES_H
#define SNUG_LEAVES_H

#include <snug/op.h>

#define SNUG_MAX_LEAVES 1024
#define SNUG_LEAF_DEPTH 11 /* partials that a stack for SNUG_MAX_LEAVES slots needs */

/* How many merges follow the push of this slot: its trailing one bits. */
static inline int snug_leaf_merges(int64_t slot)
{
    int n = 0;
    while (slot & 1) n++, slot >>= 1;
    return n;
}

/* Samples [begin, end) of the call that belong to a slot of the call. */
static inline void snug_leaf_range(const snug_step *s, int64_t slot, int64_t *begin, int64_t *end)
{
    int64_t b = slot * s->leaf_samples, e = b + s->leaf_samples;
    *begin = b < s->n_here ? b : s->n_here;
    *end = e < s->n_here ? e : s->n_here;
}

/* Stack slots that a reduction over n slots needs. */
static inline int snug_leaf_depth(int64_t leaves)
{
    int depth = 1;
    while (leaves > 1) leaves >>= 1, depth++;
    return depth;
}

#endif
