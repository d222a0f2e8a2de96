/* SPDX-License-Identifier: Apache-2.0 */
/* Lion: every step of one size. */
#include "train/optimizer.h"

static const snug_optimizer_key keys[] = {{"train.learning_rate", "0.0003"},
                                          {"train.beta1", NULL},
                                          {"train.beta2", "0.99"},
                                          {"train.weight_decay", NULL},
                                          {0}};

const snug_optimizer snug_optimizer_lion = {
    .name = "lion",
    .doc = "the sign of a mean of gradients, with decoupled weight decay (Chen et al. 2023)",
    .keys = keys,
    .update = "lion_update",
    .state = {{.name = "lion_m"}},
    .attrs = {.decoupled = 1},
};
