/* SPDX-License-Identifier: Apache-2.0 */
/* Mean over windows of x [N, H, W, C] with zeros around it, which count in the mean or do not. */
#include "ops/cases.h"
#include "ops/resample.h"
#include <snug/graph.h>

#define POOL_ROWS                                                                                  \
    ATTR_INT(snug_avg_pool2d_attrs, kernel_h, 1, 0x1p20, 2, "height of the window"),               \
        ATTR_INT(snug_avg_pool2d_attrs, kernel_w, 1, 0x1p20, 2, "width of the window"),            \
        ATTR_INT(snug_avg_pool2d_attrs, stride_h, 1, 0x1p20, 2, "vertical stride"),                \
        ATTR_INT(snug_avg_pool2d_attrs, stride_w, 1, 0x1p20, 2, "horizontal stride"),              \
        ATTR_INT(snug_avg_pool2d_attrs, pad_top, 0, 0x1p20, 0, "rows of zeros above"),             \
        ATTR_INT(snug_avg_pool2d_attrs, pad_bottom, 0, 0x1p20, 0, "rows of zeros below"),          \
        ATTR_INT(snug_avg_pool2d_attrs, pad_left, 0, 0x1p20, 0, "columns of zeros to the left"),   \
        ATTR_INT(snug_avg_pool2d_attrs, pad_right, 0, 0x1p20, 0, "columns of zeros to the right"), \
        ATTR_BOOL(snug_avg_pool2d_attrs, count_pad, "zeros around count in the mean")

static const snug_attr pool_attrs[] = {POOL_ROWS, {0}};
static const snug_attr grad_attrs[] = {
    POOL_ROWS,
    ATTR_INT(snug_avg_pool2d_attrs, in_h, 1, 0x1p39, 1, "height of x"),
    ATTR_INT(snug_avg_pool2d_attrs, in_w, 1, 0x1p39, 1, "width of x"),
    {0}};

/* Extents of the result for an image of h x w. */
static snug_status pooled(const snug_infer *f, int64_t h, int64_t w, int64_t out[2])
{
    const snug_avg_pool2d_attrs *a = f->attrs;
    char text[SNUG_SHAPE_TEXT];
    snug_shape_text(&f->in[0].shape, text, sizeof text);
    CHECK(a->pad_top < a->kernel_h && a->pad_bottom < a->kernel_h && a->pad_left < a->kernel_w &&
              a->pad_right < a->kernel_w,
          SNUG_ESHAPE,
          "avg_pool2d '%s': padding must be less than the window of %" PRId64 " x %" PRId64
          ", or a mean would have no elements (input %s)",
          f->name, a->kernel_h, a->kernel_w, text);
    h += a->pad_top + a->pad_bottom, w += a->pad_left + a->pad_right;
    CHECK(a->kernel_h <= h && a->kernel_w <= w, SNUG_ESHAPE,
          "avg_pool2d '%s': a window of %" PRId64 " x %" PRId64 " does not fit into %" PRId64
          " x %" PRId64 " with padding (input %s)",
          f->name, a->kernel_h, a->kernel_w, h, w, text);
    out[0] = (h - a->kernel_h) / a->stride_h + 1;
    out[1] = (w - a->kernel_w) / a->stride_w + 1;
    return SNUG_OK;
}

static snug_status pool_shape(snug_infer *f)
{
    int64_t out[2];
    TRY(snug_infer_rank(f, 0, 4, "[N, H, W, C]"));
    TRY(pooled(f, f->in[0].shape.dim[1], f->in[0].shape.dim[2], out));
    return snug_resample_shape(f, out[0], out[1]);
}

static snug_status pool_grad_shape(snug_infer *f)
{
    const snug_avg_pool2d_attrs *a = f->attrs;
    const snug_shape *dy = &f->in[0].shape;
    int64_t out[2];
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_rank(f, 0, 4, "[N, OH, OW, C]"));
    TRY(pooled(f, a->in_h, a->in_w, out));
    CHECK(dy->dim[1] == out[0] && dy->dim[2] == out[1], SNUG_ESHAPE,
          "avg_pool2d_grad '%s': dy is %s, but an image of %" PRId64 " x %" PRId64
          " gives [N, %" PRId64 ", %" PRId64 ", C]",
          f->name, snug_shape_text(dy, text, sizeof text), a->in_h, a->in_w, out[0], out[1]);
    return snug_resample_shape(f, a->in_h, a->in_w);
}

static snug_status pool_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    snug_avg_pool2d_attrs a = *(const snug_avg_pool2d_attrs *)g->attrs;
    a.in_h = x.dim[1], a.in_w = x.dim[2];
    return snug_apply_all(g->graph, &snug_op_avg_pool2d_grad, NULL, &a, 1, &g->dout[0], &g->din[0]);
}

void snug_avg_pool2d_axes(const void *attrs, const snug_shape *x, const snug_shape *y,
                          snug_resample r[2])
{
    const snug_avg_pool2d_attrs *a = attrs;
    r[0] = (snug_resample){.in = x->dim[1],
                           .out = y->dim[1],
                           .kernel = a->kernel_h,
                           .stride = a->stride_h,
                           .before = a->pad_top,
                           .count_pad = a->count_pad};
    r[1] = (snug_resample){.in = x->dim[2],
                           .out = y->dim[2],
                           .kernel = a->kernel_w,
                           .stride = a->stride_w,
                           .before = a->pad_left,
                           .count_pad = a->count_pad};
}

