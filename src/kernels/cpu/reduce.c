/* SPDX-License-Identifier: Apache-2.0 */
/* reduce_sum, reduce_mean, reduce_max, reduce_min and the gradient of sums, where the reduced axes
 * are neighbours: x is [outer, reduced, inner]. Rows (inner is 1) are reduced along vectors, others
 * as columns.h sums columns; samples by leaves, which columns.h does too. Other sets of axes are
 * left to the reference. */
#include "ops/reduce.h"
#include "kernels/cpu/columns.h"
#include "kernels/cpu/row_sum.h"

typedef struct block {
    int64_t outer, reduced, inner;
    bool samples; /* the reduced axes begin with the batch */
} block;

/* False where kept axes lie between reduced ones; axes of one element are as one likes. */
static bool block_of(const snug_reduce_attrs *a, const snug_shape *x, block *b)
{
    *b = (block){1, 1, 1, snug_shape_has_batch(x) && snug_reduces(a, 0)};
    bool begun = false, ended = false;
    for (int d = 0; d < x->n_dims; d++) {
        bool batch = x->kind[d] == SNUG_AXIS_BATCH;
        if (x->dim[d] == 1 && !batch) continue;
        bool reduced = snug_reduces(a, d);
        if (reduced && ended) return false;
        ended = ended || (begun && !reduced);
        begun = begun || reduced;
        *(reduced ? &b->reduced : ended ? &b->inner : &b->outer) *= x->dim[d];
    }
    return true;
}

static bool all_f32(const snug_sig *s)
{
    for (int i = 0; i < s->n_in; i++)
        if (s->in[i].dtype != SNUG_F32) return false;
    return true;
}

static bool fits_block(const snug_sig *s)
{
    block b;
    return all_f32(s) && block_of(s->attrs, &s->in[0].shape, &b);
}

/* The divisor of samples' sums enters each leaf before it is rounded, which columns.h does not do:
 * means over samples are left to the reference. */
static bool fits_mean(const snug_sig *s)
{
    block b;
    return fits_block(s) && block_of(s->attrs, &s->in[0].shape, &b) && !b.samples;
}

/* Outer elements of a task. */
static int64_t outer_grain(const block *b)
{
    return span_rows(b->reduced * b->inner, SPAN_STREAM);
}

/* ---- sums -------------------------------------------------------------------------------------
 */

ALWAYS_INLINE vf element(const void *arg, int64_t i, int n)
{
    return vload_upto((const float *)arg + i, n);
}

/* One [reduced, inner] block of x, summed over its rows, times scale. */
typedef struct slab {
    const float *x;
    float *y, scale;
} slab;

static void slab_block(const column_job *j, const column_block *b, float *const out[2])
{
    const slab *s = j->arg;
    block_sums_of(&j->layout, b, column_sum_term, s->x + b->row * j->layout.n_columns, 1, out);
}

static void slab_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const slab *k = j->arg;
    for (int64_t i = begin; i < end; i++) k->y[i] = (float)(s->v[0][i - begin] * (double)k->scale);
}

static void sum_outer(const snug_call *c, int64_t begin, int64_t end, bool mean)
{
    block b;
    block_of(c->attrs, &c->in[0].type.shape, &b);
    slab s = {.scale = 1};
    double divisor = mean ? (double)b.reduced : 1;
    for (int64_t o = begin; o < end; o++) {
        s.x = (const float *)c->in[0].data + o * b.reduced * b.inner;
        s.y = (float *)c->out[0].data + o * b.inner;
        if (b.inner == 1) {
            *s.y = (float)((double)row_sum(b.reduced, element, s.x) / divisor);
            continue;
        }
        column_job j = {.layout = columns_of(b.inner), .n_rows = b.reduced, .arg = &s};
        j.block = slab_block, j.merge = column_merge_sum, j.finish = slab_finish, j.one = true;
        s.scale = (float)(1 / divisor);
        for (int64_t p = 0; p * COLUMN_PANEL < b.inner; p++) job_panel_task(&j, p, 0);
    }
}

