/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of convolution weights for winograd.h. A task has a block of channels, a block of
 * filters and an aligned group of leaf slots. For each slot it transforms the tiles of x and of dy,
 * a chunk at a time, and adds their products place by place; a slot's sum is transformed back
 * before it meets another's: only then is a sum of slots the same inside a call and outside. */
#include "kernels/cpu/tile.h"
#include "kernels/cpu/winograd.h"
#include <assert.h>

#define ROWS    64 /* channels of a task at most */
#define COLUMNS 32 /* filters */
#define STRIPS  (COLUMNS / TILE_N)
#define CHUNK   24 /* tiles: a chain of additions */
/* From tile to tile of x; from place to place of either and of the sums. */
#define X_ROW    (ROWS + 16)
#define X_PLANE  (CHUNK * X_ROW + 16)
#define Y_STRIP  (CHUNK * TILE_N)
#define Y_PLANE  (STRIPS * Y_STRIP + 16)
#define S_STRIP  (ROWS * TILE_N)
#define S_PLANE  (STRIPS * S_STRIP + 16)
#define DW_LEVEL (9 * STRIPS * S_STRIP) /* a partial of dw: [9][STRIPS][ROWS][TILE_N] */

typedef struct gradient {
    const gemm *g;
    const windows *v;
    windows dy;
    winograd_tiles grid;
    int64_t leaf_samples, leaves;
    int64_t row_blocks, column_blocks, parts, depth;
    int64_t zeros_floats;
    float *zeros, *part, *own;
} gradient;

/* What a task works on. */
typedef struct share {
    const gradient *d;
    int64_t c0, rows, f0, columns, slot0, slot1;
    float *x, *y, *sums, *stack;
} share;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static gradient gradient_of(const gemm *g, const windows *v)
{
    gradient d = {.g = g, .v = v, .parts = 1, .leaves = g->leaves ? g->leaves : 1};
    int64_t area = v->grid_h * v->grid_w, samples = g->k / area;
    d.dy = (windows){.h = v->grid_h, .w = v->grid_w, .c = g->n};
    d.grid = winograd_tiles_of(v, samples);
    d.leaf_samples = g->leaves ? g->leaf_k / area : samples;
    d.row_blocks = ceil_div(v->cg, ROWS);
    d.column_blocks = ceil_div(g->n, COLUMNS);
    while (d.row_blocks * d.column_blocks * d.parts < GEMM_TASKS && d.parts < GEMM_PARTS &&
           d.parts < d.leaves)
        d.parts *= 2;
    d.depth = snug_leaf_depth(d.leaves / d.parts);
    d.zeros_floats = ((v->cg > g->n ? v->cg : g->n) + 2 * VLEN + 15) / 16 * 16;
    return d;
}

static int64_t own_floats(const gradient *d)
{
    return WINOGRAD_PLACES * (X_PLANE + Y_PLANE + S_PLANE) + TILE_SIZE + d->depth * DW_LEVEL;
}

size_t winograd_weight_scratch(const gemm *g, const windows *v, int threads)
{
    gradient d = gradient_of(g, v);
    int64_t parts = d.parts > 1 ? d.parts * g->m * g->n : 0;
    return (size_t)(d.zeros_floats + own_floats(&d) * threads + parts) * sizeof(float);
}

/* Vectors across strip i of the task. */
static int strip_vectors(const share *s, int64_t i)
{
    return (int)min64(TILE_V, ceil_div(s->columns - i * TILE_N, VLEN));
}

/* ---- a chunk of tiles --------------------------------------------------------------------------
 */

/* A y A^T of VLEN filters from f on. */
ALWAYS_INLINE void slope_tile(const float *const *pixels, int64_t f, int lanes, float *to)
{
    vf half[6][4], y[4], z[6];
    for (int j = 0; j < 4; j++) {
        for (int i = 0; i < 4; i++)
            y[i] = lanes == VLEN ? vload(pixels[i * 4 + j] + f)
                                 : vload_n(pixels[i * 4 + j] + f, lanes);
        winograd_slope(y, z);
        for (int i = 0; i < 6; i++) half[i][j] = z[i];
    }
    for (int i = 0; i < 6; i++) {
        winograd_slope(half[i], z);
        for (int j = 0; j < 6; j++) vstore(to + (i * 6 + j) * Y_PLANE, z[j]);
    }
}

