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

snug_value *snug_matmul(snug_graph *g, snug_value *a, snug_value *b)
{
    return apply2(g, &snug_op_matmul, a, b);
}

snug_value *snug_batch_matmul(snug_graph *g, snug_value *a, snug_value *b)
{
    return apply2(g, &snug_op_batch_matmul, a, b);
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
