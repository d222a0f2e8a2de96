/* SPDX-License-Identifier: Apache-2.0 */
/* Forward convolution and the gradient of its input for winograd.h. Which loop is outside does not
 * change a bit, and depends on what fits a core's cache:
 *
 * Few weights: they are transformed once, into memory that all tasks share; a task is a block of
 * tiles, which it transforms, multiplies and transforms back, a strip of columns at a time.
 * Many weights (their transform is four times as large as they are): the tiles of a round are
 * transformed into shared memory; a task is a strip of columns of a block of tiles and transforms
 * the weights it needs, a piece of k at a time. */
#include "kernels/cpu/winograd.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define FEW_CHANNELS  12                 /* below this, transforms cost more than products */
#define WEIGHT_BYTES  ((int64_t)5 << 19) /* of shared transformed weights at most */
#define BLOCK_BYTES   ((int64_t)384 << 10)
#define BLOCK_TILES   64 /* of a task at most */
#define ROUND_BYTES   ((int64_t)5 << 20)
#define WEIGHTS_AHEAD 8  /* rows */
#define PIECE         64 /* of k: a chain of additions; what a task transforms of many weights */

typedef struct winograd {
    const gemm *g;
    const windows *v;
    const winograd_weights *weights;
    winograd_tiles grid;
    int64_t k, n_tiles, strips;
    bool shared_weights;
    int64_t block, round; /* tiles of a task; of transformed tiles at a time */
    int64_t row, plane;   /* transformed tiles: floats from tile to tile and place to place */
    int64_t piece, w_plane, w_strip; /* weights: k of a strip; floats of a place and of a strip */
    int64_t sum_plane;
    int64_t first, n_here; /* the round's tiles */
    float *zeros, *in, *w, *own;
    const float *transformed; /* few weights: all of them */
    const float *kept;        /* many weights, as keep_strip leaves them; NULL */
    int64_t kept_strip;
    int64_t in_floats, w_floats, sum_floats;
} winograd;

/* Tiles of a block: as many as its bytes allow, fewer to make tasks enough. */
static int64_t block_of(const winograd *o, int64_t most, int64_t columns)
{
    int64_t wanted = ceil_div(o->n_tiles * columns, GEMM_TASKS);
    int64_t n = min64(round_up(wanted, TILE_M), most / TILE_M * TILE_M);
    if (n < TILE_M) n = TILE_M;
    return min64(n, round_up(o->n_tiles, TILE_STEP));
}

static winograd winograd_of(const gemm *g, const windows *v)
{
    winograd o = {.g = g, .v = v, .k = v->cg};
    o.grid = winograd_tiles_of(v, g->m / (v->grid_h * v->grid_w));
    o.n_tiles = o.grid.down * o.grid.across * o.grid.samples;
    o.strips = ceil_div(g->n, TILE_N);
    o.row = round_up(o.k, 16) + 16;
    const int64_t tile_bytes = WINOGRAD_PLACES * o.row * 4;
    const int64_t w_bytes = WINOGRAD_PLACES * o.k * o.strips * TILE_N * 4;
    o.shared_weights = w_bytes <= WEIGHT_BYTES;
    if (o.shared_weights) {
        o.block = o.round = block_of(&o, min64(BLOCK_BYTES / tile_bytes, BLOCK_TILES), 1);
    } else {
        int64_t most = ROUND_BYTES / tile_bytes / TILE_M * TILE_M;
        o.block = block_of(&o, min64(most, BLOCK_TILES), o.strips);
        o.round = min64(most < TILE_M ? TILE_M : most, round_up(o.n_tiles, o.block));
    }
    o.plane = o.round * o.row + 16;
    o.piece = o.shared_weights ? o.k : min64(o.k, PIECE);
    o.w_plane = o.piece * TILE_N + 16;
    o.w_strip = WINOGRAD_PLACES * o.w_plane;
    o.kept_strip = 9 * o.k * TILE_N;
    o.sum_plane = o.block * TILE_N + 16;
    o.in_floats = WINOGRAD_PLACES * o.plane;
    o.w_floats = o.w_strip * (o.shared_weights ? o.strips : 1);
    o.sum_floats = WINOGRAD_PLACES * o.sum_plane + TILE_SIZE;
    return o;
}

