/* SPDX-License-Identifier: Apache-2.0 */
/* Batch-norm folding at inference: scale and shift go into the weights and bias of the convolution
 * or matrix product before. The folded weights depend on parameters alone, so they are computed in
 * the step's prologue, which an evaluation runs once. */
#include "ops/ops.h"
#include "passes/pass.h"

/* The node that made v, when v has no other use and this operator; else NULL. */
static snug_node *sole_maker(const snug_value *v, const snug_op *op)
{
    return v->producer && v->producer->op == op && v->n_uses == 1 ? v->producer : NULL;
}

static bool has_act(const snug_node *n)
{
    if (n->op == &snug_op_matmul) return ((const snug_matmul_attrs *)n->attrs)->act != ACT_NONE;
    return ((const snug_conv2d_attrs *)n->attrs)->act != ACT_NONE;
}

/* The weights' last axis must be the output channel. */
static snug_node *product_before(const snug_node *norm, snug_value **bias)
{
    snug_value *x = norm->in[0];
    snug_node *add = sole_maker(x, &snug_op_bias_add);
    *bias = add ? add->in[1] : NULL;
    if (add) x = add->in[0];
    snug_node *n = sole_maker(x, &snug_op_conv2d);
    if (!n) n = sole_maker(x, &snug_op_matmul);
    if (!n || has_act(n) || (add && n->n_in == 3)) return NULL;
    if (n->op == &snug_op_matmul && ((const snug_matmul_attrs *)n->attrs)->trans_b) return NULL;
    if (n->n_in == 3) *bias = n->in[2];
    return n;
}

static snug_status fold(snug_graph *g, snug_node *norm, snug_node *product, snug_value *bias)
{
    const snug_batch_norm_attrs *a = norm->attrs;
    snug_fold_attrs attrs = {.epsilon = a->epsilon};
    snug_value *in[] = {product->in[1], norm->in[1], norm->in[2], norm->in[3], norm->in[4], bias};
    snug_value *folded[SNUG_MAX_OUT];
    g->naming = product->name;
    snug_status s =
        snug_apply_all(g, &snug_op_batch_norm_fold, NULL, &attrs, bias ? 6 : 5, in, folded);
    snug_value *y = s == SNUG_OK
                        ? snug_apply(g, product->op, NULL, product->attrs, 3,
                                     (snug_value *[]){product->in[0], folded[0], folded[1]})
                        : NULL;
    g->naming = NULL;
    if (!y) return g->error.status;
    snug_graph_replace(g, norm->out[0], y);
    return SNUG_OK;
}

static snug_status fold_batch_norm(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    int32_t n_nodes = g->n_nodes;
    for (int32_t i = 0; i < n_nodes; i++) {
        snug_node *norm = g->nodes[i];
        snug_value *bias = NULL;
        if (norm->op != &snug_op_batch_norm_inference) continue;
        if (((const snug_batch_norm_attrs *)norm->attrs)->act != ACT_NONE) continue;
        snug_node *product = product_before(norm, &bias);
        if (product) TRY(fold(g, norm, product, bias));
    }
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_fold_batch_norm = {
    .name = "fold_batch_norm",
    .doc = "moves the scale and shift of a batch norm at inference into the weights before it",
    .phases = 1u << PHASE_LOWER,
    .same_bits = false,
    .run = fold_batch_norm,
};
