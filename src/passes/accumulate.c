/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient accumulation. When a step is cut into micro-batches, a node that sums over samples
 * yields one partial sum a micro-batch. This pass puts an `accumulate` node behind each such sum,
 * which adds micro-batches by the same binary tree that leaves are added by, so that the total has
 * the bits it would have had in one piece. Everything behind a total then runs once a step (the
 * schedule pass finds that out).
 *
 * Batch norm uses its statistics within the micro-batch: their axis rule does not call them sums
 * over samples, so they stay as they are, and the result is another one, to which the recipe must
 * consent. The gradients of its scale and shift are sums like any other. */
#include "ops/ops.h"
#include "passes/pass.h"

/* Users of the partial use the total instead; the check for finiteness stays with the partial. */
static void move_uses(snug_graph *g, snug_value *partial, snug_value *total)
{
    bool check = partial->expect_finite;
    snug_node *accumulate = total->producer;
    snug_graph_replace(g, partial, total);
    accumulate->in[0] = partial;
    partial->expect_finite = check;
    total->expect_finite = false;
    total->role = partial->role;
}

static snug_status accumulate_value(snug_graph *g, snug_value *v, int64_t n_micro)
{
    snug_accumulate_attrs attrs = {.n_micro = n_micro};
    const char *name = snug_bump_printf(g->bump, "%s/total", v->name);
    if (!name) return SNUG_ENOMEM;
    snug_value *total = snug_apply(g, &snug_op_accumulate, name, &attrs, 1, &v);
    if (!total) return g->error.status;
    move_uses(g, v, total);
    return SNUG_OK;
}

static snug_status accumulate(snug_graph *g, const snug_pass_config *config)
{
    if (config->n_micro <= 1) return SNUG_OK;
    int32_t n_nodes = g->n_nodes;
    for (int32_t i = 0; i < n_nodes; i++) {
        snug_node *n = g->nodes[i];
        if (!snug_node_reduces_batch(n)) continue;
        for (int j = 0; j < n->n_out; j++)
            if (n->out[j]->n_uses > 0 && !snug_value_bounded(n->out[j]))
                TRY(accumulate_value(g, n->out[j], config->n_micro));
    }
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_accumulate = {
    .name = "accumulate",
    .doc = "sums gradients and losses over micro-batches",
    .phases = 1u << PHASE_JOINT,
    .same_bits = true,
    .run = accumulate,
};
