/* SPDX-License-Identifier: Apache-2.0 */
/* Updates whose steps are measured by squared gradients; g' is what ops/updates.h makes of g.
 *     rmsprop:   v' = alpha * v + (1 - alpha) * g'^2,
 *                w' = w - lr * g' / (sqrt(v') + epsilon)              (Tieleman and Hinton 2012)
 *     adagrad:   v' = v + g'^2,  w' = w - lr * g' / (sqrt(v') + epsilon)
 *                                                            (Duchi, Hazan and Singer 2011)
 *     adadelta:  v' = rho * v + (1 - rho) * g'^2,
 *                d = g' * sqrt(u + epsilon) / sqrt(v' + epsilon),
 *                u' = rho * u + (1 - rho) * d^2,  w' = w - lr * d                 (Zeiler 2012) */
#include "ops/updates.h"
#include <math.h>

static const snug_attr rmsprop_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, alpha, 0, 1, 0.99, "decay of the mean squared gradient"),
    ATTR_FLOAT(snug_update_attrs, epsilon, 0, 1, 1e-8, "added to the root"),
    DECAY_ROWS,
    {0}};
static const snug_attr adagrad_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, epsilon, 0, 1, 1e-10, "added to the root"), DECAY_ROWS, {0}};
static const snug_attr adadelta_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, rho, 0, 1, 0.9, "decay of both means of squares"),
    ATTR_FLOAT(snug_update_attrs, epsilon, 0, 1, 1e-6, "added to the squares"),
    DECAY_ROWS,
    {0}};

static snug_cost root_cost(const snug_sig *s)
{
    return snug_cost_of(s, 9 * (double)snug_shape_elements(&s->in[0].shape));
}

static snug_cost adadelta_cost(const snug_sig *s)
{
    return snug_cost_of(s, 16 * (double)snug_shape_elements(&s->in[0].shape));
}

static void rmsprop_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const double lr = update_rate(c);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        double v = a->alpha * snug_load(&c->in[2], i) + (1 - a->alpha) * e.g * e.g;
        snug_store(&c->out[0], i, e.w - lr * e.g / (sqrt(v) + a->epsilon));
        snug_store(&c->out[1], i, v);
    }
}

static void adagrad_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const double lr = update_rate(c);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        double v = snug_load(&c->in[2], i) + e.g * e.g;
        snug_store(&c->out[0], i, e.w - lr * e.g / (sqrt(v) + a->epsilon));
        snug_store(&c->out[1], i, v);
    }
}

static void adadelta_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const double lr = update_rate(c);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        double v = a->rho * snug_load(&c->in[2], i) + (1 - a->rho) * e.g * e.g;
        double u = snug_load(&c->in[3], i);
        double d = e.g * sqrt(u + a->epsilon) / sqrt(v + a->epsilon);
        snug_store(&c->out[0], i, e.w - lr * d);
        snug_store(&c->out[1], i, v);
        snug_store(&c->out[2], i, a->rho * u + (1 - a->rho) * d * d);
    }
}

static const snug_update_attrs
    plain = {.alpha = 0.99, .rho = 0.9, .epsilon = 1e-6},
    decay = {.alpha = 0.99, .rho = 0.9, .epsilon = 1e-6, .weight_decay = 0.01},
    apart = {.alpha = 0.9, .rho = 0.8, .epsilon = 1e-4, .weight_decay = 0.1, .decoupled = 1},
    clipped = {.alpha = 0.99, .rho = 0.9, .epsilon = 1e-6, .clip_value = 0.5};

static const snug_case root_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(FIXED(1), FIXED(1), FIXED_OF(UNIT, 1), HYPER)},
    {.name = "decay",
     .attrs = &decay,
     .n_in = 4,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), HYPER)},
    {.name = "decoupled",
     .attrs = &apart,
     .n_in = 4,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), HYPER)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 5,
     .in = INPUTS(FIXED(67), FIXED(67), FIXED_OF(UNIT, 67), HYPER, SCALE)},
    {.name = "convolution",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5), FIXED_OF(UNIT, 3, 3, 2, 5), HYPER)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED_OF(UNIT, 784, 512), HYPER)},
    {0}};

static const snug_case adadelta_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(1), FIXED(1), FIXED_OF(UNIT, 1), FIXED_OF(UNIT, 1), HYPER)},
    {.name = "decay",
     .attrs = &decay,
     .n_in = 5,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), FIXED_OF(UNIT, 7, 5), HYPER)},
    {.name = "decoupled",
     .attrs = &apart,
     .n_in = 5,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), FIXED_OF(UNIT, 7, 5), HYPER)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 6,
     .in = INPUTS(FIXED(67), FIXED(67), FIXED_OF(UNIT, 67), FIXED_OF(UNIT, 67), HYPER, SCALE)},
    {.name = "convolution",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5), FIXED_OF(UNIT, 3, 3, 2, 5),
                  FIXED_OF(UNIT, 3, 3, 2, 5), HYPER)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED_OF(UNIT, 784, 512),
                  FIXED_OF(UNIT, 784, 512), HYPER)},
    {0}};

const snug_op snug_op_rmsprop_update = {
    .name = "rmsprop_update",
    .doc =
        "rmsprop_update(w, g, v, hyper f32 [4], scale []?) -> w', v'\n"
        "v' = alpha * v + (1 - alpha) * g'^2, w' = w - hyper[0] * g' / (sqrt(v') + epsilon), g' =\n"
        "clamp(g * scale) + weight_decay * w (Tieleman and Hinton 2012). No gradient.",
    .n_in_min = 4,
    .n_in_max = 5,
    .n_out = 2,
    .flags = SNUG_OP_UPDATE,
    .attrs = rmsprop_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = root_cost,
    .ref = rmsprop_ref,
    .cases = root_cases};

const snug_op snug_op_adagrad_update = {
    .name = "adagrad_update",
    .doc = "adagrad_update(w, g, v, hyper f32 [4], scale []?) -> w', v'\n"
           "v' = v + g'^2, w' = w - hyper[0] * g' / (sqrt(v') + epsilon), g' = clamp(g * scale) +\n"
           "weight_decay * w (Duchi, Hazan and Singer 2011). No gradient.",
    .n_in_min = 4,
    .n_in_max = 5,
    .n_out = 2,
    .flags = SNUG_OP_UPDATE,
    .attrs = adagrad_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = root_cost,
    .ref = adagrad_ref,
    .cases = root_cases};

const snug_op snug_op_adadelta_update = {
    .name = "adadelta_update",
    .doc = "adadelta_update(w, g, v, u, hyper f32 [4], scale []?) -> w', v', u'\n"
           "v' = rho * v + (1 - rho) * g'^2, d = g' * sqrt(u + epsilon) / sqrt(v' + epsilon),\n"
           "u' = rho * u + (1 - rho) * d^2, w' = w - hyper[0] * d, g' = clamp(g * scale) +\n"
           "weight_decay * w (Zeiler 2012). No gradient.",
    .n_in_min = 5,
    .n_in_max = 6,
    .n_out = 3,
    .flags = SNUG_OP_UPDATE,
    .attrs = adadelta_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3, 4},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = adadelta_cost,
    .ref = adadelta_ref,
    .cases = adadelta_cases};
