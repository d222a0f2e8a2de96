/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of samples to which any number of labels may apply. A label is predicted where its
 * probability is above one half. Averages are over all labels (macro averages, as scikit-learn has
 * them for indicators); areas under curves over those that can be judged. */
#include "train/metrics.h"
#include <math.h>
#include <stddef.h>

enum { COUNTS = TALLY_LOSS + 1, WHOLE };
enum { TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, N_COUNTS };

static int64_t columns(const snug_data_info *info)
{
    return snug_shape_elements(&info->outputs);
}

static snug_status create(snug_tally *t, const snug_data_info *info)
{
    t->n_classes = t->output_elements;
    TRY(snug_tally_add_classes(t, info));
    TRY(snug_tally_add_block(t, "snug.tally.labels", SNUG_I64, t->n_classes, N_COUNTS));
    return snug_tally_add_block(t, "snug.tally.whole", SNUG_I64, 1, 1);
}

static void add_sample(snug_tally *t, int64_t sample, const float *p, const float *y)
{
    bool whole = true;
    for (int64_t l = 0; l < t->n_classes; l++) {
        const bool truth = y[l] > 0.5f, guess = p[l] > 0.5f;
        int64_t *count = snug_tally_counts(t, COUNTS) + l * N_COUNTS;
        count[TRUE_POSITIVE] += truth && guess;
        count[FALSE_POSITIVE] += !truth && guess;
        count[FALSE_NEGATIVE] += truth && !guess;
        whole = whole && truth == guess;
        if (t->scores) snug_scores_put(t->scores, l, sample, p[l], truth);
    }
    snug_tally_counts(t, WHOLE)[0] += whole;
}

static double add(snug_tally *t, const snug_tally_batch *b)
{
    const float *p = b->outputs, *y = b->y;
    for (int64_t i = 0; i < b->n; i++, p += t->n_classes, y += t->n_classes)
        add_sample(t, t->samples + i, p, y);
    return (double)b->n;
}

static bool sound(const snug_tally *t)
{
    for (int64_t l = 0; l < t->n_classes; l++) {
        const int64_t *count = snug_tally_counts(t, COUNTS) + l * N_COUNTS;
        int64_t left = t->samples;
        for (int k = 0; k < N_COUNTS; k++) {
            if (count[k] < 0 || count[k] > left) return false;
            left -= count[k];
        }
    }
    const int64_t whole = snug_tally_counts(t, WHOLE)[0];
    return whole >= 0 && whole <= t->samples;
}

static void finish(snug_tally *t)
{
    for (int64_t l = 0; l < t->n_classes; l++) {
        const int64_t *count = snug_tally_counts(t, COUNTS) + l * N_COUNTS;
        const int64_t right = count[TRUE_POSITIVE], guessed = right + count[FALSE_POSITIVE];
        const int64_t truth = right + count[FALSE_NEGATIVE];
        t->by_class[l] = (snug_class_metrics){.precision = snug_tally_ratio(right, guessed),
                                              .recall = snug_tally_ratio(right, truth),
                                              .f1 = snug_tally_ratio(2 * right, truth + guessed),
                                              .support = truth,
                                              .predicted = guessed};
    }
    snug_tally_fill_areas(t);
}

static double mean(const snug_tally *t, size_t field)
{
    return t->samples > 0 ? snug_tally_macro(t, field) : (double)NAN;
}

static double accuracy(const snug_tally *t)
{
    return t->samples > 0 ? (double)snug_tally_counts(t, WHOLE)[0] / (double)t->samples
                          : (double)NAN;
}

static double hamming(const snug_tally *t)
{
    int64_t wrong = 0;
    for (int64_t l = 0; l < t->n_classes; l++) {
        const int64_t *count = snug_tally_counts(t, COUNTS) + l * N_COUNTS;
        wrong += count[FALSE_POSITIVE] + count[FALSE_NEGATIVE];
    }
    return t->samples > 0 ? (double)wrong / ((double)t->samples * (double)t->n_classes)
                          : (double)NAN;
}

static double precision(const snug_tally *t)
{
    return mean(t, offsetof(snug_class_metrics, precision));
}

static double recall(const snug_tally *t)
{
    return mean(t, offsetof(snug_class_metrics, recall));
}

static double f1(const snug_tally *t)
{
    return mean(t, offsetof(snug_class_metrics, f1));
}

static double auc(const snug_tally *t)
{
    return mean(t, offsetof(snug_class_metrics, auc));
}

static double auc_pr(const snug_tally *t)
{
    return mean(t, offsetof(snug_class_metrics, auc_pr));
}

const snug_tally_kind snug_tally_labels = {.target = SNUG_TARGET_LABELS,
                                           .columns = columns,
                                           .create = create,
                                           .add = add,
                                           .sound = sound,
                                           .finish = finish};

const snug_metric_info snug_metric_labels_accuracy = {
    .name = "accuracy",
    .doc = "labels: share of samples of which every label is right",
    .target = SNUG_TARGET_LABELS,
    .share = true,
    .value = accuracy};
const snug_metric_info snug_metric_labels_hamming = {.name = "hamming",
                                                     .doc =
                                                         "labels: share of labels that are wrong",
                                                     .target = SNUG_TARGET_LABELS,
                                                     .share = true,
                                                     .value = hamming};
const snug_metric_info snug_metric_labels_precision = {.name = "precision",
                                                       .doc = "TP / (TP + FP), mean over labels",
                                                       .target = SNUG_TARGET_LABELS,
                                                       .share = true,
                                                       .value = precision};
const snug_metric_info snug_metric_labels_recall = {.name = "recall",
                                                    .doc = "TP / (TP + FN), mean over labels",
                                                    .target = SNUG_TARGET_LABELS,
                                                    .share = true,
                                                    .value = recall};
const snug_metric_info snug_metric_labels_f1 = {
    .name = "f1",
    .doc = "harmonic mean of precision and recall, mean over labels",
    .target = SNUG_TARGET_LABELS,
    .share = true,
    .value = f1};
const snug_metric_info snug_metric_labels_auc = {.name = "auc",
                                                 .doc =
                                                     "area under the ROC curve, mean over labels",
                                                 .target = SNUG_TARGET_LABELS,
                                                 .scored = true,
                                                 .value = auc};
const snug_metric_info snug_metric_labels_auc_pr = {.name = "auc_pr",
                                                    .doc = "average precision, mean over labels",
                                                    .target = SNUG_TARGET_LABELS,
                                                    .scored = true,
                                                    .value = auc_pr};
