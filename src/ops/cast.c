/* SPDX-License-Identifier: Apache-2.0 */
/* cast: the same numbers in another element type. Between floating types to the nearest, ties to
 * even; to whole numbers towards zero, as C does, and to the nearest end of the range beyond it. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <math.h>
#include <snug/graph.h>
#include <string.h>

/* In the order of snug_dtype. */
static const char *const dtype_names[] = {"f64", "f32", "bf16", "f16", "f8e4m3", "f8e5m2", "i64",
                                          "i32", "i16", "i8",   "u8",  "bool",   NULL};
static const snug_attr attrs[] = {{.name = "dtype",
                                   .kind = SNUG_ATTR_ENUM,
                                   .offset = offsetof(snug_cast_attrs, dtype),
                                   .min = 0,
                                   .max = SNUG_N_DTYPES - 1,
                                   .initial = SNUG_F32,
                                   .names = dtype_names,
                                   .help = "of the result"},
                                  {0}};

static snug_status cast_shape(snug_infer *f)
{
    const snug_cast_attrs *a = f->attrs;
    f->out[0] = (snug_type){.shape = f->in[0].shape, .dtype = (snug_dtype)a->dtype};
    return SNUG_OK;
}

/* Whole numbers have no slope. */
static snug_status cast_grad(snug_grad *g)
{
    snug_cast_attrs back = {.dtype = snug_value_type(g->in[0]).dtype};
    if (!g->dout[0] || !snug_dtype_get((snug_dtype)back.dtype)->is_float) return SNUG_OK;
    if (!snug_dtype_get(snug_value_type(g->out[0]).dtype)->is_float) return SNUG_OK;
    return snug_apply_all(g->graph, &snug_op_cast, NULL, &back, 1, g->dout, &g->din[0]);
}

static void cast_ref(const snug_call *c)
{
    snug_dtype to = c->out[0].type.dtype;
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    if (to == c->in[0].type.dtype) {
        memcpy(c->out[0].data, c->in[0].data, snug_type_bytes(&c->out[0].type));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        double v = snug_load(&c->in[0], i);
        if (to == SNUG_BOOL)
            v = v != 0;
        else if (!snug_dtype_get(to)->is_float)
            v = trunc(v);
        snug_store(&c->out[0], i, v);
    }
}

static const snug_cast_attrs f64 = {SNUG_F64}, f32 = {SNUG_F32}, bf16 = {SNUG_BF16},
                             f16 = {SNUG_F16}, i32 = {SNUG_I32}, u8 = {SNUG_U8},
                             boolean = {SNUG_BOOL};
static const snug_case cases[] = {
    {.name = "f64", .n_in = 1, .in = INPUTS(BATCH(7, 13)), .attrs = &f64},
    {.name = "f32", .n_in = 1, .no_grad = true, .in = INPUTS(BATCH(7, 13)), .attrs = &f32},
    {.name = "bf16", .n_in = 1, .no_grad = true, .in = INPUTS(BATCH(7, 13)), .attrs = &bf16},
    {.name = "f16", .n_in = 1, .no_grad = true, .in = INPUTS(FIXED(35)), .attrs = &f16},
    {.name = "i32", .n_in = 1, .no_grad = true, .in = INPUTS(BATCH(7, 13)), .attrs = &i32},
    {.name = "u8", .n_in = 1, .no_grad = true, .in = INPUTS(BATCH(3, 5, 2, 9)), .attrs = &u8},
    {.name = "bool", .n_in = 1, .no_grad = true, .in = INPUTS(LABELS(17, 3)), .attrs = &boolean},
    {.name = "from i32", .n_in = 1, .no_grad = true, .in = INPUTS(LABELS(37, 1000)), .attrs = &f32},
    {.name = "from u8",
     .n_in = 1,
     .no_grad = true,
     .in = INPUTS(PLACES(256, 7, 13)),
     .attrs = &f32},
    {.name = "lenet",
     .bench = true,
     .n_in = 1,
     .no_grad = true,
     .in = INPUTS(PLACES(256, 64, 28, 28, 1)),
     .attrs = &f32},
    {0}};

const snug_op snug_op_cast = {
    .name = "cast",
    .doc = "cast(x) -> y\n"
           "y = x in the element type `dtype`: rounded to the nearest floating-point number, or\n"
           "towards zero to a whole one, at most the largest of the type and at least its least;\n"
           "NaN becomes 0 there. As bool, what is not 0 is true.\n"
           "Gradient: dx = cast(dy) to the type of x; zero from or to whole numbers.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_cast_attrs),
    .shape = cast_shape,
    .axes = snug_axes_same,
    .grad = cast_grad,
    .cost = snug_cost_elementwise,
    .ref = cast_ref,
    .cases = cases};
