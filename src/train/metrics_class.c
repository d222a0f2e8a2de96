/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of one class of several, from the probabilities.
 *
 * precision = TP / (TP + FP), recall = TP / (TP + FN), f1 = 2 TP / (2 TP + FP + FN), 0 where the
 * denominator is 0; the averages are over the classes that occur among the true or the predicted
 * ones (macro averages, as scikit-learn has them). Areas under curves are of each class against the
 * rest, averaged over the classes that can be judged; of two classes, those of the second one.
 * Calibration error: sum over bins of the winner's probability of |accuracy - mean probability|,
 * weighted by the samples of the bin (Guo et al. 2017).
 */
#include "train/metrics.h"
#include <math.h>
#include <stddef.h>

enum { CONFUSION = TALLY_LOSS + 1, TOP, BINS };
enum { BIN_SAMPLES, BIN_RIGHT, BIN_PROBABILITY, N_BIN_SUMS };

static int64_t columns(const snug_data_info *info)
{
    return info->n_classes;
}

static snug_status create(snug_tally *t, const snug_data_info *info)
{
    const int64_t n = t->n_classes = info->n_classes;
    TRY(snug_tally_add_classes(t, info));
    TRY(snug_tally_add_block(t, "snug.tally.confusion", SNUG_I64, n, n));
    TRY(snug_tally_add_block(t, "snug.tally.top_5", SNUG_I64, 1, 1));
    TRY(snug_tally_add_block(t, "snug.tally.bins", SNUG_F64, SNUG_ECE_BINS, N_BIN_SUMS));
    t->confusion = snug_tally_counts(t, CONFUSION);
    return SNUG_OK;
}

static void add_calibration(const snug_tally *t, double probability, bool right)
{
    int bin = (int)ceil(probability * SNUG_ECE_BINS) - 1;
    bin = bin < 0 ? 0 : bin >= SNUG_ECE_BINS ? SNUG_ECE_BINS - 1 : bin;
    double *sum = snug_tally_sums(t, BINS) + (ptrdiff_t)bin * N_BIN_SUMS;
    sum[BIN_SAMPLES] += 1;
    sum[BIN_RIGHT] += right;
    sum[BIN_PROBABILITY] += probability;
}

/* p: the classes' probabilities of sample number `sample`. */
static void add_sample(snug_tally *t, int64_t sample, const float *p, int32_t truth)
{
    const int64_t n = t->n_classes;
    int64_t best = 0, ahead = 0; /* of equals the first counts */
    for (int64_t k = 1; k < n; k++)
        if (p[k] > p[best]) best = k;
    for (int64_t k = 0; t->scores && k < n; k++)
        snug_scores_put(t->scores, k, sample, p[k], k == truth);
    if (truth < 0 || truth >= n) return;
    for (int64_t k = 0; k < n; k++) ahead += p[k] > p[truth] || (p[k] == p[truth] && k < truth);
    snug_tally_counts(t, CONFUSION)[truth * n + best]++;
    snug_tally_counts(t, TOP)[0] += ahead < SNUG_TOP;
    if (isfinite(p[best])) add_calibration(t, (double)p[best], best == truth);
}

static double add(snug_tally *t, const snug_tally_batch *b)
{
    const float *p = b->outputs;
    const int32_t *y = b->y;
    for (int64_t i = 0; i < b->n; i++, p += t->n_classes) add_sample(t, t->samples + i, p, y[i]);
    return (double)b->n;
}

static bool sound(const snug_tally *t)
{
    int64_t left = t->samples;
    for (int64_t i = 0; i < t->n_classes * t->n_classes; i++) {
        if (t->confusion[i] < 0 || t->confusion[i] > left) return false;
        left -= t->confusion[i];
    }
    const int64_t top = snug_tally_counts(t, TOP)[0];
    return top >= 0 && top <= t->samples;
}

static void finish(snug_tally *t)
{
    const int64_t n = t->n_classes;
    for (int64_t c = 0; c < n; c++) {
        int64_t truth = 0, guessed = 0, right = t->confusion[c * n + c];
        for (int64_t k = 0; k < n; k++) {
            truth += t->confusion[c * n + k];
            guessed += t->confusion[k * n + c];
        }
        t->by_class[c] = (snug_class_metrics){.precision = snug_tally_ratio(right, guessed),
                                              .recall = snug_tally_ratio(right, truth),
                                              .f1 = snug_tally_ratio(2 * right, truth + guessed),
                                              .support = truth,
                                              .predicted = guessed};
    }
    snug_tally_fill_areas(t);
}

