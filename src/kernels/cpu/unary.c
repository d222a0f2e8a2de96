/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one input, element by element, and their slopes: y = f(a), or dx = f(dy = a, b) with
 * b what the operator's gradient reads, x or y (ops/unary_tmpl.h). NaN stays: vmin and vmax give
 * their second argument then. */
#include "kernels/cpu/map_tmpl.h"
#include "kernels/cpu/vmath.h"
#include "ops/activation.h"

static inline vf one_minus(vf a)
{
    return vsub(vset1(1), a);
}

static inline vf between(float min, float max, vf a)
{
    return vmin(vset1(max), vmax(vset1(min), a));
}

/* dy where `on`, else 0 */
static inline vf masked(vm on, vf dy)
{
    return vselect(on, dy, vzero());
}

static inline vf vsign(vf a)
{
    vf one = vcopysign(vset1(1), a);
    return vselect(vm_or(vgt(a, vzero()), vlt(a, vzero())), one, a);
}

static inline vf attr(double a)
{
    return vset1((float)a);
}

/* ---- mathematical functions --------------------------------------------------------------------
 */

MAP_KERNEL(neg, SPAN_STREAM, vneg(a))
MAP_KERNEL(abs, SPAN_STREAM, vabs(a))
MAP_KERNEL(abs_grad, SPAN_STREAM, vmul(a, vsign(b)))
MAP_KERNEL(sign, SPAN_STREAM, vsign(a))
MAP_KERNEL(square, SPAN_STREAM, vmul(a, a))
MAP_KERNEL(square_grad, SPAN_STREAM, vmul(vadd(b, b), a))
MAP_KERNEL(sqrt, SPAN_STREAM, vsqrt(a))
MAP_KERNEL(sqrt_grad, SPAN_STREAM, vdiv(vmul(vset1(0.5f), a), b))
MAP_KERNEL(reciprocal, SPAN_STREAM, vdiv(vset1(1), a))
MAP_KERNEL(reciprocal_grad, SPAN_STREAM, vmul(vmul(vneg(a), b), b))
MAP_KERNEL(exp, SPAN_MATH, vexp(a))
MAP_KERNEL(log, SPAN_MATH, vlog(a))
MAP_KERNEL(log_grad, SPAN_STREAM, vdiv(a, b))
MAP_KERNEL(erf, SPAN_MATH, verf(a))
MAP_KERNEL(erf_grad, SPAN_MATH, vmul(vmul(a, vset1(1.128379167f)), vexp(vneg(vmul(b, b)))))

/* ---- smooth activations ------------------------------------------------------------------------
 */

MAP_KERNEL(sigmoid, SPAN_MATH, vsigmoid(a))
MAP_KERNEL(sigmoid_grad, SPAN_STREAM, vmul(vmul(a, b), one_minus(b)))
MAP_KERNEL(tanh, SPAN_MATH, vtanh(a))
MAP_KERNEL(tanh_grad, SPAN_STREAM, vmul(a, one_minus(vmul(b, b))))
MAP_KERNEL(softplus, SPAN_MATH, vsoftplus(a))
MAP_KERNEL(softplus_grad, SPAN_MATH, vmul(vneg(a), vexpm1(vneg(b))))
MAP_KERNEL(gelu, SPAN_MATH, vgelu(a))
MAP_KERNEL(gelu_grad, SPAN_MATH, vmul(a, vgelu_grad(b)))
MAP_KERNEL(gelu_tanh, SPAN_MATH, vgelu_tanh(a))
MAP_KERNEL(gelu_tanh_grad, SPAN_MATH, vmul(a, vgelu_tanh_grad(b)))
MAP_KERNEL(silu, SPAN_MATH, vsilu(a))
MAP_KERNEL(silu_grad, SPAN_MATH, vmul(a, vsilu_grad(b)))
MAP_KERNEL(mish, SPAN_MATH, vmish(a))
MAP_KERNEL(mish_grad, SPAN_MATH, vmul(a, vmish_grad(b)))

