/* SPDX-License-Identifier: Apache-2.0 */
/* The register tile of the matrix products: mr rows by nv vectors of C stay in registers over runs
 * of k; a function for each height, width and layout of A. */
#ifndef KERNELS_CPU_TILE_H
#define KERNELS_CPU_TILE_H

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/spans.h"

/* How A's rows lie: adjacent, one k a_step from the next; or a_row apart, along k. */
enum { TILE_BY_K, TILE_STRIDED, TILE_LAYOUTS };
/* Added to a layout: the tile packs B, which lies where the program has it, on its way. */
#define TILE_PACKS TILE_LAYOUTS
/* How many k of such a B are asked for before they are used: as long as a far cache takes. */
#define TILE_AHEAD 64

typedef struct tile_run {
    const float *a, *b;
    int64_t a_step, a_row;         /* of layouts TILE_BY_K and TILE_STRIDED */
    int64_t b_step, n;             /* floats from one k to the next in b; how many k a run */
    float *pack;                   /* of packing tiles: where b's vectors go */
    int64_t pack_step;             /* from one k to the next there: the tile's vectors */
    const float *ahead;            /* asked for on the way: a line, */
    int64_t ahead_more;            /* and one so many floats further; */
    int64_t ahead_every;           /* each so many k, a power of two; 0: nothing */
    int64_t ahead_step;            /* from one such k to the next there */
    int64_t runs, a_skip, b_skip;  /* of k, each so far behind the end of the last */
    int64_t again, a_jump, b_jump; /* times that many runs follow, so much further behind */
    float *acc; /* partials, TILE_SIZE floats apart: this, before it those it merges with */
    float *out; /* where the result goes, rows out_ld apart: NULL: to acc */
    int64_t out_ld;
    const float *bias;        /* added to what goes to out; NULL */
    int64_t act;              /* then of it; ACT_GELU is not among those known here */
    int64_t slot, more_slots; /* leaf slots, each all of the above; merges are of the last */
    bool carry;               /* *acc holds the chain so far; else it starts at zero */
    int merges;               /* then add the partials before, the last first */
} tile_run;

typedef void (*tile_fn)(const tile_run *);

/* By layout and whether it packs, height in steps less one, vectors less one (tile.c). */
extern const tile_fn SNUG_TIER_SYMBOL(tiles)[2 * TILE_LAYOUTS][3][2];
#define tiles SNUG_TIER_SYMBOL(tiles)

/* Rows of a tile: heights come in steps, the rest is dropped. */
static inline tile_fn tile_of(int how, int64_t rows, int nv)
{
    int64_t steps = (rows + TILE_STEP - 1) / TILE_STEP;
    return tiles[how][(steps > 3 ? 3 : steps) - 1][nv - 1];
}

#endif
