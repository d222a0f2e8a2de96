/* SPDX-License-Identifier: Apache-2.0 */
/* Which elements dropout keeps: a function of seed, step, key and the element's position in the
 * step's whole batch, so that micro-batches, threads and ranks do not matter.
 *
 * position = (first_here + sample) * elements a sample + element within the sample; without a batch
 * axis, the element's number. Four consecutive positions share one call of Philox4x32-10:
 *     seed = step->seed, purpose = RNG_DROPOUT, a = key, b = step->step * 2^32 + position / 4,
 * and word position % 4 of its result decides: the element is kept when the word is at least
 * rate * 2^32. Kept elements are multiplied by 1 / (1 - rate), the others become 0. */
#ifndef OPS_DROPOUT_MASK_H
#define OPS_DROPOUT_MASK_H

#include "base/rng.h"
#include "ops/rules.h"

typedef struct dropout_mask {
    uint64_t seed, key, step;
    int64_t first; /* position of the call's element 0 */
    uint32_t threshold;
    double scale;
} dropout_mask;

static inline dropout_mask dropout_mask_of(const snug_call *c)
{
    const snug_dropout_attrs *a = c->attrs;
    const snug_shape *s = &c->in[0].type.shape;
    dropout_mask m = {.seed = c->step->seed,
                      .key = (uint64_t)a->key,
                      .step = c->step->step,
                      .threshold = (uint32_t)(a->rate * 0x1p32),
                      .scale = 1 / (1 - a->rate)};
    if (snug_shape_has_batch(s))
        m.first = snug_each_sample(c->step, snug_shape_elements(s)) * c->step->first_here;
    return m;
}

/* The words of positions 4 * group .. 4 * group + 3. */
static inline void dropout_words(const dropout_mask *m, int64_t group, uint32_t words[4])
{
    snug_rng(m->seed, RNG_DROPOUT, m->key, (m->step << 32) + (uint64_t)group, words);
}

#endif
