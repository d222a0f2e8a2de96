/* SPDX-License-Identifier: Apache-2.0 */
/* Which samples make the training, validation and test parts: by class, so that each part has every
 * class in proportion, and a function of seed and labels alone. */
#ifndef DATA_SPLIT_H
#define DATA_SPLIT_H

#include <snug/data.h>

/* One part. Sample i of it is record at[i] of a raw part, or record i itself; or a window, many
 * records that follow each other in time, which starts at first + i * step but no later than
 * `last`. */
typedef struct snug_index {
    int raw; /* snug_raw_part */
    int64_t n;
    uint32_t *at;             /* owned; NULL: identity, or windows */
    int64_t step;             /* 0: no windows */
    int64_t first, last, end; /* records of the part: [first, end) */
} snug_index;

static inline int64_t snug_index_at(const snug_index *x, int64_t i)
{
    if (x->at) return (int64_t)x->at[i];
    if (x->step == 0) return i;
    int64_t start = x->first + i * x->step;
    return start < x->last ? start : x->last;
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

/* What windows of records in time order look like. */
typedef struct snug_windows {
    int64_t context, ahead; /* records that are seen; records after them that are the truth */
    int64_t step;           /* of training: from one start to the next */
    /* Evaluation takes every truth once. Each record but the first may be a truth (text: the last
     * window moves back to fit), or only those `ahead` of a whole context (forecasts: the context
     * may reach back before the part). */
    bool every;
} snug_windows;

/* Windows of records [begin, end) of a raw part: to train on, or to be evaluated. */
snug_index snug_windows_train(const snug_windows *w, int raw, int64_t begin, int64_t end);
snug_index snug_windows_eval(const snug_windows *w, int raw, int64_t begin, int64_t end);

#endif
