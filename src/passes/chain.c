/* SPDX-License-Identifier: Apache-2.0 */
/* Chains: consecutive nodes that run a few samples at a time, each thread its own, so that what one
 * makes the next reads from the nearest cache, and what only they see needs the bytes of those
 * samples alone. Every sample's results depend on nothing but itself, so no bit changes.
 *
 * A chain grows from a node by others that read what its members make or read, which move up to it.
 * It is kept where the bytes that pass between its members would not stay in cache by themselves.
 */
#include "passes/pass.h"
#include <string.h>

enum {
    AHEAD = 24, /* nodes looked at behind a member for the next */
    MOST_MEMBERS = 12,
    LEAST_LINKED = 1 << 20, /* bytes between members, of the whole batch, that pay */
    LEAST_SHARE = 4,        /* bytes of a sample for each that every piece reads again: weights */
    MOST_SAMPLE = 5 << 20   /* bytes of one sample in all of its tensors */
};

typedef struct chain {
    const snug_graph *g;
    int64_t batch;
    int32_t member[MOST_MEMBERS]; /* places in the graph's order */
    int32_t n;
    size_t sample, linked; /* bytes of one sample; bytes of the batch that members pass on */
} chain;

static bool batch_leads(const snug_value *v)
{
    const snug_shape *s = &v->type.shape;
    for (int d = 1; d < s->n_dims; d++)
        if (s->kind[d] == SNUG_AXIS_BATCH) return false;
    return s->n_dims > 0 && s->kind[0] == SNUG_AXIS_BATCH;
}

static bool follows(const snug_axis_use *use, int n_uses, int out, int in)
{
    for (int i = 0; i < n_uses; i++)
        if (use[i].how == SNUG_FOLLOW_BATCH && use[i].out == out && use[i].in == in &&
            use[i].out_axis == 0 && use[i].in_axis == 0)
            return true;
    return false;
}

/* Every output's sample depends on the same sample of the inputs, and on nothing else that has
 * samples. */
static bool by_samples(const snug_node *n)
{
    const uint32_t never = SNUG_OP_UPDATE | SNUG_OP_EFFECT | SNUG_OP_ACROSS | SNUG_OP_BATCH_STATS;
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_axis_use use[SNUG_MAX_AXIS_USES];
    snug_sig sig;
    if ((n->op->flags & never) || !n->op->axes || n->section != SECTION_BODY) return false;
    snug_node_sig(n, in_type, out_type, &sig);
    int n_uses = n->op->axes(&sig, use);
    for (int o = 0; o < n->n_out; o++) {
        if (!batch_leads(n->out[o]) || n->out[o]->expect_finite) return false;
        for (int i = 0; i < n->n_in; i++)
            if (snug_value_bounded(n->in[i]) &&
                !(batch_leads(n->in[i]) && follows(use, n_uses, o, i)))
                return false;
    }
    return true;
}

static bool is_member(const chain *c, int32_t place)
{
    for (int32_t i = 0; i < c->n; i++)
        if (c->member[i] == place) return true;
    return false;
}

static const snug_node *member(const chain *c, int32_t i)
{
    return c->g->nodes[c->member[i]];
}

static bool touches(const snug_node *n, const snug_value *v)
{
    for (int j = 0; j < n->n_in; j++)
        if (n->in[j] == v) return true;
    for (int j = 0; j < n->n_out; j++)
        if (n->out[j] == v) return true;
    return false;
}

static bool touched(const chain *c, const snug_value *v)
{
    for (int32_t i = 0; i < c->n; i++)
        if (touches(member(c, i), v)) return true;
    return false;
}

static size_t bytes_of(const snug_value *v)
{
    return snug_type_bytes(&v->type);
}

/* What the node would add to the chain; false: it does not fit. */
static bool fits(const chain *c, const snug_node *n, size_t *sample, size_t *linked)
{
    size_t fixed = 0, added = 0, read = 0;
    for (int j = 0; j < n->n_in; j++) {
        if (!snug_value_bounded(n->in[j]))
            fixed += bytes_of(n->in[j]);
        else if (touched(c, n->in[j]))
            read += bytes_of(n->in[j]);
        else
            added += bytes_of(n->in[j]);
    }
    for (int j = 0; j < n->n_out; j++) added += bytes_of(n->out[j]);
    *sample = added / (size_t)c->batch;
    *linked = read;
    return fixed * LEAST_SHARE <= (added + read) / (size_t)c->batch &&
           c->sample + *sample <= MOST_SAMPLE;
}

