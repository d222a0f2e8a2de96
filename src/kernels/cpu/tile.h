/* SPDX-License-Identifier: Apache-2.0 */
/* The register tile of gemm.c: mr rows by nv vectors of C stay in registers over a run of k; a
 * function for each height, width and layout of A. */
#ifndef KERNELS_CPU_TILE_H
#define KERNELS_CPU_TILE_H

#include "kernels/cpu/gemm.h"

typedef struct tile_run {
    const float *a, *b;
    int64_t a_step, b_step, n; /* floats from one k to the next; how many k */
    float *acc; /* partials, TILE_SIZE floats apart: this one, and before it those it merges with */
    bool carry; /* *acc holds the chain so far; else it starts at zero */
    int merges; /* then add the partials before, the last first */
} tile_run;

#define ALWAYS_INLINE inline __attribute__((always_inline))
/* gcc unrolls by itself only after it has decided to keep the array in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* by_k: a's rows are adjacent floats; else BLOCK_LDA apart. */
static ALWAYS_INLINE void tile_any(const tile_run *t, int mr, int nv, bool by_k)
{
    vf c[TILE_M][TILE_V];
    const int64_t row = by_k ? 1 : BLOCK_LDA;
    const float *a = t->a, *b = t->b;
    float *acc = t->acc;
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
        t->carry ? vload(acc + (i * nv + v) * VLEN) : vzero();
    for (int64_t k = t->n; k > 0; k--) {
        vf bv[TILE_V];
        UNROLL for (int v = 0; v < nv; v++) bv[v] = vload(b + v * VLEN);
        UNROLL for (int i = 0; i < mr; i++)
        {
            vf ai = vset1(a[i * row]);
            UNROLL for (int v = 0; v < nv; v++) c[i][v] = vfma(ai, bv[v], c[i][v]);
        }
        a += by_k ? t->a_step : 1;
        b += t->b_step;
    }
    for (int m = t->merges; m > 0; m--) {
        acc -= TILE_SIZE;
        UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++) c[i][v] =
            vadd(vload(acc + (i * nv + v) * VLEN), c[i][v]);
    }
    UNROLL for (int i = 0; i < mr; i++) UNROLL for (int v = 0; v < nv; v++)
        vstore(acc + (i * nv + v) * VLEN, c[i][v]);
}

typedef void (*tile_fn)(const tile_run *);

/* clang-format off */
static void tile_m1v1(const tile_run *t) { tile_any(t, TILE_STEP, 1, false); }
static void tile_m2v1(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 1, false); }
static void tile_m3v1(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 1, false); }
static void tile_m1v2(const tile_run *t) { tile_any(t, TILE_STEP, 2, false); }
static void tile_m2v2(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 2, false); }
static void tile_m3v2(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 2, false); }
static void tile_k1v1(const tile_run *t) { tile_any(t, TILE_STEP, 1, true); }
static void tile_k2v1(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 1, true); }
static void tile_k3v1(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 1, true); }
static void tile_k1v2(const tile_run *t) { tile_any(t, TILE_STEP, 2, true); }
static void tile_k2v2(const tile_run *t) { tile_any(t, 2 * TILE_STEP, 2, true); }
static void tile_k3v2(const tile_run *t) { tile_any(t, 3 * TILE_STEP, 2, true); }
/* clang-format on */

/* By layout of A, height in steps less one, vectors less one. */
static const tile_fn tiles[2][3][2] = {
    {{tile_m1v1, tile_m1v2}, {tile_m2v1, tile_m2v2}, {tile_m3v1, tile_m3v2}},
    {{tile_k1v1, tile_k1v2}, {tile_k2v1, tile_k2v2}, {tile_k3v1, tile_k3v2}},
};

#endif
