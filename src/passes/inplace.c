/* SPDX-License-Identifier: Apache-2.0 */
/* Says whose bytes a value lives in: a view in its source's, an update in what it replaces, and the
 * result of an operator that allows it in an input's that nobody reads later. Runs last: it relies
 * on the final order. */
#include "passes/pass.h"
#include <string.h>

typedef struct sharing {
    int32_t *last; /* by value id of a root: where its bytes are read last; INT32_MAX: at the step's
                      end */
    uint8_t *section;
} sharing;

static void find_last_reads(const snug_graph *g, sharing *s)
{
    for (int i = 0; i < g->n_nodes; i++) {
        snug_node *n = g->nodes[i];
        for (int j = 0; j < n->n_out; j++) {
            s->section[n->out[j]->id] = n->section;
            s->last[n->out[j]->id] =
                n->out[j]->output || (n->op->flags & SNUG_OP_ACROSS) ? INT32_MAX : i;
        }
        for (int j = 0; j < n->n_in; j++)
            if (s->last[n->in[j]->id] < i) s->last[n->in[j]->id] = i;
    }
}

/* Make `out` live in the bytes of `in`. */
static void share(sharing *s, snug_value *out, snug_value *in)
{
    out->shares = in;
    snug_value *r = snug_value_root(in);
    if (s->last[r->id] < s->last[out->id]) s->last[r->id] = s->last[out->id];
}

static bool may_overwrite(const sharing *s, const snug_node *n, int32_t at, const snug_value *out,
                          int j)
{
    snug_value *r = snug_value_root(n->in[j]);
    if (!r->producer || snug_value_persistent(r) || s->last[r->id] != at) return false;
    if (s->section[r->id] != n->section || out->output || out->assigns) return false;
    for (int k = 0; k < n->n_in; k++)
        if (k != j && snug_value_root(n->in[k]) == r) return false;
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k]->shares && snug_value_root(n->out[k]) == r) return false;
    return snug_type_bytes(&out->type) == snug_type_bytes(&r->type);
}

static snug_status share_assigned(sharing *s, const snug_node *n, snug_value *out, int j)
{
    CHECK(
        j >= 0 && j < n->n_in && n->in[j] == out->assigns, SNUG_EUNSUPPORTED,
        "'%s' replaces '%s', but operator %s does not work in place on it; use an update operator",
        out->name, out->assigns->name, n->op->name);
    share(s, out, n->in[j]);
    return SNUG_OK;
}

static snug_status share_outputs(sharing *s, snug_node *n, int32_t at)
{
    for (int i = 0; i < n->n_out; i++) {
        int j = n->op->inplace[i] - 1;
        if (i == 0 && (n->op->flags & SNUG_OP_VIEW))
            share(s, n->out[0], n->in[0]);
        else if (n->out[i]->assigns)
            TRY(share_assigned(s, n, n->out[i], j));
        else if (j >= 0 && j < n->n_in && may_overwrite(s, n, at, n->out[i], j))
            share(s, n->out[i], n->in[j]);
    }
    return SNUG_OK;
}

/* A view read later keeps its source's bytes: reads count for the root, so views are shared first.
 */
static snug_status share_all(snug_graph *g, sharing *s)
{
    find_last_reads(g, s);
    for (int32_t i = g->n_nodes - 1; i >= 0; i--) {
        snug_node *n = g->nodes[i];
        if ((n->op->flags & SNUG_OP_VIEW) && s->last[n->in[0]->id] < s->last[n->out[0]->id])
            s->last[n->in[0]->id] = s->last[n->out[0]->id];
    }
    for (int32_t i = 0; i < g->n_nodes; i++) TRY(share_outputs(s, g->nodes[i], i));
    return SNUG_OK;
}

static snug_status inplace(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    sharing s = {.last = snug_alloc_array(TAG_GRAPH, (size_t)g->n_values + 1, sizeof *s.last),
                 .section = snug_alloc(TAG_GRAPH, (size_t)g->n_values + 1)};
    snug_status status = s.last && s.section ? share_all(g, &s) : SNUG_ENOMEM;
    snug_free(s.last);
    snug_free(s.section);
    return status;
}

const snug_graph_pass snug_pass_inplace = {
    .name = "inplace",
    .doc = "results in the bytes of inputs that are not read again",
    .phases = 1u << PHASE_LOWER,
    .same_bits = true,
    .run = inplace,
};
