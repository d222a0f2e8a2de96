/* SPDX-License-Identifier: Apache-2.0 */
/* The update of LAMB (You et al. 2020): Adam's step, whose length is made that of the tensor; g' is
 * what ops/updates.h makes of g, without weight decay.
 *     m' = beta1 * m + (1 - beta1) * g',  v' = beta2 * v + (1 - beta2) * g'^2,
 *     u = (m' / hyper[1]) / (sqrt(v' / hyper[2]) + epsilon) + weight_decay * w,
 *     w' = w - lr * |w| / |u| * u,        where |w| / |u| is 1 if either is 0. */
#include "ops/updates.h"
#include <math.h>

static const snug_attr lamb_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, beta1, 0, 1, 0.9, "decay of the mean gradient"),
    ATTR_FLOAT(snug_update_attrs, beta2, 0, 1, 0.999, "decay of the mean squared gradient"),
    ATTR_FLOAT(snug_update_attrs, epsilon, 0, 1, 1e-6, "added to the root"),
    ATTR_FLOAT(snug_update_attrs, weight_decay, 0, 1e6, 0, "pull towards 0, part of the step"),
    ATTR_FLOAT(snug_update_attrs, clip_value, 0, 1e30, 0,
               "each element of g is kept within this; 0: off"),
    {0}};

/* The norms make every element depend on every other. */
static int lamb_axes(const snug_sig *s, snug_axis_use *u)
{
    (void)s, (void)u;
    return 0;
}

static snug_cost lamb_cost(const snug_sig *s)
{
    return snug_cost_of(s, 32 * (double)snug_shape_elements(&s->in[0].shape));
}

static double step_at(const snug_call *c, int64_t i)
{
    const snug_update_attrs *a = c->attrs;
    const snug_tensor *hyper = &c->in[4];
    const double m = snug_load(&c->out[1], i) / snug_load(hyper, 1);
    const double v = snug_load(&c->out[2], i) / snug_load(hyper, 2);
    return m / (sqrt(v) + a->epsilon) + a->weight_decay * snug_load(&c->in[0], i);
}

static void lamb_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const int64_t n = snug_shape_elements(&c->in[0].type.shape);
    double ww = 0, uu = 0;
    for (int64_t i = 0; i < n; i++) {
        const double g = update_gradient_at(c, i), w = snug_load(&c->in[0], i);
        const double m = a->beta1 * snug_load(&c->in[2], i) + (1 - a->beta1) * g;
        const double v = a->beta2 * snug_load(&c->in[3], i) + (1 - a->beta2) * g * g;
        snug_store(&c->out[1], i, m);
        snug_store(&c->out[2], i, v);
        ww += w * w;
        uu += step_at(c, i) * step_at(c, i);
    }
    const double trust = ww > 0 && uu > 0 ? sqrt(ww) / sqrt(uu) : 1;
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i, snug_load(&c->in[0], i) - update_rate(c) * trust * step_at(c, i));
}

static const snug_update_attrs
    plain = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-6},
    decay = {.beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-4, .weight_decay = 0.1},
    clipped = {.beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-6, .clip_value = 0.5};

/* bias corrections must be away from 0 */
#define HYPER_ADAM FIXED_OF(POSITIVE, 4)

static const snug_case lamb_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(1), FIXED(1), FIXED(1), FIXED_OF(UNIT, 1), HYPER_ADAM)},
    {.name = "decay",
     .attrs = &decay,
     .n_in = 5,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), HYPER_ADAM)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 6,
     .in = INPUTS(FIXED(67), FIXED(67), FIXED(67), FIXED_OF(UNIT, 67), HYPER_ADAM, SCALE)},
    {.name = "chunks",
     .attrs = &decay,
     .n_in = 5,
     .in = INPUTS(FIXED(4099), FIXED(4099), FIXED(4099), FIXED_OF(UNIT, 4099), HYPER_ADAM)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED(784, 512), FIXED_OF(UNIT, 784, 512),
                  HYPER_ADAM)},
    {0}};

const snug_op snug_op_lamb_update = {
    .name = "lamb_update",
    .doc = "lamb_update(w, g, m, v, hyper f32 [4], scale []?) -> w', m', v'\n"
           "m' = beta1 * m + (1 - beta1) * g', v' = beta2 * v + (1 - beta2) * g'^2,\n"
           "u = (m' / hyper[1]) / (sqrt(v' / hyper[2]) + epsilon) + weight_decay * w,\n"
           "w' = w - hyper[0] * |w| / |u| * u, g' = clamp(g * scale); the ratio of the norms is 1\n"
           "where one of them is 0 (You et al. 2020). No gradient.",
    .n_in_min = 5,
    .n_in_max = 6,
    .n_out = 3,
    .flags = SNUG_OP_UPDATE,
    .attrs = lamb_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3, 4},
    .shape = snug_update_shape,
    .axes = lamb_axes,
    .cost = lamb_cost,
    .ref = lamb_ref,
    .cases = lamb_cases};
