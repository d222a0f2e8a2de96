/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix product behind matmul and the convolutions: C [m, n] = sum over k of A(m, k) B(k, n).
 *
 * A and B are whatever two packing functions copy into panels, so a convolution is a product whose
 * A gathers windows of the image. Each element of C is one chain of multiply-adds in the order of
 * k, whatever the blocks, the tiles and the thread: the bits depend on k and the tier only.
 *
 * When k counts samples, it is cut into leaf slots of leaf_k (snug/leaves.h): a slot has a chain of
 * its own, and slots are combined by the binary tree inside the register tile. */
#ifndef KERNELS_CPU_GEMM_H
#define KERNELS_CPU_GEMM_H

#include "kernels/cpu/sizes.h"
#include "kernels/cpu/vec.h"
#include "ops/ops.h"
#include <snug/leaves.h>

/* The register tile: TILE_M rows by TILE_V vectors, heights in multiples of TILE_STEP. 24 of 32
 * vector registers hold it, or 12 of 16. */
#if defined(SNUG_AVX512) || defined(SNUG_NEON)
#define TILE_STEP 4
#else
#define TILE_STEP 2
#endif
#define TILE_M    (3 * TILE_STEP)
#define TILE_V    2
#define TILE_N    (TILE_V * VLEN)
#define TILE_SIZE (TILE_M * TILE_N)

#define GEMM_TASKS 16 /* wanted, so that a few threads are kept busy */
#define GEMM_PARTS 8  /* into which leaf slots are divided at most, to get them */

#define BLOCK_M 96  /* rows of C a task takes, a tile more at most; a multiple of TILE_M */
#define BLOCK_N 128 /* columns */
#define BLOCK_K 256 /* of k packed at a time */
/* Row to row of A's block when its rows run along k: not a power of two, for the cache's sets. */
#define BLOCK_LDA (BLOCK_K + 16)

typedef struct gemm_block {
    int64_t group, i0, ni, k0, nk; /* rows or columns [i0, i0 + ni), [k0, k0 + nk) of k */
    int64_t ld; /* of an A block: from one row to the next, or from one k to the next when a_by_k */
    float *out;
} gemm_block;

typedef struct gemm gemm;
struct gemm {
    int64_t groups, m, n, k;
    /* A's block as [ni][ld], or as [nk][ld] when a_by_k. May write up to VLEN floats past
     * the end of a row, in rising order. */
    void (*pack_a)(const gemm *, const gemm_block *);
    /* B's block in strips of TILE_N columns, each [nk][TILE_N]; see gemm_strip. */
    void (*pack_b)(const gemm *, const gemm_block *);
    /* Where rows [i, i + n) of C go, n <= TILE_M; NULL: row i to c + group * n + i * ldc. */
    void (*rows)(const gemm *, int64_t group, int64_t i, int64_t n, float **rows);
    const void *arg; /* of these functions */
    bool a_by_k;
    /* A itself, element (m, k) at m * lda + k, or k * lda + m when a_by_k, where packing it need
     * not pay; NULL and 0. */
    const float *a;
    int64_t lda;
    const float *b; /* B itself, rows of ldb, for pack_b NULL or few rows of C; NULL: always pack */
    int64_t ldb;
    bool b_by_n;     /* B's rows run along k: */
    const float *bt; /* B itself then, element (k, n) at n * ldb + k; else NULL */
    float *c;
    int64_t ldc;
    const float *bias; /* [groups * n] or NULL */
    int64_t act;
    int64_t leaves, leaf_k; /* slots and k a slot; leaves 0: k is no batch */
    bool across;            /* C is stored transposed: element (m, n) at c + n * ldc + m */
    bool packed;            /* B is packed already, at `kept` */
    const float *kept;
    bool inference; /* perhaps of one sample only */
};

/* Bytes of scratch for products up to these sizes and leaves; reads no pointer of g. */
size_t SNUG_TIER_SYMBOL(gemm_scratch)(const gemm *g, int threads);
void SNUG_TIER_SYMBOL(gemm_run)(const gemm *g, const snug_call *call);
/* Runs products of few rows or few k (gemm_few.c); false: not one of those. */
bool SNUG_TIER_SYMBOL(gemm_few)(const gemm *g, snug_queue *q);
#define gemm_few SNUG_TIER_SYMBOL(gemm_few)
/* All of B packed once for many calls: its bytes, and the packing. */
size_t SNUG_TIER_SYMBOL(gemm_keep_bytes)(const gemm *g);
void SNUG_TIER_SYMBOL(gemm_keep)(const gemm *g, const snug_call *call);
#define gemm_keep_bytes SNUG_TIER_SYMBOL(gemm_keep_bytes)
#define gemm_keep       SNUG_TIER_SYMBOL(gemm_keep)
#define gemm_scratch    SNUG_TIER_SYMBOL(gemm_scratch)
#define gemm_run        SNUG_TIER_SYMBOL(gemm_run)

/* A finished tile of C: rows [i0, i0 + n), nv vectors of columns from j0 on. */
typedef struct gemm_tile {
    const float *sums; /* [n][nv * VLEN] */
    int64_t group, i0, n, j0;
    int nv;
} gemm_tile;

/* Where a tile belongs, rows ldc apart, when it is whole and the activation one that tiles apply on
 * the way (tile.h). NULL: gemm_store. */
