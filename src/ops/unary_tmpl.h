/* SPDX-License-Identifier: Apache-2.0 */
/* What element-wise functions of one input share: y = f(x), dx = dy * f'(x). An operator of the
 * family is one line of formulas and its descriptor; its gradient's operator NAME_grad(dy, v) reads
 * the one of x and y from which the slope is cheaper: where that is y, f may run in place. */
#ifndef OPS_UNARY_TMPL_H
#define OPS_UNARY_TMPL_H

#include "ops/cases.h"
#include "ops/rules.h"

typedef double (*unary_fn)(double x, const snug_unary_attrs *a);
typedef double (*unary_slope_fn)(double dy, double v, const snug_unary_attrs *a);

static inline void unary_run(const snug_call *c, unary_fn f)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) snug_store(&c->out[0], i, f(snug_load(&c->in[0], i), c->attrs));
}

static inline void unary_grad_run(const snug_call *c, unary_slope_fn f)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i, f(snug_load(&c->in[0], i), snug_load(&c->in[1], i), c->attrs));
}

/* din = op(dout, the input x or the result y) */
static inline snug_status unary_gradient(snug_grad *g, const snug_op *op, char reads)
{
    snug_value *in[] = {g->dout[0], reads == 'y' ? g->out[0] : g->in[0]};
    if (!g->dout[0]) return SNUG_OK;
    const void *attrs = op->attrs ? g->attrs : NULL;
    return snug_apply_all(g->graph, op, NULL, attrs, 2, in, &g->din[0]);
}

/* An exponential, a logarithm, a polynomial or two: about as many operations. */
static inline snug_cost unary_cost_math(const snug_sig *s)
{
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->out[0].shape));
}

/* Reference kernel of NAME: y is an expression of x and the attributes a. */
#define UNARY_VALUE(name, y_)                                                                      \
    static double name##_value(double x, const snug_unary_attrs *a)                                \
    {                                                                                              \
        (void)a;                                                                                   \
        return y_;                                                                                 \
    }                                                                                              \
    static void name##_ref(const snug_call *c)                                                     \
    {                                                                                              \
        unary_run(c, name##_value);                                                                \
    }

/* The same, and that of NAME_grad: dx is an expression of dy, a and `reads`, which is x or y. */
#define UNARY_FUNCTIONS(name, reads, y_, dx_)                                                      \
    UNARY_VALUE(name, y_)                                                                          \
    static double name##_slope(double dy, double reads, const snug_unary_attrs *a)                 \
    {                                                                                              \
        (void)a;                                                                                   \
        return dx_;                                                                                \
    }                                                                                              \
    static void name##_grad_ref(const snug_call *c)                                                \
    {                                                                                              \
        unary_grad_run(c, name##_slope);                                                           \
    }                                                                                              \
    static snug_status name##_gradient(snug_grad *g)                                               \
    {                                                                                              \
        return unary_gradient(g, &snug_op_##name##_grad, #reads[0]);                               \
    }

/* What the descriptors of NAME and NAME_grad have in common. */
#define UNARY_OP_OF(name_, shape_, cost_)                                                          \
    .name = #name_, .n_in_min = 1, .n_in_max = 1, .n_out = 1, .inplace = {1}, .shape = shape_,     \
    .axes = snug_axes_same, .grad = name_##_gradient, .cost = cost_, .ref = name_##_ref
#define UNARY_OP(name_, cost_) UNARY_OP_OF(name_, snug_shape_same, cost_)
#define UNARY_GRAD(name_, cost_)                                                                   \
    .name = #name_ "_grad", .n_in_min = 2, .n_in_max = 2, .n_out = 1, .flags = SNUG_OP_BACKWARD,   \
    .inplace = {1}, .shape = snug_shape_same, .axes = snug_axes_same, .cost = cost_,               \
    .ref = name_##_grad_ref
#define UNARY_ATTRS(rows) .attrs = rows, .attrs_bytes = sizeof(snug_unary_attrs)

/* Values of both signs from -14 to 14, at odd multiples of 0.01: beside every kink. */
#define UNARY_CASES(attrs_)                                                                        \
    {.name = "one", .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 1, 1)), .attrs = attrs_},           \
        {.name = "odd", .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 13)), .attrs = attrs_},      \
        {.name = "image",                                                                          \
         .n_in = 1,                                                                                \
         .in = INPUTS(BATCH_OF(DISTINCT, 3, 5, 2, 9)),                                             \
         .attrs = attrs_},                                                                         \
        {.name = "wide", .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 200)), .attrs = attrs_},    \
        {.name = "fixed", .n_in = 1, .in = INPUTS(FIXED_OF(DISTINCT, 35)), .attrs = attrs_},       \
    {                                                                                              \
        .name = "scalar", .n_in = 1, .in = INPUTS(SCALAR_OF(POSITIVE)), .attrs = attrs_            \
    }
#define UNARY_GRAD_CASES(fill_, attrs_)                                                            \
    {.name = "one", .n_in = 2, .in = INPUTS(BATCH(1, 1), BATCH_OF(fill_, 1, 1)), .attrs = attrs_}, \
        {.name = "odd",                                                                            \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH(7, 13), BATCH_OF(fill_, 7, 13)),                                       \
         .attrs = attrs_},                                                                         \
        {.name = "wide",                                                                           \
         .n_in = 2,                                                                                \
         .in = INPUTS(BATCH(7, 200), BATCH_OF(fill_, 7, 200)),                                     \
         .attrs = attrs_},                                                                         \
    {                                                                                              \
        .name = "fixed", .n_in = 2, .in = INPUTS(FIXED(35), FIXED_OF(fill_, 35)), .attrs = attrs_  \
    }

static const snug_case unary_cases[] = {
    UNARY_CASES(NULL),
    {.name = "mlp", .bench = true, .n_in = 1, .in = INPUTS(BATCH(64, 512))},
    {0}};
static const snug_case unary_positive_cases[] = {
    {.name = "one", .n_in = 1, .in = INPUTS(BATCH_OF(POSITIVE, 1, 1))},
    {.name = "odd", .n_in = 1, .in = INPUTS(BATCH_OF(POSITIVE, 7, 13))},
    {.name = "fixed", .n_in = 1, .in = INPUTS(FIXED_OF(POSITIVE, 35))},
    {.name = "mlp", .bench = true, .n_in = 1, .in = INPUTS(BATCH_OF(POSITIVE, 64, 512))},
    {0}};
static const snug_case unary_grad_cases[] = {
    UNARY_GRAD_CASES(DISTINCT, NULL),
    {.name = "mlp", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 512), BATCH(64, 512))},
    {0}};
/* Slopes read from a result between 0 and 1, or near 1. */
static const snug_case unary_grad_unit_cases[] = {UNARY_GRAD_CASES(UNIT, NULL), {0}};
static const snug_case unary_grad_positive_cases[] = {UNARY_GRAD_CASES(POSITIVE, NULL), {0}};

#endif
