/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of packed.h. A task is a range of rows by a range of strips; a register tile goes
 * through all of k at once. Tiles are of whole threes of rows: the last of a range begins early
 * enough to end with it, and makes some rows again. */
#include "kernels/cpu/packed.h"
#include "kernels/cpu/activate.h"
#include <math.h>

#define TALLEST     TILE_M
#define NEAR_FLOATS (1 << 14) /* of A, which all strips pass by in turn */
#define SERIAL_MACS 60000     /* below this, handing out tasks costs more than it brings */
#define FINE_MACS   2000000   /* from here on a thread has several tasks */
#define AHEAD       4096      /* floats of A that are asked for before their tile, at least */

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One tile: rows of A lda apart, a strip of B, where C goes; what of A is asked for meanwhile. */
typedef struct tile {
    const float *a, *b, *bias, *ahead;
    int64_t lda, k, ldc, act;
    float *c;
    int last; /* lanes of the last vector */
} tile;

/* The range of C that a task makes is rows / of_rows by strips / of_strips. */
typedef struct job {
    const gemm *g;
    int64_t strips, of_rows, of_strips;
} job;

ALWAYS_INLINE vf bias_of(const tile *t, int v, int lanes)
{
    return t->bias ? vload_upto(t->bias + v * VLEN, lanes) : vzero();
}

/* Bias and activation, of n vectors `step` apart that go to the same columns. */
ALWAYS_INLINE void finish(const tile *t, vf *c, int n, int step, vf bias)
{
    if (t->bias) UNROLL for (int i = 0; i < n; i++) c[i * step] = vadd(c[i * step], bias);
    if (t->act == ACT_RELU || t->act == ACT_RELU6)
        UNROLL for (int i = 0; i < n; i++) c[i * step] = vmax(vzero(), c[i * step]);
    if (t->act == ACT_RELU6)
        UNROLL for (int i = 0; i < n; i++) c[i * step] = vmin(vset1(6), c[i * step]);
}

ALWAYS_INLINE void tile_any(const tile *t, int mr, int nv)
{
    vf c[TILE_M][TILE_V];
    const float *q[(TILE_M + 2) / 3], *b = t->b, *ahead = t->ahead;
    const int64_t row = t->lda;
    UNROLL for (int i = 0; i < mr; i += 3)
    {
        q[i / 3] = t->a + i * row;
        __asm__("" : "+r"(q[i / 3]));
    }
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] = vzero();
    for (int64_t k = t->k; k > 0; k--, b += nv * VLEN) {
        vf bv[TILE_V];
        UNROLL for (int v = 0; v < nv; v++) bv[v] = vload(b + v * VLEN);
        UNROLL for (int i = 0; i < mr; i++)
        {
            vf ai = vset1(q[i / 3][i % 3 * row]);
            UNROLL for (int v = 0; v < nv; v++) c[i][v] = vfma(ai, bv[v], c[i][v]);
        }
        __builtin_prefetch(ahead);
        ahead += mr;
        UNROLL for (int i = 0; i < mr; i += 3) q[i / 3]++;
    }
    UNROLL for (int v = 0; v < nv; v++)
    {
        const int lanes = v + 1 < nv ? VLEN : t->last;
        finish(t, &c[0][v], mr, TILE_V, bias_of(t, v, lanes));
        UNROLL for (int i = 0; i < mr; i++)
            vstore_upto(t->c + i * t->ldc + v * VLEN, c[i][v], lanes);
    }
}

/* clang-format off */
static void tile_r3v1(const tile *t) { tile_any(t, 3, 1); }
static void tile_r3v2(const tile *t) { tile_any(t, 3, 2); }
static void tile_r6v1(const tile *t) { tile_any(t, 6, 1); }
static void tile_r6v2(const tile *t) { tile_any(t, 6, 2); }
#if TILE_M > 6
static void tile_r9v1(const tile *t) { tile_any(t, 9, 1); }
static void tile_r9v2(const tile *t) { tile_any(t, 9, 2); }
static void tile_r12v1(const tile *t) { tile_any(t, 12, 1); }
static void tile_r12v2(const tile *t) { tile_any(t, 12, 2); }
#endif
/* clang-format on */

static void (*const tiles_of_rows[TILE_M / 3][TILE_V])(const tile *) = {
    {tile_r3v1, tile_r3v2},
    {tile_r6v1, tile_r6v2},
#if TILE_M > 6
    {tile_r9v1, tile_r9v2},
    {tile_r12v1, tile_r12v2},
#endif
};

