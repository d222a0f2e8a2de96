/* SPDX-License-Identifier: Apache-2.0 */
/* Chains in a plan: which of the passes' chains become loops over pieces here, how many samples or
 * rows a piece has, and what that does to lifetimes and scratch memory. */
#include "plan/lower.h"

#define PIECE_BYTES ((size_t)512 << 10) /* of all tensors of a piece: half of a usual L2 cache */
#define ROWS_BYTES  ((size_t)640 << 10) /* of a gradient's rows; */
#define MOST_ROWS   48                  /* of them, */
#define ROWS_STEP   12                  /* in multiples of this: heights of register tiles */

static const snug_node *node_at(const snug_lowering *l, int32_t i)
{
    const snug_instr *in = &l->plan->program.instr[i];
    return in->kind == INSTR_COMPUTE ? in->node : NULL;
}

/* The last instruction of the chain that begins at `first`. */
static int32_t chain_end(const snug_lowering *l, int32_t first)
{
    int32_t id = node_at(l, first)->chain, last = first;
    while (last + 1 < l->plan->program.n_instr && node_at(l, last + 1) &&
           node_at(l, last + 1)->chain == id)
        last++;
    return last;
}

static bool is_view(const snug_node *n)
{
    return n->op->flags & SNUG_OP_VIEW;
}

/* Bytes of one sample in what the node writes and reads from outside. */
static size_t sample_bytes(const snug_lowering *l, const snug_node *n)
{
    size_t bytes = 0;
    for (int j = 0; j < n->n_out; j++) bytes += snug_type_bytes(&n->out[j]->type);
    for (int j = 0; j < n->n_in; j++) {
        const snug_node *from = n->in[j]->producer;
        if (snug_value_bounded(n->in[j]) && !(from && from->chain == n->chain))
            bytes += snug_type_bytes(&n->in[j]->type);
    }
    return bytes / (size_t)snug_graph_batch(l->graph);
}

/* Samples of a piece, so that its bytes stay in cache; 0: threads would be left without work, or a
 * member has no kernel. */
static int64_t piece_samples(const snug_lowering *l, int32_t first, int32_t last)
{
    const snug_plan_config *c = &l->plan->config;
    int64_t batch = snug_graph_batch(l->graph);
    size_t bytes = 1;
    for (int32_t i = first; i <= last; i++) {
        if (!is_view(node_at(l, i)) && !l->plan->program.instr[i].kernel) return 0;
        bytes += sample_bytes(l, node_at(l, i));
    }
    int64_t samples = (int64_t)(PIECE_BYTES / bytes), most = batch / (2 * c->threads);
    if (samples > most) samples = most;
    if (samples < 1) samples = 1;
    return batch / samples >= 2 * c->threads || batch % c->threads == 0 ? samples : 0;
}

static void cut(snug_type *t, int64_t batch, int64_t samples)
{
    if (t->shape.n_dims > 0 && t->shape.kind[0] == SNUG_AXIS_BATCH)
        t->shape.dim[0] = t->shape.dim[0] / batch * samples;
}

/* What the kernel needs for one piece on one thread. */
static size_t piece_scratch(const snug_lowering *l, const snug_instr *in, int64_t samples)
{
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_sig sig;
    if (!in->kernel || !in->kernel->scratch) return 0;
    snug_node_sig(in->node, in_type, out_type, &sig);
    for (int i = 0; i < sig.n_in; i++) cut(&in_type[i], snug_graph_batch(l->graph), samples);
    for (int i = 0; i < sig.n_out; i++) cut(&out_type[i], snug_graph_batch(l->graph), samples);
    sig.kept = in->kept.bytes > 0;
    sig.way = in->way;
    return snug_round_up(in->kernel->scratch(&sig, 1), SNUG_ALIGN);
}

static bool over_rows(const snug_node *last)
{
    return last->op->flags & SNUG_OP_UPDATE;
}

/* Rows of a piece of a weight; 0: a kernel cannot make some alone. */
static int64_t piece_rows(const snug_lowering *l, int32_t first)
{
    const snug_instr *product = &l->plan->program.instr[first], *update = product + 1;
    const snug_type *g = &product->node->out[0]->type;
    const int64_t n = g->shape.dim[0], threads = l->plan->config.threads;
    if (!product->kernel || !snug_kernel_can(product->kernel)->rows) return 0;
    if (!update->kernel || update->kernel->scratch) return 0;
    int64_t rows = (int64_t)(ROWS_BYTES / (snug_type_bytes(g) / (size_t)n));
    if (rows > MOST_ROWS) rows = MOST_ROWS;
    if (rows > n / (4 * threads)) rows = n / (4 * threads);
    return rows < ROWS_STEP ? ROWS_STEP : rows / ROWS_STEP * ROWS_STEP;
}

