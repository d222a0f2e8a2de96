/* SPDX-License-Identifier: Apache-2.0 */
/* No value is overwritten before its last reader. Random graphs are lowered and a step is walked
 * without computing: every write marks its bytes with the value and the repetition it is of, every
 * read looks whether the marks are those of the value it wants. Nothing here uses the planner's
 * lifetimes. The same graphs are then run: the bits must not depend on micro-batches or threads. */
#include "support/net.h"
#include "train/optimizer.h"
#include <stdlib.h>

enum { BATCH = 12, LEAVES = 4, MAX_TRAINED = 64, N_GRAPHS = 60 };

/* ---- random graphs -----------------------------------------------------------------------------
 */

typedef struct maker {
    uint64_t seed, drawn;
    snug_graph *g;
    snug_value *made[64]; /* what later layers may read again */
    int n_made, n_names;
    bool batch_norm;
} maker;

static uint32_t below(maker *m, uint32_t n)
{
    uint32_t u[4];
    snug_rng(m->seed, RNG_TEST, 1, m->drawn++, u);
    return n ? u[0] % n : 0;
}

static const char *fresh(maker *m, char buf[16])
{
    snprintf(buf, 16, "l%d", m->n_names++);
    return buf;
}

/* An earlier value of the shape of v: v itself when there is no other. */
static snug_value *partner(maker *m, snug_value *v)
{
    for (int tries = 0; tries < 8 && m->n_made > 0; tries++) {
        snug_value *w = m->made[below(m, (uint32_t)m->n_made)];
        if (snug_shape_equal(&w->type.shape, &v->type.shape)) return w;
    }
    return v;
}

static snug_value *image_layer(maker *m, snug_value *v)
{
    char name[16];
    snug_conv2d_config conv = {
        .filters = 1 + below(m, 6), .kernel = {1 + below(m, 3), 3}, .same = true};
    const int64_t *dim = v->type.shape.dim;
    switch (below(m, 3)) {
    case 0:
        if (dim[1] >= 4 && dim[2] >= 4) return snug_max_pool2d(m->g, v, 2, 1 + below(m, 2));
        return v;
    case 1:
        conv.filters = dim[3];
        conv.no_bias = true;
        return snug_conv2d(m->g, v, &conv, fresh(m, name));
    default:
        return snug_conv2d(m->g, v, &conv, fresh(m, name));
    }
}

/* One of the operators that are layers, which may run in place. */
static snug_value *element_wise(maker *m, snug_value *v)
{
    static const char *const ops[] = {"relu6", "leaky_relu", "tanh", "silu", "sigmoid", "abs"};
    return snug_apply_named(m->g, ops[below(m, 6)], NULL, 1, &v);
}

/* By one number a sample, or one a channel: gradients are summed where it was repeated. */
static snug_value *scaled(maker *m, snug_value *v)
{
    char name[16];
    int64_t n = v->type.shape.dim[v->type.shape.n_dims - 1];
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {n}}};
    snug_value *by = snug_param(m->g, fresh(m, name), t, (snug_init){SNUG_INIT_ONE, 0});
    if (v->type.shape.n_dims == 2) by = snug_linear(m->g, v, 1, fresh(m, name));
    snug_value *in[] = {v, by};
    return snug_apply_named(m->g, below(m, 2) ? "mul" : "sub", NULL, 2, in);
}

static snug_value *layer(maker *m, snug_value *v)
{
    char name[16];
    switch (below(m, 11)) {
    case 0:
        return snug_relu(m->g, v);
    case 1:
        return snug_gelu(m->g, v);
    case 2:
        return snug_dropout(m->g, v, 0.25);
    case 3:
        return snug_add(m->g, v, partner(m, v));
    case 4:
        return snug_mul(m->g, v, partner(m, v));
    case 5:
        return m->batch_norm ? snug_batch_norm(m->g, v, fresh(m, name)) : snug_relu(m->g, v);
    case 9:
        return element_wise(m, v);
    case 10:
        return scaled(m, v);
    case 6:
        return v->type.shape.n_dims == 4 && below(m, 3) == 0 ? snug_flatten(m->g, v) : v;
    default:
        return v->type.shape.n_dims == 4 ? image_layer(m, v)
                                         : snug_linear(m->g, v, 1 + below(m, 9), fresh(m, name));
    }
}

