/* SPDX-License-Identifier: Apache-2.0 */
/* Updates of a parameter w by its gradient g and a learning rate lr, hyper[0]; g' is what
 * ops/updates.h makes of g.
 *     sgd:       w' = w - lr * g'
 *     momentum:  m' = momentum * m + g',  w' = w - lr * m'                    (Polyak 1964)
 *                with nesterov: w' = w - lr * (g' + momentum * m')            (Nesterov 1983)
 *     adam:      m' = beta1 * m + (1 - beta1) * g',  v' = beta2 * v + (1 - beta2) * g'^2,
 *                w' = w - lr * (m' / hyper[1]) / (sqrt(v' / hyper[2]) + epsilon)
 * with hyper[1] = 1 - beta1^t and hyper[2] = 1 - beta2^t at step t (Kingma and Ba 2015). */
#include "ops/updates.h"
#include <math.h>

static const snug_attr sgd_attrs[] = {DECAY_ROWS, {0}};
static const snug_attr momentum_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, momentum, 0, 1, 0.9, "share of the old step that is kept"),
    ATTR_BOOL(snug_update_attrs, nesterov, "step with the gradient and the next step's momentum"),
    DECAY_ROWS,
    {0}};
static const snug_attr adam_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, beta1, 0, 1, 0.9, "decay of the mean gradient"),
    ATTR_FLOAT(snug_update_attrs, beta2, 0, 1, 0.999, "decay of the mean squared gradient"),
    ATTR_FLOAT(snug_update_attrs, epsilon, 0, 1, 1e-8, "added to the root"),
    DECAY_ROWS,
    {0}};

snug_status snug_infer_hyper(const snug_infer *f, int i)
{
    char w[SNUG_SHAPE_TEXT], h[SNUG_SHAPE_TEXT];
    const snug_shape *s = &f->in[i].shape;
    TRY(snug_infer_float(f, i, -1));
    CHECK(s->n_dims == 1 && s->dim[0] == 4 && s->kind[0] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "update '%s' of %s: input %d holds the learning rate and must be [4], not %s", f->name,
          snug_shape_text(&f->in[0].shape, w, sizeof w), i, snug_shape_text(s, h, sizeof h));
    return SNUG_OK;
}

snug_status snug_update_shape(snug_infer *f)
{
    int hyper = update_hyper(f->n_out);
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < hyper; i++) {
        TRY(snug_infer_float(f, i, -1));
        TRY(snug_infer_same(f, i, 0));
    }
    TRY(snug_infer_hyper(f, hyper));
    if (f->n_in > hyper + 1) TRY(snug_infer_scalar(f, hyper + 1));
    f->out[0] = f->in[0];
    for (int o = 1; o < f->n_out; o++) f->out[o] = f->in[1 + o];
    return SNUG_OK;
}

int snug_update_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0, n_dims = s->in[0].shape.n_dims;
    /* three outputs of four inputs of more axes than this would not fit the list */
    int n_axes = n_dims * s->n_out * update_hyper(s->n_out) <= SNUG_MAX_AXIS_USES ? n_dims : 1;
    for (int o = 0; o < s->n_out; o++)
        for (int i = 0; i < update_hyper(s->n_out); i++)
            for (int axis = n_dims - n_axes; axis < n_dims; axis++)
                n = snug_use_axis(u, n, o, axis, i, axis);
    return n;
}

static snug_cost update_cost(const snug_sig *s)
{
    static const double flops[] = {0, 4, 6, 16};
    return snug_cost_of(s, flops[s->n_out] * (double)snug_shape_elements(&s->in[0].shape));
}

static void sgd_ref(const snug_call *c)
{
    double lr = update_rate(c);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        snug_store(&c->out[0], i, e.w - lr * e.g);
    }
}

static void momentum_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    double lr = update_rate(c);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        double m = a->momentum * snug_load(&c->in[2], i) + e.g;
        snug_store(&c->out[0], i, e.w - lr * (a->nesterov ? e.g + a->momentum * m : m));
        snug_store(&c->out[1], i, m);
    }
}

static void adam_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    double lr = snug_load(&c->in[4], 0), correct1 = snug_load(&c->in[4], 1);
    double correct2 = snug_load(&c->in[4], 2);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        update_element e = update_element_at(c, i);
        double m = a->beta1 * snug_load(&c->in[2], i) + (1 - a->beta1) * e.g;
        double v = a->beta2 * snug_load(&c->in[3], i) + (1 - a->beta2) * e.g * e.g;
        double step = m / correct1 / (sqrt(v / correct2) + a->epsilon);
        snug_store(&c->out[0], i, e.w - lr * step);
        snug_store(&c->out[1], i, m);
        snug_store(&c->out[2], i, v);
    }
}