static void sum_span(const snug_call *c, int64_t begin, int64_t end)
{
    sum_outer(c, begin, end, false);
}

static void mean_span(const snug_call *c, int64_t begin, int64_t end)
{
    sum_outer(c, begin, end, true);
}

static void finish_sum(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    float *y = ((const snug_call *)j->arg)->out[0].data;
    for (int64_t i = begin; i < end; i++) y[i] = (float)s->v[0][i - begin];
}

/* [reduced, inner], rows of samples first. */
static snug_shape sample_rows(const block *b)
{
    return (snug_shape){
        .n_dims = 2, .dim = {b->reduced, b->inner}, .kind = {SNUG_AXIS_BATCH, SNUG_AXIS_FIXED}};
}

static void k_reduce_sum_f32(const snug_call *c)
{
    block b;
    block_of(c->attrs, &c->in[0].type.shape, &b);
    if (!b.samples) {
        spans_run(c, b.outer, outer_grain(&b), sum_span);
        return;
    }
    snug_shape rows = sample_rows(&b);
    column_job j = columns_job(c, &rows);
    j.block = column_sum_block, j.merge = column_merge_sum, j.finish = finish_sum;
    j.one = j.round = true, j.arg = c;
    columns_reduce(c, &j, c->scratch, c->scratch_bytes);
}

static size_t sum_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    block b;
    block_of(s->attrs, &s->in[0].shape, &b);
    if (!b.samples || s->in[0].shape.dim[0] == 0) return 0;
    int64_t samples = s->in[0].shape.dim[0];
    /* as columns_scratch, of [samples, rows of a sample, inner] */
    snug_shape rows = {.n_dims = 3, .dim = {samples, b.reduced / samples, b.inner}};
    rows.kind[0] = SNUG_AXIS_BATCH;
    return columns_scratch(&rows);
}

static void k_reduce_mean_f32(const snug_call *c)
{
    block b;
    block_of(c->attrs, &c->in[0].type.shape, &b);
    spans_run(c, b.outer, outer_grain(&b), mean_span);
}

/* ---- reduce_max, reduce_min -------------------------------------------------------------------
 */

/* The larger (smaller); NaN before any number. */
ALWAYS_INLINE vf pick(vf v, vf best, bool most)
{
    vm more = most ? vgt(v, best) : vlt(v, best);
    return vselect(vm_or(more, vm_not(veq(v, v))), v, best);
}

ALWAYS_INLINE float row_extreme(const float *x, int64_t n, bool most)
{
    float lanes[VLEN], best = x[0];
    vf all = vset1(best);
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) all = pick(vload(x + i), all, most);
    vstore(lanes, all);
    for (int l = 0; l < VLEN; l++)
        if ((most ? lanes[l] > best : lanes[l] < best) || lanes[l] != lanes[l]) best = lanes[l];
    for (; i < n; i++)
        if ((most ? x[i] > best : x[i] < best) || x[i] != x[i]) best = x[i];
    return best;
}

ALWAYS_INLINE void column_extremes(const float *x, float *y, const block *b, bool most)
{
    for (int64_t i = 0; i < b->inner; i += VLEN) {
        int n = vlanes(i, b->inner);
        vf best = vload_upto(x + i, n);
        for (int64_t r = 1; r < b->reduced; r++)
            best = pick(vload_upto(x + r * b->inner + i, n), best, most);
        vstore_upto(y + i, best, n);
    }
}

ALWAYS_INLINE void extreme_outer(const snug_call *c, int64_t begin, int64_t end, bool most)
{
    block b;
    block_of(c->attrs, &c->in[0].type.shape, &b);
    for (int64_t o = begin; o < end; o++) {
        const float *x = (const float *)c->in[0].data + o * b.reduced * b.inner;
        float *y = (float *)c->out[0].data + o * b.inner;
        if (b.inner == 1)
            *y = row_extreme(x, b.reduced, most);
        else
            column_extremes(x, y, &b, most);
    }
}

