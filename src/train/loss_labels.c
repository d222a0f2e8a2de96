/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of labels, from logits: each label is a question of its own. */
#include "train/loss.h"

static snug_value *bce(const snug_head *h, snug_value *logits, snug_value *labels,
                       snug_value **outputs)
{
    (void)outputs;
    return snug_bce_with_logits(h->graph, logits, labels, NULL);
}

const snug_loss snug_loss_bce = {
    .name = "bce",
    .doc = "labels: cross entropy of each label on its own",
    .targets = SNUG_SERVES(LABELS),
    .build = bce,
};