static const snug_update_attrs
    plain = {.momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
    decay = {.momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.01},
    apart = {.momentum = 0.5,
             .beta1 = 0.8,
             .beta2 = 0.99,
             .epsilon = 1e-6,
             .weight_decay = 0.1,
             .decoupled = 1},
    ahead = {.momentum = 0.9, .nesterov = 1, .weight_decay = 0.01},
    clipped = {.momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .clip_value = 0.5};

/* bias corrections must be away from 0 */
#define HYPER_ADAM FIXED_OF(POSITIVE, 4)

static const snug_case sgd_cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 3, .in = INPUTS(FIXED(1), FIXED(1), HYPER)},
    {.name = "decay", .attrs = &decay, .n_in = 3, .in = INPUTS(FIXED(7, 5), FIXED(7, 5), HYPER)},
    {.name = "decoupled",
     .attrs = &apart,
     .n_in = 3,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), HYPER)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 4,
     .in = INPUTS(FIXED(67), FIXED(67), HYPER, SCALE)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), HYPER)},
    {0}};

static const snug_case momentum_cases[] = {
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
    {.name = "nesterov",
     .attrs = &ahead,
     .n_in = 4,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED(7, 5), HYPER)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED(784, 512), HYPER)},
    {0}};

static const snug_case adam_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(1), FIXED(1), FIXED(1), FIXED_OF(UNIT, 1), HYPER_ADAM)},
    {.name = "decay",
     .attrs = &decay,
     .n_in = 5,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), HYPER_ADAM)},
    {.name = "decoupled",
     .attrs = &apart,
     .n_in = 5,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7, 5), HYPER_ADAM)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 6,
     .in = INPUTS(FIXED(67), FIXED(67), FIXED(67), FIXED_OF(UNIT, 67), HYPER_ADAM, SCALE)},
    {.name = "convolution",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5),
                  FIXED_OF(UNIT, 3, 3, 2, 5), HYPER_ADAM)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED(784, 512), FIXED_OF(UNIT, 784, 512),
                  HYPER_ADAM)},
    {0}};

const snug_op snug_op_sgd_update = {
    .name = "sgd_update",
    .doc = "sgd_update(w, g, hyper f32 [4], scale []?) -> w'\n"
           "w' = w - hyper[0] * g', g' = clamp(g * scale) + weight_decay * w. No gradient.",
    .n_in_min = 3,
    .n_in_max = 4,
    .n_out = 1,
    .flags = SNUG_OP_UPDATE,
    .attrs = sgd_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = update_cost,
    .ref = sgd_ref,
    .cases = sgd_cases};

const snug_op snug_op_momentum_update = {
    .name = "momentum_update",
    .doc =
        "momentum_update(w, g, m, hyper f32 [4], scale []?) -> w', m'\n"
        "m' = momentum * m + g', w' = w - hyper[0] * m', g' = clamp(g * scale) + weight_decay *\n"
        "w (Polyak 1964); with nesterov w' = w - hyper[0] * (g' + momentum * m') (Nesterov 1983).\n"
        "No gradient.",
    .n_in_min = 4,
    .n_in_max = 5,
    .n_out = 2,
    .flags = SNUG_OP_UPDATE,
    .attrs = momentum_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = update_cost,
    .ref = momentum_ref,
    .cases = momentum_cases};

const snug_op snug_op_adam_update = {
    .name = "adam_update",
    .doc =
        "adam_update(w, g, m, v, hyper f32 [4], scale []?) -> w', m', v'\n"
        "m' = beta1 * m + (1 - beta1) * g', v' = beta2 * v + (1 - beta2) * g'^2,\n"
        "w' = w - hyper[0] * (m' / hyper[1]) / (sqrt(v' / hyper[2]) + epsilon), where hyper is\n"
        "learning rate, 1 - beta1^t, 1 - beta2^t (Kingma and Ba 2015). Weight decay is added to\n"
        "g, or, decoupled, taken from w (Loshchilov and Hutter 2019). No gradient.",
    .n_in_min = 5,
    .n_in_max = 6,
    .n_out = 3,
    .flags = SNUG_OP_UPDATE,
    .attrs = adam_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3, 4},
    .shape = snug_update_shape,
    .axes = snug_update_axes,
    .cost = update_cost,
    .ref = adam_ref,
    .cases = adam_cases};
