/* SPDX-License-Identifier: Apache-2.0 */
/* Lowering: a scheduled graph becomes instructions, every value a place. Always holds in a finished
 * plan: places of values alive at the same instruction do not overlap, and offsets are multiples of
 * SNUG_ALIGN. */
#include "plan/estimate.h"
#include "plan/lower.h"
#include "plan/ways.h"
#include <string.h>

int64_t snug_default_leaves(int64_t batch)
{
    int64_t leaves = 1;
    while (leaves < 16 && leaves * 2 * 16 <= batch) leaves *= 2;
    return leaves;
}

int64_t snug_micro_batch(int64_t batch, int64_t leaves, int64_t n_micro)
{
    if (n_micro == 1) return batch;
    return (batch + leaves - 1) / leaves * (leaves / n_micro);
}

static bool power_of_two(int64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

static snug_status check_config(const snug_graph *g, const snug_plan_config *c)
{
    CHECK(c->batch >= 1, SNUG_EINVAL, "a batch needs at least one sample, not %" PRId64, c->batch);
    CHECK(power_of_two(c->leaves) && c->leaves <= 1024, SNUG_EINVAL,
          "train.leaves must be a power of two up to 1024, not %" PRId64, c->leaves);
    CHECK(power_of_two(c->n_micro) && c->n_micro <= c->leaves, SNUG_EINVAL,
          "micro-batches must be a power of two and at most the %" PRId64 " leaves, not %" PRId64,
          c->leaves, c->n_micro);
    int64_t bound = snug_graph_batch(g), want = snug_micro_batch(c->batch, c->leaves, c->n_micro);
    CHECK(bound == 0 || bound == want, SNUG_EINVAL,
          "the graph was built for %" PRId64 " samples, but a micro-batch has %" PRId64, bound,
          want);
    return SNUG_OK;
}

/* ---- instructions ------------------------------------------------------------------------------
 */

static bool has_stream(const snug_graph *g)
{
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->role == SNUG_ROLE_INPUT && snug_value_bounded(g->values[i])) return true;
    return false;
}

static int32_t count_instr(const snug_lowering *l)
{
    const snug_graph *g = l->graph;
    int32_t n = has_stream(g) ? 2 : 0;
    for (int i = 0; i < g->n_nodes; i++) {
        n += l->keep[g->nodes[i]->id].bytes > 0 ? 2 : 1;
        for (int j = 0; j < g->nodes[i]->n_out; j++) n += g->nodes[i]->out[j]->expect_finite;
    }
    return n;
}

snug_status snug_lower_kernel(const snug_lowering *l, const char *op, snug_sig *sig,
                              const snug_kernel **out)
{
    const snug_plan_config *c = &l->plan->config;
    *out = c->device->driver->find_kernel(c->device, op, sig);
    if (*out) TRY(snug_way_find(c->ways, *out, op, sig, &sig->way));
    return SNUG_OK;
}

static snug_status choose_kernel(snug_lowering *l, snug_instr *in)
{
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_sig sig;
    const snug_plan_config *c = &l->plan->config;
    snug_node_sig(in->node, in_type, out_type, &sig);
    sig.kept = in->kept.bytes > 0;
    TRY(snug_lower_kernel(l, in->node->op->name, &sig, &in->kernel));
    in->way = sig.way;
    if (in->node->op->cost && !(in->node->op->flags & SNUG_OP_VIEW)) {
        snug_cost cost = in->node->op->cost(&sig);
        double times = in->node->section == SECTION_BODY ? (double)c->n_micro : 1;
        if (in->node->section == SECTION_PROLOGUE && l->plan->steady) times = 0;
        l->plan->flops += cost.flops * times;
        l->plan->seconds += snug_estimate_seconds(snug_context_tier(c->device->ctx), c->threads,
                                                  in->kernel, &cost) *
                            times;
    }
    if (!in->kernel && !(in->node->op->flags & SNUG_OP_VIEW)) l->plan->n_fallbacks++;
    if (in->kernel && in->kernel->scratch)
        in->scratch.bytes = in->kernel->scratch(&sig, c->threads);
    if (!in->kernel && in->node->op->ref_scratch)
        in->scratch.bytes = in->node->op->ref_scratch(&sig);
    return SNUG_OK;
}