/* A matrix that is a view of a parameter: read by the forward pass and by the gradient. */
static snug_value *through_view(maker *m, snug_value *v)
{
    int64_t n = v->type.shape.dim[v->type.shape.n_dims - 1];
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {n * 3}}};
    snug_value *w = snug_param(m->g, "viewed", t, (snug_init){SNUG_INIT_UNIFORM, 0.3});
    return snug_matmul(m->g, v, snug_reshape(m->g, w, 2, (int64_t[]){n, 3}));
}

static snug_value *random_model(maker *m, snug_value *x, int64_t classes)
{
    int n_layers = 3 + (int)below(m, 14);
    snug_value *v = x;
    for (int i = 0; i < n_layers; i++) {
        v = layer(m, v);
        if (v->role == SNUG_ROLE_ACTIVATION) m->made[m->n_made++] = v;
        if (v->producer && below(m, 6) == 0) {
            char name[16];
            snprintf(name, sizeof name, "out%d", i);
            snug_output(m->g, name, v);
        }
        if (v->producer && below(m, 6) == 0) snug_expect_finite(m->g, v);
    }
    if (v->type.shape.n_dims == 4)
        v = below(m, 2) ? snug_global_avg_pool(m->g, v) : snug_flatten(m->g, v);
    if (below(m, 2)) v = through_view(m, v);
    return snug_linear(m->g, v, classes, "head");
}

/* ---- their updates -----------------------------------------------------------------------------
 */

static snug_value *clip(snug_graph *g, int n, snug_value *const *grad)
{
    snug_value *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (!grad[i]) continue;
        snug_value *v = snug_apply(g, &snug_op_sum_squares, NULL, NULL, 1, &grad[i]);
        sum = sum ? snug_add(g, sum, v) : v;
    }
    return snug_apply(g, &snug_op_clip_scale, NULL, NULL, 1, &sum);
}

static void update(maker *m, const snug_op *op, snug_value *w, snug_value *grad,
                   snug_value *tail[2])
{
    snug_value *in[SNUG_MAX_IN] = {w, grad}, *out[SNUG_MAX_OUT];
    int n_in = 2;
    for (int i = 1; i < op->n_out; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s.m%d", w->name, i);
        in[n_in++] = snug_state(m->g, name, w->type, (snug_init){0});
    }
    for (int i = 0; i < 2; i++)
        if (tail[i]) in[n_in++] = tail[i];
    ok(snug_apply_all(m->g, op, NULL, NULL, n_in, in, out));
    snug_assign(m->g, w, out[0]);
    for (int i = 1; i < op->n_out; i++) snug_assign(m->g, in[1 + i], out[i]);
}

/* Of an optimizer whose states have the weight's shape. */
static const snug_op *random_update(maker *m)
{
    const snug_op *updates[64];
    const snug_optimizer *o;
    int n = 0;
    for (int64_t i = 0; (o = snug_optimizer_get(i)) && n < 64; i++)
        if (!o->state[0].shape) updates[n++] = snug_graph_find_op(m->g, o->update);
    return updates[below(m, n)];
}

static void random_updates(maker *m, snug_value *loss)
{
    snug_value *wrt[MAX_TRAINED], *grad[MAX_TRAINED];
    int n = 0;
    for (int i = 0; i < m->g->n_values; i++) {
        snug_value *v = m->g->values[i];
        if (v->role == SNUG_ROLE_PARAM && below(m, 5)) wrt[n++] = v;
    }
    if (n == 0) wrt[n++] = snug_graph_find_value(m->g, "head.weight");
    ok(snug_gradients(m->g, loss, n, wrt, grad));
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {4}}};
    snug_value *tail[2] = {snug_input(m->g, "hyper", t), NULL};
    if (below(m, 2)) tail[1] = clip(m->g, n, grad);
    const snug_op *op = random_update(m);
    for (int i = 0; i < n; i++)
        if (grad[i]) update(m, op, wrt[i], grad[i], tail);
}

