/* SPDX-License-Identifier: Apache-2.0 */
/* The update of Lion (Chen et al. 2023), whose steps have one size; g' is what ops/updates.h makes
 * of g: w' = w - lr * sign(beta1 * m + (1 - beta1) * g'),  m' = beta2 * m + (1 - beta2) * g' where
 * sign(0) is 0. */
#include "ops/updates.h"

static const snug_attr lion_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, beta1, 0, 1, 0.9, "share of m in the step's sign"),
    ATTR_FLOAT(snug_update_attrs, beta2, 0, 1, 0.99, "decay of the mean gradient"),
    DECAY_ROWS,
    {0}};

static snug_cost lion_cost(const snug_sig *s)
{
    return snug_cost_of(s, 8 * (double)snug_shape_elements(&s->in[0].shape));
}

/* NaN stays. */
static double sign(double v)
{
    return v > 0 ? 1 : v < 0 ? -1 : v;
}

static void lion_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const double lr = update_rate(c);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        double m = snug_load(&c->in[2], i);
        snug_store(&c->out[0], i, e.w - lr * sign(a->beta1 * m + (1 - a->beta1) * e.g));
        snug_store(&c->out[1], i, a->beta2 * m + (1 - a->beta2) * e.g);
    }
}

static const snug_update_attrs
    plain = {.beta1 = 0.9, .beta2 = 0.99},
    decay = {.beta1 = 0.9, .beta2 = 0.99, .weight_decay = 0.01},
    apart = {.beta1 = 0.95, .beta2 = 0.98, .weight_decay = 0.1, .decoupled = 1},
    clipped = {.beta1 = 0.9, .beta2 = 0.99, .clip_value = 0.5},
    even = {.beta1 = 0.5, .beta2 = 0.99}; /* among many sums some cancel: exactly, with halves */

static const snug_case lion_cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 4, .in = INPUTS(FIXED(1), FIXED(1), FIXED(1), HYPER)},
    {.name = "decay",
     .attrs = &decay,
     .n_in = 4,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED(7, 5), HYPER)},
    {.name = "decoupled",
     .attrs = &apart,
     .n_in = 4,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED(7, 5), HYPER)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 5,
     .in = INPUTS(FIXED(67), FIXED(67), FIXED(67), HYPER, SCALE)},
    {.name = "convolution",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5), HYPER)},
    {.name = "mlp",
     .bench = true,
     .attrs = &even,
     .n_in = 4,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED(784, 512), HYPER)},
    {0}};

const snug_op snug_op_lion_update = {
    .name = "lion_update",
    .doc =
        "lion_update(w, g, m, hyper f32 [4], scale []?) -> w', m'\n"
        "w' = w - hyper[0] * sign(beta1 * m + (1 - beta1) * g'), m' = beta2 * m + (1 - beta2) *\n"
        "g', g' = clamp(g * scale) + weight_decay * w (Chen et al. 2023). Weight decay is added "
        "to\n"
        "g, or, decoupled, taken from w. No gradient.",
    .n_in_min = 4,
    .n_in_max = 5,
    .n_out = 2,
    .flags = SNUG_OP_UPDATE,
    .attrs = lion_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = lion_cost,
    .ref = lion_ref,
    .cases = lion_cases};