static snug_status emit_node(snug_lowering *l, const snug_node *n)
{
    snug_program *p = &l->plan->program;
    int32_t at = p->n_instr++;
    p->instr[at] = (snug_instr){.kind = INSTR_COMPUTE, .node = n};
    p->instr[at].kept.bytes = l->keep[n->id].bytes;
    TRY(choose_kernel(l, &p->instr[at]));
    l->at[n->id] = at;
    for (int j = 0; j < n->n_out; j++)
        if (n->out[j]->expect_finite)
            p->instr[p->n_instr++] = (snug_instr){.kind = INSTR_CHECK, .node = n};
    return SNUG_OK;
}

/* What nodes keep of this maker's output. */
static void emit_keeps(snug_lowering *l, uint32_t maker)
{
    snug_program *p = &l->plan->program;
    for (const snug_node *n = l->first_keeper[maker]; n; n = l->keep[n->id].next) {
        snug_instr *in = &p->instr[p->n_instr];
        *in = (snug_instr){.kind = INSTR_KEEP, .node = n};
        in->kernel = l->keep[n->id].kernel;
        in->way = l->keep[n->id].way;
        in->kept.bytes = l->keep[n->id].bytes;
        l->keep[n->id].at = p->n_instr++;
    }
}

static void begin_body(snug_lowering *l)
{
    emit_keeps(l, l->graph->next_node_id);
    l->plan->program.body_begin = l->plan->program.n_instr;
}

/* The slot of the step before is handed back, so that it fills while this one computes. */
static void emit_load(snug_program *p)
{
    p->instr[p->n_instr++] = (snug_instr){.kind = INSTR_START};
    p->instr[p->n_instr++] = (snug_instr){.kind = INSTR_WAIT};
}

static snug_status emit(snug_lowering *l)
{
    snug_graph *g = l->graph;
    snug_program *p = &l->plan->program;
    p->instr = snug_bump_alloc(l->plan->bump, ((size_t)count_instr(l) + 1) * sizeof *p->instr);
    if (!p->instr) return SNUG_ENOMEM;
    if (has_stream(g)) emit_load(p);
    int section = SECTION_PROLOGUE;
    p->body_begin = p->epilogue_begin = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        const snug_node *n = g->nodes[i];
        CHECK(n->section >= section, SNUG_EINVAL,
              "node '%s' stands in the wrong section; run the lowering passes first", n->name);
        section = n->section;
        if (section >= SECTION_BODY && p->body_begin < 0) begin_body(l);
        if (section >= SECTION_EPILOGUE && p->epilogue_begin < 0) p->epilogue_begin = p->n_instr;
        TRY(emit_node(l, n));
        if (section == SECTION_PROLOGUE) emit_keeps(l, n->id);
    }
    if (p->body_begin < 0) begin_body(l);
    if (p->epilogue_begin < 0) p->epilogue_begin = p->n_instr;
    return SNUG_OK;
}

/* ---- places ------------------------------------------------------------------------------------
 */

/* Nobody reads it and the kernel may leave it out. */
static bool left_out(const snug_lowering *l, const snug_value *v)
{
    const snug_node *n = v->producer;
    return n && v->n_uses == 0 && v->out_index > 0 && !(n->op->flags & SNUG_OP_ACROSS) &&
           l->plan->program.instr[l->at[n->id]].kernel;
}

static snug_owner owner_of(const snug_value *v)
{
    if (v->role == SNUG_ROLE_GRADIENT) return OWNER_GRADIENTS;
    return v->role == SNUG_ROLE_INPUT ? OWNER_DATA : OWNER_ACTIVATIONS;
}

