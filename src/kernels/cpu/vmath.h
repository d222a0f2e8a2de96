/* SPDX-License-Identifier: Apache-2.0 */
/* Exponentials, logarithms, tanh, erf and activations of vectors, on vec.h alone: a lane's result
 * depends on its input and the tier only, never on the lane or its neighbours. Largest errors over
 * all floats, held by tests/kernels/tier_vmath.c on every tier: vexp   2 ulp, subnormal results
 * included      vlog   2 ulp, subnormal arguments included vexpm1 3 ulp vlog1p 3 ulp vtanh  4 ulp
 * verf   4 ulp vsigmoid 4 ulp                                vsoftplus 5 ulp vgelu, vgelu_tanh,
 * vsilu, vmish and their slopes v.._grad   4e-7 of max(1, |x|) NaN gives NaN; infinities and zeros
 * as in C's <math.h>.
 *
 * Polynomials are minimax (Remez) in relative error of the whole function, computed with 50 digits
 * on the interval noted beside each, then rounded to float. */
#ifndef KERNELS_CPU_VMATH_H
#define KERNELS_CPU_VMATH_H

#include "kernels/cpu/vec.h"
#include <math.h>

/* c[0] + c[1] x + ... + c[n - 1] x^(n-1), by Horner's rule. */
static inline vf vpolynomial(vf x, const float *c, int n)
{
    vf y = vset1(c[n - 1]);
    for (int i = n - 2; i >= 0; i--) y = vfma(y, x, vset1(c[i]));
    return y;
}

static inline vf vcopysign(vf magnitude, vf sign)
{
    return vi_as_vf(vior(vf_as_vi(magnitude), viand(vf_as_vi(sign), viset1(INT32_MIN))));
}

/* e^x = 2^n (1 + p): p = e^r - 1, n = round(x / ln 2), r = x - n ln 2 in [-ln2/2, ln2/2]. */
typedef struct vexp_parts {
    vf p, n;
} vexp_parts;

/* p = r + r^2 q(r). ln 2 is split so that its upper part times n is exact (Cody and Waite). For
 * -104 <= x <= 89, beyond which nothing changes. */
static inline vexp_parts vexp_split(vf x)
{
    static const float q[] = {4.999999404e-01f, 1.666652113e-01f, 4.166838899e-02f,
                              8.368735202e-03f, 1.381456037e-03f};
    const float to_integer = 0x1.8p23f; /* after this addition the low bits are the integer */
    vf shifted = vfma(x, vset1(0x1.715476p0f), vset1(to_integer));
    vf n = vsub(shifted, vset1(to_integer));
    vf r = vfma(n, vset1(-0.693359375f), x);
    r = vfma(n, vset1(2.12194440e-4f), r);
    return (vexp_parts){.p = vfma(vmul(r, r), vpolynomial(r, q, 5), r), .n = n};
}

/* e^x for x <= 0 */
static inline vf vexp_below(vf x)
{
    vexp_parts e = vexp_split(vmax(vset1(-104), x));
    return vscale2(vadd(e.p, vset1(1)), e.n);
}

static inline vf vexp(vf x)
{
    return vexp_below(vmin(vset1(89), x));
}

/* e^x - 1 = 2^n (p + (1 - 2^-n)): nothing cancels near 0, where n = 0. */
static inline vf vexpm1(vf x)
{
    vexp_parts e = vexp_split(vmin(vset1(89), vmax(vset1(-80), x)));
    vf rest = vsub(vset1(1), vscale2(vset1(1), vneg(e.n)));
    return vscale2(vadd(e.p, rest), e.n);
}

/* log x = e ln 2 + log(1 + f), x = 2^e (1 + f), f in [-1/3, 1/3];
 * log(1 + f) = f - f^2/2 + f^3 p(f). */