/* One row: strips side by side, so that enough chains are under way. */
ALWAYS_INLINE void row_any(const tile *t, int strips, int nv)
{
    vf c[4 * TILE_V];
    const float *b = t->b;
    const int64_t skip = t->k * TILE_N;
    UNROLL for (int v = 0; v < strips * nv; v++) c[v] = vzero();
    for (int64_t k = 0; k < t->k; k++, b += nv * VLEN) {
        const vf a = vset1(t->a[k]);
        UNROLL for (int s = 0; s < strips; s++) UNROLL for (int v = 0; v < nv; v++) c[s * nv + v] =
            vfma(a, vload(b + s * skip + v * VLEN), c[s * nv + v]);
    }
    UNROLL for (int v = 0; v < strips * nv; v++)
    {
        const int lanes = v + 1 < strips * nv ? VLEN : t->last;
        finish(t, &c[v], 1, 1, bias_of(t, v, lanes));
        vstore_upto(t->c + v * VLEN, c[v], lanes);
    }
}

/* clang-format off */
static void row_s1v1(const tile *t) { row_any(t, 1, 1); }
static void row_s1v2(const tile *t) { row_any(t, 1, 2); }
static void row_s2v2(const tile *t) { row_any(t, 2, 2); }
static void row_s4v2(const tile *t) { row_any(t, 4, 2); }
/* clang-format on */

/* What is the same for all tiles of strip s. */
static tile strip_of(const gemm *g, int64_t s)
{
    const int64_t j = s * TILE_N;
    return (tile){.a = g->a,
                  .b = g->kept + j * g->k,
                  .bias = g->bias ? g->bias + j : NULL,
                  .lda = g->lda,
                  .k = g->k,
                  .ldc = g->ldc,
                  .act = g->act,
                  .c = g->c + j};
}

static int lanes_of(const gemm *g, int64_t columns_end)
{
    return columns_end <= g->n ? VLEN : (int)(g->n - (columns_end - VLEN));
}

static void one_row(const gemm *g, int64_t i, int64_t s, int64_t end)
{
    for (int64_t n = 1; s < end; s += n) {
        const int64_t left = end - s;
        tile t = strip_of(g, s);
        n = left >= 4 ? 4 : left >= 2 ? 2 : 1;
        /* a strip of one vector lies alone */
        if (n > 1 && (s + n) * TILE_N - VLEN >= g->n) n /= 2;
        const bool half = (s + 1) * TILE_N - VLEN >= g->n;
        t.a += i * g->lda, t.c += i * g->ldc;
        t.last = lanes_of(g, (s + n) * TILE_N - (half ? VLEN : 0));
        (n == 4 ? row_s4v2 : n == 2 ? row_s2v2 : half ? row_s1v1 : row_s1v2)(&t);
    }
}

static void one_strip(const gemm *g, int64_t s, int64_t begin, int64_t end, bool first)
{
    const bool half = (s + 1) * TILE_N - VLEN >= g->n;
    tile t = strip_of(g, s);
    t.last = lanes_of(g, (s + 1) * TILE_N - (half ? VLEN : 0));
    const float *a = t.a;
    float *c = t.c;
    for (int64_t i = begin, rows; i < end; i += rows) {
        rows = min64(ceil_div(end - i, 3) * 3, TALLEST);
        if (i + rows > end && end - rows >= begin) i = end - rows;
        if (i + rows > end) rows -= 3;
        t.a = t.ahead = a + i * g->lda, t.c = c + i * g->ldc;
        if (first) t.ahead += max64(rows * g->k, AHEAD);
        tiles_of_rows[rows / 3 - 1][half ? 0 : 1](&t);
    }
}

static void apply_gelu(const gemm *g, const int64_t rows[2], const int64_t columns[2])
{
    for (int64_t i = rows[0]; i < rows[1]; i++)
        for (int64_t j = columns[0]; j < columns[1]; j += VLEN) {
            float *c = g->c + i * g->ldc + j;
            const int lanes = vlanes(j, columns[1]);
            vstore_n(c, vgelu(vload_n(c, lanes)), lanes);
        }
}

static void range_task(void *arg, int64_t task, int thread)
{
    const job *w = arg;
    const gemm *g = w->g;
    (void)thread;
    const int64_t r = task / w->of_strips, q = task % w->of_strips;
    const int64_t rows[] = {g->m * r / w->of_rows, g->m * (r + 1) / w->of_rows};
    const int64_t s0 = w->strips * q / w->of_strips, s1 = w->strips * (q + 1) / w->of_strips;
    const int64_t columns[] = {s0 * TILE_N, min64(s1 * TILE_N, g->n)};
    const int64_t near = max64(NEAR_FLOATS / g->k / TILE_M, 1) * TILE_M;
    if (rows[1] - rows[0] < 3)
        for (int64_t i = rows[0]; i < rows[1]; i++) one_row(g, i, s0, s1);
    else
        for (int64_t i = rows[0], end; i < rows[1]; i = end) {
            end = rows[1] - i < 2 * near ? rows[1] : i + near;
            for (int64_t s = s0; s < s1; s++) one_strip(g, s, i, end, s == s0);
        }
    if (g->act == ACT_GELU) apply_gelu(g, rows, columns);
}