/* A place in the segment that fits the value; transient ones become blocks to lay out. */
static snug_status place_value(snug_lowering *l, snug_value *v, snug_block *block,
                               int32_t *n_blocks)
{
    const snug_life *life = &l->life[v->id];
    size_t bytes = snug_type_bytes(&v->type);
    if (v->shares || left_out(l, v) || (life->last < 0 && !snug_value_persistent(v)))
        return SNUG_OK;
    snug_place *p = snug_bump_alloc(l->plan->bump, sizeof *p);
    if (!p) return SNUG_ENOMEM;
    l->own[v->id] = p;
    p->bytes = bytes;
    p->space = SPACE_HOST;
    if (v->role == SNUG_ROLE_CONSTANT) {
        p->segment = SEGMENT_CONSTANT;
        p->offset = (uintptr_t)v->data;
    } else if (snug_value_persistent(v)) {
        p->segment = SEGMENT_PERSISTENT;
        TRY(snug_persistent_add(l->persistent, v, &p->offset));
    } else if (v->role == SNUG_ROLE_INPUT && snug_value_bounded(v)) {
        p->segment = SEGMENT_STREAM;
        p->offset = l->plan->stream_slot_bytes;
        p->stride = l->plan->config.n_micro > 1 ? bytes : 0;
        p->bytes = bytes * (size_t)l->plan->config.n_micro;
        l->plan->stream_slot_bytes += snug_round_up(p->bytes, SNUG_ALIGN);
    } else {
        p->segment = SEGMENT_TRANSIENT;
        p->stride = life->whole_step ? bytes : 0;
        p->piece = life->piece;
        p->bytes = bytes * (life->whole_step ? (size_t)l->plan->config.n_micro : 1);
        if (p->piece) p->bytes = p->piece * (size_t)l->plan->config.threads;
        p->offset = (size_t)*n_blocks; /* becomes the block's offset */
        block[(*n_blocks)++] =
            (snug_block){p->bytes, 0, life->first, life->last, (uint8_t)owner_of(v)};
    }
    return SNUG_OK;
}

static void place_scratch_of(snug_place *s, int32_t first, int32_t last, snug_block *block,
                             int32_t *n_blocks)
{
    if (s->bytes == 0) return;
    s->segment = SEGMENT_TRANSIENT;
    s->offset = (size_t)*n_blocks;
    block[(*n_blocks)++] = (snug_block){s->bytes, 0, first, last, OWNER_SCRATCH};
}

static void place_scratch(snug_lowering *l, snug_block *block, int32_t *n_blocks)
{
    snug_program *p = &l->plan->program;
    for (int32_t i = 0; i < p->n_instr; i++)
        place_scratch_of(&p->instr[i].scratch, i, i, block, n_blocks);
    for (int32_t i = 0; i < p->n_chains; i++) {
        snug_chain *c = &p->chain[i];
        place_scratch_of(&c->scratch, c->first, c->last, block, n_blocks);
    }
}

/* Kept from the instruction that makes it on. */
static void place_kept(snug_lowering *l, snug_block *block, int32_t *n_blocks)
{
    snug_program *p = &l->plan->program;
    for (int32_t i = 0; i < p->n_instr; i++) {
        snug_place *k = &p->instr[i].kept;
        if (p->instr[i].kind != INSTR_KEEP) continue;
        k->segment = SEGMENT_TRANSIENT;
        k->offset = (size_t)*n_blocks;
        block[(*n_blocks)++] = (snug_block){k->bytes, 0, i, p->n_instr, OWNER_PARAMETERS};
    }
}

static void settle_offset(snug_place *p, const snug_block *block)
{
    if (p->segment == SEGMENT_TRANSIENT && p->bytes) p->offset = block[p->offset].offset;
}

static void settle_instr(const snug_lowering *l, snug_instr *in, const snug_block *block)
{
    settle_offset(&in->scratch, block);
    if (in->kind == INSTR_KEEP) settle_offset(&in->kept, block);
    if (in->kind == INSTR_COMPUTE && in->kept.bytes)
        in->kept = l->plan->program.instr[l->keep[in->node->id].at].kept;
}

/* Bytes by owner where the sum is largest; what the layout could not fill counts as activations. */
static snug_status account(snug_plan *plan, const snug_block *block, int32_t n)
{
    snug_bound most;
    size_t sum = 0;
    TRY(snug_layout_bound(block, n, plan->program.n_instr, SNUG_ALIGN, &most));
    for (int32_t i = 0; i < n; i++) {
        if (block[i].first > most.where || block[i].last < most.where) continue;
        plan->owner_bytes[block[i].owner] += snug_round_up(block[i].bytes, SNUG_ALIGN);
        sum += snug_round_up(block[i].bytes, SNUG_ALIGN);
    }
    plan->owner_bytes[OWNER_ACTIVATIONS] += plan->transient_bytes - sum;
    return SNUG_OK;
}

