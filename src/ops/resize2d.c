/* SPDX-License-Identifier: Apache-2.0 */
/* Images of another size: adaptive_avg_pool2d, the means of bins that divide the image (He et al.
 * 2015, spatial pyramid pooling), and resize2d, by the nearest element or between the nearest four.
 * Places are those of PyTorch: without corners, element i covers [i, i + 1). */
#include "ops/cases.h"
#include "ops/resample.h"
#include <snug/graph.h>

/* ---- adaptive_avg_pool2d ----------------------------------------------------------------------
 */

static const snug_attr adaptive_attrs[] = {
    ATTR_INT(snug_adaptive2d_attrs, out_h, 1, 0x1p20, 1, "height of y"),
    ATTR_INT(snug_adaptive2d_attrs, out_w, 1, 0x1p20, 1, "width of y"),
    {0}};
static const snug_attr adaptive_grad_attrs[] = {
    ATTR_INT(snug_adaptive2d_attrs, in_h, 1, 0x1p39, 1, "height of x"),
    ATTR_INT(snug_adaptive2d_attrs, in_w, 1, 0x1p39, 1, "width of x"),
    {0}};

static snug_status adaptive_shape(snug_infer *f)
{
    const snug_adaptive2d_attrs *a = f->attrs;
    return snug_resample_shape(f, a->out_h, a->out_w);
}

static snug_status adaptive_grad_shape(snug_infer *f)
{
    const snug_adaptive2d_attrs *a = f->attrs;
    return snug_resample_shape(f, a->in_h, a->in_w);
}

static snug_status adaptive_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    snug_adaptive2d_attrs a = {.in_h = x.dim[1], .in_w = x.dim[2]};
    return snug_apply_all(g->graph, &snug_op_adaptive_avg_pool2d_grad, NULL, &a, 1, &g->dout[0],
                          &g->din[0]);
}

void snug_adaptive_avg_pool2d_axes(const void *attrs, const snug_shape *x, const snug_shape *y,
                                   snug_resample r[2])
{
    (void)attrs;
    for (int i = 0; i < 2; i++)
        r[i] = (snug_resample){.kind = RESAMPLE_BINS, .in = x->dim[i + 1], .out = y->dim[i + 1]};
}

static snug_cost adaptive_cost(const snug_sig *s)
{
    snug_resample r[2];
    snug_adaptive_avg_pool2d_axes(s->attrs, &s->in[0].shape, &s->out[0].shape, r);
    return snug_resample_cost(s, r);
}

static snug_cost adaptive_grad_cost(const snug_sig *s)
{
    snug_resample r[2];
    snug_adaptive_avg_pool2d_axes(s->attrs, &s->out[0].shape, &s->in[0].shape, r);
    return snug_resample_cost(s, r);
}

static void adaptive_ref(const snug_call *c)
{
    snug_resample_ref(c, snug_adaptive_avg_pool2d_axes);
}

static void adaptive_grad_ref(const snug_call *c)
{
    snug_resample_grad_ref(c, snug_adaptive_avg_pool2d_axes);
}

static const snug_adaptive2d_attrs bins = {.out_h = 3, .out_w = 2}, more = {.out_h = 7, .out_w = 5},
                                   seven = {.out_h = 7, .out_w = 7},
                                   g_bins = {.in_h = 7, .in_w = 5}, g_more = {.in_h = 3, .in_w = 4},
                                   g_seven = {.in_h = 16, .in_w = 16};

static const snug_case adaptive_cases[] = {
    {.name = "one", .n_in = 1, .in = INPUTS(BATCH(1, 3, 2, 1))},
    {.name = "bins", .attrs = &bins, .n_in = 1, .in = INPUTS(BATCH(7, 7, 5, 3))},
    {.name = "more", .attrs = &more, .n_in = 1, .in = INPUTS(BATCH(2, 3, 4, 19))},
    {.name = "fixed", .attrs = &bins, .n_in = 1, .in = INPUTS(FIXED(2, 4, 4, 3))},
    {.name = "seven",
     .attrs = &seven,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 16, 16, 64))},
    {0}};

static const snug_case adaptive_grad_cases[] = {
    {.name = "bins", .attrs = &g_bins, .n_in = 1, .in = INPUTS(BATCH(7, 3, 2, 3))},
    {.name = "more", .attrs = &g_more, .n_in = 1, .in = INPUTS(BATCH(2, 7, 5, 19))},
    {.name = "seven",
     .attrs = &g_seven,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 7, 7, 64))},
    {0}};