bool winograd_can(const gemm *g, const windows *v)
{
    if (v->kh != 3 || v->kw != 3 || v->stride_h != 1 || v->stride_w != 1) return false;
    return v->dilation_h == 1 && v->dilation_w == 1 && g->groups == 1 && g->n > 0 && v->cg > 0;
}

/* Tiles that are mostly outside the image cost more than they save, sooner for weights, whose sums
 * are transformed back for few tiles. */
bool winograd_suits(const gemm *g, const windows *v)
{
    const int64_t most = g->a_by_k ? 2 : 3; /* times the pixels there are */
    winograd_tiles t = winograd_tiles_of(v, 1);
    return winograd_can(g, v) && v->cg >= FEW_CHANNELS && g->n >= FEW_CHANNELS &&
           most * v->grid_h * v->grid_w > t.down * t.across * WINOGRAD_OUT * WINOGRAD_OUT;
}

static int64_t own_floats(const winograd *o)
{
    return o->sum_floats + (o->shared_weights ? o->in_floats : o->w_floats);
}

/* Lays out scratch: zeros, what is shared, what each thread has. Returns the bytes. */
static size_t lay_out(winograd *o, int threads, float *scratch)
{
    int64_t shared = o->shared_weights ? o->g->packed ? 0 : o->w_floats : o->in_floats;
    o->zeros = scratch;
    o->w = o->in = o->zeros + o->row;
    o->own = o->w + shared;
    return (size_t)(o->row + shared + own_floats(o) * threads) * sizeof(float);
}

size_t winograd_scratch(const gemm *g, const windows *v, int threads)
{
    static float nowhere[1];
    if (g->m == 0) return 0;
    winograd o = winograd_of(g, v);
    return lay_out(&o, threads, nowhere);
}

/* ---- weights -----------------------------------------------------------------------------------
 */

/* G g G^T of VLEN columns: weights of place i at from + i * step. */
static void weights_vector(const float *from, int64_t step, int lanes, float *to, int64_t plane)
{
    vf half[6][3], g[3], u[6];
    for (int j = 0; j < 3; j++) {
        for (int i = 0; i < 3; i++) g[i] = vload_n(from + (i * 3 + j) * step, lanes);
        winograd_kernel(g, u);
        for (int i = 0; i < 6; i++) half[i][j] = u[i];
    }
    for (int i = 0; i < 6; i++) {
        winograd_kernel(half[i], u);
        for (int j = 0; j < 6; j++) vstore(to + (i * 6 + j) * plane, u[j]);
    }
}

/* Weights [n0, n0 + columns) x [k0, k0 + nk), nk <= VLEN, of [3, 3, n, k] as [9][VLEN k][VLEN n],
 * the last place first. */
static void turn_weights(const winograd *o, int64_t n0, int64_t k0, int nk, float *to)
{
    int columns = vlanes(n0, o->g->n);
    for (int64_t place = 8; place >= 0; place--, to += VLEN * VLEN) {
        const float *from = o->weights->w + (place * o->g->n + n0) * o->k + k0;
        vf r[VLEN];
        for (int i = 0; i < VLEN; i++) r[i] = i < columns ? vload_n(from + i * o->k, nk) : vzero();
        vtranspose(r);
        for (int i = 0; i < VLEN; i++) vstore(to + i * VLEN, r[i]);
    }
}

/* Vectors across a strip. */
static int strip_vectors(const winograd *o, int64_t strip)
{
    return (int)min64(TILE_V, ceil_div(o->g->n - strip * TILE_N, VLEN));
}

/* The strip's weights for [k0, k0 + nk), to `to` as [place][nk][nv * VLEN]: from w, whose rows are
 * asked for before they are used, since they lie far apart, or from where they are kept. */
static void straight_weights(const winograd *o, int64_t strip, int64_t k0, int64_t nk, float *to)
{
    const int nv = strip_vectors(o, strip);
    int64_t n = o->g->n - strip * TILE_N, row = o->g->n, step = o->k * o->g->n;
    const float *from = o->weights->w + k0 * row + strip * TILE_N;
    if (o->kept) {
        n = step = nv * VLEN, row = 9 * step;
        from = o->kept + strip * o->kept_strip + k0 * row;
    }
    for (int64_t k = 0; k < nk; k++, from += row)
        for (int x = 0; x < nv; x++, to += VLEN) {
            for (int i = 0; i < 9; i++)
                __builtin_prefetch(from + i * step + x * VLEN + WEIGHTS_AHEAD * row);
            weights_vector(from + x * VLEN, step, vlanes(x * VLEN, n), to, o->w_plane);
        }
}

