/* SPDX-License-Identifier: Apache-2.0 */
/* Maximum over windows of x [N, H, W, C], without padding. The place in the window that won
 * (ky * kernel_w + kx) is kept, so that the gradient needs neither x nor y. On a tie the first
 * place wins; NaN wins over every number. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

#define MAX_PLACES 256 /* what u8 can number */

#define POOL_ROWS                                                                                  \
    ATTR_INT(snug_pool2d_attrs, kernel_h, 1, MAX_PLACES, 2, "height of the window"),               \
        ATTR_INT(snug_pool2d_attrs, kernel_w, 1, MAX_PLACES, 2, "width of the window"),            \
        ATTR_INT(snug_pool2d_attrs, stride_h, 1, 0x1p20, 2, "vertical stride"),                    \
        ATTR_INT(snug_pool2d_attrs, stride_w, 1, 0x1p20, 2, "horizontal stride")

static const snug_attr attrs[] = {POOL_ROWS, {0}};
static const snug_attr grad_attrs[] = {
    POOL_ROWS,
    ATTR_INT(snug_pool2d_attrs, in_h, 1, 0x1p40, 1, "height of x"),
    ATTR_INT(snug_pool2d_attrs, in_w, 1, 0x1p40, 1, "width of x"),
    {0}};

/* Pooled height and width of an image of h x w. */
static snug_status pooled(const snug_infer *f, int64_t h, int64_t w, int64_t out[2])
{
    const snug_pool2d_attrs *a = f->attrs;
    char text[SNUG_SHAPE_TEXT];
    snug_shape_text(&f->in[0].shape, text, sizeof text);
    CHECK(a->kernel_h * a->kernel_w <= MAX_PLACES, SNUG_ESHAPE,
          "max_pool2d '%s': a window of %" PRId64 " x %" PRId64
          " has more than %d places (input %s)",
          f->name, a->kernel_h, a->kernel_w, MAX_PLACES, text);
    CHECK(a->kernel_h <= h && a->kernel_w <= w, SNUG_ESHAPE,
          "max_pool2d '%s': a window of %" PRId64 " x %" PRId64 " does not fit into %" PRId64
          " x %" PRId64 " (input %s)",
          f->name, a->kernel_h, a->kernel_w, h, w, text);
    out[0] = (h - a->kernel_h) / a->stride_h + 1;
    out[1] = (w - a->kernel_w) / a->stride_w + 1;
    return SNUG_OK;
}

static snug_status pool_shape(snug_infer *f)
{
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 4, "[N, H, W, C]"));
    int64_t size[2];
    TRY(pooled(f, f->in[0].shape.dim[1], f->in[0].shape.dim[2], size));
    f->out[0] = f->in[0];
    f->out[0].shape.dim[1] = size[0], f->out[0].shape.dim[2] = size[1];
    f->out[1] = f->out[0];
    f->out[1].dtype = SNUG_U8;
    return SNUG_OK;
}

static snug_status pool_grad_shape(snug_infer *f)
{
    const snug_pool2d_attrs *a = f->attrs;
    const snug_shape *dy = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_rank(f, 0, 4, "[N, OH, OW, C]"));
    TRY(snug_infer_same(f, 1, 0));
    CHECK(f->in[1].dtype == SNUG_U8, SNUG_ESHAPE, "max_pool2d_grad '%s': index %s must be u8",
          f->name, snug_shape_text(dy, text, sizeof text));
    int64_t size[2];
    TRY(pooled(f, a->in_h, a->in_w, size));
    CHECK(dy->dim[1] == size[0] && dy->dim[2] == size[1], SNUG_ESHAPE,
          "max_pool2d_grad '%s': dy is %s, but an image of %" PRId64 " x %" PRId64
          " gives [N, %" PRId64 ", %" PRId64 ", C]",
          f->name, snug_shape_text(dy, text, sizeof text), a->in_h, a->in_w, size[0], size[1]);
    f->out[0] = f->in[0];
    f->out[0].shape.dim[1] = a->in_h, f->out[0].shape.dim[2] = a->in_w;
    int64_t n = 1;
    for (int i = 0; i < 4; i++) TRY(snug_infer_mul(f, n, f->out[0].shape.dim[i], &n));
    return SNUG_OK;
}

