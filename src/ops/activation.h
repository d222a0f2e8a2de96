/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as reference kernels compute them, in double. */
#ifndef OPS_ACTIVATION_H
#define OPS_ACTIVATION_H

#include "ops/ops.h"
#include <math.h>

#define SQRT_HALF    0.70710678118654752440
#define INV_SQRT_2PI 0.39894228040143267794
#define SELU_ALPHA   1.67326324235437728481 /* Klambauer et al. 2017 */
#define SELU_SCALE   1.05070098735548049342

static inline double act_relu(double v)
{
    return v > 0 || v != v ? v : 0; /* NaN stays */
}

/* v between min and max; NaN stays */
static inline double act_between(double v, double min, double max)
{
    return v < min ? min : v > max ? max : v;
}

/* v * Phi(v), Phi the normal distribution (Hendrycks and Gimpel 2016). */
static inline double act_gelu(double v)
{
    return 0.5 * v * (1 + erf(v * SQRT_HALF));
}

static inline double act_gelu_slope(double v)
{
    return 0.5 * (1 + erf(v * SQRT_HALF)) + v * exp(-0.5 * v * v) * INV_SQRT_2PI;
}

static inline double act_apply(int64_t act, double v)
{
    if (act == ACT_RELU) return act_relu(v);
    if (act == ACT_RELU6) return act_between(v, 0, 6);
    return act == ACT_GELU ? act_gelu(v) : v;
}

/* dy where an activation that cuts v off has let it pass, else 0. */
static inline double act_mask(int64_t act, double v, double dy)
{
    bool passed = act == ACT_NONE || (v > 0 && (act != ACT_RELU6 || v < 6));
    return passed ? dy : 0;
}

#endif
