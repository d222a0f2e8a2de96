/* SPDX-License-Identifier: Apache-2.0 */
/* The executor. Everything is bound at creation: one call record an instruction, one flat list of
 * the tensors whose address moves (streamed, or one part a micro-batch) and one of those whose
 * extent does (a batch axis). A step patches these lists and walks the instructions. */
#include "run/exec.h"
#include "base/os.h"
#include <math.h>
#include <string.h>

typedef struct bound_instr {
    const snug_instr *instr;
    void (*run)(const snug_call *);
    snug_call call;
    double seconds;
    int64_t calls;
} bound_instr;

typedef struct moving {
    snug_tensor *tensor;
    const snug_place *place;
} moving;

typedef struct bounded {
    snug_tensor *tensor;
    const snug_type *bound;
} bounded;

enum { N_ASKED = 8 };

/* A value that was asked for by name. */
typedef struct asked {
    const char *name;
    const snug_value *value;
} asked;

struct snug_exec {
    snug_device device;
    snug_plan *plan;
    snug_arena *arena;
    bound_instr *instr;
    snug_tensor *tensors;
    moving *moving;
    bounded *bounded;
    int32_t n_moving, n_bounded, n_tensors;
    int64_t bound;    /* samples that the graph's batch axes stand for */
    int64_t n_cut_to; /* samples that bounded tensors are cut to now */
    int64_t n_step;   /* samples of the last step */
    snug_effect_driver load;
    int slot;  /* that the streamed inputs are in */
    bool held; /* the slot has to be handed back */
    bool profile;
    double *thread_seconds; /* of members of chains: by thread and instruction */
    snug_step step;
    asked asked[N_ASKED];
    uint32_t n_asked;
};

/* ---- binding -----------------------------------------------------------------------------------
 */

static char *address(const snug_exec *e, const snug_place *p, int64_t micro)
{
    const snug_arena *a = e->arena;
    size_t at = p->offset + p->stride * (size_t)micro;
    switch (p->segment) {
    case SEGMENT_PERSISTENT:
        return a->base + at;
    case SEGMENT_TRANSIENT:
        return a->base + a->transient_offset + at;
    case SEGMENT_STREAM:
        return a->base + a->stream_offset + (size_t)e->slot * a->stream_slot_bytes + at;
    case SEGMENT_CONSTANT:
        return (char *)(uintptr_t)p->offset; /* NOLINT: the plan keeps its address */
    default:
        return NULL;
    }
}

static void bind_tensor(snug_exec *e, snug_tensor *t, const snug_value *v, const snug_place *p)
{
    t->type = v->type;
    t->data = p ? address(e, p, 0) : NULL;
    if (p && (p->segment == SEGMENT_STREAM || p->stride)) e->moving[e->n_moving++] = (moving){t, p};
    if (snug_value_bounded(v)) e->bounded[e->n_bounded++] = (bounded){t, &v->type};
}

static void bind_instr(snug_exec *e, bound_instr *b, const snug_instr *in)
{
    b->instr = in;
    if (!in->node) return;
    const snug_node *n = in->node;
    snug_tensor *t = e->tensors + e->n_tensors;
    e->n_tensors += n->n_in + n->n_out;
    for (int i = 0; i < n->n_in; i++) bind_tensor(e, &t[i], n->in[i], in->in[i]);
    for (int i = 0; i < n->n_out; i++) bind_tensor(e, &t[n->n_in + i], n->out[i], in->out[i]);
    b->run = in->kernel ? in->kernel->run : n->op->ref;
    if (in->kernel && in->kind == INSTR_KEEP) b->run = in->kernel->more->keep;
    b->call = (snug_call){.attrs = n->attrs,
                          .in = t,
                          .out = t + n->n_in,
                          .n_in = n->n_in,
                          .n_out = n->n_out,
                          .scratch = in->scratch.bytes ? address(e, &in->scratch, 0) : NULL,
                          .scratch_bytes = in->scratch.bytes,
                          .kept = in->kept.bytes ? address(e, &in->kept, 0) : NULL,
                          .queue = e->device.queue,
                          .step = &e->step,
                          .node_key = n->id,
                          .way = in->way};
}

