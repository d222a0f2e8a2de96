/* SPDX-License-Identifier: Apache-2.0 */
/* Any number of labels: a probability each, by sigmoid. */
#include "train/loss.h"

static snug_status build(const snug_head *h, snug_value **outputs, snug_value **loss)
{
    snug_value *logits = h->result;
    if (h->y) *loss = snug_loss_build(h, logits, h->y, NULL);
    *outputs = snug_apply_named(h->graph, "sigmoid", NULL, 1, &logits);
    return SNUG_OK;
}

const snug_task snug_task_labels = {.target = SNUG_TARGET_LABELS, .build = build};
