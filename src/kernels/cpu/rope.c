/* SPDX-License-Identifier: Apache-2.0 */
/* rope on f32. Cosines and sines of a call are made first, in double and then rounded, with
 * arithmetic of our own: positions are large, and every machine must turn by the same angle. */
#include "kernels/cpu/spans.h"
#include "ops/ops.h"
#include "ops/rules.h"

/* e^x for |x| < 700: 2^n e^r with r in [-ln2/2, ln2/2], Taylor's series of e^r. */
static double exp_double(double x)
{
    const double to_integer = 0x1.8p52;
    double n = (x * 0x1.71547652b82fep0 + to_integer) - to_integer;
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33, y = 1;
    for (int i = 14; i > 0; i--) y = 1 + y * r / i;
    uint64_t bits = (uint64_t)((int64_t)n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return y * power;
}

/* log x for x >= 1: log m + e ln 2, log m = 2 atanh((m - 1) / (m + 1)). */
static double log_double(double x)
{
    int e = 0;
    for (; x > 1.4; e++) x *= 0.5;
    double f = (x - 1) / (x + 1), sum = 0;
    for (int i = 25; i > 0; i -= 2) sum = sum * f * f + 1.0 / i;
    return 2 * f * sum + e * 0x1.62e42fefa39efp-1;
}

/* x = k pi/2 + r, r in [-pi/4, pi/4]; pi/2 is split so that k times its upper part is exact. */
static void sin_cos(double x, double *s, double *c)
{
    const double to_integer = 0x1.8p52;
    double k = (x * 0x1.45f306dc9c883p-1 + to_integer) - to_integer;
    double r = (x - k * 0x1.921fb544p0) - k * 0x1.0b4611a626331p-34, rr = r * r, a = 1, b = 1;
    for (int i = 16; i > 0; i -= 2) {
        a = 1 - a * rr / (i * (i + 1)); /* sin r / r */
        b = 1 - b * rr / (i * (i - 1)); /* cos r */
    }
    a *= r;
    int64_t quarter = (int64_t)k & 3;
    *s = quarter & 1 ? b : a;
    *c = quarter & 1 ? a : b;
    if (quarter == 2 || quarter == 3) *s = -*s;
    if (quarter == 1 || quarter == 2) *c = -*c;
}

/* cos [T][width / 2], then sin. */
static void table_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_rope_attrs *a = c->attrs;
    int64_t half = a->width / 2, t_all = c->in[0].type.shape.dim[1];
    double first = c->n_in > 1 ? *(const int32_t *)c->in[1].data : 0;
    double step = -2 * log_double(a->base) / (double)a->width;
    float *cosines = c->scratch, *sines = cosines + t_all * half;
    for (int64_t i = 0; i < half; i++) {
        double frequency = exp_double(step * (double)i), s, k;
        for (int64_t t = begin; t < end; t++) {
            sin_cos((first + (double)t) * frequency, &s, &k);
            cosines[t * half + i] = (float)k;
            sines[t * half + i] = (float)(a->inverse ? -s : s);
        }
    }
}

static void turn_halves(const float *x, float *y, int64_t half, const float *k, const float *s)
{
    for (int64_t i = 0; i < half; i += VLEN) {
        int n = vlanes(i, half);
        vf x1 = vload_n(x + i, n), x2 = vload_n(x + half + i, n);
        vf cosine = vload_n(k + i, n), sine = vload_n(s + i, n);
        vstore_n(y + i, vsub(vmul(x1, cosine), vmul(x2, sine)), n);
        vstore_n(y + half + i, vadd(vmul(x2, cosine), vmul(x1, sine)), n);
    }
}

static void turn_pairs(const float *x, float *y, int64_t half, const float *k, const float *s)
{
    for (int64_t i = 0; i < half; i++) {
        float x1 = x[2 * i], x2 = x[2 * i + 1];
        y[2 * i] = x1 * k[i] - x2 * s[i];
        y[2 * i + 1] = x2 * k[i] + x1 * s[i];
    }
}

static void rope_rows(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_rope_attrs *a = c->attrs;
    const int64_t *dim = c->in[0].type.shape.dim;
    int64_t half = a->width / 2, used = a->heads * a->width;
    const float *cosines = c->scratch, *sines = cosines + dim[1] * half;
    for (int64_t r = begin; r < end; r++) {
        const float *x = (const float *)c->in[0].data + r * dim[2];
        float *y = (float *)c->out[0].data + r * dim[2];
        int64_t at = r % dim[1] * half;
        for (int64_t h = 0; h < used; h += a->width)
            (a->interleaved ? turn_pairs : turn_halves)(x + h, y + h, half, cosines + at,
                                                        sines + at);
        if (x != y) memcpy(y + used, x + used, (size_t)(dim[2] - used) * sizeof *y);
    }
}

static void k_rope_f32(const snug_call *c)
{
    const snug_rope_attrs *a = c->attrs;
    const int64_t *dim = c->in[0].type.shape.dim;
    int64_t grain = span_rows(dim[2], SPAN_MATH);
    if (dim[0] * dim[1] == 0) return;
    spans_run(c, dim[1], 1 + 1024 / a->width, table_rows);
    spans_run(c, dim[0] * dim[1], grain, rope_rows);
}

static size_t rope_scratch(const snug_sig *s, int threads)
{
    const snug_rope_attrs *a = s->attrs;
    (void)threads;
    return (size_t)(s->in[0].shape.dim[1] * a->width) * sizeof(float);
}

KERNEL_TABLE(rope) = {
    {.op = "rope", .name = "k_rope_f32", .scratch = rope_scratch, .run = k_rope_f32},
    {0},
};
