/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of softmax, and its logarithm with gradient, all along the last axis:
 *     softmax:      dx[c] = p[c] (dp[c] - sum_k dp[k] p[k])
 *     log_softmax:  y[c] = x[c] - max - log sum_k exp(x[k] - max),  dx[c] = dy[c] - exp(y[c]) sum_k
 * dy[k]
 */
#include "ops/cases.h"
#include "ops/rules.h"
#include <math.h>
#include <snug/graph.h>

static snug_status check_last(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 1 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED && snug_shape_last(x) > 0,
          SNUG_ESHAPE, "'%s': input 0 is %s, but its last axis must hold the classes", f->name,
          snug_shape_text(x, text, sizeof text));
    return SNUG_OK;
}

static snug_status rows_shape(snug_infer *f)
{
    TRY(check_last(f));
    return snug_shape_same(f);
}

static int rows_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int i = 0; i < s->n_in; i++)
        n = snug_use_leading(s, u, n, 0, i, s->in[i].shape.n_dims - 1);
    return n;
}

/* ---- softmax_grad -----------------------------------------------------------------------------
 */

static snug_cost softmax_grad_cost(const snug_sig *s)
{
    return snug_cost_of(s, 4 * (double)snug_shape_elements(&s->in[0].shape));
}

static void softmax_grad_ref(const snug_call *c)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape), rows = snug_shape_rows(&c->in[0].type.shape);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            sum += snug_load(&c->in[0], i) * snug_load(&c->in[1], i);
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            snug_store(&c->out[0], i, snug_load(&c->in[1], i) * (snug_load(&c->in[0], i) - sum));
    }
}

static const snug_case softmax_grad_cases[] = {
    {.name = "one class", .n_in = 2, .in = INPUTS(BATCH(3, 1), BATCH_OF(UNIT, 3, 1))},
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 13), BATCH_OF(UNIT, 7, 13))},
    {.name = "rank 3", .n_in = 2, .in = INPUTS(BATCH(2, 3, 10), BATCH_OF(UNIT, 2, 3, 10))},
    {.name = "vector", .n_in = 2, .in = INPUTS(FIXED(33), FIXED_OF(UNIT, 33))},
    {.name = "attention",
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(8, 4, 128, 128), BATCH_OF(UNIT, 8, 4, 128, 128))},
    {0}};

const snug_op snug_op_softmax_grad = {.name = "softmax_grad",
                                      .doc = "softmax_grad(dp [.., C], p [.., C]) -> dx [.., C]\n"
                                             "dx[c] = p[c] (dp[c] - the sum of dp p over the row).",
                                      .n_in_min = 2,
                                      .n_in_max = 2,
                                      .n_out = 1,
                                      .flags = SNUG_OP_BACKWARD,
                                      .inplace = {1},
                                      .shape = rows_shape,
                                      .axes = rows_axes,
                                      .cost = softmax_grad_cost,
                                      .ref = softmax_grad_ref,
                                      .cases = softmax_grad_cases};

/* ---- log_softmax ------------------------------------------------------------------------------
 */

static snug_status log_softmax_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->out[0]};
    return snug_apply_all(g->graph, &snug_op_log_softmax_grad, NULL, NULL, 2, in, &g->din[0]);
}

static snug_cost log_softmax_cost(const snug_sig *s)
{
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->in[0].shape));
}

static void log_softmax_ref(const snug_call *c)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape), rows = snug_shape_rows(&c->in[0].type.shape);
    for (int64_t r = 0; r < rows; r++) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++) {
            double v = snug_load(&c->in[0], i);
            if (v > max || v != v) max = v;
        }
        for (int64_t i = r * n; i < (r + 1) * n; i++) sum += exp(snug_load(&c->in[0], i) - max);
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            snug_store(&c->out[0], i, snug_load(&c->in[0], i) - max - log(sum));
    }
}

static void log_softmax_grad_ref(const snug_call *c)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape), rows = snug_shape_rows(&c->in[0].type.shape);
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t i = r * n; i < (r + 1) * n; i++) sum += snug_load(&c->in[0], i);
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            snug_store(&c->out[0], i, snug_load(&c->in[0], i) - exp(snug_load(&c->in[1], i)) * sum);
    }
}

static const snug_case log_softmax_cases[] = {
    {.name = "one class", .n_in = 1, .in = INPUTS(BATCH(3, 1))},
    {.name = "odd", .n_in = 1, .in = INPUTS(BATCH(7, 13))},
    {.name = "rank 3", .n_in = 1, .in = INPUTS(BATCH(2, 3, 10))},
    {.name = "vector", .n_in = 1, .in = INPUTS(FIXED(33))},
    {.name = "words", .bench = true, .n_in = 1, .in = INPUTS(BATCH(64, 1000))},
    {0}};

static const snug_case log_softmax_grad_cases[] = {
    {.name = "one class", .n_in = 2, .in = INPUTS(BATCH(3, 1), BATCH(3, 1))},
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 13), BATCH(7, 13))},
    {.name = "rank 3", .n_in = 2, .in = INPUTS(BATCH(2, 3, 10), BATCH(2, 3, 10))},
    {.name = "vector", .n_in = 2, .in = INPUTS(FIXED(33), FIXED(33))},
    {.name = "words", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 1000), BATCH(64, 1000))},
    {0}};

const snug_op snug_op_log_softmax = {
    .name = "log_softmax",
    .doc = "log_softmax(x [.., C]) -> y [.., C]\n"
           "y[c] = x[c] - log of the sum of exp(x), without overflow.\n"
           "Gradient: log_softmax_grad(dy, y).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .inplace = {1},
    .shape = rows_shape,
    .axes = rows_axes,
    .grad = log_softmax_grad,
    .cost = log_softmax_cost,
    .ref = log_softmax_ref,
    .cases = log_softmax_cases};

const snug_op snug_op_log_softmax_grad = {
    .name = "log_softmax_grad",
    .doc = "log_softmax_grad(dy [.., C], y [.., C]) -> dx [.., C]\n"
           "dx[c] = dy[c] - exp(y[c]) * the sum of dy over the row.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .inplace = {1},
    .shape = rows_shape,
    .axes = rows_axes,
    .cost = log_softmax_cost,
    .ref = log_softmax_grad_ref,
    .cases = log_softmax_grad_cases};
