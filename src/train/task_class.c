/* SPDX-License-Identifier: Apache-2.0 */
/* One of several classes: probabilities by softmax. */
#include "train/loss.h"

static snug_status build(const snug_head *h, snug_value **outputs, snug_value **loss)
{
    if (h->y) *loss = snug_loss_build(h, h->result, h->y, outputs);
    if (!*outputs) *outputs = snug_softmax(h->graph, h->result, -1);
    return SNUG_OK;
}

const snug_task snug_task_class = {.target = SNUG_TARGET_CLASS, .build = build};