static snug_status bind_all(snug_exec *e)
{
    const snug_program *p = &e->plan->program;
    size_t n_tensors = 1;
    for (int32_t i = 0; i < p->n_instr; i++)
        if (p->instr[i].node) n_tensors += (size_t)p->instr[i].node->n_in + p->instr[i].node->n_out;
    e->instr = snug_alloc_array(TAG_PLAN, (size_t)p->n_instr + 1, sizeof *e->instr);
    e->tensors = snug_alloc_array(TAG_PLAN, n_tensors, sizeof *e->tensors);
    e->moving = snug_alloc_array(TAG_PLAN, n_tensors, sizeof *e->moving);
    e->bounded = snug_alloc_array(TAG_PLAN, n_tensors, sizeof *e->bounded);
    size_t n_times = p->n_chains ? (size_t)e->plan->config.threads * (size_t)p->n_instr : 1;
    e->thread_seconds = snug_alloc_array(TAG_PLAN, n_times, sizeof(double));
    if (!e->instr || !e->tensors || !e->moving || !e->bounded || !e->thread_seconds)
        return SNUG_ENOMEM;
    for (int32_t i = 0; i < p->n_instr; i++) bind_instr(e, &e->instr[i], &p->instr[i]);
    return SNUG_OK;
}

snug_status snug_exec_create(snug_context *ctx, snug_plan *plan, snug_arena *arena, int n_drivers,
                             const snug_effect_driver *drivers, snug_exec **out)
{
    snug_exec *e = snug_alloc(TAG_PLAN, sizeof *e);
    if (!e) return SNUG_ENOMEM;
    e->plan = plan;
    e->arena = arena;
    arena->last = NULL; /* who had this address before may have been the last */
    e->bound = snug_graph_batch(plan->graph);
    e->n_cut_to = e->bound;
    for (int i = 0; i < n_drivers; i++)
        if (strcmp(drivers[i].op, "load") == 0) e->load = drivers[i];
    snug_status s = plan->config.device->driver->open(ctx, 0, &e->device);
    if (s == SNUG_OK) s = bind_all(e);
    if (s != SNUG_OK) {
        snug_exec_destroy(e);
        return s;
    }
    *out = e;
    return SNUG_OK;
}

void snug_exec_destroy(snug_exec *e)
{
    if (!e) return;
    if (e->device.driver) e->device.driver->close(&e->device);
    snug_free(e->instr);
    snug_free(e->tensors);
    snug_free(e->moving);
    snug_free(e->bounded);
    snug_free(e->thread_seconds);
    snug_free(e);
}

/* ---- chains ------------------------------------------------------------------------------------
 */

/* Samples [begin, begin + n) of a call, or rows of a weight, on a thread. */
typedef struct piece {
    snug_exec *exec;
    const snug_chain *chain;
    snug_step step;
    int64_t begin, n;
    int thread;
    snug_tensor tensor[SNUG_MAX_IN + SNUG_MAX_OUT]; /* of the member that runs */
} piece;

static int64_t extent(const snug_exec *e, const snug_chain *c)
{
    return c->rows ? c->rows : e->step.n_here;
}

/* Whether a piece has a part of a tensor: samples; or rows of what has the weight's shape. */
static bool is_cut(const piece *p, const snug_tensor *t)
{
    const snug_shape *s = &t->type.shape;
    if (!p->chain->rows) return s->n_dims > 0 && s->kind[0] == SNUG_AXIS_BATCH;
    return s->n_dims == 2 && s->kind[0] != SNUG_AXIS_BATCH;
}

/* The piece's part of a tensor: of a whole one, or the thread's own. */
static snug_tensor part_of(const piece *p, const snug_tensor *whole, const snug_place *place)
{
    snug_tensor t = *whole;
    if (!is_cut(p, &t)) return t;
    int64_t n = extent(p->exec, p->chain);
    size_t sample = snug_type_bytes(&t.type) / (size_t)n;
    t.type.shape.dim[0] = t.type.shape.dim[0] / n * p->n;
    if (!t.data) return t;
    size_t at = place->piece ? place->piece * (size_t)p->thread : sample * (size_t)p->begin;
    t.data = (char *)t.data + at;
    return t;
}

