/* SPDX-License-Identifier: Apache-2.0 */
/* Updates whose steps depend on sums over the whole tensor: lamb_update and adafactor_update
 * (ops/updates_lamb.c and updates_adafactor.c have the formulas). Partial sums are of chunks, or
 * blocks of rows, that follow from the shape alone, and are added in their order in double. */
#include "kernels/cpu/spans.h"
#include "ops/ops.h"
#include <math.h>

enum { CHUNK = 4096, TASK_CHUNKS = SPAN_STREAM / CHUNK, MIN_ROWS = 64, MAX_BLOCKS = 64 };

/* Two sums of squares: of weights and of steps. */
typedef struct squares {
    double w, u;
} squares;

static squares add_squares(const squares *part, int64_t n)
{
    squares sum = {0, 0};
    for (int64_t i = 0; i < n; i++) {
        sum.w += part[i].w;
        sum.u += part[i].u;
    }
    return sum;
}

/* clamp(g * scale); NaN passes. */
typedef struct clamped {
    const float *g;
    vf scale, clip;
} clamped;

static clamped clamped_of(const snug_call *c, int hyper)
{
    const snug_update_attrs *a = c->attrs;
    const float scale = c->n_in > hyper + 1 ? *(const float *)c->in[hyper + 1].data : 1;
    return (clamped){c->in[1].data, vset1(scale),
                     vset1(a->clip_value > 0 ? (float)a->clip_value : __builtin_inff())};
}

ALWAYS_INLINE vf clamped_at(const clamped *k, int64_t i, int n)
{
    const vf g = vmul(vload_upto(k->g + i, n), k->scale);
    return vmax(vneg(k->clip), vmin(k->clip, g));
}

/* ---- lamb -------------------------------------------------------------------------------------
 */

typedef struct lamb {
    clamped g;
    const float *w, *m, *v;
    float *w_new, *m_new, *v_new;
    vf beta1, rest1, beta2, rest2, correct1, correct2, epsilon, decay, step;
    int64_t n;
    squares *part; /* of each chunk */
} lamb;

static lamb lamb_of(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const float *hyper = c->in[4].data;
    return (lamb){
        .g = clamped_of(c, 4),
        .w = c->in[0].data,
        .m = c->in[2].data,
        .v = c->in[3].data,
        .w_new = c->out[0].data,
        .m_new = c->out[1].data,
        .v_new = c->out[2].data,
        .beta1 = vset1((float)a->beta1),
        .rest1 = vset1((float)(1 - a->beta1)),
        .beta2 = vset1((float)a->beta2),
        .rest2 = vset1((float)(1 - a->beta2)),
        .correct1 = vset1(hyper[1]),
        .correct2 = vset1(hyper[2]),
        .epsilon = vset1((float)a->epsilon),
        .decay = vset1((float)a->weight_decay),
        .n = snug_shape_elements(&c->in[0].type.shape),
        .part = c->scratch,
    };
}

ALWAYS_INLINE vf lamb_step(const lamb *k, vf w, vf m, vf v)
{
    const vf root = vadd(vsqrt(vdiv(v, k->correct2)), k->epsilon);
    return vfma(k->decay, w, vdiv(vdiv(m, k->correct1), root));
}

static squares lamb_chunk(const lamb *k, int64_t begin, int64_t end)
{
    vf ww = vzero(), uu = vzero();
    for (int64_t i = begin; i < end; i += VLEN) {
        const int n = vlanes(i, end);
        const vf w = vload_upto(k->w + i, n), g = clamped_at(&k->g, i, n);
        const vf m = vfma(k->beta1, vload_upto(k->m + i, n), vmul(k->rest1, g));
        const vf v = vfma(k->beta2, vload_upto(k->v + i, n), vmul(vmul(k->rest2, g), g));
        /* lanes past the end hold 0 and would be 0 / 0 where epsilon is 0 */
        const vf u =
            n == VLEN ? lamb_step(k, w, m, v) : vselect(vmask_n(n), lamb_step(k, w, m, v), vzero());
        vstore_upto(k->m_new + i, m, n);
        vstore_upto(k->v_new + i, v, n);
        ww = vfma(w, w, ww);
        uu = vfma(u, u, uu);
    }
    return (squares){(double)vsum(ww), (double)vsum(uu)};
}

