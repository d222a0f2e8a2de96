/* SPDX-License-Identifier: Apache-2.0 */
/* exp, log, tanh, erf and GELU of vectors, on vec.h alone: a lane's result depends on its input
 * and the tier only, never on the lane or its neighbours. Largest errors over all floats, held by
 * tests/kernels/tier_vmath.c on every tier:
 *     vexp   2 ulp, subnormal results included      vlog   2 ulp, subnormal arguments included
 *     vtanh  4 ulp                                  verf   4 ulp
 *     vgelu, vgelu_grad   4e-7 of max(1, |x|)
 * NaN gives NaN; infinities and zeros as in C's <math.h>.
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

/* 2^n for -126 <= n <= 127 */
static inline vf vpow2(vi n)
{
    return vi_as_vf(vishl(viadd(n, viset1(127)), 23));
}

/* e^x = 2^n e^r, n = round(x / ln 2), r = x - n ln 2 in [-ln2/2, ln2/2];
 * e^r = 1 + r + r^2 q(r). ln 2 is split so that its upper part times n is exact (Cody and Waite).
 * 2^n is applied in two halves so that results may be subnormal. */
static inline vf vexp(vf x)
{
    static const float q[] = {4.999999404e-01f, 1.666652113e-01f, 4.166838899e-02f,
                              8.368735202e-03f, 1.381456037e-03f};
    const float to_integer = 0x1.8p23f; /* after this addition the low bits are the integer */
    x = vmin(vset1(89), vmax(vset1(-104), x));
    vf shifted = vfma(x, vset1(0x1.715476p0f), vset1(to_integer));
    vf n = vsub(shifted, vset1(to_integer));
    vf r = vfma(n, vset1(-0.693359375f), x);
    r = vfma(n, vset1(2.12194440e-4f), r);
    vf y = vadd(vfma(vmul(r, r), vpolynomial(r, q, 5), r), vset1(1));
    vi ni = visub(vf_as_vi(shifted), viset1(0x4b400000));
    vi half = visub(vishr(viadd(ni, viset1(256)), 1), viset1(128));
    return vmul(vmul(y, vpow2(half)), vpow2(visub(ni, half)));
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

/* tanh x = x + x^3 p(x^2) below 0.63, else 1 - 2 / (e^(2x) + 1); odd. */
static inline vf vtanh(vf x)
{
    static const float p[] = {-3.333327472e-01f, 1.333127469e-01f, -5.372512713e-02f,
                              2.058982663e-02f, -5.648316350e-03f};
    vf a = vabs(x), s = vmul(a, a);
    vf near = vfma(vmul(a, s), vpolynomial(s, p, 5), a);
    vf far = vsub(vset1(1), vdiv(vset1(2), vadd(vexp(vadd(a, a)), vset1(1))));
    return vcopysign(vselect(vlt(s, vset1(0.4f)), near, far), x);
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
    vf tail = vnormal_tail(vmul(a, vset1(0x1.6a09e6p0f)), vexp(vneg(s)));
    vf far = vfma(tail, vset1(-2), vset1(1));
    return vcopysign(vselect(vlt(s, vset1(0.5f)), near, far), x);
}

/* gelu x = x Phi(x), Phi the standard normal's distribution (Hendrycks and Gimpel, 2016). */
static inline vf vgelu(vf x)
{
    vf tail = vnormal_tail(vabs(x), vexp(vmul(vmul(x, x), vset1(-0.5f))));
    return vmul(x, vselect(vlt(x, vzero()), tail, vsub(vset1(1), tail)));
}

/* gelu' x = Phi(x) + x exp(-x^2/2) / sqrt(2 pi) */
static inline vf vgelu_grad(vf x)
{
    vf e = vexp(vmul(vmul(x, x), vset1(-0.5f)));
    vf tail = vnormal_tail(vabs(x), e);
    vf phi = vselect(vlt(x, vzero()), tail, vsub(vset1(1), tail));
    return vfma(vmul(x, vset1(0.398942280f)), e, phi);
}

#endif
