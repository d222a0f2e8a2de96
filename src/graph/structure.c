/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about a graph's structure, and the checker that runs after every pass. */
#include "graph/graph.h"
#include <string.h>

int64_t snug_graph_batch(const snug_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        const snug_value *v = g->values[i];
        if (v->role == SNUG_ROLE_INPUT && v->type.shape.n_dims > 0 &&
            v->type.shape.kind[0] == SNUG_AXIS_BATCH)
            return v->type.shape.dim[0];
    }
    return 0;
}

bool snug_value_bounded(const snug_value *v)
{
    for (int i = 0; i < v->type.shape.n_dims; i++)
        if (v->type.shape.kind[i] == SNUG_AXIS_BATCH) return true;
    return false;
}

snug_value *snug_value_root(snug_value *v)
{
    while (v->shares) v = v->shares;
    return v;
}

void snug_node_sig(const snug_node *n, snug_type *in, snug_type *out, snug_sig *sig)
{
    for (int i = 0; i < n->n_in; i++) in[i] = n->in[i]->type;
    for (int i = 0; i < n->n_out; i++) out[i] = n->out[i]->type;
    *sig = (snug_sig){.attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out, .in = in, .out = out};
}

bool snug_node_reduces_batch(const snug_node *n)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    snug_sig sig;
    snug_axis_use use[SNUG_MAX_AXIS_USES];
    snug_node_sig(n, in, out, &sig);
    int n_uses = n->op->axes ? n->op->axes(&sig, use) : 0;
    for (int i = 0; i < n_uses; i++)
        if (use[i].how == SNUG_FOLLOW_REDUCED &&
            in[use[i].in].shape.kind[use[i].in_axis] == SNUG_AXIS_BATCH)
            return true;
    return false;
}

void snug_graph_count_uses(snug_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        snug_value *v = g->values[i];
        v->n_uses = (v->output != NULL) + (v->assigns != NULL) + v->expect_finite;
    }
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->nodes[i]->n_in; j++) g->nodes[i]->in[j]->n_uses++;
}

void snug_graph_replace(snug_graph *g, snug_value *from, snug_value *to)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int j = 0; j < g->nodes[i]->n_in; j++)
            if (g->nodes[i]->in[j] == from) g->nodes[i]->in[j] = to;
    if (from->output && !to->output) to->output = from->output;
    from->output = NULL;
    to->expect_finite |= from->expect_finite;
    from->expect_finite = false;
    if (from->assigns) {
        to->assigns = from->assigns;
        to->assigns->assigned_by = to;
        from->assigns = NULL;
    }
}

static void move_last(snug_graph *g, int32_t to)
{
    snug_node *last = g->nodes[g->n_nodes - 1];
    size_t after = (size_t)(g->n_nodes - 1 - to);
    memmove(g->nodes + to + 1, g->nodes + to, after * sizeof(snug_node *));
    g->nodes[to] = last;
}

void snug_graph_move_new(snug_graph *g, int32_t n_before, int32_t to, bool gradient)
{
    for (int32_t i = n_before; i < g->n_nodes; i++) g->nodes[i]->gradient = gradient;
    for (int32_t i = n_before; i < g->n_nodes; i++) move_last(g, to);
}

/* ---- the checker -------------------------------------------------------------------------------
 */

static snug_status check_node(const snug_graph *g, const snug_node *n, const uint8_t *ready)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT], again[SNUG_MAX_OUT];
    snug_sig sig;
    for (int i = 0; i < n->n_in; i++)
        CHECK(ready[n->in[i]->id], SNUG_EINVAL, "node '%s' uses '%s' before it is made", n->name,
              n->in[i]->name);
    snug_node_sig(n, in, out, &sig);
    memset(again, 0, sizeof again);
    snug_infer f = {n->name, n->attrs, n->n_in, n->n_out, in, again};
    TRY(n->op->shape(&f));
    for (int i = 0; i < n->n_out; i++) {
        char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
        CHECK(snug_shape_equal(&again[i].shape, &out[i].shape) && again[i].dtype == out[i].dtype,
              SNUG_ESHAPE, "node '%s' (%s): output %d is %s but its rule says %s", n->name,
              n->op->name, i, snug_shape_text(&out[i].shape, a, sizeof a),
              snug_shape_text(&again[i].shape, b, sizeof b));
        CHECK(g->values[n->out[i]->id] == n->out[i] && n->out[i]->producer == n, SNUG_EINVAL,
              "node '%s': output %d is not its own", n->name, i);
    }
    return SNUG_OK;
}

static snug_status check_order(const snug_graph *g, uint8_t *ready)
{
    for (int i = 0; i < g->n_values; i++) ready[i] = g->values[i]->producer == NULL;
    for (int i = 0; i < g->n_nodes; i++) {
        TRY(check_node(g, g->nodes[i], ready));
        for (int j = 0; j < g->nodes[i]->n_out; j++) ready[g->nodes[i]->out[j]->id] = 1;
    }
    for (int i = 0; i < g->n_values; i++) {
        const snug_value *v = g->values[i];
        CHECK(!v->output || ready[v->id], SNUG_EINVAL, "output '%s' is never made", v->output);
        CHECK(!v->assigned_by || v->assigned_by->assigns == v, SNUG_EINVAL,
              "'%s' is assigned by '%s', which does not know", v->name, v->assigned_by->name);
    }
    return SNUG_OK;
}

snug_status snug_graph_validate(snug_graph *g)
{
    if (g->failed) return snug_error_give(&g->error);
    uint8_t *ready = snug_alloc(TAG_GRAPH, (size_t)g->n_values + 1);
    if (!ready) return SNUG_ENOMEM;
    snug_status s = check_order(g, ready);
    snug_free(ready);
    return s;
}