/* ---- activations made of pieces ----------------------------------------------------------------
 */

static inline vm above(vf a, float limit)
{
    return vgt(a, vset1(limit));
}

/* min < a < max */
static inline vm inside(vf min, vf max, vf a)
{
    return vm_and(vgt(a, min), vlt(a, max));
}

/* scale (e^x - 1) below 0 */
static inline vf elu(vf x, vf above_scale, vf below_scale)
{
    return vselect(above(x, 0), vmul(above_scale, x), vmul(below_scale, vexpm1(x)));
}

#define SELU_LOWEST (SELU_SCALE * SELU_ALPHA)

static inline vf hardswish_grad(vf dy, vf x)
{
    vf slope = vfma(x, vset1(1.0f / 3), vset1(0.5f));
    slope = vselect(vge(x, vset1(3)), vset1(1), slope);
    return vselect(vle(x, vset1(-3)), vzero(), vmul(dy, slope));
}

MAP_KERNEL(relu, SPAN_STREAM, vmax(vzero(), a))
MAP_KERNEL(relu_grad, SPAN_STREAM, masked(above(b, 0), a))
MAP_KERNEL(relu6, SPAN_STREAM, between(0, 6, a))
MAP_KERNEL(relu6_grad, SPAN_STREAM, masked(inside(vzero(), vset1(6), b), a))
MAP_KERNEL(leaky_relu, SPAN_STREAM, vselect(above(a, 0), a, vmul(attr(m->attrs->slope), a)))
MAP_KERNEL(leaky_relu_grad, SPAN_STREAM, vselect(above(b, 0), a, vmul(attr(m->attrs->slope), a)))
MAP_KERNEL(elu, SPAN_MATH, elu(a, vset1(1), attr(m->attrs->alpha)))
MAP_KERNEL(elu_grad, SPAN_STREAM, vselect(above(b, 0), a, vmul(a, vadd(b, attr(m->attrs->alpha)))))
MAP_KERNEL(selu, SPAN_MATH, elu(a, attr(SELU_SCALE), attr(SELU_LOWEST)))
MAP_KERNEL(selu_grad, SPAN_STREAM,
           vmul(a, vselect(above(b, 0), attr(SELU_SCALE), vadd(b, attr(SELU_LOWEST)))))
MAP_KERNEL(hardsigmoid, SPAN_STREAM, between(0, 1, vfma(a, vset1(1.0f / 6), vset1(0.5f))))
MAP_KERNEL(hardsigmoid_grad, SPAN_STREAM,
           masked(inside(vzero(), vset1(1), b), vmul(a, vset1(1.0f / 6))))
MAP_KERNEL(hardswish, SPAN_STREAM, vmul(vmul(a, between(0, 6, vadd(a, vset1(3)))), vset1(1.0f / 6)))
MAP_KERNEL(hardswish_grad, SPAN_STREAM, hardswish_grad(a, b))
MAP_KERNEL(clip, SPAN_STREAM, between((float)m->attrs->min, (float)m->attrs->max, a))
MAP_KERNEL(clip_grad, SPAN_STREAM, masked(inside(attr(m->attrs->min), attr(m->attrs->max), b), a))

