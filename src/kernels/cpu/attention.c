/* SPDX-License-Identifier: Apache-2.0 */
/* attention on f32: a task takes a block of queries of one head through the keys, a block at a
 * time, with the softmax kept up as it goes (Milakov and Gimelshein 2018; Dao et al. 2022): m is
 * the largest score so far, l the sum of exp(score - m), o that of exp(score - m) v. */
#include "kernels/cpu/attention.h"

typedef struct forward {
    attention a;
    const float *q, *k, *v;
    float *y, *lse; /* lse NULL: nobody wants it */
    int64_t blocks; /* of queries, a head */
    float *scratch;
} forward;

/* A thread's blocks. */
typedef struct workspace {
    float *q, *keys,
        *values;  /* [QUERIES][padded width]; [panel][d][TILE_N]; [KEYS][padded width] */
    float *p;     /* [panel][TILE_M][TILE_N] */
    float *o;     /* [panel of d][QUERIES][TILE_N] */
    float *m, *l; /* [QUERIES] */
} workspace;

enum { P_FLOATS = KEYS * TILE_M, STATS = (TILE_M + VLEN - 1) / VLEN * VLEN };

static int64_t workspace_floats(int64_t width)
{
    return padded_width(width) * (2 * QUERIES + 2 * KEYS) + P_FLOATS + 2 * QUERIES;
}

static workspace workspace_of(const forward *f, int thread)
{
    int64_t all = padded_width(f->a.width);
    workspace w = {.q = f->scratch + thread * workspace_floats(f->a.width)};
    w.keys = w.q + QUERIES * all;
    w.values = w.keys + KEYS * all;
    w.p = w.values + KEYS * all;
    w.o = w.p + P_FLOATS;
    w.m = w.o + QUERIES * all;
    w.l = w.m + QUERIES;
    return w;
}

static void scale_sums(const forward *f, float *o, float factor)
{
    const vf scale = vset1(factor);
    for (int64_t d = 0; d < padded_width(f->a.width); d += TILE_N, o += QUERIES * TILE_N)
        for (int v = 0; v < TILE_N; v += VLEN) vstore(o + v, vmul(vload(o + v), scale));
}

/* The largest score that the query sees, of those it does not -infinity is made. */
static float mask_row(float *p, int64_t n_panels, const visible *see)
{
    vf best = vset1(-INFINITY);
    for (int64_t c = 0; c < n_panels; c++, p += TILE_M * TILE_N)
        for (int v = 0; v < TILE_N; v += VLEN) {
            int64_t j = c * TILE_N + v;
            vf x = vload(p + v);
            if (visible_cuts(see, j)) {
                x = vselect(visible_lanes(see, j), x, vset1(-INFINITY));
                vstore(p + v, x);
            }
            best = vmax(x, best);
        }
    return vmax_lanes(best);
}

/* exp(score - m) in place of scores, and their sum. */
static float exp_row(float *p, int64_t n_panels, float m)
{
    vf sum = vzero(), max = vset1(m);
    for (int64_t c = 0; c < n_panels; c++, p += TILE_M * TILE_N)
        for (int v = 0; v < TILE_N; v += VLEN) {
            vf e = vexp_below(vsub(vload(p + v), max));
            vstore(p + v, e);
            sum = vadd(sum, e);
        }
    return vsum(sum);
}

/* The largest scores so far from those of this block, what they are to be taken from (0 where no
 * key was seen: weights are 0 then), and the factor of sums made from the ones before. */
static void raise_maxima(float *m, const float *best, float *base, float *keep, int64_t n)
{
    for (int64_t r = 0; r < n; r += VLEN) {
        const int lanes = vlanes(r, n);
        vf before = vload_n(m + r, lanes), now = vmax(vload(best + r), before);
        vf from = vselect(vgt(now, vset1(-INFINITY)), now, vzero());
        vstore_n(m + r, now, lanes);
        vstore(base + r, from);
        vstore(keep + r, vexp_below(vsub(before, from)));
    }
}

