/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over rows of channels (ops/batch_norm.c has the formulas), in two passes over
 * memory: one for the statistics or sums, one for the result. Statistics of a block are its mean
 * and the sum of squares about that mean, taken while the block is in the first-level cache; blocks
 * are merged by Chan, Golub and LeVeque's formula (1979) in double, which loses nothing to a mean
 * that is large beside the deviation.
 *
 * Forward, gradient and inference compute y = fma(x - mean, scale, beta), scale = gamma * inv_std,
 * with the same instructions, so the gradient's mask is the forward's. */
#include "kernels/cpu/activate.h"
#include "kernels/cpu/columns.h"
#include <math.h>

/* Vectors over the wide row, in scratch before the partials. */
typedef struct norm_params {
    float *mean, *scale, *beta;
    float *slope, *shift; /* gradient: dx = scale * dy + slope * (x - mean) + shift */
} norm_params;

enum { FORWARD_PARAMS = 3, GRAD_PARAMS = 5 };

static norm_params params_of(const snug_call *c, const columns *l)
{
    float *p = c->scratch;
    return (norm_params){p, p + l->width, p + 2 * l->width, p + 3 * l->width, p + 4 * l->width};
}

/* A whole number of cache lines. */
static size_t params_bytes(const columns *l, int n_params)
{
    return ((size_t)(n_params * l->width) * sizeof(float) + 63) & ~(size_t)63;
}

static void repeat_params(const columns *l, const norm_params *p, int n_params)
{
    float *const all[GRAD_PARAMS] = {p->mean, p->scale, p->beta, p->slope, p->shift};
    for (int i = 0; i < n_params; i++) columns_repeat(l, all[i]);
}

static void put(const snug_tensor *t, int64_t i, double v)
{
    if (t->data) ((float *)t->data)[i] = (float)v;
}

static double get(const snug_tensor *t, int64_t i)
{
    return (double)((const float *)t->data)[i];
}

/* ---- normalising ------------------------------------------------------------------------------
 */

typedef struct normalised {
    const float *x;
    norm_params p;
    float *y;
    int64_t act;
} normalised;

ALWAYS_INLINE vf norm_y(vf centred, const norm_params *p, int64_t j, int n)
{
    return vfma(centred, vload_upto(p->scale + j, n), vload_upto(p->beta + j, n));
}

ALWAYS_INLINE vf norm_centre(const float *x, const norm_params *p, int64_t j, int n)
{
    return vsub(vload_upto(x, n), vload_upto(p->mean + j, n));
}

ALWAYS_INLINE void norm_at(const void *arg, int64_t at, int64_t j, int n)
{
    const normalised *k = arg;
    vf y = norm_y(norm_centre(k->x + at, &k->p, j, n), &k->p, j, n);
    vstore_upto(k->y + at, vcut(k->act, y), n);
}

/* act is known when compiling. */
ALWAYS_INLINE void norm_rows(const columns *l, int64_t n_rows, normalised k, int64_t act)
{
    k.act = act;
    rows_each(l, n_rows, norm_at, &k);
}

static void norm_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_batch_norm_attrs *a = c->attrs;
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    normalised k = {.p = params_of(c, &l)};
    k.x = (const float *)c->in[0].data + begin;
    k.y = (float *)c->out[0].data + begin;
    int64_t n_rows = (end - begin) / l.n_columns;
    if (a->act == ACT_RELU)
        norm_rows(&l, n_rows, k, ACT_RELU);
    else if (a->act == ACT_RELU6)
        norm_rows(&l, n_rows, k, ACT_RELU6);
    else
        norm_rows(&l, n_rows, k, ACT_NONE);
}

static void normalise(const snug_call *c, const columns *l)
{
    norm_params p = params_of(c, l);
    repeat_params(l, &p, FORWARD_PARAMS);
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), columns_grain(l), norm_span);
}

/* ---- statistics -------------------------------------------------------------------------------
 */

typedef struct deviations {
    const float *x;
    const float *pivot; /* near the mean, for the columns from `begin` */
    int64_t begin;
} deviations;

ALWAYS_INLINE void sum_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const deviations *d = arg;
    (void)j;
    sum[0] = vadd(sum[0], vload_upto(d->x + at, n));
}