static void turned_weights(const winograd *o, int64_t strip, int64_t k0, int64_t nk, float *to)
{
    const int nv = strip_vectors(o, strip);
    float turned[9 * VLEN * VLEN];
    for (int x = 0; x < nv; x++)
        for (int64_t k = 0; k < nk; k++) {
            if (k % VLEN == 0)
                turn_weights(o, strip * TILE_N + x * VLEN, k0 + k, vlanes(k, nk), turned);
            weights_vector(turned + k % VLEN * VLEN, VLEN * VLEN, VLEN, to + (k * nv + x) * VLEN,
                           o->w_plane);
        }
}

static void strip_weights(const winograd *o, int64_t strip, int64_t k0, int64_t nk, float *to)
{
    if (o->weights->backward)
        turned_weights(o, strip, k0, nk, to);
    else
        straight_weights(o, strip, k0, nk, to);
}

static void weights_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const winograd *o = arg;
    int64_t pieces = ceil_div(o->k, PIECE), strip = task / pieces, k0 = task % pieces * PIECE;
    int nv = strip_vectors(o, strip);
    strip_weights(o, strip, k0, min64(PIECE, o->k - k0),
                  o->w + strip * o->w_strip + k0 * nv * VLEN);
}

/* ---- tiles -------------------------------------------------------------------------------------
 */

/* B^T d B for the channels [c, c + lanes): element i of the result to to + i * plane. */
ALWAYS_INLINE void in_tile(const float *const *pixels, int64_t c, int lanes, float *to,
                           int64_t plane)
{
    vf half[6][6], d[6], v[6];
    for (int j = 0; j < 6; j++) {
        for (int i = 0; i < 6; i++)
            d[i] = lanes == VLEN ? vload(pixels[i * 6 + j] + c)
                                 : vload_n(pixels[i * 6 + j] + c, lanes);
        winograd_in(d, v);
        for (int i = 0; i < 6; i++) half[i][j] = v[i];
    }
    for (int i = 0; i < 6; i++) {
        winograd_in(half[i], v);
        for (int j = 0; j < 6; j++) vstore(to + (i * 6 + j) * plane, v[j]);
    }
}

/* All channels of a tile; those of the next, to the right as a rule, are asked for meanwhile. */
static void in_channels(const winograd_image *m, const float *const *pixels,
                        const float *const *next, float *to)
{
    int64_t c = m->c;
    for (; c + VLEN <= m->end; c += VLEN, to += VLEN) {
        for (int i = 0; i < 6; i++)
            for (int j = 2; j < 6; j++) __builtin_prefetch(next[i * 6 + j] + c);
        in_tile(pixels, c, VLEN, to, m->plane);
    }
    if (c < m->end) in_tile(pixels, c, (int)(m->end - c), to, m->plane);
}

void winograd_in_tiles(const winograd_image *m, int64_t first, int64_t n, float *to)
{
    const float *pixels[2][WINOGRAD_IN * WINOGRAD_IN];
    for (int64_t i = 0; i <= n; i++) {
        window at = winograd_tile(m->grid, first + (i < n ? i : n - 1));
        at.gy -= m->v->top, at.gx -= m->v->left;
        winograd_pixels(m->v, &at, WINOGRAD_IN, m->zeros, pixels[i % 2]);
        if (i > 0) in_channels(m, pixels[(i - 1) % 2], pixels[i % 2], to + (i - 1) * m->row);
    }
}

/* Tiles [first, first + n) of the call; zeros in rows that fill up a step. */
static void in_tiles(const winograd *o, int64_t first, int64_t n, float *in)
{
    winograd_in_tiles(&(winograd_image){o->v, &o->grid, o->zeros, 0, o->k, o->row, o->plane}, first,
                      n, in);
    for (int64_t i = n; i < round_up(n, TILE_STEP); i++)
        for (int64_t p = 0; p < WINOGRAD_PLACES; p++)
            gemm_zero(in + i * o->row + p * o->plane, o->k);
}

