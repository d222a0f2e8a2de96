/* SPDX-License-Identifier: Apache-2.0 */
/* How recurrent kernels walk the steps of a sequence. Samples are cut into groups; one task walks
 * all steps of one group, so that threads meet once a call and not once a step. Each step is a
 * product of the group's rows with the recurrent weights, which are packed once, and then a cell
 * for each sample that still has a step. A single sample's product goes straight from the weights,
 * its columns by threads. Rows do not see each other, and an element of the product is one chain in
 * the order of k: bits depend neither on groups nor on threads.
 *
 * The k-th step walked is step k of a sample, or, in reverse, step length - 1 - k: samples begin
 * together and end apart. */
#ifndef KERNELS_CPU_WALK_H
#define KERNELS_CPU_WALK_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/tile.h"
#include "kernels/cpu/vmath.h"
#include "ops/recurrent.h"

#define WALK_ROWS       48 /* samples of a group at most: a strip of weights then serves four tiles */
#define WALK_STATES     2     /* vectors of H that a sample carries beside the product's input */
#define WALK_VECTORS    8     /* of columns that one row is multiplied with at a time */
#define WALK_SERIAL     50000 /* multiply-adds below which waking threads costs more than the work */
#define WALK_ROW_SERIAL 40000 /* likewise, of a step of one row: threads are awake then */

typedef struct walk walk;

/* Samples [first, first + n) and their buffers, rows `ld` apart. */
typedef struct walk_group {
    const walk *w;
    int64_t first, n, longest;
    int64_t length[WALK_ROWS];
    float *a, *p;              /* what is multiplied, [n][w->k]; the product, [n][w->columns] */
    float *state[WALK_STATES]; /* [n][H] */
} walk_group;

/* One sample's step: row i of the group, `row` its place in [N, T], `before` that of the step
 * walked before it, or -1. */
typedef struct walk_at {
    int64_t i, row, before;
} walk_at;

struct walk {
    const snug_call *call;
    recurrent r;
    int64_t k, columns;
    bool backward; /* from the last step to the first; the product is with w_hh^T */
    bool edge;     /* the product before the first step is wanted: with h0, or for dh0 */
    void (*cell)(const walk_group *g, const walk_at *at);
    int64_t rows, n_groups;
    int64_t lda, ldp, lds;
    float *packed, *own;
    size_t own_floats;
};

static inline int64_t walk_round(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Sizes for up to this many samples; rows of the buffers lie on different sets of the cache. */
static inline void walk_sizes(walk *w, int64_t samples)
{
    w->lda = walk_round(w->k, 16) + 16, w->ldp = walk_round(w->columns, 16) + 16;
    w->lds = walk_round(w->r.h, 16) + 16;
    w->rows = samples < WALK_ROWS ? walk_round(samples + !samples, TILE_STEP) : WALK_ROWS;
    w->own_floats = (size_t)(w->rows * (w->lda + w->ldp + WALK_STATES * w->lds));
}

/* The product of a step: [k] to [columns]. */
static inline walk walk_of(const recurrent *r, bool backward)
{
    return (walk){.r = *r,
                  .k = backward ? r->wide : r->h,
                  .columns = backward ? r->h : r->wide,
                  .backward = backward};
}

static inline size_t walk_scratch(const recurrent_form *form, const snug_sig *sig, bool backward,
                                  int threads)
{
    const snug_shape *s = &sig->in[0].shape;
    recurrent r = {.wide = s->dim[2], .h = s->dim[2] / form->n_gates};
    walk w = walk_of(&r, backward);
    walk_sizes(&w, s->dim[0]);
    int64_t packed = walk_round(walk_round(w.columns, VLEN) * w.k, 16);
    return ((size_t)packed + w.own_floats * (size_t)threads) * sizeof(float);
}

/* ---- the product -------------------------------------------------------------------------------
 */

static inline void walk_pack_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const walk *w = arg;
    int64_t i0 = task * TILE_N, left = w->columns - i0;
    const float *from = w->call->in[1].data;
    gemm_block b = {.ni = left < TILE_N ? left : TILE_N, .nk = w->k, .out = w->packed + i0 * w->k};
    if (w->backward)
        gemm_pack_bt(&b, from + i0 * w->k, w->k, 0, w->k);
    else
        gemm_pack_b(&b, from + i0, w->columns);
}

