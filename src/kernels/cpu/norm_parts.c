/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation in parts (ops/batch_norm_parts.c): what is made of each sample alone, in the
 * blocks of norm.c, and what is merged over all samples, in their order. A task is a panel of a
 * sample's columns; it needs no scratch of its own. */
#include "kernels/cpu/norm.h"

/* Partials of all samples of a call. */
typedef struct parts {
    columns layout;
    int64_t sample_rows, panels;
    norm_rows first; /* sample's rows */
    float *partials;
    void (*block)(const column_job *j, const column_block *b, float *const out[2]);
    void (*merge)(column_state *a, const column_state *b, int64_t n_columns);
    bool mean; /* over the rows, of the second of two */
} parts;

/* One sample. */
typedef struct part {
    norm_rows rows;
    float *out[2];
    bool mean;
} part;

static void statistics_block(const column_job *j, const column_block *b, float *const out[2])
{
    const part *s = j->arg;
    norm_statistics(&j->layout, b, s->rows.x, out);
}

static void slope_block(const column_job *j, const column_block *b, float *const out[2])
{
    const part *s = j->arg;
    norm_slope_sums(&j->layout, b, &s->rows, out);
}

static void part_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const part *p = j->arg;
    const double each = p->mean && s->n_rows > 0 ? 1 / s->n_rows : 1;
    for (int64_t i = begin; i < end; i++) {
        p->out[0][i] = (float)s->v[0][i - begin];
        p->out[1][i] = (float)(s->v[1][i - begin] * each);
    }
}

static void part_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const parts *a = arg;
    const int64_t sample = task / a->panels, n_columns = a->layout.n_columns;
    const int64_t begin = task % a->panels * COLUMN_PANEL, end = begin + COLUMN_PANEL;
    const int64_t at = sample * a->sample_rows * n_columns;
    float *out = a->partials + 2 * sample * n_columns;
    part s = {.rows = a->first, .out = {out, out + n_columns}, .mean = a->mean};
    s.rows.x += at;
    if (s.rows.dy) s.rows.dy += at;
    const column_job j = {.layout = a->layout,
                          .n_rows = a->sample_rows,
                          .block = a->block,
                          .merge = a->merge,
                          .finish = part_finish,
                          .arg = &s};
    job_panel(&j, begin, end < n_columns ? end : n_columns);
}

static void parts_run(const snug_call *c, parts *a)
{
    const snug_shape *s = &c->in[0].type.shape;
    const int64_t samples = s->dim[0];
    a->sample_rows = samples > 0 ? snug_shape_rows(s) / samples : 0;
    a->panels = (a->layout.n_columns + COLUMN_PANEL - 1) / COLUMN_PANEL;
    a->first.x = c->in[0].data;
    a->partials = c->out[0].data;
    snug_parallel(c->queue, samples * a->panels, part_task, a);
}

static void k_batch_norm_partials_f32(const snug_call *c)
{
    parts a = {.layout = columns_of(snug_shape_last(&c->in[0].type.shape)),
               .block = statistics_block,
               .merge = norm_merge_statistics,
               .mean = true};
    parts_run(c, &a);
}

static void k_batch_norm_grad_partials_f32(const snug_call *c)
{
    parts a = {.layout = columns_of(snug_shape_last(&c->in[0].type.shape)),
               .block = slope_block,
               .merge = column_merge_sums};
    a.first.p = norm_params_given(c, &a.layout, c->in + 2);
    norm_repeat(&a.layout, &a.first.p, FORWARD_PARAMS);
    a.first.dy = c->in[1].data;
    a.first.act = ((const snug_batch_norm_attrs *)c->attrs)->act;
    parts_run(c, &a);
}

/* ---- merging ----------------------------------------------------------------------------------
 */

/* As many as there are of COLUMN_STEP columns, n or more. */
static inline void load_wide(const float *p, int64_t n, column_wide *to)
{
    column_narrow v = {0};
    if (n >= COLUMN_STEP)
        v = *(const column_narrow *)p;
    else
        memcpy(&v, p, (size_t)n * sizeof *p);
    *to = __builtin_convertvector(v, column_wide);
}

