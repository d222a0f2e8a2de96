/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of convolution weights for winograd.h. A task has a block of channels, a block of
 * filters and an aligned group of leaf slots. For each slot it transforms the tiles of x and of dy,
 * a chunk at a time, and adds their products place by place; a slot's sum is transformed back
 * before it meets another's: only then is a sum of slots the same inside a call and outside. */
#include "kernels/cpu/tile.h"
#include "kernels/cpu/winograd.h"
#include <assert.h>

#define ROWS    64 /* channels of a task at most */
#define COLUMNS 64 /* filters */
#define CHUNK   24 /* tiles: a chain of additions */
#define Y_STRIP (CHUNK * TILE_N)

typedef struct gradient {
    const gemm *g;
    const windows *v;
    windows dy;
    winograd_tiles grid;
    int64_t leaf_samples, leaves;
    int64_t rows, columns, strips; /* of a task */
    int64_t row_blocks, column_blocks, parts, depth;
    int64_t x_row, x_plane; /* from tile to tile of x; from place to place */
    int64_t y_plane;        /* [strips][CHUNK][TILE_N] */
    int64_t strip, plane;   /* sums: [36][strips][rows][TILE_N] */
    int64_t level;          /* a partial of dw: [9][strips][rows][TILE_N] */
    int64_t zeros_floats;
    float *zeros, *part, *own;
} gradient;

/* What a task works on. */
typedef struct share {
    const gradient *d;
    int64_t c0, rows, f0, columns, slot0, slot1;
    float *x, *y, *sums, *stack;
} share;

static void set_columns(gradient *d, int64_t columns)
{
    d->strips = ceil_div(columns, TILE_N);
    d->columns = d->strips * TILE_N;
    d->column_blocks = ceil_div(d->g->n, d->columns);
}

/* Blocks are halved where they would leave threads without a task. */
static gradient gradient_of(const gemm *g, const windows *v, int threads)
{
    gradient d = {.g = g, .v = v, .parts = 1, .leaves = g->leaves ? g->leaves : 1};
    int64_t area = v->grid_h * v->grid_w, samples = g->k / area;
    d.dy = (windows){.h = v->grid_h, .w = v->grid_w, .c = g->n};
    d.grid = winograd_tiles_of(v, samples);
    d.leaf_samples = g->leaves ? g->leaf_k / area : samples;
    d.rows = min64(ceil_div(v->cg, VLEN) * VLEN, ROWS);
    d.row_blocks = ceil_div(v->cg, d.rows);
    set_columns(&d, min64(g->n, COLUMNS));
    while (d.row_blocks * d.column_blocks * d.parts < GEMM_TASKS && d.parts < GEMM_PARTS &&
           d.parts < d.leaves)
        d.parts *= 2;
    while (d.row_blocks * d.column_blocks * d.parts < threads && d.strips > 1)
        set_columns(&d, d.columns / 2);
    d.depth = snug_leaf_depth(d.leaves / d.parts);
    d.x_row = d.rows + 16, d.x_plane = CHUNK * d.x_row + 16;
    d.y_plane = d.strips * Y_STRIP + 16;
    d.strip = d.rows * TILE_N, d.plane = d.strips * d.strip + 16;
    d.level = 9 * d.strips * d.strip;
    d.zeros_floats = ((v->cg > g->n ? v->cg : g->n) + 2 * VLEN + 15) / 16 * 16;
    return d;
}

static int64_t own_floats(const gradient *d)
{
    return WINOGRAD_PLACES * (d->x_plane + d->y_plane + d->plane) + TILE_SIZE + d->depth * d->level;
}

size_t winograd_weight_scratch(const gemm *g, const windows *v, int threads)
{
    gradient d = gradient_of(g, v, threads);
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
ALWAYS_INLINE void slope_tile(const float *const *pixels, int64_t f, int lanes, float *to,
                              int64_t plane)
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
        for (int j = 0; j < 6; j++) vstore(to + (i * 6 + j) * plane, z[j]);
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
                slope_tile(pixels, s->f0 + f, VLEN, to + x * VLEN, s->d->y_plane);
            else
                slope_tile(pixels, s->f0 + f, lanes, to + x * VLEN, s->d->y_plane);
        }
    }
}

