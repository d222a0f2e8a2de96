/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of small weights by large maps in parts: each sample's alone, then their sum. A
 * sample's part can then be made while its maps are in cache, by the chain that makes them for the
 * rest of the backward pass, and what only that needs is never written out. */
#include "ops/ops.h"
#include "ops/rules.h"
#include "passes/pass.h"

enum {
    MOST_WEIGHT = 32 << 10, /* bytes of the weights */
    LEAST_MAPS = 8          /* bytes of a sample's maps for each of the weights */
};

/* Others are no part of a chain: dy must be a split batch norm's, or x where the convolution is
 * in groups, which does little for a sample but read it. */
static bool in_chain(const snug_node *n)
{
    const snug_conv2d_attrs *a = n->attrs;
    const snug_value *x = n->in[0], *dy = n->in[1];
    if (dy->producer && dy->producer->op == &snug_op_batch_norm_grad_apply) return true;
    const size_t sample = snug_type_bytes(&x->type) / (size_t)x->type.shape.dim[0];
    return a->groups > 1 && sample >= SNUG_LARGE_MAP && x->producer &&
           x->producer->op == &snug_op_batch_norm_again;
}

/* Shapes without the batch decide. */
static bool pays(const snug_node *n)
{
    const snug_type *x = &n->in[0]->type, *dy = &n->in[1]->type;
    size_t samples = (size_t)x->shape.dim[0], weight = snug_type_bytes(&n->out[0]->type);
    if (!snug_shape_has_batch(&x->shape) || samples == 0 || !in_chain(n)) return false;
    size_t maps = (snug_type_bytes(x) + snug_type_bytes(dy)) / samples;
    return weight <= MOST_WEIGHT && maps >= LEAST_MAPS * weight;
}

static snug_value *sum_of_samples(snug_graph *g, const snug_node *n)
{
    const snug_shape *w = &n->out[0]->type.shape;
    snug_reshape_attrs as = {.n_dims = w->n_dims};
    for (int i = 0; i < w->n_dims; i++) as.dim[i] = w->dim[i];
    snug_value *v = snug_apply(g, &snug_op_conv2d_grad_weight_each, NULL, n->attrs, 2, n->in);
    if (v) v = snug_apply(g, &snug_op_sum_rows, NULL, NULL, 1, &v);
    return v ? snug_apply(g, &snug_op_reshape, NULL, &as, 1, &v) : NULL;
}

static snug_status split(snug_graph *g, int32_t at)
{
    const snug_node *n = g->nodes[at];
    const int32_t n_before = g->n_nodes;
    g->naming = n->name;
    snug_value *dw = sum_of_samples(g, n);
    g->naming = NULL;
    if (!dw) return g->error.status;
    snug_graph_move_new(g, n_before, at + 1, n->gradient);
    snug_graph_replace(g, n->out[0], dw);
    return SNUG_OK;
}

static snug_status split_weight_gradient(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op == &snug_op_conv2d_grad_weight && pays(g->nodes[i])) TRY(split(g, i));
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_split_weight_gradient = {
    .name = "split_weight_gradient",
    .doc = "gradients of small weights by large maps become each sample's and their sum",
    .phases = 1u << PHASE_LOWER,
    .same_bits = false,
    .run = split_weight_gradient,
};
