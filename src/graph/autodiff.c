/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse-mode differentiation: walks the nodes backwards and lets each operator's gradient rule
 * append the nodes that compute its inputs' gradients. A value used more than once sums what comes
 * back, in the order of the walk. Gradient nodes are named after the node they belong to:
 * "conv1/conv2d_grad_weight". */
#include "graph/graph.h"
#include <string.h>

typedef struct tape {
    snug_graph *g;
    snug_value **grad; /* by value id; of the values that were there at the start */
    uint8_t *wanted;   /* by value id: depends on what we differentiate with respect to */
} tape;

static void mark_wanted(tape *t, int n, snug_value *const *wrt)
{
    for (int i = 0; i < n; i++) t->wanted[wrt[i]->id] = 1;
    for (int i = 0; i < t->g->n_nodes; i++) {
        const snug_node *node = t->g->nodes[i];
        uint8_t any = 0;
        for (int j = 0; j < node->n_in; j++) any |= t->wanted[node->in[j]->id];
        for (int j = 0; j < node->n_out; j++) t->wanted[node->out[j]->id] |= any;
    }
}

static snug_status add_to_grad(tape *t, const snug_value *of, snug_value *d)
{
    snug_graph *g = t->g;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(snug_shape_equal(&d->type.shape, &of->type.shape), SNUG_ESHAPE,
          "the gradient of '%s' has shape %s, not %s: a gradient rule is wrong", of->name,
          snug_shape_text(&d->type.shape, a, sizeof a),
          snug_shape_text(&of->type.shape, b, sizeof b));
    snug_value *have = t->grad[of->id];
    if (!have) {
        t->grad[of->id] = d;
        return SNUG_OK;
    }
    const snug_op *add = snug_graph_find_op(g, "add");
    CHECK(add, SNUG_EUNSUPPORTED,
          "'%s' is used twice, and no operator 'add' is registered to sum its gradients", of->name);
    t->grad[of->id] = snug_apply(g, add, NULL, NULL, 2, (snug_value *[]){have, d});
    return g->failed ? g->error.status : SNUG_OK;
}

static snug_status differentiate_node(tape *t, const snug_node *n)
{
    snug_value *dout[SNUG_MAX_OUT] = {NULL}, *din[SNUG_MAX_IN] = {NULL};
    bool need[SNUG_MAX_IN] = {false}, any_in = false, any_out = false;
    for (int i = 0; i < n->n_out; i++) any_out |= (dout[i] = t->grad[n->out[i]->id]) != NULL;
    for (int i = 0; i < n->n_in; i++) any_in |= need[i] = t->wanted[n->in[i]->id];
    if (!any_in || !any_out) return SNUG_OK;
    CHECK(n->op->grad, SNUG_EUNSUPPORTED, "node '%s': operator %s has no gradient", n->name,
          n->op->name);
    t->g->naming = n->name;
    snug_grad call = {t->g, n, n->attrs, n->n_in, n->n_out, n->in, n->out, dout, need, din};
    TRY(n->op->grad(&call));
    if (t->g->failed) return t->g->error.status;
    for (int i = 0; i < n->n_in; i++)
        if (din[i] && need[i]) TRY(add_to_grad(t, n->in[i], din[i]));
    return SNUG_OK;
}

static snug_value *seed(snug_graph *g, const snug_value *loss)
{
    double one = 1;
    char bytes[8];
    snug_dtype_get(loss->type.dtype)->store(bytes, 0, one);
    return snug_constant(g, "one", loss->type, bytes);
}

static snug_status differentiate(tape *t, snug_value *loss, int n, snug_value *const *wrt,
                                 snug_value **grads)
{
    snug_graph *g = t->g;
    int n_nodes = g->n_nodes;
    mark_wanted(t, n, wrt);
    t->grad[loss->id] = seed(g, loss);
    if (g->failed) return g->error.status;
    for (int i = n_nodes - 1; i >= 0; i--) TRY(differentiate_node(t, g->nodes[i]));
    for (int i = n_nodes; i < g->n_nodes; i++) g->nodes[i]->gradient = true;
    for (int i = 0; i < n; i++) {
        grads[i] = t->grad[wrt[i]->id];
        if (grads[i] && grads[i]->role == SNUG_ROLE_ACTIVATION) grads[i]->role = SNUG_ROLE_GRADIENT;
    }
    return SNUG_OK;
}

static snug_status check_arguments(const snug_graph *g, const snug_value *loss, int n,
                                   snug_value *const *wrt)
{
    CHECK(loss, SNUG_EINVAL, "snug_gradients: there is no loss");
    char text[SNUG_SHAPE_TEXT];
    CHECK(loss->type.shape.n_dims == 0 && snug_dtype_get(loss->type.dtype)->is_float, SNUG_ESHAPE,
          "the loss '%s' must be a floating-point scalar, not %s", loss->name,
          snug_shape_text(&loss->type.shape, text, sizeof text));
    for (int i = 0; i < n; i++)
        CHECK(wrt[i] && (int32_t)wrt[i]->id < g->n_values, SNUG_EINVAL,
              "snug_gradients: value %d is missing", i);
    return SNUG_OK;
}

snug_status snug_gradients(snug_graph *g, snug_value *loss, int n, snug_value *const *wrt,
                           snug_value **grads)
{
    if (g->failed) return snug_error_give(&g->error);
    TRY(check_arguments(g, loss, n, wrt));
    size_t n_values = (size_t)g->n_values;
    tape t = {.g = g};
    t.grad = snug_alloc_array(TAG_GRAPH, n_values, sizeof *t.grad);
    t.wanted = snug_alloc(TAG_GRAPH, n_values);
    snug_status s = t.grad && t.wanted ? differentiate(&t, loss, n, wrt, grads) : SNUG_ENOMEM;
    g->naming = NULL;
    snug_free(t.grad);
    snug_free(t.wanted);
    if (s == SNUG_OK) return SNUG_OK;
    snug_graph_fail(g, s);
    return snug_error_give(&g->error);
}