static int pool_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++)
        for (int i = 0; i < s->n_in; i++) {
            n = snug_use_batch(s, u, n, o, i);
            n = snug_use_axis(u, n, o, 3, i, 3);
            n = snug_use_axis(u, n, o, 1, i, 1), u[n - 1].how = SNUG_FOLLOW_WINDOW;
            n = snug_use_axis(u, n, o, 2, i, 2), u[n - 1].how = SNUG_FOLLOW_WINDOW;
        }
    return n;
}

static snug_status pool_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    snug_pool2d_attrs a = *(const snug_pool2d_attrs *)g->attrs;
    a.in_h = x.dim[1], a.in_w = x.dim[2];
    return snug_apply_all(g->graph, &snug_op_max_pool2d_grad, NULL, &a, 2,
                          (snug_value *[]){g->dout[0], g->out[1]}, &g->din[0]);
}

static snug_cost pool_cost(const snug_sig *s)
{
    const snug_pool2d_attrs *a = s->attrs;
    double n = (double)snug_shape_elements(&s->out[0].shape);
    return snug_cost_of(s, n * (double)(a->kernel_h * a->kernel_w));
}

/* The place that wins the window of output element i. */
static int64_t winner(const snug_call *c, int64_t i, double *best)
{
    const snug_pool2d_attrs *a = c->attrs;
    const int64_t *x = c->in[0].type.shape.dim, *y = c->out[0].type.shape.dim;
    int64_t ch = i % y[3], ox = i / y[3] % y[2], oy = i / y[3] / y[2] % y[1];
    int64_t n = i / y[3] / y[2] / y[1], place = 0;
    for (int64_t p = 0; p < a->kernel_h * a->kernel_w; p++) {
        int64_t iy = oy * a->stride_h + p / a->kernel_w, ix = ox * a->stride_w + p % a->kernel_w;
        double v = snug_load(&c->in[0], ((n * x[1] + iy) * x[2] + ix) * x[3] + ch);
        bool first_nan = v != v && *best == *best;
        if (p == 0 || v > *best || first_nan) *best = v, place = p;
    }
    return place;
}

static void pool_ref(const snug_call *c)
{
    int64_t n = snug_shape_elements(&c->out[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        double best = 0;
        int64_t place = winner(c, i, &best);
        snug_store(&c->out[0], i, best);
        if (c->out[1].data) snug_store(&c->out[1], i, (double)place);
    }
}

/* The window, if there is one, whose place k along one axis lies at `in`; -1: none. */
static int64_t window_of(int64_t in, int64_t k, int64_t stride, int64_t n_out)
{
    int64_t from = in - k;
    return from >= 0 && from % stride == 0 && from / stride < n_out ? from / stride : -1;
}

static void pool_grad_ref(const snug_call *c)
{
    const snug_pool2d_attrs *a = c->attrs;
    const int64_t *x = c->out[0].type.shape.dim, *y = c->in[0].type.shape.dim;
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        int64_t ch = i % x[3], ix = i / x[3] % x[2], iy = i / x[3] / x[2] % x[1];
        int64_t n = i / x[3] / x[2] / x[1];
        double sum = 0;
        for (int64_t p = 0; p < a->kernel_h * a->kernel_w; p++) {
            int64_t oy = window_of(iy, p / a->kernel_w, a->stride_h, y[1]);
            int64_t ox = window_of(ix, p % a->kernel_w, a->stride_w, y[2]);
            if (oy < 0 || ox < 0) continue;
            int64_t o = ((n * y[1] + oy) * y[2] + ox) * y[3] + ch;
            if ((int64_t)snug_load(&c->in[1], o) == p) sum += snug_load(&c->in[0], o);
        }
        snug_store(&c->out[0], i, sum);
    }
}