/* A task's products: n tiles of `in` and a strip's weights for k0 on, added to `sums`. */
typedef struct share {
    const float *in, *w;
    float *sums;
    int64_t n, k0, nk;
    int nv;
} share;

/* One tile of registers: a chain for each piece of k, added one after the other. */
static void multiply_rows(const winograd *o, const share *s, int64_t place, int64_t i)
{
    float *sums = s->sums + place * o->sum_plane + i * s->nv * VLEN;
    tile_run run = {.a = s->in + place * o->plane + i * o->row + s->k0,
                    .b = s->w + place * o->w_plane,
                    .a_row = o->row,
                    .b_step = s->nv * VLEN,
                    .runs = 1};
    for (int64_t k = 0; k < s->nk; k += PIECE) {
        run.n = min64(PIECE, s->nk - k);
        run.merges = s->k0 + k > 0;
        run.acc = sums + run.merges * TILE_SIZE;
        tile_of(TILE_STRIDED, s->n - i, s->nv)(&run);
        run.a += PIECE, run.b += PIECE * run.b_step;
    }
}

static void multiply(const winograd *o, const share *s)
{
    for (int64_t place = 0; place < WINOGRAD_PLACES; place++)
        for (int64_t i = 0; i < s->n; i += TILE_M) multiply_rows(o, s, place, i);
}

/* A^T m A of VLEN columns, rows of pixels `down` apart and pixels `across`. */
static void out_vector(const float *sums, int64_t plane, float *to, int64_t down, int64_t across)
{
    vf half[4][6], m[6], y[4];
    for (int j = 0; j < 6; j++) {
        for (int i = 0; i < 6; i++) m[i] = vload(sums + (i * 6 + j) * plane);
        winograd_out(m, y);
        for (int i = 0; i < 4; i++) half[i][j] = y[i];
    }
    for (int i = 0; i < 4; i++) {
        winograd_out(half[i], y);
        for (int j = 0; j < 4; j++) vstore(to + i * down + j * across, y[j]);
    }
}

/* Asks for the vectors of the next tile's pixels, when that of this one is at `to`. */
static void ask_out(const winograd *o, const float *to)
{
    const int64_t ld = o->g->ldc;
    for (int i = 0; i < WINOGRAD_OUT; i++, to += o->v->grid_w * ld)
        for (int j = 0; j < WINOGRAD_OUT; j++) __builtin_prefetch(to + (WINOGRAD_OUT + j) * ld, 1);
}

/* A strip's columns of one tile from its sums to C. */
static void out_tile(const winograd *o, const window *at, int64_t strip, int nv, const float *sums)
{
    const windows *v = o->v;
    const gemm *g = o->g;
    int64_t rows = min64(WINOGRAD_OUT, v->grid_h - at->gy);
    int64_t columns = min64(WINOGRAD_OUT, v->grid_w - at->gx);
    int64_t first = (at->sample * v->grid_h + at->gy) * v->grid_w + at->gx;
    gemm_tile t = {NULL, 0, first, WINOGRAD_OUT, strip * TILE_N, nv};
    float *to = rows == WINOGRAD_OUT && columns == WINOGRAD_OUT ? gemm_place(g, &t) : NULL;
    float tile[WINOGRAD_OUT * WINOGRAD_OUT * TILE_N];
    const int64_t ld = nv * VLEN;
    for (int x = 0; x < nv; x++, sums += VLEN) {
        if (to) ask_out(o, to + x * VLEN);
        if (to)
            out_vector(sums, o->sum_plane, to + x * VLEN, v->grid_w * g->ldc, g->ldc);
        else
            out_vector(sums, o->sum_plane, tile + x * VLEN, WINOGRAD_OUT * ld, ld);
    }
    t.n = columns;
    for (int64_t i = 0; i < rows && !to; i++, t.i0 += v->grid_w) {
        t.sums = tile + i * WINOGRAD_OUT * ld;
        gemm_store(g, &t);
    }
}

static void out_tiles(const winograd *o, int64_t first, int64_t strip, const share *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        window at = winograd_tile(&o->grid, first + i);
        out_tile(o, &at, strip, s->nv, s->sums + i * s->nv * VLEN);
    }
}

