/* SPDX-License-Identifier: Apache-2.0 */
/* The builder functions of snug/graph.h for images: convolutions, pooling, resizing. */
#include "ops/build.h"

/* Zeros before and after an axis so that the output has ceil(in / stride) elements. */
static void pad_same(int64_t in, int64_t kernel, int64_t stride, int64_t *before, int64_t *after)
{
    int64_t need = ((in + stride - 1) / stride - 1) * stride + kernel - in;
    if (need < 0) need = 0;
    *before = need / 2;
    *after = need - need / 2;
}

static int64_t or_default(int64_t v, int64_t otherwise)
{
    return v ? v : otherwise;
}

static snug_status conv_attrs(const snug_conv2d_config *config, const snug_value *x,
                              const char *name, snug_conv2d_attrs *a, int64_t w[4])
{
    char text[SNUG_SHAPE_TEXT];
    const int64_t *in = x->type.shape.dim;
    w[0] = or_default(config->kernel[0], 3), w[1] = or_default(config->kernel[1], 3);
    *a = (snug_conv2d_attrs){.stride_h = or_default(config->stride[0], 1),
                             .stride_w = or_default(config->stride[1], 1),
                             .dilation_h = or_default(config->dilation[0], 1),
                             .dilation_w = or_default(config->dilation[1], 1),
                             .groups = or_default(config->groups, 1)};
    const int64_t steps[] = {w[0], w[1], a->stride_h, a->stride_w, a->dilation_h, a->dilation_w};
    for (int i = 0; i < 6; i++)
        CHECK(steps[i] > 0 && steps[i] < 1 << 20, SNUG_EINVAL,
              "'%s': kernel, stride and dilation must be 1 to %d", name, (1 << 20) - 1);
    CHECK(a->groups > 0 && in[3] % a->groups == 0 && config->filters % a->groups == 0, SNUG_ESHAPE,
          "'%s': %" PRId64 " groups do not divide the channels of %s and %" PRId64 " filters", name,
          a->groups, snug_shape_text(&x->type.shape, text, sizeof text), config->filters);
    w[2] = in[3] / a->groups, w[3] = config->filters;
    a->pad_top = config->pad[0], a->pad_bottom = config->pad[1];
    a->pad_left = config->pad[2], a->pad_right = config->pad[3];
    if (!config->same) return SNUG_OK;
    pad_same(in[1], (w[0] - 1) * a->dilation_h + 1, a->stride_h, &a->pad_top, &a->pad_bottom);
    pad_same(in[2], (w[1] - 1) * a->dilation_w + 1, a->stride_w, &a->pad_left, &a->pad_right);
    return SNUG_OK;
}

/* A layer on its way into the graph. */
typedef struct conv_layer {
    const char *name;
    snug_conv2d_attrs attrs;
    int64_t w[4]; /* extents of its weights */
    int64_t bias; /* how many; 0: none */
} conv_layer;

/* NAME.weight, the operator on x and it, and NAME.bias added to its result. */
static snug_value *convolve(snug_graph *g, const snug_op *op, snug_value *x, const conv_layer *l)
{
    char buf[NAME_BYTES];
    snug_dtype dtype = x->type.dtype;
    snug_value *in[3] = {x};
    in[1] = snug_param(g, part_name(buf, l->name, "weight"), fixed_type(dtype, 4, l->w),
                       (snug_init){.kind = SNUG_INIT_HE_NORMAL});
    if (l->bias)
        in[2] = channel_param(g, l->name, "bias", fixed_type(dtype, 1, &l->bias), SNUG_INIT_ZERO);
    if (!l->bias || op->n_in_max > 2)
        return snug_apply(g, op, l->name, &l->attrs, l->bias ? 3 : 2, in);
    snug_value *y = snug_apply(g, op, part_name(buf, l->name, "product"), &l->attrs, 2, in);
    return apply_named(g, &snug_op_bias_add, l->name, y, in[2]);
}

snug_value *snug_conv2d(snug_graph *g, snug_value *x, const snug_conv2d_config *config,
                        const char *name)
{
    if (!config || !layer_fits(g, x, name, 4, config->filters)) return NULL;
    conv_layer l = {.name = name, .bias = config->no_bias ? 0 : config->filters};
    snug_status s = conv_attrs(config, x, name, &l.attrs, l.w);
    if (s != SNUG_OK) {
        snug_graph_fail(g, s);
        return NULL;
    }
    return convolve(g, &snug_op_conv2d, x, &l);
}

/* How long one axis of the transpose becomes; k: kernel, stride, dilation. */
static int64_t transposed(int64_t in, const int64_t k[3], int64_t pads, int64_t output_pad)
{
    int64_t n = (in - 1) * k[1] + (k[0] - 1) * k[2] + 1 + output_pad - pads;
    return n > 0 ? n : 0;
}

/* The attributes that make [N, in_h, in_w, filters] of x. */
static snug_status transpose_attrs(const snug_conv2d_config *c, const snug_value *x,
                                   const char *name, snug_conv2d_attrs *a, int64_t w[4])
{
    char text[SNUG_SHAPE_TEXT];
    const int64_t *in = x->type.shape.dim;
    snug_conv2d_config plain = *c;
    plain.same = false;
    TRY(conv_attrs(&plain, x, name, a, w));
    w[2] = c->filters / a->groups, w[3] = in[3];
    const int64_t h[] = {w[0], a->stride_h, a->dilation_h},
                  v[] = {w[1], a->stride_w, a->dilation_w};
    a->in_h = transposed(in[1], h, a->pad_top + a->pad_bottom, c->output_pad[0]);
    a->in_w = transposed(in[2], v, a->pad_left + a->pad_right, c->output_pad[1]);
    CHECK(c->output_pad[0] >= 0 && c->output_pad[1] >= 0 && a->in_h > 0 && a->in_w > 0, SNUG_ESHAPE,
          "'%s': padding leaves nothing of the result on %s", name,
          snug_shape_text(&x->type.shape, text, sizeof text));
    if (!c->same) return SNUG_OK;
    a->in_h = in[1] * a->stride_h, a->in_w = in[2] * a->stride_w;
    pad_same(a->in_h, (w[0] - 1) * a->dilation_h + 1, a->stride_h, &a->pad_top, &a->pad_bottom);
    pad_same(a->in_w, (w[1] - 1) * a->dilation_w + 1, a->stride_w, &a->pad_left, &a->pad_right);
    return SNUG_OK;
}

snug_value *snug_conv_transpose2d(snug_graph *g, snug_value *x, const snug_conv2d_config *config,
                                  const char *name)
{
    if (!config || !layer_fits(g, x, name, 4, config->filters)) return NULL;
    conv_layer l = {.name = name, .bias = config->no_bias ? 0 : config->filters};
    snug_status s = transpose_attrs(config, x, name, &l.attrs, l.w);
    if (s != SNUG_OK) {
        snug_graph_fail(g, s);
        return NULL;
    }
    return convolve(g, &snug_op_conv_transpose2d, x, &l);
}

snug_value *snug_max_pool2d(snug_graph *g, snug_value *x, int64_t kernel, int64_t stride)
{
    snug_pool2d_attrs a = {
        .kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride};
    return apply1(g, &snug_op_max_pool2d, &a, x);
}

snug_value *snug_global_avg_pool(snug_graph *g, snug_value *x)
{
    return apply1(g, &snug_op_global_avg_pool, NULL, x);
}