static void run_member(piece *p, const bound_instr *b)
{
    const snug_node *n = b->instr->node;
    const snug_chain *c = p->chain;
    snug_call call = b->call;
    for (int i = 0; i < n->n_in; i++) p->tensor[i] = part_of(p, &call.in[i], b->instr->in[i]);
    for (int i = 0; i < n->n_out; i++)
        p->tensor[n->n_in + i] = part_of(p, &call.out[i], b->instr->out[i]);
    call.in = p->tensor;
    call.out = p->tensor + n->n_in;
    if ((n->op->flags & SNUG_OP_VIEW) && call.in[0].data == call.out[0].data) return;
    call.step = &p->step;
    if (c->rows) call.row = p->begin, call.n_rows = p->n;
    call.queue = p->exec->device.inner;
    call.scratch_bytes = c->scratch.piece;
    if (call.scratch_bytes)
        call.scratch = address(p->exec, &c->scratch, 0) + c->scratch.piece * (size_t)p->thread;
    b->run(&call);
}

static piece piece_of(snug_exec *e, const snug_chain *c, int64_t index, int thread)
{
    piece p = {.exec = e, .chain = c, .step = e->step, .thread = thread};
    p.begin = index * c->samples;
    const int64_t left = extent(e, c) - p.begin;
    p.n = left < c->samples ? left : c->samples;
    if (c->rows) return p;
    p.step.first_here += p.begin;
    p.step.n_here = p.n;
    return p;
}

static int64_t n_pieces(const snug_exec *e, const snug_chain *c)
{
    return (extent(e, c) + c->samples - 1) / c->samples;
}

typedef struct chain_run {
    snug_exec *exec;
    const snug_chain *chain;
} chain_run;

static void piece_task(void *arg, int64_t index, int thread)
{
    const chain_run *r = arg;
    snug_exec *e = r->exec;
    piece p = piece_of(e, r->chain, index, thread);
    double *seconds = e->thread_seconds + (size_t)thread * (size_t)e->plan->program.n_instr;
    for (int32_t i = r->chain->first; i <= r->chain->last; i++) {
        double start = e->profile ? snug_now() : 0;
        run_member(&p, &e->instr[i]);
        if (e->profile) seconds[i] += snug_now() - start;
    }
}

static void run_chain(snug_exec *e, const snug_chain *c)
{
    chain_run r = {e, c};
    snug_parallel(e->device.queue, n_pieces(e, c), piece_task, &r);
    for (int32_t i = c->first; i <= c->last && e->profile; i++) e->instr[i].calls++;
}

/* ---- a step ------------------------------------------------------------------------------------
 */

static void cut(const snug_exec *e, snug_tensor *t, const snug_type *bound, int64_t n)
{
    for (int i = 0; i < bound->shape.n_dims; i++)
        if (bound->shape.kind[i] == SNUG_AXIS_BATCH)
            t->type.shape.dim[i] = bound->shape.dim[i] / e->bound * n;
}

/* Point moving tensors at this micro-batch and cut bounded ones to its samples. */
static void enter_micro(snug_exec *e, int64_t micro)
{
    const snug_plan_config *c = &e->plan->config;
    snug_step *s = &e->step;
    int64_t first = micro * e->bound, left = s->n_step - first;
    s->micro = micro;
    s->first_here = first < s->n_step ? first : s->n_step;
    s->n_here = left < 0 ? 0 : left < e->bound || c->n_micro == 1 ? left : e->bound;
    for (int32_t i = 0; i < e->n_moving; i++)
        e->moving[i].tensor->data = address(e, e->moving[i].place, micro);
    if (s->n_here == e->n_cut_to) return;
    for (int32_t i = 0; i < e->n_bounded; i++)
        cut(e, e->bounded[i].tensor, e->bounded[i].bound, s->n_here);
    e->n_cut_to = s->n_here;
}

static bool is_finite(const snug_tensor *t)
{
    if (!t->data || !snug_dtype_get(t->type.dtype)->is_float) return true;
    int64_t n = snug_shape_elements(&t->type.shape);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(snug_load(t, i))) return false;
    return true;
}

