/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of attention on f32 (Dao et al. 2022, algorithm 4): a task takes one head of keys
 * and values of one sample, and in their order the heads of queries that share it. Scores are made
 * again, a block of queries and keys at a time. */
#include "kernels/cpu/attention.h"

typedef struct backward {
    attention a;
    const float *dy, *y, *lse, *q, *k, *v;
    float *dq, *dk, *dv;
    float *scratch;
} backward;

/* A thread's blocks; sizes in floats as named. */
typedef struct workspace {
    float *q, *dy;        /* [QUERIES][padded width], q times the scale */
    float *keys, *values; /* [panel][d][TILE_N] */
    float *rows;          /* keys as [KEYS][padded width] */
    float *p, *ds;        /* [panel][QUERIES][TILE_N] */
    float *dq;            /* [panel of d][QUERIES][TILE_N] */
    float *dk, *dv;       /* a block of keys behind the other: [panel of d][KEYS][TILE_N] */
    float *dot, *lse;     /* [QUERIES]: dy . y, lse */
} workspace;

static int64_t workspace_floats(int64_t width, int64_t n_keys)
{
    int64_t all = padded_width(width);
    return all * (3 * QUERIES + 3 * KEYS + 2 * padded(n_keys, KEYS)) + 2 * QUERIES * KEYS +
           2 * QUERIES;
}

static float *take(float **from, int64_t floats)
{
    float *p = *from;
    *from += floats;
    return p;
}

static workspace workspace_of(const backward *b, int thread)
{
    int64_t all = padded_width(b->a.width), n_keys = padded(b->a.s, KEYS);
    float *at = b->scratch + thread * workspace_floats(b->a.width, b->a.s);
    workspace w;
    w.q = take(&at, QUERIES * all), w.dy = take(&at, QUERIES * all);
    w.keys = take(&at, KEYS * all), w.values = take(&at, KEYS * all);
    w.rows = take(&at, KEYS * all);
    w.p = take(&at, QUERIES * KEYS), w.ds = take(&at, QUERIES * KEYS);
    w.dq = take(&at, QUERIES * all);
    w.dk = take(&at, n_keys * all), w.dv = take(&at, n_keys * all);
    w.dot = take(&at, QUERIES), w.lse = take(&at, QUERIES);
    return w;
}

/* Where a block of queries is. */
typedef struct queries {
    int64_t n, head, t0, rows;
} queries;

static float dot(const float *x, const float *y, int64_t n)
{
    vf sum = vzero();
    for (int64_t i = 0; i < n; i += VLEN) {
        int lanes = vlanes(i, n);
        sum = vfma(vload_upto(x + i, lanes), vload_upto(y + i, lanes), sum);
    }
    return vsum(sum);
}

static void load_queries(const backward *b, const workspace *w, const queries *x)
{
    const attention *a = &b->a;
    int64_t rows = padded(x->rows, TILE_M), columns = a->heads * a->width;
    int64_t at = ((x->n * a->t + x->t0) * a->heads + x->head) * a->width;
    const head_rows q = {b->q + attention_at(a, &a->q, x->n, x->t0, x->head), a->q.row, x->rows};
    const head_rows dy = {b->dy + at, columns, x->rows};
    pack_rows(a, &q, rows, (float)a->scale, w->q);
    pack_rows(a, &dy, rows, 1, w->dy);
    for (int64_t i = 0; i < x->rows; i++) {
        ask_for_next(b->y + at + i * columns, a->width);
        w->dot[i] = dot(b->dy + at + i * columns, b->y + at + i * columns, a->width);
        w->lse[i] = b->lse[(x->n * a->heads + x->head) * a->t + x->t0 + i];
    }
    memset(w->dq, 0, (size_t)(QUERIES * padded_width(a->width)) * sizeof *w->dq);
}

/* p and ds of one query from its scores and dy . v, in their place. */
static void weigh_row(const workspace *w, int64_t i, int64_t n_panels, const visible *see)
{
    const vf lse = vset1(w->lse[i]), mean = vset1(w->dot[i]);
    for (int64_t c = 0; c < n_panels; c++) {
        float *p = w->p + (c * QUERIES + i) * TILE_N, *ds = w->ds + (c * QUERIES + i) * TILE_N;
        for (int v = 0; v < TILE_N; v += VLEN) {
            int64_t j = c * TILE_N + v;
            vf e = vexp_below(vsub(vload(p + v), lse));
            vf d = vmul(e, vsub(vload(ds + v), mean));
            if (visible_cuts(see, j)) {
                vm m = visible_lanes(see, j);
                e = vselect(m, e, vzero()), d = vselect(m, d, vzero());
            }
            vstore(p + v, e);
            vstore(ds + v, d);
        }
    }
}