static snug_status place_blocks(snug_lowering *l, snug_block *block)
{
    snug_graph *g = l->graph;
    int32_t n_blocks = 0;
    snug_lower_lives(l);
    snug_chain_lives(l);
    for (int i = 0; i < g->n_values; i++) TRY(place_value(l, g->values[i], block, &n_blocks));
    place_scratch(l, block, &n_blocks);
    place_kept(l, block, &n_blocks);
    TRY(snug_layout(block, n_blocks, SNUG_ALIGN, &l->plan->transient_bytes));
    for (int i = 0; i < g->n_values; i++)
        if (l->own[i]) settle_offset(l->own[i], block);
    for (int32_t i = 0; i < l->plan->program.n_instr; i++)
        settle_instr(l, &l->plan->program.instr[i], block);
    for (int32_t i = 0; i < l->plan->program.n_chains; i++)
        settle_offset(&l->plan->program.chain[i].scratch, block);
    return account(l->plan, block, n_blocks);
}

static snug_status place_all(snug_lowering *l)
{
    size_t most = (size_t)l->graph->n_values + 3 * (size_t)l->plan->program.n_instr + 1;
    snug_block *block = snug_alloc_array(TAG_PLAN, most, sizeof *block);
    if (!block) return SNUG_ENOMEM;
    snug_status s = place_blocks(l, block);
    snug_free(block);
    return s;
}

static void bind(snug_lowering *l)
{
    snug_plan *plan = l->plan;
    for (int i = 0; i < l->graph->n_values; i++)
        plan->place[i] = l->own[snug_value_root(l->graph->values[i])->id];
    for (int32_t i = 0; i < plan->program.n_instr; i++) {
        snug_instr *in = &plan->program.instr[i];
        if (!in->node) continue;
        for (int j = 0; j < in->node->n_in; j++) in->in[j] = plan->place[in->node->in[j]->id];
        for (int j = 0; j < in->node->n_out; j++) in->out[j] = plan->place[in->node->out[j]->id];
    }
}

/* ---- the whole ---------------------------------------------------------------------------------
 */

static snug_status lower(snug_lowering *l, snug_bump *work)
{
    size_t n_values = (size_t)l->graph->n_values + 1;
    l->life = snug_bump_alloc(work, n_values * sizeof *l->life);
    l->own = snug_bump_alloc(work, n_values * sizeof *l->own);
    l->at = snug_bump_alloc(work, (l->graph->next_node_id + 1) * sizeof *l->at);
    l->plan->place = snug_bump_alloc(l->plan->bump, n_values * sizeof *l->plan->place);
    if (!l->life || !l->own || !l->at || !l->plan->place) return SNUG_ENOMEM;
    snug_graph_count_uses(l->graph);
    l->plan->steady = snug_lower_steady(l->graph);
    TRY(snug_lower_keeps(l, work));
    TRY(emit(l));
    TRY(snug_lower_chains(l));
    TRY(place_all(l));
    bind(l);
    return SNUG_OK;
}

snug_status snug_plan_build(snug_graph *g, const snug_plan_config *config,
                            snug_persistent *persistent, snug_plan **out)
{
    TRY(snug_graph_check(g));
    TRY(check_config(g, config));
    snug_bump *bump = snug_bump_create(TAG_PLAN), *work = snug_bump_create(TAG_PLAN);
    snug_plan *plan = bump && work ? snug_bump_alloc(bump, sizeof *plan) : NULL;
    snug_status s = plan ? SNUG_OK : SNUG_ENOMEM;
    if (plan) {
        *plan = (snug_plan){.graph = g, .config = *config, .bump = bump};
        s = lower(&(snug_lowering){.plan = plan, .graph = g, .persistent = persistent}, work);
    }
    if (work) snug_bump_destroy(work);
    if (s != SNUG_OK) {
        if (bump) snug_bump_destroy(bump);
        return snug_error_pass(s, __FILE__, __LINE__, __func__);
    }
    *out = plan;
    return SNUG_OK;
}

void snug_plan_destroy(snug_plan *p)
{
    if (p) snug_bump_destroy(p->bump);
}