#define WINDOW(k, s) .kernel_h = k, .kernel_w = k, .stride_h = s, .stride_w = s
static const snug_pool2d_attrs two = {WINDOW(2, 2)}, overlap = {WINDOW(3, 2)},
                               gaps = {WINDOW(2, 3)},
                               lopsided = {.kernel_h = 3,
                                           .kernel_w = 1,
                                           .stride_h = 1,
                                           .stride_w = 2},
                               g_two = {WINDOW(2, 2), .in_h = 5, .in_w = 6},
                               g_overlap = {WINDOW(3, 2), .in_h = 7, .in_w = 8},
                               g_gaps = {WINDOW(2, 3), .in_h = 8, .in_w = 5},
                               g_lenet1 = {WINDOW(2, 2), .in_h = 28, .in_w = 28},
                               g_lenet2 = {WINDOW(2, 2), .in_h = 10, .in_w = 10};

static const snug_case cases[] = {
    {.name = "one", .attrs = &two, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 1, 2, 2, 1))},
    {.name = "odd", .attrs = &two, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 5, 6, 3))},
    {.name = "overlap", .attrs = &overlap, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 2, 7, 8, 5))},
    {.name = "gaps", .attrs = &gaps, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 2, 8, 5, 9))},
    {.name = "lopsided",
     .attrs = &lopsided,
     .n_in = 1,
     .in = INPUTS(BATCH_OF(DISTINCT, 1, 4, 5, 2))},
    {.name = "fixed", .attrs = &two, .n_in = 1, .in = INPUTS(FIXED_OF(DISTINCT, 2, 4, 4, 3))},
    {.name = "lenet 1",
     .attrs = &two,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(64, 28, 28, 6))},
    {.name = "lenet 2",
     .attrs = &two,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(64, 10, 10, 16))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "odd",
     .attrs = &g_two,
     .n_in = 2,
     .in = INPUTS(BATCH(7, 2, 3, 3), PLACES(4, 7, 2, 3, 3))},
    {.name = "overlap",
     .attrs = &g_overlap,
     .n_in = 2,
     .in = INPUTS(BATCH(2, 3, 3, 5), PLACES(9, 2, 3, 3, 5))},
    {.name = "gaps",
     .attrs = &g_gaps,
     .n_in = 2,
     .in = INPUTS(BATCH(1, 3, 2, 9), PLACES(4, 1, 3, 2, 9))},
    {.name = "lenet 1",
     .attrs = &g_lenet1,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 14, 14, 6), PLACES(4, 64, 14, 14, 6))},
    {.name = "lenet 2",
     .attrs = &g_lenet2,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 5, 5, 16), PLACES(4, 64, 5, 5, 16))},
    {0}};

const snug_op snug_op_max_pool2d = {
    .name = "max_pool2d",
    .doc = "max_pool2d(x [N, H, W, C]) -> y [N, OH, OW, C], index u8 [N, OH, OW, C]\n"
           "y = the largest element of each window; index = which of its places, row by row, won.\n"
           "OH = (H - kernel_h) / stride_h + 1, rounded down; OW likewise.\n"
           "Gradient: max_pool2d_grad(dy, index).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 2,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_pool2d_attrs),
    .shape = pool_shape,
    .axes = pool_axes,
    .grad = pool_grad,
    .cost = pool_cost,
    .ref = pool_ref,
    .cases = cases};

const snug_op snug_op_max_pool2d_grad = {
    .name = "max_pool2d_grad",
    .doc = "max_pool2d_grad(dy [N, OH, OW, C], index u8 [N, OH, OW, C]) -> dx [N, in_h, in_w, C]\n"
           "dx = the sum of dy over the windows that this element won.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_pool2d_attrs),
    .shape = pool_grad_shape,
    .axes = pool_axes,
    .cost = pool_cost,
    .ref = pool_grad_ref,
    .cases = grad_cases};
