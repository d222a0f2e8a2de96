/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing a token from a model's logits. */
#ifndef TRAIN_SAMPLE_H
#define TRAIN_SAMPLE_H

#include <stdint.h>

typedef struct snug_sampling {
    double temperature; /* 0: the likeliest; of equals the first */
    int64_t top_k;      /* 0: all */
    double top_p;       /* the fewest of the likeliest that reach this; 0 or 1: all */
    uint64_t seed;
} snug_sampling;

/* What is drawn depends on the logits, the sampling and the position alone. order [n] and weight
 * [n] are the caller's, to work in. */
int32_t snug_sample(const float *logits, int64_t n, const snug_sampling *s, uint64_t position,
                    int32_t *order, double *weight);
/* The probability of a token by softmax. */
double snug_sample_probability(const float *logits, int64_t n, int32_t token);

#endif
