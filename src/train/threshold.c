/* SPDX-License-Identifier: Apache-2.0 */
/* The threshold of anomalies: the quantile train.anomaly_quantile of the errors of samples that are
 * not known to be anomalies, of the validation part (or the training part, where there is none). */
#include "train/trainer.h"

snug_part snug_threshold_part(const snug_trainer *t)
{
    return t->info->n[SNUG_PART_VALIDATION] > 0 ? SNUG_PART_VALIDATION : SNUG_PART_TRAIN;
}

/* The training part once more, with the weights that are kept, for its scores alone. */
static snug_status score_training(snug_trainer *t)
{
    snug_tally *tally = t->tally[SNUG_PART_TRAIN];
    const snug_metrics kept = t->metrics[SNUG_PART_TRAIN];
    const bool had = t->has_metrics[SNUG_PART_TRAIN];
    tally->scores = t->scores;
    const snug_status s = snug_trainer_evaluate(t, SNUG_PART_TRAIN);
    tally->scores = NULL;
    t->metrics[SNUG_PART_TRAIN] = kept;
    t->has_metrics[SNUG_PART_TRAIN] = had;
    return s;
}

snug_status snug_threshold_choose(snug_trainer *t)
{
    if (t->info->target != SNUG_TARGET_SELF) return SNUG_OK;
    const snug_part part = snug_threshold_part(t);
    if (part == SNUG_PART_TRAIN) TRY(score_training(t));
    const double threshold = snug_scores_quantile(t->scores, 0, t->tally[part]->samples,
                                                  t->recipe->train.anomaly_quantile);
    t->model.threshold = threshold;
    for (int p = 0; p < SNUG_N_PARTS; p++) t->tally[p]->threshold = threshold;
    if (part == SNUG_PART_VALIDATION)
        snug_tally_metrics(t->tally[part], t->metrics[part].seconds, &t->metrics[part]);
    return snug_trainer_event(t, "threshold", threshold, NULL);
}
