/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel of scatter.h. A task is a sample; it takes as many windows as a register tile has
 * rows, with all their places, row of the window by row, and adds them to the image. */
#include "kernels/cpu/scatter.h"
#include "kernels/cpu/tile.h"
#include <assert.h>

#define IMAGE_BYTES ((int64_t)256 << 10)
#define SUMS_BYTES  ((int64_t)32 << 10)

typedef struct scatter {
    const gemm *g;
    const windows *v;
    int64_t run, vectors;    /* floats of a row of the window; vectors they take */
    int64_t line, floats;    /* of the padded image */
    int64_t b_floats, apart; /* packed weights of a row; windows that share no vector */
    float *b, *own;
} scatter;

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static scatter scatter_of(const gemm *g, const windows *v)
{
    scatter s = {.g = g, .v = v, .run = v->kw * v->cg, .apart = 1};
    const int64_t step = v->stride_w * v->cg;
    s.vectors = ceil_div(s.run, VLEN);
    s.line = max64((v->grid_w - 1) * v->stride_w + v->kw, v->left + v->w) * v->cg;
    const int64_t seen = (v->grid_h - 1) * v->stride_h + (v->kh - 1) * v->dilation_h + 1;
    s.floats = ceil_div(max64(seen, v->top + v->h) * s.line + VLEN, 16) * 16;
    s.b_floats = s.vectors * VLEN * g->k;
    /* a load that overlaps a store before it, yet is not the same vector, waits for it */
    if (step % VLEN != 0) s.apart = ceil_div(s.vectors * VLEN, step);
    return s;
}

static int64_t sums_floats(const scatter *s)
{
    return s->v->kh * s->vectors * VLEN * TILE_M;
}

bool scatter_suits(const gemm *g, const windows *v)
{
    if (g->groups != 1 || v->dilation_w > 1 || v->grid_w == 0 || v->grid_h == 0 || g->k == 0 ||
        v->kh == 0 || v->kw == 0 || v->kh * v->kw == 1)
        return false;
    const scatter s = scatter_of(g, v);
    return s.floats * 4 <= IMAGE_BYTES && sums_floats(&s) * 4 <= SUMS_BYTES && v->cg * 2 <= VLEN;
}

/* Of rows of dy that are copied. */
static int64_t spare_floats(const scatter *s)
{
    return round_up(TILE_M * s->g->k, 16);
}

static int64_t own_floats(const scatter *s)
{
    return s->floats + sums_floats(s) + spare_floats(s);
}

size_t scatter_scratch(const gemm *g, const windows *v, int threads)
{
    const scatter s = scatter_of(g, v);
    return (size_t)(v->kh * s.b_floats + own_floats(&s) * threads) * sizeof(float);
}

static void pack_task(void *arg, int64_t ky, int thread)
{
    (void)thread;
    const scatter *s = arg;
    const gemm_block b = {.ni = s->run, .nk = s->g->k, .out = s->b + ky * s->b_floats};
    gemm_pack_bt(&b, s->g->b + ky * s->run * s->g->ldb, s->g->ldb, 0, s->g->k);
}

/* Rows [first, first + n) of dy, whole steps of a tile: the last of all are copied, and repeated.
 */
static const float *rows_of(const scatter *s, int64_t first, int64_t n, float *spare, int64_t *ld)
{
    const gemm *g = s->g;
    const float *from = g->a + first * g->lda;
    const int64_t whole = round_up(n, TILE_STEP);
    *ld = g->lda;
    if (first + whole <= g->m) return from;
    *ld = g->k;
    for (int64_t i = 0; i < whole; i++)
        memcpy(spare + i * g->k, from + min64(i, n - 1) * g->lda, (size_t)g->k * sizeof *spare);
    return spare;
}

/* What windows [first, first + n) add to their places: [row of the window][strip][n][vectors]. */
static void multiply(const scatter *s, int64_t first, int64_t n, float *sums)
{
    const gemm *g = s->g;
    tile_run run = {.n = g->k, .runs = 1};
    run.a = rows_of(s, first, n, sums + sums_floats(s), &run.a_row);
    for (int64_t ky = 0; ky < s->v->kh; ky++) {
        for (int64_t v = 0; v < s->vectors; v += TILE_V) {
            const int nv = s->vectors - v < TILE_V ? 1 : TILE_V;
            run.b = s->b + ky * s->b_floats + v * VLEN * g->k;
            run.b_step = nv * VLEN;
            run.acc = sums + (ky * s->vectors + v) * VLEN * TILE_M;
            tile_of(TILE_STRIDED, n, nv)(&run);
        }
    }
}

/* Adds the places of the tile's window i to the image from `to` on. */
static void add_window(const scatter *s, const float *sums, int64_t i, float *to)
{
    for (int64_t ky = 0; ky < s->v->kh; ky++, to += s->v->dilation_h * s->line) {
        for (int64_t v = 0; v < s->vectors; v++) {
            const int64_t strip = v / TILE_V * TILE_V;
            const int64_t nv = s->vectors - strip < TILE_V ? 1 : TILE_V;
            const float *from = sums + (ky * s->vectors + strip) * VLEN * TILE_M;
            const vf more = vload_n(from + (i * nv + v - strip) * VLEN, vlanes(v * VLEN, s->run));
            vstore(to + v * VLEN, vadd(vload(to + v * VLEN), more));
        }
    }
}

static void sample_task(void *arg, int64_t sample, int thread)
{
    const scatter *s = arg;
    const windows *v = s->v;
    const int64_t area = v->grid_h * v->grid_w;
    float *image = s->own + thread * own_floats(s), *sums = image + s->floats;
    gemm_zero(image, s->floats);
    for (int64_t p = 0; p < area; p += TILE_M) {
        const int64_t n = area - p < TILE_M ? area - p : TILE_M;
        multiply(s, sample * area + p, n, sums);
        for (int64_t first = 0; first < s->apart; first++)
            for (int64_t i = first; i < n; i += s->apart) {
                const int64_t y = (p + i) / v->grid_w * v->stride_h;
                const int64_t x = (p + i) % v->grid_w * v->stride_w;
                add_window(s, sums, i, image + y * s->line + x * v->cg);
            }
    }
    float *dx = s->g->c + sample * v->h * v->w * v->cg;
    for (int64_t y = 0; y < v->h; y++)
        gemm_copy(dx + y * v->w * v->cg, image + (v->top + y) * s->line + v->left * v->cg,
                  v->w * v->cg);
}

void scatter_run(const gemm *g, const windows *v, const snug_call *call)
{
    scatter s = scatter_of(g, v);
    assert(scatter_scratch(g, v, snug_queue_threads(call->queue)) <= call->scratch_bytes);
    s.b = call->scratch;
    s.own = s.b + v->kh * s.b_floats;
    gemm_parallel(g, call->queue, v->kh, pack_task, &s);
    gemm_parallel(g, call->queue, g->m / (v->grid_h * v->grid_w), sample_task, &s);
}
