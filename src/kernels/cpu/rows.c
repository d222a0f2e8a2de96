/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels over rows of channels: bias_add, sum_rows (the gradient of a bias), and the global
 * average pool with its gradient. Loops and order of sums are those of columns.h. */
#include "kernels/cpu/columns.h"

/* ---- bias_add ---------------------------------------------------------------------------------
 */

typedef struct biased {
    const float *x, *bias;
    float *y;
} biased;

ALWAYS_INLINE void bias_add_at(const void *arg, int64_t at, int64_t j, int n)
{
    const biased *b = arg;
    vstore_upto(b->y + at, vadd(vload_upto(b->x + at, n), vload_upto(b->bias + j, n)), n);
}

/* A span of whole blocks of rows. */
static void bias_add_span(const snug_call *c, int64_t begin, int64_t end)
{
    float wide[COLUMN_FOLDED];
    columns l = columns_of(snug_shape_last(&c->in[1].type.shape));
    biased b = {.bias = columns_widen(&l, c->in[1].data, wide)};
    b.x = (const float *)c->in[0].data + begin;
    b.y = (float *)c->out[0].data + begin;
    rows_each(&l, (end - begin) / l.n_columns, bias_add_at, &b);
}

static void k_bias_add_f32(const snug_call *c)
{
    columns l = columns_of(snug_shape_last(&c->in[1].type.shape));
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), columns_grain(&l), bias_add_span);
}

/* ---- sum_rows ---------------------------------------------------------------------------------
 */

static void sum_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const snug_call *c = j->arg;
    float *y = c->out[0].data;
    for (int64_t i = begin; i < end; i++) y[i] = (float)s->v[0][i - begin];
}

static void k_sum_rows_f32(const snug_call *c)
{
    column_job j = columns_job(c, &c->in[0].type.shape);
    j.block = column_sum_block;
    j.merge = column_merge_sum;
    j.one = j.round = true;
    j.finish = sum_finish;
    j.arg = c;
    columns_reduce(c, &j, c->scratch, c->scratch_bytes);
}

static size_t sum_rows_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    return columns_scratch(&s->in[0].shape);
}

/* ---- global average pool ----------------------------------------------------------------------
 */

/* One sample: a leaf of its own, its pixels the rows. */
static void pool_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const snug_call *c = j->arg;
    float *y = c->out[0].data;
    double scale = 1 / (double)j->n_rows;
    for (int64_t i = begin; i < end; i++) y[i] = (float)(s->v[0][i - begin] * scale);
}

/* The columns [begin, end) of a sample that is one block. */
static void pool_block(const column_job *j, int64_t begin, int64_t end)
{
    const snug_call *c = j->arg;
    float *y = (float *)c->out[0].data + begin;
    const vf scale = vset1((float)(1 / (double)j->n_rows));
    column_sum_block(j, &(column_block){0, j->n_rows, begin, end}, (float *const[]){y, NULL});
    for (int64_t i = 0; i < end - begin; i += VLEN) {
        const int n = vlanes(i, end - begin);
        vstore_upto(y + i, vmul(vload_upto(y + i, n), scale), n);
    }
}

/* Samples [begin, end) of the call. */
static void pool_samples(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_shape *s = &c->in[0].type.shape;
    const int64_t channels = s->dim[3], pixels = s->dim[1] * s->dim[2];
    snug_tensor x = c->in[0], y = c->out[0];
    const snug_call sample = {.in = &x, .out = &y};
    column_job j = {.layout = columns_of(channels), .n_rows = pixels, .arg = &sample, .one = true};
    j.block = column_sum_block;
    j.merge = column_merge_sum;
    j.finish = pool_finish;
    const bool whole = pixels > 0 && pixels <= j.layout.block_rows;
    for (int64_t i = begin; i < end; i++) {
        x.data = (float *)c->in[0].data + i * pixels * channels;
        y.data = (float *)c->out[0].data + i * channels;
        for (int64_t p = 0; p < channels; p += COLUMN_PANEL) {
            const int64_t stop = p + COLUMN_PANEL < channels ? p + COLUMN_PANEL : channels;
            (whole ? pool_block : job_panel)(&j, p, stop);
        }
    }
}

/* Samples of a task: as many as make SPAN_STREAM elements. */
static int64_t sample_grain(const snug_shape *s)
{
    return span_rows(s->dim[1] * s->dim[2] * s->dim[3], SPAN_STREAM);
}

static void k_global_avg_pool_f32(const snug_call *c)
{
    const snug_shape *s = &c->in[0].type.shape;
    spans_run(c, s->dim[0], sample_grain(s), pool_samples);
}

typedef struct spread {
    const float *dy;
    float *dx;
    vf scale;
} spread;

ALWAYS_INLINE void spread_at(const void *arg, int64_t at, int64_t j, int n)
{
    const spread *s = arg;
    vstore_upto(s->dx + at, vmul(vload_upto(s->dy + j, n), s->scale), n);
}

static void spread_samples(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_shape *shape = &c->out[0].type.shape;
    columns l = columns_of(shape->dim[3]);
    int64_t pixels = shape->dim[1] * shape->dim[2];
    spread s = {.scale = vset1((float)(1 / (double)pixels))};
    for (int64_t i = begin; i < end; i++) {
        float wide[COLUMN_FOLDED];
        s.dy = columns_widen(&l, (const float *)c->in[0].data + i * l.n_columns, wide);
        s.dx = (float *)c->out[0].data + i * pixels * l.n_columns;
        rows_each(&l, pixels, spread_at, &s);
    }
}

static void k_global_avg_pool_grad_f32(const snug_call *c)
{
    const snug_shape *s = &c->out[0].type.shape;
    spans_run(c, s->dim[0], sample_grain(s), spread_samples);
}

KERNEL_TABLE(rows) = {
    {.op = "bias_add", .name = "k_bias_add_f32", .run = k_bias_add_f32},
    {.op = "sum_rows",
     .name = "k_sum_rows_f32",
     .scratch = sum_rows_scratch,
     .run = k_sum_rows_f32},
    {.op = "global_avg_pool", .name = "k_global_avg_pool_f32", .run = k_global_avg_pool_f32},
    {.op = "global_avg_pool_grad",
     .name = "k_global_avg_pool_grad_f32",
     .run = k_global_avg_pool_grad_f32},
    {0},
};