ALWAYS_INLINE void square_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const deviations *d = arg;
    vf v = vsub(vload_upto(d->x + at, n), vload_upto(d->pivot + j - d->begin, n));
    if (n < VLEN) v = vselect(vmask_n(n), v, vzero());
    sum[0] = vadd(sum[0], v);
    sum[1] = vfma(v, v, sum[1]);
}

/* Mean and sum of squared deviations of a block: the sum first, then deviations from the mean that
 * it gives, whose own sum makes up for its rounding. */
static void statistics_block(const column_job *j, const column_block *b, float *const out[2])
{
    const snug_call *c = j->arg;
    const columns *l = &j->layout;
    float pivot[COLUMN_FOLDED];
    deviations d = {.x = (const float *)c->in[0].data + b->row * l->n_columns, .begin = b->begin};
    block_sums(l, b, sum_term, &d, out);
    float scale = 1 / (float)b->n_rows;
    for (int64_t i = 0; i < b->end - b->begin; i++) pivot[i] = out[0][i] * scale;
    columns_repeat(l, pivot);
    d.pivot = pivot;
    block_sums(l, b, square_term, &d, out);
    for (int64_t i = 0; i < b->end - b->begin; i++) {
        float drift = out[0][i] * scale, squares = out[1][i] - out[0][i] * drift;
        out[0][i] = pivot[i] + drift;
        out[1][i] = squares > 0 ? squares : 0;
    }
}

static void merge_statistics(column_state *a, const column_state *b, int64_t n_columns)
{
    double n = a->n_rows + b->n_rows, part = b->n_rows / n, weight = a->n_rows * part;
    for (int64_t c = 0; c < n_columns; c += COLUMN_STEP) {
        column_wide *mean = (column_wide *)(a->v[0] + c), *squares = (column_wide *)(a->v[1] + c);
        column_wide delta = *(const column_wide *)(b->v[0] + c) - *mean;
        *mean += delta * part;
        *squares += *(const column_wide *)(b->v[1] + c) + delta * delta * weight;
    }
    a->n_rows = n;
}

static void statistics_finish(const column_job *j, int64_t begin, int64_t end,
                              const column_state *s)
{
    const snug_call *c = j->arg;
    const snug_batch_norm_attrs *a = c->attrs;
    norm_params p = params_of(c, &j->layout);
    double m = s->n_rows, move = m > 0 ? a->momentum : 0;
    for (int64_t i = begin; i < end; i++) {
        double squares = s->v[1][i - begin], var = m > 0 ? squares / m : 0;
        float inv_std = (float)(1 / sqrt(var + a->epsilon));
        p.mean[i] = (float)s->v[0][i - begin];
        p.scale[i] = (float)get(&c->in[1], i) * inv_std;
        p.beta[i] = (float)get(&c->in[2], i);
        put(&c->out[1], i, (double)p.mean[i]);
        put(&c->out[2], i, (double)inv_std);
        double unbiased = m > 1 ? squares / (m - 1) : var;
        put(&c->out[3], i, (1 - move) * get(&c->in[3], i) + move * (double)p.mean[i]);
        put(&c->out[4], i, (1 - move) * get(&c->in[4], i) + move * unbiased);
    }
}

static void k_batch_norm_f32(const snug_call *c)
{
    column_job j = columns_job(c, &c->in[0].type.shape);
    j.block = statistics_block;
    j.merge = merge_statistics;
    j.finish = statistics_finish;
    j.arg = c;
    size_t params = params_bytes(&j.layout, FORWARD_PARAMS);
    columns_reduce(c, &j, (char *)c->scratch + params, c->scratch_bytes - params);
    normalise(c, &j.layout);
}

static size_t batch_norm_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return params_bytes(&l, FORWARD_PARAMS) + columns_scratch(&s->in[0].shape);
}

/* ---- again ------------------------------------------------------------------------------------
 */