/* Rows [i, i + height) of a block of queries with a block of keys, of which they see n_panels. */
typedef struct tile_rows {
    int64_t i, height, n_panels;
    bool first; /* there are no sums yet */
    visible see[TILE_M];
} tile_rows;

/* Scores become weights. One kind of step for all rows after the other, so that no row waits for
 * its own results. */
static void soften(const forward *f, const workspace *w, const tile_rows *x)
{
    float best[STATS], base[STATS], keep[STATS], sum[STATS];
    const int64_t n = x->height;
    for (int64_t r = 0; r < STATS; r++) best[r] = -INFINITY, sum[r] = 0;
    for (int64_t r = 0; r < n; r++) best[r] = mask_row(w->p + r * TILE_N, x->n_panels, &x->see[r]);
    raise_maxima(w->m + x->i, best, base, keep, n);
    for (int64_t r = 0; r < n; r++) sum[r] = exp_row(w->p + r * TILE_N, x->n_panels, base[r]);
    for (int64_t r = 0; r < n; r += VLEN) {
        float *l = w->l + x->i + r;
        const int lanes = vlanes(r, n);
        vstore_n(l, vadd(vmul(vload_n(l, lanes), vload(keep + r)), vload(sum + r)), lanes);
    }
    for (int64_t r = 0; r < n && !x->first; r++)
        if (keep[r] != 1) scale_sums(f, w->o + (x->i + r) * TILE_N, keep[r]);
}

/* A block of keys with all tiles of the block of queries at t0. */
static void take_keys(const forward *f, const workspace *w, const int64_t at[2], int64_t t0,
                      int64_t rows, int64_t first_key)
{
    const attention *a = &f->a;
    int64_t n = at[0], kv_head = at[1] / attention_group(a), all = padded_width(a->width);
    int64_t keys = least(a->s - first_key, KEYS);
    const head_rows k = {f->k + attention_at(a, &a->k, n, first_key, kv_head), a->k.row, keys};
    const head_rows v = {f->v + attention_at(a, &a->v, n, first_key, kv_head), a->v.row, keys};
    pack_columns(a, &k, w->keys);
    pack_rows(a, &v, padded(keys, TILE_N), 1, w->values);
    tile_rows x = {.first = first_key == 0};
    for (; x.i < rows; x.i += TILE_M) {
        float *const p = w->p;
        x.height = least(rows - x.i, TILE_M);
        x.n_panels = visible_panels(a, n, t0 + x.i, x.height, first_key, x.see);
        if (x.n_panels == 0) continue;
        for (int64_t c = 0; c < x.n_panels; c++)
            score_tile(a, w->q + x.i * all, x.height, w->keys + c * a->width * TILE_N,
                       p + c * TILE_M * TILE_N);
        soften(f, w, &x);
        add_weighted(a, &(weighted_sum){.weights = p,
                                        .rows = w->values,
                                        .panel_rows = TILE_M,
                                        .n_panels = x.n_panels,
                                        .height = x.height,
                                        .sums = w->o + x.i * TILE_N,
                                        .sum_rows = QUERIES});
    }
}

static void put_queries(const forward *f, const workspace *w, const int64_t at[2], int64_t t0,
                        int64_t rows)
{
    const attention *a = &f->a;
    float *lse = f->lse ? f->lse + (at[0] * a->heads + at[1]) * a->t + t0 : NULL;
    for (int64_t i = 0; i < rows; i += VLEN) { /* l becomes the factor of o */
        const int lanes = vlanes(i, rows);
        vf l = vload_n(w->l + i, lanes), log_sum = vadd(vload_n(w->m + i, lanes), vlog(l));
        vm sees = vm_not(veq(l, vzero()));
        vstore_n(w->l + i, vselect(sees, vdiv(vset1(1), l), vzero()), lanes);
        if (lse) vstore_n(lse + i, vselect(sees, log_sum, vzero()), lanes);
    }
    for (int64_t i = 0; i < rows; i++) {
        float *y = f->y + ((at[0] * a->t + t0 + i) * a->heads + at[1]) * a->width;
        put_row(a, w->o + i * TILE_N, QUERIES, w->l[i], y);
    }
}

