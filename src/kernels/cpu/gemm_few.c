/* SPDX-License-Identifier: Apache-2.0 */
/* Products of few rows or of few k, which memory bounds: a matrix times a vector, and the outer
 * product of two. B or C goes by in long rows; no tile, no packing. Bits are those of gemm.h: each
 * element is one chain in the order of k.
 *
 * Where B's rows run along n, a step adds eight rows of B to a row of C; where they run along k,
 * squares of B are turned in registers. */
#include "kernels/cpu/activate.h"
#include "kernels/cpu/gemm.h"

#define FEW_ROWS   2   /* of C */
#define FEW_TURNED 8   /* of C, where B's squares are turned */
#define FEW_K      4   /* with more rows of C than that, where tiles do not read A well */
#define CHUNK      512 /* columns of C at a time: eight such pieces of B stay in the nearest cache */
#define DEEP       8   /* rows of B in a step */
#define AHEAD      64  /* floats of a turned row that are asked for */
#define SERIAL     40000 /* elements of B or C below which threads are not woken */

typedef struct job {
    const gemm *g;
    int64_t rows, columns, n_columns; /* of a task; tasks across */
} job;

static const float *element_of_a(const gemm *g, int64_t i, int64_t k)
{
    return g->a + (g->a_by_k ? k * g->lda + i : i * g->lda + k);
}

/* c[0, n) of row i, from 0 when k is, plus `deep` rows of B from k on. */
ALWAYS_INLINE void add_rows(const gemm *g, int64_t i, int64_t k, int64_t j, int64_t n, int deep)
{
    const int64_t step = g->a_by_k ? g->lda : 1, ldb = g->ldb;
    const float *a = element_of_a(g, i, k), *b = g->b + k * ldb + j;
    float *c = g->c + i * g->ldc + j;
    vf x[DEEP];
    for (int d = 0; d < deep; d++) x[d] = vset1(a[d * step]);
    for (int64_t v = 0; v < n; v += VLEN) {
        const int lanes = vlanes(v, n);
        vf sum = k == 0 ? vzero() : vload_upto(c + v, lanes);
        for (int d = 0; d < deep; d++) sum = vfma(x[d], vload_upto(b + d * ldb + v, lanes), sum);
        vstore_upto(c + v, sum, lanes);
    }
}

static void add_eight(const gemm *g, int64_t i, int64_t k, int64_t j, int64_t n)
{
    add_rows(g, i, k, j, n, DEEP);
}

static void add_four(const gemm *g, int64_t i, int64_t k, int64_t j, int64_t n)
{
    add_rows(g, i, k, j, n, 4);
}

static void add_one(const gemm *g, int64_t i, int64_t k, int64_t j, int64_t n)
{
    add_rows(g, i, k, j, n, 1);
}

static void finish_row(const gemm *g, int64_t i, int64_t j, int64_t n)
{
    float *c = g->c + i * g->ldc + j;
    if (!g->bias && g->act == ACT_NONE) return;
    for (int64_t v = 0; v < n; v += VLEN) {
        const int lanes = vlanes(v, n);
        vf x = vload_n(c + v, lanes);
        if (g->bias) x = vadd(x, vload_n(g->bias + j + v, lanes));
        vstore_n(c + v, vactivate(g->act, x), lanes);
    }
}

/* Rows [i, end) of C, columns [j, j + n). */
static void rows_by_rows(const gemm *g, int64_t i, int64_t end, int64_t j, int64_t n)
{
    for (int64_t k = 0, deep; k < g->k; k += deep) {
        const int64_t left = g->k - k;
        deep = left >= DEEP ? DEEP : left >= 4 ? 4 : 1;
        for (int64_t r = i; r < end; r++)
            deep == DEEP ? add_eight(g, r, k, j, n)
            : deep == 4  ? add_four(g, r, k, j, n)
                         : add_one(g, r, k, j, n);
    }
    for (int64_t r = i; r < end; r++) finish_row(g, r, j, n);
}

static void rows_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *t = arg;
    const gemm *g = t->g;
    int64_t i = task / t->n_columns * t->rows, end = min64(i + t->rows, g->m);
    int64_t j0 = task % t->n_columns * t->columns, j1 = min64(j0 + t->columns, g->n);
    for (int64_t j = j0; j < j1; j += CHUNK)
        for (int64_t r = i; r < end; r += FEW_ROWS)
            rows_by_rows(g, r, min64(r + FEW_ROWS, end), j, min64(CHUNK, j1 - j));
}

