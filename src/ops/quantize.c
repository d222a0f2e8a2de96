/* SPDX-License-Identifier: Apache-2.0 */
/* quantize: q = clamp(round(x / scale) + zero), ties to even, the quotient rounded to x's type
 * first; dequantize: y = (q - zero) * scale (Jacob et al. 2018). Scale and zero point are one
 * number, or one for each element of an axis. Symmetric: no zero point. */
#include "ops/quantize.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>
#include <snug/graph.h>

static const snug_attr quantize_attrs[] = {
    ATTR_INT(snug_quantize_attrs, axis, -SNUG_MAX_DIMS, SNUG_MAX_DIMS - 1, -1,
             "which each scale is for, when there are several"),
    ATTR_BOOL(snug_quantize_attrs, is_unsigned, "u8 (0 to 255) instead of i8 (-128 to 127)"),
    {0}};
static const snug_attr dequantize_attrs[] = {
    ATTR_INT(snug_quantize_attrs, axis, -SNUG_MAX_DIMS, SNUG_MAX_DIMS - 1, -1,
             "which each scale is for, when there are several"),
    {0}};

/* Scale, input 1, and zero point, input 2, are fixed scalars or vectors along the axis. */
static snug_status check_channels(const snug_infer *f)
{
    const snug_quantize_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape, *scale = &f->in[1].shape;
    char p[SNUG_SHAPE_TEXT], q[SNUG_SHAPE_TEXT];
    snug_shape_text(x, p, sizeof p);
    int axis = 0;
    TRY(snug_infer_float(f, 1, -1));
    if (scale->n_dims > 0) TRY(snug_infer_axis(f, 0, a->axis, &axis));
    for (int i = 1; i < f->n_in; i++) {
        const snug_shape *s = &f->in[i].shape;
        snug_shape_text(s, q, sizeof q);
        CHECK(s->n_dims == scale->n_dims && s->n_dims <= 1 &&
                  (s->n_dims == 0 || (s->dim[0] == x->dim[axis] && s->kind[0] == SNUG_AXIS_FIXED)),
              SNUG_ESHAPE,
              "'%s': input %d is %s, but must be one number, or one for each of axis %d of %s",
              f->name, i, q, axis, p);
    }
    CHECK(f->n_in < 3 || f->in[2].dtype == SNUG_I32, SNUG_ESHAPE,
          "'%s': zero points %s of %s must be i32", f->name, q, p);
    return SNUG_OK;
}

static snug_status quantize_shape(snug_infer *f)
{
    const snug_quantize_attrs *a = f->attrs;
    TRY(snug_infer_float(f, 0, -1));
    TRY(check_channels(f));
    f->out[0] = (snug_type){.shape = f->in[0].shape, .dtype = a->is_unsigned ? SNUG_U8 : SNUG_I8};
    return SNUG_OK;
}

static snug_status dequantize_shape(snug_infer *f)
{
    char text[SNUG_SHAPE_TEXT];
    CHECK(!snug_dtype_get(f->in[0].dtype)->is_float, SNUG_ESHAPE,
          "dequantize '%s': %s holds %s, but must hold integers", f->name,
          snug_shape_text(&f->in[0].shape, text, sizeof text),
          snug_dtype_get(f->in[0].dtype)->name);
    TRY(check_channels(f));
    f->out[0] = (snug_type){.shape = f->in[0].shape, .dtype = f->in[1].dtype};
    return SNUG_OK;
}

static int quantize_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_quantize_attrs *a = s->attrs;
    const snug_shape *x = &s->in[0].shape;
    int n = snug_use_leading(s, u, 0, 0, 0, x->n_dims);
    if (s->in[1].shape.n_dims == 0) return n;
    for (int i = 1; i < s->n_in; i++) n = snug_use_axis(u, n, 0, snug_shape_axis(x, a->axis), i, 0);
    return n;
}

static double zero_of(const snug_call *c, int64_t channel)
{
    return c->n_in > 2 ? snug_load(&c->in[2], channel) : 0;
}

