/* SPDX-License-Identifier: Apache-2.0 */
/* Direct convolution for direct.h. A task is a band of grid rows of one sample and group: the image
 * rows it sees are copied with their padding to the left and right, if they have any, so that the
 * windows of a grid row lie a fixed distance apart; a tile is some of them, in the order of k. Rows
 * of the window above and below the image are left out, for they add zeros. B is packed once for
 * all. */
#include "kernels/cpu/direct.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define BAND_PIXELS 128 /* windows of a band, about */
#define BAND_BYTES  ((int64_t)256 << 10)
#define B_BYTES     ((int64_t)1 << 20)
#define MIN_WIDTH   4 /* of the grid: narrower ones leave tiles empty; 2 at least */

typedef struct direct {
    const gemm *g;
    const windows *v;
    int64_t rows, bands, samples; /* grid rows of a band, bands of a sample */
    bool straight;                /* nothing is copied */
    int64_t line, lines, floats;  /* floats of a band's image row; image rows; floats copied */
    int64_t pixels, skip; /* of a window's run; floats from the beginning of a run to the next */
    int64_t b_floats;     /* of a group's packed B */
    const float *b;
    float *pack, *own; /* where B is packed to, unless it is */
} direct;

static direct direct_of(const gemm *g, const windows *v)
{
    direct d = {.g = g, .v = v};
    int64_t area = v->grid_h * v->grid_w;
    d.samples = area > 0 ? g->m / area : 0;
    d.rows = ceil_div(BAND_PIXELS, v->grid_w > 0 ? v->grid_w : 1);
    if (d.rows > v->grid_h) d.rows = v->grid_h;
    d.bands = d.rows > 0 ? ceil_div(v->grid_h, d.rows) : 0;
    const int64_t across = (v->grid_w - 1) * v->stride_w + (v->kw - 1) * v->dilation_w + 1;
    d.straight = v->cg == v->c && v->left == 0 && across <= v->w;
    d.line = d.straight ? v->w * v->c : across * v->cg;
    d.lines = (d.rows - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
    d.pixels = v->dilation_w == 1 ? v->kw : 1;
    d.skip = v->dilation_w == 1 ? v->dilation_h * d.line : v->dilation_w * v->cg;
    const int64_t behind = TILE_M * v->stride_w * v->cg;
    d.floats = d.straight ? 0 : (d.lines * d.line + behind + VLEN + 15) / 16 * 16;
    d.b_floats = ceil_div(g->n, VLEN) * VLEN * g->k;
    return d;
}

bool direct_suits(const gemm *g, const windows *v)
{
    direct d = direct_of(g, v);
    bool even = v->dilation_w == 1 || v->kh == 1; /* the runs of a window lie evenly */
    return g->k > 0 && even && v->grid_w >= MIN_WIDTH && d.floats * 4 <= BAND_BYTES &&
           (g->packed || g->groups * d.b_floats * 4 <= B_BYTES);
}

static size_t own_floats(const direct *d)
{
    return (size_t)(d->floats + 2 * TILE_SIZE);
}

static size_t b_floats(const direct *d)
{
    return d->g->packed ? 0 : (size_t)(d->g->groups * d->b_floats + 15) / 16 * 16;
}

size_t direct_scratch(const gemm *g, const windows *v, int threads)
{
    direct d = direct_of(g, v);
    return (b_floats(&d) + own_floats(&d) * (size_t)threads) * sizeof(float);
}

static void pack_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const direct *d = arg;
    const gemm *g = d->g;
    int64_t strips = ceil_div(g->n, TILE_N), group = task / strips, i0 = task % strips * TILE_N;
    int64_t ni = g->n - i0 < TILE_N ? g->n - i0 : TILE_N;
    g->pack_b(g, &(gemm_block){.group = group,
                               .i0 = i0,
                               .ni = ni,
                               .nk = g->k,
                               .out = d->pack + group * d->b_floats + i0 * g->k});
}

