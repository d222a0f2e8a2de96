/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of models that learn to make their samples again. A sample's score is the mean squared
 * error of its reconstruction, and it counts as an anomaly above a threshold, which training
 * chooses (train/threshold.c). precision, recall and f1 are those of the anomalies; they, the
 * accuracy and the areas need samples that are known to be anomalies. */
#include "train/metrics.h"
#include <math.h>

enum { ERROR = TALLY_LOSS + 1, FOUND };
enum { ACCURACY, PRECISION, RECALL, F1, ROC, AVERAGE_PRECISION, N_FOUND };
#define UNKNOWN (-1.0) /* all of them are rates */

static int64_t columns(const snug_data_info *info)
{
    (void)info;
    return 1;
}

static snug_status create(snug_tally *t, const snug_data_info *info)
{
    (void)info;
    TRY(snug_tally_add_block(t, "snug.tally.error", SNUG_F64, 1, 1));
    return snug_tally_add_block(t, "snug.tally.found", SNUG_F64, 1, N_FOUND);
}

double snug_anomaly_score(int64_t n, const float *x, const float *made)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double off = (double)x[i] - (double)made[i];
        sum += off * off;
    }
    return sum / (double)n;
}

static double add(snug_tally *t, const snug_tally_batch *b)
{
    const int64_t each = t->sample_elements;
    const float *x = b->x, *made = b->outputs;
    const int32_t *y = b->y;
    for (int64_t i = 0; i < b->n; i++, x += each, made += each) {
        const double score = snug_anomaly_score(each, x, made);
        snug_tally_sums(t, ERROR)[0] += score;
        if (t->scores) snug_scores_put(t->scores, 0, t->samples + i, (float)score, y[i] > 0);
    }
    return (double)b->n;
}

static void finish(snug_tally *t)
{
    double *found = snug_tally_sums(t, FOUND);
    for (int i = 0; i < N_FOUND; i++) found[i] = UNKNOWN;
    if (!t->scores) return;
    const snug_above a = snug_scores_above(t->scores, 0, t->samples, (float)t->threshold);
    const snug_areas areas = snug_scores_areas(t->scores, 0, t->samples);
    found[ROC] = isnan(areas.roc) ? UNKNOWN : areas.roc;
    found[AVERAGE_PRECISION] = isnan(areas.precision) ? UNKNOWN : areas.precision;
    if (isnan(t->threshold) || a.all_positives == 0) return;
    const int64_t right = a.positives + a.all_negatives - a.negatives;
    found[ACCURACY] = snug_tally_ratio(right, t->samples);
    found[PRECISION] = snug_tally_ratio(a.positives, a.positives + a.negatives);
    found[RECALL] = snug_tally_ratio(a.positives, a.all_positives);
    found[F1] = snug_tally_ratio(2 * a.positives, a.positives + a.negatives + a.all_positives);
}

static double mse(const snug_tally *t)
{
    return t->samples > 0 ? snug_tally_sums(t, ERROR)[0] / (double)t->samples : (double)NAN;
}

static double threshold(const snug_tally *t)
{
    return t->threshold;
}

static bool has_threshold(const snug_tally *t)
{
    return !isnan(t->threshold);
}

static bool has_anomalies(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[ROC] >= 0;
}

static bool can_find(const snug_tally *t)
{
    return has_anomalies(t) && has_threshold(t);
}

static double accuracy(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[ACCURACY];
}

static double precision(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[PRECISION];
}

static double recall(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[RECALL];
}

static double f1(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[F1];
}

static double auc(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[ROC];
}

static double auc_pr(const snug_tally *t)
{
    return snug_tally_sums(t, FOUND)[AVERAGE_PRECISION];
}

const snug_tally_kind snug_tally_self = {
    .target = SNUG_TARGET_SELF, .columns = columns, .create = create, .add = add, .finish = finish};

const snug_metric_info snug_metric_self_mse = {.name = "mse",
                                               .doc = "mean squared error of the reconstruction",
                                               .target = SNUG_TARGET_SELF,
                                               .value = mse};
const snug_metric_info snug_metric_self_threshold = {
    .name = "threshold",
    .doc = "the error above which a sample counts as an anomaly",
    .target = SNUG_TARGET_SELF,
    .value = threshold,
    .applies = has_threshold};
const snug_metric_info snug_metric_self_accuracy = {
    .name = "accuracy",
    .doc = "share of samples that are rightly called anomalies or not",
    .target = SNUG_TARGET_SELF,
    .share = true,
    .scored = true,
    .value = accuracy,
    .applies = can_find};
const snug_metric_info snug_metric_self_precision = {
    .name = "precision",
    .doc = "share of what is called an anomaly that is one",
    .target = SNUG_TARGET_SELF,
    .share = true,
    .scored = true,
    .value = precision,
    .applies = can_find};
const snug_metric_info snug_metric_self_recall = {.name = "recall",
                                                  .doc = "share of the anomalies that are found",
                                                  .target = SNUG_TARGET_SELF,
                                                  .share = true,
                                                  .scored = true,
                                                  .value = recall,
                                                  .applies = can_find};
const snug_metric_info snug_metric_self_f1 = {
    .name = "f1",
    .doc = "harmonic mean of precision and recall of the anomalies",
    .target = SNUG_TARGET_SELF,
    .share = true,
    .scored = true,
    .value = f1,
    .applies = can_find};
const snug_metric_info snug_metric_self_auc = {.name = "auc",
                                               .doc = "area under the ROC curve of the scores",
                                               .target = SNUG_TARGET_SELF,
                                               .scored = true,
                                               .value = auc,
                                               .applies = has_anomalies};
const snug_metric_info snug_metric_self_auc_pr = {.name = "auc_pr",
                                                  .doc = "average precision of the scores",
                                                  .target = SNUG_TARGET_SELF,
                                                  .scored = true,
                                                  .value = auc_pr,
                                                  .applies = has_anomalies};
