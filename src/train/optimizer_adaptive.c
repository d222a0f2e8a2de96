/* SPDX-License-Identifier: Apache-2.0 */
/* Optimizers whose steps are measured by squared gradients alone. */
#include "ops/ops.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include <math.h>

static const snug_optimizer_key rmsprop_keys[] = {{"train.learning_rate", NULL},
                                                  {"train.alpha", NULL},
                                                  {"train.epsilon", NULL},
                                                  {"train.weight_decay", NULL},
                                                  {0}};
static const snug_optimizer_key adagrad_keys[] = {
    {"train.learning_rate", "0.02"}, {"train.epsilon", "1e-10"}, {"train.weight_decay", NULL}, {0}};
static const snug_optimizer_key adadelta_keys[] = {{"train.learning_rate", "1"},
                                                   {"train.rho", NULL},
                                                   {"train.epsilon", "1e-6"},
                                                   {"train.weight_decay", NULL},
                                                   {0}};
static const snug_optimizer_key adafactor_keys[] = {{"train.learning_rate", "0.01"},
                                                    {"train.epsilon", "1.1920928955078125e-07"},
                                                    {"train.weight_decay", NULL},
                                                    {0}};

/* The rate falls as steps are done, the memory of squared gradients grows. */
static void adafactor_hyper(int64_t step, float hyper[SNUG_HYPER_COUNT])
{
    const double t = (double)(step + 1), most = 1.0 / sqrt(t);
    if ((double)hyper[0] > most) hyper[0] = (float)most;
    hyper[3] = (float)(1.0 / snug_power_real(t, 0.8));
}

const snug_optimizer snug_optimizer_rmsprop = {
    .name = "rmsprop",
    .doc = "gradients over the root of their mean square (Tieleman and Hinton 2012)",
    .keys = rmsprop_keys,
    .update = "rmsprop_update",
    .state = {{.name = "rmsprop_v"}},
};
const snug_optimizer snug_optimizer_adagrad = {
    .name = "adagrad",
    .doc = "gradients over the root of the sum of their squares (Duchi, Hazan and Singer 2011)",
    .keys = adagrad_keys,
    .update = "adagrad_update",
    .state = {{.name = "adagrad_v"}},
};
const snug_optimizer snug_optimizer_adadelta = {
    .name = "adadelta",
    .doc = "steps in the size of earlier steps (Zeiler 2012)",
    .keys = adadelta_keys,
    .update = "adadelta_update",
    .state = {{.name = "adadelta_v"}, {.name = "adadelta_u"}},
};
const snug_optimizer snug_optimizer_adafactor = {
    .name = "adafactor",
    .doc = "steps in the size of the weights, measured by mean squares of rows and columns, which "
           "take almost no memory; the rate is at most 1 / root of the step (Shazeer and Stern "
           "2018)",
    .keys = adafactor_keys,
    .update = "adafactor_update",
    .state = {{"adafactor_rows", snug_adafactor_rows},
              {"adafactor_columns", snug_adafactor_columns}},
    .attrs = {.clip_rms = 1, .least_rms = 1e-3},
    .hyper = adafactor_hyper,
};
