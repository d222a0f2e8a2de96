/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of a product that makes a weight's gradient and of the update by it: they run over some
 * rows of the weight at a time, each thread its own, so that a gradient is never more than a piece
 * in cache. Each element is made as before, so no bit changes.
 *
 * The product moves behind all that stood between the two. That pays where memory bounds the
 * update: where no cache holds what the optimizer keeps; or where the product is an outer product,
 * which memory bounds too. Else a product of large blocks and an update that streams are as fast.
 */
#include "ops/ops.h"
#include "passes/pass.h"
#include <string.h>

#define LEAST_GRADIENT ((size_t)512 << 10) /* bytes */
#define LEAST_KEPT     ((size_t)48 << 20) /* of all parameters and states: more than a last cache */
#define MOST_SUMMED    512                /* rows of the product's operands */

static bool same_shape(const snug_value *a, const snug_value *b)
{
    return snug_shape_equal(&a->type.shape, &b->type.shape);
}

/* Whether row i of every output is made of row i of all inputs of the weight's shape. */
static bool by_rows(const snug_node *n)
{
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_axis_use use[SNUG_MAX_AXIS_USES];
    snug_sig sig;
    int found = 0, wanted = 0;
    if (!n->op->axes) return false;
    snug_node_sig(n, in_type, out_type, &sig);
    const int n_uses = n->op->axes(&sig, use);
    for (int o = 0; o < n->n_out; o++) {
        if (!same_shape(n->out[o], n->in[0])) return false;
        for (int i = 0; i < n->n_in; i++) wanted += same_shape(n->in[i], n->in[0]);
    }
    for (int i = 0; i < n_uses; i++)
        found += use[i].how == SNUG_FOLLOW_PARALLEL && use[i].out_axis == 0 && use[i].in_axis == 0;
    return found == wanted;
}

/* A sum over at most so many products of two matrices' rows, of which some rows can be made alone.
 */
static bool makes_rows(const snug_node *n, int64_t most)
{
    if (strcmp(n->op->name, "matmul") != 0 || n->n_in != 2) return false;
    const snug_matmul_attrs *a = n->attrs;
    const snug_shape *x = &n->in[0]->type.shape;
    return a->trans_a && !a->trans_b && a->act == ACT_NONE && x->n_dims > 1 &&
           x->kind[0] == SNUG_AXIS_BATCH && n->in[1]->type.shape.kind[0] == SNUG_AXIS_BATCH &&
           snug_shape_elements(x) / x->dim[x->n_dims - 1] <= most;
}

/* The product that makes what the update reads, and nothing else does; NULL: there is none. */
static snug_node *product_of(const snug_node *update, size_t least, int64_t most)
{
    if (!(update->op->flags & SNUG_OP_UPDATE) || update->n_in < 2 || update->chain) return NULL;
    const snug_value *g = update->in[1];
    snug_node *n = g->producer;
    if (!n || n->chain || n->section != update->section || update->section != SECTION_BODY)
        return NULL;
    if (g->n_uses != 1 || g->output || g->expect_finite || g->type.shape.n_dims != 2) return NULL;
    if (!same_shape(g, update->in[0]) || snug_type_bytes(&g->type) < least) return NULL;
    return makes_rows(n, most) && by_rows(update) ? n : NULL;
}

static size_t kept_bytes(const snug_graph *g)
{
    size_t sum = 0;
    for (int i = 0; i < g->n_values; i++)
        if (snug_value_persistent(g->values[i])) sum += snug_type_bytes(&g->values[i]->type);
    return sum;
}

static int32_t place_of(const snug_graph *g, const snug_node *n, int32_t before)
{
    while (before > 0 && g->nodes[before] != n) before--;
    return before;
}

static snug_status chain_updates(snug_graph *g, const snug_pass_config *config)
{
    const bool forced = config->chain_bytes > 0;
    const size_t least = forced ? config->chain_bytes : LEAST_GRADIENT;
    const int64_t most = forced || kept_bytes(g) >= LEAST_KEPT ? MOST_SUMMED : 1;
    int32_t id = 0;
    snug_graph_count_uses(g);
    for (int32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->chain > id) id = g->nodes[i]->chain;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        snug_node *update = g->nodes[i], *product = product_of(update, least, most);
        if (!product) continue;
        const int32_t from = place_of(g, product, i);
        memmove(g->nodes + from, g->nodes + from + 1, (size_t)(i - 1 - from) * sizeof *g->nodes);
        g->nodes[i - 1] = product;
        product->chain = update->chain = ++id;
    }
    return SNUG_OK;
}

const snug_graph_pass snug_pass_chain_updates = {
    .name = "chain_updates",
    .doc = "a gradient is made and used up some rows at a time, each thread its own",
    .phases = 1u << PHASE_LOWER,
    .same_bits = true,
    .run = chain_updates,
};