/* ---- few weights -------------------------------------------------------------------------------
 */

static void block_task(void *arg, int64_t task, int thread)
{
    const winograd *o = arg;
    float *in = o->own + thread * own_floats(o);
    int64_t first = task * o->block;
    share s = {.in = in, .sums = in + o->in_floats, .n = min64(o->block, o->n_tiles - first)};
    s.nk = o->k;
    in_tiles(o, first, s.n, in);
    for (int64_t strip = 0; strip < o->strips; strip++) {
        s.w = o->transformed + strip * o->w_strip;
        s.nv = strip_vectors(o, strip);
        multiply(o, &s);
        out_tiles(o, first, strip, &s);
    }
}

/* ---- many weights ------------------------------------------------------------------------------
 */

static void in_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const winograd *o = arg;
    int64_t at = task * TILE_STEP;
    in_tiles(o, o->first + at, min64(TILE_STEP, o->n_here - at), o->in + at * o->row);
}

static void strip_task(void *arg, int64_t task, int thread)
{
    const winograd *o = arg;
    int64_t blocks = ceil_div(o->n_here, o->block), strip = task / blocks;
    int64_t at = task % blocks * o->block;
    float *w = o->own + thread * own_floats(o);
    share s = {.in = o->in + at * o->row, .w = w, .sums = w + o->w_floats};
    s.n = min64(o->block, o->n_here - at);
    s.nv = strip_vectors(o, strip);
    for (; s.k0 < o->k; s.k0 += o->piece) {
        s.nk = min64(o->piece, o->k - s.k0);
        strip_weights(o, strip, s.k0, s.nk, w);
        multiply(o, &s);
    }
    out_tiles(o, o->first + at, strip, &s);
}

void winograd_run(const gemm *g, const windows *v, const winograd_weights *w, const snug_call *call)
{
    if (g->m == 0) return;
    winograd o = winograd_of(g, v);
    o.weights = w;
    size_t bytes = lay_out(&o, snug_queue_threads(call->queue), call->scratch);
    assert(bytes <= call->scratch_bytes);
    (void)bytes;
    gemm_zero(o.zeros, o.row);
    if (o.shared_weights) {
        o.transformed = g->packed ? g->kept : o.w;
        if (!g->packed)
            gemm_parallel(g, call->queue, o.strips * ceil_div(o.k, PIECE), weights_task, &o);
        gemm_parallel(g, call->queue, ceil_div(o.n_tiles, o.block), block_task, &o);
        return;
    }
    o.kept = g->packed ? g->kept : NULL;
    for (; o.first < o.n_tiles; o.first += o.round) {
        o.n_here = min64(o.round, o.n_tiles - o.first);
        gemm_parallel(g, call->queue, ceil_div(o.n_here, TILE_STEP), in_task, &o);
        gemm_parallel(g, call->queue, o.strips * ceil_div(o.n_here, o.block), strip_task, &o);
    }
}

/* Many weights of a strip as [k][3][3][nv * VLEN]. */
static void keep_strip(const winograd *o, int64_t strip)
{
    const int64_t n = o->g->n, n0 = strip * TILE_N, wide = strip_vectors(o, strip) * VLEN;
    float *to = o->w + strip * o->kept_strip;
    for (int64_t k = 0; k < o->k; k++)
        for (int i = 0; i < 9; i++)
            for (int64_t j = 0; j < wide; j += VLEN, to += VLEN)
                vstore(to, vload_n(o->weights->w + (i * o->k + k) * n + n0 + j, vlanes(n0 + j, n)));
}

size_t winograd_keep_bytes(const gemm *g, const windows *v)
{
    winograd o = winograd_of(g, v);
    return (size_t)(o.shared_weights ? o.w_floats : o.strips * o.kept_strip) * sizeof(float);
}

void winograd_keep(const gemm *g, const windows *v, const winograd_weights *w,
                   const snug_call *call)
{
    winograd o = winograd_of(g, v);
    o.weights = w;
    o.w = call->kept;
    for (int64_t i = 0; i < o.strips && !o.shared_weights; i++) keep_strip(&o, i);
    for (int64_t i = 0; i < o.strips * ceil_div(o.k, PIECE) && o.shared_weights; i++)
        weights_task(&o, i, 0);
}