static snug_cost pool_cost(const snug_sig *s)
{
    snug_resample r[2];
    snug_avg_pool2d_axes(s->attrs, &s->in[0].shape, &s->out[0].shape, r);
    return snug_resample_cost(s, r);
}

static snug_cost pool_grad_cost(const snug_sig *s)
{
    snug_resample r[2];
    snug_avg_pool2d_axes(s->attrs, &s->out[0].shape, &s->in[0].shape, r);
    return snug_resample_cost(s, r);
}

static void pool_ref(const snug_call *c)
{
    snug_resample_ref(c, snug_avg_pool2d_axes);
}

static void pool_grad_ref(const snug_call *c)
{
    snug_resample_grad_ref(c, snug_avg_pool2d_axes);
}

#define WINDOW(k, s) .kernel_h = k, .kernel_w = k, .stride_h = s, .stride_w = s
#define PAD(p)       .pad_top = p, .pad_bottom = p, .pad_left = p, .pad_right = p
#define LOPSIDED                                                                                   \
    .kernel_h = 3, .kernel_w = 2, .stride_h = 1, .stride_w = 3, .pad_top = 2, .pad_right = 1

static const snug_avg_pool2d_attrs two = {WINDOW(2, 2)}, overlap = {WINDOW(3, 2), PAD(1)},
                                   counted = {WINDOW(3, 2), PAD(1), .count_pad = 1},
                                   gaps = {WINDOW(2, 3)}, lopsided = {LOPSIDED},
                                   g_two = {WINDOW(2, 2), .in_h = 5, .in_w = 6},
                                   g_overlap = {WINDOW(3, 2), PAD(1), .in_h = 7, .in_w = 8},
                                   g_counted = {WINDOW(3, 2), PAD(1), .count_pad = 1, .in_h = 7,
                                                .in_w = 8},
                                   g_gaps = {WINDOW(2, 3), .in_h = 8, .in_w = 5},
                                   g_lopsided = {LOPSIDED, .in_h = 4, .in_w = 7},
                                   g_large = {WINDOW(2, 2), .in_h = 32, .in_w = 32};

static const snug_case cases[] = {
    {.name = "one", .attrs = &two, .n_in = 1, .in = INPUTS(BATCH(1, 2, 2, 1))},
    {.name = "odd", .attrs = &two, .n_in = 1, .in = INPUTS(BATCH(7, 5, 6, 3))},
    {.name = "overlap", .attrs = &overlap, .n_in = 1, .in = INPUTS(BATCH(2, 7, 8, 5))},
    {.name = "counted", .attrs = &counted, .n_in = 1, .in = INPUTS(BATCH(2, 7, 8, 5))},
    {.name = "gaps", .attrs = &gaps, .n_in = 1, .in = INPUTS(BATCH(2, 8, 5, 9))},
    {.name = "lopsided", .attrs = &lopsided, .n_in = 1, .in = INPUTS(BATCH(2, 4, 7, 19))},
    {.name = "fixed", .attrs = &two, .n_in = 1, .in = INPUTS(FIXED(2, 4, 4, 3))},
    {.name = "large", .attrs = &two, .bench = true, .n_in = 1, .in = INPUTS(BATCH(32, 32, 32, 32))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "odd", .attrs = &g_two, .n_in = 1, .in = INPUTS(BATCH(7, 2, 3, 3))},
    {.name = "overlap", .attrs = &g_overlap, .n_in = 1, .in = INPUTS(BATCH(2, 4, 4, 5))},
    {.name = "counted", .attrs = &g_counted, .n_in = 1, .in = INPUTS(BATCH(2, 4, 4, 5))},
    {.name = "gaps", .attrs = &g_gaps, .n_in = 1, .in = INPUTS(BATCH(1, 3, 2, 9))},
    {.name = "lopsided", .attrs = &g_lopsided, .n_in = 1, .in = INPUTS(BATCH(2, 4, 3, 19))},
    {.name = "large",
     .attrs = &g_large,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 16, 16, 32))},
    {0}};

const snug_op snug_op_avg_pool2d = {
    .name = "avg_pool2d",
    .doc = "avg_pool2d(x [N, H, W, C]) -> y [N, OH, OW, C]\n"
           "y = the mean of each window; zeros around x count in it with count_pad.\n"
           "OH = (H + pad_top + pad_bottom - kernel_h) / stride_h + 1, rounded down; OW likewise.\n"
           "Gradient: avg_pool2d_grad(dy) (LeCun et al. 1998).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = pool_attrs,
    .attrs_bytes = sizeof(snug_avg_pool2d_attrs),
    .shape = pool_shape,
    .axes = snug_resample_uses,
    .grad = pool_grad,
    .cost = pool_cost,
    .ref = pool_ref,
    .cases = cases};

const snug_op snug_op_avg_pool2d_grad = {
    .name = "avg_pool2d_grad",
    .doc = "avg_pool2d_grad(dy [N, OH, OW, C]) -> dx [N, in_h, in_w, C]\n"
           "dx = the sum over the windows that see this element of dy / (elements of the mean).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_avg_pool2d_attrs),
    .shape = pool_grad_shape,
    .axes = snug_resample_uses,
    .cost = pool_grad_cost,
    .ref = pool_grad_ref,
    .cases = grad_cases};