/* Whether the node can run right behind the chain, which stands where its first member does. */
static bool can_move(const chain *c, const int32_t *place, const snug_node *n)
{
    for (int j = 0; j < n->n_in; j++) {
        const snug_node *from = n->in[j]->producer;
        if (from && place[from->id] > c->member[0] && !is_member(c, place[from->id])) return false;
    }
    return true;
}

/* Members stand in the graph's order. */
static void add_member(chain *c, int32_t place, size_t sample, size_t linked)
{
    int32_t at = c->n++;
    for (; at > 0 && c->member[at - 1] > place; at--) c->member[at] = c->member[at - 1];
    c->member[at] = place;
    c->sample += sample;
    c->linked += linked;
}

/* Adds what has a value in common with members; whether there was any. */
static bool look_ahead(chain *c, const bool *eligible, const int32_t *place)
{
    const int32_t n_before = c->n;
    size_t sample, linked;
    for (int32_t i = c->member[0] + 1; i < c->g->n_nodes; i++) {
        const snug_node *n = c->g->nodes[i];
        if (c->n == MOST_MEMBERS || i > c->member[c->n - 1] + AHEAD) break;
        if (eligible[i] && !is_member(c, i) && can_move(c, place, n) &&
            fits(c, n, &sample, &linked) && linked > 0)
            add_member(c, i, sample, linked);
    }
    return c->n > n_before;
}

/* The longest chain from the node at `first`. */
static chain grow(const snug_graph *g, const bool *eligible, const int32_t *place, int32_t first)
{
    chain c = {.g = g, .batch = snug_graph_batch(g)};
    size_t sample, linked;
    if (!fits(&c, g->nodes[first], &sample, &linked)) return c;
    add_member(&c, first, sample, 0);
    while (look_ahead(&c, eligible, place)) continue;
    return c;
}

/* Members first, what stood between them behind. */
static void gather(snug_graph *g, const chain *c, snug_node **spare, int32_t id)
{
    int32_t first = c->member[0], last = c->member[c->n - 1], at = 0;
    for (int32_t i = 0; i < c->n; i++) {
        spare[at++] = g->nodes[c->member[i]];
        g->nodes[c->member[i]]->chain = id;
    }
    for (int32_t i = first; i <= last; i++)
        if (!is_member(c, i)) spare[at++] = g->nodes[i];
    memcpy(g->nodes + first, spare, (size_t)at * sizeof *spare);
}

static void find_chains(snug_graph *g, size_t least, bool *eligible, int32_t *place,
                        snug_node **spare)
{
    int32_t id = 0;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        eligible[i] = by_samples(g->nodes[i]);
        place[g->nodes[i]->id] = i;
    }
    for (int32_t i = 0; i < g->n_nodes; i++) {
        if (!eligible[i]) continue;
        chain c = grow(g, eligible, place, i);
        if (c.n < 2 || c.linked < least) continue;
        gather(g, &c, spare, ++id);
        for (int32_t j = i; j <= c.member[c.n - 1]; j++) {
            place[g->nodes[j]->id] = j;
            eligible[j] = j >= i + c.n && by_samples(g->nodes[j]);
        }
        i += c.n - 1;
    }
}

static snug_status chain_nodes(snug_graph *g, const snug_pass_config *config)
{
    if (snug_graph_batch(g) < 2) return SNUG_OK;
    size_t n = (size_t)g->n_nodes + 1, least = config->chain_bytes;
    bool *eligible = snug_alloc_array(TAG_GRAPH, n, sizeof *eligible);
    int32_t *place = snug_alloc_array(TAG_GRAPH, (size_t)g->next_node_id + 1, sizeof *place);
    snug_node **spare = snug_alloc_array(TAG_GRAPH, n, sizeof *spare);
    snug_status s = eligible && place && spare ? SNUG_OK : SNUG_ENOMEM;
    if (s == SNUG_OK) find_chains(g, least ? least : LEAST_LINKED, eligible, place, spare);
    snug_free(eligible);
    snug_free(place);
    snug_free(spare);
    return s;
}

const snug_graph_pass snug_pass_chain = {
    .name = "chain",
    .doc = "nodes that pass much on run a few samples at a time, each thread its own",
    .phases = 1u << PHASE_LOWER,
    .same_bits = true,
    .run = chain_nodes,
};
