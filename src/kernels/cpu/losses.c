/* SPDX-License-Identifier: Apache-2.0 */
/* Losses by element; ops/regression_losses.c, binary_losses.c and kl_divergence.c have the
 * formulas. mse keeps the order of its products: d * d is added by one fma, and its slope is d
 * times a scale that holds the 2. */
#include "kernels/cpu/loss_tmpl.h"
#include "kernels/cpu/vmath.h"

/* ---- values -----------------------------------------------------------------------------------
 */

ALWAYS_INLINE vf mse_term(const void *arg, int64_t i, int n, vf sum)
{
    const loss_call *k = arg;
    vf d = vsub(vload_upto(k->x + i, n), vload_upto(k->t + i, n));
    return vfma(d, d, sum);
}

static float mse_chunk(const void *arg, int64_t begin, int64_t end)
{
    return flat_elements(arg, begin, end, mse_term);
}

static void k_mse_f32(const snug_call *c)
{
    loss_sum(c, false, mse_chunk);
}

ALWAYS_INLINE void mse_slope_at(const void *arg, int64_t i, int n)
{
    const loss_call *k = arg;
    vf d = vsub(vload_upto(k->x + i, n), vload_upto(k->t + i, n));
    vstore_upto(k->y + i, vmul(d, k->scale), n);
}

static void mse_slope_span(const snug_call *c, int64_t begin, int64_t end)
{
    loss_call k = loss_call_of(c);
    double dloss = (double)*(const float *)c->in[2].data * (k.attrs->wrt ? -1 : 1);
    k.scale = vset1((float)(2 * dloss / flat_of(c).n_step));
    span_each(begin, end, mse_slope_at, &k);
}

static void k_mse_grad_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, mse_slope_span);
}

/* 1, 0 or -1; NaN stays */
static inline vf vsign(vf d)
{
    vf one = vcopysign(vset1(1), d);
    return vselect(vm_or(vgt(d, vzero()), vlt(d, vzero())), one, d);
}

LOSS_KERNELS(mae, false, vabs(vsub(x, t)), vsign(vsub(x, t)))

static inline vf delta_of(const loss_call *k)
{
    return vset1((float)k->attrs->delta);
}

static inline vf huber(vf d, vf delta)
{
    vf half = vset1(0.5f), a = vabs(d);
    vf line = vmul(delta, vsub(a, vmul(half, delta)));
    return vselect(vgt(a, delta), line, vmul(vmul(half, d), d));
}

LOSS_KERNELS(huber, false, huber(vsub(x, t), delta_of(k)),
             vmin(delta_of(k), vmax(vneg(delta_of(k)), vsub(x, t))))

/* ---- yes or no --------------------------------------------------------------------------------
 */

/* max(x, 0) - x t + log(1 + e^-|x|): nothing cancels when x agrees with t */
static inline vf bce(vf x, vf t)
{
    return vadd(vsub(vmax(vzero(), x), vmul(x, t)), vlog1p(vexp(vneg(vabs(x)))));
}

LOSS_KERNELS(bce_with_logits, false, bce(x, t), vsub(vsigmoid(x), t))

/* alpha t + (1 - alpha) (1 - t), or 1 */
static inline vf focal_weight(vf t, const loss_call *k)
{
    float alpha = (float)k->attrs->alpha;
    if (alpha < 0) return vset1(1);
    return vadd(vmul(vset1(alpha), t), vmul(vset1(1 - alpha), vsub(vset1(1), t)));
}

/* The probability of what is not the target; never quite 0, for its logarithm. */
static inline vf focal_miss(vf x, vf t)
{
    vf miss = vadd(vmul(vsigmoid(vneg(x)), t), vmul(vsigmoid(x), vsub(vset1(1), t)));
    return vmax(vset1(0x1p-126f), miss);
}

/* miss^gamma */
static inline vf focal_power(vf miss, const loss_call *k)
{
    return vexp(vmul(vset1((float)k->attrs->gamma), vlog(miss)));
}

static inline vf focal_value(vf x, vf t, const loss_call *k)
{
    vf power = focal_power(focal_miss(x, t), k);
    return vmul(vmul(focal_weight(t, k), power), bce(x, t));
}

static inline vf focal_slope(vf x, vf t, const loss_call *k)
{
    vf miss = focal_miss(x, t), p = vsigmoid(x), power = focal_power(miss, k);
    vf miss_slope = vmul(vmul(vsub(vset1(1), vadd(t, t)), p), vsigmoid(vneg(x)));
    vf more = vmul(vmul(vset1((float)k->attrs->gamma), bce(x, t)), vdiv(miss_slope, miss));
    return vmul(focal_weight(t, k), vmul(power, vadd(vsub(p, t), more)));
}

LOSS_KERNELS(sigmoid_focal, false, focal_value(x, t, k), focal_slope(x, t, k))

/* ---- divergence -------------------------------------------------------------------------------
 */

static inline vf kl(vf x, vf t)
{
    return vselect(veq(t, vzero()), vzero(), vmul(t, vsub(vlog(t), x)));
}

LOSS_KERNELS(kl_divergence, true, kl(x, t), vneg(t))

KERNEL_TABLE(losses) = {
    {.op = "mse",
     .name = "k_mse_f32",
     .fits = loss_fits,
     .scratch = flat_scratch,
     .run = k_mse_f32},
    {.op = "mse_grad", .name = "k_mse_grad_f32", .run = k_mse_grad_f32},
    LOSS_ROWS(mae),
    LOSS_ROWS(huber),
    LOSS_ROWS(bce_with_logits),
    LOSS_ROWS(sigmoid_focal),
    LOSS_ROWS(kl_divergence),
    {0},
};