static void open_random(net *n, uint64_t seed, net_config c, int threads)
{
    *n = (net){.config = c};
    snug_pass_config passes = {.n_micro = c.n_micro, .chain_bytes = 1};
    int64_t bound = snug_micro_batch(c.batch, c.leaves, c.n_micro);
    ok(snug_context_create(&(snug_context_config){.threads = threads}, &n->ctx));
    ok(snug_device_find("cpu")->open(n->ctx, 0, &n->device));
    ok(snug_graph_create(n->ctx, c.eval ? SNUG_MODE_EVAL : SNUG_MODE_TRAIN, &n->graph));
    maker m = {.seed = seed, .g = n->graph, .batch_norm = c.batch_norm};
    snug_type xt = {.dtype = SNUG_F32,
                    .shape = {.n_dims = 4, .dim = {bound, 8, 6, 3}, .kind = {SNUG_AXIS_BATCH}}};
    snug_type yt = {.dtype = SNUG_I32,
                    .shape = {.n_dims = 1, .dim = {bound}, .kind = {SNUG_AXIS_BATCH}}};
    snug_value *x = snug_input(m.g, "x", xt), *y = snug_input(m.g, "y", yt), *p = NULL;
    snug_value *loss = snug_softmax_cross_entropy(m.g, random_model(&m, x, c.classes), y, &p);
    snug_output(m.g, "loss", loss);
    if (below(&m, 2)) snug_output(m.g, "probabilities", p);
    ok(snug_passes_run(m.g, &passes, PHASE_CANONICALISE, PHASE_FORWARD));
    if (!c.eval) random_updates(&m, loss);
    ok(snug_passes_run(m.g, &passes, PHASE_AUTODIFF, PHASE_LOWER));
    ok(snug_plan_build(m.g,
                       &(snug_plan_config){.batch = c.batch,
                                           .leaves = c.leaves,
                                           .n_micro = c.n_micro,
                                           .threads = threads,
                                           .device = &n->device},
                       &n->persistent, &n->plan));
    ok(snug_arena_create(&n->persistent, 1, &n->plan, &n->arena));
    snug_arena_init(&n->arena, 1);
    ok(snug_exec_create(n->ctx, n->plan, &n->arena, 0, NULL, &n->exec));
}

/* ---- walking a step ----------------------------------------------------------------------------
 */

typedef struct walk {
    const net *n;
    uint32_t *mark[N_SEGMENTS]; /* of every byte of a segment */
    size_t n_marks[N_SEGMENTS];
    int64_t micro;
    const snug_chain *chain; /* that is walked; NULL: none */
    int64_t piece;           /* of the chain, */
    int thread;              /* which runs it */
    char problem[200];       /* the first one */
} walk;

/* The value whose bytes v shows. */
static const snug_value *shown(const snug_value *v)
{
    while (v->producer && (v->producer->op->flags & SNUG_OP_VIEW)) v = v->producer->in[0];
    return v;
}

/* Persistent values and sums over micro-batches have no repetition. */
static uint32_t mark_of(const walk *w, const snug_value *v)
{
    const snug_value *s = shown(v);
    bool repeated = s->role == SNUG_ROLE_INPUT
                        ? snug_value_persistent(s) == 0 && s->type.shape.n_dims > 0 &&
                              s->type.shape.kind[0] == SNUG_AXIS_BATCH
                        : s->producer && s->producer->section == SECTION_BODY &&
                              !(s->producer->op->flags & SNUG_OP_ACROSS) && !s->assigns;
    return 1 + s->id * LEAVES + (repeated ? (uint32_t)w->micro : 0);
}

/* The bytes of a place that the walk is at, and what a piece's own are marked with besides. */
typedef struct extent {
    size_t at, bytes;
    uint32_t extra;
} extent;

/* `samples`: how many the bytes are of, or rows; 0: they are of none. */
static extent extent_of(const walk *w, const snug_place *p, size_t bytes, int64_t samples)
{
    extent x = {.at = p->offset + p->stride * (size_t)w->micro, .bytes = bytes};
    if (!w->chain || samples == 0) return x;
    int64_t begin = w->piece * w->chain->samples, left = samples - begin;
    size_t sample = bytes / (size_t)samples;
    x.bytes = sample * (size_t)(left < w->chain->samples ? left : w->chain->samples);
    x.at += p->piece ? p->piece * (size_t)w->thread : sample * (size_t)begin;
    if (p->piece) x.extra = (uint32_t)(w->piece + 1) << 20;
    return x;
}

/* The extent's marks; none and a problem where it does not fit its segment. */
static uint32_t *marks_at(walk *w, const snug_place *p, extent *x)
{
    if (x->at + x->bytes > w->n_marks[p->segment] || (p->piece && !w->chain)) {
        snprintf(w->problem, sizeof w->problem, "a place reaches beyond its segment or chain");
        x->bytes = 0;
    }
    return w->mark[p->segment] + x->at;
}

