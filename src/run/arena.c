/* SPDX-License-Identifier: Apache-2.0 */
/* The one block of tensors of a run: [persistent | transient, the largest of all plans | stream
 * slots]. Reserved once: its pages are zero and come in when they are first written. */
#include "kernels/random.h"
#include "run/exec.h"
#include <math.h>
#include <string.h>

static snug_arena measure(const snug_persistent *p, int n_plans, snug_plan *const *plans)
{
    snug_arena a = {.persistent = p, .persistent_bytes = p->bytes, .transient_offset = p->bytes};
    if (n_plans > 0) a.queue = plans[0]->config.device->queue;
    if (n_plans > 0) a.tier = snug_context_tier(plans[0]->config.device->ctx);
    for (int i = 0; i < n_plans; i++) {
        if (plans[i]->transient_bytes > a.transient_bytes)
            a.transient_bytes = plans[i]->transient_bytes;
        if (plans[i]->stream_slot_bytes > a.stream_slot_bytes)
            a.stream_slot_bytes = plans[i]->stream_slot_bytes;
    }
    a.stream_offset = a.transient_offset + a.transient_bytes;
    a.bytes = a.stream_offset + SNUG_STREAM_SLOTS * a.stream_slot_bytes;
    return a;
}

size_t snug_arena_size(const snug_persistent *p, int n_plans, snug_plan *const *plans)
{
    return measure(p, n_plans, plans).bytes;
}

snug_status snug_arena_create(const snug_persistent *p, int n_plans, snug_plan *const *plans,
                              snug_arena *out)
{
    snug_arena a = measure(p, n_plans, plans);
    void *base;
    TRY(snug_reserve(a.bytes ? a.bytes : 1, &base));
    a.base = base;
    *out = a;
    return SNUG_OK;
}

void snug_arena_destroy(snug_arena *a)
{
    if (a->base) snug_unmap(a->base, a->bytes ? a->bytes : 1);
    *a = (snug_arena){0};
}

void snug_arena_changed(snug_arena *a)
{
    a->last = NULL;
}

snug_tensor snug_arena_tensor(const snug_arena *a, const char *name)
{
    const snug_persistent_entry *e = snug_persistent_find(a->persistent, name);
    return e ? (snug_tensor){a->base + e->offset, e->type} : (snug_tensor){0};
}

void *snug_arena_stream(const snug_arena *a, const snug_plan *p, const char *input, int slot)
{
    const snug_value *v = snug_graph_find_value(p->graph, input);
    const snug_place *place = v ? p->place[v->id] : NULL;
    if (!place || place->segment != SEGMENT_STREAM || slot < 0 || slot >= SNUG_STREAM_SLOTS)
        return NULL;
    return a->base + a->stream_offset + (size_t)slot * a->stream_slot_bytes + place->offset;
}

/* ---- first values ------------------------------------------------------------------------------
 */

/* Fan in: all axes but the last. Fan out: the last, times the window before the last two. */
static void fans(const snug_shape *s, double *in, double *out)
{
    double window = 1;
    int n = s->n_dims;
    for (int i = 0; i < n - 2; i++) window *= (double)s->dim[i];
    *in = n >= 2 ? window * (double)s->dim[n - 2] : n == 1 ? (double)s->dim[0] : 1;
    *out = n >= 1 ? window * (double)s->dim[n - 1] : 1;
}

/* Half width of the uniform kinds, standard deviation of the normal ones. */
static double spread(const snug_persistent_entry *e)
{
    double in, out;
    fans(&e->type.shape, &in, &out);
    switch (e->init.kind) {
    case SNUG_INIT_UNIFORM:
    case SNUG_INIT_NORMAL:
        return e->init.a;
    case SNUG_INIT_HE_NORMAL:
        return sqrt(2 / in);
    case SNUG_INIT_HE_UNIFORM:
        return sqrt(6 / in);
    case SNUG_INIT_GLOROT_UNIFORM:
        return sqrt(6 / (in + out));
    default:
        return 0;
    }
}

/* Elements of a task, and of a piece of it: even numbers. */
enum { INIT_GRAIN = 1 << 14, INIT_PIECE = 256 };

/* One persistent value on its way. */
typedef struct filling {
    const snug_persistent_entry *e;
    snug_tensor to;
    int64_t n;
    snug_random_row row;
    const snug_random *random;
} filling;

/* Elements 2 i and 2 i + 1 have a counter of their own: a place in the tensor decides, nothing else
 * does. */
static void make_piece(const filling *f, const snug_random_row *row, double *to)
{
    switch (f->e->init.kind) {
    case SNUG_INIT_UNIFORM:
    case SNUG_INIT_HE_UNIFORM:
    case SNUG_INIT_GLOROT_UNIFORM:
        f->random->uniform(row, to);
        return;
    case SNUG_INIT_NORMAL:
    case SNUG_INIT_HE_NORMAL:
        f->random->normal(row, to);
        return;
    default:
        for (int64_t i = 0; i < row->n; i++)
            to[i] = f->e->init.kind == SNUG_INIT_CONSTANT ? f->e->init.a : 1;
    }
}

static void store_piece(const filling *f, const snug_random_row *row, const double *from)
{
    if (f->to.type.dtype == SNUG_F32)
        f->random->to_float(from, row->n, (float *)f->to.data + row->begin);
    else
        for (int64_t i = 0; i < row->n; i++) snug_store(&f->to, row->begin + i, from[i]);
}

static void fill_task(void *arg, int64_t task, int thread)
{
    const filling *f = arg;
    snug_random_row row = f->row;
    double piece[INIT_PIECE];
    int64_t begin = task * INIT_GRAIN, end = begin + INIT_GRAIN < f->n ? begin + INIT_GRAIN : f->n;
    (void)thread;
    for (row.begin = begin; row.begin < end; row.begin += INIT_PIECE) {
        row.n = end - row.begin < INIT_PIECE ? end - row.begin : INIT_PIECE;
        make_piece(f, &row, piece);
        store_piece(f, &row, piece);
    }
}

void snug_arena_init(snug_arena *a, uint64_t seed)
{
    for (int32_t k = 0; k < a->persistent->n; k++) {
        const snug_persistent_entry *e = &a->persistent->entry[k];
        if (e->init.kind == SNUG_INIT_ZERO) continue;
        filling f = {.e = e, .to = {a->base + e->offset, e->type}};
        f.row = (snug_random_row){seed, snug_hash_name(e->name), RNG_INIT, 0, 0, spread(e)};
        f.random = snug_random_of(a->tier);
        f.n = snug_shape_elements(&e->type.shape);
        int64_t tasks = (f.n + INIT_GRAIN - 1) / INIT_GRAIN;
        if (a->queue && tasks > 1)
            snug_parallel(a->queue, tasks, fill_task, &f);
        else
            for (int64_t t = 0; t < tasks; t++) fill_task(&f, t, 0);
    }
}