static void forward_task(void *arg, int64_t task, int thread)
{
    const forward *f = arg;
    const attention *a = &f->a;
    const workspace w = workspace_of(f, thread);
    const int64_t at[2] = {task / f->blocks / a->heads, task / f->blocks % a->heads};
    int64_t t0 = task % f->blocks * QUERIES, rows = least(a->t - t0, QUERIES), end = 0;
    int64_t all = padded_width(a->width);
    const head_rows q = {f->q + attention_at(a, &a->q, at[0], t0, at[1]), a->q.row, rows};
    pack_rows(a, &q, padded(rows, TILE_STEP), (float)a->scale, w.q);
    memset(w.o, 0, (size_t)(QUERIES * all) * sizeof *w.o);
    for (int64_t i = 0; i < rows; i++) {
        int64_t e = attention_end(a, at[0], t0 + i);
        if (e > end) end = e;
        w.m[i] = -INFINITY, w.l[i] = 0;
    }
    for (int64_t s = 0; s < end; s += KEYS) take_keys(f, &w, at, t0, rows, s);
    put_queries(f, &w, at, t0, rows);
}

static void run(const snug_call *c, forward *f)
{
    f->y = c->out[0].data;
    f->scratch = c->scratch;
    f->blocks = (f->a.t + QUERIES - 1) / QUERIES;
    snug_parallel(c->queue, f->a.n * f->a.heads * f->blocks, forward_task, f);
}

static void k_attention_f32(const snug_call *c)
{
    forward f = {.q = c->in[0].data, .k = c->in[1].data, .v = c->in[2].data};
    f.a = attention_apart(c->attrs, c->in, 0, c->n_in);
    f.lse = c->out[1].data;
    run(c, &f);
}

static void k_self_attention_f32(const snug_call *c)
{
    forward f = {.q = c->in[0].data, .k = c->in[0].data, .v = c->in[0].data};
    f.a = attention_packed(c->attrs, c->in, 0, c->n_in);
    f.lse = c->out[1].data;
    run(c, &f);
}

/* A row of the cache is what stands behind the queries in a row of x. */
static void extend_cache(const snug_call *c, const attention *a)
{
    const float *x = c->in[0].data;
    float *cache = c->out[1].data;
    if (cache != c->in[1].data) memcpy(cache, c->in[1].data, snug_type_bytes(&c->in[1].type));
    for (int64_t r = 0; r < a->n * a->t; r++) {
        int64_t at = a->offset + r % a->t;
        if (at >= 0 && at < a->s)
            memcpy(cache + (r / a->t * a->s + at) * a->k.row,
                   x + r * a->q.row + a->heads * a->width, (size_t)a->k.row * sizeof *x);
    }
}

static void k_cached_attention_f32(const snug_call *c)
{
    forward f = {.q = c->in[0].data, .k = c->out[1].data, .v = c->out[1].data};
    f.a = attention_cached(c->attrs, c->in);
    extend_cache(c, &f.a);
    run(c, &f);
}

static size_t attention_scratch(const snug_sig *s, int threads)
{
    const snug_attention_attrs *attrs = s->attrs;
    int64_t width = s->out[0].shape.dim[2] / attrs->heads;
    return (size_t)(threads * workspace_floats(width)) * sizeof(float);
}

KERNEL_TABLE(attention) = {
    {.op = "attention",
     .name = "k_attention_f32",
     .scratch = attention_scratch,
     .run = k_attention_f32},
    {.op = "self_attention",
     .name = "k_self_attention_f32",
     .scratch = attention_scratch,
     .run = k_self_attention_f32},
    {.op = "cached_attention",
     .name = "k_cached_attention_f32",
     .scratch = attention_scratch,
     .run = k_cached_attention_f32},
    {0},
};
