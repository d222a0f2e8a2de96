/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples make the training, validation and test parts: by class, so that each part has every
 * class in proportion, and a function of seed and labels alone. */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include <snug/data.h>

/* One part: sample i of it is sample at[i] of a raw part, or i itself. */
typedef struct snug_index {
    int raw; /* snug_raw_part */
    int64_t n;
    uint32_t *at; /* owned; NULL: identity */
} snug_index;

static inline int64_t snug_index_at(const snug_index *x, int64_t i)
{
    return x->at ? (int64_t)x->at[i] : i;
}

typedef struct snug_split {
    int64_t n; /* samples to share out */
    int n_classes;
    const int32_t *class_of; /* [n]; NULL: all are of class 0 */
    double validation;
    int64_t folds, fold, limit;
    uint64_t seed;
} snug_split;

/* Fill in training and validation, and with folds the test part; its index is left alone
 * otherwise. */
snug_status snug_split_make(const snug_split *s, snug_index part[SNUG_N_PARTS]) SNUG_MUST_USE;

#endif