/* Mean and variance of columns [i, i + COLUMN_STEP) over all samples. */
static void merge_step(const snug_call *c, int64_t i, float *mean, float *var)
{
    const int64_t samples = c->in[0].type.shape.dim[0], n_columns = c->in[0].type.shape.dim[2];
    const float *p = (const float *)c->in[0].data + i;
    const double each = samples > 0 ? 1 / (double)samples : 0;
    column_wide middle = {0}, sum = {0}, of_mean, of_var;
    for (int64_t s = 0; s < samples; s++) {
        load_wide(p + 2 * s * n_columns, n_columns - i, &of_mean);
        middle += of_mean;
    }
    middle *= each;
    for (int64_t s = 0; s < samples; s++) {
        load_wide(p + 2 * s * n_columns, n_columns - i, &of_mean);
        load_wide(p + (2 * s + 1) * n_columns, n_columns - i, &of_var);
        sum += of_var + (of_mean - middle) * (of_mean - middle);
    }
    *(column_narrow *)mean = __builtin_convertvector(middle, column_narrow);
    *(column_narrow *)var = __builtin_convertvector(sum * each, column_narrow);
}

static void merge_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    const snug_call *c = arg;
    const snug_batch_norm_merge_attrs *a = c->attrs;
    const snug_shape *p = &c->in[0].type.shape;
    const norm_outcome o = {c->in + 1, c->out, (double)(p->dim[0] * a->rows), a->momentum,
                            a->epsilon};
    int64_t begin = task * COLUMN_PANEL, end = begin + COLUMN_PANEL;
    if (end > p->dim[2]) end = p->dim[2];
    float mean[COLUMN_PANEL], var[COLUMN_PANEL];
    for (int64_t i = begin; i < end; i += COLUMN_STEP)
        merge_step(c, i, mean + i - begin, var + i - begin);
    norm_conclude(&o, begin, end, mean, var);
}

static void k_batch_norm_merge_f32(const snug_call *c)
{
    const snug_shape *p = &c->in[0].type.shape;
    const int64_t panels = (p->dim[2] + COLUMN_PANEL - 1) / COLUMN_PANEL;
    if (p->dim[0] * p->dim[2] >= SPAN_STREAM)
        snug_parallel(c->queue, panels, merge_task, (void *)c); /* NOLINT: tasks do not write it */
    else
        for (int64_t i = 0; i < panels; i++) merge_task((void *)c, i, 0); /* NOLINT */
}

static void sums_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const snug_call *c = j->arg;
    float *sums = c->scratch;
    for (int64_t i = begin; i < end; i++) sums[i] = (float)s->v[0][i - begin];
}

/* Partials are summed as rows of 2 C columns. */
static void k_batch_norm_grad_merge_f32(const snug_call *c)
{
    const snug_batch_norm_merge_attrs *a = c->attrs;
    const snug_shape *p = &c->in[0].type.shape;
    const float *sums = c->scratch;
    column_job j = {.layout = columns_of(2 * p->dim[2]),
                    .step = snug_shape_has_batch(p) ? c->step : NULL,
                    .n_rows = p->dim[0],
                    .rows_per_sample = 1,
                    .block = column_sum_block,
                    .merge = column_merge_sum,
                    .one = true,
                    .round = true,
                    .finish = sums_finish,
                    .arg = c};
    columns_reduce(c, &j, NULL, 0);
    const norm_turn t = {c->in[1].data,
                         c->in[2].data,
                         c->out[0].data,
                         c->out[1].data,
                         c->out[2].data,
                         c->out[3].data,
                         (double)(p->dim[0] * a->rows)};
    norm_conclude_slopes(&t, 0, p->dim[2], sums, sums + p->dim[2]);
}

static size_t grad_merge_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    return 2 * (size_t)snug_shape_last(&s->in[0].shape) * sizeof(float);
}

KERNEL_TABLE(norm_parts) = {
    {.op = "batch_norm_partials",
     .name = "k_batch_norm_partials_f32",
     .run = k_batch_norm_partials_f32},
    {.op = "batch_norm_merge", .name = "k_batch_norm_merge_f32", .run = k_batch_norm_merge_f32},
    {.op = "batch_norm_grad_partials",
     .name = "k_batch_norm_grad_partials_f32",
     .scratch = norm_forward_scratch,
     .run = k_batch_norm_grad_partials_f32},
    {.op = "batch_norm_grad_merge",
     .name = "k_batch_norm_grad_merge_f32",
     .scratch = grad_merge_scratch,
     .run = k_batch_norm_grad_merge_f32},
    {0},
};
