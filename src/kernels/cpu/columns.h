/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of C columns (channels): loops that broadcast a vector of C over the rows, and reductions
 * over the rows that give the same bits at any number of threads.
 *
 * Narrow rows are folded: `fold` of them side by side are one wide row, a whole number of vectors,
 * so that vectors are full for any C. A reduction is made of blocks of block_rows rows, counted
 * from the first row of each leaf; C and the tier alone fix fold, block_rows and the order within a
 * block. The blocks of a leaf are combined in order in double, leaves by the tree of
 * snug/leaves.h. Two ways to walk that order give equal bits: every block is a task and its
 * partial waits in scratch, or every panel of columns is a task that needs no scratch. */
#ifndef KERNELS_CPU_COLUMNS_H
#define KERNELS_CPU_COLUMNS_H

#include "kernels/cpu/spans.h"
#include "ops/rules.h"
#include <snug/leaves.h>

enum {
    COLUMN_GROUP = 4 * VLEN, /* columns whose sums stay in registers */
    COLUMN_FOLDED = 1024,    /* the widest folded row */
    COLUMN_PANEL = 128,      /* columns of one task */
    COLUMN_LEAVES = 16,      /* for as many there is scratch; with more, panels are tasks */
    BLOCK_ELEMENTS = 8192,   /* of a block: it stays in the first-level cache */
    BLOCK_MIN_ROWS = 64
};

typedef struct columns {
    int64_t n_columns, fold, width; /* width = fold * n_columns */
    int64_t block_rows;             /* a multiple of fold */
} columns;

/* The smallest multiple of a that is a multiple of b too. */
static inline int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t gcd = a;
    for (int64_t r = b; r > 0;) {
        int64_t next = gcd % r;
        gcd = r;
        r = next;
    }
    return a * (b / gcd);
}

static inline columns columns_of(int64_t n_columns)
{
    columns l = {.n_columns = n_columns, .width = n_columns};
    if (n_columns < COLUMN_GROUP) {
        l.width = common_multiple(n_columns, COLUMN_GROUP);
        if (l.width > COLUMN_FOLDED / 2) l.width = common_multiple(n_columns, VLEN);
    }
    l.fold = l.width / n_columns;
    int64_t rows = BLOCK_ELEMENTS / n_columns;
    if (rows < BLOCK_MIN_ROWS) rows = BLOCK_MIN_ROWS;
    l.block_rows = (rows + l.fold - 1) / l.fold * l.fold;
    return l;
}

/* A vector over columns as rows_each wants it: repeated for folded rows, from its first n_columns
 * elements. */
static inline void columns_repeat(const columns *l, float *wide)
{
    for (int64_t i = l->n_columns; i < l->width; i++) wide[i] = wide[i - l->n_columns];
}

/* The same of a vector elsewhere, in `wide` if it must be repeated; of COLUMN_FOLDED floats. */
static inline const float *columns_widen(const columns *l, const float *v, float *wide)
{
    if (l->fold == 1) return v;
    memcpy(wide, v, (size_t)l->n_columns * sizeof *v);
    columns_repeat(l, wide);
    return wide;
}

/* Elements of an element-wise task made of whole wide rows, about as many as a block has, so that
 * threads share rows in element-wise passes as they do in reductions. */
static inline int64_t columns_grain(const columns *l)
{
    return (BLOCK_ELEMENTS + l->width - 1) / l->width * l->width;
}

/* f(arg, at, j, n) for every vector of the rows: element number `at` from the first row's first
 * element, column j of the wide row, n lanes. */
ALWAYS_INLINE void rows_each(const columns *l, int64_t n_rows,
                             void (*f)(const void *arg, int64_t at, int64_t j, int n),
                             const void *arg)
{
    int64_t n = n_rows * l->n_columns;
    for (int64_t at = 0; at < n; at += l->width) {
        int64_t width = n - at < l->width ? n - at : l->width, j = 0;
        for (; j + VLEN <= width; j += VLEN) f(arg, at + j, j, VLEN);
        if (j < width) f(arg, at + j, j, (int)(width - j));
    }
}

/* ---- sums of one block ------------------------------------------------------------------------
 */

/* Adds what the n elements at `at`, column j of the wide row, contribute to two sums; lanes past n
 * must add nothing. */
typedef void (*column_term)(const void *arg, int64_t at, int64_t j, int n, vf sum[2]);

/* A whole group of columns: one accumulator each, row after row. */
ALWAYS_INLINE void group_sums(const columns *l, int64_t n_rows, int64_t j, column_term term,
                              const void *arg, vf total[4][2])
{
    int64_t n = n_rows * l->n_columns, whole = n / l->width, rest = n % l->width - j;
    UNROLL for (int v = 0; v < 4; v++) total[v][0] = total[v][1] = vzero();
    for (int64_t r = 0; r < whole; r++)
        UNROLL for (int v = 0; v < 4; v++)
            term(arg, r * l->width + j + v * VLEN, j + v * VLEN, VLEN, total[v]);
    UNROLL for (int v = 0; v < 4; v++) if (rest > v * VLEN)
        term(arg, whole * l->width + j + v * VLEN, j + v * VLEN, vlanes(v * VLEN, rest), total[v]);
}