static void copy_band(const direct *d, int64_t sample, int64_t group, int64_t y, float *band)
{
    for (int64_t r = 0; r < d->lines; r++)
        if (y + r >= 0 && y + r < d->v->h)
            window_line(d->v, group, sample, y + r, d->line, band + r * d->line);
    window_zero(band + d->lines * d->line, TILE_M * d->v->stride_w * d->v->cg);
}

/* A strip of columns of a group, and where its tiles' sums wait, behind a tile of the bias. */
typedef struct strip {
    int64_t group, j0;
    int nv;
    bool whole; /* its tiles can go to C as they stand in registers */
    int last;   /* columns of the last vector, where sums can go to C as they stand; else 0 */
    float *acc;
} strip;

static strip strip_of(const gemm *g, int64_t group, int64_t j0, float *sums)
{
    const int64_t left = g->n - j0;
    strip s = {.group = group, .j0 = j0, .acc = sums + TILE_SIZE};
    s.nv = left < TILE_N ? (int)ceil_div(left, VLEN) : TILE_V;
    s.whole = g->act != ACT_GELU && s.nv * VLEN <= left;
    if (g->act == ACT_NONE && !g->bias) s.last = vlanes((s.nv - 1) * VLEN, left);
    for (int64_t i = 0; i < TILE_M && s.whole && g->bias; i++)
        gemm_copy(sums + i * s.nv * VLEN, g->bias + group * g->n + j0, s.nv * VLEN);
    return s;
}

/* Row i of C and how far the next of the same grid row is. */
static float *row_of(const gemm *g, const strip *s, int64_t i, int64_t *ld)
{
    float *rows[TILE_M];
    *ld = g->ldc;
    if (!g->rows) return g->c + s->group * g->n + i * g->ldc + s->j0;
    g->rows(g, s->group, i, 2, rows);
    *ld = rows[1] - rows[0];
    return rows[0] + s->j0;
}

/* Rows of a finished tile, to C's. */
static void copy_tile(const strip *s, int64_t rows, float *to, int64_t ld)
{
    const float *from = s->acc;
    for (int64_t i = 0; i < rows; i++, from += s->nv * VLEN, to += ld) {
        if (s->nv > 1) vstore(to, vload(from));
        vstore_n(to + (s->nv - 1) * VLEN, vload(from + (s->nv - 1) * VLEN), s->last);
    }
}

/* Image rows of a sample from row y on. */
typedef struct lines {
    const float *at;
    int64_t y;
} lines;

/* The height of the next tile of so many rows, as even as steps allow. */
static int64_t even_rows(int64_t left)
{
    return ceil_div(ceil_div(left, ceil_div(left, TILE_M)), TILE_STEP) * TILE_STEP;
}

/* Whether all windows of a run are in the image, where it is read as it lies, or in the copy. */
static bool reaches(const direct *d, const tile_run *run, int64_t rows)
{
    const windows *v = d->v;
    const int64_t last = run->runs * (run->n + run->a_skip) - run->a_skip;
    return !d->straight ||
           run->a + (rows - 1) * run->a_row + last <= v->x + d->samples * v->h * d->line;
}

