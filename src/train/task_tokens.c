/* SPDX-License-Identifier: Apache-2.0 */
/* The token that follows, at each place of a text. Logits of a whole batch are the largest tensor
 * of a language model: only a prediction keeps them, an evaluation the likeliest token, and a step
 * of training neither. */
#include "train/loss.h"

static snug_status build(const snug_head *h, snug_value **outputs, snug_value **loss)
{
    snug_value *logits = h->result;
    if (h->y) *loss = snug_loss_build(h, logits, h->y, NULL);
    if (h->training) return SNUG_OK;
    *outputs = h->y ? snug_apply_named(h->graph, "argmax", "axis=-1", 1, &logits) : logits;
    return SNUG_OK;
}

const snug_task snug_task_tokens = {.target = SNUG_TARGET_TOKENS, .build = build};