/* Weights and their slopes of one tile of queries, rows [i, i + height) of the block. */
static void weigh_tile(const backward *b, const workspace *w, const int64_t rows[2],
                       int64_t n_panels, const visible *see)
{
    const attention *a = &b->a;
    int64_t all = padded_width(a->width), i = rows[0], height = rows[1];
    for (int64_t c = 0; c < n_panels; c++) {
        int64_t at = (c * QUERIES + i) * TILE_N;
        score_tile(a, w->q + i * all, height, w->keys + c * a->width * TILE_N, w->p + at);
        score_tile(a, w->dy + i * all, height, w->values + c * a->width * TILE_N, w->ds + at);
    }
    for (int64_t r = 0; r < height; r++) weigh_row(w, i + r, n_panels, see + r);
}

/* sums [panel of d][KEYS][TILE_N] += weights^T rows, for one panel of keys: weights
 * [QUERIES][TILE_N], rows [QUERIES][padded width], queries [begin, end). */
static void add_transposed(const attention *a, const float *weights, const float *rows,
                           const int64_t range[2], float *sums)
{
    int64_t all = padded_width(a->width);
    for (int64_t d = 0; d < all; d += TILE_N)
        for (int64_t m = 0; m < TILE_N; m += TILE_M) {
            const tile_run run = {.a = weights + range[0] * TILE_N + m,
                                  .a_step = TILE_N,
                                  .b = rows + range[0] * all + d,
                                  .b_step = all,
                                  .n = range[1] - range[0],
                                  .runs = 1,
                                  .acc = sums + (d / TILE_N * KEYS + m) * TILE_N,
                                  .carry = true};
            tile_of(TILE_BY_K, TILE_N - m, TILE_V)(&run);
        }
}

static void clear_rows(float *panel, int64_t rows)
{
    memset(panel, 0, (size_t)(rows * TILE_N) * sizeof *panel);
}

/* A block of keys with a block of queries. Panels that a tile does not see are zero for it; those
 * before a panel's first tile are left out. */
static void take_keys(const backward *b, const workspace *w, const queries *x, int64_t first_key)
{
    const attention *a = &b->a;
    int64_t kv_head = x->head / attention_group(a), all = padded_width(a->width);
    int64_t keys = least(a->s - first_key, KEYS), seen = 0, begin[KEYS / TILE_N];
    const int64_t rows = padded(x->rows, TILE_STEP);
    const head_rows k = {b->k + attention_at(a, &a->k, x->n, first_key, kv_head), a->k.row, keys};
    const head_rows v = {b->v + attention_at(a, &a->v, x->n, first_key, kv_head), a->v.row, keys};
    pack_columns(a, &k, w->keys);
    pack_columns(a, &v, w->values);
    pack_rows(a, &k, padded(keys, TILE_N), 1, w->rows);
    for (int64_t i = 0; i < rows; i += TILE_M) {
        const int64_t height = least(rows - i, TILE_M);
        visible see[TILE_M];
        int64_t n_panels = visible_panels(a, x->n, x->t0 + i, height, first_key, see);
        weigh_tile(b, w, (const int64_t[2]){i, height}, n_panels, see);
        for (int64_t c = n_panels; c < seen; c++) {
            clear_rows(w->p + (c * QUERIES + i) * TILE_N, height);
            clear_rows(w->ds + (c * QUERIES + i) * TILE_N, height);
        }
        for (; seen < n_panels; seen++) begin[seen] = i;
        if (n_panels > 0)
            add_weighted(a, &(weighted_sum){.weights = w->ds + i * TILE_N,
                                            .rows = w->rows,
                                            .panel_rows = QUERIES,
                                            .n_panels = n_panels,
                                            .height = height,
                                            .sums = w->dq + i * TILE_N,
                                            .sum_rows = QUERIES});
    }
    for (int64_t c = 0; c < seen; c++) {
        const int64_t range[2] = {begin[c], rows};
        int64_t at = first_key * all + c * TILE_N * TILE_N;
        add_transposed(a, w->p + c * QUERIES * TILE_N, w->dy, range, w->dv + at);
        add_transposed(a, w->ds + c * QUERIES * TILE_N, w->q, range, w->dk + at);
    }
}

