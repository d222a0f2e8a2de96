/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of yes-or-no outputs x with targets t, means over all elements of the step's batch, with
 * p = sigmoid(x):
 *     bce_with_logits  -(w t log p + (1 - t) log(1 - p)), w the weight of a column's positives
 *     sigmoid_focal    a (1 - q)^gamma bce, q = p t + (1 - p)(1 - t) the probability of the target,
 *                      a = alpha t + (1 - alpha)(1 - t)   (Lin et al. 2017)
 *     hinge            max(0, margin - t x), t -1 or 1    (Cortes and Vapnik 1995) */
#include "ops/pointwise_loss_tmpl.h"
#include <math.h>

static double sigmoid(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* log(1 + e^x) */
static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

/* ---- binary cross entropy ---------------------------------------------------------------------
 */

static const snug_attr wrt_attrs[] = {ATTR_WRT, {0}};
static const snug_loss_attrs plain = {.margin = 1, .gamma = 2, .alpha = 0.25},
                             other = {.margin = 0.5, .gamma = 1.5, .alpha = -1},
                             target = {.margin = 1, .wrt = 1};

static double bce_value(const loss_at *e)
{
    return (1 - e->t) * e->x + (1 + (e->weight - 1) * e->t) * softplus(-e->x);
}

static double bce_slope(const loss_at *e)
{
    return (1 - e->t) - (1 + (e->weight - 1) * e->t) * sigmoid(-e->x);
}

static double bce_target_slope(const loss_at *e)
{
    return -e->x + (e->weight - 1) * softplus(-e->x);
}

static const pointwise_loss bce = {bce_value, bce_slope, bce_target_slope, false};

POINTWISE_FUNCTIONS(bce, bce_with_logits)

static const snug_case bce_cases[] = {
    {.name = "one", .n_in = 2, .in = INPUTS(BATCH(1, 1), BATCH_OF(UNIT, 1, 1))},
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 13), BATCH_OF(UNIT, 7, 13))},
    {.name = "column", .n_in = 2, .in = INPUTS(BATCH(7, 1), BATCH_OF(UNIT, 7))},
    {.name = "places", .n_in = 2, .in = INPUTS(BATCH(3, 5, 9), BATCH_OF(UNIT, 3, 5, 9))},
    {.name = "weights",
     .n_in = 3,
     .in = INPUTS(BATCH(7, 5), BATCH_OF(UNIT, 7, 5), GIVEN_OF(POSITIVE, 5))},
    {.name = "fixed", .n_in = 2, .in = INPUTS(FIXED(35), FIXED_OF(UNIT, 35))},
    {.name = "bench",
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), BATCH_OF(UNIT, 64, 512))},
    {0}};

static const snug_case bce_grad_cases[] = {
    {.name = "one", .n_in = 3, .in = INPUTS(BATCH(1, 1), BATCH_OF(UNIT, 1, 1), SCALAR_OF(NORMAL))},
    {.name = "odd",
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), BATCH_OF(UNIT, 7, 13), SCALAR_OF(NORMAL))},
    {.name = "target",
     .attrs = &target,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 1), BATCH_OF(UNIT, 7), SCALAR_OF(NORMAL))},
    {.name = "weights",
     .n_in = 4,
     .in = INPUTS(BATCH(7, 5), BATCH_OF(UNIT, 7, 5), SCALAR_OF(NORMAL), GIVEN_OF(POSITIVE, 5))},
    {.name = "fixed", .n_in = 3, .in = INPUTS(FIXED(35), FIXED_OF(UNIT, 35), SCALAR_OF(NORMAL))},
    {.name = "bench",
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 512), BATCH_OF(UNIT, 64, 512), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_bce_with_logits = {
    .name = "bce_with_logits",
    .doc = "bce_with_logits(logits [N, ..], targets [N, ..][, pos_weight [C]]) -> loss []\n"
           "loss = the mean over the step's batch of -(pos_weight t log p + (1 - t) log(1 - p)),\n"
           "p = sigmoid(logits), t = targets in [0, 1]; this call's part of it. pos_weight, along\n"
           "the last axis, is 1 when not given.\n"
           "Gradient: bce_with_logits_grad(logits, targets, dloss[, pos_weight]) for each of the\n"
           "first two.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = bce_gradient,
    .cost = pointwise_cost,
    .ref = bce_ref,
    .cases = bce_cases};