static inline float *gemm_place_finished(const gemm *g, const gemm_tile *t)
{
    if (g->rows || g->across || g->act == ACT_GELU) return NULL;
    if (t->n % TILE_STEP != 0 || t->j0 + t->nv * VLEN > g->n) return NULL;
    return g->c + t->group * g->n + t->i0 * g->ldc + t->j0;
}

/* The same when nothing is to be added either. */
static inline float *gemm_place(const gemm *g, const gemm_tile *t)
{
    return g->bias || g->act != ACT_NONE ? NULL : gemm_place_finished(g, t);
}

/* Through bias and activation to where C's rows go. */
void SNUG_TIER_SYMBOL(gemm_store)(const gemm *g, const gemm_tile *t);
/* To rows i of one of several matrices [groups][m][n], sums of aligned groups of leaf slots. */
void SNUG_TIER_SYMBOL(gemm_store_part)(const gemm *g, const gemm_tile *t, float *part);
/* C from n_parts of them, a power of two and GEMM_PARTS at most, by the tree over their numbers. */
void SNUG_TIER_SYMBOL(gemm_combine)(const gemm *g, snug_queue *q, const float *parts,
                                    int64_t n_parts);
/* snug_parallel, or a plain loop where the whole product is too small to wake threads for. */
void SNUG_TIER_SYMBOL(gemm_parallel)(const gemm *g, snug_queue *q, int64_t n_tasks,
                                     void (*fn)(void *, int64_t, int), void *arg);
#define gemm_store      SNUG_TIER_SYMBOL(gemm_store)
#define gemm_store_part SNUG_TIER_SYMBOL(gemm_store_part)
#define gemm_combine    SNUG_TIER_SYMBOL(gemm_combine)
#define gemm_parallel   SNUG_TIER_SYMBOL(gemm_parallel)

/* Vectors across strip s of a block of ni columns, and where the strip starts in the packed block.
 */
static inline int gemm_strip(int64_t ni, int64_t nk, int64_t s, int64_t *offset)
{
    int64_t left = ni - s * TILE_N;
    *offset = s * TILE_N * nk;
    return left >= TILE_N ? TILE_V : (int)((left + VLEN - 1) / VLEN);
}

/* Slots that a call over at most this many samples needs. */
static inline int64_t gemm_max_leaves(int64_t samples)
{
    int64_t n = 1;
    while (n < samples && n < SNUG_MAX_LEAVES) n *= 2;
    return n;
}

/* k counts samples: cut it into the step's leaf slots. Slots past the last sample are left out: a
 * sum that starts at +0 is never -0, so adding their zeros would change nothing. */
static inline void gemm_leaves(gemm *g, const snug_step *step)
{
    int64_t most = gemm_max_leaves(step->n_here);
    g->leaves = step->leaves_here < most ? step->leaves_here : most;
    g->leaf_k = step->n_here > 0 ? g->k / step->n_here * step->leaf_samples : 1;
}

#define GEMM_SLOT_K 4096 /* of a leaf slot; longer ones are halved, if they can be */

/* How many times a leaf slot of so many samples and of k is halved, so that tasks can divide it: as
 * long as the number of slots has room for all n_step samples of the step. */
static inline int gemm_halvings(int64_t samples, int64_t k, int64_t n_step)
{
    int n = 0;
    for (; samples % 2 == 0 && k > GEMM_SLOT_K && n_step <= samples / 2 * SNUG_MAX_LEAVES; n++)
        samples /= 2, k /= 2;
    return n;
}

/* Copy n floats by vectors. */
static inline void gemm_copy(float *to, const float *from, int64_t n)
{
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) vstore(to + i, vload(from + i));
    if (i < n) vstore_n(to + i, vload_n(from + i, (int)(n - i)), (int)(n - i));
}

/* `rows` times n floats, to_ld and from_ld apart. */
static inline void gemm_copy_rows(float *to, int64_t to_ld, const float *from, int64_t from_ld,
                                  int64_t rows, int64_t n)
{
    if (n > VLEN) {
        for (; rows > 0; rows--, to += to_ld, from += from_ld) gemm_copy(to, from, n);
        return;
    }
    const int lanes = (int)n;
    for (; rows > 0; rows--, to += to_ld, from += from_ld)
        vstore_n(to, vload_n(from, lanes), lanes);
}

static inline void gemm_zero(float *to, int64_t n)
{
    memset(to, 0, (size_t)n * sizeof *to);
}

/* Packs a B whose rows run along n: element (k, n) at from[k * ld + n]. */
void SNUG_TIER_SYMBOL(gemm_pack_b)(const gemm_block *b, const float *from, int64_t ld);
/* Packs a B whose rows run along k: element (k, n) at from[n * ld + k]. `at` is where the block's
 * k0 stands in its strips of `rows` k each, so that a strip can be packed piece by piece. */
void SNUG_TIER_SYMBOL(gemm_pack_bt)(const gemm_block *b, const float *from, int64_t ld, int64_t at,
                                    int64_t rows);
#define gemm_pack_b  SNUG_TIER_SYMBOL(gemm_pack_b)
#define gemm_pack_bt SNUG_TIER_SYMBOL(gemm_pack_bt)

#endif