/* What forward and gradient share, from gamma, beta, mean and inv_std. */
static norm_params params_given(const snug_call *c, const columns *l, const snug_tensor in[4])
{
    norm_params p = params_of(c, l);
    for (int64_t i = 0; i < l->n_columns; i++) {
        p.mean[i] = (float)get(&in[2], i);
        p.scale[i] = (float)get(&in[0], i) * (float)get(&in[3], i);
        p.beta[i] = (float)get(&in[1], i);
    }
    return p;
}

static void k_batch_norm_again_f32(const snug_call *c)
{
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    params_given(c, &l, c->in + 1);
    normalise(c, &l);
}

static size_t forward_params_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return params_bytes(&l, FORWARD_PARAMS);
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

typedef struct norm_slopes {
    const float *x, *dy;
    norm_params p;
    float *dx;
    int64_t act;
} norm_slopes;

/* dy where the activation let y pass. */
ALWAYS_INLINE vf masked_dy(const norm_slopes *k, vf centred, int64_t at, int64_t j, int n)
{
    vf dy = vload_upto(k->dy + at, n);
    return k->act == ACT_NONE ? dy : vcut_mask(k->act, norm_y(centred, &k->p, j, n), dy);
}

/* Sums of dy and of dy (x - mean); dy is zero in lanes that are not there. */
ALWAYS_INLINE void slope_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const norm_slopes *k = arg;
    vf centred = norm_centre(k->x + at, &k->p, j, n), dy = masked_dy(k, centred, at, j, n);
    sum[0] = vadd(sum[0], dy);
    sum[1] = vfma(dy, centred, sum[1]);
}

/* act is known when compiling. */
ALWAYS_INLINE void slope_rows_sums(const columns *l, const column_block *b, norm_slopes k,
                                   int64_t act, float *const out[2])
{
    k.act = act;
    block_sums(l, b, slope_term, &k, out);
}

static norm_slopes slopes_of(const snug_call *c, const columns *l, int64_t at)
{
    return (norm_slopes){.x = (const float *)c->in[0].data + at,
                         .dy = (const float *)c->in[1].data + at,
                         .p = params_of(c, l),
                         .dx = (float *)c->out[0].data + at};
}

static void slope_block(const column_job *j, const column_block *b, float *const out[2])
{
    const snug_call *c = j->arg;
    const snug_batch_norm_attrs *a = c->attrs;
    const columns *l = &j->layout;
    norm_slopes k = slopes_of(c, l, b->row * l->n_columns);
    if (a->act == ACT_RELU)
        slope_rows_sums(l, b, k, ACT_RELU, out);
    else if (a->act == ACT_RELU6)
        slope_rows_sums(l, b, k, ACT_RELU6, out);
    else
        slope_rows_sums(l, b, k, ACT_NONE, out);
}

static void slope_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const snug_call *c = j->arg;
    norm_params p = params_of(c, &j->layout);
    double m = s->n_rows > 0 ? s->n_rows : 1;
    for (int64_t i = begin; i < end; i++) {
        double inv_std = get(&c->in[5], i), scale = (double)p.scale[i];
        double dbeta = s->v[0][i - begin], dgamma = s->v[1][i - begin] * inv_std;
        put(&c->out[1], i, dgamma);
        put(&c->out[2], i, dbeta);
        p.slope[i] = (float)(-scale * inv_std * dgamma / m);
        p.shift[i] = (float)(-scale * dbeta / m);
    }
}

ALWAYS_INLINE void slope_at(const void *arg, int64_t at, int64_t j, int n)
{
    const norm_slopes *k = arg;
    vf centred = norm_centre(k->x + at, &k->p, j, n), dy = masked_dy(k, centred, at, j, n);
    vf dx = vfma(dy, vload_upto(k->p.scale + j, n), vload_upto(k->p.shift + j, n));
    vstore_upto(k->dx + at, vfma(centred, vload_upto(k->p.slope + j, n), dx), n);
}

ALWAYS_INLINE void slope_rows(const columns *l, int64_t n_rows, norm_slopes k, int64_t act)
{
    k.act = act;
    rows_each(l, n_rows, slope_at, &k);
}

