/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of convolution weights for direct.h. Rows of C are places (ky, kx, c) of a window, k
 * counts the windows of the batch. A stretch is places whose floats are adjacent in the image: the
 * channels of a pixel of the window. A tile has places of a stretch and walks over the image as it
 * is, window by window; windows whose pixel is outside the image are left out, for they add zeros.
 * Where filters would leave more of a tile empty than channels, the two change places: vectors run
 * along channels. Where a pixel has few channels, a stretch is a row of the window instead, and the
 * tile walks over a copy of the image with its padding. A task has some tiles, a strip of columns
 * and an aligned group of leaf slots; it takes a band of windows at a time, whose columns of B it
 * copies. */
#include "kernels/cpu/direct.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define BAND_WINDOWS 256 /* of a band, about */
#define BAND_BYTES   ((int64_t)256 << 10)
#define AHEAD_BYTES  ((int64_t)4 << 20)
#define FEW_CHANNELS 8  /* fewer than these do not fill a tile */
#define MOST_TILES   16 /* of a task */
#define FEW_TILES    4  /* a task of fewer spends its time on B */
#define MOST_COPIES  2  /* of a band, by strips of columns */
#define COPY_TILES   3  /* which make it worth to copy B */

typedef struct direct {
    const gemm *g;
    const windows *v;
    const float *b; /* [windows][ldb], of all groups */
    int64_t samples, leaf_samples, leaves;
    bool copies;                   /* bands, with their padding */
    bool swaps;                    /* tiles' rows are filters, their vectors channels */
    int64_t columns;               /* filters of a task at most */
    int64_t rows, images;          /* grid rows of a band; images, when it has all their rows */
    int64_t line, floats;          /* of a copied band: floats of a line, of all lines */
    int64_t pixels, stretches;     /* of the window in a stretch; in the window */
    int64_t places, tiles;         /* of a stretch */
    int64_t share, shares, strips; /* tiles of a task; what tiles and columns are divided into */
    int64_t parts, depth;          /* groups of leaf slots; partials on a tile's stack */
    float *part, *own;
} direct;

/* What a task works on. */
typedef struct work {
    const direct *d;
    int64_t group, tile0, tile1, j0; /* tiles of all stretches, stretch by stretch; columns */
    int64_t slot0, slot1;
    int nv;
    float *band, *packed, *acc;
} work;

/* Windows: grid rows [gy, gy + rows) of samples [first, first + images). */
typedef struct band {
    int64_t first, images, gy, rows;
} band;

/* Places [i0, i0 + n) of a stretch, which begins at the window's pixel (ky, kx): rows of a tile, or
 * whole vectors. */
