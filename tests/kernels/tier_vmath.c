/* SPDX-License-Identifier: Apache-2.0 */
/* vmath.h against the C library in double: the error bounds that its first lines state, over floats
 * of all magnitudes, and independence of lanes. Built once for each tier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "kernels/cpu/vmath.h"
#include <cmocka.h>
#include <stdio.h>

typedef struct subject {
    const char *name;
    vf (*vector)(vf);
    double (*exact)(double);
    double max_ulp;      /* bound in units in the last place of the result */
    double max_absolute; /* else bound relative to max(1, |x|) */
} subject;

static double gelu(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

static double gelu_grad(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double gelu_tanh(double x)
{
    return x * sigmoid(1.59576912160573071176 * (x + 0.044715 * x * x * x));
}

static double gelu_tanh_grad(double x)
{
    if (fabs(x) > 100) return x > 0;
    double s = sigmoid(1.59576912160573071176 * (x + 0.044715 * x * x * x));
    return s + x * s * (1 - s) * 1.59576912160573071176 * (1 + 3 * 0.044715 * x * x);
}

static double silu(double x)
{
    return x * sigmoid(x);
}

static double silu_grad(double x)
{
    double s = sigmoid(x);
    return s * (1 + x * (1 - s));
}

static double mish(double x)
{
    return x * tanh(softplus(x));
}

static double mish_grad(double x)
{
    double t = tanh(softplus(x));
    return t + x * (1 - t * t) * sigmoid(x);
}

static const subject subjects[] = {
    {"vexp", vexp, exp, 2, 0},
    {"vexpm1", vexpm1, expm1, 3, 0},
    {"vlog", vlog, log, 2, 0},
    {"vlog1p", vlog1p, log1p, 3, 0},
    {"vtanh", vtanh, tanh, 4, 0},
    {"verf", verf, erf, 4, 0},
    {"vsigmoid", vsigmoid, sigmoid, 4, 0},
    {"vsoftplus", vsoftplus, softplus, 5, 0},
    {"vgelu", vgelu, gelu, 0, 4e-7},
    {"vgelu_grad", vgelu_grad, gelu_grad, 0, 4e-7},
    {"vgelu_tanh", vgelu_tanh, gelu_tanh, 0, 4e-7},
    {"vgelu_tanh_grad", vgelu_tanh_grad, gelu_tanh_grad, 0, 4e-7},
    {"vsilu", vsilu, silu, 0, 4e-7},
    {"vsilu_grad", vsilu_grad, silu_grad, 0, 4e-7},
    {"vmish", vmish, mish, 0, 4e-7},
    {"vmish_grad", vmish_grad, mish_grad, 0, 4e-7},
};
enum { N_SUBJECTS = sizeof subjects / sizeof subjects[0] };

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The distance of neighbouring floats at |exact|, that of subnormal numbers at least. */
static double ulp_at(double exact)
{
    int exponent;
    frexp(exact, &exponent);
    return ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

static bool special(double v)
{
    return isnan(v) || isinf(v) || v == 0;
}

/* The error of one result in units of its bound. */
static double excess(const subject *s, float x, float got)
{
    double want = s->exact(x);
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if (s->max_ulp == 0) return fabs(got - want) / fmax(1, fabs((double)x)) / s->max_absolute;
    if (isinf((float)want) || isinf(got)) /* overflow may come one step early or late */
        return (float)want == got || fabs(fabs(want) / 0x1p128 - 1) < 1e-6 ? 0 : INFINITY;
    if (special(want)) return got == want ? 0 : INFINITY;
    return fabs(got - want) / ulp_at(want) / s->max_ulp;
}

static void check_floats(const subject *s, const uint32_t bits[VLEN], double *worst, float *at)
{
    float x[VLEN], y[VLEN];
    for (int i = 0; i < VLEN; i++) x[i] = from_bits(bits[i]);
    vstore(y, s->vector(vload(x)));
    for (int i = 0; i < VLEN; i++) {
        double e = excess(s, x[i], y[i]);
        if (!(e <= *worst)) *worst = e, *at = x[i];
    }
}

/* Every 1499th float of either sign: 2.8 million a function, all exponents. */
static void test_error_bounds(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        double worst = 0;
        float at = 0;
        for (uint64_t b = 0; b <= UINT32_MAX; b += VLEN * 1499) {
            uint32_t bits[VLEN];
            for (unsigned i = 0; i < VLEN; i++) bits[i] = (uint32_t)(b + i * 1499);
            check_floats(&subjects[k], bits, &worst, &at);
        }
        print_message("%-15s largest error %.2f of its bound, at %a\n", subjects[k].name, worst,
                      (double)at);
        assert_true(worst <= 1);
    }
}

static const float edges[] = {
    0.0f,      -0.0f,    1.0f,      -1.0f,      0x1p-126f, 0x1p-149f,
    88.72284f, 88.7229f, -87.3366f, -103.9721f, -104.5f,   0x1.fffffep127f,
    INFINITY,  -0.6667f, 1.33333f,  0.70710f,   9.5f,      -20.0f};

static void test_edges(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
            float y[VLEN];
            if (subjects[k].max_ulp == 0 && isinf(edges[i]))
                continue; /* inf times 0 in the formula */
            vstore(y, subjects[k].vector(vset1(edges[i])));
            assert_true(excess(&subjects[k], edges[i], y[0]) <= 1);
        }
        float y[VLEN];
        vstore(y, subjects[k].vector(vset1(NAN)));
        assert_true(isnan(y[0]));
    }
    float y[VLEN];
    vstore(y, vlog(vset1(-INFINITY)));
    assert_true(isnan(y[0]));
}

/* A value gives the same bits in every lane and whatever its neighbours are. */
static void test_lanes(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        for (int t = 0; t < 2000; t++) {
            float x[VLEN], y[VLEN], alone[VLEN];
            for (int i = 0; i < VLEN; i++) x[i] = from_bits((uint32_t)(t * VLEN + i) * 2654435761u);
            vstore(y, subjects[k].vector(vload(x)));
            vstore(alone, subjects[k].vector(vset1(x[t % VLEN])));
            if (isnan(alone[0])) continue;
            for (int i = 1; i < VLEN; i++) assert_memory_equal(&alone[i], &alone[0], sizeof(float));
            assert_memory_equal(&y[t % VLEN], &alone[0], sizeof(float));
        }
    }
}

int main(void)
{
    if (!(snug_cpu_tiers() >> SNUG_TIER & 1)) {
        puts("skipped: this CPU lacks the tier");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_bounds),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
