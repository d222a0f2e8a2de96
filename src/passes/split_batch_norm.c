/* SPDX-License-Identifier: Apache-2.0 */
/* Batch norms of large maps in parts: what each sample gives alone, a small merge over all samples,
 * and again each sample alone. A map that is no longer in the nearest cache when the whole batch
 * has been looked at can so be met there by the operators before and behind. */
#include "ops/ops.h"
#include "ops/rules.h"
#include "passes/pass.h"

static bool is_large(const snug_type *x)
{
    const snug_shape *s = &x->shape;
    if (s->n_dims < 3 || !snug_shape_has_batch(s) || s->dim[0] == 0) return false;
    return snug_type_bytes(x) / (size_t)s->dim[0] >= SNUG_LARGE_MAP;
}

/* A new node behind place *at, which moves on, in the part of the step that `like` is of. */
static snug_status add_part(snug_graph *g, int32_t *at, const snug_node *like, const snug_node *n,
                            snug_value **out)
{
    g->naming = like->name;
    snug_status status = snug_apply_all(g, n->op, NULL, n->attrs, n->n_in, n->in, out);
    g->naming = NULL;
    if (status != SNUG_OK) return status;
    snug_graph_move_new(g, g->n_nodes - 1, ++*at, like->gradient);
    return SNUG_OK;
}

static snug_batch_norm_merge_attrs merge_attrs(const snug_node *n)
{
    const snug_batch_norm_attrs *a = n->attrs;
    const snug_shape *x = &n->in[0]->type.shape;
    return (snug_batch_norm_merge_attrs){
        .momentum = a->momentum, .epsilon = a->epsilon, .rows = snug_shape_rows(x) / x->dim[0]};
}

static snug_status split_forward(snug_graph *g, int32_t *at)
{
    const snug_node *n = g->nodes[*at];
    snug_batch_norm_merge_attrs attrs = merge_attrs(n);
    snug_value *p[SNUG_MAX_OUT], *merged[SNUG_MAX_OUT], *y[SNUG_MAX_OUT];
    snug_node part = {.op = &snug_op_batch_norm_partials, .in = {n->in[0]}, .n_in = 1};
    TRY(add_part(g, at, n, &part, p));
    part = (snug_node){.op = &snug_op_batch_norm_merge, .attrs = &attrs, .n_in = 3};
    part.in[0] = p[0], part.in[1] = n->in[3], part.in[2] = n->in[4];
    TRY(add_part(g, at, n, &part, merged));
    part = (snug_node){.op = &snug_op_batch_norm_again, .attrs = n->attrs, .n_in = 5};
    part.in[0] = n->in[0], part.in[1] = n->in[1], part.in[2] = n->in[2];
    part.in[3] = merged[0], part.in[4] = merged[1];
    TRY(add_part(g, at, n, &part, y));
    snug_graph_replace(g, n->out[0], y[0]);
    for (int i = 0; i < 4; i++) snug_graph_replace(g, n->out[1 + i], merged[i]);
    return SNUG_OK;
}

static snug_status split_gradient(snug_graph *g, int32_t *at)
{
    const snug_node *n = g->nodes[*at];
    snug_batch_norm_merge_attrs attrs = merge_attrs(n);
    snug_value *p[SNUG_MAX_OUT], *merged[SNUG_MAX_OUT], *dx[SNUG_MAX_OUT];
    snug_node part = {.op = &snug_op_batch_norm_grad_partials, .attrs = n->attrs, .n_in = 6};
    for (int i = 0; i < 6; i++) part.in[i] = n->in[i];
    TRY(add_part(g, at, n, &part, p));
    snug_node merge = {.op = &snug_op_batch_norm_grad_merge, .attrs = &attrs, .n_in = 3};
    merge.in[0] = p[0], merge.in[1] = n->in[2], merge.in[2] = n->in[5];
    TRY(add_part(g, at, n, &merge, merged));
    part.op = &snug_op_batch_norm_grad_apply, part.n_in = 8;
    part.in[6] = merged[2], part.in[7] = merged[3];
    TRY(add_part(g, at, n, &part, dx));
    snug_graph_replace(g, n->out[0], dx[0]);
    for (int i = 0; i < 2; i++) snug_graph_replace(g, n->out[1 + i], merged[i]);
    return SNUG_OK;
}

static snug_status split_batch_norm(snug_graph *g, const snug_pass_config *config)
{
    (void)config;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        const snug_node *n = g->nodes[i];
        bool forward = n->op == &snug_op_batch_norm;
        if (!forward && n->op != &snug_op_batch_norm_grad) continue;
        if (is_large(&n->in[0]->type)) TRY(forward ? split_forward(g, &i) : split_gradient(g, &i));
    }
    return snug_graph_sort(g);
}

const snug_graph_pass snug_pass_split_batch_norm = {
    .name = "split_batch_norm",
    .doc = "batch norms of large maps become what is made of each sample and what merges them",
    .phases = 1u << PHASE_LOWER,
    .same_bits = false,
    .run = split_batch_norm,
};
