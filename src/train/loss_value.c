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
