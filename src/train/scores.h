/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of samples and the areas under the curves that they draw. A column has one score a sample,
 * which says how much of a positive the sample is, and whether it is one.
 *
 * Memory is fixed at creation. Where every score fits SNUG_SCORES_BYTES they are kept and sorted,
 * so that areas are exact; else each column is a histogram whose bins are fine near 0 and near 1
 * and scores of one bin count as equal. Positives and negatives are counted in whole numbers:
 * neither the order of the samples nor the machine changes a bit of an area.
 */
#ifndef TRAIN_SCORES_H
#define TRAIN_SCORES_H

#include "base/memory.h"
#include "base/status.h"

#define SNUG_SCORES_BYTES ((int64_t)1 << 20)

typedef struct snug_scores {
    int64_t n_columns, n_samples; /* samples that it can hold */
    uint32_t *key;                /* [column, sample]: a score's bits and its truth; or */
    uint32_t *count;              /* [column, bin]: negatives, positives */
    uint32_t *spare;              /* for sorting a column */
    int64_t n_bins;
    int shift; /* a score's bin is its order >> shift */
} snug_scores;

snug_status snug_scores_create(int64_t n_columns, int64_t n_samples,
                               snug_scores **out) SNUG_MUST_USE;
void snug_scores_destroy(snug_scores *s);
void snug_scores_reset(snug_scores *s);
/* Sample number `sample` of a column; the score is not negative. */
void snug_scores_put(snug_scores *s, int64_t column, int64_t sample, float score, bool positive);

/* What samples [0, n) of a column tell; NaN where positives or negatives are missing.
 *   roc: the chance that a positive scores above a negative, equal scores counting half
 *   precision: the sum over thresholds of (recall - the recall before) * precision, which is
 *   scikit-learn's average precision */
typedef struct snug_areas {
    double roc, precision;
} snug_areas;
snug_areas snug_scores_areas(snug_scores *s, int64_t column, int64_t n);

/* How many of samples [0, n) score above a threshold: negatives, positives; and all of them. */
typedef struct snug_above {
    int64_t negatives, positives, all_negatives, all_positives;
} snug_above;
snug_above snug_scores_above(snug_scores *s, int64_t column, int64_t n, float threshold);
/* The least score that at least this share of the negatives does not exceed; NaN without one. */
double snug_scores_quantile(snug_scores *s, int64_t column, int64_t n, double share);

#endif
