/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of values, in their own units: of several, the mean over them, each counting alike (as
 * scikit-learn has it). r2 = 1 - sum (y - p)^2 / sum (y - mean y)^2; a value that never changes has
 * none and takes no part in the mean. */
#include "train/metrics.h"
#include <math.h>

enum { VALUES = TALLY_LOSS + 1 };
/* Mean and sum of squared deviations of the true values: Welford 1962. */
enum { SUM_SQUARED, SUM_ABSOLUTE, SUM_MEAN, SUM_SPREAD, N_SUMS };

static snug_status create(snug_tally *t, const snug_data_info *info)
{
    t->n_classes = t->output_elements;
    t->class_names = info->value_names;
    return snug_tally_add_block(t, "snug.tally.values", SNUG_F64, t->n_classes, N_SUMS);
}

static void add_value(double *sum, int64_t nth, double truth, double guess)
{
    const double error = truth - guess, off = truth - sum[SUM_MEAN];
    sum[SUM_SQUARED] += error * error;
    sum[SUM_ABSOLUTE] += fabs(error);
    sum[SUM_MEAN] += off / (double)nth;
    sum[SUM_SPREAD] += off * (truth - sum[SUM_MEAN]);
}

static double add(snug_tally *t, const snug_tally_batch *b)
{
    const float *p = b->outputs, *y = b->y;
    for (int64_t i = 0; i < b->n; i++)
        for (int64_t v = 0; v < t->n_classes; v++)
            add_value(snug_tally_sums(t, VALUES) + v * N_SUMS, t->samples + i + 1, (double)*y++,
                      (double)*p++);
    return (double)b->n;
}

static double squared(const snug_tally *t, const double *sum)
{
    return sum[SUM_SQUARED] / (double)t->samples;
}

static double root(const snug_tally *t, const double *sum)
{
    return sqrt(squared(t, sum));
}

static double absolute(const snug_tally *t, const double *sum)
{
    return sum[SUM_ABSOLUTE] / (double)t->samples;
}

static double explained(const snug_tally *t, const double *sum)
{
    (void)t;
    return sum[SUM_SPREAD] > 0 ? 1.0 - sum[SUM_SQUARED] / sum[SUM_SPREAD] : (double)NAN;
}

/* Mean over the values for which `one` is a number. */
static double mean(const snug_tally *t, double (*one)(const snug_tally *t, const double *sum))
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t v = 0; v < t->n_classes && t->samples > 0; v++) {
        const double x = one(t, snug_tally_sums(t, VALUES) + v * N_SUMS);
        if (!isnan(x)) sum += x, n++;
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static double mse(const snug_tally *t)
{
    return mean(t, squared);
}

static double rmse(const snug_tally *t)
{
    return mean(t, root);
}

static double mae(const snug_tally *t)
{
    return mean(t, absolute);
}

static double r2(const snug_tally *t)
{
    return mean(t, explained);
}

const snug_tally_kind snug_tally_value = {
    .target = SNUG_TARGET_VALUE, .create = create, .add = add};

const snug_metric_info snug_metric_value_mse = {
    .name = "mse", .doc = "mean squared error", .target = SNUG_TARGET_VALUE, .value = mse};
const snug_metric_info snug_metric_value_rmse = {.name = "rmse",
                                                 .doc = "root of the mean squared error",
                                                 .target = SNUG_TARGET_VALUE,
                                                 .value = rmse};
const snug_metric_info snug_metric_value_mae = {
    .name = "mae", .doc = "mean absolute error", .target = SNUG_TARGET_VALUE, .value = mae};
const snug_metric_info snug_metric_value_r2 = {.name = "r2",
                                               .doc = "share of the variance that is explained",
                                               .target = SNUG_TARGET_VALUE,
                                               .value = r2};
