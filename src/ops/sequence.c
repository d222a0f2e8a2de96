/* SPDX-License-Identifier: Apache-2.0 */
/* Over the steps of a sequence [N, T, C], each sample's first lengths[n] of them (all T without
 * lengths):
 *     sequence_mask: x, with zeros behind the last step;
 *     sequence_mean: mean over steps;  sequence_max: the largest, the earliest on a tie;
 *     sequence_last: the last step.
 * Of a sample without steps the last three give 0. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

static const snug_attr grad_attrs[] = {
    ATTR_INT(snug_sequence_attrs, steps, 0, MAX_EXTENT, 1, "T, steps of the gradient's result"),
    {0}};

/* ---- rules -------------------------------------------------------------------------------------
 */

static snug_status check_lengths(const snug_infer *f, int i)
{
    if (f->n_in <= i) return SNUG_OK;
    const snug_shape *x = &f->in[0].shape, *s = &f->in[i].shape;
    char tx[SNUG_SHAPE_TEXT], ts[SNUG_SHAPE_TEXT];
    CHECK(f->in[i].dtype == SNUG_I32 && s->n_dims == 1 && s->dim[0] == x->dim[0] &&
              s->kind[0] == x->kind[0],
          SNUG_ESHAPE, "'%s': lengths are %s, but must be one i32 for each sample of %s", f->name,
          snug_shape_text(s, ts, sizeof ts), snug_shape_text(x, tx, sizeof tx));
    return SNUG_OK;
}

static snug_status check_steps(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    int64_t n;
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 3, "[N, T, C]"));
    CHECK(x->kind[1] == SNUG_AXIS_FIXED && x->kind[2] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "'%s': steps and channels of %s must be fixed", f->name,
          snug_shape_text(x, text, sizeof text));
    TRY(snug_infer_mul(f, x->dim[0], x->dim[1], &n));
    return snug_infer_mul(f, n, x->dim[2], &n);
}

static snug_status mask_shape(snug_infer *f)
{
    TRY(check_steps(f));
    f->out[0] = f->in[0];
    return check_lengths(f, 1);
}

/* [N, T, C] to [N, C] */
static snug_status pool_shape(snug_infer *f)
{
    TRY(check_steps(f));
    f->out[0] = f->in[0];
    f->out[0].shape.n_dims = 2;
    f->out[0].shape.dim[1] = f->in[0].shape.dim[2];
    return check_lengths(f, 1);
}

static snug_status max_shape(snug_infer *f)
{
    TRY(pool_shape(f));
    f->out[1] = (snug_type){.shape = f->out[0].shape, .dtype = SNUG_I32};
    return SNUG_OK;
}

/* [N, C] to [N, T, C] */
static snug_status spread_shape(snug_infer *f)
{
    const snug_sequence_attrs *a = f->attrs;
    int64_t n;
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 2, "[N, C]"));
    TRY(snug_infer_mul(f, f->in[0].shape.dim[0], f->in[0].shape.dim[1], &n));
    TRY(snug_infer_mul(f, n, a->steps, &n));
    f->out[0] = f->in[0];
    f->out[0].shape.n_dims = 3;
    f->out[0].shape.dim[1] = a->steps;
    f->out[0].shape.dim[2] = f->in[0].shape.dim[1];
    return SNUG_OK;
}

static snug_status pool_grad_shape(snug_infer *f)
{
    TRY(spread_shape(f));
    return check_lengths(f, 1);
}

static snug_status max_grad_shape(snug_infer *f)
{
    char tx[SNUG_SHAPE_TEXT], ti[SNUG_SHAPE_TEXT];
    TRY(spread_shape(f));
    CHECK(f->in[1].dtype == SNUG_I32 && snug_shape_equal(&f->in[1].shape, &f->in[0].shape),
          SNUG_ESHAPE, "'%s': places are %s, but must be one i32 for each element of %s", f->name,
          snug_shape_text(&f->in[1].shape, ti, sizeof ti),
          snug_shape_text(&f->in[0].shape, tx, sizeof tx));
    return SNUG_OK;
}

