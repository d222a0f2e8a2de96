/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers: what is appended to a training graph after its gradients. One is a const descriptor
 * in a file of its family (optimizer_adam.c, ...) and a row in optimizers.def: the operator that
 * updates a parameter, the states that it keeps, the recipe's keys that it reads. */
#ifndef TRAIN_OPTIMIZER_H
#define TRAIN_OPTIMIZER_H

#include "ops/ops.h"
#include "train/recipe.h"

#define SNUG_OPTIMIZER_STATES 2

/* The input "hyper" that updates read: what changes from step to step. */
#define SNUG_HYPER       "hyper"
#define SNUG_HYPER_COUNT 4

/* A key of the recipe, and its value where the recipe does not give it. */
typedef struct snug_optimizer_key {
    const char *key, *usual; /* usual NULL: the recipe's own default */
} snug_optimizer_key;

/* Kept for each parameter as PARAM.NAME, zero at first. */
typedef struct snug_optimizer_state {
    const char *name;
    snug_shape (*shape)(const snug_shape *w); /* NULL: the parameter's */
} snug_optimizer_state;

typedef struct snug_optimizer {
    const char *name, *doc;
    const snug_optimizer_key *keys; /* ends with a NULL key */
    const char *update;             /* operator: (w, g, states..., hyper[, scale]) -> w', states' */
    snug_optimizer_state state[SNUG_OPTIMIZER_STATES]; /* the first without a name ends them */
    snug_update_attrs attrs; /* of the update, besides what the recipe says */
    /* Changes hyper of step number `step`, from 0, from { rate, 1 - beta1^(step + 1), likewise
     * beta2, 0 }; NULL: leaves it. */
    void (*hyper)(int64_t step, float hyper[SNUG_HYPER_COUNT]);
} snug_optimizer;

const snug_optimizer *snug_optimizer_get(int64_t i); /* NULL past the end */
int snug_optimizer_states(const snug_optimizer *o);  /* how many */

/* Write what the recipe's optimizer uses into keys that were not given. */
snug_status snug_optimizer_settle(snug_recipe *r) SNUG_MUST_USE;

/* Append gradients of `loss`, clipping and the update of every trainable parameter. */
snug_status snug_optimizer_append(snug_graph *g, const snug_recipe *r,
                                  snug_value *loss) SNUG_MUST_USE;
void snug_optimizer_hyper(const snug_recipe *r, int64_t step, double rate,
                          float hyper[SNUG_HYPER_COUNT]);

#endif
