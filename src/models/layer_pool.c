/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling of images [N, H, W, C], and of sequences [N, T, C] as images of one row. */
#include "models/layer.h"
#include "ops/ops.h"

enum { STRIDE_KERNEL = -1, PAD_SAME = -1, PAD_VALID = -2 };

typedef struct pool_attrs {
    int64_t kernel[2], stride[2];
    int64_t padding; /* of avg_pool: PAD_..., or as many on each side */
    bool count_padding;
} pool_attrs;

static int64_t stride_of(const pool_attrs *a, int axis)
{
    return a->stride[axis] == STRIDE_KERNEL ? a->kernel[axis] : a->stride[axis];
}

static snug_value *pool_max(const snug_layer_build *b, const pool_attrs *a, snug_value *x)
{
    const snug_pool2d_attrs p = {.kernel_h = a->kernel[0],
                                 .kernel_w = a->kernel[1],
                                 .stride_h = stride_of(a, 0),
                                 .stride_w = stride_of(a, 1)};
    return snug_apply(b->graph, &snug_op_max_pool2d, NULL, &p, 1, &x);
}

/* Zeros so that the result is of size / stride, rounded up. */
static void pad_same(int64_t in, int64_t kernel, int64_t stride, int64_t *before, int64_t *after)
{
    int64_t need = ((in + stride - 1) / stride - 1) * stride + kernel - in;
    *before = need > 0 ? need / 2 : 0;
    *after = need > 0 ? need - need / 2 : 0;
}

static snug_value *pool_avg(const snug_layer_build *b, const pool_attrs *a, snug_value *x)
{
    const snug_shape in = snug_value_type(x).shape;
    int64_t pad = a->padding > 0 ? a->padding : 0;
    snug_avg_pool2d_attrs p = {.kernel_h = a->kernel[0],
                               .kernel_w = a->kernel[1],
                               .stride_h = stride_of(a, 0),
                               .stride_w = stride_of(a, 1),
                               .pad_top = a->kernel[0] > 1 ? pad : 0,
                               .pad_left = a->kernel[1] > 1 ? pad : 0,
                               .count_pad = a->count_padding};
    p.pad_bottom = p.pad_top, p.pad_right = p.pad_left;
    if (a->padding == PAD_SAME) {
        pad_same(in.dim[1], p.kernel_h, p.stride_h, &p.pad_top, &p.pad_bottom);
        pad_same(in.dim[2], p.kernel_w, p.stride_w, &p.pad_left, &p.pad_right);
    }
    return snug_apply(b->graph, &snug_op_avg_pool2d, NULL, &p, 1, &x);
}

static snug_value *build_max(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return snug_layer_rank(x) == 4 ? pool_max(b, attrs, x) : snug_layer_refuse_no_image(b, x);
}

static snug_value *build_avg(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return snug_layer_rank(x) == 4 ? pool_avg(b, attrs, x) : snug_layer_refuse_no_image(b, x);
}

/* A pool along the steps of a sequence, by one of images. */
static snug_value *along_steps(const snug_layer_build *b, const pool_attrs *given, snug_value *x,
                               snug_value *(*pool)(const snug_layer_build *, const pool_attrs *,
                                                   snug_value *))
{
    pool_attrs a = *given;
    if (snug_layer_rank(x) != 3)
        return snug_layer_refuse(b, x, "sequences [N, steps, channels]",
                                 "`- reshape` makes them of rows");
    const snug_shape in = snug_value_type(x).shape;
    a.stride[1] = stride_of(&a, 0), a.stride[0] = 1;
    a.kernel[1] = a.kernel[0], a.kernel[0] = 1;
    x = snug_reshape(b->graph, x, 3, (int64_t[]){1, in.dim[1], in.dim[2]});
    snug_value *y = x ? pool(b, &a, x) : NULL;
    if (!y) return NULL;
    const snug_shape out = snug_value_type(y).shape;
    return snug_reshape(b->graph, y, 2, out.dim + 2);
}

static snug_value *build_max1d(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return along_steps(b, attrs, x, pool_max);
}

static snug_value *build_avg1d(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return along_steps(b, attrs, x, pool_avg);
}

static const char *const stride_words[] = {"kernel", NULL};
static const char *const padding_words[] = {"same", "valid", NULL};

#define KEY(name, kind, field, ...)                                                                \
    {                                                                                              \
        name, kind, offsetof(pool_attrs, field), __VA_ARGS__                                       \
    }
#define KERNEL(most)                                                                               \
    KEY("kernel", LAYER_PAIR, kernel, 1, most, NULL, "2", "window: one number or [height, width]")
#define STRIDE                                                                                     \
    KEY("stride", LAYER_PAIR, stride, 1, 255, stride_words, "kernel",                              \
        "step of the window; `kernel`: windows side by side")
#define KERNEL_1D(most)                                                                            \
    KEY("kernel", LAYER_INT, kernel[0], 1, most, NULL, "2", "steps of the window")
#define STRIDE_1D                                                                                  \
    KEY("stride", LAYER_INT, stride[0], 1, 255, stride_words, "kernel",                            \
        "step of the window; `kernel`: windows side by side")
#define PADDING                                                                                    \
    KEY("padding", LAYER_INT, padding, 0, 255, padding_words, "valid",                             \
        "zeros around: `same` (result of size / stride, rounded up), `valid` (none), or how many " \
        "on each side")
#define COUNT                                                                                      \
    KEY("count_padding", LAYER_BOOL, count_padding, 0, 0, NULL, "true",                            \
        "zeros around count in the mean")

const snug_layer_kind snug_layer_max_pool = {
    .info.name = "max_pool",
    .info.doc =
        "the largest value of each window of an image; windows that do not fit are left out",
    .keys = (const snug_layer_key[]){KERNEL(15), STRIDE, {0}},
    .attrs_bytes = sizeof(pool_attrs),
    .build = build_max,
};

const snug_layer_kind snug_layer_avg_pool = {
    .info.name = "avg_pool",
    .info.doc = "the mean of each window of an image; windows that do not fit are left out",
    .keys = (const snug_layer_key[]){KERNEL(255), STRIDE, PADDING, COUNT, {0}},
    .attrs_bytes = sizeof(pool_attrs),
    .build = build_avg,
};

const snug_layer_kind snug_layer_max_pool1d = {
    .info.name = "max_pool1d",
    .info.doc = "the largest value of each window of a sequence [N, steps, channels]",
    .keys = (const snug_layer_key[]){KERNEL_1D(255), STRIDE_1D, {0}},
    .attrs_bytes = sizeof(pool_attrs),
    .build = build_max1d,
};

const snug_layer_kind snug_layer_avg_pool1d = {
    .info.name = "avg_pool1d",
    .info.doc = "the mean of each window of a sequence [N, steps, channels]",
    .keys = (const snug_layer_key[]){KERNEL_1D(255), STRIDE_1D, PADDING, COUNT, {0}},
    .attrs_bytes = sizeof(pool_attrs),
    .build = build_avg1d,
};

static snug_value *build_global_avg(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return snug_layer_rank(x) == 4 ? snug_global_avg_pool(b->graph, x)
                                   : snug_layer_refuse_no_image(b, x);
}

const snug_layer_kind snug_layer_global_avg_pool = {
    .info.name = "global_avg_pool",
    .info.doc =
        "the mean of each channel of an image: [N, height, width, channels] to [N, channels]",
    .build = build_global_avg,
};
