/* SPDX-License-Identifier: Apache-2.0 */
/* Adam and those made from it. */
#include "train/optimizer.h"

static const snug_optimizer_key adam_keys[] = {
    {"train.learning_rate", NULL}, {"train.beta1", NULL},        {"train.beta2", NULL},
    {"train.epsilon", NULL},       {"train.weight_decay", NULL}, {0}};
static const snug_optimizer_key lamb_keys[] = {
    {"train.learning_rate", "0.01"}, {"train.beta1", NULL},        {"train.beta2", NULL},
    {"train.epsilon", "1e-6"},       {"train.weight_decay", NULL}, {0}};

const snug_optimizer snug_optimizer_adam = {
    .name = "adam",
    .doc = "Kingma and Ba 2015; weight decay is added to the gradient",
    .keys = adam_keys,
    .update = "adam_update",
    .state = {{.name = "adam_m"}, {.name = "adam_v"}},
};
const snug_optimizer snug_optimizer_adamw = {
    .name = "adamw",
    .doc = "Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
    .keys = adam_keys,
    .update = "adam_update",
    .state = {{.name = "adam_m"}, {.name = "adam_v"}},
    .attrs = {.decoupled = 1},
};
const snug_optimizer snug_optimizer_lamb = {
    .name = "lamb",
    .doc = "Adam's steps, each tensor's as long as the tensor itself, for large batches (You et "
           "al. 2020)",
    .keys = lamb_keys,
    .update = "lamb_update",
    .state = {{.name = "lamb_m"}, {.name = "lamb_v"}},
};
