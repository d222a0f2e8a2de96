/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of numbers: values in units of their deviation, and reconstructions. */
#include "train/loss.h"

static snug_value *mse(const snug_head *h, snug_value *prediction, snug_value *truth,
                       snug_value **outputs)
{
    (void)outputs;
    return snug_mse(h->graph, prediction, truth);
}

const snug_loss snug_loss_mse = {
    .name = "mse",
    .doc = "values and reconstructions: mean squared error",
    .targets = SNUG_SERVES(VALUE) | SNUG_SERVES(SELF),
    .build = mse,
};

static snug_value *mae(const snug_head *h, snug_value *prediction, snug_value *truth,
                       snug_value **outputs)
{
    (void)outputs;
    return snug_mae(h->graph, prediction, truth);
}

static snug_value *huber(const snug_head *h, snug_value *prediction, snug_value *truth,
                         snug_value **outputs)
{
    (void)outputs;
    return snug_huber(h->graph, prediction, truth, h->model->loss.huber_delta);
}

const snug_loss snug_loss_mae = {
    .name = "mae",
    .doc = "values and reconstructions: mean absolute error, which outliers pull less",
    .targets = SNUG_SERVES(VALUE) | SNUG_SERVES(SELF),
    .build = mae,
};
const snug_loss snug_loss_huber = {
    .name = "huber",
    .doc = "values and reconstructions: squared where the error is small, absolute beyond "
           "train.huber_delta (Huber 1964)",
    .targets = SNUG_SERVES(VALUE) | SNUG_SERVES(SELF),
    .build = huber,
};
