/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of C classes: exp(x - max) with max the row's largest, and its sum. The order of a row's sum
 * follows from C and the tier: one vector accumulator for 64 vectors at a time, then their sum,
 * then its lanes. */
#ifndef KERNELS_CPU_SOFTMAX_H
#define KERNELS_CPU_SOFTMAX_H

#include "kernels/cpu/spans.h"
#include "kernels/cpu/vmath.h"
#include "ops/rules.h"

enum { SUM_CHUNK = 64 * VLEN };

/* vmax gives its second argument when either is NaN, so the next number would forget it: NaN is
 * found by the sum instead. */
static inline float row_max(const float *x, int64_t n)
{
    vf best = vset1(-INFINITY);
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) best = vmax(vload(x + i), best);
    if (i < n) {
        int rest = (int)(n - i);
        best = vmax(vselect(vmask_n(rest), vload_n(x + i, rest), vset1(-INFINITY)), best);
    }
    return vmax_lanes(best);
}

typedef struct exponents {
    const float *x;
    float *e;
    vf max;
    bool keep; /* the terms, in e */
} exponents;

ALWAYS_INLINE vf exp_vector(const exponents *r, int64_t i, int n)
{
    vf v = vexp(vsub(vload_upto(r->x + i, n), r->max));
    if (n < VLEN) v = vselect(vmask_n(n), v, vzero());
    if (r->keep) vstore_upto(r->e + i, v, n);
    return v;
}

ALWAYS_INLINE float exp_sum(const exponents *r, int64_t n)
{
    vf total = vzero();
    for (int64_t chunk = 0; chunk < n; chunk += SUM_CHUNK) {
        int64_t i = chunk, end = n - chunk < SUM_CHUNK ? n : chunk + SUM_CHUNK;
        vf sum = vzero();
        for (; i + VLEN <= end; i += VLEN) sum = vadd(sum, exp_vector(r, i, VLEN));
        if (i < end) sum = vadd(sum, exp_vector(r, i, (int)(end - i)));
        total = vadd(total, sum);
    }
    return vsum(total);
}

/* The sum of exp(x - max). */
static inline float row_exp_sum(const float *x, int64_t n, float max)
{
    const exponents r = {.x = x, .max = vset1(max)};
    return exp_sum(&r, n);
}

/* The same, its terms into e. */
static inline float row_exp(const float *x, float *e, int64_t n, float max)
{
    const exponents r = {.x = x, .e = e, .max = vset1(max), .keep = true};
    return exp_sum(&r, n);
}

typedef struct scaling {
    const float *x;
    float *y;
    vf factor;
} scaling;

ALWAYS_INLINE void scale_at(const void *arg, int64_t i, int n)
{
    const scaling *s = arg;
    vstore_upto(s->y + i, vmul(vload_upto(s->x + i, n), s->factor), n);
}

static inline void row_scale(const float *x, float *y, int64_t n, float factor)
{
    scaling s = {x, y, vset1(factor)};
    span_each(0, n, scale_at, &s);
}

#endif