static void max_span(const snug_call *c, int64_t begin, int64_t end)
{
    extreme_outer(c, begin, end, true);
}

static void min_span(const snug_call *c, int64_t begin, int64_t end)
{
    extreme_outer(c, begin, end, false);
}

static void run_extreme(const snug_call *c, span_fn fn)
{
    block b;
    block_of(c->attrs, &c->in[0].type.shape, &b);
    spans_run(c, b.outer, outer_grain(&b), fn);
}

static void k_reduce_max_f32(const snug_call *c)
{
    run_extreme(c, max_span);
}

static void k_reduce_min_f32(const snug_call *c)
{
    run_extreme(c, min_span);
}

/* ---- reduce_sum_grad --------------------------------------------------------------------------
 */

typedef struct spread {
    const float *dy;
    float *dx;
    vf scale;
} spread;

static bool fits_spread(const snug_sig *s)
{
    block b;
    return all_f32(s) && block_of(s->attrs, &s->out[0].shape, &b);
}

ALWAYS_INLINE void spread_one(const void *arg, int64_t i, int n)
{
    const spread *s = arg;
    vstore_upto(s->dx + i, s->scale, n);
}

ALWAYS_INLINE void spread_at(const void *arg, int64_t at, int64_t j, int n)
{
    const spread *s = arg;
    vstore_upto(s->dx + at, vmul(vload_upto(s->dy + j, n), s->scale), n);
}

static double spread_divisor(const snug_call *c, const block *b)
{
    if (!((const snug_reduce_attrs *)c->attrs)->mean) return 1;
    if (!b->samples) return (double)b->reduced;
    return (double)(c->step->n_step * snug_each_sample(c->step, b->reduced));
}

/* Elements [begin, end) of [outer, reduced]. */
static void spread_rows(const snug_call *c, int64_t begin, int64_t end)
{
    block b;
    block_of(c->attrs, &c->out[0].type.shape, &b);
    double divisor = spread_divisor(c, &b);
    columns l = columns_of(b.inner);
    for (int64_t i = begin, n; i < end; i += n) {
        int64_t o = i / b.reduced, left = b.reduced - i % b.reduced;
        n = left < end - i ? left : end - i;
        float wide[COLUMN_FOLDED];
        const float *dy = (const float *)c->in[0].data + o * b.inner;
        spread s = {.dx = (float *)c->out[0].data + i * b.inner};
        if (b.inner == 1) {
            s.scale = vset1((float)((double)*dy / divisor));
            span_each(0, n, spread_one, &s);
            continue;
        }
        s.scale = vset1((float)(1 / divisor));
        s.dy = columns_widen(&l, dy, wide);
        rows_each(&l, n, spread_at, &s);
    }
}

static void k_reduce_sum_grad_f32(const snug_call *c)
{
    block b;
    block_of(c->attrs, &c->out[0].type.shape, &b);
    spans_run(c, b.outer * b.reduced, span_rows(b.inner, SPAN_STREAM), spread_rows);
}

KERNEL_TABLE(reduce) = {
    {.op = "reduce_sum",
     .name = "k_reduce_sum_f32",
     .fits = fits_block,
     .scratch = sum_scratch,
     .run = k_reduce_sum_f32},
    {.op = "reduce_mean", .name = "k_reduce_mean_f32", .fits = fits_mean, .run = k_reduce_mean_f32},
    {.op = "reduce_max", .name = "k_reduce_max_f32", .fits = fits_block, .run = k_reduce_max_f32},
    {.op = "reduce_min", .name = "k_reduce_min_f32", .fits = fits_block, .run = k_reduce_min_f32},
    {.op = "reduce_sum_grad",
     .name = "k_reduce_sum_grad_f32",
     .fits = fits_spread,
     .run = k_reduce_sum_grad_f32},
    {0},
};