static void lamb_sum_task(void *arg, int64_t task, int thread)
{
    const lamb *k = arg;
    (void)thread;
    for (int64_t i = task * TASK_CHUNKS; i < (task + 1) * TASK_CHUNKS && i * CHUNK < k->n; i++)
        k->part[i] = lamb_chunk(k, i * CHUNK, (i + 1) * CHUNK < k->n ? (i + 1) * CHUNK : k->n);
}

ALWAYS_INLINE void lamb_at(const void *arg, int64_t i, int n)
{
    const lamb *k = arg;
    const vf w = vload_upto(k->w + i, n);
    const vf u = lamb_step(k, w, vload_upto(k->m_new + i, n), vload_upto(k->v_new + i, n));
    vstore_upto(k->w_new + i, vsub(w, vmul(k->step, u)), n);
}

static void lamb_step_task(void *arg, int64_t task, int thread)
{
    const lamb *k = arg;
    (void)thread;
    const int64_t end = (task + 1) * SPAN_STREAM;
    span_each(task * SPAN_STREAM, end < k->n ? end : k->n, lamb_at, k);
}

static size_t lamb_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    return (size_t)(snug_shape_elements(&s->in[0].shape) / CHUNK + 1) * sizeof(squares);
}

static void k_lamb_update_f32(const snug_call *c)
{
    lamb k = lamb_of(c);
    const int64_t tasks = (k.n + SPAN_STREAM - 1) / SPAN_STREAM;
    snug_parallel(c->queue, tasks, lamb_sum_task, &k);
    const squares sum = add_squares(k.part, (k.n + CHUNK - 1) / CHUNK);
    const double trust = sum.w > 0 && sum.u > 0 ? sqrt(sum.w) / sqrt(sum.u) : 1;
    k.step = vset1((float)((double)*(const float *)c->in[4].data * trust));
    snug_parallel(c->queue, tasks, lamb_step_task, &k);
}

/* ---- adafactor --------------------------------------------------------------------------------
 */

typedef struct factored {
    clamped g;
    const float *w, *row;
    float *w_new, *row_new, *column;
    int64_t rows, columns, block; /* rows of a block */
    double rest, mean;
    vf least, keep, step;
    squares *part;    /* of each block */
    float *of_column; /* [blocks, columns]: sums over the rows of a block */
} factored;

static int64_t rows_of_block(int64_t rows)
{
    const int64_t even = (rows + MAX_BLOCKS - 1) / MAX_BLOCKS;
    return even > MIN_ROWS ? even : MIN_ROWS;
}

static int64_t block_end(const factored *k, int64_t block)
{
    const int64_t end = (block + 1) * k->block;
    return end < k->rows ? end : k->rows;
}

/* Means of squares: those of the block's rows, and the sums of its columns. */
static void means_task(void *arg, int64_t block, int thread)
{
    const factored *k = arg;
    float *sums = k->of_column + block * k->columns;
    (void)thread;
    for (int64_t c = 0; c < k->columns; c++) sums[c] = 0;
    for (int64_t r = block * k->block; r < block_end(k, block); r++) {
        vf row = vzero();
        for (int64_t c = 0; c < k->columns; c += VLEN) {
            const int n = vlanes(c, k->columns);
            const vf g = clamped_at(&k->g, r * k->columns + c, n);
            const vf square = n == VLEN ? vmul(g, g) : vselect(vmask_n(n), vmul(g, g), vzero());
            row = vadd(row, square);
            vstore_upto(sums + c, vadd(vload_upto(sums + c, n), square), n);
        }
        const double mean = (double)vsum(row) / (double)k->columns, old = (double)k->row[r];
        k->row_new[r] = (float)(old + k->rest * (mean - old));
    }
}

static void finish_means(factored *k, const float *old_column, int64_t blocks)
{
    for (int64_t c = 0; c < k->columns; c++) {
        double sum = 0;
        const double old = (double)old_column[c];
        for (int64_t b = 0; b < blocks; b++) sum += (double)k->of_column[b * k->columns + c];
        k->column[c] = (float)(old + k->rest * (sum / (double)k->rows - old));
    }
    double mean = 0;
    for (int64_t r = 0; r < k->rows; r++) mean += (double)k->row_new[r];
    k->mean = mean / (double)k->rows;
}

