/* SPDX-License-Identifier: Apache-2.0 */
/* Activations as nodes of their own, and their gradients. relu_grad reads relu's result, so that
 * relu may run in place; gelu_grad reads gelu's input. */
#include "ops/activation.h"
#include "ops/cases.h"
#include "ops/rules.h"

static snug_status relu_gradient(snug_grad *g)
{
    snug_value *in[] = {g->dout[0], g->out[0]};
    return g->dout[0] ? snug_apply_all(g->graph, &snug_op_relu_grad, NULL, NULL, 2, in, &g->din[0])
                      : SNUG_OK;
}

static snug_status gelu_gradient(snug_grad *g)
{
    snug_value *in[] = {g->dout[0], g->in[0]};
    return g->dout[0] ? snug_apply_all(g->graph, &snug_op_gelu_grad, NULL, NULL, 2, in, &g->din[0])
                      : SNUG_OK;
}

static snug_cost gelu_cost(const snug_sig *s)
{
    /* a polynomial of erf, an exponential: about as many operations */
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->out[0].shape));
}

static void relu_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) snug_store(&c->out[0], i, act_relu(snug_load(&c->in[0], i)));
}

static void relu_grad_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i, snug_load(&c->in[1], i) > 0 ? snug_load(&c->in[0], i) : 0);
}

static void gelu_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) snug_store(&c->out[0], i, act_gelu(snug_load(&c->in[0], i)));
}

static void gelu_grad_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i,
                   snug_load(&c->in[0], i) * act_gelu_slope(snug_load(&c->in[1], i)));
}

static const snug_case cases[] = {
    {.name = "one", .n_in = 1, .in = {BATCH_OF(DISTINCT, 1, 1)}},
    {.name = "odd", .n_in = 1, .in = {BATCH_OF(DISTINCT, 7, 13)}},
    {.name = "image", .n_in = 1, .in = {BATCH_OF(DISTINCT, 3, 5, 2, 9)}},
    {.name = "fixed", .n_in = 1, .in = {FIXED_OF(DISTINCT, 35)}},
    {.name = "mlp", .bench = true, .n_in = 1, .in = {BATCH(64, 512)}},
    {.name = "resnet8", .bench = true, .n_in = 1, .in = {BATCH(32, 32, 32, 16)}},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one", .n_in = 2, .in = {BATCH(1, 1), BATCH_OF(DISTINCT, 1, 1)}},
    {.name = "odd", .n_in = 2, .in = {BATCH(7, 13), BATCH_OF(DISTINCT, 7, 13)}},
    {.name = "image", .n_in = 2, .in = {BATCH(3, 5, 2, 9), BATCH_OF(DISTINCT, 3, 5, 2, 9)}},
    {.name = "fixed", .n_in = 2, .in = {FIXED(35), FIXED_OF(DISTINCT, 35)}},
    {.name = "mlp", .bench = true, .n_in = 2, .in = {BATCH(64, 512), BATCH(64, 512)}},
    {0}};

const snug_op snug_op_relu = {.name = "relu",
                              .doc = "relu(x) -> y\n"
                                     "y = max(x, 0); NaN stays NaN.\n"
                                     "Gradient: relu_grad(dy, y).",
                              .n_in_min = 1,
                              .n_in_max = 1,
                              .n_out = 1,
                              .inplace = {1},
                              .shape = snug_shape_same,
                              .axes = snug_axes_same,
                              .grad = relu_gradient,
                              .cost = snug_cost_elementwise,
                              .ref = relu_ref,
                              .cases = cases};

const snug_op snug_op_relu_grad = {.name = "relu_grad",
                                   .doc = "relu_grad(dy, y) -> dx\n"
                                          "dx = dy where relu's result y is above 0, else 0.",
                                   .n_in_min = 2,
                                   .n_in_max = 2,
                                   .n_out = 1,
                                   .flags = SNUG_OP_BACKWARD,
                                   .inplace = {1},
                                   .shape = snug_shape_same,
                                   .axes = snug_axes_same,
                                   .cost = snug_cost_elementwise,
                                   .ref = relu_grad_ref,
                                   .cases = grad_cases};

const snug_op snug_op_gelu = {
    .name = "gelu",
    .doc = "gelu(x) -> y\n"
           "y = x * Phi(x) = x * (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016), exact.\n"
           "Gradient: gelu_grad(dy, x).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .inplace = {1},
    .shape = snug_shape_same,
    .axes = snug_axes_same,
    .grad = gelu_gradient,
    .cost = gelu_cost,
    .ref = gelu_ref,
    .cases = cases};

const snug_op snug_op_gelu_grad = {.name = "gelu_grad",
                                   .doc =
                                       "gelu_grad(dy, x) -> dx\n"
                                       "dx = dy * (Phi(x) + x * phi(x)), phi the normal density.",
                                   .n_in_min = 2,
                                   .n_in_max = 2,
                                   .n_out = 1,
                                   .flags = SNUG_OP_BACKWARD,
                                   .inplace = {1},
                                   .shape = snug_shape_same,
                                   .axes = snug_axes_same,
                                   .cost = gelu_cost,
                                   .ref = gelu_grad_ref,
                                   .cases = grad_cases};
