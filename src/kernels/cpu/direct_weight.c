/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of convolution weights for direct.h. Rows of C are places (ky, kx, c) of a window, k
 * counts the windows of the batch. A task has places of one row of the window (of one pixel, where
 * the pixels of a row lie apart), a strip of columns and an aligned group of leaf slots; it copies
 * the image rows which that row or pixel meets, a padded band at a time, in which adjacent places
 * are adjacent floats and the windows of a grid row a fixed distance apart. */
#include "kernels/cpu/direct.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define BAND_PIXELS 256 /* windows of a band, about */
#define BAND_BYTES  ((int64_t)256 << 10)
#define RUN_TILES   8 /* of a task, one below the other */
#define RUN_PLACES  (RUN_TILES * TILE_M)

typedef struct direct {
    const gemm *g;
    const windows *v;
    const float *b; /* [windows][ldb], of all groups */
    int64_t samples, leaf_samples, leaves;
    int64_t rows, line, floats;   /* grid rows of a band; floats of its line; of all its lines */
    int64_t pixels, taps;         /* adjacent pixels of the window, and how many such there are */
    int64_t places, runs, strips; /* places of a tap; runs and strips they and the columns give */
    int64_t parts, depth;         /* groups of leaf slots; partials on a tile's stack */
    float *part, *own;
} direct;

/* What a task works on. */
typedef struct share {
    const direct *d;
    int64_t group, tap, i0, ni, j0; /* places [i0, i0 + ni) of tap; columns from j0 */
    int64_t slot0, slot1;
    int nv;
    float *band, *packed, *acc;
} share;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static direct direct_of(const gemm *g, const windows *v)
{
    direct d = {.g = g, .v = v, .parts = 1, .leaves = g->leaves ? g->leaves : 1};
    int64_t area = v->grid_h * v->grid_w;
    d.samples = g->k / area;
    d.leaf_samples = g->leaves ? g->leaf_k / area : d.samples;
    d.rows = min64(ceil_div(BAND_PIXELS, v->grid_w), v->grid_h);
    d.pixels = v->dilation_w == 1 ? v->kw : 1;
    d.taps = v->kh * v->kw / d.pixels;
    d.line = ((v->grid_w - 1) * v->stride_w + d.pixels) * v->cg;
    d.floats = (d.rows * d.line + RUN_PLACES + 2 * VLEN + 15) / 16 * 16;
    d.places = d.pixels * v->cg;
    d.runs = ceil_div(d.places, RUN_PLACES);
    d.strips = ceil_div(g->n, TILE_N);
    while (g->groups * d.taps * d.runs * d.strips * d.parts < GEMM_TASKS && d.parts < GEMM_PARTS &&
           d.parts < d.leaves)
        d.parts *= 2;
    d.depth = snug_leaf_depth(d.leaves);
    return d;
}

bool direct_weight_suits(const gemm *g, const windows *v)
{
    return v->grid_h > 0 && v->grid_w > 0 && direct_of(g, v).floats * 4 <= BAND_BYTES;
}

static int64_t packed_floats(const direct *d)
{
    return d->rows * d->v->grid_w * TILE_N;
}

static int64_t own_floats(const direct *d)
{
    return d->floats + packed_floats(d) + RUN_TILES * d->depth * TILE_SIZE;
}

size_t direct_weight_scratch(const gemm *g, const windows *v, int threads)
{
    direct d = direct_of(g, v);
    int64_t parts = d.parts > 1 ? d.parts * g->groups * g->m * g->n : 0;
    return (size_t)(own_floats(&d) * threads + parts) * sizeof(float);
}

/* The image rows that grid rows [gy, gy + rows) meet at the tap. */
static void copy_band(const share *s, int64_t sample, int64_t gy, int64_t rows)
{
    windows v = *s->d->v;
    int64_t pixel = s->tap * s->d->pixels, ky = pixel / v.kw;
    int64_t y = gy * v.stride_h - v.top + ky * v.dilation_h;
    v.left -= pixel % v.kw * v.dilation_w;
    for (int64_t r = 0; r < rows; r++, y += v.stride_h)
        window_line(&v, s->group, sample, y, s->d->line, s->band + r * s->d->line);
    window_zero(s->band + rows * s->d->line, RUN_PLACES);
}

