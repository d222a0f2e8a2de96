/* SPDX-License-Identifier: Apache-2.0 */
/* Kullback-Leibler divergence of a prediction x, log-probabilities, from a target t,
 * probabilities, both [.., C]: the mean over the rows of the step's batch of
 *     sum over C of t (log t - x),  0 where t is 0   (Kullback and Leibler 1951)
 *     dx = -t,  dt = log t + 1 - x */
#include "ops/pointwise_loss_tmpl.h"
#include <math.h>

static double kl_value(const loss_at *e)
{
    return e->t == 0 ? 0 : e->t * (log(e->t) - e->x);
}

static double kl_slope(const loss_at *e)
{
    return -e->t;
}

static double kl_target_slope(const loss_at *e)
{
    return e->t > 0 ? log(e->t) + 1 - e->x : 0;
}

static const pointwise_loss kl = {kl_value, kl_slope, kl_target_slope, true};

POINTWISE_FUNCTIONS(kl, kl_divergence)

static const snug_attr wrt_attrs[] = {ATTR_WRT, {0}};
static const snug_loss_attrs target = {.wrt = 1};

static const snug_case cases[] = {
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 13), BATCH_OF(POSITIVE, 7, 13))},
    {.name = "tokens", .n_in = 2, .in = INPUTS(BATCH(3, 4, 9), BATCH_OF(POSITIVE, 3, 4, 9))},
    {.name = "fixed", .n_in = 2, .in = INPUTS(FIXED(3, 5), FIXED_OF(POSITIVE, 3, 5))},
    {.name = "bench",
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), BATCH_OF(POSITIVE, 64, 512))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "odd",
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), BATCH_OF(POSITIVE, 7, 13), SCALAR_OF(NORMAL))},
    {.name = "target",
     .attrs = &target,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 4, 9), BATCH_OF(POSITIVE, 3, 4, 9), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_kl_divergence = {
    .name = "kl_divergence",
    .doc = "kl_divergence(prediction [.., C], target [.., C]) -> loss []\n"
           "loss = the mean over the rows of the step's batch of the sum over C of t (log t - x),\n"
           "x the prediction's log-probabilities, t the target's probabilities, 0 where t is 0;\n"
           "this call's part of it (Kullback and Leibler 1951; PyTorch's batchmean of [N, C]).\n"
           "Gradient: kl_divergence_grad(prediction, target, dloss) for each of the two.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = kl_gradient,
    .cost = pointwise_cost,
    .ref = kl_ref,
    .cases = cases};

const snug_op snug_op_kl_divergence_grad = {
    .name = "kl_divergence_grad",
    .doc =
        "kl_divergence_grad(prediction [.., C], target [.., C], dloss []) -> dprediction or\n"
        "dtarget\n"
        "dprediction = -t * dloss / rows of the step's batch; dtarget = (log t + 1 - x) * dloss\n"
        "/ rows, 0 where t is 0.",
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
    .ref = kl_grad_ref,
    .cases = grad_cases};