KERNEL_TABLE(unary) = {
    {.op = "neg", .name = "k_neg_f32", .run = k_neg_f32},
    {.op = "abs", .name = "k_abs_f32", .run = k_abs_f32},
    {.op = "abs_grad", .name = "k_abs_grad_f32", .run = k_abs_grad_f32},
    {.op = "sign", .name = "k_sign_f32", .run = k_sign_f32},
    {.op = "square", .name = "k_square_f32", .run = k_square_f32},
    {.op = "square_grad", .name = "k_square_grad_f32", .run = k_square_grad_f32},
    {.op = "sqrt", .name = "k_sqrt_f32", .run = k_sqrt_f32},
    {.op = "sqrt_grad", .name = "k_sqrt_grad_f32", .run = k_sqrt_grad_f32},
    {.op = "reciprocal", .name = "k_reciprocal_f32", .run = k_reciprocal_f32},
    {.op = "reciprocal_grad", .name = "k_reciprocal_grad_f32", .run = k_reciprocal_grad_f32},
    {.op = "exp", .name = "k_exp_f32", .run = k_exp_f32},
    {.op = "log", .name = "k_log_f32", .run = k_log_f32},
    {.op = "log_grad", .name = "k_log_grad_f32", .run = k_log_grad_f32},
    {.op = "erf", .name = "k_erf_f32", .run = k_erf_f32},
    {.op = "erf_grad", .name = "k_erf_grad_f32", .run = k_erf_grad_f32},
    {.op = "sigmoid", .name = "k_sigmoid_f32", .run = k_sigmoid_f32},
    {.op = "sigmoid_grad", .name = "k_sigmoid_grad_f32", .run = k_sigmoid_grad_f32},
    {.op = "tanh", .name = "k_tanh_f32", .run = k_tanh_f32},
    {.op = "tanh_grad", .name = "k_tanh_grad_f32", .run = k_tanh_grad_f32},
    {.op = "softplus", .name = "k_softplus_f32", .run = k_softplus_f32},
    {.op = "softplus_grad", .name = "k_softplus_grad_f32", .run = k_softplus_grad_f32},
    {.op = "gelu", .name = "k_gelu_f32", .run = k_gelu_f32},
    {.op = "gelu_grad", .name = "k_gelu_grad_f32", .run = k_gelu_grad_f32},
    {.op = "gelu_tanh", .name = "k_gelu_tanh_f32", .run = k_gelu_tanh_f32},
    {.op = "gelu_tanh_grad", .name = "k_gelu_tanh_grad_f32", .run = k_gelu_tanh_grad_f32},
    {.op = "silu", .name = "k_silu_f32", .run = k_silu_f32},
    {.op = "silu_grad", .name = "k_silu_grad_f32", .run = k_silu_grad_f32},
    {.op = "mish", .name = "k_mish_f32", .run = k_mish_f32},
    {.op = "mish_grad", .name = "k_mish_grad_f32", .run = k_mish_grad_f32},
    {.op = "relu", .name = "k_relu_f32", .run = k_relu_f32},
    {.op = "relu_grad", .name = "k_relu_grad_f32", .run = k_relu_grad_f32},
    {.op = "relu6", .name = "k_relu6_f32", .run = k_relu6_f32},
    {.op = "relu6_grad", .name = "k_relu6_grad_f32", .run = k_relu6_grad_f32},
    {.op = "leaky_relu", .name = "k_leaky_relu_f32", .run = k_leaky_relu_f32},
    {.op = "leaky_relu_grad", .name = "k_leaky_relu_grad_f32", .run = k_leaky_relu_grad_f32},
    {.op = "elu", .name = "k_elu_f32", .run = k_elu_f32},
    {.op = "elu_grad", .name = "k_elu_grad_f32", .run = k_elu_grad_f32},
    {.op = "selu", .name = "k_selu_f32", .run = k_selu_f32},
    {.op = "selu_grad", .name = "k_selu_grad_f32", .run = k_selu_grad_f32},
    {.op = "hardsigmoid", .name = "k_hardsigmoid_f32", .run = k_hardsigmoid_f32},
    {.op = "hardsigmoid_grad", .name = "k_hardsigmoid_grad_f32", .run = k_hardsigmoid_grad_f32},
    {.op = "hardswish", .name = "k_hardswish_f32", .run = k_hardswish_f32},
    {.op = "hardswish_grad", .name = "k_hardswish_grad_f32", .run = k_hardswish_grad_f32},
    {.op = "clip", .name = "k_clip_f32", .run = k_clip_f32},
    {.op = "clip_grad", .name = "k_clip_grad_f32", .run = k_clip_grad_f32},
    {0},
};