/* The task's filters of tile i of the chunk; those of the tile to the right are asked for. */
static void slope_filters(const share *s, const float *const *pixels, int64_t i)
{
    const int64_t right = WINOGRAD_OUT * s->d->g->n;
    for (int64_t strip = 0; strip * TILE_N < s->columns; strip++) {
        int nv = strip_vectors(s, strip);
        float *to = s->y + strip * Y_STRIP + i * nv * VLEN;
        for (int64_t x = 0; x < nv; x++) {
            int64_t f = strip * TILE_N + x * VLEN;
            int lanes = vlanes(f, s->columns);
            for (int p = 0; p < WINOGRAD_OUT * WINOGRAD_OUT; p++)
                __builtin_prefetch(pixels[p] + right + s->f0 + f);
            if (lanes == VLEN)
                slope_tile(pixels, s->f0 + f, VLEN, to + x * VLEN);
            else
                slope_tile(pixels, s->f0 + f, lanes, to + x * VLEN);
        }
    }
}

static void transform_chunk(const share *s, int64_t first, int64_t n)
{
    const gradient *d = s->d;
    const winograd_image x = {d->v, &d->grid, d->zeros, s->c0, s->c0 + s->rows, X_ROW, X_PLANE};
    const float *pixels[WINOGRAD_OUT * WINOGRAD_OUT];
    winograd_in_tiles(&x, first, n, s->x);
    for (int64_t i = 0; i < n; i++) {
        window at = winograd_tile(&d->grid, first + i);
        winograd_pixels(&d->dy, &at, WINOGRAD_OUT, d->zeros, pixels);
        slope_filters(s, pixels, i);
    }
}

/* One strip of one place: x transposed times dy over n tiles, added to the sums of those before. */
static void multiply_strip(const share *s, int64_t place, int64_t strip, int64_t n, bool first)
{
    int nv = strip_vectors(s, strip);
    float *sums = s->sums + place * S_PLANE + strip * S_STRIP;
    tile_run run = {.b = s->y + place * Y_PLANE + strip * Y_STRIP,
                    .a_step = X_ROW,
                    .b_step = nv * VLEN,
                    .n = n,
                    .runs = 1,
                    .merges = !first};
    for (int64_t i = 0; i < s->rows; i += TILE_M) {
        run.a = s->x + place * X_PLANE + i;
        run.acc = sums + i * nv * VLEN + run.merges * TILE_SIZE;
        tile_of(TILE_BY_K, s->rows - i, nv)(&run);
    }
}

/* ---- a leaf slot -------------------------------------------------------------------------------
 */

/* G^T m G of VLEN columns; a sum is never -0, so that adding empty slots changes nothing. */
static void weight_vector(const float *sums, float *to)
{
    vf half[3][6], m[6], g[3];
    for (int j = 0; j < 6; j++) {
        for (int i = 0; i < 6; i++) m[i] = vload(sums + (i * 6 + j) * S_PLANE);
        winograd_weight(m, g);
        for (int i = 0; i < 3; i++) half[i][j] = g[i];
    }
    for (int i = 0; i < 3; i++) {
        winograd_weight(half[i], g);
        for (int j = 0; j < 3; j++)
            vstore(to + (i * 3 + j) * STRIPS * S_STRIP, vadd(g[j], vzero()));
    }
}

static void transform_back(const share *s, float *to)
{
    for (int64_t strip = 0; strip * TILE_N < s->columns; strip++) {
        int64_t at = strip * S_STRIP, end = at + s->rows * strip_vectors(s, strip) * VLEN;
        for (; at < end; at += VLEN) weight_vector(s->sums + at, to + at);
    }
}