static inline vf vlog(vf x)
{
    static const float p[] = {3.333321512e-01f,  -2.499979734e-01f, 2.001041919e-01f,
                              -1.668050587e-01f, 1.400562078e-01f,  -1.218397841e-01f,
                              1.398577839e-01f,  -1.289305389e-01f};
    vm tiny = vlt(x, vset1(0x1p-126f));
    vi bits = vf_as_vi(vselect(tiny, vmul(x, vset1(0x1p23f)), x));
    /* the exponent relative to 2/3, kept positive for the shift that brings in zeros */
    vi e = visub(vishr(viadd(bits, viset1(0x40000000 - 0x3f2aaaab)), 23), viset1(128));
    vf f = vsub(vi_as_vf(visub(bits, vishl(e, 23))), vset1(1));
    vf ef = vsub(vi_to_vf(e), vselect(tiny, vset1(23), vzero()));
    vf ff = vmul(f, f);
    vf y = vmul(vmul(f, ff), vpolynomial(f, p, 8));
    y = vfma(ef, vset1(-2.12194440e-4f), y);
    y = vfma(ff, vset1(-0.5f), y);
    y = vfma(ef, vset1(0.693359375f), vadd(f, y));
    y = vselect(vlt(x, vset1(INFINITY)), y, x);
    y = vselect(veq(x, vzero()), vset1(-INFINITY), y);
    return vselect(vlt(x, vzero()), vset1(NAN), y);
}