ALWAYS_INLINE vf factored_step(const factored *k, vf row, int64_t r, int64_t c, int n)
{
    const vf square = vmul(row, vload_upto(k->column + c, n));
    return vdiv(clamped_at(&k->g, r * k->columns + c, n), vsqrt(vmax(square, k->least)));
}

static vf row_factor(const factored *k, int64_t r)
{
    return vset1(k->mean > 0 ? (float)((double)k->row_new[r] / k->mean) : 0);
}

static void factored_sum_task(void *arg, int64_t block, int thread)
{
    const factored *k = arg;
    squares sum = {0, 0};
    (void)thread;
    for (int64_t r = block * k->block; r < block_end(k, block); r++) {
        vf ww = vzero(), uu = vzero();
        const vf row = row_factor(k, r);
        for (int64_t c = 0; c < k->columns; c += VLEN) {
            const int n = vlanes(c, k->columns);
            const vf w = vload_upto(k->w + r * k->columns + c, n);
            vf u = factored_step(k, row, r, c, n);
            if (n < VLEN) u = vselect(vmask_n(n), u, vzero());
            ww = vfma(w, w, ww);
            uu = vfma(u, u, uu);
        }
        sum.w += (double)vsum(ww);
        sum.u += (double)vsum(uu);
    }
    k->part[block] = sum;
}

static void factored_step_task(void *arg, int64_t block, int thread)
{
    const factored *k = arg;
    (void)thread;
    for (int64_t r = block * k->block; r < block_end(k, block); r++) {
        const vf row = row_factor(k, r);
        for (int64_t c = 0; c < k->columns; c += VLEN) {
            const int n = vlanes(c, k->columns);
            const int64_t i = r * k->columns + c;
            const vf u = factored_step(k, row, r, c, n), w = vload_upto(k->w + i, n);
            vstore_upto(k->w_new + i, vsub(vmul(w, k->keep), vmul(k->step, u)), n);
        }
    }
}

static int64_t blocks_of(int64_t rows)
{
    const int64_t block = rows_of_block(rows);
    return (rows + block - 1) / block;
}

static size_t adafactor_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    const int64_t blocks = blocks_of(s->in[2].shape.dim[0]), columns = s->in[3].shape.dim[0];
    return (size_t)blocks * (sizeof(squares) + (size_t)columns * sizeof(float));
}

static factored factored_of(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const float *hyper = c->in[4].data;
    const int64_t rows = c->in[2].type.shape.dim[0];
    const float least = (float)(a->epsilon * a->epsilon);
    return (factored){
        .g = clamped_of(c, 4),
        .w = c->in[0].data,
        .row = c->in[2].data,
        .w_new = c->out[0].data,
        .row_new = c->out[1].data,
        .column = c->out[2].data,
        .rows = rows,
        .columns = c->in[3].type.shape.dim[0],
        .block = rows_of_block(rows),
        .rest = (double)hyper[3],
        .least = vset1(least > __FLT_MIN__ ? least : __FLT_MIN__),
        .keep = vset1((float)(1 - (double)hyper[0] * a->weight_decay)),
        .part = c->scratch,
        .of_column = (float *)((squares *)c->scratch + blocks_of(rows)),
    };
}

static void k_adafactor_update_f32(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    factored k = factored_of(c);
    const int64_t blocks = blocks_of(k.rows);
    const double n = (double)(k.rows * k.columns), lr = (double)*(const float *)c->in[4].data;
    snug_parallel(c->queue, blocks, means_task, &k);
    finish_means(&k, c->in[3].data, blocks);
    snug_parallel(c->queue, blocks, factored_sum_task, &k);
    const squares sum = add_squares(k.part, blocks);
    const double size = sqrt(sum.w / n), long_by = sqrt(sum.u / n) / a->clip_rms;
    k.step = vset1(
        (float)(lr * (size > a->least_rms ? size : a->least_rms) / (long_by > 1 ? long_by : 1)));
    snug_parallel(c->queue, blocks, factored_step_task, &k);
}

KERNEL_TABLE(update_norms) = {
    {.op = "lamb_update",
     .name = "k_lamb_update_f32",
     .scratch = lamb_scratch,
     .run = k_lamb_update_f32},
    {.op = "adafactor_update",
     .name = "k_adafactor_update_f32",
     .scratch = adafactor_scratch,
     .run = k_adafactor_update_f32},
    {0},
};
