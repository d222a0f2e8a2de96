/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: what is appended to a training graph after its gradients. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "ops/ops.h"
#include "train/recipe.h"

#define SNUG_OPTIMIZER_STATES 2

typedef struct snug_optimizer {
    const char *name, *doc;
    const char *update; /* operator: (w, g, states..., hyper[, scale]) -> w', states'... */
    int n_states;
    const char *state[SNUG_OPTIMIZER_STATES]; /* a parameter's state is named PARAM.STATE */
    bool decoupled;                           /* weight decay outside the gradient */
    bool nesterov;
} snug_optimizer;

const snug_optimizer *snug_optimizer_get(int64_t i); /* NULL past the end */

/* Append gradients of `loss`, clipping and the update of every trainable parameter. */
snug_status snug_optimizer_append(snug_graph *g, const snug_recipe *r,
                                  snug_value *loss) SNUG_MUST_USE;

/* The input "hyper" that updates read: what changes from step to step. */
#define SNUG_HYPER       "hyper"
#define SNUG_HYPER_COUNT 4
void snug_optimizer_hyper(const snug_recipe *r, int64_t step, double rate,
                          float hyper[SNUG_HYPER_COUNT]);

#endif
