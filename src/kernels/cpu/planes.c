/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of few filters for planes.h: a task is a band of grid rows of a sample; a tile is
 * all filters of up to two vectors of adjacent windows, whose sums are chains in the order of k. */
#include "kernels/cpu/planes.h"
#include "kernels/cpu/activate.h"
#include <assert.h>

/* Heights of tiles. */
#define STEP      ((PLANES_MOST + 3) / 4)
#define HEIGHT(i) ((i)*STEP < PLANES_MOST ? (i)*STEP : PLANES_MOST)

typedef struct plan {
    const gemm *g;
    planes p;
    float *own, *w; /* weights [k][PLANES_MOST] */
    int64_t *at;    /* of every k: the place's first window */
} plan;

static plan plan_of(const gemm *g, const windows *v)
{
    return (plan){.g = g, .p = planes_of(v)};
}

static int64_t own_floats(const plan *d)
{
    return d->p.lines * d->p.line + 2 * VLEN * PLANES_MOST;
}

bool planes_suits(const gemm *g, const windows *v)
{
    return g->groups == 1 && !g->rows && planes_suit(v, g->n);
}

size_t planes_scratch(const gemm *g, const windows *v, int threads)
{
    const plan d = plan_of(g, v);
    return (size_t)(own_floats(&d) * threads + g->k * PLANES_MOST) * sizeof(float) +
           (size_t)g->k * sizeof(int64_t);
}

/* ---- tiles -------------------------------------------------------------------------------------
 */

ALWAYS_INLINE void tile_any(const plan *d, const float *x, float *out, int mr, int nv)
{
    vf c[PLANES_MOST][2];
    const float *w = d->w;
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] = vzero();
    for (int64_t k = 0; k < d->g->k; k++, w += PLANES_MOST) {
        const float *at = x + d->at[k];
        vf b[2];
        UNROLL for (int v = 0; v < nv; v++) b[v] = vload(at + v * VLEN);
        UNROLL for (int i = 0; i < mr; i++)
        {
            const vf a = vset1(w[i]);
            UNROLL for (int v = 0; v < nv; v++) c[i][v] = vfma(a, b[v], c[i][v]);
        }
    }
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++)
        vstore(out + (v * PLANES_MOST + i) * VLEN, c[i][v]);
}

typedef void (*tile_fn)(const plan *, const float *, float *);

/* clang-format off */
static void tile_1v1(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(1), 1); }
static void tile_2v1(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(2), 1); }
static void tile_3v1(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(3), 1); }
static void tile_4v1(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(4), 1); }
static void tile_1v2(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(1), 2); }
static void tile_2v2(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(2), 2); }
static void tile_3v2(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(3), 2); }
static void tile_4v2(const plan *d, const float *x, float *out) { tile_any(d, x, out, HEIGHT(4), 2); }
/* clang-format on */

/* By height in steps less one, vectors less one. */
static const tile_fn tiles[4][2] = {
    {tile_1v1, tile_1v2}, {tile_2v1, tile_2v2}, {tile_3v1, tile_3v2}, {tile_4v1, tile_4v2}};

/* VLEN windows of a tile, `lanes` of them real, through bias and activation to C's rows. */
static void store(const gemm *g, const float *sums, int lanes, float *to)
{
    const int n = (int)g->n;
    vf r[PLANES_MOST];
    UNROLL for (int i = 0; i < PLANES_MOST; i++)
    {
        r[i] = i < n ? vload(sums + i * VLEN) : vzero();
        if (g->bias && i < n) r[i] = vadd(r[i], vset1(g->bias[i]));
        if (g->act != ACT_NONE && i < n) r[i] = vactivate(g->act, r[i]);
    }
    vtranspose2(r);
    UNROLL for (int i = 0; i < PLANES_MOST; i++)
    {
        const int other = i + PLANES_MOST;
        vstore2(to + i * g->ldc, i < lanes ? n : 0, to + other * g->ldc, other < lanes ? n : 0,
                r[i]);
    }
}

/* ---- tasks -------------------------------------------------------------------------------------
 */

static void band_task(void *arg, int64_t task, int thread)
{
    const plan *d = arg;
    const planes *p = &d->p;
    const windows *v = p->v;
    float *band = d->own + own_floats(d) * thread, *sums = band + p->lines * p->line;
    const int64_t sample = task / p->bands, gy = task % p->bands * p->rows;
    const int64_t rows = v->grid_h - gy < p->rows ? v->grid_h - gy : p->rows;
    const tile_fn *tile = tiles[(d->g->n + STEP - 1) / STEP - 1];
    planes_band(p, sample, gy, rows, band);
    for (int64_t r = 0; r < rows; r++) {
        float *to = d->g->c + (sample * v->grid_h + gy + r) * v->grid_w * d->g->ldc;
        for (int64_t x = 0; x < v->grid_w; x += 2 * VLEN) {
            const int nv = v->grid_w - x > VLEN ? 2 : 1;
            tile[nv - 1](d, band + r * v->stride_h * p->line + x, sums);
            for (int i = 0; i < nv; i++)
                store(d->g, sums + i * PLANES_MOST * VLEN, vlanes(x + i * VLEN, v->grid_w),
                      to + (x + i * VLEN) * d->g->ldc);
        }
    }
}

void planes_run(const gemm *g, const windows *v, const snug_call *call)
{
    plan d = plan_of(g, v);
    const int threads = snug_queue_threads(call->queue);
    assert(planes_scratch(g, v, threads) <= call->scratch_bytes);
    d.at = call->scratch;
    d.w = (float *)(d.at + g->k);
    d.own = d.w + g->k * PLANES_MOST;
    for (int64_t k = 0; k < g->k; k++) {
        d.at[k] = planes_place(&d.p, k);
        for (int64_t i = 0; i < PLANES_MOST; i++)
            d.w[k * PLANES_MOST + i] = i < g->n ? g->b[k * g->ldb + i] : 0;
    }
    const int64_t samples = g->m / (v->grid_h * v->grid_w);
    gemm_parallel(g, call->queue, samples * d.p.bands, band_task, &d);
}