/* Columns of b for n windows from `first` on: b itself where whole vectors can be read. */
static const float *columns_of(const share *s, int64_t first, int64_t n, int64_t *step)
{
    const direct *d = s->d;
    int64_t ld = d->g->groups * d->g->n, left = d->g->n - s->j0;
    const float *from = d->b + first * ld + s->group * d->g->n + s->j0;
    *step = ld;
    if (left >= s->nv * VLEN) return from;
    *step = s->nv * VLEN;
    for (int64_t k = 0; k < n; k++)
        for (int x = 0; x < s->nv; x++)
            vstore(s->packed + k * *step + x * VLEN,
                   vload_n(from + k * ld + x * VLEN, vlanes(x * VLEN, left)));
    return s->packed;
}

static void run_tiles(const share *s, tile_run run, int64_t level)
{
    const float *a = run.a;
    for (int64_t i = 0, tile = 0; i < s->ni; i += TILE_M, tile++) {
        run.a = a + i;
        run.acc = s->acc + (tile * s->d->depth + level) * TILE_SIZE;
        tile_of(TILE_BY_K, s->ni - i, s->nv)(&run);
    }
}

/* One leaf slot: a chain over its samples, then its merges. */
static void run_slot(const share *s, int64_t slot)
{
    const direct *d = s->d;
    const windows *v = d->v;
    int64_t number = slot - s->slot0, level = __builtin_popcountll((unsigned long long)number);
    int64_t begin = min64(slot * d->leaf_samples, d->samples);
    int64_t end = min64(begin + d->leaf_samples, d->samples);
    int merges = snug_leaf_merges(number);
    tile_run run = {.a = s->band + s->i0, .b = s->band, .merges = merges};
    if (begin == end) run_tiles(s, run, level);
    for (int64_t n = begin; n < end; n++) {
        for (int64_t gy = 0; gy < v->grid_h; gy += d->rows) {
            int64_t rows = min64(d->rows, v->grid_h - gy);
            copy_band(s, n, gy, rows);
            run.b = columns_of(s, (n * v->grid_h + gy) * v->grid_w, rows * v->grid_w, &run.b_step);
            run.a_step = v->stride_w * v->cg;
            run.n = v->grid_w, run.runs = rows;
            run.a_skip = d->line - v->grid_w * run.a_step;
            run.carry = n > begin || gy > 0;
            run.merges = n + 1 == end && gy + rows == v->grid_h ? merges : 0;
            run_tiles(s, run, level);
        }
    }
}

static void finish_tiles(const share *s, int64_t part)
{
    const direct *d = s->d;
    const gemm *g = d->g;
    for (int64_t i = 0, tile = 0; i < s->ni; i += TILE_M, tile++) {
        gemm_tile t = {s->acc + tile * d->depth * TILE_SIZE,
                       s->group,
                       s->tap * d->places + s->i0 + i,
                       min64(TILE_M, s->ni - i),
                       s->j0,
                       s->nv};
        if (d->parts == 1)
            gemm_store(g, &t);
        else
            gemm_store_part(g, &t, d->part + part * g->groups * g->m * g->n);
    }
}

static void share_task(void *arg, int64_t task, int thread)
{
    const direct *d = arg;
    share s = {.d = d, .band = d->own + thread * own_floats(d)};
    s.packed = s.band + d->floats;
    s.acc = s.packed + packed_floats(d);
    s.tap = task % d->taps, task /= d->taps;
    s.i0 = task % d->runs * RUN_PLACES, task /= d->runs;
    s.j0 = task % d->strips * TILE_N, task /= d->strips;
    int64_t part = task % d->parts, slots = d->leaves / d->parts;
    s.group = task / d->parts;
    s.ni = min64(RUN_PLACES, d->places - s.i0);
    s.nv = (int)min64(TILE_V, ceil_div(d->g->n - s.j0, VLEN));
    s.slot0 = part * slots, s.slot1 = s.slot0 + slots;
    for (int64_t slot = s.slot0; slot < s.slot1; slot++) run_slot(&s, slot);
    finish_tiles(&s, part);
}

void direct_weight_run(const gemm *g, const windows *v, const snug_call *call)
{
    direct d = direct_of(g, v);
    int threads = snug_queue_threads(call->queue);
    assert(direct_weight_scratch(g, v, threads) <= call->scratch_bytes);
    d.b = call->in[1].data;
    d.own = call->scratch;
    d.part = d.own + own_floats(&d) * threads;
    gemm_parallel(g, call->queue, g->groups * d.parts * d.strips * d.runs * d.taps, share_task, &d);
    if (d.parts > 1) gemm_combine(g, call->queue, d.part, d.parts);
}
