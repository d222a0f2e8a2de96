/* SPDX-License-Identifier: Apache-2.0 */
/* The builder functions of snug/graph.h that make nodes. Each returns NULL at once when an input is
 * NULL: then the graph has failed before, and keeps that error. */
#include "ops/build.h"
#include "base/rng.h"

snug_value *snug_linear_with(snug_graph *g, snug_value *x, const snug_linear_config *config,
                             const char *name)
{
    if (!config || !layer_fits(g, x, name, 2, config->units)) return NULL;
    char buf[NAME_BYTES];
    snug_dtype dtype = x->type.dtype;
    int64_t dim[] = {snug_shape_last(&x->type.shape), config->units};
    snug_init init = {.kind = SNUG_INIT_HE_UNIFORM};
    if (config->std > 0) init = (snug_init){.kind = SNUG_INIT_NORMAL, .a = config->std};
    snug_value *w = snug_param(g, part_name(buf, name, "weight"), fixed_type(dtype, 2, dim), init);
    const char *node = config->no_bias ? name : part_name(buf, name, "matmul");
    snug_value *y = apply_named(g, &snug_op_matmul, node, x, w);
    if (config->no_bias) return y;
    snug_type type = fixed_type(dtype, 1, &config->units);
    return apply_named(g, &snug_op_bias_add, name, y,
                       channel_param(g, name, "bias", type, SNUG_INIT_ZERO));
}

snug_value *snug_linear(snug_graph *g, snug_value *x, int64_t units, const char *name)
{
    return snug_linear_with(g, x, &(snug_linear_config){.units = units}, name);
}

snug_value *snug_linear_no_bias(snug_graph *g, snug_value *x, int64_t units, const char *name)
{
    return snug_linear_with(g, x, &(snug_linear_config){.units = units, .no_bias = true}, name);
}

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

snug_value *snug_conv2d(snug_graph *g, snug_value *x, const snug_conv2d_config *config,
                        const char *name)
{
    if (!config || !layer_fits(g, x, name, 4, config->filters)) return NULL;
    snug_conv2d_attrs attrs;
    int64_t w_dim[4];
    snug_status s = conv_attrs(config, x, name, &attrs, w_dim);
    if (s != SNUG_OK) {
        snug_graph_fail(g, s);
        return NULL;
    }
    char buf[NAME_BYTES];
    snug_dtype dtype = x->type.dtype;
    snug_value *in[3] = {x};
    in[1] = snug_param(g, part_name(buf, name, "weight"), fixed_type(dtype, 4, w_dim),
                       (snug_init){.kind = SNUG_INIT_HE_NORMAL});
    if (!config->no_bias)
        in[2] = channel_param(g, name, "bias", fixed_type(dtype, 1, &w_dim[3]), SNUG_INIT_ZERO);
    return snug_apply(g, &snug_op_conv2d, name, &attrs, config->no_bias ? 2 : 3, in);
}

snug_value *snug_matmul(snug_graph *g, snug_value *a, snug_value *b)
{
    return apply2(g, &snug_op_matmul, a, b);
}

snug_value *snug_bias_add(snug_graph *g, snug_value *x, snug_value *bias)
{
    return apply2(g, &snug_op_bias_add, x, bias);
}

snug_value *snug_add(snug_graph *g, snug_value *a, snug_value *b)
{
    return apply2(g, &snug_op_add, a, b);
}

snug_value *snug_mul(snug_graph *g, snug_value *a, snug_value *b)
{
    return apply2(g, &snug_op_mul, a, b);
}

snug_value *snug_relu(snug_graph *g, snug_value *x)
{
    return apply1(g, &snug_op_relu, NULL, x);
}

snug_value *snug_gelu(snug_graph *g, snug_value *x)
{
    return apply1(g, &snug_op_gelu, NULL, x);
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

snug_value *snug_reshape(snug_graph *g, snug_value *x, int n_dims, const int64_t *dim)
{
    if (!g || !x) return NULL;
    snug_reshape_attrs a = {.n_dims = n_dims};
    for (int i = 0; i < n_dims && i < SNUG_MAX_DIMS; i++) a.dim[i] = dim[i];
    return apply1(g, &snug_op_reshape, &a, x);
}

snug_value *snug_flatten(snug_graph *g, snug_value *x)
{
    if (!g || !x) return NULL;
    int64_t n = 1;
    for (int i = 1; i < x->type.shape.n_dims; i++) n *= x->type.shape.dim[i];
    if (!snug_shape_has_batch(&x->type.shape)) n = snug_shape_elements(&x->type.shape);
    return snug_reshape(g, x, 1, &n);
}

snug_value *snug_dropout(snug_graph *g, snug_value *x, double rate)
{
    if (!g || !x || g->mode == SNUG_MODE_EVAL || rate == 0) return x;
    snug_dropout_attrs a = {.rate = rate};
    snug_value *y = apply1(g, &snug_op_dropout, &a, x);
    if (!y) return NULL;
    /* The node's name is unique and says where it is, so that other layers do not move the mask. */
    snug_dropout_attrs *made = y->producer->attrs;
    made->key = (int64_t)(snug_hash_name(y->producer->name) >> 11);
    return y;
}
