/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of values, d = prediction - target, means over all elements of the step's batch:
 *     mse    d^2
 *     mae    |d|
 *     huber  d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)   (Huber 1964) */
#include "ops/pointwise_loss_tmpl.h"
#include <math.h>

static const snug_attr wrt_attrs[] = {ATTR_WRT, {0}};

/* ---- cases ------------------------------------------------------------------------------------
 */

static const snug_loss_attrs plain = {.delta = 1}, narrow = {.delta = 0.25},
                             target = {.delta = 1, .wrt = 1};

static const snug_case cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(1, 1), BATCH(1, 1))},
    {.name = "odd", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 13), BATCH(7, 13))},
    {.name = "column", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 1), BATCH(7))},
    {.name = "image",
     .attrs = &narrow,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 5, 2, 9), BATCH(3, 5, 2, 9))},
    {.name = "fixed", .attrs = &narrow, .n_in = 2, .in = INPUTS(FIXED(35), FIXED(35))},
    {.name = "bench",
     .attrs = &plain,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), BATCH(64, 512))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(1, 1), BATCH(1, 1), SCALAR_OF(NORMAL))},
    {.name = "odd",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), SCALAR_OF(NORMAL))},
    {.name = "column",
     .attrs = &target,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 1), BATCH(7), SCALAR_OF(NORMAL))},
    {.name = "fixed",
     .attrs = &narrow,
     .n_in = 3,
     .in = INPUTS(FIXED(35), FIXED(35), SCALAR_OF(NORMAL))},
    {.name = "bench",
     .attrs = &plain,
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 512), BATCH(64, 512), SCALAR_OF(NORMAL))},
    {0}};

/* ---- mse --------------------------------------------------------------------------------------
 */

static double mse_value(const loss_at *e)
{
    return (e->x - e->t) * (e->x - e->t);
}

static double mse_slope(const loss_at *e)
{
    return 2 * (e->x - e->t);
}

static double mse_target_slope(const loss_at *e)
{
    return 2 * (e->t - e->x);
}

static const pointwise_loss mse = {mse_value, mse_slope, mse_target_slope, false};

POINTWISE_FUNCTIONS(mse, mse)

const snug_op snug_op_mse = {
    .name = "mse",
    .doc = "mse(prediction [N, ..], target [N, ..]) -> loss []\n"
           "loss = the mean of (prediction - target)^2 over the step's batch; this call's part of\n"
           "it. A target [N] fits a prediction [N, 1].\n"
           "Gradient: mse_grad(prediction, target, dloss) for each of the two.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = mse_gradient,
    .cost = pointwise_cost,
    .ref = mse_ref,
    .cases = cases};

const snug_op snug_op_mse_grad = {
    .name = "mse_grad",
    .doc = "mse_grad(prediction [N, ..], target [N, ..], dloss []) -> dprediction or dtarget\n"
           "dprediction = 2 * (prediction - target) * dloss / elements of the step's batch;\n"
           "dtarget = -dprediction.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = wrt_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .inplace = {1},
    .shape = pointwise_grad_shape,
    .axes = pointwise_grad_axes,
    .cost = pointwise_cost,
    .ref = mse_grad_ref,
    .cases = grad_cases};

/* ---- mae --------------------------------------------------------------------------------------
 */

static double mae_value(const loss_at *e)
{
    return fabs(e->x - e->t);
}

static double mae_slope(const loss_at *e)
{
    double d = e->x - e->t;
    return d > 0 ? 1 : d < 0 ? -1 : d;
}

static double mae_target_slope(const loss_at *e)
{
    return -mae_slope(e);
}

static const pointwise_loss mae = {mae_value, mae_slope, mae_target_slope, false};

POINTWISE_FUNCTIONS(mae, mae)

const snug_op snug_op_mae = {
    .name = "mae",
    .doc = "mae(prediction [N, ..], target [N, ..]) -> loss []\n"
           "loss = the mean of |prediction - target| over the step's batch; this call's part of\n"
           "it. Also called L1. A target [N] fits a prediction [N, 1].\n"
           "Gradient: mae_grad(prediction, target, dloss) for each of the two.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = mae_gradient,
    .cost = pointwise_cost,
    .ref = mae_ref,
    .cases = cases};

const snug_op snug_op_mae_grad = {
    .name = "mae_grad",
    .doc = "mae_grad(prediction [N, ..], target [N, ..], dloss []) -> dprediction or dtarget\n"
           "dprediction = sign(prediction - target) * dloss / elements of the step's batch, 0\n"
           "where they are equal; dtarget = -dprediction.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = wrt_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .inplace = {1},
    .shape = pointwise_grad_shape,
    .axes = pointwise_grad_axes,
    .cost = pointwise_cost,
    .ref = mae_grad_ref,
    .cases = grad_cases};

/* ---- huber ------------------------------------------------------------------------------------
 */

#define ATTR_DELTA                                                                                 \
    ATTR_FLOAT(snug_loss_attrs, delta, 1e-6, 1e6, 1, "where the square becomes a straight line")

static const snug_attr huber_attrs[] = {ATTR_DELTA, {0}};
static const snug_attr huber_grad_attrs[] = {ATTR_DELTA, ATTR_WRT, {0}};

static double huber_value(const loss_at *e)
{
    double d = fabs(e->x - e->t), delta = e->attrs->delta;
    return d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta);
}

static double huber_slope(const loss_at *e)
{
    double d = e->x - e->t, delta = e->attrs->delta;
    return d > delta ? delta : d < -delta ? -delta : d;
}

static double huber_target_slope(const loss_at *e)
{
    return -huber_slope(e);
}

static const pointwise_loss huber = {huber_value, huber_slope, huber_target_slope, false};

POINTWISE_FUNCTIONS(huber, huber)

const snug_op snug_op_huber = {
    .name = "huber",
    .doc = "huber(prediction [N, ..], target [N, ..]) -> loss []\n"
           "loss = the mean over the step's batch of d^2 / 2 where |d| <= delta and delta (|d| -\n"
           "delta / 2) elsewhere, d = prediction - target; this call's part of it (Huber 1964).\n"
           "The smooth L1 loss with beta is this one with delta = beta, divided by beta.\n"
           "Gradient: huber_grad(prediction, target, dloss) for each of the two.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = huber_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = huber_gradient,
    .cost = pointwise_cost,
    .ref = huber_ref,
    .cases = cases};

const snug_op snug_op_huber_grad = {
    .name = "huber_grad",
    .doc =
        "huber_grad(prediction [N, ..], target [N, ..], dloss []) -> dprediction or dtarget\n"
        "dprediction = (prediction - target, no further from 0 than delta) * dloss / elements of\n"
        "the step's batch; dtarget = -dprediction.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = huber_grad_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .inplace = {1},
    .shape = pointwise_grad_shape,
    .axes = pointwise_grad_axes,
    .cost = pointwise_cost,
    .ref = huber_grad_ref,
    .cases = grad_cases};