/* What the product needs for so many rows on one thread. */
static size_t rows_scratch(const snug_instr *in, int64_t rows)
{
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_sig sig;
    if (!in->kernel->scratch || rows == 0) return 0;
    snug_node_sig(in->node, in_type, out_type, &sig);
    in_type[0].shape.dim[in_type[0].shape.n_dims - 1] = out_type[0].shape.dim[0] = rows;
    sig.way = in->way;
    return snug_round_up(in->kernel->scratch(&sig, 1), SNUG_ALIGN);
}

/* The last piece may be another's size. */
static size_t product_scratch(const snug_instr *in, const snug_chain *c)
{
    const size_t whole = rows_scratch(in, c->samples),
                 last = rows_scratch(in, c->rows % c->samples);
    return whole > last ? whole : last;
}

static void make_chain(snug_lowering *l, int32_t first, int32_t last, int64_t samples)
{
    snug_program *p = &l->plan->program;
    snug_chain *c = &p->chain[p->n_chains++];
    *c = (snug_chain){.first = first, .last = last, .samples = samples};
    if (over_rows(node_at(l, last))) c->rows = node_at(l, first)->out[0]->type.shape.dim[0];
    for (int32_t i = first; i <= last; i++) {
        size_t bytes = c->rows ? 0 : piece_scratch(l, &p->instr[i], samples);
        if (c->rows && i == first) bytes = product_scratch(&p->instr[i], c);
        if (bytes > c->scratch.piece) c->scratch.piece = bytes;
        p->instr[i].chain = p->n_chains;
        p->instr[i].scratch.bytes = 0;
    }
    c->scratch.bytes = c->scratch.piece * (size_t)l->plan->config.threads;
}

snug_status snug_lower_chains(snug_lowering *l)
{
    snug_program *p = &l->plan->program;
    p->chain = snug_bump_alloc(l->plan->bump, ((size_t)p->n_instr / 2 + 1) * sizeof *p->chain);
    if (!p->chain) return SNUG_ENOMEM;
    if (!l->plan->config.device->inner) return SNUG_OK;
    for (int32_t i = p->body_begin; i < p->epilogue_begin; i++) {
        if (!node_at(l, i) || !node_at(l, i)->chain) continue;
        int32_t last = chain_end(l, i);
        int64_t samples = 0;
        if (last > i)
            samples = over_rows(node_at(l, last)) ? piece_rows(l, i) : piece_samples(l, i, last);
        if (samples > 0) make_chain(l, i, last, samples);
        i = last;
    }
    return SNUG_OK;
}

/* ---- lifetimes ---------------------------------------------------------------------------------
 */

/* What only this chain sees has a piece a thread. What members make is there from the first one on:
 * a thread may make its piece while another still reads what earlier members read. */
static void live_through(snug_lowering *l, const snug_chain *c, snug_value *v)
{
    const snug_value *root = snug_value_root(v);
    snug_life *life = &l->life[root->id];
    bool inside = life->first >= c->first && life->last <= c->last;
    if (inside && !life->kept && root->producer && snug_value_bounded(root))
        life->piece = snug_round_up(snug_type_bytes(&root->type) /
                                        (size_t)snug_graph_batch(l->graph) * (size_t)c->samples,
                                    SNUG_ALIGN);
    if (life->first > c->first && life->first <= c->last) life->first = c->first;
}

/* Of a gradient a thread has the rows that it is at. */
static void live_in_rows(snug_lowering *l, const snug_chain *c)
{
    const snug_value *g = node_at(l, c->first)->out[0];
    if (!g->shares)
        l->life[g->id].piece = snug_round_up(
            snug_type_bytes(&g->type) / (size_t)c->rows * (size_t)c->samples, SNUG_ALIGN);
}

void snug_chain_lives(snug_lowering *l)
{
    const snug_program *p = &l->plan->program;
    for (int32_t k = 0; k < p->n_chains; k++) {
        if (p->chain[k].rows) live_in_rows(l, &p->chain[k]);
        for (int32_t i = p->chain[k].first; i <= p->chain[k].last; i++) {
            const snug_node *n = node_at(l, i);
            for (int j = 0; j < n->n_in; j++) live_through(l, &p->chain[k], n->in[j]);
            for (int j = 0; j < n->n_out; j++) live_through(l, &p->chain[k], n->out[j]);
        }
    }
}
