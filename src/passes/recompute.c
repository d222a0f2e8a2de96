/* SPDX-License-Identifier: Apache-2.0 */
/* Results that the backward pass reads again are made again there, where that is cheaper than
 * keeping them: a batch norm's, from its input, which is kept anyway, and its statistics. What
 * forward makes then lives from one layer to the next only, in bytes that stay in cache. */
#include "ops/ops.h"
#include "passes/pass.h"

static bool reads(const snug_node *n, const snug_value *v)
{
    for (int j = 0; j < n->n_in; j++)
        if (n->in[j] == v) return true;
    return false;
}

/* The first node of the backward pass that reads v, behind `from`; 0: none. */
static int32_t read_again_at(const snug_graph *g, const snug_value *v, int32_t from)
{
    for (int32_t i = from + 1; i < g->n_nodes; i++)
        if (g->nodes[i]->gradient && reads(g->nodes[i], v)) return i;
    return 0;
}

static snug_status make_again(snug_graph *g, const snug_node *norm, int32_t at)
{
    snug_value *in[] = {norm->in[0], norm->in[1], norm->in[2], norm->out[1], norm->out[2]};
    const char *name = snug_bump_printf(g->bump, "%s/again", norm->name);
    if (!name) return SNUG_ENOMEM;
    snug_value *again = snug_apply(g, &snug_op_batch_norm_again, name, norm->attrs, 5, in);
    if (!again) return g->error.status;
    snug_graph_move_new(g, g->n_nodes - 1, at, true);
    for (int32_t i = at + 1; i < g->n_nodes; i++)
        for (int j = 0; j < g->nodes[i]->n_in; j++)
            if (g->nodes[i]->gradient && g->nodes[i]->in[j] == norm->out[0])
                g->nodes[i]->in[j] = again;
    return SNUG_OK;
}

static snug_status recompute(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const snug_node *n = g->nodes[i];
        if (n->op != &snug_op_batch_norm || n->out[0]->output) continue;
        int32_t at = read_again_at(g, n->out[0], i);
        if (at > 0) TRY(make_again(g, n, at));
    }
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_recompute = {
    .name = "recompute",
    .doc = "what a batch norm makes is made again for the backward pass instead of kept",
    .phases = 1u << PHASE_LOWER,
    .same_bits = true,
    .run = recompute,
};