/* Samples follow samples and channels channels, in every input that has them. */
static int sequence_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++) {
        for (int i = 0; i < s->n_in; i++) n = snug_use_batch(s, u, n, o, i);
        for (int i = 0; i < s->n_in; i++)
            if (s->in[i].shape.n_dims > 1)
                n = snug_use_axis(u, n, o, s->out[o].shape.n_dims - 1, i,
                                  s->in[i].shape.n_dims - 1);
    }
    return n;
}

static snug_cost sequence_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

/* ---- gradients ---------------------------------------------------------------------------------
 */

static snug_status mask_grad(snug_grad *g)
{
    if (!g->need[0]) return SNUG_OK;
    return snug_apply_all(g->graph, &snug_op_sequence_mask, NULL, NULL, 2,
                          (snug_value *[]){g->dout[0], g->in[1]}, &g->din[0]);
}

static snug_status pool_grad(snug_grad *g, const snug_op *op, snug_value *second)
{
    snug_sequence_attrs a = {.steps = snug_value_type(g->in[0]).shape.dim[1]};
    if (!g->need[0] || !g->dout[0]) return SNUG_OK;
    return snug_apply_all(g->graph, op, NULL, &a, second ? 2 : 1,
                          (snug_value *[]){g->dout[0], second}, &g->din[0]);
}

static snug_status mean_grad(snug_grad *g)
{
    return pool_grad(g, &snug_op_sequence_mean_grad, g->n_in > 1 ? g->in[1] : NULL);
}

static snug_status last_grad(snug_grad *g)
{
    return pool_grad(g, &snug_op_sequence_last_grad, g->n_in > 1 ? g->in[1] : NULL);
}

static snug_status max_grad(snug_grad *g)
{
    return pool_grad(g, &snug_op_sequence_max_grad, g->out[1]);
}

/* ---- references ---------------------------------------------------------------------------------
 */

static int64_t length_of(const snug_call *c, int64_t sample, int64_t steps)
{
    if (c->n_in < 2) return steps;
    return snug_sequence_length(&c->in[1], sample, steps);
}

static void mask_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    int64_t each = x->dim[1] * x->dim[2];
    for (int64_t i = 0; i < x->dim[0] * each; i++) {
        bool there = i % each / x->dim[2] < length_of(c, i / each, x->dim[1]);
        snug_store(&c->out[0], i, there ? snug_load(&c->in[0], i) : 0);
    }
}

/* Element i of [N, C] is made of `length` elements from `first` on, `channels` apart. */
typedef struct column {
    int64_t first, length, channels;
} column;

static column column_of(const snug_call *c, int64_t i)
{
    const snug_shape *x = &c->in[0].type.shape;
    int64_t n = i / x->dim[2];
    return (column){n * x->dim[1] * x->dim[2] + i % x->dim[2], length_of(c, n, x->dim[1]),
                    x->dim[2]};
}

static void mean_ref(const snug_call *c)
{
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        column k = column_of(c, i);
        double sum = 0;
        for (int64_t t = 0; t < k.length; t++)
            sum += snug_load(&c->in[0], k.first + t * k.channels);
        snug_store(&c->out[0], i, k.length > 0 ? sum / (double)k.length : 0);
    }
}

static void last_ref(const snug_call *c)
{
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        column k = column_of(c, i);
        int64_t at = k.first + (k.length - 1) * k.channels;
        snug_store(&c->out[0], i, k.length > 0 ? snug_load(&c->in[0], at) : 0);
    }
}

/* NaN wins, as in max_pool2d. */
static void max_ref(const snug_call *c)
{
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        column k = column_of(c, i);
        double most = k.length > 0 ? snug_load(&c->in[0], k.first) : 0;
        int64_t place = 0;
        for (int64_t t = 1; t < k.length; t++) {
            double v = snug_load(&c->in[0], k.first + t * k.channels);
            if (v > most || (v != v && most == most)) most = v, place = t;
        }
        snug_store(&c->out[0], i, most);
        if (c->out[1].data) snug_store(&c->out[1], i, k.length > 0 ? (double)place : -1);
    }
}

