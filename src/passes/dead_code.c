/* SPDX-License-Identifier: Apache-2.0 */
/* Removes nodes of whose outputs none is used, directly or through others. */
#include "passes/pass.h"

static bool is_used(const snug_node *n)
{
    if (n->op->flags & SNUG_OP_EFFECT) return true;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i]->n_uses > 0) return true;
    return false;
}

static snug_status dead_code(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    int32_t keep = g->n_nodes;
    for (int32_t i = g->n_nodes - 1; i >= 0; i--) {
        snug_node *n = g->nodes[i];
        if (is_used(n)) {
            g->nodes[--keep] = n;
            continue;
        }
        for (int j = 0; j < n->n_in; j++) n->in[j]->n_uses--;
    }
    int32_t n_kept = g->n_nodes - keep;
    for (int32_t i = 0; i < n_kept; i++) g->nodes[i] = g->nodes[keep + i];
    g->n_nodes = n_kept;
    return SNUG_OK;
}

const snug_graph_pass snug_pass_dead_code = {
    .name = "dead_code",
    .doc = "removes nodes whose results nobody uses",
    .phases = 1u << PHASE_CANONICALISE | 1u << PHASE_JOINT | 1u << PHASE_LOWER,
    .same_bits = true,
    .run = dead_code,
};