static inline void walk_product(const walk_group *g)
{
    const walk *w = g->w;
    for (int64_t s = 0; s * TILE_N < w->columns; s++) {
        int64_t offset;
        int nv = gemm_strip(w->columns, w->k, s, &offset);
        tile_run run = {.b = w->packed + offset, .b_step = nv * VLEN, .n = w->k, .runs = 1};
        run.a_row = w->lda, run.out_ld = w->ldp;
        for (int64_t i = 0; i < g->n; i += TILE_M) {
            run.a = g->a + i * w->lda, run.out = g->p + i * w->ldp + s * TILE_N;
            tile_of(TILE_STRIDED, g->n - i, nv)(&run);
        }
    }
}

/* ---- the product of one row --------------------------------------------------------------------
 */

/* Forward steps of one sample read every weight once each, where it is. */
static inline bool walk_one_row(const walk *w)
{
    return w->r.n == 1 && !w->backward;
}

/* nv vectors of columns from j on, as many as have chains of additions that hide each other. */
ALWAYS_INLINE void walk_columns(const walk_group *g, int64_t j, int nv, int lanes)
{
    const walk *w = g->w;
    const float *b = (const float *)w->call->in[1].data + j;
    vf sum[WALK_VECTORS];
    UNROLL for (int v = 0; v < nv; v++) sum[v] = vzero();
    for (int64_t k = 0; k < w->k; k++, b += w->columns) {
        const vf a = vset1(g->a[k]);
        UNROLL for (int v = 0; v < nv; v++)
        {
            sum[v] = vfma(a, vload_upto(b + v * VLEN, lanes), sum[v]);
        }
    }
    UNROLL for (int v = 0; v < nv; v++) vstore(g->p + j + v * VLEN, sum[v]);
}

typedef struct walk_row_job {
    const walk_group *g;
} walk_row_job;

static inline void walk_row_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const walk_group *g = ((const walk_row_job *)arg)->g;
    const int64_t n = g->w->columns;
    int64_t j = task * WALK_VECTORS * VLEN, end = j + WALK_VECTORS * VLEN;
    if (end <= n) walk_columns(g, j, WALK_VECTORS, VLEN);
    for (; end > n && j < n; j += VLEN) walk_columns(g, j, 1, vlanes(j, n));
}

/* Its columns are worth several threads, each of which then keeps its weights near, when a step
 * takes longer than they need to meet. */
static inline void walk_row_product(const walk_group *g)
{
    const walk *w = g->w;
    walk_row_job job = {g};
    const int64_t tasks = (w->columns + WALK_VECTORS * VLEN - 1) / (WALK_VECTORS * VLEN);
    if (w->k * w->columns >= WALK_ROW_SERIAL)
        snug_parallel(w->call->queue, tasks, walk_row_task, &job);
    else
        for (int64_t i = 0; i < tasks; i++) walk_row_task(&job, i, 0);
}

/* ---- groups ------------------------------------------------------------------------------------
 */

/* Sample i of the group starts from a given state, or from 0. */
static inline void walk_begin(const walk_group *g, float *rows, int64_t ld, const snug_tensor *from)
{
    int64_t h = g->w->r.h;
    for (int64_t i = 0; i < g->n && from; i++)
        gemm_copy(rows + i * ld, (const float *)from->data + (g->first + i) * h, h);
}

/* Where the group's rows are in a result of [N, H] that may not be wanted. */
static inline void walk_end(const walk_group *g, const float *rows, int64_t ld,
                            const snug_tensor *to)
{
    int64_t h = g->w->r.h;
    for (int64_t i = 0; i < g->n && to->data; i++)
        gemm_copy((float *)to->data + (g->first + i) * h, rows + i * ld, h);
}

static inline walk_at walk_place(const walk_group *g, int64_t i, int64_t k)
{
    const recurrent *r = &g->w->r;
    int64_t row = (g->first + i) * r->t, length = g->length[i];
    return (walk_at){i, row + recurrent_step(r, length, k),
                     k > 0 ? row + recurrent_step(r, length, k - 1) : -1};
}

static inline void walk_cells(const walk_group *g, int64_t k)
{
    for (int64_t i = 0; i < g->n; i++) {
        if (k >= g->length[i]) continue;
        walk_at at = walk_place(g, i, k);
        g->w->cell(g, &at);
    }
}