const snug_op snug_op_bce_with_logits_grad = {
    .name = "bce_with_logits_grad",
    .doc = "bce_with_logits_grad(logits, targets [N, ..], dloss [][, pos_weight [C]])\n"
           "-> dlogits or dtargets\n"
           "dlogits = ((1 - t) p - pos_weight t (1 - p)) * dloss / elements of the step's batch;\n"
           "dtargets = (log(1 - p) - pos_weight log p) * dloss / elements.",
    .n_in_min = 3,
    .n_in_max = 4,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = wrt_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .inplace = {1},
    .shape = pointwise_grad_shape,
    .axes = pointwise_grad_axes,
    .cost = pointwise_cost,
    .ref = bce_grad_ref,
    .cases = bce_grad_cases};

/* ---- sigmoid focal loss -----------------------------------------------------------------------
 */

#define ATTR_FOCAL                                                                                 \
    ATTR_FLOAT(snug_loss_attrs, gamma, 0, 10, 2, "how much less what is right already counts"),    \
        ATTR_FLOAT(snug_loss_attrs, alpha, -1, 1, 0.25,                                            \
                   "weight of positives, 1 - alpha of negatives; below 0: both 1")

static const snug_attr focal_attrs[] = {ATTR_FOCAL, {0}};
static const snug_attr focal_grad_attrs[] = {ATTR_FOCAL, ATTR_WRT, {0}};

static double focal_weight(const loss_at *e)
{
    double alpha = e->attrs->alpha;
    return alpha < 0 ? 1 : alpha * e->t + (1 - alpha) * (1 - e->t);
}

/* The probability of what is not the target. */
static double focal_miss(const loss_at *e)
{
    return sigmoid(-e->x) * e->t + sigmoid(e->x) * (1 - e->t);
}

static double focal_value(const loss_at *e)
{
    return focal_weight(e) * pow(focal_miss(e), e->attrs->gamma) * bce_value(e);
}

static double focal_slope(const loss_at *e)
{
    double miss = focal_miss(e), gamma = e->attrs->gamma;
    double power = pow(miss, gamma), p = sigmoid(e->x);
    double miss_slope = (1 - 2 * e->t) * p * sigmoid(-e->x);
    double slope = power * (p - e->t);
    if (miss > 0) slope += bce_value(e) * gamma * power / miss * miss_slope;
    return focal_weight(e) * slope;
}

static const pointwise_loss focal = {focal_value, focal_slope, NULL, false};

POINTWISE_FUNCTIONS(focal, sigmoid_focal)

#define TARGETS(...)                                                                               \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 2,          \
                                .given = true                                                      \
    }

static const snug_case focal_cases[] = {
    {.name = "odd", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 13), TARGETS(7, 13))},
    {.name = "column", .attrs = &other, .n_in = 2, .in = INPUTS(BATCH(7, 1), TARGETS(7))},
    {.name = "boxes", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(3, 5, 9), TARGETS(3, 5, 9))},
    {.name = "bench",
     .attrs = &plain,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), TARGETS(64, 512))},
    {0}};

static const snug_case focal_grad_cases[] = {
    {.name = "odd",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), TARGETS(7, 13), SCALAR_OF(NORMAL))},
    {.name = "column",
     .attrs = &other,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 1), TARGETS(7), SCALAR_OF(NORMAL))},
    {.name = "bench",
     .attrs = &plain,
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 512), TARGETS(64, 512), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_sigmoid_focal = {
    .name = "sigmoid_focal",
    .doc =
        "sigmoid_focal(logits [N, ..], targets [N, ..]) -> loss []\n"
        "loss = the mean over the step's batch of -a (1 - q)^gamma log q, q the probability\n"
        "sigmoid(logits) of a target 1, or 1 - that of a target 0, a = alpha or 1 - alpha; this\n"
        "call's part of it (Lin et al. 2017).\n"
        "Gradient: sigmoid_focal_grad(logits, targets, dloss); the targets have none.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = focal_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = focal_gradient,
    .cost = pointwise_cost,
    .ref = focal_ref,
    .cases = focal_cases};

