/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels of batch normalisation share: norm.c has the whole operators, norm_parts.c those of
 * one sample after the other. */
#ifndef KERNELS_CPU_NORM_H
#define KERNELS_CPU_NORM_H

#include "kernels/cpu/activate.h"
#include "kernels/cpu/columns.h"

/* Vectors over the wide row, at the head of a call's scratch. */
typedef struct norm_params {
    float *mean, *scale, *beta;
    float *slope, *shift; /* gradient: dx = scale * dy + slope * (x - mean) + shift */
} norm_params;

enum { FORWARD_PARAMS = 3, GRAD_PARAMS = 5 };

/* Rows of a map, from their first. */
typedef struct norm_rows {
    const float *x, *dy;
    norm_params p;
    float *out; /* y or dx */
    int64_t act;
} norm_rows;

/* What follows from the mean and variance of n_rows rows. Outputs: mean, inv_std, running mean and
 * variance; those that nobody wants have data NULL. */
typedef struct norm_outcome {
    const snug_tensor *running, *out; /* the two old ones; all four */
    double n_rows, momentum, epsilon;
} norm_outcome;

/* What follows from sums of dy and dy (x - mean) over n_rows rows; any result may be NULL. */
typedef struct norm_turn {
    const float *gamma, *inv_std;
    float *dgamma, *dbeta, *slope, *shift;
    double n_rows;
} norm_turn;

#define norm_params_bytes     SNUG_TIER_SYMBOL(norm_params_bytes)
#define norm_forward_scratch  SNUG_TIER_SYMBOL(norm_forward_scratch)
#define norm_params_given     SNUG_TIER_SYMBOL(norm_params_given)
#define norm_repeat           SNUG_TIER_SYMBOL(norm_repeat)
#define norm_statistics       SNUG_TIER_SYMBOL(norm_statistics)
#define norm_merge_statistics SNUG_TIER_SYMBOL(norm_merge_statistics)
#define norm_conclude         SNUG_TIER_SYMBOL(norm_conclude)
#define norm_slope_sums       SNUG_TIER_SYMBOL(norm_slope_sums)
#define norm_conclude_slopes  SNUG_TIER_SYMBOL(norm_conclude_slopes)

/* A whole number of cache lines. */
size_t norm_params_bytes(const columns *l, int n_params);
/* The scratch of kernels that need mean, scale and beta of in[0]'s columns alone. */
size_t norm_forward_scratch(const snug_sig *s, int threads);
/* Mean, scale and beta in the call's scratch, from gamma, beta, mean and inv_std. */
norm_params norm_params_given(const snug_call *c, const columns *l, const snug_tensor in[4]);
void norm_repeat(const columns *l, const norm_params *p, int n_params);
/* Mean and sum of squared deviations of a block of the rows at x. */
void norm_statistics(const columns *l, const column_block *b, const float *x, float *const out[2]);
/* A column_job's merge of such. */
void norm_merge_statistics(column_state *a, const column_state *b, int64_t n_columns);
/* Columns [begin, end); inv_std takes the place of the variance. */
void norm_conclude(const norm_outcome *o, int64_t begin, int64_t end, const float *mean,
                   float *var);
/* Sums of dy and of dy (x - mean) over a block. */
void norm_slope_sums(const columns *l, const column_block *b, const norm_rows *k,
                     float *const out[2]);
void norm_conclude_slopes(const norm_turn *t, int64_t begin, int64_t end, const float *dy,
                          const float *dy_x);

#endif
