/* SPDX-License-Identifier: Apache-2.0 */
/* Says when each node runs, then sorts. Prologue: what depends on parameters alone. Body, once a
 * micro-batch: what depends on samples. Epilogue: what depends on totals over micro-batches. With
 * one micro-batch there are no totals, updates belong to the body and run as early as they can,
 * which frees their gradients. */
#include "passes/pass.h"

typedef enum source { FROM_PARAMETERS, FROM_TOTALS, FROM_SAMPLES } source;

static snug_section section_of(const snug_node *n, source from)
{
    if (from == FROM_SAMPLES) return SECTION_BODY;
    return from == FROM_TOTALS || (n->op->flags & SNUG_OP_UPDATE) ? SECTION_EPILOGUE
                                                                  : SECTION_PROLOGUE;
}

static snug_status schedule(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    uint8_t *from = snug_alloc(TAG_GRAPH, (size_t)g->n_values + 1);
    if (!from) return SNUG_ENOMEM;
    for (int i = 0; i < g->n_values; i++)
        if (!g->values[i]->producer && snug_value_bounded(g->values[i])) from[i] = FROM_SAMPLES;
    for (int i = 0; i < g->n_nodes; i++) {
        snug_node *n = g->nodes[i];
        uint8_t most = FROM_PARAMETERS;
        for (int j = 0; j < n->n_in; j++)
            if (from[n->in[j]->id] > most) most = from[n->in[j]->id];
        n->section = (uint8_t)section_of(n, most);
        for (int j = 0; j < n->n_out; j++)
            from[n->out[j]->id] = (n->op->flags & SNUG_OP_ACROSS) ? FROM_TOTALS : most;
    }
    snug_free(from);
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_schedule = {
    .name = "schedule",
    .doc = "prologue, body and epilogue; updates as early as possible",
    .phases = 1u << PHASE_LOWER,
    .same_bits = true,
    .run = schedule,
};
