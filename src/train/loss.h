/* SPDX-License-Identifier: Apache-2.0 */
/* Losses: what training makes small, one row each. A loss serves kinds of targets; "auto" is the
 * first row of losses.def that serves the data's. */
#ifndef TRAIN_LOSS_H
#define TRAIN_LOSS_H

#include "train/task.h"

#define SNUG_SERVES(id) (1u << SNUG_TARGET_##id)

typedef struct snug_loss {
    const char *name, *doc;
    uint32_t targets; /* SNUG_SERVES(..) of each */
    /* The mean over the batch. prediction and truth are what the task makes comparable. *outputs
     * receives the task's outputs where the loss makes them by the way (it may be NULL). */
    snug_value *(*build)(const snug_head *h, snug_value *prediction, snug_value *truth,
                         snug_value **outputs);
} snug_loss;

const snug_loss *snug_loss_get(int64_t i); /* NULL past the end */
/* By name; NULL: there is none. */
const snug_loss *snug_loss_find(const char *name);
/* The loss that a recipe asks for, or SNUG_EINVAL, saying which losses serve the target. */
snug_status snug_loss_choose(const snug_recipe *r, snug_target_kind target,
                             const snug_loss **out) SNUG_MUST_USE;
/* Build what h->model asks for. */
snug_value *snug_loss_build(const snug_head *h, snug_value *prediction, snug_value *truth,
                            snug_value **outputs);

#endif
