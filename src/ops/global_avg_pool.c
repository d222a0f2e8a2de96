/* SPDX-License-Identifier: Apache-2.0 */
/* Global average pooling (Lin, Chen and Yan 2014): y[n, c] = the mean of x[n, :, :, c]. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

static const snug_attr grad_attrs[] = {
    ATTR_INT(snug_size2d_attrs, in_h, 1, 0x1p40, 1, "height of x"),
    ATTR_INT(snug_size2d_attrs, in_w, 1, 0x1p40, 1, "width of x"),
    {0}};

static snug_status avg_shape(snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 4, "[N, H, W, C]"));
    CHECK(x->dim[1] > 0 && x->dim[2] > 0, SNUG_ESHAPE, "global_avg_pool '%s': %s has no pixels",
          f->name, snug_shape_text(x, text, sizeof text));
    f->out[0].shape = snug_shape_make(2, (int64_t[]){x->dim[0], x->dim[3]});
    f->out[0].shape.kind[0] = x->kind[0];
    f->out[0].dtype = f->in[0].dtype;
    return SNUG_OK;
}

static snug_status avg_grad_shape(snug_infer *f)
{
    const snug_size2d_attrs *a = f->attrs;
    const snug_shape *dy = &f->in[0].shape;
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 2, "[N, C]"));
    f->out[0].shape = snug_shape_make(4, (int64_t[]){dy->dim[0], a->in_h, a->in_w, dy->dim[1]});
    f->out[0].shape.kind[0] = dy->kind[0];
    f->out[0].dtype = f->in[0].dtype;
    int64_t n = 1;
    for (int i = 0; i < 4; i++) TRY(snug_infer_mul(f, n, f->out[0].shape.dim[i], &n));
    return SNUG_OK;
}

/* Batch to batch, channels to channels. */
static int avg_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_use_batch(s, u, 0, 0, 0);
    return snug_use_axis(u, n, 0, s->out[0].shape.n_dims - 1, 0, s->in[0].shape.n_dims - 1);
}

static snug_status avg_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    snug_size2d_attrs a = {.in_h = x.dim[1], .in_w = x.dim[2]};
    return snug_apply_all(g->graph, &snug_op_global_avg_pool_grad, NULL, &a, 1, &g->dout[0],
                          &g->din[0]);
}

static snug_cost avg_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

static void avg_ref(const snug_call *c)
{
    const int64_t *x = c->in[0].type.shape.dim;
    int64_t pixels = x[1] * x[2];
    for (int64_t i = 0; i < x[0] * x[3]; i++) {
        int64_t n = i / x[3], ch = i % x[3];
        double sum = 0;
        for (int64_t p = 0; p < pixels; p++)
            sum += snug_load(&c->in[0], (n * pixels + p) * x[3] + ch);
        snug_store(&c->out[0], i, sum / (double)pixels);
    }
}

static void avg_grad_ref(const snug_call *c)
{
    const int64_t *x = c->out[0].type.shape.dim;
    int64_t pixels = x[1] * x[2];
    for (int64_t i = 0; i < x[0] * pixels * x[3]; i++) {
        int64_t n = i / x[3] / pixels, ch = i % x[3];
        snug_store(&c->out[0], i, snug_load(&c->in[0], n * x[3] + ch) / (double)pixels);
    }
}

static const snug_size2d_attrs g_one = {1, 1}, g_odd = {5, 3}, g_resnet = {8, 8};

static const snug_case cases[] = {
    {.name = "one", .n_in = 1, .in = INPUTS(BATCH(1, 1, 1, 1))},
    {.name = "odd", .n_in = 1, .in = INPUTS(BATCH(7, 5, 3, 9))},
    {.name = "fixed", .n_in = 1, .in = INPUTS(FIXED(2, 4, 4, 3))},
    {.name = "resnet8", .bench = true, .n_in = 1, .in = INPUTS(BATCH(32, 8, 8, 64))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one", .attrs = &g_one, .n_in = 1, .in = INPUTS(BATCH(1, 1))},
    {.name = "odd", .attrs = &g_odd, .n_in = 1, .in = INPUTS(BATCH(7, 9))},
    {.name = "fixed", .attrs = &g_odd, .n_in = 1, .in = INPUTS(FIXED(2, 3))},
    {.name = "resnet8", .attrs = &g_resnet, .bench = true, .n_in = 1, .in = INPUTS(BATCH(32, 64))},
    {0}};

const snug_op snug_op_global_avg_pool = {
    .name = "global_avg_pool",
    .doc = "global_avg_pool(x [N, H, W, C]) -> y [N, C]\n"
           "y[n, c] = the mean of x[n, :, :, c] (Lin, Chen and Yan 2014).\n"
           "Gradient: global_avg_pool_grad(dy).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .shape = avg_shape,
    .axes = avg_axes,
    .grad = avg_grad,
    .cost = avg_cost,
    .ref = avg_ref,
    .cases = cases};

const snug_op snug_op_global_avg_pool_grad = {
    .name = "global_avg_pool_grad",
    .doc = "global_avg_pool_grad(dy [N, C]) -> dx [N, in_h, in_w, C]\n"
           "dx[n, y, x, c] = dy[n, c] / (in_h * in_w).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_size2d_attrs),
    .shape = avg_grad_shape,
    .axes = avg_axes,
    .cost = snug_cost_elementwise,
    .ref = avg_grad_ref,
    .cases = grad_cases};