static void slope_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_batch_norm_attrs *a = c->attrs;
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    norm_slopes k = slopes_of(c, &l, begin);
    int64_t n_rows = (end - begin) / l.n_columns;
    if (a->act == ACT_RELU)
        slope_rows(&l, n_rows, k, ACT_RELU);
    else if (a->act == ACT_RELU6)
        slope_rows(&l, n_rows, k, ACT_RELU6);
    else
        slope_rows(&l, n_rows, k, ACT_NONE);
}

static void k_batch_norm_grad_f32(const snug_call *c)
{
    column_job j = columns_job(c, &c->in[0].type.shape);
    const columns *l = &j.layout;
    norm_params p = params_given(c, l, c->in + 2);
    repeat_params(l, &p, FORWARD_PARAMS);
    j.block = slope_block;
    j.merge = column_merge_sums;
    j.round = true;
    j.finish = slope_finish;
    j.arg = c;
    size_t params = params_bytes(l, GRAD_PARAMS);
    columns_reduce(c, &j, (char *)c->scratch + params, c->scratch_bytes - params);
    repeat_params(l, &p, GRAD_PARAMS);
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), columns_grain(l), slope_span);
}

static size_t batch_norm_grad_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return params_bytes(&l, GRAD_PARAMS) + columns_scratch(&s->in[0].shape);
}

/* ---- inference --------------------------------------------------------------------------------
 */

/* gamma / sqrt(var + epsilon), inputs as in batch_norm_inference and batch_norm_fold. */
static double scale_of(const snug_call *c, int64_t channel, double epsilon)
{
    return get(&c->in[1], channel) / sqrt(get(&c->in[4], channel) + epsilon);
}

static void k_batch_norm_inference_f32(const snug_call *c)
{
    const snug_batch_norm_attrs *a = c->attrs;
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    norm_params p = params_of(c, &l);
    for (int64_t i = 0; i < l.n_columns; i++) {
        p.mean[i] = (float)get(&c->in[3], i);
        p.scale[i] = (float)scale_of(c, i, a->epsilon);
        p.beta[i] = (float)get(&c->in[2], i);
    }
    normalise(c, &l);
}

typedef struct scaled {
    const float *w, *scale;
    float *y;
} scaled;

ALWAYS_INLINE void scale_at(const void *arg, int64_t at, int64_t j, int n)
{
    const scaled *k = arg;
    vstore_upto(k->y + at, vmul(vload_upto(k->w + at, n), vload_upto(k->scale + j, n)), n);
}

static void fold_span(const snug_call *c, int64_t begin, int64_t end)
{
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    scaled k = {.w = (const float *)c->in[0].data + begin,
                .scale = c->scratch,
                .y = (float *)c->out[0].data + begin};
    rows_each(&l, (end - begin) / l.n_columns, scale_at, &k);
}

static void k_batch_norm_fold_f32(const snug_call *c)
{
    const snug_fold_attrs *a = c->attrs;
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    float *scale = c->scratch;
    for (int64_t i = 0; i < l.n_columns; i++) {
        double s = scale_of(c, i, a->epsilon), bias = c->n_in > 5 ? get(&c->in[5], i) : 0;
        scale[i] = (float)s;
        put(&c->out[1], i, get(&c->in[2], i) + (bias - get(&c->in[3], i)) * s);
    }
    columns_repeat(&l, scale);
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), columns_grain(&l), fold_span);
}

static size_t fold_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return params_bytes(&l, 1);
}

KERNEL_TABLE(norm) = {
    {.op = "batch_norm",
     .name = "k_batch_norm_f32",
     .scratch = batch_norm_scratch,
     .run = k_batch_norm_f32},
    {.op = "batch_norm_again",
     .name = "k_batch_norm_again_f32",
     .scratch = forward_params_scratch,
     .run = k_batch_norm_again_f32},
    {.op = "batch_norm_grad",
     .name = "k_batch_norm_grad_f32",
     .scratch = batch_norm_grad_scratch,
     .run = k_batch_norm_grad_f32},
    {.op = "batch_norm_inference",
     .name = "k_batch_norm_inference_f32",
     .scratch = forward_params_scratch,
     .run = k_batch_norm_inference_f32},
    {.op = "batch_norm_fold",
     .name = "k_batch_norm_fold_f32",
     .scratch = fold_scratch,
     .run = k_batch_norm_fold_f32},
    {0},
};