/* One vector of columns, where no whole group is left: four accumulators take turns at the rows.
 * Panels are whole vectors: only the last of a row ends within one. */
ALWAYS_INLINE void edge_sums(const columns *l, int64_t n_rows, int64_t j, column_term term,
                             const void *arg, vf total[2])
{
    const int lanes = vlanes(j, l->width);
    int64_t n = n_rows * l->n_columns, whole = n / l->width, rest = n % l->width - j, r = 0;
    vf s[4][2];
    UNROLL for (int v = 0; v < 4; v++) s[v][0] = s[v][1] = vzero();
    for (; r + 4 <= whole; r += 4)
        UNROLL for (int v = 0; v < 4; v++) term(arg, (r + v) * l->width + j, j, lanes, s[v]);
    for (; r < whole; r++) term(arg, r * l->width + j, j, lanes, s[0]);
    if (rest > 0) term(arg, whole * l->width + j, j, vlanes(0, rest), s[1]);
    UNROLL for (int k = 0; k < 2; k++) total[k] =
        vadd(vadd(s[0][k], s[1][k]), vadd(s[2][k], s[3][k]));
}

/* The sums of the columns of folded rows; of others just a copy. */
static inline void unfold(const columns *l, const float *wide, int64_t n_columns, float *sum)
{
    if (l->fold == 1) {
        memcpy(sum, wide, (size_t)n_columns * sizeof *sum);
        return;
    }
    for (int64_t c = 0; c < n_columns; c += VLEN) {
        const int n = vlanes(c, n_columns);
        vf s = vload_n(wide + c, n);
        for (int64_t f = 1; f < l->fold; f++) s = vadd(s, vload_n(wide + f * n_columns + c, n));
        vstore_n(sum + c, s, n);
    }
}

/* The rows [row, row + n_rows), no more than a block, of the columns [begin, end), one panel. */
typedef struct column_block {
    int64_t row, n_rows, begin, end;
} column_block;

/* The first n_sums sums of a block's columns; folded rows are always summed whole. */
ALWAYS_INLINE void block_sums_of(const columns *l, const column_block *b, column_term term,
                                 const void *arg, int n_sums, float *const sum[2])
{
    float wide[2][COLUMN_FOLDED];
    int64_t j = l->fold > 1 ? 0 : b->begin, stop = l->fold > 1 ? l->width : b->end, first = j;
    for (; j + COLUMN_GROUP <= stop; j += COLUMN_GROUP) {
        vf total[4][2];
        group_sums(l, b->n_rows, j, term, arg, total);
        UNROLL for (int v = 0; v < 4; v++) UNROLL for (int k = 0; k < n_sums; k++)
            vstore(wide[k] + j - first + v * VLEN, total[v][k]);
    }
    for (; j < stop; j += VLEN) {
        vf total[2];
        edge_sums(l, b->n_rows, j, term, arg, total);
        for (int k = 0; k < n_sums; k++) vstore(wide[k] + j - first, total[k]);
    }
    for (int k = 0; k < n_sums; k++) unfold(l, wide[k], b->end - b->begin, sum[k]);
}

/* Both sums. */
ALWAYS_INLINE void block_sums(const columns *l, const column_block *b, column_term term,
                              const void *arg, float *const sum[2])
{
    block_sums_of(l, b, term, arg, 2, sum);
}

/* ---- reductions over the rows of a call -------------------------------------------------------
 */

/* Columns are merged eight at a time, rounded up; a compiler makes of it what its tier has. */
enum { COLUMN_STEP = 8 };
typedef double column_wide __attribute__((vector_size(64), aligned(8), may_alias));
typedef float column_narrow __attribute__((vector_size(32), aligned(4), may_alias));

static inline int64_t column_round_up(int64_t n_columns)
{
    return (n_columns + COLUMN_STEP - 1) / COLUMN_STEP * COLUMN_STEP;
}

/* Two numbers a column, of rows in a leaf or a group of leaves; what is rounded up to is there. */
typedef struct column_state {
    double v[2][COLUMN_PANEL];
    double n_rows;
} column_state;

