/* SPDX-License-Identifier: Apache-2.0 */
/* Averages of weights over steps: a' = a + share * (w - a). A share of 1 - d is an exponential
 * average of decay d; 1 / n at the n-th of some steps, and 0 at the others, is their mean. */
#include "ops/cases.h"
#include "ops/rules.h"

static snug_status average_shape(snug_infer *f)
{
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, -1));
    TRY(snug_infer_same(f, 1, 0));
    TRY(snug_infer_scalar(f, 2));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int average_axes(const snug_sig *s, snug_axis_use *u)
{
    const int n_dims = s->in[0].shape.n_dims;
    const int n = snug_use_leading(s, u, 0, 0, 0, n_dims);
    return snug_use_leading(s, u, n, 0, 1, n_dims);
}

static snug_cost average_cost(const snug_sig *s)
{
    return snug_cost_of(s, 3 * (double)snug_shape_elements(&s->in[0].shape));
}

static void average_ref(const snug_call *c)
{
    const double share = snug_load(&c->in[2], 0);
    for (int64_t i = 0; i < snug_shape_elements(&c->in[0].type.shape); i++) {
        const double a = snug_load(&c->in[0], i);
        snug_store(&c->out[0], i, a + share * (snug_load(&c->in[1], i) - a));
    }
}

static const snug_case cases[] = {
    {.name = "one", .n_in = 3, .in = INPUTS(FIXED(1), FIXED(1), SCALAR_OF(UNIT))},
    {.name = "matrix", .n_in = 3, .in = INPUTS(FIXED(7, 5), FIXED(7, 5), SCALAR_OF(UNIT))},
    {.name = "vector", .n_in = 3, .in = INPUTS(FIXED(67), FIXED(67), SCALAR_OF(UNIT))},
    {.name = "mlp",
     .bench = true,
     .n_in = 3,
     .in = INPUTS(FIXED(784, 512), FIXED(784, 512), SCALAR_OF(UNIT))},
    {0}};

const snug_op snug_op_average_update = {.name = "average_update",
                                        .doc = "average_update(a, w, share []) -> a'\n"
                                               "a' = a + share * (w - a). No gradient.",
                                        .n_in_min = 3,
                                        .n_in_max = 3,
                                        .n_out = 1,
                                        .flags = SNUG_OP_UPDATE,
                                        .inplace = {1},
                                        .shape = average_shape,
                                        .axes = average_axes,
                                        .cost = average_cost,
                                        .ref = average_ref,
                                        .cases = cases};