static void transform_chunk(const share *s, int64_t first, int64_t n)
{
    const gradient *d = s->d;
    const winograd_image x = {d->v,     &d->grid,  d->zeros, s->c0, s->c0 + s->rows,
                              d->x_row, d->x_plane};
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
    const gradient *d = s->d;
    int nv = strip_vectors(s, strip);
    float *sums = s->sums + place * d->plane + strip * d->strip;
    tile_run run = {.b = s->y + place * d->y_plane + strip * Y_STRIP,
                    .a_step = d->x_row,
                    .b_step = nv * VLEN,
                    .n = n,
                    .runs = 1,
                    .merges = !first};
    for (int64_t i = 0; i < s->rows; i += TILE_M) {
        run.a = s->x + place * d->x_plane + i;
        run.acc = sums + i * nv * VLEN + run.merges * TILE_SIZE;
        tile_of(TILE_BY_K, s->rows - i, nv)(&run);
    }
}

/* ---- a leaf slot -------------------------------------------------------------------------------
 */

/* G^T m G of VLEN columns; a sum is never -0, so that adding empty slots changes nothing. */
static void weight_vector(const gradient *d, const float *sums, float *to)
{
    vf half[3][6], m[6], g[3];
    for (int j = 0; j < 6; j++) {
        for (int i = 0; i < 6; i++) m[i] = vload(sums + (i * 6 + j) * d->plane);
        winograd_weight(m, g);
        for (int i = 0; i < 3; i++) half[i][j] = g[i];
    }
    for (int i = 0; i < 3; i++) {
        winograd_weight(half[i], g);
        for (int j = 0; j < 3; j++)
            vstore(to + (i * 3 + j) * d->strips * d->strip, vadd(g[j], vzero()));
    }
}

static void transform_back(const share *s, float *to)
{
    for (int64_t strip = 0; strip * TILE_N < s->columns; strip++) {
        int64_t at = strip * s->d->strip, end = at + s->rows * strip_vectors(s, strip) * VLEN;
        for (; at < end; at += VLEN) weight_vector(s->d, s->sums + at, to + at);
    }
}

/* The partial before `from` becomes the sum of both. */
static void merge(const share *s, float *from)
{
    const gradient *d = s->d;
    for (int64_t i = 0; i < 9 * d->strips; i++, from += d->strip) {
        int64_t strip = i % d->strips, n = 0;
        if (strip * TILE_N < s->columns) n = s->rows * strip_vectors(s, strip);
        float *to = from - d->level;
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
    float *to = s->stack + __builtin_popcountll((unsigned long long)number) * d->level;
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
        gemm_zero(to, d->level);
    for (int m = snug_leaf_merges(number); m > 0; m--, to -= d->level) merge(s, to);
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static void finish(const share *s, int64_t part)
{
    const gradient *d = s->d;
    const gemm *g = d->g;
    for (int64_t at = 0; at < 9 * d->strips; at++) {
        int64_t place = at / d->strips, strip = at % d->strips;
        if (strip * TILE_N >= s->columns) continue;
        gemm_tile t = {.j0 = s->f0 + strip * TILE_N, .nv = strip_vectors(s, strip)};
        for (int64_t i = 0; i < s->rows; i += TILE_M) {
            t.sums = s->stack + at * d->strip + i * t.nv * VLEN;
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
    s.y = s.x + WINOGRAD_PLACES * d->x_plane;
    s.sums = s.y + WINOGRAD_PLACES * d->y_plane;
    s.stack = s.sums + WINOGRAD_PLACES * d->plane + TILE_SIZE;
    s.f0 = task % d->column_blocks * d->columns, task /= d->column_blocks;
    s.c0 = task % d->row_blocks * d->rows;
    int64_t part = task / d->row_blocks, slots = d->leaves / d->parts;
    s.columns = min64(d->columns, d->g->n - s.f0);
    s.rows = min64(d->rows, d->v->cg - s.c0);
    s.slot0 = part * slots, s.slot1 = s.slot0 + slots;
    for (int64_t slot = s.slot0; slot < s.slot1; slot++) run_slot(&s, slot);
    finish(&s, part);
}

void winograd_weight_run(const gemm *g, const windows *v, const snug_call *call)
{
    int threads = snug_queue_threads(call->queue);
    gradient d = gradient_of(g, v, threads);
    assert(winograd_weight_scratch(g, v, threads) <= call->scratch_bytes);
    d.dy.x = call->in[1].data;
    d.zeros = call->scratch;
    d.own = d.zeros + d.zeros_floats;
    d.part = d.own + own_floats(&d) * threads;
    gemm_zero(d.zeros, d.zeros_floats);
    gemm_parallel(g, call->queue, d.parts * d.row_blocks * d.column_blocks, share_task, &d);
    if (d.parts > 1) gemm_combine(g, call->queue, d.part, d.parts);
}