static void write_marks(walk *w, const snug_place *p, extent x, uint32_t mark)
{
    uint32_t *m = marks_at(w, p, &x);
    for (size_t i = 0; i < x.bytes; i++) m[i] = mark + x.extra;
}

/* Either mark will do. */
static void look(walk *w, const snug_place *p, extent x, const uint32_t want[2], const char *who,
                 const char *what)
{
    const uint32_t *m = marks_at(w, p, &x);
    for (size_t i = 0; i < x.bytes && !w->problem[0]; i++)
        if (m[i] != want[0] + x.extra && m[i] != want[1] + x.extra)
            snprintf(w->problem, sizeof w->problem, "%s, part %d: '%s' was overwritten", who,
                     (int)w->micro, what);
}

static extent extent_of_value(const walk *w, const snug_value *v, const snug_place *p)
{
    const snug_shape *s = &v->type.shape;
    bool batch = s->n_dims > 0 && s->kind[0] == SNUG_AXIS_BATCH;
    if (w->chain && w->chain->rows) /* of a product and an update: the weight's are cut */
        return extent_of(w, p, snug_type_bytes(&v->type),
                         s->n_dims == 2 && !batch ? w->chain->rows : 0);
    return extent_of(w, p, snug_type_bytes(&v->type), batch ? snug_graph_batch(w->n->graph) : 0);
}

static void write_value(walk *w, const snug_value *v, const snug_place *p)
{
    if (!p || p->segment == SEGMENT_CONSTANT) return;
    write_marks(w, p, extent_of_value(w, v, p), mark_of(w, v));
}

static void look_value(walk *w, const snug_node *by, const snug_value *v, const snug_place *p)
{
    const snug_value *s = shown(v);
    uint32_t want[2] = {mark_of(w, v), mark_of(w, v)};
    if (w->problem[0] || snug_type_bytes(&v->type) == 0) return;
    if (p && p->segment == SEGMENT_CONSTANT) return;
    if (!p) {
        snprintf(w->problem, sizeof w->problem, "%s reads %s, which has no place", by->name,
                 v->name);
        return;
    }
    /* what it has itself replaced in an earlier repetition: running statistics */
    if (snug_value_persistent(s) && s->assigned_by && s->assigned_by->producer == by &&
        w->micro > 0)
        want[1] = mark_of(w, s->assigned_by);
    look(w, p, extent_of_value(w, v, p), want, by->name, v->name);
}

static bool shares_bytes(const snug_node *n, const snug_value *in)
{
    const snug_value *a = in;
    while (a->shares) a = a->shares;
    for (int i = 0; i < n->n_out; i++) {
        const snug_value *b = n->out[i];
        while (b->shares) b = b->shares;
        if (a == b) return true;
    }
    return false;
}

/* What a kernel keeps stands in for in[1]. */
static uint32_t kept_mark(const snug_node *n)
{
    return UINT32_MAX - 1 - n->id;
}

static extent whole(const snug_place *p)
{
    return (extent){.at = p->offset, .bytes = p->bytes};
}

static void look_input(walk *w, const snug_instr *in, int i)
{
    const snug_node *n = in->node;
    const uint32_t kept[2] = {kept_mark(n), kept_mark(n)};
    if (i == 1 && in->kept.bytes > 0)
        look(w, &in->kept, whole(&in->kept), kept, n->name, "what it keeps");
    else
        look_value(w, n, n->in[i], in->in[i]);
}

static void step_keep(walk *w, const snug_instr *in)
{
    look_value(w, in->node, in->node->in[1], in->in[1]);
    write_marks(w, &in->kept, whole(&in->kept), kept_mark(in->node));
    look_value(w, in->node, in->node->in[1], in->in[1]);
}

/* Of the instruction, or of the piece that the walk is at. */
static extent scratch_of(const walk *w, const snug_place *scratch)
{
    extent x = whole(scratch);
    if (!w->chain) return x;
    x.at += scratch->piece * (size_t)w->thread;
    x.bytes = scratch->piece;
    return x;
}