const snug_op snug_op_adaptive_avg_pool2d = {
    .name = "adaptive_avg_pool2d",
    .doc = "adaptive_avg_pool2d(x [N, H, W, C]) -> y [N, out_h, out_w, C]\n"
           "y[n, i, j, c] = the mean of x over rows floor(i H / out_h) to ceil((i + 1) H / out_h)\n"
           "and such columns (He et al. 2015).\n"
           "Gradient: adaptive_avg_pool2d_grad(dy).",
    .layer =
        "means of bins that divide an image: [N, height, width, channels] to [N, out_h, out_w, "
        "channels]",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = adaptive_attrs,
    .attrs_bytes = sizeof(snug_adaptive2d_attrs),
    .shape = adaptive_shape,
    .axes = snug_resample_uses,
    .grad = adaptive_grad,
    .cost = adaptive_cost,
    .ref = adaptive_ref,
    .cases = adaptive_cases};

const snug_op snug_op_adaptive_avg_pool2d_grad = {
    .name = "adaptive_avg_pool2d_grad",
    .doc = "adaptive_avg_pool2d_grad(dy [N, OH, OW, C]) -> dx [N, in_h, in_w, C]\n"
           "dx = the sum over the bins that hold this element of dy / (elements of the bin).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = adaptive_grad_attrs,
    .attrs_bytes = sizeof(snug_adaptive2d_attrs),
    .shape = adaptive_grad_shape,
    .axes = snug_resample_uses,
    .cost = adaptive_grad_cost,
    .ref = adaptive_grad_ref,
    .cases = adaptive_grad_cases};

/* ---- resize2d ---------------------------------------------------------------------------------
 */

static const char *const modes[] = {"nearest", "bilinear", NULL};

#define RESIZE_ROWS                                                                                \
    {.name = "mode",                                                                               \
     .kind = SNUG_ATTR_ENUM,                                                                       \
     .offset = offsetof(snug_resize2d_attrs, mode),                                                \
     .max = RESIZE_BILINEAR,                                                                       \
     .names = modes,                                                                               \
     .help = "which elements of x are taken"},                                                     \
        ATTR_BOOL(snug_resize2d_attrs, corners, "bilinear: corners stay in place")

static const snug_attr resize_attrs[] = {
    ATTR_INT(snug_resize2d_attrs, out_h, 1, 0x1p20, 1, "height of y"),
    ATTR_INT(snug_resize2d_attrs, out_w, 1, 0x1p20, 1, "width of y"),
    RESIZE_ROWS,
    {0}};
static const snug_attr resize_grad_attrs[] = {
    ATTR_INT(snug_resize2d_attrs, in_h, 1, 0x1p39, 1, "height of x"),
    ATTR_INT(snug_resize2d_attrs, in_w, 1, 0x1p39, 1, "width of x"),
    RESIZE_ROWS,
    {0}};

static snug_status resize_shape(snug_infer *f)
{
    const snug_resize2d_attrs *a = f->attrs;
    return snug_resample_shape(f, a->out_h, a->out_w);
}

static snug_status resize_grad_shape(snug_infer *f)
{
    const snug_resize2d_attrs *a = f->attrs;
    return snug_resample_shape(f, a->in_h, a->in_w);
}

static snug_status resize_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    snug_resize2d_attrs a = *(const snug_resize2d_attrs *)g->attrs;
    a.out_h = a.out_w = 0, a.in_h = x.dim[1], a.in_w = x.dim[2];
    return snug_apply_all(g->graph, &snug_op_resize2d_grad, NULL, &a, 1, &g->dout[0], &g->din[0]);
}

void snug_resize2d_axes(const void *attrs, const snug_shape *x, const snug_shape *y,
                        snug_resample r[2])
{
    const snug_resize2d_attrs *a = attrs;
    for (int i = 0; i < 2; i++)
        r[i] =
            (snug_resample){.kind = a->mode == RESIZE_BILINEAR ? RESAMPLE_LINEAR : RESAMPLE_NEAREST,
                            .in = x->dim[i + 1],
                            .out = y->dim[i + 1],
                            .corners = a->corners};
}

static snug_cost resize_cost(const snug_sig *s)
{
    snug_resample r[2];
    snug_resize2d_axes(s->attrs, &s->in[0].shape, &s->out[0].shape, r);
    return snug_resample_cost(s, r);
}

