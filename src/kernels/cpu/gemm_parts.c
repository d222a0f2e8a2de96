/* SPDX-License-Identifier: Apache-2.0 */
/* What matrix products share beside the tiles: B packed into strips, finished tiles through bias
 * and activation to C, and sums of leaf slots combined. */
#include "kernels/cpu/activate.h"
#include "kernels/cpu/gemm.h"

#define AHEAD 64 /* floats of a row of B that are asked for before they are turned */

void gemm_pack_b(const gemm_block *b, const float *from, int64_t ld)
{
    for (int64_t s = 0; s * TILE_N < b->ni; s++) {
        int64_t offset, n0 = s * TILE_N;
        int nv = gemm_strip(b->ni, b->nk, s, &offset);
        int last = vlanes(n0 + (nv - 1) * VLEN, b->ni);
        float *to = b->out + offset;
        const float *row = from + n0;
        for (int64_t k = 0; k < b->nk; k++, to += nv * VLEN, row += ld) {
            for (int v = 0; v + 1 < nv; v++) vstore(to + v * VLEN, vload(row + v * VLEN));
            vstore(to + (nv - 1) * VLEN, vload_n(row + (nv - 1) * VLEN, last));
        }
    }
}

/* VLEN columns of B, nk <= VLEN of k. */
static void pack_square(float *to, int64_t to_ld, const float *from, int64_t ld, int columns,
                        int nk)
{
    vf r[VLEN];
    for (int i = 0; i < VLEN; i++) {
        r[i] = i < columns ? vload_n(from + i * ld, nk) : vzero();
        __builtin_prefetch(from + i * ld + AHEAD);
    }
    vtranspose(r);
    for (int k = 0; k < nk; k++) vstore(to + k * to_ld, r[k]);
}

void gemm_pack_bt(const gemm_block *b, const float *from, int64_t ld, int64_t at, int64_t rows)
{
    for (int64_t s = 0; s * TILE_N < b->ni; s++) {
        int64_t offset;
        int nv = gemm_strip(b->ni, rows, s, &offset);
        for (int v = 0; v < nv; v++) {
            int64_t n0 = s * TILE_N + v * VLEN;
            float *to = b->out + offset + at * nv * VLEN + v * VLEN;
            for (int64_t k = 0; k < b->nk; k += VLEN)
                pack_square(to + k * nv * VLEN, nv * VLEN, from + n0 * ld + k, ld,
                            vlanes(n0, b->ni), vlanes(k, b->nk));
        }
    }
}

static void store_rows(const gemm *g, const gemm_tile *t, float *const *rows)
{
    const float *sums = t->sums;
    int64_t j = t->j0;
    for (int v = 0; v < t->nv; v++, j += VLEN, sums += VLEN) {
        int lanes = vlanes(j, g->n);
        vf bias = g->bias ? vload_n(g->bias + t->group * g->n + j, lanes) : vzero();
        for (int64_t r = 0; r < t->n; r++) {
            vf x = vload(sums + r * t->nv * VLEN);
            if (g->bias) x = vadd(x, bias);
            x = vactivate(g->act, x);
            if (lanes == VLEN)
                vstore(rows[r] + j, x);
            else
                vstore_n(rows[r] + j, x, lanes);
        }
    }
}

/* Squares of the tile are turned; bias belongs to the rows. */
static void store_across(const gemm *g, const gemm_tile *t)
{
    for (int64_t i = 0; i < t->n; i += VLEN) {
        const int n = vlanes(i, t->n);
        const vf bias = g->bias ? vload_n(g->bias + t->i0 + i, n) : vzero();
        for (int v = 0; v < t->nv; v++) {
            const float *sums = t->sums + (i * t->nv + v) * VLEN;
            float *to = g->c + (t->j0 + v * VLEN) * g->ldc + t->i0 + i;
            vf r[VLEN];
            for (int c = 0; c < VLEN; c++) r[c] = c < n ? vload(sums + c * t->nv * VLEN) : vzero();
            vtranspose(r);
            for (int c = 0; c < vlanes(t->j0 + v * VLEN, g->n); c++, to += g->ldc) {
                if (g->bias) r[c] = vadd(r[c], bias);
                vstore_n(to, vactivate(g->act, r[c]), n);
            }
        }
    }
}

void gemm_store(const gemm *g, const gemm_tile *t)
{
    if (g->across) {
        store_across(g, t);
        return;
    }
    float *rows[TILE_M];
    if (g->rows) g->rows(g, t->group, t->i0, t->n, rows);
    for (int64_t r = 0; r < t->n && !g->rows; r++)
        rows[r] = g->c + t->group * g->n + (t->i0 + r) * g->ldc;
    store_rows(g, t, rows);
}

void gemm_store_part(const gemm *g, const gemm_tile *t, float *part)
{
    float *rows[TILE_M];
    for (int64_t r = 0; r < t->n; r++) rows[r] = part + (t->group * g->m + t->i0 + r) * g->n;
    store_rows(g, t, rows);
}

typedef struct combination {
    const gemm *g;
    const float *parts;
    int64_t n;
} combination;

/* Lanes of row r, from column j on, to where the transpose has them. */
static void put_across(const gemm *g, int64_t r, int64_t j, vf sum)
{
    float lane[VLEN], *to = g->c + j * g->ldc + r;
    vstore(lane, sum);
    for (int v = 0; v < vlanes(j, g->n); v++) to[v * g->ldc] = lane[v];
}

static void combine_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const combination *c = arg;
    const gemm *g = c->g;
    int64_t all = g->groups * g->m, rows = (all + GEMM_TASKS - 1) / GEMM_TASKS, n = g->n;
    int64_t begin = task * rows, end = begin + rows < all ? begin + rows : all;
    for (int64_t r = begin; r < end; r++) {
        float *to = g->c + r / g->m * n + r % g->m * g->ldc;
        for (int64_t j = 0; j < n; j += VLEN) {
            int lanes = vlanes(j, n);
            vf sum[GEMM_PARTS];
            for (int64_t p = 0; p < c->n; p++)
                sum[p] = vload_n(c->parts + (p * all + r) * n + j, lanes);
            for (int64_t d = 1; d < c->n; d *= 2)
                for (int64_t p = 0; p < c->n; p += 2 * d) sum[p] = vadd(sum[p], sum[p + d]);
            if (g->across)
                put_across(g, r, j, sum[0]);
            else
                vstore_n(to + j, sum[0], lanes);
        }
    }
}

void gemm_combine(const gemm *g, snug_queue *q, const float *parts, int64_t n_parts)
{
    gemm_parallel(g, q, GEMM_TASKS, combine_task, &(combination){g, parts, n_parts});
}
