/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of few filters for planes.h: a task is a band of grid rows of a sample; a tile is
 * all filters of a few vectors of adjacent windows, whose sums are chains in the order of k. */
#include "kernels/cpu/planes.h"
#include "kernels/cpu/activate.h"
#include <assert.h>

/* Heights of tiles; vectors across. */
#define STEP      ((PLANES_MOST + 3) / 4)
#define HEIGHT(i) ((i)*STEP < PLANES_MOST ? (i)*STEP : PLANES_MOST)
#define REGISTERS (VLEN == 8 ? 16 : 32) /* for sums, windows and a weight */
#define ACROSS    4
#define WIDTH(i)  ((HEIGHT(i) + 1) * ACROSS + 1 <= REGISTERS ? ACROSS : 3)

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
    return d->p.lines * d->p.line + ACROSS * VLEN * PLANES_MOST + planes_copy_floats(&d->p);
}

bool planes_suits(const gemm *g, const windows *v)
{
    return g->groups == 1 && planes_suit(v, g->n);
}

size_t planes_scratch(const gemm *g, const windows *v, int threads)
{
    const plan d = plan_of(g, v);
    return (size_t)(own_floats(&d) * threads + g->k * VLEN) * sizeof(float) +
           (size_t)round_up(g->k, 8) * sizeof(int64_t);
}

/* ---- tiles -------------------------------------------------------------------------------------
 */

/* Filters of one vector of windows at each x. */
ALWAYS_INLINE void tile_any(const plan *d, const float *const x[ACROSS], float *out, int mr, int nv)
{
    vf c[PLANES_MOST][ACROSS];
    const float *w = d->w;
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] = vzero();
    for (int64_t k = 0; k < d->g->k; k++, w += PLANES_MOST) {
        const int64_t at = d->at[k];
        vf b[ACROSS];
        UNROLL for (int v = 0; v < nv; v++) b[v] = vload(x[v] + at);
        UNROLL for (int i = 0; i < mr; i++)
        {
            const vf a = vset1(w[i]);
            UNROLL for (int v = 0; v < nv; v++) c[i][v] = vfma(a, b[v], c[i][v]);
        }
    }
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++)
        vstore(out + (v * PLANES_MOST + i) * VLEN, c[i][v]);
}

typedef void (*tile_fn)(const plan *, const float *const *, float *);

/* clang-format off */
static void tile_1(const plan *d, const float *const *x, float *out) { tile_any(d, x, out, HEIGHT(1), WIDTH(1)); }
static void tile_2(const plan *d, const float *const *x, float *out) { tile_any(d, x, out, HEIGHT(2), WIDTH(2)); }
static void tile_3(const plan *d, const float *const *x, float *out) { tile_any(d, x, out, HEIGHT(3), WIDTH(3)); }
static void tile_4(const plan *d, const float *const *x, float *out) { tile_any(d, x, out, HEIGHT(4), WIDTH(4)); }
/* clang-format on */

static const tile_fn tiles[] = {tile_1, tile_2, tile_3, tile_4}; /* by height in steps less one */

/* VLEN windows of a tile, `lanes` of them real, through bias and activation to rows of C. */
static void store(const gemm *g, const float *sums, int lanes, float *to, int64_t ld)
{
    const int n = (int)g->n;
    vf r[PLANES_MOST];
    if (n == 1 && ld == 1 && !g->bias) {
        vstore_n(to, vactivate(g->act, vload(sums)), lanes);
        return;
    }
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
        vstore2(to + i * ld, i < lanes ? n : 0, to + other * ld, other < lanes ? n : 0, r[i]);
    }
}

/* ---- tasks -------------------------------------------------------------------------------------
 */

/* Row i of C and how far the next of the same grid row is. */
static float *row_of(const gemm *g, int64_t i, int64_t *ld)
{
    float *rows[2];
    *ld = g->ldc;
    if (!g->rows) return g->c + i * g->ldc;
    g->rows(g, 0, i, 2, rows);
    *ld = rows[1] - rows[0];
    return rows[0];
}

static void band_task(void *arg, int64_t task, int thread)
{
    const plan *d = arg;
    const planes *p = &d->p;
    const windows *v = p->v;
    float *band = d->own + own_floats(d) * thread, *sums = band + p->lines * p->line;
    const int64_t sample = task / p->bands, gy = task % p->bands * p->rows;
    const int64_t rows = v->grid_h - gy < p->rows ? v->grid_h - gy : p->rows;
    const int64_t steps = (d->g->n + STEP - 1) / STEP, across = WIDTH(steps);
    const int64_t vectors = p->width / VLEN, all = rows * vectors;
    planes_band(p, sample, gy, rows, sums + ACROSS * VLEN * PLANES_MOST, band);
    for (int64_t j = 0; j < all; j += across) {
        const float *x[ACROSS];
        for (int64_t i = 0; i < across; i++) {
            const int64_t at = j + i < all ? j + i : j;
            x[i] = band + at / vectors * v->stride_h * p->line + at % vectors * VLEN;
        }
        tiles[steps - 1](d, x, sums);
        for (int64_t i = 0; i < across && j + i < all; i++) {
            const int64_t r = gy + (j + i) / vectors, column = (j + i) % vectors * VLEN;
            int64_t ld;
            float *to = row_of(d->g, (sample * v->grid_h + r) * v->grid_w, &ld) + column * ld;
            store(d->g, sums + i * PLANES_MOST * VLEN, vlanes(column, v->grid_w), to, ld);
        }
    }
}

void planes_run(const gemm *g, const windows *v, const snug_call *call)
{
    plan d = plan_of(g, v);
    const int threads = snug_queue_threads(call->queue);
    assert(planes_scratch(g, v, threads) <= call->scratch_bytes);
    d.at = call->scratch;
    d.w = (float *)(d.at + round_up(g->k, 8));
    d.own = d.w + g->k * VLEN;
    g->pack_b(g, &(gemm_block){.ni = g->n, .nk = g->k, .out = d.w});
    planes_places(&d.p, d.at);
    for (int64_t k = 0; k < g->k; k++)
        for (int64_t i = 0; i < PLANES_MOST; i++) d.w[k * PLANES_MOST + i] = d.w[k * VLEN + i];
    const int64_t samples = g->m / (v->grid_h * v->grid_w);
    gemm_parallel(g, call->queue, samples * d.p.bands, band_task, &d);
}
