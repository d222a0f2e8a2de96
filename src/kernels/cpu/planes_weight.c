/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of the weights of few filters for planes.h: products of a vector of adjacent pixels of
 * a plane of x with the same of a plane of dy are summed by lane over the samples of a leaf slot,
 * then across lanes; slots are combined by the tree of leaves. A task is an aligned group of leaf
 * slots and some places of the window. */
#include "kernels/cpu/planes.h"
#include "kernels/cpu/spans.h"
#include <assert.h>

/* The register tile: places by filters; a vector register each. */
#if defined(SNUG_AVX512)
#define DOT_PLACES  4
#define DOT_FILTERS 6
#else
#define DOT_PLACES  2
#define DOT_FILTERS 4
#endif
#define DOT_TASKS 2 /* wanted by several threads: each makes all planes */

typedef struct plan {
    const gemm *g;
    planes p;
    int64_t samples, leaf_samples, leaves, parts;
    int64_t dots, share, shares; /* tiles' heights in the window; of a task; tasks they make */
    int64_t depth;               /* partials on the stack of slots */
    int64_t band, dy, copy;      /* floats of the planes of x and dy; of a copied line */
    float *own, *part;
    int64_t *at; /* of every place of the window: the first window's */
} plan;

/* A task's share, and its buffers. */
typedef struct work {
    const plan *d;
    int64_t dot0, dot1;
    float *band, *dy, *copy, *acc,
        *stack; /* acc [places][filters][VLEN], stack [depth][places][n] */
} work;

static plan plan_of(const gemm *g, const windows *v, int threads)
{
    plan d = {.g = g, .p = planes_of(v), .parts = 1, .leaves = g->leaves ? g->leaves : 1};
    const int64_t area = v->grid_h * v->grid_w;
    d.samples = g->k / area;
    d.leaf_samples = g->leaves ? g->leaf_k / area : d.samples;
    while (d.parts < GEMM_PARTS && d.parts < d.leaves) d.parts *= 2;
    d.dots = (g->m + DOT_PLACES - 1) / DOT_PLACES;
    d.shares = threads > 1 ? min64(ceil_div(DOT_TASKS, d.parts), d.dots) : 1;
    d.share = (d.dots + d.shares - 1) / d.shares;
    d.depth = snug_leaf_depth(d.leaves / d.parts);
    d.band = d.p.lines * d.p.line;
    d.dy = d.p.rows * d.p.width * g->n;
    d.copy = planes_copy_floats(&d.p) + VLEN * (g->n + 2);
    return d;
}

static int64_t own_floats(const plan *d)
{
    const int64_t sums = d->share * DOT_PLACES * d->g->n * (VLEN + d->depth);
    return d->band + d->dy + d->copy + round_up(sums, 16);
}

bool planes_weight_suits(const gemm *g, const windows *v)
{
    return g->groups == 1 && planes_suit(v, g->n);
}

size_t planes_weight_scratch(const gemm *g, const windows *v, int threads)
{
    const plan d = plan_of(g, v, threads);
    const int64_t parts = d.parts > 1 ? d.parts * g->m * g->n : 0;
    return (size_t)(own_floats(&d) * threads + parts) * sizeof(float) +
           (size_t)round_up(g->m, 8) * sizeof *d.at;
}

/* ---- tiles -------------------------------------------------------------------------------------
 */

/* DOT_PLACES places over `rows` rows of planes. */
typedef struct dot_run {
    const float *x[DOT_PLACES], *dy;
    int64_t x_row, rows, width, dy_plane; /* floats from row to row; of a row; of a plane of dy */
    float *acc;                           /* [place][filters of the convolution][VLEN] */
    int64_t acc_place;
    bool carry;
} dot_run;

ALWAYS_INLINE void dot_any(const dot_run *t, int filters)
{
    vf c[DOT_PLACES][DOT_FILTERS];
    UNROLL for (int i = 0; i < DOT_PLACES; i++) UNROLL for (int f = 0; f < filters; f++) c[i][f] =
        t->carry ? vload(t->acc + i * t->acc_place + f * VLEN) : vzero();
    for (int64_t row = 0; row < t->rows; row++) {
        for (int64_t j = 0; j < t->width; j += VLEN) {
            vf x[DOT_PLACES];
            const float *dy = t->dy + row * t->width + j;
            UNROLL for (int i = 0; i < DOT_PLACES; i++) x[i] = vload(t->x[i] + row * t->x_row + j);
            UNROLL for (int f = 0; f < filters; f++)
            {
                const vf d = vload(dy + f * t->dy_plane);
                UNROLL for (int i = 0; i < DOT_PLACES; i++) c[i][f] = vfma(x[i], d, c[i][f]);
            }
        }
    }
    UNROLL for (int i = 0; i < DOT_PLACES; i++) UNROLL for (int f = 0; f < filters; f++)
        vstore(t->acc + i * t->acc_place + f * VLEN, c[i][f]);
}

/* clang-format off */
static void dot_1(const dot_run *t) { dot_any(t, 1); }
static void dot_2(const dot_run *t) { dot_any(t, 2); }
static void dot_3(const dot_run *t) { dot_any(t, 3); }
static void dot_4(const dot_run *t) { dot_any(t, 4); }
#if DOT_FILTERS > 4
static void dot_5(const dot_run *t) { dot_any(t, 5); }
static void dot_6(const dot_run *t) { dot_any(t, 6); }
#endif
/* clang-format on */

