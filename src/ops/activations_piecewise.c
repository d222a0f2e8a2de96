/* SPDX-License-Identifier: Apache-2.0 */
/* Activations made of pieces, and clip. Their gradients read the result where that tells the piece;
 * at a kink the slope is that of the flatter piece. */
#include "ops/activation.h"
#include "ops/unary_tmpl.h"

#define LARGEST 1e38

UNARY_FUNCTIONS(relu, y, act_relu(x), y > 0 ? dy : 0)

const snug_op snug_op_relu = {UNARY_OP(relu, snug_cost_elementwise), .layer = "max(x, 0)",
                              .doc = "relu(x) -> y\n"
                                     "y = max(x, 0); NaN stays NaN.\n"
                                     "Gradient: relu_grad(dy, y).",
                              .cases = unary_cases};
const snug_op snug_op_relu_grad = {UNARY_GRAD(relu, snug_cost_elementwise),
                                   .doc = "relu_grad(dy, y) -> dx\n"
                                          "dx = dy where relu's result y is above 0, else 0.",
                                   .cases = unary_grad_cases};

UNARY_FUNCTIONS(relu6, y, act_between(x, 0, 6), y > 0 && y < 6 ? dy : 0)

const snug_op snug_op_relu6 = {
    UNARY_OP(relu6, snug_cost_elementwise), .layer = "max(x, 0), and at most 6",
    .doc = "relu6(x) -> y\n"
           "y = min(max(x, 0), 6) (Krizhevsky 2010; MobileNet, Howard et al. 2017).\n"
           "Gradient: relu6_grad(dy, y).",
    .cases = unary_cases};
const snug_op snug_op_relu6_grad = {UNARY_GRAD(relu6, snug_cost_elementwise),
                                    .doc = "relu6_grad(dy, y) -> dx\n"
                                           "dx = dy where 0 < y < 6, else 0.",
                                    .cases = unary_grad_cases};

static const snug_attr leaky_attrs[] = {
    ATTR_FLOAT(snug_unary_attrs, slope, 0, 100, 0.01, "factor of what is below 0"), {0}};
static const snug_unary_attrs steep = {.slope = 0.2};
static const snug_case leaky_cases[] = {
    UNARY_CASES(NULL),
    {.name = "steep", .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 13)), .attrs = &steep},
    {0}};
static const snug_case leaky_grad_cases[] = {UNARY_GRAD_CASES(DISTINCT, &steep), {0}};

UNARY_FUNCTIONS(leaky_relu, y, x > 0 ? x : a->slope * x, y > 0 ? dy : a->slope * dy)

const snug_op snug_op_leaky_relu = {UNARY_OP(leaky_relu, snug_cost_elementwise),
                                    UNARY_ATTRS(leaky_attrs), .layer = "x above 0, slope x below",
                                    .doc = "leaky_relu(x) -> y\n"
                                           "y = x above 0, slope x below (Maas et al. 2013).\n"
                                           "Gradient: leaky_relu_grad(dy, y).",
                                    .cases = leaky_cases};
const snug_op snug_op_leaky_relu_grad = {UNARY_GRAD(leaky_relu, snug_cost_elementwise),
                                         UNARY_ATTRS(leaky_attrs),
                                         .doc = "leaky_relu_grad(dy, y) -> dx\n"
                                                "dx = dy where y is above 0, else slope dy.",
                                         .cases = leaky_grad_cases};

static const snug_attr elu_attrs[] = {
    ATTR_FLOAT(snug_unary_attrs, alpha, 0, 100, 1, "how far below 0 it goes"), {0}};
static const snug_unary_attrs deep = {.alpha = 1.5};
static const snug_case elu_cases[] = {
    UNARY_CASES(NULL),
    {.name = "deep", .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 13)), .attrs = &deep},
    {0}};
static const snug_case elu_grad_cases[] = {UNARY_GRAD_CASES(DISTINCT, &deep), {0}};

UNARY_FUNCTIONS(elu, y, x > 0 ? x : a->alpha * expm1(x), y > 0 ? dy : dy * (y + a->alpha))

const snug_op snug_op_elu = {UNARY_OP(elu, unary_cost_math), UNARY_ATTRS(elu_attrs),
                             .layer = "x above 0, alpha (exp(x) - 1) below",
                             .doc = "elu(x) -> y\n"
                                    "y = x above 0, alpha (exp(x) - 1) below (Clevert et al. "
                                    "2015).\n"
                                    "Gradient: elu_grad(dy, y).",
                             .cases = elu_cases};
const snug_op snug_op_elu_grad = {UNARY_GRAD(elu, snug_cost_elementwise), UNARY_ATTRS(elu_attrs),
                                  .doc = "elu_grad(dy, y) -> dx\n"
                                         "dx = dy where y is above 0, else dy (y + alpha).",
                                  .cases = elu_grad_cases};

