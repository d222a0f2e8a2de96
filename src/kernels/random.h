/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of base/rng.h in rows, many at a time: the same bits on every tier as one by one.
 */
#ifndef KERNELS_RANDOM_H
#define KERNELS_RANDOM_H

#include "base/rng.h"
#include <snug/context.h>

/* Elements of a tensor, two to a counter: element i has number i / 2 of (seed, purpose, key). */
typedef struct snug_random_row {
    uint64_t seed, key;
    snug_purpose purpose;
    int64_t begin, n; /* elements; begin is even */
    double width;
} snug_random_row;

typedef struct snug_random {
    /* row->width times standard normals */
    void (*normal)(const snug_random_row *row, double *to);
    /* uniform in [-row->width, row->width) */
    void (*uniform)(const snug_random_row *row, double *to);
    void (*to_float)(const double *from, int64_t n, float *to);
} snug_random;

/* NULL: this build has no such tier. */
const snug_random *snug_random_of(snug_tier tier);

#endif