/* Mean of a field of by_class over the classes that occur. */
static double occurring(const snug_tally *t, size_t field)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t c = 0; c < t->n_classes; c++) {
        if (t->by_class[c].support + t->by_class[c].predicted == 0) continue;
        sum += *(const double *)((const char *)&t->by_class[c] + field);
        n++;
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

static double of_samples(const snug_tally *t, int64_t count)
{
    return t->samples > 0 ? (double)count / (double)t->samples : (double)NAN;
}

static double accuracy(const snug_tally *t)
{
    int64_t right = 0;
    for (int64_t c = 0; c < t->n_classes; c++) right += t->confusion[c * t->n_classes + c];
    return of_samples(t, right);
}

static double top_5(const snug_tally *t)
{
    return of_samples(t, snug_tally_counts(t, TOP)[0]);
}

/* Else every class is among them. */
static bool more_than_five(const snug_tally *t)
{
    return t->n_classes > SNUG_TOP;
}

static double precision(const snug_tally *t)
{
    return occurring(t, offsetof(snug_class_metrics, precision));
}

static double recall(const snug_tally *t)
{
    return occurring(t, offsetof(snug_class_metrics, recall));
}

static double f1(const snug_tally *t)
{
    return occurring(t, offsetof(snug_class_metrics, f1));
}

static double auc(const snug_tally *t)
{
    if (t->n_classes == 2) return t->by_class[1].auc;
    return snug_tally_macro(t, offsetof(snug_class_metrics, auc));
}

static double auc_pr(const snug_tally *t)
{
    if (t->n_classes == 2) return t->by_class[1].auc_pr;
    return snug_tally_macro(t, offsetof(snug_class_metrics, auc_pr));
}

static double calibration_error(const snug_tally *t)
{
    double samples = 0, off = 0;
    const double *bin = snug_tally_sums(t, BINS);
    for (int b = 0; b < SNUG_ECE_BINS; b++, bin += N_BIN_SUMS) {
        samples += bin[BIN_SAMPLES];
        off += fabs(bin[BIN_RIGHT] - bin[BIN_PROBABILITY]);
    }
    return samples > 0 ? off / samples : (double)NAN;
}

const snug_tally_kind snug_tally_class = {.target = SNUG_TARGET_CLASS,
                                          .columns = columns,
                                          .create = create,
                                          .add = add,
                                          .sound = sound,
                                          .finish = finish};

const snug_metric_info snug_metric_class_accuracy = {.name = "accuracy",
                                                     .doc = "share of samples classified rightly",
                                                     .target = SNUG_TARGET_CLASS,
                                                     .share = true,
                                                     .value = accuracy};
const snug_metric_info snug_metric_class_top_5 = {
    .name = "top_5",
    .doc = "share of samples whose class is among the five most probable",
    .target = SNUG_TARGET_CLASS,
    .share = true,
    .value = top_5,
    .applies = more_than_five};
const snug_metric_info snug_metric_class_precision = {.name = "precision",
                                                      .doc = "TP / (TP + FP), mean over classes",
                                                      .target = SNUG_TARGET_CLASS,
                                                      .share = true,
                                                      .value = precision};
const snug_metric_info snug_metric_class_recall = {.name = "recall",
                                                   .doc = "TP / (TP + FN), mean over classes",
                                                   .target = SNUG_TARGET_CLASS,
                                                   .share = true,
                                                   .value = recall};
const snug_metric_info snug_metric_class_f1 = {
    .name = "f1",
    .doc = "harmonic mean of precision and recall, mean over classes",
    .target = SNUG_TARGET_CLASS,
    .share = true,
    .value = f1};
const snug_metric_info snug_metric_class_auc = {
    .name = "auc",
    .doc = "area under the ROC curve, each class against the rest, mean over classes",
    .target = SNUG_TARGET_CLASS,
    .scored = true,
    .value = auc};
const snug_metric_info snug_metric_class_auc_pr = {
    .name = "auc_pr",
    .doc = "average precision, each class against the rest, mean over classes",
    .target = SNUG_TARGET_CLASS,
    .scored = true,
    .value = auc_pr};
const snug_metric_info snug_metric_class_calibration_error = {
    .name = "calibration_error",
    .doc = "how far the winner's probability is from being right so often, in 15 bins",
    .target = SNUG_TARGET_CLASS,
    .value = calibration_error};
