/* SPDX-License-Identifier: Apache-2.0 */
/* Mathematical functions, element by element. */
#include "ops/unary_tmpl.h"
#include <math.h>

#define TWO_OVER_SQRT_PI 1.12837916709551257390

UNARY_VALUE(neg, -x)

static snug_status neg_gradient(snug_grad *g)
{
    return g->dout[0] ? snug_apply_all(g->graph, &snug_op_neg, NULL, NULL, 1, g->dout, &g->din[0])
                      : SNUG_OK;
}

const snug_op snug_op_neg = {UNARY_OP(neg, snug_cost_elementwise),
                             .doc = "neg(x) -> y\n"
                                    "y = -x.\n"
                                    "Gradient: dx = neg(dy).",
                             .cases = unary_cases};

UNARY_VALUE(sign, x > 0 ? 1 : x < 0 ? -1 : x != x ? x : 0)

static snug_status sign_gradient(snug_grad *g)
{
    (void)g;
    return SNUG_OK;
}

const snug_op snug_op_sign = {UNARY_OP(sign, snug_cost_elementwise),
                              .doc = "sign(x) -> y\n"
                                     "y = -1, 0 or 1; NaN stays NaN.\n"
                                     "Gradient: zero.",
                              .cases = unary_cases};

UNARY_FUNCTIONS(abs, x, fabs(x), (dy * sign_value(x, a)))

const snug_op snug_op_abs = {UNARY_OP(abs, snug_cost_elementwise),
                             .doc = "abs(x) -> y\n"
                                    "y = |x|.\n"
                                    "Gradient: abs_grad(dy, x).",
                             .cases = unary_cases};
const snug_op snug_op_abs_grad = {UNARY_GRAD(abs, snug_cost_elementwise),
                                  .doc = "abs_grad(dy, x) -> dx\n"
                                         "dx = dy with the sign of x; 0 where x is 0.",
                                  .cases = unary_grad_cases};

UNARY_FUNCTIONS(square, x, (x * x), 2 * x * dy)

const snug_op snug_op_square = {UNARY_OP(square, snug_cost_elementwise),
                                .doc = "square(x) -> y\n"
                                       "y = x^2.\n"
                                       "Gradient: square_grad(dy, x).",
                                .cases = unary_cases};
const snug_op snug_op_square_grad = {UNARY_GRAD(square, snug_cost_elementwise),
                                     .doc = "square_grad(dy, x) -> dx\n"
                                            "dx = 2 x dy.",
                                     .cases = unary_grad_cases};

UNARY_FUNCTIONS(sqrt, y, sqrt(x), 0.5 * dy / y)

const snug_op snug_op_sqrt = {UNARY_OP(sqrt, snug_cost_elementwise),
                              .doc = "sqrt(x) -> y\n"
                                     "y = the square root of x; NaN below 0.\n"
                                     "Gradient: sqrt_grad(dy, y).",
                              .cases = unary_positive_cases};
const snug_op snug_op_sqrt_grad = {UNARY_GRAD(sqrt, snug_cost_elementwise),
                                   .doc = "sqrt_grad(dy, y) -> dx\n"
                                          "dx = dy / (2 y).",
                                   .cases = unary_grad_positive_cases};

UNARY_FUNCTIONS(reciprocal, y, 1 / x, -dy *y *y)

const snug_op snug_op_reciprocal = {UNARY_OP(reciprocal, snug_cost_elementwise),
                                    .doc = "reciprocal(x) -> y\n"
                                           "y = 1 / x.\n"
                                           "Gradient: reciprocal_grad(dy, y).",
                                    .cases = unary_positive_cases};
const snug_op snug_op_reciprocal_grad = {UNARY_GRAD(reciprocal, snug_cost_elementwise),
                                         .doc = "reciprocal_grad(dy, y) -> dx\n"
                                                "dx = -dy y^2.",
                                         .cases = unary_grad_cases};

UNARY_VALUE(exp, exp(x))

static snug_status exp_gradient(snug_grad *g)
{
    return unary_gradient(g, &snug_op_mul, 'y');
}

const snug_op snug_op_exp = {UNARY_OP(exp, unary_cost_math),
                             .doc = "exp(x) -> y\n"
                                    "y = e^x.\n"
                                    "Gradient: dx = mul(dy, y).",
                             .cases = unary_cases};

UNARY_FUNCTIONS(log, x, log(x), dy / x)

const snug_op snug_op_log = {UNARY_OP(log, unary_cost_math),
                             .doc = "log(x) -> y\n"
                                    "y = the natural logarithm of x: -inf at 0, NaN below.\n"
                                    "Gradient: log_grad(dy, x).",
                             .cases = unary_positive_cases};
const snug_op snug_op_log_grad = {UNARY_GRAD(log, snug_cost_elementwise),
                                  .doc = "log_grad(dy, x) -> dx\n"
                                         "dx = dy / x.",
                                  .cases = unary_grad_positive_cases};

UNARY_FUNCTIONS(sin, x, sin(x), (dy * cos(x)))

const snug_op snug_op_sin = {UNARY_OP(sin, unary_cost_math),
                             .doc = "sin(x) -> y\n"
                                    "y = sin x, x in radians.\n"
                                    "Gradient: sin_grad(dy, x).",
                             .cases = unary_cases};
const snug_op snug_op_sin_grad = {UNARY_GRAD(sin, unary_cost_math),
                                  .doc = "sin_grad(dy, x) -> dx\n"
                                         "dx = dy cos x.",
                                  .cases = unary_grad_cases};

UNARY_FUNCTIONS(cos, x, cos(x), (-dy * sin(x)))

const snug_op snug_op_cos = {UNARY_OP(cos, unary_cost_math),
                             .doc = "cos(x) -> y\n"
                                    "y = cos x, x in radians.\n"
                                    "Gradient: cos_grad(dy, x).",
                             .cases = unary_cases};
const snug_op snug_op_cos_grad = {UNARY_GRAD(cos, unary_cost_math),
                                  .doc = "cos_grad(dy, x) -> dx\n"
                                         "dx = -dy sin x.",
                                  .cases = unary_grad_cases};

UNARY_FUNCTIONS(erf, x, erf(x), dy *TWO_OVER_SQRT_PI *exp(-x *x))

const snug_op snug_op_erf = {UNARY_OP(erf, unary_cost_math),
                             .doc = "erf(x) -> y\n"
                                    "y = the error function, 2 / sqrt(pi) times the integral of\n"
                                    "exp(-t^2) from 0 to x.\n"
                                    "Gradient: erf_grad(dy, x).",
                             .cases = unary_cases};
const snug_op snug_op_erf_grad = {UNARY_GRAD(erf, unary_cost_math),
                                  .doc = "erf_grad(dy, x) -> dx\n"
                                         "dx = dy 2 / sqrt(pi) exp(-x^2).",
                                  .cases = unary_grad_cases};