/* State 0 of samples that took the step goes on as what its cell left there plus the product. */
static inline void walk_add(const walk_group *g, int64_t k)
{
    const walk *w = g->w;
    for (int64_t i = 0; i < g->n; i++) {
        if (k >= g->length[i]) continue;
        float *to = g->state[0] + i * w->lds;
        for (int64_t j = 0; j < w->r.h; j += VLEN)
            vstore(to + j, vadd(vload(to + j), vload(g->p + i * w->ldp + j)));
    }
}

static inline void walk_steps(const walk_group *g)
{
    const walk *w = g->w;
    void (*const product)(const walk_group *) = walk_one_row(w) ? walk_row_product : walk_product;
    if (w->backward) {
        for (int64_t k = g->longest; k-- > 0;) {
            walk_cells(g, k);
            if (k == 0 && !w->edge) break;
            product(g);
            walk_add(g, k);
        }
        return;
    }
    for (int64_t k = 0; k < g->longest; k++) {
        if (k > 0 || w->edge) product(g); /* else it is the 0 that the buffer holds */
        walk_cells(g, k);
    }
}

/* Zeros into the steps of [N, T, wide] that the group's samples do not have. */
static inline void walk_blank(const walk_group *g, const snug_tensor *out)
{
    int64_t wide = out->type.shape.dim[2];
    for (int64_t i = 0; i < g->n && out->data; i++)
        gemm_zero((float *)out->data + ((g->first + i) * g->w->r.t + g->length[i]) * wide,
                  (g->w->r.t - g->length[i]) * wide);
}

/* The group that a task walks, its buffers zero. */
static inline walk_group walk_open(const walk *w, int64_t task, int thread)
{
    float *own = w->own + (size_t)thread * w->own_floats;
    walk_group g = {.w = w, .first = task * w->rows};
    g.n = w->r.n - g.first < w->rows ? w->r.n - g.first : w->rows;
    gemm_zero(own, (int64_t)w->own_floats);
    g.a = own, g.p = g.a + w->rows * w->lda;
    g.state[0] = g.p + w->rows * w->ldp, g.state[1] = g.state[0] + w->rows * w->lds;
    for (int64_t i = 0; i < g.n; i++) {
        g.length[i] = recurrent_length(&w->r, g.first + i);
        if (g.length[i] > g.longest) g.longest = g.length[i];
    }
    return g;
}

/* Groups of one size for all threads, none larger than buffers were made for. */
static inline void walk_cut(walk *w, int threads)
{
    int64_t n = (w->r.n + w->rows - 1) / w->rows;
    n = walk_round(n, threads);
    w->rows = walk_round((w->r.n + n - 1) / n, TILE_STEP);
    w->n_groups = (w->r.n + w->rows - 1) / w->rows;
}

/* fn(w, group, thread) for every group. */
static inline void walk_run(walk *w, const snug_call *call, void (*fn)(void *, int64_t, int))
{
    int threads = snug_queue_threads(call->queue);
    if (w->r.n == 0) return;
    w->call = call;
    walk_sizes(w, w->r.n);
    w->packed = call->scratch;
    w->own = w->packed + walk_round(walk_round(w->columns, VLEN) * w->k, 16);
    walk_cut(w, threads);
    int64_t strips = walk_one_row(w) ? 0 : (w->columns + TILE_N - 1) / TILE_N;
    if (w->r.n * w->r.t * w->k * w->columns >= WALK_SERIAL) {
        snug_parallel(call->queue, strips, walk_pack_task, w);
        snug_parallel(call->queue, w->n_groups, fn, w);
        return;
    }
    for (int64_t s = 0; s < strips; s++) walk_pack_task(w, s, 0);
    for (int64_t g = 0; g < w->n_groups; g++) fn(w, g, 0);
}

/* Row `row` of [N, T, wide] of a tensor, or NULL where it is not wanted. */
static inline float *walk_row(const snug_tensor *t, int64_t row, int64_t wide)
{
    return t && t->data ? (float *)t->data + row * wide : NULL;
}

/* ---- slopes of what cells end in, from their results ----------------------------------------- */

static inline vf sigmoid_slope(vf a)
{
    return vmul(a, vsub(vset1(1), a));
}

static inline vf tanh_slope(vf a)
{
    return vsub(vset1(1), vmul(a, a));
}

#endif