/* What a cut costs the thread that has most to do, in cycles a k, about: multiply-adds, B from the
 * second cache, a little for each task. */
static int64_t cost_of(const job *w, int threads)
{
    const gemm *g = w->g;
    const int64_t rounds = ceil_div(w->of_rows * w->of_strips, threads);
    const int64_t rows = ceil_div(ceil_div(g->m, w->of_rows), 3) * 3;
    const int64_t vectors = min64(ceil_div(w->strips, w->of_strips) * TILE_V, ceil_div(g->n, VLEN));
    return rounds * (rows * vectors + 2 * vectors + 4);
}

static job cut(const gemm *g, int threads)
{
    job best = {g, ceil_div(g->n, TILE_N), 1, 1};
    const int64_t macs = g->m * g->n * g->k;
    if (macs < SERIAL_MACS || threads == 1) return best;
    const int64_t tasks = macs < FINE_MACS ? threads : 4 * threads;
    int64_t least = INT64_MAX;
    for (int64_t n = 1; n <= tasks; n *= 2) {
        job w = best;
        w.of_strips = min64(n, w.strips);
        w.of_rows = min64(ceil_div(tasks, w.of_strips), ceil_div(g->m, 3));
        const int64_t cost = cost_of(&w, threads);
        if (cost < least) least = cost, best = w;
    }
    return best;
}

static void multiply(const gemm *g, snug_queue *q)
{
    job w = cut(g, snug_queue_threads(q));
    snug_parallel(q, w.of_rows * w.of_strips, range_task, &w);
}

void packed_run(const gemm *g, const snug_call *call)
{
    if (g->m * g->n > 0) multiply(g, call->queue);
}

/* ---- a strip of B at a time
 * ----------------------------------------------------------------------
 */

typedef struct strips {
    const gemm *g;
    float *own; /* a thread's strip */
} strips;

static void strip_task(void *arg, int64_t task, int thread)
{
    const strips *w = arg;
    gemm g = *w->g;
    const int64_t j = task * TILE_N, rows[] = {0, g.m};
    float *b = w->own + thread * g.k * TILE_N;
    g.pack_b(w->g, &(gemm_block){.i0 = j, .ni = min64(TILE_N, g.n - j), .nk = g.k, .out = b});
    g.kept = b, g.c += j, g.n -= j;
    if (g.bias) g.bias += j;
    one_strip(&g, 0, 0, g.m, true);
    if (g.act == ACT_GELU) apply_gelu(&g, rows, (int64_t[]){0, min64(TILE_N, g.n)});
}

size_t packed_strips_scratch(const gemm *g, int threads)
{
    return (size_t)(threads * g->k * TILE_N) * sizeof(float);
}

void packed_strips_run(const gemm *g, const snug_call *call)
{
    strips w = {g, call->scratch};
    gemm_parallel(g, call->queue, ceil_div(g->n, TILE_N), strip_task, &w);
}

/* ---- windows -----------------------------------------------------------------------------------
 */

/* Rows of windows as a matrix, some rows at a time. */
typedef struct gathering {
    const windows *v;
    float *to;
    int64_t k, ld, first, rows;
} gathering;

#define GATHERED_BYTES ((int64_t)1 << 20)
#define GATHER_ROWS    8 /* of a task */

/* window_gather may write a vector too much. */
static int64_t gathered_ld(const gemm *g)
{
    return (g->k + 15) / 16 * 16 + 16;
}

static int64_t gathered_rows(const gemm *g)
{
    const int64_t most = GATHERED_BYTES / 4 / gathered_ld(g) / TALLEST * TALLEST;
    return min64(g->m, most > TALLEST ? most : TALLEST);
}

static void gather_task(void *arg, int64_t task, int thread)
{
    const gathering *w = arg;
    const int64_t begin = task * GATHER_ROWS, end = min64(begin + GATHER_ROWS, w->rows);
    const window_part part = window_part_of(w->v, 0, w->k);
    window at = window_at(w->v, w->first + begin);
    (void)thread;
    for (int64_t i = begin; i < end; i++, window_next(w->v, &at))
        window_gather(w->v, 0, &at, &part, w->to + i * w->ld);
}

size_t packed_windows_scratch(const gemm *g)
{
    return (size_t)(gathered_rows(g) * gathered_ld(g)) * sizeof(float);
}

void packed_windows_run(const gemm *g, const windows *v, const snug_call *call)
{
    const int64_t rows = gathered_rows(g);
    gathering w = {.v = v, .to = call->scratch, .k = g->k, .ld = gathered_ld(g)};
    for (; w.first < g->m && g->n > 0; w.first += rows) {
        gemm part = *g;
        part.m = w.rows = min64(rows, g->m - w.first);
        part.a = w.to, part.lda = w.ld;
        part.c = g->c + w.first * g->ldc;
        snug_parallel(call->queue, ceil_div(w.rows, GATHER_ROWS), gather_task, &w);
        multiply(&part, call->queue);
    }
}