static void step_compute(walk *w, const snug_instr *in)
{
    const snug_node *n = in->node;
    const snug_place *scratch = w->chain ? &w->chain->scratch : &in->scratch;
    const uint32_t used[2] = {UINT32_MAX, UINT32_MAX};
    if (n->op->flags & SNUG_OP_VIEW) return;
    for (int i = 0; i < n->n_in; i++) look_input(w, in, i);
    if ((n->op->flags & SNUG_OP_ACROSS) && w->micro > 0)
        for (int i = 0; i < n->n_out; i++) look_value(w, n, n->out[i], in->out[i]);
    if (scratch->bytes) write_marks(w, scratch, scratch_of(w, scratch), used[0]);
    for (int i = 0; i < n->n_in; i++) look_input(w, in, i);
    for (int i = 0; i < n->n_out; i++) write_value(w, n->out[i], in->out[i]);
    for (int i = 0; i < n->n_out; i++)
        if (in->out[i]) look_value(w, n, n->out[i], in->out[i]);
    for (int i = 0; i < n->n_in; i++)
        if (!shares_bytes(n, n->in[i])) look_input(w, in, i);
    if (scratch->bytes) look(w, scratch, scratch_of(w, scratch), used, n->name, "scratch");
}

/* Threads side by side, an instruction at a time, each at a piece of its own. */
static void step_chain(walk *w, const snug_chain *c)
{
    int64_t all = c->rows ? c->rows : snug_graph_batch(w->n->graph);
    int64_t threads = w->n->plan->config.threads;
    w->chain = c;
    for (int64_t first = 0; first * c->samples < all; first += threads)
        for (int32_t i = c->first; i <= c->last; i++)
            for (w->thread = 0; w->thread < threads; w->thread++) {
                w->piece = first + w->thread;
                if (w->piece * c->samples < all) step_compute(w, &w->n->plan->program.instr[i]);
            }
    w->chain = NULL;
}

static void step_instr(walk *w, int32_t begin, int32_t end)
{
    for (int32_t i = begin; i < end && !w->problem[0]; i++) {
        const snug_instr *in = &w->n->plan->program.instr[i];
        if (in->chain) {
            const snug_chain *c = &w->n->plan->program.chain[in->chain - 1];
            step_chain(w, c);
            i = c->last;
            continue;
        }
        if (in->kind == INSTR_COMPUTE) step_compute(w, in);
        if (in->kind == INSTR_KEEP) step_keep(w, in);
        if (in->kind != INSTR_CHECK) continue;
        for (int j = 0; j < in->node->n_out; j++)
            if (in->node->out[j]->expect_finite)
                look_value(w, in->node, in->node->out[j], w->n->plan->place[in->node->out[j]->id]);
    }
}

/* Marks of what is there before a step, or a look at what must be there after it. */
static void edges_of_step(walk *w, bool before)
{
    const snug_graph *g = w->n->graph;
    for (int i = 0; i < g->n_values; i++) {
        const snug_value *v = g->values[i];
        const snug_place *p = w->n->plan->place[v->id];
        bool given = v->role == SNUG_ROLE_INPUT || snug_value_persistent(v);
        for (w->micro = 0; w->micro < w->n->config.n_micro; w->micro++) {
            bool part = (p && p->stride) || w->micro + 1 == w->n->config.n_micro;
            if (before && given && p && (part || w->micro == 0)) write_value(w, v, p);
            if (!before && part && (v->output || (v->role == SNUG_ROLE_INPUT && p)))
                look_value(w, &(snug_node){.name = "the end"}, v, p);
        }
    }
}

static void walk_step(walk *w, bool skip_prologue)
{
    const snug_program *p = &w->n->plan->program;
    const int64_t n_micro = w->n->config.n_micro;
    edges_of_step(w, true);
    w->micro = 0;
    if (!skip_prologue) step_instr(w, 0, p->body_begin);
    for (w->micro = 0; w->micro < n_micro; w->micro++)
        step_instr(w, p->body_begin, p->epilogue_begin);
    w->micro = n_micro - 1;
    step_instr(w, p->epilogue_begin, p->n_instr);
    if (!w->problem[0]) edges_of_step(w, false);
}