/* The partial before `from` becomes the sum of both. */
static void merge(const share *s, float *from)
{
    for (int64_t i = 0; i < 9 * STRIPS; i++, from += S_STRIP) {
        int64_t n = i % STRIPS * TILE_N < s->columns ? s->rows * strip_vectors(s, i % STRIPS) : 0;
        float *to = from - DW_LEVEL;
        for (int64_t j = 0; j < n * VLEN; j += VLEN)
            vstore(to + j, vadd(vload(to + j), vload(from + j)));
    }
}

static void run_slot(const share *s, int64_t slot)
{
    const gradient *d = s->d;
    int64_t number = slot - s->slot0, area = d->grid.down * d->grid.across;
    int64_t begin = min64(slot * d->leaf_samples, d->grid.samples);
    int64_t end = min64(begin + d->leaf_samples, d->grid.samples);
    float *to = s->stack + __builtin_popcountll((unsigned long long)number) * DW_LEVEL;
    for (int64_t t = begin * area; t < end * area; t += CHUNK) {
        int64_t n = min64(CHUNK, end * area - t);
        transform_chunk(s, t, n);
        for (int64_t place = 0; place < WINOGRAD_PLACES; place++)
            for (int64_t strip = 0; strip * TILE_N < s->columns; strip++)
                multiply_strip(s, place, strip, n, t == begin * area);
    }
    if (begin < end)
        transform_back(s, to);
    else
        gemm_zero(to, DW_LEVEL);
    for (int m = snug_leaf_merges(number); m > 0; m--, to -= DW_LEVEL) merge(s, to);
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static void finish(const share *s, int64_t part)
{
    const gradient *d = s->d;
    const gemm *g = d->g;
    for (int64_t at = 0; at < 9 * STRIPS; at++) {
        int64_t place = at / STRIPS, strip = at % STRIPS;
        if (strip * TILE_N >= s->columns) continue;
        gemm_tile t = {.j0 = s->f0 + strip * TILE_N, .nv = strip_vectors(s, strip)};
        for (int64_t i = 0; i < s->rows; i += TILE_M) {
            t.sums = s->stack + at * S_STRIP + i * t.nv * VLEN;
            t.i0 = place * d->v->cg + s->c0 + i;
            t.n = min64(TILE_M, s->rows - i);
            if (d->parts == 1)
                gemm_store(g, &t);
            else
                gemm_store_part(g, &t, d->part + part * g->m * g->n);
        }
    }
}

static void share_task(void *arg, int64_t task, int thread)
{
    const gradient *d = arg;
    share s = {.d = d, .x = d->own + thread * own_floats(d)};
    s.y = s.x + WINOGRAD_PLACES * X_PLANE;
    s.sums = s.y + WINOGRAD_PLACES * Y_PLANE;
    s.stack = s.sums + WINOGRAD_PLACES * S_PLANE + TILE_SIZE;
    s.f0 = task % d->column_blocks * COLUMNS, task /= d->column_blocks;
    s.c0 = task % d->row_blocks * ROWS;
    int64_t part = task / d->row_blocks, slots = d->leaves / d->parts;
    s.columns = min64(COLUMNS, d->g->n - s.f0);
    s.rows = min64(ROWS, d->v->cg - s.c0);
    s.slot0 = part * slots, s.slot1 = s.slot0 + slots;
    for (int64_t slot = s.slot0; slot < s.slot1; slot++) run_slot(&s, slot);
    finish(&s, part);
}

void winograd_weight_run(const gemm *g, const windows *v, const snug_call *call)
{
    gradient d = gradient_of(g, v);
    int threads = snug_queue_threads(call->queue);
    assert(winograd_weight_scratch(g, v, threads) <= call->scratch_bytes);
    d.dy.x = call->in[1].data;
    d.zeros = call->scratch;
    d.own = d.zeros + d.zeros_floats;
    d.part = d.own + own_floats(&d) * threads;
    gemm_zero(d.zeros, d.zeros_floats);
    gemm_parallel(g, call->queue, d.parts * d.row_blocks * d.column_blocks, share_task, &d);
    if (d.parts > 1) gemm_combine(g, call->queue, d.part, d.parts);
}
