/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients that are zero whatever the numbers: a batch norm subtracts the mean, and with it any
 * bias before it, so the sum over rows of the gradient behind it is nothing but rounding (Ioffe and
 * Szegedy 2015, section 3.2). It is not computed, and optimizers that divide by a gradient's size
 * do not make steps of it. */
#include "ops/ops.h"
#include "passes/pass.h"

static bool cancels(const snug_node *n)
{
    const snug_value *dx = n->in[0];
    return n->op == &snug_op_sum_rows && dx->out_index == 0 && dx->producer &&
           dx->producer->op == &snug_op_batch_norm_grad && !n->out[0]->assigns;
}

static snug_status make_zero(snug_graph *g, snug_value *v)
{
    void *zeros = snug_bump_alloc(g->bump, snug_type_bytes(&v->type));
    if (!zeros) return SNUG_ENOMEM;
    snug_value *zero = snug_constant(g, v->name, v->type, zeros);
    if (!zero) return g->error.status;
    snug_graph_replace(g, v, zero);
    return SNUG_OK;
}

static snug_status cancel(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (cancels(g->nodes[i])) TRY(make_zero(g, g->nodes[i]->out[0]));
    return SNUG_OK;
}

const snug_graph_pass snug_pass_cancel = {
    .name = "cancel",
    .doc = "the gradient of a bias that a batch norm takes away again is zero",
    .phases = 1u << PHASE_JOINT,
    .same_bits = false,
    .run = cancel,
};