typedef struct column_job {
    const snug_step *step; /* NULL: no batch axis, one leaf */
    columns layout;
    int64_t n_rows, rows_per_sample;
    void (*block)(const struct column_job *j, const column_block *b, float *const out[2]);
    /* a becomes a and b together; b is not empty, a may be */
    void (*merge)(column_state *a, const column_state *b, int64_t n_columns);
    bool one;   /* number, not two: the block makes the first only */
    bool round; /* sums of leaves are f32, as between micro-batches */
    void (*finish)(const struct column_job *j, int64_t begin, int64_t end, const column_state *s);
    const void *arg;
    float *partials; /* of all blocks, two rows of C, rounded up, each; NULL: made when needed */
} column_job;

static inline void column_merge_sum(column_state *a, const column_state *b, int64_t n_columns)
{
    for (int64_t c = 0; c < n_columns; c += COLUMN_STEP)
        *(column_wide *)(a->v[0] + c) += *(const column_wide *)(b->v[0] + c);
    a->n_rows += b->n_rows;
}

static inline void column_merge_sums(column_state *a, const column_state *b, int64_t n_columns)
{
    for (int64_t c = 0; c < n_columns; c += COLUMN_STEP)
        *(column_wide *)(a->v[1] + c) += *(const column_wide *)(b->v[1] + c);
    column_merge_sum(a, b, n_columns);
}

static inline int job_sums(const column_job *j)
{
    return j->one ? 1 : 2;
}

static inline int64_t job_leaf_rows(const column_job *j)
{
    return j->step ? j->step->leaf_samples * j->rows_per_sample : j->n_rows;
}

static inline int64_t job_leaf_blocks(const column_job *j)
{
    return (job_leaf_rows(j) + j->layout.block_rows - 1) / j->layout.block_rows;
}

static inline int64_t job_blocks(const column_job *j)
{
    int64_t leaf = job_leaf_rows(j);
    if (leaf == 0) return 0; /* no rows at all */
    int64_t full = (j->n_rows - 1) / leaf, last = j->n_rows - full * leaf;
    return full * job_leaf_blocks(j) + (last + j->layout.block_rows - 1) / j->layout.block_rows;
}

static inline float *job_partial(const column_job *j, int64_t block)
{
    return j->partials + 2 * block * column_round_up(j->layout.n_columns);
}

static inline void job_block_task(void *arg, int64_t task, int thread)
{
    const column_job *j = arg;
    (void)thread;
    const columns *l = &j->layout;
    int64_t leaf = task / job_leaf_blocks(j), block = task % job_leaf_blocks(j);
    float *sum[2] = {job_partial(j, task), job_partial(j, task) + column_round_up(l->n_columns)};
    int64_t row = leaf * job_leaf_rows(j) + block * l->block_rows;
    int64_t end = (leaf + 1) * job_leaf_rows(j);
    if (end > j->n_rows) end = j->n_rows;
    column_block b = {.row = row};
    b.n_rows = end - row < l->block_rows ? end - row : l->block_rows;
    for (int64_t c = 0; c < l->n_columns; c += COLUMN_PANEL) {
        b.begin = c;
        b.end = c + COLUMN_PANEL < l->n_columns ? c + COLUMN_PANEL : l->n_columns;
        j->block(j, &b, (float *const[]){sum[0] + c, sum[1] + c});
    }
    for (int64_t c = l->n_columns; c < column_round_up(l->n_columns); c++)
        sum[0][c] = sum[1][c] = 0;
}

/* A block, number `task` of them all, into the leaf's state. */
static inline void job_add_block(const column_job *j, int64_t task, const column_block *b,
                                 column_state *leaf)
{
    int64_t n_columns = b->end - b->begin;
    float made[2][COLUMN_PANEL], *p[2] = {made[0], made[1]};
    if (j->partials) {
        p[0] = job_partial(j, task) + b->begin;
        p[1] = p[0] + column_round_up(j->layout.n_columns);
    } else {
        j->block(j, b, p);
        for (int64_t c = n_columns; c < column_round_up(n_columns); c++)
            made[0][c] = made[1][c] = 0;
    }
    column_state s;
    s.n_rows = (double)b->n_rows;
    for (int k = 0; k < job_sums(j); k++)
        for (int64_t c = 0; c < n_columns; c += COLUMN_STEP)
            *(column_wide *)(s.v[k] + c) =
                __builtin_convertvector(*(const column_narrow *)(p[k] + c), column_wide);
    j->merge(leaf, &s, n_columns);
}

static inline void column_round(const column_job *j, column_state *s, int64_t n_columns)
{
    for (int k = 0; k < job_sums(j) && j->round; k++)
        for (int64_t c = 0; c < n_columns; c++) s->v[k][c] = (double)(float)s->v[k][c];
}

