/* SPDX-License-Identifier: Apache-2.0 */
/* Stochastic gradient descent, plain and with momentum. */
#include "train/optimizer.h"

static const snug_optimizer_key plain[] = {
    {"train.learning_rate", "0.1"}, {"train.weight_decay", NULL}, {0}};
static const snug_optimizer_key with_momentum[] = {
    {"train.learning_rate", "0.02"}, {"train.momentum", NULL}, {"train.weight_decay", NULL}, {0}};

const snug_optimizer snug_optimizer_sgd = {
    .name = "sgd",
    .doc = "w -= lr g",
    .keys = plain,
    .update = "sgd_update",
};
const snug_optimizer snug_optimizer_momentum = {
    .name = "momentum",
    .doc = "m = momentum m + g, w -= lr m (Polyak 1964)",
    .keys = with_momentum,
    .update = "momentum_update",
    .state = {{.name = "momentum"}},
};
const snug_optimizer snug_optimizer_nesterov = {
    .name = "nesterov",
    .doc = "m = momentum m + g, w -= lr (g + momentum m) (Nesterov 1983)",
    .keys = with_momentum,
    .update = "momentum_update",
    .state = {{.name = "momentum"}},
    .attrs = {.nesterov = 1},
};
