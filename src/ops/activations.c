/* SPDX-License-Identifier: Apache-2.0 */
/* Activations that bend smoothly, and their gradients. */
#include "ops/activation.h"
#include "ops/unary_tmpl.h"

/* Without overflow on either side. */
static double sigmoid_of(double x)
{
    double e = exp(-fabs(x));
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

UNARY_FUNCTIONS(sigmoid, y, sigmoid_of(x), dy *y *(1 - y))

const snug_op snug_op_sigmoid = {UNARY_OP(sigmoid, unary_cost_math),
                                 .layer = "1 / (1 + exp(-x)): results from 0 to 1",
                                 .doc = "sigmoid(x) -> y\n"
                                        "y = 1 / (1 + exp(-x)).\n"
                                        "Gradient: sigmoid_grad(dy, y).",
                                 .cases = unary_cases};
const snug_op snug_op_sigmoid_grad = {UNARY_GRAD(sigmoid, snug_cost_elementwise),
                                      .doc = "sigmoid_grad(dy, y) -> dx\n"
                                             "dx = dy y (1 - y).",
                                      .cases = unary_grad_unit_cases};

UNARY_FUNCTIONS(tanh, y, tanh(x), (dy * (1 - y * y)))

const snug_op snug_op_tanh = {UNARY_OP(tanh, unary_cost_math),
                              .layer = "the hyperbolic tangent: results from -1 to 1",
                              .doc = "tanh(x) -> y\n"
                                     "y = tanh x.\n"
                                     "Gradient: tanh_grad(dy, y).",
                              .cases = unary_cases};
const snug_op snug_op_tanh_grad = {UNARY_GRAD(tanh, snug_cost_elementwise),
                                   .doc = "tanh_grad(dy, y) -> dx\n"
                                          "dx = dy (1 - y^2).",
                                   .cases = unary_grad_unit_cases};

static double softplus_of(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

UNARY_FUNCTIONS(softplus, y, softplus_of(x), (-dy * expm1(-y)))

const snug_op snug_op_softplus = {UNARY_OP(softplus, unary_cost_math),
                                  .layer = "log(1 + exp(x)): a smooth relu",
                                  .doc = "softplus(x) -> y\n"
                                         "y = log(1 + exp(x)) (Dugas et al. 2001).\n"
                                         "Gradient: softplus_grad(dy, y).",
                                  .cases = unary_cases};
const snug_op snug_op_softplus_grad = {UNARY_GRAD(softplus, unary_cost_math),
                                       .doc = "softplus_grad(dy, y) -> dx\n"
                                              "dx = dy (1 - exp(-y)), which is dy sigmoid(x).",
                                       .cases = unary_grad_positive_cases};

UNARY_FUNCTIONS(gelu, x, act_gelu(x), (dy * act_gelu_slope(x)))

const snug_op snug_op_gelu = {
    UNARY_OP(gelu, unary_cost_math), .layer = "x times the normal distribution function of x",
    .doc = "gelu(x) -> y\n"
           "y = x * Phi(x) = x * (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016), exact.\n"
           "Gradient: gelu_grad(dy, x).",
    .cases = unary_cases};
const snug_op snug_op_gelu_grad = {UNARY_GRAD(gelu, unary_cost_math),
                                   .doc =
                                       "gelu_grad(dy, x) -> dx\n"
                                       "dx = dy * (Phi(x) + x * phi(x)), phi the normal density.",
                                   .cases = unary_grad_cases};

#define SQRT_8_OVER_PI 1.59576912160573071176

/* gelu_tanh x = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3): tanh u = 2 sigmoid(2 u) - 1 */
static double gelu_tanh_of(double x)
{
    return x * sigmoid_of(SQRT_8_OVER_PI * (x + 0.044715 * x * x * x));
}

static double gelu_tanh_slope_of(double x)
{
    double s = sigmoid_of(SQRT_8_OVER_PI * (x + 0.044715 * x * x * x));
    return s + x * s * (1 - s) * SQRT_8_OVER_PI * (1 + 3 * 0.044715 * x * x);
}

UNARY_FUNCTIONS(gelu_tanh, x, gelu_tanh_of(x), (dy * gelu_tanh_slope_of(x)))

const snug_op snug_op_gelu_tanh = {
    UNARY_OP(gelu_tanh, unary_cost_math), .layer = "gelu by a hyperbolic tangent, as GPT-2 has it",
    .doc = "gelu_tanh(x) -> y\n"
           "y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, gelu's approximation\n"
           "(Hendrycks and Gimpel 2016).\n"
           "Gradient: gelu_tanh_grad(dy, x).",
    .cases = unary_cases};
const snug_op snug_op_gelu_tanh_grad = {
    UNARY_GRAD(gelu_tanh, unary_cost_math),
    .doc = "gelu_tanh_grad(dy, x) -> dx\n"
           "dx = dy (s + x s (1 - s) v'), s = sigmoid(v), v = 2 sqrt(2 / pi) (x + 0.044715 x^3).",
    .cases = unary_grad_cases};

static double silu_slope_of(double x)
{
    double s = sigmoid_of(x);
    return s * (1 + x * (1 - s));
}

UNARY_FUNCTIONS(silu, x, (x * sigmoid_of(x)), silu_slope_of(x) * dy)

const snug_op snug_op_silu = {
    UNARY_OP(silu, unary_cost_math), .layer = "x times sigmoid(x), also called swish",
    .doc = "silu(x) -> y\n"
           "y = x sigmoid(x) (Elfwing et al. 2017; swish of Ramachandran et al. 2017).\n"
           "Gradient: silu_grad(dy, x).",
    .cases = unary_cases};
const snug_op snug_op_silu_grad = {UNARY_GRAD(silu, unary_cost_math),
                                   .doc = "silu_grad(dy, x) -> dx\n"
                                          "dx = dy s (1 + x (1 - s)), s = sigmoid(x).",
                                   .cases = unary_grad_cases};

static double mish_slope_of(double x)
{
    double t = tanh(softplus_of(x));
    return t + x * (1 - t * t) * sigmoid_of(x);
}

UNARY_FUNCTIONS(mish, x, (x * tanh(softplus_of(x))), mish_slope_of(x) * dy)

const snug_op snug_op_mish = {UNARY_OP(mish, unary_cost_math), .layer = "x times tanh(softplus(x))",
                              .doc = "mish(x) -> y\n"
                                     "y = x tanh(softplus(x)) (Misra 2019).\n"
                                     "Gradient: mish_grad(dy, x).",
                              .cases = unary_cases};
const snug_op snug_op_mish_grad = {UNARY_GRAD(mish, unary_cost_math),
                                   .doc = "mish_grad(dy, x) -> dx\n"
                                          "dx = dy (t + x (1 - t^2) sigmoid(x)), t = "
                                          "tanh(softplus(x)).",
                                   .cases = unary_grad_cases};
