/* SPDX-License-Identifier: Apache-2.0 */
/* One of several classes, of a sample or of each of its places (the token that follows):
 * probabilities by softmax, loss by cross entropy. */
#include "train/task.h"

static void build(const snug_head *h, snug_value **outputs, snug_value **loss)
{
    snug_value *logits = h->result;
    if (h->y)
        *loss = snug_softmax_cross_entropy(h->graph, logits, h->y, outputs);
    else
        *outputs = snug_apply(h->graph, snug_graph_find_op(h->graph, "softmax"), "softmax", NULL, 1,
                              &logits);
}

const snug_task snug_task_class = {.target = SNUG_TARGET_CLASS, .build = build};
const snug_task snug_task_tokens = {.target = SNUG_TARGET_TOKENS, .build = build};