/* Element i of dx: its row of dy, its step, its channel's element there. */
static void mean_grad_ref(const snug_call *c)
{
    const snug_shape *dx = &c->out[0].type.shape;
    int64_t channels = dx->dim[2], each = dx->dim[1] * channels;
    for (int64_t i = 0; i < dx->dim[0] * each; i++) {
        int64_t n = i / each, length = length_of(c, n, dx->dim[1]);
        double dy = snug_load(&c->in[0], n * channels + i % channels);
        snug_store(&c->out[0], i, i % each / channels < length ? dy / (double)length : 0);
    }
}

static void last_grad_ref(const snug_call *c)
{
    const snug_shape *dx = &c->out[0].type.shape;
    int64_t channels = dx->dim[2], each = dx->dim[1] * channels;
    for (int64_t i = 0; i < dx->dim[0] * each; i++) {
        int64_t n = i / each, last = length_of(c, n, dx->dim[1]) - 1;
        bool here = i % each / channels == last;
        snug_store(&c->out[0], i, here ? snug_load(&c->in[0], n * channels + i % channels) : 0);
    }
}

static void max_grad_ref(const snug_call *c)
{
    const snug_shape *dx = &c->out[0].type.shape;
    int64_t channels = dx->dim[2], each = dx->dim[1] * channels;
    for (int64_t i = 0; i < dx->dim[0] * each; i++) {
        int64_t from = i / each * channels + i % channels, step = i % each / channels;
        bool here = snug_load(&c->in[1], from) == (double)step;
        snug_store(&c->out[0], i, here ? snug_load(&c->in[0], from) : 0);
    }
}

/* ---- cases -------------------------------------------------------------------------------------
 */

#define POOL_CASES(fill)                                                                           \
    {                                                                                              \
        {.name = "whole", .n_in = 1, .in = INPUTS(BATCH_OF(fill, 7, 5, 3))},                       \
            {.name = "one", .n_in = 1, .in = INPUTS(BATCH_OF(fill, 1, 1, 1))},                     \
            {.name = "fixed", .n_in = 1, .in = INPUTS(FIXED_OF(fill, 3, 4, 17))},                  \
            {.name = "lengths", .n_in = 2, .in = INPUTS(BATCH_OF(fill, 7, 5, 19), LABELS(7, 6))},  \
            {.name = "fcn", .bench = true, .n_in = 1, .in = INPUTS(BATCH_OF(fill, 64, 140, 128))}, \
            {0},                                                                                   \
    }

static const snug_case normal_cases[] = POOL_CASES(NORMAL);
static const snug_case distinct_cases[] = POOL_CASES(DISTINCT);

static const snug_case mask_cases[] = {
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 5, 3), LABELS(7, 6))},
    {.name = "wide", .n_in = 2, .in = INPUTS(BATCH(5, 4, 33), LABELS(5, 5))},
    {.name = "fcn", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 29, 128), LABELS(64, 30))},
    {0}};

#define STEPS(n)                                                                                   \
    &(const snug_sequence_attrs)                                                                   \
    {                                                                                              \
        n                                                                                          \
    }

static const snug_case grad_cases[] = {
    {.name = "whole", .attrs = STEPS(5), .n_in = 1, .in = INPUTS(BATCH(7, 3))},
    {.name = "lengths", .attrs = STEPS(5), .n_in = 2, .in = INPUTS(BATCH(7, 19), LABELS(7, 6))},
    {.name = "fixed", .attrs = STEPS(4), .n_in = 1, .in = INPUTS(FIXED(3, 17))},
    {.name = "fcn", .bench = true, .attrs = STEPS(140), .n_in = 1, .in = INPUTS(BATCH(64, 128))},
    {0}};

#define WINNERS(places, ...)                                                                       \
    {                                                                                              \
        CASE_DIMS(__VA_ARGS__), .batch = true, .fill = SNUG_FILL_INDEX, .integer = true,           \
                                .index_below = places                                              \
    }