const snug_op snug_op_sigmoid_focal_grad = {
    .name = "sigmoid_focal_grad",
    .doc = "sigmoid_focal_grad(logits [N, ..], targets [N, ..], dloss []) -> dlogits\n"
           "dlogits = a (m^gamma (p - t) + gamma m^(gamma - 1) dm bce) * dloss / elements of the\n"
           "step's batch, p = sigmoid(logits), m = p where t is 0 and 1 - p where it is 1, dm its\n"
           "slope (1 - 2 t) p (1 - p).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = focal_grad_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .inplace = {1},
    .shape = pointwise_grad_shape,
    .axes = pointwise_grad_axes,
    .cost = pointwise_cost,
    .ref = focal_grad_ref,
    .cases = focal_grad_cases};

/* ---- hinge ------------------------------------------------------------------------------------
 */

#define ATTR_MARGIN                                                                                \
    ATTR_FLOAT(snug_loss_attrs, margin, 0, 1e6, 1,                                                 \
               "products of target and prediction above it "                                       \
               "count nothing")

static const snug_attr hinge_attrs[] = {ATTR_MARGIN, {0}};
static const snug_attr hinge_grad_attrs[] = {ATTR_MARGIN, ATTR_WRT, {0}};

static double hinge_value(const loss_at *e)
{
    double v = e->attrs->margin - e->t * e->x;
    return v > 0 || v != v ? v : 0;
}

static double hinge_slope(const loss_at *e)
{
    return e->t * e->x < e->attrs->margin ? -e->t : 0;
}

static double hinge_target_slope(const loss_at *e)
{
    return e->t * e->x < e->attrs->margin ? -e->x : 0;
}

static const pointwise_loss hinge = {hinge_value, hinge_slope, hinge_target_slope, false};

POINTWISE_FUNCTIONS(hinge, hinge)

static const snug_case hinge_cases[] = {
    {.name = "odd", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 13), BATCH(7, 13))},
    {.name = "column", .attrs = &other, .n_in = 2, .in = INPUTS(BATCH(7, 1), BATCH(7))},
    {0}};

static const snug_case hinge_grad_cases[] = {
    {.name = "odd",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), SCALAR_OF(NORMAL))},
    {.name = "target",
     .attrs = &target,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 1), BATCH(7), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_hinge = {
    .name = "hinge",
    .doc =
        "hinge(prediction [N, ..], target [N, ..]) -> loss []\n"
        "loss = the mean over the step's batch of max(0, margin - target * prediction), targets\n"
        "-1 or 1; this call's part of it (Cortes and Vapnik 1995).\n"
        "Gradient: hinge_grad(prediction, target, dloss) for each of the two.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = hinge_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = pointwise_shape,
    .axes = pointwise_axes,
    .grad = hinge_gradient,
    .cost = pointwise_cost,
    .ref = hinge_ref,
    .cases = hinge_cases};

const snug_op snug_op_hinge_grad = {
    .name = "hinge_grad",
    .doc =
        "hinge_grad(prediction [N, ..], target [N, ..], dloss []) -> dprediction or dtarget\n"
        "dprediction = -target * dloss / elements of the step's batch where target * prediction\n"
        "is below the margin, else 0; dtarget likewise with -prediction.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = hinge_grad_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .inplace = {1},
    .shape = pointwise_grad_shape,
    .axes = pointwise_grad_axes,
    .cost = pointwise_cost,
    .ref = hinge_grad_ref,
    .cases = hinge_grad_cases};