static snug_cost resize_grad_cost(const snug_sig *s)
{
    snug_resample r[2];
    snug_resize2d_axes(s->attrs, &s->out[0].shape, &s->in[0].shape, r);
    return snug_resample_cost(s, r);
}

static void resize_ref(const snug_call *c)
{
    snug_resample_ref(c, snug_resize2d_axes);
}

static void resize_grad_ref(const snug_call *c)
{
    snug_resample_grad_ref(c, snug_resize2d_axes);
}

#define BILINEAR .mode = RESIZE_BILINEAR

static const snug_resize2d_attrs nearest = {.out_h = 8, .out_w = 7},
                                 fewer = {.out_h = 3, .out_w = 2},
                                 bilinear = {.out_h = 8, .out_w = 7, BILINEAR},
                                 corners = {.out_h = 8, .out_w = 7, BILINEAR, .corners = 1},
                                 smaller = {.out_h = 3, .out_w = 1, BILINEAR, .corners = 1},
                                 two = {.out_h = 28, .out_w = 28},
                                 g_nearest = {.in_h = 4, .in_w = 5},
                                 g_fewer = {.in_h = 7, .in_w = 5},
                                 g_bilinear = {.in_h = 4, .in_w = 5, BILINEAR},
                                 g_corners = {.in_h = 4, .in_w = 5, BILINEAR, .corners = 1},
                                 g_two = {.in_h = 14, .in_w = 14};

static const snug_case resize_cases[] = {
    {.name = "nearest", .attrs = &nearest, .n_in = 1, .in = INPUTS(BATCH(7, 4, 5, 3))},
    {.name = "nearest, fewer", .attrs = &fewer, .n_in = 1, .in = INPUTS(BATCH(2, 7, 5, 19))},
    {.name = "bilinear", .attrs = &bilinear, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 3))},
    {.name = "corners", .attrs = &corners, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 17))},
    {.name = "bilinear, fewer", .attrs = &smaller, .n_in = 1, .in = INPUTS(BATCH(2, 7, 5, 2))},
    {.name = "fixed", .attrs = &bilinear, .n_in = 1, .in = INPUTS(FIXED(2, 4, 4, 3))},
    {.name = "twice", .attrs = &two, .bench = true, .n_in = 1, .in = INPUTS(BATCH(32, 14, 14, 16))},
    {0}};

static const snug_case resize_grad_cases[] = {
    {.name = "nearest", .attrs = &g_nearest, .n_in = 1, .in = INPUTS(BATCH(7, 8, 7, 3))},
    {.name = "nearest, fewer", .attrs = &g_fewer, .n_in = 1, .in = INPUTS(BATCH(2, 3, 2, 19))},
    {.name = "bilinear", .attrs = &g_bilinear, .n_in = 1, .in = INPUTS(BATCH(3, 8, 7, 3))},
    {.name = "corners", .attrs = &g_corners, .n_in = 1, .in = INPUTS(BATCH(3, 8, 7, 17))},
    {.name = "twice",
     .attrs = &g_two,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 28, 28, 16))},
    {0}};

const snug_op snug_op_resize2d = {
    .name = "resize2d",
    .doc = "resize2d(x [N, H, W, C]) -> y [N, out_h, out_w, C]\n"
           "nearest: y[n, i, j, c] = x[n, floor(i H / out_h), floor(j W / out_w), c]. bilinear:\n"
           "between the elements around ((i + 1/2) H / out_h - 1/2, ...), or with corners\n"
           "(i (H - 1) / (out_h - 1), ...), the borders repeated.\n"
           "Gradient: resize2d_grad(dy).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = resize_attrs,
    .attrs_bytes = sizeof(snug_resize2d_attrs),
    .shape = resize_shape,
    .axes = snug_resample_uses,
    .grad = resize_grad,
    .cost = resize_cost,
    .ref = resize_ref,
    .cases = resize_cases};

const snug_op snug_op_resize2d_grad = {
    .name = "resize2d_grad",
    .doc = "resize2d_grad(dy [N, OH, OW, C]) -> dx [N, in_h, in_w, C]\n"
           "dx = the sum of dy over the elements of y that took this one, with their weights.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = resize_grad_attrs,
    .attrs_bytes = sizeof(snug_resize2d_attrs),
    .shape = resize_grad_shape,
    .axes = snug_resample_uses,
    .cost = resize_grad_cost,
    .ref = resize_grad_ref,
    .cases = resize_grad_cases};