/* log(1 + x) = log u + (x - (u - 1)) / u, u = 1 + x rounded. */
static inline vf vlog1p(vf x)
{
    vf u = vadd(x, vset1(1)), y = vlog(u);
    vf lost = vdiv(vsub(x, vsub(u, vset1(1))), u);
    return vselect(vm_and(vlt(x, vset1(0x1p24f)), vgt(u, vzero())), vadd(y, lost), y);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
static inline vf vsoftplus(vf x)
{
    return vadd(vmax(vzero(), x), vlog1p(vexp_below(vneg(vabs(x)))));
}

/* 1 / (1 + e^-x), and e^x / (1 + e^x) below 0, where e^-x may overflow. */
static inline vf vsigmoid(vf x)
{
    vf e = vexp_below(vneg(vabs(x)));
    return vdiv(vselect(vlt(x, vzero()), e, vset1(1)), vadd(vset1(1), e));
}

/* tanh x = t / (t + 2), t = e^(2x) - 1 = 2^n p + (2^n - 1), where nothing cancels for x >= 0; odd,
 * and 1 from 9.02 on. */
static inline vf vtanh(vf x)
{
    vf a = vmin(vset1(10), vabs(x));
    vexp_parts e = vexp_split(vadd(a, a));
    vf scale = vscale2(vset1(1), e.n);
    vf t = vfma(scale, e.p, vsub(scale, vset1(1)));
    return vcopysign(vdiv(t, vadd(t, vset1(2))), x);
}

/* The standard normal's upper tail Q(t) = erfc(t / sqrt 2) / 2 for t >= 0, given exp(-t^2 / 2):
 * Q(t) = exp(-t^2/2) u p(u), u = 1 / (1 + 0.35 t), fitted on t in [0, 14.5]. */
static inline vf vnormal_tail(vf t, vf exp_half_square)
{
    static const float p[] = {1.396213025e-01f,  1.398635060e-01f,  1.198213026e-01f,
                              1.055524275e-01f,  -2.321215905e-02f, 1.593194008e-01f,
                              -2.558387220e-01f, 1.440307796e-01f,  -2.915785462e-02f};
    vf u = vdiv(vset1(1), vfma(t, vset1(0.35f), vset1(1)));
    return vmul(vmul(exp_half_square, u), vpolynomial(u, p, 9));
}

/* erf x = x p(x^2) for x^2 < 1/2, else 1 - 2 Q(x sqrt 2); odd. */
static inline vf verf(vf x)
{
    static const float p[] = {1.128379226e+00f,  -3.761262894e-01f, 1.128352731e-01f,
                              -2.684358321e-02f, 5.135806743e-03f,  -6.927798968e-04f};
    vf a = vabs(x), s = vmul(a, a);
    vf near = vmul(a, vpolynomial(s, p, 6));
    vf tail = vnormal_tail(vmul(a, vset1(0x1.6a09e6p0f)), vexp_below(vneg(s)));
    vf far = vfma(tail, vset1(-2), vset1(1));
    return vcopysign(vselect(vlt(s, vset1(0.5f)), near, far), x);
}

/* gelu x = x Phi(x), Phi the standard normal's distribution (Hendrycks and Gimpel, 2016). */
static inline vf vgelu(vf x)
{
    vf tail = vnormal_tail(vabs(x), vexp_below(vmul(vmul(x, x), vset1(-0.5f))));
    return vmul(x, vselect(vlt(x, vzero()), tail, vsub(vset1(1), tail)));
}

/* gelu' x = Phi(x) + x exp(-x^2/2) / sqrt(2 pi) */
static inline vf vgelu_grad(vf x)
{
    vf e = vexp_below(vmul(vmul(x, x), vset1(-0.5f)));
    vf tail = vnormal_tail(vabs(x), e);
    vf phi = vselect(vlt(x, vzero()), tail, vsub(vset1(1), tail));
    return vfma(vmul(x, vset1(0.398942280f)), e, phi);
}

/* -limit..limit, beyond which a slope is that of the limit; NaN stays. */
static inline vf vwithin(float limit, vf x)
{
    return vmin(vset1(limit), vmax(vset1(-limit), x));
}

/* Twice the argument of gelu's tanh (Hendrycks and Gimpel, 2016): 2 sqrt(2/pi) (x + 0.044715 x^3)
 */
static inline vf vgelu_tanh_inner(vf x)
{
    vf cubic = vfma(vmul(x, x), vset1(0.0713548163f), vset1(1.595769122f));
    return vmul(x, cubic);
}

/* x (1 + tanh(u)) / 2 = x sigmoid(2 u) */
static inline vf vgelu_tanh(vf x)
{
    return vmul(x, vsigmoid(vgelu_tanh_inner(x)));
}

/* s + x s (1 - s) v', s = sigmoid(v), v = 2 u; s (1 - s) = e / (1 + e)^2, e = exp(-|v|), which
 * does not cancel. */
static inline vf vgelu_tanh_grad(vf x)
{
    x = vwithin(10, x);
    vf v = vgelu_tanh_inner(x), e = vexp_below(vneg(vabs(v)));
    vf d = vdiv(vset1(1), vadd(vset1(1), e)), ed = vmul(e, d);
    vf inner = vfma(vmul(x, x), vset1(0.214064449f), vset1(1.595769122f));
    return vfma(vmul(x, inner), vmul(ed, d), vselect(vlt(v, vzero()), ed, d));
}

/* x sigmoid(x) (Elfwing et al. 2017) */
static inline vf vsilu(vf x)
{
    return vmul(x, vsigmoid(x));
}

/* s (1 + x (1 - s)) */
static inline vf vsilu_grad(vf x)
{
    vf s = vsigmoid(x);
    return vmul(s, vfma(x, vsub(vset1(1), s), vset1(1)));
}

/* 2 / (n + 2), n = e (e + 2), e = e^x, which is 1 - tanh(log(1 + e)) (Misra 2019). */
static inline vf vmish_rest(vf e)
{
    return vdiv(vset1(2), vfma(e, vadd(e, vset1(2)), vset1(2)));
}

/* x tanh(softplus(x)) = x n / (n + 2) */
static inline vf vmish(vf x)
{
    vf e = vexp(vmin(vset1(20), x)), n = vmul(e, vadd(e, vset1(2)));
    return vmul(x, vdiv(n, vadd(n, vset1(2))));
}

/* t + x (1 - t^2) sigmoid(x), t = tanh(softplus(x)) */
static inline vf vmish_grad(vf x)
{
    x = vmin(vset1(20), x);
    vf e = vexp(x), rest = vmish_rest(e), t = vsub(vset1(1), rest);
    vf s = vdiv(e, vadd(e, vset1(1)));
    return vfma(vmul(x, s), vmul(rest, vadd(vset1(1), t)), t);
}

#endif