/* People count steps from 1. */
static snug_status check_read(const snug_exec *e, const snug_node *n, const snug_tensor *in)
{
    for (int j = 0; j < n->n_in; j++)
        CHECK(!snug_value_persistent(n->in[j]) || is_finite(&in[j]), SNUG_ENUMERIC,
              "step %" PRIu64 ": '%s' is no longer finite (NaN or Inf); the update before "
              "overflowed: lower train.learning_rate or set train.clip_norm",
              e->step.step + 1, n->in[j]->name);
    return SNUG_OK;
}

static snug_status check_made(const snug_exec *e, const snug_node *n, const snug_tensor *out)
{
    for (int j = 0; j < n->n_out; j++)
        CHECK(is_finite(&out[j]), SNUG_ENUMERIC,
              "step %" PRIu64 ": node '%s' (%s) gave NaN or Inf: lower train.learning_rate "
              "or set train.clip_norm",
              e->step.step + 1, n->name, n->op->name);
    return SNUG_OK;
}

static snug_status explain_chain(snug_exec *e, const snug_chain *c)
{
    for (int64_t k = 0; k < n_pieces(e, c); k++) {
        piece p = piece_of(e, c, k, 0);
        for (int32_t i = c->first; i <= c->last; i++) {
            const snug_node *n = e->instr[i].instr->node;
            TRY(check_read(e, n, e->instr[i].call.in));
            run_member(&p, &e->instr[i]);
            TRY(check_made(e, n, p.tensor + n->n_in));
        }
    }
    return SNUG_OK;
}

/* Run the instructions up to `stop` again and name the first value that is not finite. What they
 * read is still there: nothing behind `stop` has run. */
static snug_status explain(snug_exec *e, int32_t stop)
{
    for (int32_t i = e->plan->program.body_begin; i < stop; i++) {
        const bound_instr *b = &e->instr[i];
        if (b->instr->chain) {
            const snug_chain *c = &e->plan->program.chain[b->instr->chain - 1];
            TRY(explain_chain(e, c));
            i = c->last;
        }
        if (b->instr->chain || b->instr->kind != INSTR_COMPUTE) continue;
        TRY(check_read(e, b->instr->node, b->call.in));
        e->device.driver->submit(&e->device, b->run, &b->call);
        TRY(e->device.driver->sync(&e->device));
        TRY(check_made(e, b->instr->node, b->call.out));
    }
    return FAIL(SNUG_ENUMERIC, "step %" PRIu64 ": '%s' is NaN or Inf", e->step.step + 1,
                e->instr[stop].instr->node->name);
}

static snug_status check(snug_exec *e, int32_t at)
{
    const snug_node *n = e->instr[at].instr->node;
    TRY(e->device.driver->sync(&e->device));
    for (int j = 0; j < n->n_out; j++)
        if (n->out[j]->expect_finite && !is_finite(&e->instr[at].call.out[j]))
            return explain(e, at);
    return SNUG_OK;
}

static void compute(snug_exec *e, bound_instr *b)
{
    bool view = b->instr->node->op->flags & SNUG_OP_VIEW;
    if (view && b->call.in[0].data == b->call.out[0].data) return;
    double start = e->profile ? snug_now() : 0;
    e->device.driver->submit(&e->device, b->run, &b->call);
    if (!e->profile) return;
    b->seconds += snug_now() - start;
    b->calls++;
}

static snug_status start_load(snug_exec *e)
{
    if (!e->load.start || !e->held) return SNUG_OK;
    e->held = false;
    return e->load.start(e->load.self, e->slot);
}

static snug_status wait_load(snug_exec *e)
{
    if (!e->load.wait) return SNUG_OK;
    TRY(e->load.wait(e->load.self, &e->slot, &e->step.n_step));
    e->held = e->step.n_step > 0;
    return SNUG_OK;
}

static snug_status effects(snug_exec *e)
{
    const snug_program *p = &e->plan->program;
    for (int32_t i = 0; i < p->body_begin; i++) {
        if (e->instr[i].instr->kind == INSTR_START) TRY(start_load(e));
        if (e->instr[i].instr->kind == INSTR_WAIT) TRY(wait_load(e));
    }
    return SNUG_OK;
}

