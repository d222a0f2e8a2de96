/* SPDX-License-Identifier: Apache-2.0 */
/* Computes, once, nodes all of whose inputs are constants. Large results stay computed: a constant
 * lives as long as its graph. */
#include "ops/ops.h"
#include "passes/pass.h"
#include <string.h>

enum { LARGEST_BYTES = 64 * 1024 };

static bool can_fold(const snug_node *n)
{
    if (n->n_in == 0 || n->op->ref_scratch ||
        (n->op->flags & (SNUG_OP_RANDOM | SNUG_OP_EFFECT | SNUG_OP_UPDATE | SNUG_OP_ACROSS)))
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i]->role != SNUG_ROLE_CONSTANT) return false;
    for (int i = 0; i < n->n_out; i++)
        if (snug_type_bytes(&n->out[i]->type) > LARGEST_BYTES || n->out[i]->assigns) return false;
    return true;
}

static void run_reference(const snug_node *n, snug_tensor *out)
{
    snug_tensor in[SNUG_MAX_IN];
    snug_step step = {.n_micro = 1, .leaf_samples = 1, .leaves_here = 1};
    for (int i = 0; i < n->n_in; i++) in[i] = (snug_tensor){(void *)n->in[i]->data, n->in[i]->type};
    snug_call call = {
        .attrs = n->attrs, .in = in, .out = out, .n_in = n->n_in, .n_out = n->n_out, .step = &step};
    n->op->ref(&call);
}

static snug_status fold(snug_graph *g, snug_node *n)
{
    snug_tensor out[SNUG_MAX_OUT];
    for (int i = 0; i < n->n_out; i++) {
        out[i].type = n->out[i]->type;
        out[i].data = snug_bump_alloc(g->bump, snug_type_bytes(&out[i].type) + 8);
        if (!out[i].data) return SNUG_ENOMEM;
    }
    run_reference(n, out);
    for (int i = 0; i < n->n_out; i++) {
        snug_value *c = snug_constant(g, n->out[i]->name, out[i].type, out[i].data);
        if (!c) return g->error.status;
        snug_graph_replace(g, n->out[i], c);
    }
    return SNUG_OK;
}

static snug_status fold_constants(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (can_fold(g->nodes[i])) TRY(fold(g, g->nodes[i]));
    return SNUG_OK;
}

const snug_graph_pass snug_pass_fold_constants = {
    .name = "fold_constants",
    .doc = "computes nodes whose inputs are all constants",
    .phases = 1u << PHASE_CANONICALISE | 1u << PHASE_JOINT,
    .same_bits = true,
    .run = fold_constants,
};