static void take_queries(const backward *b, const workspace *w, const queries *x)
{
    const attention *a = &b->a;
    int64_t end = 0;
    load_queries(b, w, x);
    for (int64_t i = 0; i < x->rows; i++) {
        int64_t e = attention_end(a, x->n, x->t0 + i);
        if (e > end) end = e;
    }
    for (int64_t s = 0; s < end; s += KEYS) take_keys(b, w, x, s);
    for (int64_t i = 0; i < x->rows; i++)
        put_row(a, w->dq + i * TILE_N, QUERIES, (float)a->scale,
                b->dq + attention_at(a, &a->q, x->n, x->t0 + i, x->head));
}

static void backward_task(void *arg, int64_t task, int thread)
{
    const backward *b = arg;
    const attention *a = &b->a;
    const workspace w = workspace_of(b, thread);
    int64_t all = padded_width(a->width), group = attention_group(a);
    int64_t n = task / a->kv_heads, kv_head = task % a->kv_heads;
    memset(w.dk, 0, (size_t)(padded(a->s, KEYS) * all) * sizeof *w.dk);
    memset(w.dv, 0, (size_t)(padded(a->s, KEYS) * all) * sizeof *w.dv);
    for (int64_t h = kv_head * group; h < (kv_head + 1) * group; h++)
        for (int64_t t0 = 0; t0 < a->t; t0 += QUERIES)
            take_queries(b, &w, &(queries){n, h, t0, least(a->t - t0, QUERIES)});
    for (int64_t s = 0; s < a->s; s++) {
        int64_t at = s / KEYS * KEYS * all + s % KEYS * TILE_N;
        if (b->dk) put_row(a, w.dk + at, KEYS, 1, b->dk + attention_at(a, &a->k, n, s, kv_head));
        if (b->dv) put_row(a, w.dv + at, KEYS, 1, b->dv + attention_at(a, &a->v, n, s, kv_head));
    }
}

static void run(const snug_call *c, backward *b)
{
    b->dy = c->in[0].data, b->y = c->in[1].data, b->lse = c->in[2].data;
    b->scratch = c->scratch;
    snug_parallel(c->queue, b->a.n * b->a.kv_heads, backward_task, b);
}

static void k_attention_grad_f32(const snug_call *c)
{
    backward b = {.q = c->in[3].data, .k = c->in[4].data, .v = c->in[5].data};
    b.a = attention_apart(c->attrs, c->in, 3, c->n_in);
    b.dq = c->out[0].data, b.dk = c->out[1].data, b.dv = c->out[2].data;
    run(c, &b);
}

static void k_self_attention_grad_f32(const snug_call *c)
{
    backward b = {.q = c->in[3].data, .k = c->in[3].data, .v = c->in[3].data};
    b.a = attention_packed(c->attrs, c->in, 3, c->n_in);
    b.dq = b.dk = b.dv = c->out[0].data;
    run(c, &b);
}

static size_t apart_scratch(const snug_sig *s, int threads)
{
    const snug_attention_attrs *attrs = s->attrs;
    int64_t width = s->in[0].shape.dim[2] / attrs->heads, n_keys = s->in[4].shape.dim[1];
    return (size_t)(threads * workspace_floats(width, n_keys)) * sizeof(float);
}

static size_t packed_scratch(const snug_sig *s, int threads)
{
    const snug_attention_attrs *attrs = s->attrs;
    int64_t width = s->in[0].shape.dim[2] / attrs->heads, n_keys = s->in[3].shape.dim[1];
    return (size_t)(threads * workspace_floats(width, n_keys)) * sizeof(float);
}

KERNEL_TABLE(attention_grad) = {
    {.op = "attention_grad",
     .name = "k_attention_grad_f32",
     .scratch = apart_scratch,
     .run = k_attention_grad_f32},
    {.op = "self_attention_grad",
     .name = "k_self_attention_grad_f32",
     .scratch = packed_scratch,
     .run = k_self_attention_grad_f32},
    {0},
};