static snug_status walk(snug_exec *e, int32_t begin, int32_t end)
{
    for (int32_t i = begin; i < end; i++) {
        const uint8_t kind = e->instr[i].instr->kind;
        const int32_t chain = e->instr[i].instr->chain;
        if (chain) {
            run_chain(e, &e->plan->program.chain[chain - 1]);
            i = e->plan->program.chain[chain - 1].last;
            continue;
        }
        if (kind == INSTR_COMPUTE || kind == INSTR_KEEP) compute(e, &e->instr[i]);
        if (kind == INSTR_CHECK) TRY(check(e, i));
    }
    return SNUG_OK;
}

static void begin_step(snug_exec *e, const snug_exec_step *step)
{
    const snug_plan_config *c = &e->plan->config;
    e->step = (snug_step){.seed = step->seed,
                          .step = step->step,
                          .n_step = step->n,
                          .leaf_samples = (c->batch + c->leaves - 1) / c->leaves,
                          .leaves_here = c->leaves / c->n_micro,
                          .n_micro = c->n_micro};
}

snug_status snug_exec_run(snug_exec *e, const snug_exec_step *step, int64_t *n_samples)
{
    const snug_program *p = &e->plan->program;
    begin_step(e, step);
    TRY(effects(e));
    CHECK(e->step.n_step >= 0 && e->step.n_step <= e->plan->config.batch, SNUG_EINVAL,
          "a step of %" PRId64 " samples was planned for at most %" PRId64, e->step.n_step,
          e->plan->config.batch);
    e->n_step = e->step.n_step;
    if (n_samples) *n_samples = e->n_step;
    if (e->n_step == 0 && e->bound > 0) return SNUG_OK;
    enter_micro(e, 0);
    bool made = e->plan->steady && e->arena->last == e; /* what the prologue makes is there */
    e->arena->last = NULL;
    if (!made) TRY(walk(e, 0, p->body_begin));
    for (int64_t m = 0; m < e->plan->config.n_micro; m++) {
        if (m > 0) enter_micro(e, m);
        TRY(walk(e, p->body_begin, p->epilogue_begin));
    }
    TRY(walk(e, p->epilogue_begin, p->n_instr));
    TRY(e->device.driver->sync(&e->device));
    e->arena->last = e;
    return SNUG_OK;
}

void snug_exec_drop_slot(snug_exec *e)
{
    e->held = false;
}

/* ---- looking in --------------------------------------------------------------------------------
 */

static const snug_value *find_named(const snug_graph *g, const char *name)
{
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->output && strcmp(g->values[i]->output, name) == 0) return g->values[i];
    return snug_graph_find_value(g, name);
}

static bool is_named(const snug_value *v, const char *name)
{
    return (v->output && strcmp(v->output, name) == 0) || strcmp(v->name, name) == 0;
}

/* A loop asks for the same few names every step: they are remembered by where the text lies, and
 * compared once. */
static const snug_value *named(snug_exec *e, const char *name)
{
    for (int i = 0; i < N_ASKED; i++)
        if (e->asked[i].name == name && is_named(e->asked[i].value, name)) return e->asked[i].value;
    const snug_value *v = find_named(e->plan->graph, name);
    if (v) e->asked[e->n_asked++ % N_ASKED] = (asked){name, v};
    return v;
}

snug_tensor snug_exec_tensor(snug_exec *e, const char *name)
{
    const snug_value *v = named(e, name);
    const snug_place *p = v ? e->plan->place[v->id] : NULL;
    if (!p) return (snug_tensor){0};
    snug_tensor t = {address(e, p, 0), v->type};
    if (snug_value_bounded(v))
        cut(e, &t, &v->type, e->load.wait ? e->n_step : e->plan->config.batch);
    return t;
}

void snug_exec_profile(snug_exec *e, bool on)
{
    e->profile = on;
}

double snug_exec_node_seconds(const snug_exec *e, int instr, int64_t *calls)
{
    const snug_plan *p = e->plan;
    double seconds = e->instr[instr].seconds;
    *calls = e->instr[instr].calls;
    for (int t = 0; t < p->config.threads && p->program.instr[instr].chain; t++)
        seconds += e->thread_seconds[t * p->program.n_instr + instr] / p->config.threads;
    return seconds;
}
