/* SPDX-License-Identifier: Apache-2.0 */
/* softmax along the last axis: p[c] = exp(x[c] - max) / sum_c exp(x[c] - max). */
#include "ops/cases.h"
#include "ops/softmax_row.h"

static snug_status softmax_shape(snug_infer *f)
{
    TRY(softmax_check_classes(f, 0));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int softmax_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_use_leading(s, u, 0, 0, 0, s->in[0].shape.n_dims - 1);
}

static snug_cost softmax_cost(const snug_sig *s)
{
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->in[0].shape));
}

static snug_status softmax_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->out[0]};
    return snug_apply_all(g->graph, &snug_op_softmax_grad, NULL, NULL, 2, in, &g->din[0]);
}

static void softmax_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    for (int64_t r = 0; r < snug_shape_rows(x); r++) {
        softmax_row w = softmax_row_of(&c->in[0], r, snug_shape_last(x));
        softmax_row_put(&w, &c->out[0]);
    }
}

static const snug_case softmax_cases[] = {
    {.name = "one class", .n_in = 1, .in = INPUTS(BATCH(3, 1))},
    {.name = "odd", .n_in = 1, .in = INPUTS(BATCH(7, 13))},
    {.name = "rank 3", .n_in = 1, .in = INPUTS(BATCH(2, 3, 10))},
    {.name = "vector", .n_in = 1, .in = INPUTS(FIXED(33))},
    {.name = "mlp", .bench = true, .n_in = 1, .in = INPUTS(BATCH(64, 10))},
    {0}};

const snug_op snug_op_softmax = {.name = "softmax",
                                 .doc = "softmax(x [.., C]) -> p [.., C]\n"
                                        "p[c] = exp(x[c]) / the sum of exp(x).\n"
                                        "Gradient: softmax_grad(dp, p).",
                                 .n_in_min = 1,
                                 .n_in_max = 1,
                                 .n_out = 1,
                                 .inplace = {1},
                                 .shape = softmax_shape,
                                 .axes = softmax_axes,
                                 .grad = softmax_grad,
                                 .cost = softmax_cost,
                                 .ref = softmax_ref,
                                 .cases = softmax_cases};