static void (*const dots[DOT_FILTERS])(const dot_run *) = {
    dot_1, dot_2, dot_3, dot_4,
#if DOT_FILTERS > 4
    dot_5, dot_6,
#endif
};

/* ---- slots -------------------------------------------------------------------------------------
 */

/* dy of grid rows [gy, gy + rows), a plane to a filter, zeros behind the last pixel of a row. */
static void copy_dy(const work *w, int64_t sample, int64_t gy, int64_t rows)
{
    const plan *d = w->d;
    const windows *v = d->p.v;
    const int64_t plane = d->p.rows * d->p.width, n = d->g->n;
    for (int64_t r = 0; r < rows; r++) {
        const float *from = d->g->b + (sample * v->grid_h + gy + r) * v->grid_w * n;
        planes_ask(from + v->grid_w * n, v->grid_w * n);
        float *to = w->dy + r * d->p.width;
        int64_t x = 0;
        for (; x + VLEN <= v->grid_w; x += VLEN) planes_few(from + x * n, n, (int)n, to + x, plane);
        if (x == v->grid_w) continue;
        gemm_copy(w->copy, from + x * n, (v->grid_w - x) * n);
        window_zero(w->copy + (v->grid_w - x) * n, (x + VLEN - v->grid_w) * n);
        planes_few(w->copy, n, (int)n, to + x, plane);
    }
}

static void run_band(const work *w, int64_t sample, int64_t gy, bool carry)
{
    const plan *d = w->d;
    const planes *p = &d->p;
    const int64_t rows = min64(p->rows, p->v->grid_h - gy), n = d->g->n;
    const int64_t wide = (n + DOT_FILTERS - 1) / DOT_FILTERS, most = (n + wide - 1) / wide;
    planes_band(p, sample, gy, rows, w->copy, w->band);
    copy_dy(w, sample, gy, rows);
    dot_run t = {.x_row = p->v->stride_h * p->line,
                 .rows = rows,
                 .width = p->width,
                 .dy_plane = p->rows * p->width,
                 .acc_place = n * VLEN,
                 .carry = carry};
    for (int64_t i = w->dot0; i < w->dot1; i++) {
        for (int64_t k = 0; k < DOT_PLACES; k++)
            t.x[k] = w->band + d->at[min64(i * DOT_PLACES + k, d->g->m - 1)];
        for (int64_t f = 0; f < n; f += most) {
            t.dy = w->dy + f * t.dy_plane;
            t.acc = w->acc + ((i - w->dot0) * DOT_PLACES * n + f) * VLEN;
            dots[min64(most, n - f) - 1](&t);
        }
    }
}

/* One leaf slot, onto the stack. */
static void run_slot(const work *w, int64_t slot, int64_t number)
{
    const plan *d = w->d;
    const int64_t begin = min64(slot * d->leaf_samples, d->samples);
    const int64_t end = min64(begin + d->leaf_samples, d->samples);
    const int64_t n = (w->dot1 - w->dot0) * DOT_PLACES * d->g->n;
    float *top = w->stack + __builtin_popcountll((unsigned long long)number) * n;
    for (int64_t s = begin; s < end; s++)
        for (int64_t gy = 0; gy < d->p.v->grid_h; gy += d->p.rows)
            run_band(w, s, gy, s > begin || gy > 0);
    for (int64_t i = 0; i < n; i++) top[i] = begin < end ? vsum(vload(w->acc + i * VLEN)) : 0;
    for (int m = snug_leaf_merges(number); m > 0; m--, top -= n)
        for (int64_t i = 0; i < n; i++) top[i - n] += top[i];
}

static void share_task(void *arg, int64_t task, int thread)
{
    const plan *d = arg;
    const gemm *g = d->g;
    const int64_t part = task / d->shares, slots = d->leaves / d->parts;
    work w = {.d = d, .band = d->own + own_floats(d) * thread};
    w.dot0 = task % d->shares * d->share;
    w.dot1 = min64(w.dot0 + d->share, d->dots);
    if (w.dot0 >= w.dot1) return;
    w.dy = w.band + d->band;
    w.copy = w.dy + d->dy;
    w.acc = w.copy + d->copy;
    w.stack = w.acc + d->share * DOT_PLACES * g->n * VLEN;
    for (int64_t i = 0; i < slots; i++) run_slot(&w, part * slots + i, i);
    for (int64_t i = w.dot0 * DOT_PLACES; i < min64(w.dot1 * DOT_PLACES, g->m); i++) {
        float *to = d->parts > 1 ? d->part + (part * g->m + i) * g->n : g->c + i * g->ldc;
        memcpy(to, w.stack + (i - w.dot0 * DOT_PLACES) * g->n, (size_t)g->n * sizeof *to);
    }
}

void planes_weight_run(const gemm *g, const windows *v, const snug_call *call)
{
    const int threads = snug_queue_threads(call->queue);
    plan d = plan_of(g, v, threads);
    assert(planes_weight_scratch(g, v, threads) <= call->scratch_bytes);
    d.at = call->scratch;
    d.own = (float *)(d.at + round_up(g->m, 8));
    planes_places(&d.p, d.at);
    d.part = d.own + own_floats(&d) * threads;
    gemm_parallel(g, call->queue, d.parts * d.shares, share_task, &d);
    if (d.parts > 1) gemm_combine(g, call->queue, d.part, d.parts);
}
