/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise operators of two tensors of one shape: add and mul. */
#include "ops/cases.h"
#include "ops/rules.h"

static snug_status add_grad(snug_grad *g)
{
    g->din[0] = g->din[1] = g->dout[0];
    return SNUG_OK;
}

static snug_status mul_grad(snug_grad *g)
{
    for (int i = 0; i < 2 && g->dout[0]; i++) {
        snug_value *in[] = {g->dout[0], g->in[1 - i]};
        if (g->need[i]) TRY(snug_apply_all(g->graph, &snug_op_mul, NULL, NULL, 2, in, &g->din[i]));
    }
    return SNUG_OK;
}

static void add_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i, snug_load(&c->in[0], i) + snug_load(&c->in[1], i));
}

static void mul_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i, snug_load(&c->in[0], i) * snug_load(&c->in[1], i));
}

static const snug_case cases[] = {
    {.name = "one", .n_in = 2, .in = {BATCH(1, 1), BATCH(1, 1)}},
    {.name = "odd", .n_in = 2, .in = {BATCH(7, 13), BATCH(7, 13)}},
    {.name = "image", .n_in = 2, .in = {BATCH(3, 5, 2, 9), BATCH(3, 5, 2, 9)}},
    {.name = "fixed", .n_in = 2, .in = {FIXED(35), FIXED(35)}},
    {.name = "scalar", .n_in = 2, .no_grad = true, .in = {SCALAR_OF(NORMAL), SCALAR_OF(NORMAL)}},
    {.name = "resnet8",
     .bench = true,
     .n_in = 2,
     .in = {BATCH(32, 32, 32, 16), BATCH(32, 32, 32, 16)}},
    {0}};

const snug_op snug_op_add = {.name = "add",
                             .doc = "add(a, b) -> y, all of one shape\n"
                                    "y = a + b.\n"
                                    "Gradient: da = db = dy.",
                             .n_in_min = 2,
                             .n_in_max = 2,
                             .n_out = 1,
                             .inplace = {1},
                             .shape = snug_shape_same,
                             .axes = snug_axes_same,
                             .grad = add_grad,
                             .cost = snug_cost_elementwise,
                             .ref = add_ref,
                             .cases = cases};

const snug_op snug_op_mul = {.name = "mul",
                             .doc = "mul(a, b) -> y, all of one shape\n"
                                    "y = a * b, element by element.\n"
                                    "Gradient: da = dy * b, db = dy * a.",
                             .n_in_min = 2,
                             .n_in_max = 2,
                             .n_out = 1,
                             .inplace = {1},
                             .shape = snug_shape_same,
                             .axes = snug_axes_same,
                             .grad = mul_grad,
                             .cost = snug_cost_elementwise,
                             .ref = mul_ref,
                             .cases = cases};