static inline void job_leaf(const column_job *j, int64_t slot, int64_t begin, int64_t end,
                            column_state *leaf)
{
    column_block b = {.row = slot * job_leaf_rows(j), .begin = begin, .end = end};
    int64_t stop = b.row + job_leaf_rows(j), most = j->layout.block_rows;
    if (stop > j->n_rows) stop = j->n_rows;
    leaf->n_rows = 0;
    for (int k = 0; k < job_sums(j); k++)
        for (int64_t c = 0; c < end - begin; c += COLUMN_STEP)
            *(column_wide *)(leaf->v[k] + c) = (column_wide){0};
    for (int64_t task = slot * job_leaf_blocks(j); b.row < stop; task++, b.row += b.n_rows) {
        b.n_rows = stop - b.row < most ? stop - b.row : most;
        job_add_block(j, task, &b, leaf);
    }
    column_round(j, leaf, end - begin);
}

static inline void job_panel(const column_job *j, int64_t begin, int64_t end)
{
    column_state stack[SNUG_LEAF_DEPTH];
    int depth = 0;
    int64_t slots = j->step && j->step->leaves_here > 1 ? j->step->leaves_here : 1;
    for (int64_t slot = 0; slot < slots; slot++) {
        job_leaf(j, slot, begin, end, &stack[depth++]);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--) {
            if (stack[depth - 1].n_rows == 0) continue;
            j->merge(&stack[depth - 2], &stack[depth - 1], end - begin);
            column_round(j, &stack[depth - 2], end - begin);
        }
    }
    j->finish(j, begin, end, &stack[0]);
}

static inline void job_panel_task(void *arg, int64_t task, int thread)
{
    const column_job *j = arg;
    (void)thread;
    int64_t begin = task * COLUMN_PANEL, end = begin + COLUMN_PANEL;
    job_panel(j, begin, end < j->layout.n_columns ? end : j->layout.n_columns);
}

/* Many rows are worth a task a block, which reads what the same thread has written, and so are rows
 * of few panels; otherwise panels of columns are enough. */
static inline bool columns_by_block(int64_t n_rows, int64_t rows_per_sample, int64_t n_columns)
{
    return n_columns <= (rows_per_sample >= 8 ? 8 : 2) * COLUMN_PANEL &&
           n_rows * n_columns >= SPAN_STREAM;
}

/* Scratch for the partials of a reduction over the rows of `t`, at its bound: one block a leaf more
 * than the rows would fill, since leaves begin blocks. */
static inline size_t columns_scratch(const snug_shape *s)
{
    int64_t n_rows = snug_shape_rows(s), c = snug_shape_last(s);
    int64_t samples = snug_shape_has_batch(s) && s->dim[0] > 0 ? s->dim[0] : 1;
    if (c == 0 || !columns_by_block(n_rows, n_rows / samples, c)) return 0;
    if (samples > COLUMN_LEAVES) samples = COLUMN_LEAVES;
    int64_t blocks = n_rows / columns_of(c).block_rows + samples;
    return (size_t)(blocks * 2 * column_round_up(c)) * sizeof(float);
}

/* Runs the job, with `bytes` of scratch for partials. */
static inline void columns_reduce(const snug_call *c, column_job *j, void *scratch, size_t bytes)
{
    int64_t blocks = job_blocks(j), n_columns = j->layout.n_columns;
    size_t need = (size_t)(blocks * 2 * column_round_up(n_columns)) * sizeof(float);
    if (columns_by_block(j->n_rows, j->rows_per_sample, n_columns) && need <= bytes) {
        j->partials = scratch;
        snug_parallel(c->queue, blocks, job_block_task, j);
    }
    int64_t panels = (n_columns + COLUMN_PANEL - 1) / COLUMN_PANEL;
    bool small = j->partials || j->n_rows * n_columns < 2 * SPAN_STREAM;
    if (!small)
        snug_parallel(c->queue, panels, job_panel_task, j);
    else
        for (int64_t p = 0; p < panels; p++) job_panel_task(j, p, 0);
}

/* The rows of a tensor [.., C], which leaf each belongs to. */
static inline column_job columns_job(const snug_call *c, const snug_shape *s)
{
    column_job j = {.layout = columns_of(snug_shape_last(s)), .n_rows = snug_shape_rows(s)};
    j.rows_per_sample = j.n_rows;
    if (snug_shape_has_batch(s)) {
        j.step = c->step;
        j.rows_per_sample = snug_each_sample(c->step, j.n_rows);
    }
    return j;
}

/* ---- plain sums -------------------------------------------------------------------------------
 */

ALWAYS_INLINE void column_sum_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const float *x = arg;
    (void)j;
    sum[0] = vadd(sum[0], vload_upto(x + at, n));
}

/* The block of a job of one sum, whose argument is a call: of input 0. */
static inline void column_sum_block(const column_job *j, const column_block *b, float *const out[2])
{
    const snug_call *c = j->arg;
    const float *x = (const float *)c->in[0].data + b->row * j->layout.n_columns;
    block_sums_of(&j->layout, b, column_sum_term, x, 1, out);
}

#endif
