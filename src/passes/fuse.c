/* SPDX-License-Identifier: Apache-2.0 */
/* Fusion into the operator before: the bias of a matrix product or convolution, the activation
 * behind it or behind a batch norm, and on the way back the activation's mask into the batch norm's
 * gradient, which recomputes it; and of an embedding's gradient into the sum it is part of. Only a
 * value that nobody else uses disappears, so what the backward pass needs stays. */
#include "ops/ops.h"
#include "passes/pass.h"
#include <string.h>

/* Activations, and those of their gradients that read the result. */
static const struct {
    const snug_op *op, *grad;
    int64_t act;
} activations[] = {{&snug_op_relu, &snug_op_relu_grad, ACT_RELU},
                   {&snug_op_relu6, &snug_op_relu6_grad, ACT_RELU6},
                   {&snug_op_gelu, NULL, ACT_GELU}};

/* The activation of an operator, or whose gradient it is; else ACT_NONE. */
static int64_t act_of_op(const snug_op *op)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (activations[i].op == op || activations[i].grad == op) return activations[i].act;
    return ACT_NONE;
}

/* Where a node keeps its activation when that can still become `act`: its operator's attribute
 * `act` knows it and none is there yet; else NULL. */
static int64_t *free_act(const snug_node *n, int64_t act)
{
    const snug_attr *row = n->op->attrs;
    while (row && row->name && strcmp(row->name, "act") != 0) row++;
    if (!row || !row->name || (double)act > row->max) return NULL;
    int64_t *at = (int64_t *)((char *)n->attrs + row->offset);
    return *at == ACT_NONE ? at : NULL;
}

/* n's first output takes over the place of `later`, the output of a node that n now does the work
 * of. */
static void absorb(snug_graph *g, snug_node *n, snug_value *later)
{
    snug_graph_replace(g, later, n->out[0]);
    n->out[0]->n_uses = later->n_uses;
    later->n_uses = 0;
}

static void fuse_bias(snug_graph *g, snug_node *n)
{
    snug_value *x = n->in[0];
    snug_node *p = x->producer;
    if (!p || (p->op != &snug_op_matmul && p->op != &snug_op_conv2d) || p->n_in != 2) return;
    if (x->n_uses != 1 || !free_act(p, ACT_NONE)) return;
    p->in[p->n_in++] = n->in[1];
    absorb(g, p, n->out[0]);
}

static void fuse_act(snug_graph *g, snug_node *n)
{
    snug_value *x = n->in[0];
    snug_node *p = x->producer;
    if (!p || x->out_index != 0 || x->n_uses != 1 || (p->op->flags & SNUG_OP_BACKWARD)) return;
    int64_t *act = free_act(p, act_of_op(n->op));
    if (!act) return;
    *act = act_of_op(n->op);
    absorb(g, p, n->out[0]);
}

/* batch_norm_grad(x, relu_grad(dy, y), ..) with y the same batch norm's fused output. */
static void fuse_mask(snug_node *grad)
{
    snug_value *masked = grad->in[1];
    snug_node *mask = masked->producer;
    if (!mask || masked->n_uses != 1 || mask->n_in != 2) return;
    snug_node *norm = mask->in[1]->producer;
    if (!norm || norm->op != &snug_op_batch_norm) return;
    const snug_batch_norm_attrs *a = norm->attrs;
    int64_t *act = free_act(grad, a->act);
    if (!act || a->act == ACT_NONE || act_of_op(mask->op) != a->act) return;
    if (norm->in[0] != grad->in[0] || norm->out[1] != grad->in[4]) return;
    *act = a->act;
    grad->in[1] = mask->in[0];
    masked->n_uses = 0;
}

/* add(base, embedding_grad(dy, ids)): the rows go onto what is there, so that a table that is the
 * output layer too has one gradient at a time. */
static void fuse_rows(snug_node *n)
{
    for (int j = 0; j < 2; j++) {
        snug_value *rows = n->in[j], *base = n->in[1 - j];
        const snug_node *p = rows->producer;
        if (!p || p->op != &snug_op_embedding_grad || rows->n_uses != 1) continue;
        if (!snug_shape_equal(&rows->type.shape, &base->type.shape)) continue;
        n->op = &snug_op_embedding_grad_onto;
        n->in[0] = base, n->in[1] = p->in[0], n->in[2] = p->in[1];
        n->n_in = 3;
        rows->n_uses = 0;
        return;
    }
}

/* A bias may be made after the product that takes it up: hence the sorting. */
static snug_status fuse(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        snug_node *n = g->nodes[i];
        if (n->op == &snug_op_bias_add)
            fuse_bias(g, n);
        else if (n->op == &snug_op_batch_norm_grad)
            fuse_mask(n);
        else if (n->op == &snug_op_add)
            fuse_rows(n);
        else if (act_of_op(n->op) != ACT_NONE && n->n_in == 1)
            fuse_act(g, n);
    }
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_fuse = {
    .name = "fuse",
    .doc = "bias and activation into the operator before them; its mask into the batch "
           "norm's gradient; an embedding's gradient into the gradient it is added to",
    .phases = 1u << PHASE_LOWER,
    .same_bits = false,
    .run = fuse,
};
