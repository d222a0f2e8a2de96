/* SPDX-License-Identifier: Apache-2.0 */
/* What attention's kernels share: blocks of queries and keys in scratch, padded with zeros to whole
 * register tiles, and products of them by the tiles of tile.h.
 *
 * A block of scores is held in panels of TILE_N keys, [panel][row][TILE_N]; so are sums over the
 * columns of a head, [panel][row][TILE_N]. Keys come in blocks of KEYS from the first one on, and
 * every sum is one chain in the order of keys (or queries): what a query gets does not depend on
 * the queries beside it. */
#ifndef KERNELS_CPU_ATTENTION_H
#define KERNELS_CPU_ATTENTION_H

#include "kernels/cpu/tile.h"
#include "kernels/cpu/vmath.h"
#include "ops/attention.h"

enum { QUERIES = 96, KEYS = 64 }; /* of a block; multiples of TILE_M and TILE_N */
_Static_assert(QUERIES % TILE_M == 0 && KEYS % TILE_N == 0, "blocks are whole tiles");

static inline int64_t padded(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Floats of a head's columns in scratch. */
static inline int64_t padded_width(int64_t width)
{
    return padded(width, TILE_N);
}

/* One head's columns of n positions, `row` floats from one to the next. */
typedef struct head_rows {
    const float *from;
    int64_t row, n;
} head_rows;

/* Times `factor` into [rows][padded width], zeros behind them. */
static inline void pack_rows(const attention *a, const head_rows *x, int64_t rows, float factor,
                             float *to)
{
    int64_t width = a->width, all = padded_width(width), n = x->n;
    const float *from = x->from;
    const vf scale = vset1(factor);
    for (int64_t i = 0; i < n; i++, from += x->row, to += all) {
        int64_t d = 0;
        for (; d < width; d += VLEN)
            vstore(to + d, vmul(vload_n(from + d, vlanes(d, width)), scale));
        for (; d < all; d += VLEN) vstore(to + d, vzero());
    }
    if (rows > n) memset(to, 0, (size_t)((rows - n) * all) * sizeof *to);
}

/* Keys as the right side of a product: [panel][d][TILE_N], whole panels. */
static inline void pack_columns(const attention *a, const head_rows *x, float *to)
{
    int64_t width = a->width, n = x->n;
    for (int64_t j = 0; j < padded(n, TILE_N); j += VLEN) {
        float *panel = to + j / TILE_N * width * TILE_N + j % TILE_N;
        for (int64_t d = 0; d < width; d += VLEN) {
            vf r[VLEN];
            int lanes = vlanes(d, width);
            for (int i = 0; i < VLEN; i++)
                r[i] = j + i < n ? vload_n(x->from + (j + i) * x->row + d, lanes) : vzero();
            vtranspose(r);
            for (int i = 0; i < lanes; i++) vstore(panel + (d + i) * TILE_N, r[i]);
        }
    }
}

/* Scores of `rows` queries (of which `height` are wanted, TILE_M at most) with a panel of keys, to
 * acc. q: [..][padded width]; columns: a panel of pack_columns. */
static inline void score_tile(const attention *a, const float *q, int64_t height,
                              const float *columns, float *acc)
{
    const tile_run run = {.a = q,
                          .a_row = padded_width(a->width),
                          .b = columns,
                          .b_step = TILE_N,
                          .n = a->width,
                          .runs = 1,
                          .acc = acc};
    tile_of(TILE_STRIDED, height, TILE_V)(&run);
}

/* sums[panel d] += weights * rows, over n_panels panels of keys. weights: [panel][panel_rows]
 * [TILE_N], from the tile's first row on; rows: [key][padded width]; sums: [panel][sum_rows]
 * [TILE_N], likewise. */
typedef struct weighted_sum {
    const float *weights, *rows;
    int64_t panel_rows, n_panels, height;
    float *sums;
    int64_t sum_rows;
} weighted_sum;

static inline void add_weighted(const attention *a, const weighted_sum *w)
{
    int64_t all = padded_width(a->width);
    for (int64_t d = 0; d < all; d += TILE_N) {
        const tile_run run = {.a = w->weights,
                              .a_row = TILE_N,
                              .a_skip = (w->panel_rows - 1) * TILE_N,
                              .b = w->rows + d,
                              .b_step = all,
                              .n = TILE_N,
                              .runs = w->n_panels,
                              .acc = w->sums + d / TILE_N * w->sum_rows * TILE_N,
                              .carry = true};
        tile_of(TILE_STRIDED, w->height, TILE_V)(&run);
    }
}

/* One row of panels [panel][rows][TILE_N], times factor, to `width` floats. */
static inline void put_row(const attention *a, const float *sums, int64_t rows, float factor,
                           float *to)
{
    const vf scale = vset1(factor);
    for (int64_t d = 0; d < a->width; d += VLEN) {
        const float *from = sums + d / TILE_N * rows * TILE_N + d % TILE_N;
        vstore_n(to + d, vmul(vload(from), scale), vlanes(d, a->width));
    }
}

/* The keys of a block that a query sees: lanes below `end`, of the query's segment. */
typedef struct visible {
    int64_t end;             /* may be below 0 or past the block */
    const int32_t *segments; /* of the block's keys; NULL: all alike */
    vi segment;
} visible;

static inline visible visible_of(const attention *a, int64_t n, int64_t t, int64_t first_key)
{
    visible v = {.end = t < a->t ? attention_end(a, n, t) - first_key : 0, .segment = viset1(0)};
    if (a->segments && t < a->t) {
        v.segments = a->segments + n * a->s + first_key;
        v.segment = viset1(a->segments[n * a->t + t]);
    }
    return v;
}

/* Whether some of the VLEN keys from j on may be left out. */
static inline bool visible_cuts(const visible *v, int64_t j)
{
    return v->segments || j + VLEN > v->end;
}

static inline vm visible_lanes(const visible *v, int64_t j)
{
    int64_t left = v->end - j;
    int lanes = left <= 0 ? 0 : (int)least(left, VLEN);
    vm m = vmask_n(lanes);
    return v->segments && lanes > 0 ? vm_and(m, vieq(viload_n(v->segments + j, lanes), v->segment))
                                    : m;
}

/* Panels of keys that the queries [t, t + n) together see of the block at first_key. */
static inline int64_t visible_panels(const attention *a, int64_t n_sample, int64_t t, int64_t n,
                                     int64_t first_key)
{
    int64_t end = 0;
    for (int64_t i = t; i < least(t + n, a->t); i++) {
        int64_t e = attention_end(a, n_sample, i);
        if (e > end) end = e;
    }
    int64_t keys = least(end - first_key, KEYS);
    return keys > 0 ? (keys + TILE_N - 1) / TILE_N : 0;
}

#endif