/* Two steps: the second leaves out a prologue that makes the same. True when nothing was found. */
static bool walk_is_clean(const net *n, char problem[200])
{
    walk w = {.n = n};
    w.n_marks[SEGMENT_PERSISTENT] = n->persistent.bytes;
    w.n_marks[SEGMENT_TRANSIENT] = n->plan->transient_bytes;
    w.n_marks[SEGMENT_STREAM] = n->plan->stream_slot_bytes;
    for (int s = 0; s < N_SEGMENTS; s++)
        assert_non_null(w.mark[s] = calloc(w.n_marks[s] + 1, sizeof *w.mark[s]));
    walk_step(&w, false);
    if (!w.problem[0]) walk_step(&w, n->plan->steady);
    for (int s = 0; s < N_SEGMENTS; s++) free(w.mark[s]);
    memcpy(problem, w.problem, sizeof w.problem);
    return !problem[0];
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void values_are_read_as_written(void **state)
{
    (void)state;
    char problem[200];
    int chains = 0, rows = 0, own = 0; /* values of which a thread has pieces of its own */
    for (uint64_t seed = 0; seed < N_GRAPHS; seed++)
        for (int mode = 0; mode < 6; mode++) {
            net n;
            net_config c = {.batch = BATCH,
                            .leaves = LEAVES,
                            .n_micro = 1 << mode % 3,
                            .batch_norm = true,
                            .eval = mode >= 3,
                            .classes = 3};
            open_random(&n, seed, c, 2);
            if (!walk_is_clean(&n, problem))
                fail_msg("graph %d, mode %d: %s", (int)seed, mode, problem);
            chains += n.plan->program.n_chains;
            for (int32_t i = 0; i < n.plan->program.n_chains; i++)
                rows += n.plan->program.chain[i].rows > n.plan->program.chain[i].samples;
            for (int i = 0; i < n.graph->n_values; i++)
                own += n.plan->place[i] && n.plan->place[i]->piece > 0;
            net_close(&n);
        }
    assert_true(chains > N_GRAPHS && own > N_GRAPHS && rows > 0);
}

/* The walk itself: values put where another is made during their life are found. */
static void wrong_layouts_are_found(void **state)
{
    (void)state;
    char problem[200];
    int moved = 0;
    net n;
    net_open(&n, (net_config){.batch = BATCH, .leaves = LEAVES, .n_micro = 2, .classes = 3}, 1);
    assert_true(walk_is_clean(&n, problem));
    const snug_program *p = &n.plan->program;
    for (int32_t i = p->body_begin; i + 2 < p->epilogue_begin; i++) {
        const snug_instr *made = &p->instr[i], *between = &p->instr[i + 1],
                         *reader = &p->instr[i + 2];
        if (made->kind != INSTR_COMPUTE || between->kind != INSTR_COMPUTE) continue;
        snug_place *a = (snug_place *)made->out[0];
        const snug_place *b = between->out[0];
        bool is_read = false;
        for (int j = 0; reader->node && j < reader->node->n_in; j++) is_read |= reader->in[j] == a;
        if (!a || !b || a == b || !is_read || a->segment != SEGMENT_TRANSIENT ||
            b->segment != SEGMENT_TRANSIENT)
            continue;
        snug_place kept = *a;
        a->offset = b->offset;
        assert_false(walk_is_clean(&n, problem));
        *a = kept;
        moved++;
    }
    assert_true(moved > 0);
    assert_true(walk_is_clean(&n, problem));
    net_close(&n);
}

static uint64_t run(uint64_t seed, int64_t n_micro, int threads)
{
    static const int64_t samples[] = {BATCH, 7, 1, BATCH};
    net n;
    net_config c = {.batch = BATCH, .leaves = LEAVES, .n_micro = n_micro, .classes = 3};
    open_random(&n, seed, c, threads);
    for (uint64_t s = 0; s < 4; s++) {
        snug_tensor hyper = snug_exec_tensor(n.exec, "hyper");
        if (hyper.data) memcpy(hyper.data, (float[]){0, 0.5F, 0.5F, 0}, 4 * sizeof(float));
        snug_status status = net_step(&n, s, samples[s]);
        if (status == SNUG_ENUMERIC)
            snug_error_clear(); /* the same in all runs */
        else
            ok(status);
    }
    uint64_t digest = net_digest(&n);
    net_close(&n);
    return digest;
}

static void bits_are_those_of_one_piece(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < N_GRAPHS; seed++) {
        uint64_t want = run(seed, 1, 1);
        if (run(seed, 1, 3) != want) fail_msg("graph %d: 3 threads give other bits", (int)seed);
        if (run(seed, 2, 2) != want) fail_msg("graph %d: 2 parts give other bits", (int)seed);
        if (run(seed, 4, 1) != want) fail_msg("graph %d: 4 parts give other bits", (int)seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_as_written),
        cmocka_unit_test(wrong_layouts_are_found),
        cmocka_unit_test(bits_are_those_of_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