/* A strip over grid row gy, whose first window is number `first`. */
static void run_row(const direct *d, const strip *s, int64_t first, int64_t gy, const lines *from)
{
    const gemm *g = d->g;
    const windows *v = d->v;
    const int64_t y = gy * v->stride_h - v->top, n = v->grid_w;
    int64_t ky = y < 0 ? ceil_div(-y, v->dilation_h) : 0, end = v->kh;
    if (y + (end - 1) * v->dilation_h >= v->h)
        end = y < v->h ? ceil_div(v->h - y, v->dilation_h) : 0;
    if (ky > end) ky = end;
    const int64_t step = s->nv * VLEN;
    tile_run run = {.a_row = v->stride_w * v->cg,
                    .b_step = step,
                    .n = d->pixels * v->cg,
                    .runs = (end - ky) * v->kw / d->pixels,
                    .a_skip = d->skip - d->pixels * v->cg,
                    .acc = s->acc,
                    .act = g->act};
    float *const row = row_of(g, s, first, &run.out_ld);
    const float *line = from->at + (run.runs > 0 ? y + ky * v->dilation_h - from->y : 0) * d->line;
    run.b = d->b + s->group * d->b_floats + s->j0 * g->k + ky * v->kw * v->cg * step;
    for (int64_t x = 0, rows; x < n; x += rows) {
        const int64_t left = n - x;
        rows = even_rows(left);
        /* one that would not be full begins further left */
        if (rows > left && rows <= n) x = n - rows;
        run.a = line + x * run.a_row;
        /* one higher than a row reads on into the next line */
        if (rows > n && !reaches(d, &run, rows)) rows = n / TILE_STEP * TILE_STEP;
        const gemm_tile t = {s->acc, s->group, first + x, rows > n ? n : rows, s->j0, s->nv};
        run.out = s->whole && rows <= n ? row + x * run.out_ld : NULL;
        run.merges = run.out && g->bias ? 1 : 0;
        tile_of(TILE_STRIDED, rows, s->nv)(&run);
        if (run.out) continue;
        if (s->last > 0)
            copy_tile(s, t.n, row + x * run.out_ld, run.out_ld);
        else
            gemm_store(g, &t);
    }
}

static void band_task(void *arg, int64_t task, int thread)
{
    const direct *d = arg;
    const windows *v = d->v;
    float *band = d->own + (size_t)thread * own_floats(d);
    int64_t gy = task % d->bands * d->rows, sample = task / d->bands % d->samples;
    int64_t group = task / (d->bands * d->samples);
    int64_t rows = v->grid_h - gy < d->rows ? v->grid_h - gy : d->rows;
    lines from = {band, gy * v->stride_h - v->top};
    if (d->straight)
        from = (lines){v->x + sample * v->h * d->line, 0};
    else
        copy_band(d, sample, group, from.y, band);
    for (int64_t j0 = 0; j0 < d->g->n; j0 += TILE_N) {
        const strip s = strip_of(d->g, group, j0, band + d->floats);
        for (int64_t r = 0; r < rows; r++)
            run_row(d, &s, (sample * v->grid_h + gy + r) * v->grid_w, gy + r, &from);
    }
}

/* Few bands are made so many that the threads end together: a band costs its rows and about a
 * quarter of one more. Scratch was laid out for bands of more rows. */
static void spread(direct *d, int threads)
{
    const int64_t images = d->g->groups * d->samples, most = d->rows;
    int64_t least = INT64_MAX;
    if (images * d->bands > 4 * threads) return;
    for (int64_t rows = most; rows > 0; rows--) {
        int64_t bands = ceil_div(d->v->grid_h, rows);
        int64_t cost = ceil_div(images * bands, threads) * (4 * rows + 1);
        if (cost >= least) continue;
        least = cost;
        d->rows = rows, d->bands = bands;
    }
    d->lines = (d->rows - 1) * d->v->stride_h + (d->v->kh - 1) * d->v->dilation_h + 1;
}

void direct_run(const gemm *g, const windows *v, const snug_call *call)
{
    direct d = direct_of(g, v);
    spread(&d, snug_queue_threads(call->queue));
    assert(direct_scratch(g, v, snug_queue_threads(call->queue)) <= call->scratch_bytes);
    d.pack = call->scratch;
    d.own = d.pack + b_floats(&d);
    d.b = g->packed ? g->kept : d.pack;
    if (!g->packed)
        gemm_parallel(g, call->queue, g->groups * ceil_div(g->n, TILE_N), pack_task, &d);
    gemm_parallel(g, call->queue, g->groups * d.samples * d.bands, band_task, &d);
}