UNARY_FUNCTIONS(selu, y, (SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1(x))),
                (dy * (y > 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA)))

const snug_op snug_op_selu = {
    UNARY_OP(selu, unary_cost_math),
    .layer = "elu scaled so that deep networks keep mean 0 and variance 1",
    .doc = "selu(x) -> y\n"
           "y = 1.0507 x above 0, 1.0507 * 1.6733 (exp(x) - 1) below (Klambauer et al. 2017).\n"
           "Gradient: selu_grad(dy, y).",
    .cases = unary_cases};
const snug_op snug_op_selu_grad = {UNARY_GRAD(selu, snug_cost_elementwise),
                                   .doc = "selu_grad(dy, y) -> dx\n"
                                          "dx = 1.0507 dy where y is above 0, else dy (y + 1.0507 "
                                          "* 1.6733).",
                                   .cases = unary_grad_cases};

UNARY_FUNCTIONS(hardsigmoid, y, act_between(x / 6 + 0.5, 0, 1), y > 0 && y < 1 ? dy / 6 : 0)

const snug_op snug_op_hardsigmoid = {
    UNARY_OP(hardsigmoid, snug_cost_elementwise), .layer = "x / 6 + 1/2 between 0 and 1",
    .doc = "hardsigmoid(x) -> y\n"
           "y = x / 6 + 1/2, at least 0 and at most 1 (MobileNetV3, Howard et al. 2019).\n"
           "Gradient: hardsigmoid_grad(dy, y).",
    .cases = unary_cases};
const snug_op snug_op_hardsigmoid_grad = {UNARY_GRAD(hardsigmoid, snug_cost_elementwise),
                                          .doc = "hardsigmoid_grad(dy, y) -> dx\n"
                                                 "dx = dy / 6 where 0 < y < 1, else 0.",
                                          .cases = unary_grad_unit_cases};

UNARY_FUNCTIONS(hardswish, x, (x * act_between(x + 3, 0, 6) / 6),
                x <= -3  ? 0
                : x >= 3 ? dy
                         : dy * (x / 3 + 0.5))

const snug_op snug_op_hardswish = {UNARY_OP(hardswish, snug_cost_elementwise),
                                   .layer = "x times hardsigmoid(x)",
                                   .doc = "hardswish(x) -> y\n"
                                          "y = x hardsigmoid(x) (MobileNetV3, Howard et al. "
                                          "2019).\n"
                                          "Gradient: hardswish_grad(dy, x).",
                                   .cases = unary_cases};
const snug_op snug_op_hardswish_grad = {UNARY_GRAD(hardswish, snug_cost_elementwise),
                                        .doc = "hardswish_grad(dy, x) -> dx\n"
                                               "dx = 0 below -3, dy above 3, dy (x / 3 + 1/2) "
                                               "between.",
                                        .cases = unary_grad_cases};

static const snug_attr clip_attrs[] = {
    ATTR_FLOAT(snug_unary_attrs, min, -LARGEST, LARGEST, -LARGEST, "the least result"),
    ATTR_FLOAT(snug_unary_attrs, max, -LARGEST, LARGEST, LARGEST, "the largest result"),
    {0}};
static const snug_unary_attrs narrow = {.min = -0.5, .max = 0.8};
static const snug_case clip_cases[] = {
    UNARY_CASES(&narrow),
    {.name = "unbounded", .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 13))},
    {0}};
static const snug_case clip_grad_cases[] = {UNARY_GRAD_CASES(DISTINCT, &narrow), {0}};

static snug_status clip_shape(snug_infer *f)
{
    const snug_unary_attrs *a = f->attrs;
    CHECK(a->min <= a->max, SNUG_EINVAL, "'%s': min %g is above max %g", f->name, a->min, a->max);
    TRY(snug_shape_same(f));
    return SNUG_OK;
}

UNARY_FUNCTIONS(clip, y, act_between(x, a->min, a->max), y > a->min && y < a->max ? dy : 0)

const snug_op snug_op_clip = {UNARY_OP_OF(clip, clip_shape, snug_cost_elementwise),
                              UNARY_ATTRS(clip_attrs), .layer = "x, at least min and at most max",
                              .doc = "clip(x) -> y\n"
                                     "y = min where x is below it, max where x is above, else x.\n"
                                     "Gradient: clip_grad(dy, y).",
                              .cases = clip_cases};
const snug_op snug_op_clip_grad = {UNARY_GRAD(clip, snug_cost_elementwise), UNARY_ATTRS(clip_attrs),
                                   .doc = "clip_grad(dy, y) -> dx\n"
                                          "dx = dy where min < y < max, else 0.",
                                   .cases = clip_grad_cases};