typedef struct piece {
    int64_t ky, kx, i0, n;
    int64_t again; /* the first of them are those of a tile before, too */
} piece;

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Image lines that so many grid rows see. */
static int64_t lines_of(const windows *v, int64_t rows)
{
    return (rows - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
}

static void divide(direct *d)
{
    const int64_t all = d->stretches * d->tiles;
    int64_t most = MOST_TILES;
    d->strips = ceil_div(d->g->n, d->columns);
    for (;;) {
        d->shares = ceil_div(all, most);
        int64_t tasks = d->g->groups * d->shares * d->strips * d->parts;
        if (tasks >= GEMM_TASKS) break;
        if (d->parts < GEMM_PARTS && d->parts < d->leaves)
            d->parts *= 2;
        else if (most > FEW_TILES && !(d->copies && d->parts == GEMM_PARTS))
            most /= 2;
        else
            break;
    }
    d->share = ceil_div(all, d->shares);
    d->depth = snug_leaf_depth(d->leaves / d->parts);
}

/* Channels that do not fill a tile. */
static bool copies(const windows *v)
{
    return v->cg < FEW_CHANNELS || (v->cg < TILE_M && v->cg % TILE_STEP != 0);
}

/* Whether more of a tile is used when filters are its rows. */
static bool swaps(const gemm *g, const windows *v)
{
    const int64_t n = g->n, c = v->cg;
    const int64_t as_rows = round_up(n, TILE_STEP) * round_up(c, VLEN);
    return c >= VLEN && !copies(v) && 8 * as_rows <= 7 * round_up(n, VLEN) * round_up(c, TILE_STEP);
}

/* What is no sum over samples has room for any number of slots. */
static void halve_slots(direct *d, int64_t area, const snug_step *step)
{
    const bool leaves = d->g->leaves > 0;
    const int times =
        gemm_halvings(d->leaf_samples, d->leaf_samples * area, leaves ? step->n_step : 0);
    d->leaf_samples >>= times, d->leaves <<= times;
    if (leaves) d->leaves = min64(d->leaves, gemm_max_leaves(d->samples));
}

/* step NULL: only the size of scratch is asked for, where leaves are as many as there can be. */
static direct direct_of(const gemm *g, const windows *v, const snug_step *step)
{
    direct d = {.g = g, .v = v, .parts = 1, .leaves = g->leaves ? g->leaves : 1};
    int64_t area = v->grid_h * v->grid_w;
    d.samples = g->k / area;
    d.leaf_samples = g->leaves ? g->leaf_k / area : d.samples;
    if (step || !g->leaves) halve_slots(&d, area, step);
    d.copies = copies(v), d.swaps = swaps(g, v);
    d.columns = d.swaps ? TILE_M : TILE_N;
    d.rows = min64(ceil_div(BAND_WINDOWS, v->grid_w), v->grid_h);
    d.images = d.rows < v->grid_h ? 1 : max64(1, BAND_WINDOWS / area);
    d.pixels = d.copies && v->dilation_w == 1 ? v->kw : 1;
    d.stretches = v->kh * v->kw / d.pixels;
    d.places = d.pixels * v->cg;
    d.tiles = ceil_div(d.places, d.swaps ? d.places < TILE_N ? VLEN : TILE_N : TILE_M);
    if (d.copies) {
        d.line = ((v->grid_w - 1) * v->stride_w + (v->kw - 1) * v->dilation_w + 1) * v->cg;
        const int64_t image = lines_of(v, d.rows) * d.line;
        while (d.images > 1 && d.images * image * 4 > BAND_BYTES / 2) d.images /= 2;
        d.floats = (d.images * image + TILE_M + 2 * VLEN + 15) / 16 * 16;
    }
    divide(&d);
    return d;
}

bool direct_weight_suits(const gemm *g, const windows *v)
{
    return v->grid_h > 0 && v->grid_w > 0 && direct_of(g, v, NULL).floats * 4 <= BAND_BYTES;
}

bool direct_weight_swaps(const gemm *g, const windows *v)
{
    return swaps(g, v) && 3 * v->cg >= 2 * round_up(v->cg, VLEN);
}

bool direct_weight_copies_often(const gemm *g, const windows *v)
{
    return copies(v) && g->n > MOST_COPIES * TILE_N;
}

static int64_t packed_floats(const direct *d)
{
    return d->images * d->rows * d->v->grid_w * TILE_N;
}

static int64_t own_floats(const direct *d)
{
    return d->floats + packed_floats(d) + d->share * d->depth * TILE_SIZE;
}

static size_t scratch_of(const direct *d, int threads)
{
    const gemm *g = d->g;
    int64_t parts = d->parts > 1 ? d->parts * g->groups * g->m * g->n : 0;
    return (size_t)(own_floats(d) * threads + parts) * sizeof(float);
}

size_t direct_weight_scratch(const gemm *g, const windows *v, int threads)
{
    direct d = direct_of(g, v, NULL);
    return scratch_of(&d, threads);
}

/* Vectors of channels: the last, which ends with the pixel, begins early enough to be whole. */
static void piece_across(const direct *d, int64_t tile, piece *p)
{
    const int64_t most = d->places < TILE_N ? VLEN : TILE_N;
    p->n = min64(most, round_up(d->places - tile * most, VLEN));
    p->i0 = min64(tile * most, d->places - p->n);
    p->again = tile * most - p->i0;
}

/* Tile number i of a group: stretches change fastest. The last two of a stretch share evenly; over
 * the image itself, where what follows may not be read, the last ends with the stretch. */
static piece piece_of(const direct *d, int64_t i)
{
    int64_t pixel = i % d->stretches * d->pixels, tile = i / d->stretches;
    piece p = {.ky = pixel / d->v->kw, .kx = pixel % d->v->kw, .i0 = tile * TILE_M, .n = TILE_M};
    if (d->swaps) {
        piece_across(d, tile, &p);
        return p;
    }
    int64_t last2 = d->tiles - 2, rest = d->places - last2 * TILE_M;
    if (tile >= last2 && last2 >= 0) {
        int64_t half = ceil_div(ceil_div(rest, 2), TILE_STEP) * TILE_STEP;
        p.i0 = last2 * TILE_M + (tile > last2 ? half : 0);
        p.n = tile > last2 ? rest - half : half;
    }
    p.n = min64(p.n, d->places - p.i0);
    if (!d->copies && p.n % TILE_STEP != 0) { /* whole steps inside the pixel */
        p.again = TILE_STEP - p.n % TILE_STEP;
        p.i0 -= p.again, p.n += p.again;
    }
    return p;
}

/* ---- walking -----------------------------------------------------------------------------------
 */

/* Places in the grid [*lo, *hi) whose windows have a pixel inside the image along an axis. */
static void clip(int64_t first, int64_t stride, int64_t extent, int64_t *lo, int64_t *hi)
{
    int64_t inside = first < 0 ? ceil_div(-first, stride) : 0;
    int64_t end = extent > first ? ceil_div(extent - first, stride) : 0;
    *lo = max64(*lo, inside);
    *hi = max64(*lo, min64(*hi, end));
}

/* Over the image itself. */
static void walk_image(const work *w, const band *b, const piece *p, tile_run *run)
{
    const windows *v = w->d->v;
    int64_t y = p->ky * v->dilation_h - v->top, x = p->kx * v->dilation_w - v->left;
    int64_t gy = b->gy, end_y = b->gy + b->rows, gx = 0, end_x = v->grid_w;
    clip(y, v->stride_h, v->h, &gy, &end_y);
    clip(x, v->stride_w, v->w, &gx, &end_x);
    run->runs = end_x > gx ? end_y - gy : 0;
    run->n = end_x - gx;
    run->again = b->images - 1;
    if (run->runs == 0) gy = b->gy, gx = 0;
    y += gy * v->stride_h, x += gx * v->stride_w;
    const int64_t image = v->h * v->w * v->c, line = v->stride_h * v->w * v->c;
    if (run->runs > 0)
        run->a = v->x + b->first * image + (y * v->w + x) * v->c + w->group * v->cg + p->i0;
    run->a_step = v->stride_w * v->c;
    run->a_skip = line - run->n * run->a_step;
    run->a_jump = image - run->runs * line;
    run->b += ((gy - b->gy) * v->grid_w + gx) * run->b_step;
    run->b_skip = (v->grid_w - run->n) * run->b_step;
    run->b_jump = (b->rows - run->runs) * v->grid_w * run->b_step;
}

/* Where x stays in no near cache, the windows of a tile ask for as many pixels of the band to come,
 * each stretch for others. */
static void ask_ahead(const work *w, const band *b, int64_t stretch, int64_t i0, tile_run *run)
{
    const direct *d = w->d;
    const windows *v = d->v;
    const int64_t rows = b->rows < v->grid_h ? b->rows * v->stride_h : v->h;
    const int64_t pixels = b->images * rows * v->w, each = b->images * b->rows * v->grid_w;
    if (pixels == 0 || d->samples * v->h * v->w * v->c * 4 < AHEAD_BYTES) return;
    const int64_t first = (b->first * v->h + b->gy * v->stride_h) * v->w + pixels;
    run->ahead = v->x + (first + stretch * each % pixels) * v->c + w->group * v->cg + i0;
    run->ahead_every = 1;
    run->ahead_step = v->c;
    run->ahead_more = TILE_M - 1;
}

/* A and B change places. */
static void swap(tile_run *run)
{
    const tile_run was = *run;
    run->a = was.b, run->a_step = was.b_step, run->a_skip = was.b_skip, run->a_jump = was.b_jump;
    run->b = was.a, run->b_step = was.a_step, run->b_skip = was.a_skip, run->b_jump = was.a_jump;
}

/* Over a copy of the band. */
static void walk_copy(const work *w, const band *b, const piece *p, tile_run *run)
{
    const direct *d = w->d;
    const windows *v = d->v;
    run->a = w->band + p->ky * v->dilation_h * d->line + p->kx * v->dilation_w * v->cg + p->i0;
    run->a_step = v->stride_w * v->cg;
    run->n = v->grid_w, run->runs = b->rows;
    run->again = b->images - 1;
    run->a_skip = v->stride_h * d->line - v->grid_w * run->a_step;
    run->a_jump = lines_of(v, b->rows) * d->line - b->rows * v->stride_h * d->line;
}

static void copy_band(const work *w, const band *b)
{
    const direct *d = w->d;
    const windows *v = d->v;
    const int64_t lines = lines_of(v, b->rows);
    for (int64_t r = 0; r < b->images * lines; r++)
        window_line(v, w->group, b->first + r / lines, b->gy * v->stride_h - v->top + r % lines,
                    d->line, w->band + r * d->line);
    window_zero(w->band + b->images * lines * d->line, TILE_M);
}

/* Columns of B for the band: B itself where they are all it has, or few tiles need them. */
static const float *columns_of(const work *w, const band *b, int64_t *step)
{
    const direct *d = w->d;
    int64_t ld = d->g->groups * d->g->n, left = d->g->n - w->j0;
    int64_t grid_w = d->v->grid_w, n = b->images * b->rows * grid_w;
    const float *from = d->b + w->group * d->g->n + w->j0;
    from += (b->first * d->v->grid_h + b->gy) * grid_w * ld;
    *step = w->nv * VLEN;
    if (ld == *step && left == *step) return from;
    if (left >= *step && w->tile1 - w->tile0 < COPY_TILES) {
        *step = ld;
        return from;
    }
    gemm_block block = {.ni = min64(left, *step), .nk = n, .out = w->packed};
    gemm_pack_b(&block, from, ld);
    return w->packed;
}

/* The first place of a piece that no tile before it has. */
static int64_t row_of(const direct *d, const piece *p)
{
    return (p->ky * d->v->kw + p->kx) * d->v->cg + p->i0 + p->again;
}

/* Where a finished tile goes as it stands in registers; NULL: finish_tiles. */
static float *place_of(const work *w, const piece *p)
{
    const gemm *g = w->d->g;
    const bool whole = p->again == 0 && p->n % TILE_STEP == 0 && w->j0 + w->nv * VLEN <= g->n;
    if (w->d->parts > 1 || w->d->swaps || !whole) return NULL;
    return g->c + w->group * g->n + row_of(w->d, p) * g->ldc + w->j0;
}

/* The next windows of the chains; `merges` of the partial sums follow; `out` tells of the last. */
static void run_band(const work *w, const band *b, tile_run run)
{
    const direct *d = w->d;
    float *acc = run.acc;
    if (d->copies && b->rows > 0) copy_band(w, b);
    run.b = columns_of(w, b, &run.b_step);
    for (int64_t i = w->tile0; i < w->tile1; i++) {
        piece p = piece_of(d, i);
        tile_run one = run;
        one.acc = acc + (i - w->tile0) * d->depth * TILE_SIZE;
        if (d->copies)
            walk_copy(w, b, &p, &one);
        else
            walk_image(w, b, &p, &one);
        if (!d->copies) ask_ahead(w, b, i % d->stretches, p.i0, &one);
        if (run.out) one.out = place_of(w, &p);
        if (d->swaps)
            swap(&one), tile_of(TILE_BY_K, min64(d->g->n - w->j0, TILE_M), p.n / VLEN)(&one);
        else
            tile_of(TILE_BY_K, p.n, w->nv)(&one);
    }
}

/* One leaf slot: a chain over its samples, then its merges. */
static void run_slot(const work *w, int64_t slot)
{
    const direct *d = w->d;
    int64_t number = slot - w->slot0, level = __builtin_popcountll((unsigned long long)number);
    int64_t begin = min64(slot * d->leaf_samples, d->samples);
    int64_t end = min64(begin + d->leaf_samples, d->samples), grid_h = d->v->grid_h;
    int merges = snug_leaf_merges(number);
    float *const out = slot + 1 == w->slot1 ? d->g->c : NULL;
    tile_run run = {.a = w->packed, .acc = w->acc + level * TILE_SIZE, .merges = merges};
    run.out_ld = d->g->ldc;
    if (begin == end) run.out = out, run_band(w, &(band){0}, run);
    for (band b = {.first = begin}; b.first < end; b.first += b.images) {
        b.images = min64(d->images, end - b.first);
        for (b.gy = 0; b.gy < grid_h; b.gy += b.rows) {
            b.rows = min64(d->rows, grid_h - b.gy);
            bool last = b.first + b.images == end && b.gy + b.rows == grid_h;
            run.carry = b.first > begin || b.gy > 0;
            run.merges = last ? merges : 0;
            run.out = last ? out : NULL;
            run_band(w, &b, run);
        }
    }
}

/* ---- tasks -------------------------------------------------------------------------------------
 */

/* A tile whose rows are filters, turned. */
static void store_turned(const work *w, const piece *p, const float *sums, float *part)
{
    const gemm *g = w->d->g;
    const int64_t row = row_of(w->d, p), filters = min64(g->n - w->j0, TILE_M);
    const int64_t ld = part ? g->n : g->ldc;
    float *to = part ? part + (w->group * g->m + row) * ld : g->c + w->group * g->n + row * ld;
    for (int64_t c = p->again; c < p->n; c++, to += ld)
        for (int64_t f = 0; f < filters; f++) to[w->j0 + f] = sums[f * p->n + c];
}

static void finish_tiles(const work *w, int64_t part)
{
    const direct *d = w->d;
    const gemm *g = d->g;
    float *to_part = d->parts > 1 ? d->part + part * g->groups * g->m * g->n : NULL;
    for (int64_t i = w->tile0; i < w->tile1; i++) {
        piece p = piece_of(d, i);
        const float *sums = w->acc + (i - w->tile0) * d->depth * TILE_SIZE;
        const gemm_tile t = {
            sums + p.again * w->nv * VLEN, w->group, row_of(d, &p), p.n - p.again, w->j0, w->nv};
        if (place_of(w, &p)) continue;
        if (d->swaps)
            store_turned(w, &p, sums, to_part);
        else if (to_part)
            gemm_store_part(g, &t, to_part);
        else
            gemm_store(g, &t);
    }
}

static void share_task(void *arg, int64_t task, int thread)
{
    const direct *d = arg;
    work w = {.d = d, .band = d->own + thread * own_floats(d)};
    w.packed = w.band + d->floats;
    w.acc = w.packed + packed_floats(d);
    w.tile0 = task % d->shares * d->share, task /= d->shares;
    w.tile1 = min64(w.tile0 + d->share, d->stretches * d->tiles);
    w.j0 = task % d->strips * d->columns, task /= d->strips;
    int64_t part = task % d->parts, slots = d->leaves / d->parts;
    w.group = task / d->parts;
    w.nv = (int)ceil_div(min64(d->g->n - w.j0, d->columns), VLEN);
    w.slot0 = part * slots, w.slot1 = w.slot0 + slots;
    for (int64_t slot = w.slot0; slot < w.slot1; slot++) run_slot(&w, slot);
    finish_tiles(&w, part);
}

void direct_weight_run(const gemm *g, const windows *v, const snug_call *call)
{
    direct d = direct_of(g, v, call->step);
    int threads = snug_queue_threads(call->queue);
    assert(scratch_of(&d, threads) <= call->scratch_bytes);
    d.b = call->in[1].data;
    d.own = call->scratch;
    d.part = d.own + own_floats(&d) * threads;
    gemm_parallel(g, call->queue, g->groups * d.parts * d.strips * d.shares, share_task, &d);
    if (d.parts > 1) gemm_combine(g, call->queue, d.part, d.parts);
}
