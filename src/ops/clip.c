/* SPDX-License-Identifier: Apache-2.0 */
/* Clipping gradients by their norm (Pascanu, Mikolov and Bengio 2013): the sums of squares of all
 * gradients are added, and clip_scale gives the factor min(1, max_norm / norm) for the updates. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>

static snug_status squares_shape(snug_infer *f)
{
    TRY(snug_infer_float(f, 0, -1));
    f->out[0] = (snug_type){.shape = snug_shape_scalar(),
                            .dtype = f->in[0].dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
    return SNUG_OK;
}

static int squares_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int i = 0; i < s->in[0].shape.n_dims; i++) n = snug_use_axis(u, n, 0, -1, 0, i);
    return n;
}

static snug_cost squares_cost(const snug_sig *s)
{
    return snug_cost_of(s, 2 * (double)snug_shape_elements(&s->in[0].shape));
}

static double square_partial(const void *arg, int64_t begin, int64_t end)
{
    double sum = 0;
    for (int64_t i = begin; i < end; i++) {
        double v = snug_load(arg, i);
        sum += v * v;
    }
    return sum;
}

static void squares_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, x, x->n_dims);
    snug_store(&c->out[0], 0, leaf_sum(&rows, c->out[0].type.dtype, square_partial, &c->in[0]));
}

static const snug_case squares_cases[] = {
    {.name = "one", .n_in = 1, .in = INPUTS(FIXED(1))},
    {.name = "matrix", .n_in = 1, .in = INPUTS(FIXED(13, 7))},
    {.name = "scalar", .n_in = 1, .in = INPUTS(SCALAR_OF(NORMAL))},
    {.name = "batch", .n_in = 1, .in = INPUTS(BATCH(7, 5))},
    {.name = "mlp", .bench = true, .n_in = 1, .in = INPUTS(FIXED(784, 512))},
    {0}};

const snug_op snug_op_sum_squares = {
    .name = "sum_squares",
    .doc = "sum_squares(x) -> s []\n"
           "s = the sum of x^2 over all elements, over samples by leaves. No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .shape = squares_shape,
    .axes = squares_axes,
    .cost = squares_cost,
    .ref = squares_ref,
    .cases = squares_cases};

static const snug_attr clip_attrs[] = {
    ATTR_FLOAT(snug_clip_attrs, max_norm, 0, 1e30, 1, "largest norm that is let through"), {0}};

static snug_status clip_shape(snug_infer *f)
{
    TRY(snug_infer_scalar(f, 0));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int clip_axes(const snug_sig *s, snug_axis_use *u)
{
    (void)s, (void)u;
    return 0;
}

static void clip_ref(const snug_call *c)
{
    const snug_clip_attrs *a = c->attrs;
    double norm = sqrt(snug_load(&c->in[0], 0));
    snug_store(&c->out[0], 0, norm > a->max_norm ? a->max_norm / norm : 1);
}

static const snug_clip_attrs small = {.max_norm = 0.5}, large = {.max_norm = 100};

static const snug_case clip_cases[] = {
    {.name = "clips", .attrs = &small, .n_in = 1, .in = INPUTS(SCALAR_OF(POSITIVE))},
    {.name = "passes", .attrs = &large, .n_in = 1, .in = INPUTS(SCALAR_OF(POSITIVE))},
    {0}};

const snug_op snug_op_clip_scale = {
    .name = "clip_scale",
    .doc = "clip_scale(s []) -> scale []\n"
           "scale = min(1, max_norm / sqrt(s)), s the sum of the gradients' squares (Pascanu,\n"
           "Mikolov and Bengio 2013). No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = clip_attrs,
    .attrs_bytes = sizeof(snug_clip_attrs),
    .inplace = {1},
    .shape = clip_shape,
    .axes = clip_axes,
    .cost = snug_cost_elementwise,
    .ref = clip_ref,
    .cases = clip_cases};
