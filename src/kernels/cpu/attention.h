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

/* The next head stands behind this one in every row: asked for while this one is worked on. */
static inline void ask_for_next(const float *row, int64_t width)
{
    for (int64_t d = 0; d < width; d += 16) __builtin_prefetch(row + width + d);
}

/* Times `factor` into [rows][padded width], zeros behind them. */
static inline void pack_rows(const attention *a, const head_rows *x, int64_t rows, float factor,
                             float *to)
{
    int64_t width = a->width, all = padded_width(width), n = x->n;
    const float *from = x->from;
    const vf scale = vset1(factor);
    for (int64_t i = 0; i < n; i++, from += x->row, to += all) {
        int64_t d = 0;
        ask_for_next(from, width);
        for (; d + VLEN <= width; d += VLEN) vstore(to + d, vmul(vload(from + d), scale));
        if (d < width) vstore(to + d, vmul(vload_n(from + d, (int)(width - d)), scale)), d += VLEN;
        for (; d < all; d += VLEN) vstore(to + d, vzero());
    }
    if (rows > n) memset(to, 0, (size_t)((rows - n) * all) * sizeof *to);
}

/* Keys [j, j + VLEN) and columns [d, d + VLEN) of x, as far as they are there, as columns of a
 * panel. */
ALWAYS_INLINE void pack_square(const head_rows *x, int64_t j, int64_t d, const int there[2],
                               float *panel)
{
    vf r[VLEN];
    UNROLL for (int i = 0; i < VLEN; i++) r[i] =
        i < there[0] ? vload_upto(x->from + (j + i) * x->row + d, there[1]) : vzero();
    vtranspose(r);
    UNROLL for (int i = 0; i < VLEN; i++) if (i < there[1]) vstore(panel + i * TILE_N, r[i]);
}

/* Keys as the right side of a product: [panel][d][TILE_N], whole panels. */
static inline void pack_columns(const attention *a, const head_rows *x, float *to)
{
    int64_t width = a->width, n = x->n;
    for (int64_t i = 0; i < n; i++) ask_for_next(x->from + i * x->row, width);
    for (int64_t j = 0; j < padded(n, TILE_N); j += VLEN) {
        float *panel = to + j / TILE_N * width * TILE_N + j % TILE_N;
        for (int64_t d = 0; d < width; d += VLEN) {
            const int there[2] = {j < n ? vlanes(j, n) : 0, vlanes(d, width)};
            if (there[0] == VLEN && there[1] == VLEN)
                pack_square(x, j, d, (const int[2]){VLEN, VLEN}, panel + d * TILE_N);
            else
                pack_square(x, j, d, there, panel + d * TILE_N);
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
    for (int64_t d = 0; d < a->width; d += 16) __builtin_prefetch(to + a->width + d, 1);
    for (int64_t d = 0; d < a->width; d += VLEN) {
        const float *from = sums + d / TILE_N * rows * TILE_N + d % TILE_N;
        vstore_upto(to + d, vmul(vload(from), scale), vlanes(d, a->width));
    }
}

/* The keys of a block that a query sees: lanes below `end`, of the query's segment. */
typedef struct visible {
    int64_t end;             /* may be below 0 or past the block */
    const int32_t *segments; /* of the block's keys; NULL: all alike */
    int32_t segment;
} visible;

static inline visible visible_of(const attention *a, int64_t n, int64_t t, int64_t first_key)
{
    visible v = {.end = t < a->t ? attention_end(a, n, t) - first_key : 0};
    if (a->segments && t < a->t) {
        v.segments = a->segments + n * a->s + first_key;
        v.segment = a->segments[n * a->t + t];
    }
    return v;
}

/* What the queries [t, t + n) see of the block at first_key, and in how many panels they together
 * see something. */
static inline int64_t visible_panels(const attention *a, int64_t n_sample, int64_t t, int64_t n,
                                     int64_t first_key, visible see[TILE_M])
{
    int64_t end = 0;
    for (int64_t i = 0; i < n; i++) {
        see[i] = visible_of(a, n_sample, t + i, first_key);
        if (see[i].end > end) end = see[i].end;
    }
    return (least(end, KEYS) + TILE_N - 1) / TILE_N;
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
    if (!v->segments || lanes == 0) return m;
    return vm_and(m, vieq(viload_n(v->segments + j, lanes), viset1(v->segment)));
}

#endif