static const snug_case max_grad_cases[] = {
    {.name = "odd", .attrs = STEPS(5), .n_in = 2, .in = INPUTS(BATCH(7, 3), WINNERS(5, 7, 3))},
    {.name = "wide", .attrs = STEPS(4), .n_in = 2, .in = INPUTS(BATCH(7, 19), WINNERS(4, 7, 19))},
    {.name = "fcn",
     .bench = true,
     .attrs = STEPS(140),
     .n_in = 2,
     .in = INPUTS(BATCH(64, 128), WINNERS(140, 64, 128))},
    {0}};

/* ---- descriptors --------------------------------------------------------------------------------
 */

const snug_op snug_op_sequence_mask = {
    .name = "sequence_mask",
    .doc = "sequence_mask(x [N, T, C], lengths i32 [N]) -> y [N, T, C]\n"
           "y = x at each sample's first lengths[n] steps, 0 behind them.\n"
           "Gradient: sequence_mask(dy, lengths).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .inplace = {1},
    .shape = mask_shape,
    .axes = sequence_axes,
    .grad = mask_grad,
    .cost = sequence_cost,
    .ref = mask_ref,
    .cases = mask_cases};

const snug_op snug_op_sequence_mean = {
    .name = "sequence_mean",
    .doc = "sequence_mean(x [N, T, C], lengths i32 [N]?) -> y [N, C]\n"
           "y = the mean over each sample's first lengths[n] steps, or all; 0 of no steps.\n"
           "Gradient: sequence_mean_grad(dy, lengths).",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .shape = pool_shape,
    .axes = sequence_axes,
    .grad = mean_grad,
    .cost = sequence_cost,
    .ref = mean_ref,
    .cases = normal_cases};

const snug_op snug_op_sequence_mean_grad = {
    .name = "sequence_mean_grad",
    .doc = "sequence_mean_grad(dy [N, C], lengths i32 [N]?) -> dx [N, steps, C]\n"
           "dx = dy / lengths[n] at the steps that were averaged, else 0.",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_sequence_attrs),
    .shape = pool_grad_shape,
    .axes = sequence_axes,
    .cost = sequence_cost,
    .ref = mean_grad_ref,
    .cases = grad_cases};

const snug_op snug_op_sequence_last = {
    .name = "sequence_last",
    .doc = "sequence_last(x [N, T, C], lengths i32 [N]?) -> y [N, C]\n"
           "y[n] = x[n, lengths[n] - 1], or x[n, T - 1]; 0 of no steps.\n"
           "Gradient: sequence_last_grad(dy, lengths).",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .shape = pool_shape,
    .axes = sequence_axes,
    .grad = last_grad,
    .cost = sequence_cost,
    .ref = last_ref,
    .cases = normal_cases};

const snug_op snug_op_sequence_last_grad = {
    .name = "sequence_last_grad",
    .doc = "sequence_last_grad(dy [N, C], lengths i32 [N]?) -> dx [N, steps, C]\n"
           "dx = dy at each sample's last step, else 0.",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_sequence_attrs),
    .shape = pool_grad_shape,
    .axes = sequence_axes,
    .cost = sequence_cost,
    .ref = last_grad_ref,
    .cases = grad_cases};

const snug_op snug_op_sequence_max = {
    .name = "sequence_max",
    .doc =
        "sequence_max(x [N, T, C], lengths i32 [N]?) -> y [N, C], place i32 [N, C]\n"
        "y = the largest over each sample's first lengths[n] steps, or all, place its step (the\n"
        "first on a tie); 0 and -1 of no steps.\n"
        "Gradient: sequence_max_grad(dy, place).",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 2,
    .shape = max_shape,
    .axes = sequence_axes,
    .grad = max_grad,
    .cost = sequence_cost,
    .ref = max_ref,
    .cases = distinct_cases};

const snug_op snug_op_sequence_max_grad = {
    .name = "sequence_max_grad",
    .doc = "sequence_max_grad(dy [N, C], place i32 [N, C]) -> dx [N, steps, C]\n"
           "dx = dy at the step that place tells, else 0.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_sequence_attrs),
    .shape = max_grad_shape,
    .axes = sequence_axes,
    .cost = sequence_cost,
    .ref = max_grad_ref,
    .cases = max_grad_cases};