/* Of B with its rows along k: columns [j, j + n), k in [k, k + nk), VLEN of each at most. */
typedef struct square {
    int64_t j, k;
    int n, nk;
} square;

/* To the sums of `rows` rows of C; those behind the last are made like it and dropped. */
ALWAYS_INLINE void add_square(const gemm *g, square s, int rows, vf sum[FEW_TURNED])
{
    const float *b = g->bt + s.j * g->ldb + s.k;
    vf t[VLEN];
    for (int c = 0; c < VLEN; c++, b += g->ldb) {
        t[c] = c < s.n ? vload_upto(b, s.nk) : vzero();
        __builtin_prefetch(b + AHEAD);
    }
    vtranspose(t);
    for (int r = 0; r < rows; r++) {
        const float *a = g->a + min64(r, g->m - 1) * g->lda + s.k;
        for (int d = 0; d < s.nk; d++) sum[r] = vfma(vset1(a[d]), t[d], sum[r]);
    }
}

/* Columns [j, j + n), two vectors at most, of `rows` rows of C: two chains hide each other's
 * latency. */
ALWAYS_INLINE void turned_columns(const gemm *g, int64_t j, int n, int rows)
{
    vf sum[2][FEW_TURNED];
    for (int v = 0; v < 2; v++)
        for (int r = 0; r < rows; r++) sum[v][r] = vzero();
    for (int64_t k = 0; k < g->k; k += VLEN) {
        for (int v = 0; v * VLEN < n; v++) {
            const square s = {j + v * VLEN, k, vlanes(v * VLEN, n), vlanes(k, g->k)};
            if (s.nk == VLEN && s.n == VLEN)
                add_square(g, (square){s.j, k, VLEN, VLEN}, rows, sum[v]);
            else
                add_square(g, s, rows, sum[v]);
        }
    }
    for (int v = 0; v * VLEN < n; v++)
        for (int r = 0; r < rows && r < g->m; r++)
            vstore_n(g->c + r * g->ldc + j + v * VLEN, sum[v][r], vlanes(v * VLEN, n));
}

static void turned_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const job *t = arg;
    const gemm *g = t->g;
    int64_t j0 = task * t->columns, end = min64(j0 + t->columns, g->n);
    for (int64_t j = j0; j < end; j += 2 * VLEN) {
        const int n = (int)min64(2 * VLEN, end - j);
        if (g->m == 1)
            turned_columns(g, j, n, 1);
        else if (g->m <= 4)
            turned_columns(g, j, n, 4);
        else
            turned_columns(g, j, n, FEW_TURNED);
    }
    for (int64_t i = 0; i < g->m; i++) finish_row(g, i, j0, end - j0);
}

static void run(const gemm *g, snug_queue *q, int64_t elements, job *t,
                void (*fn)(void *, int64_t, int))
{
    const int64_t n_rows = (g->m + t->rows - 1) / t->rows;
    if (elements >= SERIAL)
        snug_parallel(q, n_rows * t->n_columns, fn, t);
    else
        for (int64_t i = 0; i < n_rows * t->n_columns; i++) fn(t, i, 0);
}

bool gemm_few(const gemm *g, snug_queue *q)
{
    if (g->groups != 1 || g->rows || g->leaves > 1 || !g->a || g->lda == 0 || g->packed)
        return false;
    const int64_t threads = snug_queue_threads(q), line = 4 * VLEN;
    job t = {.g = g, .rows = g->m};
    t.columns = (g->n + threads * line - 1) / (threads * line) * line;
    t.n_columns = (g->n + t.columns - 1) / t.columns;
    if (g->b && g->m <= FEW_ROWS && g->k > 0) {
        run(g, q, g->k * g->n, &t, rows_task);
    } else if (g->b && g->k <= (g->a_by_k ? FEW_K : 1) && g->k > 0 && g->n >= 4 * VLEN) {
        t = (job){g, (g->m + 2 * threads - 1) / (2 * threads), g->n, 1};
        run(g, q, g->m * g->n, &t, rows_task);
    } else if (g->bt && g->m <= FEW_TURNED && !g->a_by_k) {
        run(g, q, g->k * g->n, &t, turned_task);
    } else {
        return false;
    }
    return true;
}
