/* SPDX-License-Identifier: Apache-2.0 */
/* What element-wise functions of two inputs share: y = f(a, b) with broadcasting (broadcast.h). */
#ifndef OPS_BINARY_TMPL_H
#define OPS_BINARY_TMPL_H

#include "ops/broadcast.h"
#include "ops/cases.h"

typedef double (*binary_fn)(double a, double b);

static inline void binary_run(const snug_call *c, binary_fn f)
{
    snug_broadcast m;
    snug_broadcast_of(c, &m);
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i,
                   f(snug_load(&c->in[0], snug_broadcast_at(&m, 0, i)),
                     snug_load(&c->in[1], snug_broadcast_at(&m, 1, i))));
}

/* Inputs of one floating type, the result of the same. */
static inline snug_status binary_shape(snug_infer *f)
{
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < f->n_in; i++) TRY(snug_infer_float(f, i, 0));
    f->out[0].dtype = f->in[0].dtype;
    return snug_infer_broadcast(f, &f->out[0].shape);
}

/* op(a, b), whatever their shapes, into *out. */
static inline snug_status binary_apply(snug_grad *g, const snug_op *op, snug_value *a,
                                       snug_value *b, snug_value **out)
{
    return snug_apply_all(g->graph, op, NULL, NULL, 2, (snug_value *[]){a, b}, out);
}

/* Reference kernel of NAME: y is an expression of a and b. */
#define BINARY_FUNCTION(name, y_)                                                                  \
    static double name##_value(double a, double b)                                                 \
    {                                                                                              \
        return y_;                                                                                 \
    }                                                                                              \
    static void name##_ref(const snug_call *c)                                                     \
    {                                                                                              \
        binary_run(c, name##_value);                                                               \
    }

#define BINARY_OP_OF(name_, shape_)                                                                \
    .name = #name_, .n_in_min = 2, .n_in_max = 2, .n_out = 1, .shape = shape_,                     \
    .axes = snug_axes_broadcast, .grad = name_##_gradient, .cost = snug_cost_elementwise,          \
    .ref = name_##_ref
#define BINARY_OP(name_) BINARY_OP_OF(name_, binary_shape), .inplace = {1}

/* One shape, and every way to repeat an input; no value of one input is near one of the other. */
#define BINARY_CASES(a_, b_)                                                                       \
    {.name = "one", .n_in = 2, .in = INPUTS(BATCH_OF(a_, 1, 1), BATCH_OF(b_, 1, 1))},              \
        {.name = "odd", .n_in = 2, .in = INPUTS(BATCH_OF(a_, 7, 13), BATCH_OF(b_, 7, 13))},        \
        {.name = "image",                                                                          \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH_OF(a_, 3, 5, 2, 9), BATCH_OF(b_, 3, 5, 2, 9))},                        \
        {.name = "fixed", .n_in = 2, .in = INPUTS(FIXED_OF(a_, 35), FIXED_OF(b_, 35))},            \
        {.name = "vector", .n_in = 2, .in = INPUTS(BATCH_OF(a_, 7, 13), FIXED_OF(b_, 13))},        \
        {.name = "vector first", .n_in = 2, .in = INPUTS(FIXED_OF(a_, 13), BATCH_OF(b_, 7, 13))},  \
        {.name = "column", .n_in = 2, .in = INPUTS(BATCH_OF(a_, 7, 13), BATCH_OF(b_, 7, 1))},      \
        {.name = "row", .n_in = 2, .in = INPUTS(BATCH_OF(a_, 7, 13), FIXED_OF(b_, 1, 13))},        \
        {.name = "column and row",                                                                 \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH_OF(a_, 7, 1), FIXED_OF(b_, 1, 13))},                                   \
        {.name = "channels",                                                                       \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH_OF(a_, 3, 5, 4, 9), BATCH_OF(b_, 3, 1, 1, 9))},                        \
        {.name = "pixels",                                                                         \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH_OF(a_, 3, 5, 4, 9), FIXED_OF(b_, 5, 4, 1))},                           \
        {.name = "with a number", .n_in = 2, .in = INPUTS(BATCH_OF(a_, 7, 13), SCALAR_OF(b_))},    \
        {.name = "both", .n_in = 2, .in = INPUTS(FIXED_OF(a_, 5, 1, 6), FIXED_OF(b_, 1, 4, 1))},   \
    {                                                                                              \
        .name = "scalar", .n_in = 2, .no_grad = true, .in = INPUTS(SCALAR_OF(a_), SCALAR_OF(b_))   \
    }
/* Shapes of the zoo. */
#define BINARY_BENCH                                                                               \
    {.name = "resnet8",                                                                            \
     .bench = true,                                                                                \
     .n_in = 2,                                                                                    \
     .in = INPUTS(BATCH(32, 32, 32, 16), BATCH(32, 32, 32, 16))},                                  \
        {.name = "resnet8 channels",                                                               \
         .bench = true,                                                                            \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH(32, 32, 32, 16), BATCH(32, 1, 1, 16))},                                \
        {.name = "mlp vector",                                                                     \
         .bench = true,                                                                            \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH(64, 512), FIXED(512))},                                                \
    {                                                                                              \
        .name = "mlp column", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 512), BATCH(64, 1)) \
    }

#endif