/* NaN becomes the zero point. */
static void quantize_ref(const snug_call *c)
{
    snug_channels k = snug_channels_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    double low = c->out[0].type.dtype == SNUG_U8 ? 0 : -128, high = low + 255;
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        int64_t channel = snug_channel(&k, i);
        double v = leaf_round(c->in[0].type.dtype,
                              snug_load(&c->in[0], i) / snug_load(&c->in[1], channel));
        double q = (v != v ? 0 : nearbyint(v)) + zero_of(c, channel);
        snug_store(&c->out[0], i, q < low ? low : q > high ? high : q);
    }
}

static void dequantize_ref(const snug_call *c)
{
    snug_channels k = snug_channels_of(c->attrs, &c->in[0].type.shape, &c->in[1].type.shape);
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        int64_t channel = snug_channel(&k, i);
        double q = snug_load(&c->in[0], i) - zero_of(c, channel);
        snug_store(&c->out[0], i, q * snug_load(&c->in[1], channel));
    }
}

static const snug_quantize_attrs plain = {.axis = -1}, bytes = {.axis = -1, .is_unsigned = 1},
                                 middle = {.axis = 1, .is_unsigned = 1};

#define ONE_ZERO(below)                                                                            \
    {                                                                                              \
        .n_dims = 0, .fill = SNUG_FILL_INDEX, .integer = true, .index_below = below                \
    }

static const snug_case quantize_cases[] = {
    {.name = "symmetric", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 13), SCALAR_OF(UNIT))},
    {.name = "zero point",
     .attrs = &bytes,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 40), SCALAR_OF(UNIT), ONE_ZERO(200))},
    {.name = "columns", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 40), FIXED_OF(UNIT, 40))},
    {.name = "channels",
     .attrs = &middle,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 4, 21), FIXED_OF(UNIT, 4), FIXED_INDICES(255, 4))},
    {.name = "images",
     .attrs = &plain,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(32, 32, 32, 16), SCALAR_OF(UNIT))},
    {0}};

static const snug_case dequantize_cases[] = {
    {.name = "one scale",
     .attrs = &plain,
     .n_in = 2,
     .in = INPUTS(PLACES(255, 7, 13), SCALAR_OF(UNIT))},
    {.name = "zero point",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(PLACES(255, 7, 40), SCALAR_OF(UNIT), ONE_ZERO(200))},
    {.name = "columns",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(PLACES(255, 7, 40), FIXED_OF(UNIT, 40), FIXED_INDICES(255, 40))},
    {.name = "wide", .attrs = &middle, .n_in = 2, .in = INPUTS(INDICES(9999, 3, 4, 21), FIXED(4))},
    {.name = "images",
     .attrs = &plain,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(PLACES(255, 32, 32, 32, 16), SCALAR_OF(UNIT))},
    {0}};

const snug_op snug_op_quantize = {
    .name = "quantize",
    .doc = "quantize(x, scale, zero i32?; axis, is_unsigned) -> q (i8 or u8)\n"
           "q = round(x / scale) + zero, ties to even, cut to the type's range; NaN gives zero.\n"
           "scale and zero are one number, or one for each element of the axis. No gradient.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = quantize_attrs,
    .attrs_bytes = sizeof(snug_quantize_attrs),
    .shape = quantize_shape,
    .axes = quantize_axes,
    .cost = snug_cost_elementwise,
    .ref = quantize_ref,
    .cases = quantize_cases};

const snug_op snug_op_dequantize = {
    .name = "dequantize",
    .doc = "dequantize(q, scale, zero i32?; axis) -> y, of scale's type\n"
           "y = (q - zero) * scale, for any integers q. No gradient.",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = dequantize_attrs,
    .attrs_bytes = sizeof(snug_quantize_attrs),
    .shape = dequantize_shape,
    .axes = quantize_axes,
    .cost = snug_cost_elementwise,
    .ref = dequantize_ref,
    .cases = dequantize_cases};
