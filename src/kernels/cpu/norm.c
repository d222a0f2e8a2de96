/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation over rows of channels (ops/batch_norm.c has the formulas), in two passes over
 * memory: one for the statistics or sums, one for the result. Statistics of a block are its mean
 * and the sum of squares about that mean, taken while the block is in the first-level cache; blocks
 * are merged by Chan, Golub and LeVeque's formula (1979) in double, which loses nothing to a mean
 * that is large beside the deviation.
 *
 * Forward, gradient and inference compute y = fma(x - mean, scale, beta), scale = gamma * inv_std,
 * with the same instructions, so the gradient's mask is the forward's. */
#include "kernels/cpu/norm.h"
#include <math.h>

static norm_params params_of(const snug_call *c, const columns *l)
{
    float *p = c->scratch;
    return (norm_params){p, p + l->width, p + 2 * l->width, p + 3 * l->width, p + 4 * l->width};
}

size_t norm_params_bytes(const columns *l, int n_params)
{
    return ((size_t)(n_params * l->width) * sizeof(float) + 63) & ~(size_t)63;
}

void norm_repeat(const columns *l, const norm_params *p, int n_params)
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

static void store_wanted(float *to, int64_t i, vf v, int n)
{
    if (to) vstore_upto(to + i, v, n);
}

/* ---- normalising ------------------------------------------------------------------------------
 */

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
    const norm_rows *k = arg;
    vf y = norm_y(norm_centre(k->x + at, &k->p, j, n), &k->p, j, n);
    vstore_upto(k->out + at, vcut(k->act, y), n);
}

/* The first whole wide rows of n elements, where one is a group: its parameters stay in registers.
 * How many elements. */
ALWAYS_INLINE int64_t norm_groups(int64_t n, const norm_rows *k)
{
    vf mean[4], scale[4], beta[4];
    UNROLL for (int v = 0; v < 4; v++)
    {
        mean[v] = vload(k->p.mean + v * VLEN), scale[v] = vload(k->p.scale + v * VLEN);
        beta[v] = vload(k->p.beta + v * VLEN);
    }
    int64_t at = 0;
    for (; at + COLUMN_GROUP <= n; at += COLUMN_GROUP) UNROLL for (int v = 0; v < 4; v++)
        {
            const vf centred = vsub(vload(k->x + at + v * VLEN), mean[v]);
            vstore(k->out + at + v * VLEN, vcut(k->act, vfma(centred, scale[v], beta[v])));
        }
    return at;
}

/* act is known when compiling. */
ALWAYS_INLINE void norm_rows_each(const columns *l, int64_t n_rows, norm_rows k, int64_t act)
{
    k.act = act;
    if (l->width == COLUMN_GROUP) {
        const int64_t done = norm_groups(n_rows * l->n_columns, &k);
        n_rows -= done / l->n_columns;
        k.x += done, k.out += done;
    }
    rows_each(l, n_rows, norm_at, &k);
}

static void norm_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_batch_norm_attrs *a = c->attrs;
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    norm_rows k = {.p = params_of(c, &l)};
    k.x = (const float *)c->in[0].data + begin;
    k.out = (float *)c->out[0].data + begin;
    int64_t n_rows = (end - begin) / l.n_columns;
    if (a->act == ACT_RELU)
        norm_rows_each(&l, n_rows, k, ACT_RELU);
    else if (a->act == ACT_RELU6)
        norm_rows_each(&l, n_rows, k, ACT_RELU6);
    else
        norm_rows_each(&l, n_rows, k, ACT_NONE);
}

static void normalise(const snug_call *c, const columns *l)
{
    norm_params p = params_of(c, l);
    norm_repeat(l, &p, FORWARD_PARAMS);
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

/* Rows at a block's head whose mean is its pivot: a sixteenth of them, since the share of them
 * bounds what cancellation can cost. */
static int64_t pivot_rows(const columns *l, int64_t n_rows)
{
    const int64_t some = n_rows / 16 > 8 ? n_rows / 16 : 8;
    const int64_t whole = (some + l->fold - 1) / l->fold * l->fold;
    return whole < n_rows ? whole : n_rows;
}

/* Deviations from a pivot, the mean of the block's first rows: what their sum gives makes up for
 * its distance from the mean. */
void norm_statistics(const columns *l, const column_block *b, const float *x, float *const out[2])
{
    float pivot[COLUMN_FOLDED];
    const int64_t n_columns = b->end - b->begin;
    const vf scale = vset1(1 / (float)b->n_rows);
    column_block head = *b;
    head.n_rows = pivot_rows(l, b->n_rows);
    const vf head_scale = vset1(1 / (float)head.n_rows);
    deviations d = {.x = x + b->row * l->n_columns, .begin = b->begin, .pivot = pivot};
    block_sums_of(l, &head, sum_term, &d, 1, out);
    for (int64_t i = 0; i < n_columns; i += VLEN)
        vstore(pivot + i, vmul(vload_upto(out[0] + i, vlanes(i, n_columns)), head_scale));
    columns_repeat(l, pivot);
    block_sums(l, b, square_term, &d, out);
    for (int64_t i = 0; i < n_columns; i += VLEN) {
        const int n = vlanes(i, n_columns);
        const vf sum = vload_upto(out[0] + i, n), drift = vmul(sum, scale);
        const vf squares = vfma(vneg(sum), drift, vload_upto(out[1] + i, n));
        vstore_upto(out[0] + i, vadd(vload(pivot + i), drift), n);
        vstore_upto(out[1] + i, vmax(vzero(), squares), n);
    }
}

void norm_merge_statistics(column_state *a, const column_state *b, int64_t n_columns)
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

void norm_conclude(const norm_outcome *o, int64_t begin, int64_t end, const float *mean, float *var)
{
    const float move = o->n_rows > 0 ? (float)o->momentum : 0;
    const vf one = vset1(1), epsilon = vset1((float)o->epsilon), keep = vset1(1 - move);
    const vf move_var = vset1(o->n_rows > 1 ? (float)(move * o->n_rows / (o->n_rows - 1)) : move);
    for (int64_t i = begin; i < end; i += VLEN) {
        const int n = vlanes(i, end);
        const vf m = vload_upto(mean + i - begin, n), v = vload_upto(var + i - begin, n);
        const vf inv_std = vdiv(one, vsqrt(vadd(v, epsilon)));
        vstore_upto(var + i - begin, inv_std, n);
        store_wanted(o->out[0].data, i, m, n);
        store_wanted(o->out[1].data, i, inv_std, n);
        const float *old_mean = o->running[0].data, *old_var = o->running[1].data;
        const vf new_mean = vfma(vset1(move), m, vmul(keep, vload_upto(old_mean + i, n)));
        const vf new_var = vfma(move_var, v, vmul(keep, vload_upto(old_var + i, n)));
        store_wanted(o->out[2].data, i, new_mean, n);
        store_wanted(o->out[3].data, i, new_var, n);
    }
}

static void statistics_block(const column_job *j, const column_block *b, float *const out[2])
{
    const snug_call *c = j->arg;
    norm_statistics(&j->layout, b, c->in[0].data, out);
}

static void statistics_finish(const column_job *j, int64_t begin, int64_t end,
                              const column_state *s)
{
    const snug_call *c = j->arg;
    const snug_batch_norm_attrs *a = c->attrs;
    norm_params p = params_of(c, &j->layout);
    const norm_outcome o = {c->in + 3, c->out + 1, s->n_rows, a->momentum, a->epsilon};
    const double each = s->n_rows > 0 ? 1 / s->n_rows : 0;
    for (int64_t i = begin; i < end; i++) {
        p.mean[i] = (float)s->v[0][i - begin];
        p.scale[i] = (float)(s->v[1][i - begin] * each);
    }
    norm_conclude(&o, begin, end, p.mean + begin, p.scale + begin);
    const float *gamma = c->in[1].data, *beta = c->in[2].data;
    for (int64_t i = begin; i < end; i += VLEN) {
        const int n = vlanes(i, end);
        const vf scale = vmul(vload_upto(gamma + i, n), vload_upto(p.scale + i, n));
        vstore_upto(p.scale + i, scale, n);
        vstore_upto(p.beta + i, vload_upto(beta + i, n), n);
    }
}

static void k_batch_norm_f32(const snug_call *c)
{
    column_job j = columns_job(c, &c->in[0].type.shape);
    j.block = statistics_block;
    j.merge = norm_merge_statistics;
    j.finish = statistics_finish;
    j.arg = c;
    size_t params = norm_params_bytes(&j.layout, FORWARD_PARAMS);
    columns_reduce(c, &j, (char *)c->scratch + params, c->scratch_bytes - params);
    normalise(c, &j.layout);
}

static size_t batch_norm_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return norm_params_bytes(&l, FORWARD_PARAMS) + columns_scratch(&s->in[0].shape);
}

/* ---- again ------------------------------------------------------------------------------------
 */

norm_params norm_params_given(const snug_call *c, const columns *l, const snug_tensor in[4])
{
    norm_params p = params_of(c, l);
    const float *gamma = in[0].data, *beta = in[1].data, *mean = in[2].data, *inv = in[3].data;
    for (int64_t i = 0; i < l->n_columns; i += VLEN) {
        const int n = vlanes(i, l->n_columns);
        vstore_upto(p.mean + i, vload_upto(mean + i, n), n);
        vstore_upto(p.scale + i, vmul(vload_upto(gamma + i, n), vload_upto(inv + i, n)), n);
        vstore_upto(p.beta + i, vload_upto(beta + i, n), n);
    }
    return p;
}

static void k_batch_norm_again_f32(const snug_call *c)
{
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    norm_params_given(c, &l, c->in + 1);
    normalise(c, &l);
}

size_t norm_forward_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return norm_params_bytes(&l, FORWARD_PARAMS);
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

/* dy where the activation let y pass. */
ALWAYS_INLINE vf masked_dy(const norm_rows *k, vf centred, int64_t at, int64_t j, int n)
{
    vf dy = vload_upto(k->dy + at, n);
    return k->act == ACT_NONE ? dy : vcut_mask(k->act, norm_y(centred, &k->p, j, n), dy);
}

/* dy is zero in lanes that are not there. */
ALWAYS_INLINE void slope_term(const void *arg, int64_t at, int64_t j, int n, vf sum[2])
{
    const norm_rows *k = arg;
    vf centred = norm_centre(k->x + at, &k->p, j, n), dy = masked_dy(k, centred, at, j, n);
    sum[0] = vadd(sum[0], dy);
    sum[1] = vfma(dy, centred, sum[1]);
}

/* act is known when compiling. */
ALWAYS_INLINE void slope_sums(const columns *l, const column_block *b, norm_rows k, int64_t act,
                              float *const out[2])
{
    k.act = act;
    k.x += b->row * l->n_columns, k.dy += b->row * l->n_columns;
    block_sums(l, b, slope_term, &k, out);
}

void norm_slope_sums(const columns *l, const column_block *b, const norm_rows *k,
                     float *const out[2])
{
    if (k->act == ACT_RELU)
        slope_sums(l, b, *k, ACT_RELU, out);
    else if (k->act == ACT_RELU6)
        slope_sums(l, b, *k, ACT_RELU6, out);
    else
        slope_sums(l, b, *k, ACT_NONE, out);
}

void norm_conclude_slopes(const norm_turn *t, int64_t begin, int64_t end, const float *dy,
                          const float *dy_x)
{
    const vf each = vset1(t->n_rows > 0 ? (float)(-1 / t->n_rows) : 0);
    for (int64_t i = begin; i < end; i += VLEN) {
        const int n = vlanes(i, end);
        const vf inv_std = vload_upto(t->inv_std + i, n), dbeta = vload_upto(dy + i - begin, n);
        const vf dgamma = vmul(inv_std, vload_upto(dy_x + i - begin, n));
        const vf scale = vmul(each, vmul(vload_upto(t->gamma + i, n), inv_std));
        store_wanted(t->dgamma, i, dgamma, n);
        store_wanted(t->dbeta, i, dbeta, n);
        store_wanted(t->slope, i, vmul(vmul(scale, inv_std), dgamma), n);
        store_wanted(t->shift, i, vmul(scale, dbeta), n);
    }
}

static norm_rows slope_rows_of(const snug_call *c, const columns *l, int64_t at)
{
    return (norm_rows){.x = (const float *)c->in[0].data + at,
                       .dy = (const float *)c->in[1].data + at,
                       .p = params_of(c, l),
                       .out = (float *)c->out[0].data + at,
                       .act = ((const snug_batch_norm_attrs *)c->attrs)->act};
}

static void slope_block(const column_job *j, const column_block *b, float *const out[2])
{
    norm_rows k = slope_rows_of(j->arg, &j->layout, 0);
    norm_slope_sums(&j->layout, b, &k, out);
}

static void slope_finish(const column_job *j, int64_t begin, int64_t end, const column_state *s)
{
    const snug_call *c = j->arg;
    norm_params p = params_of(c, &j->layout);
    const norm_turn t = {c->in[2].data, c->in[5].data, c->out[1].data, c->out[2].data,
                         p.slope,       p.shift,       s->n_rows};
    for (int64_t i = begin; i < end; i++) {
        p.shift[i] = (float)s->v[0][i - begin];
        p.slope[i] = (float)s->v[1][i - begin];
    }
    norm_conclude_slopes(&t, begin, end, p.shift + begin, p.slope + begin);
}

ALWAYS_INLINE void slope_at(const void *arg, int64_t at, int64_t j, int n)
{
    const norm_rows *k = arg;
    vf centred = norm_centre(k->x + at, &k->p, j, n), dy = masked_dy(k, centred, at, j, n);
    vf dx = vfma(dy, vload_upto(k->p.scale + j, n), vload_upto(k->p.shift + j, n));
    vstore_upto(k->out + at, vfma(centred, vload_upto(k->p.slope + j, n), dx), n);
}

ALWAYS_INLINE void slope_rows_each(const columns *l, int64_t n_rows, norm_rows k, int64_t act)
{
    k.act = act;
    rows_each(l, n_rows, slope_at, &k);
}

static void slope_rows(const columns *l, int64_t n_rows, const norm_rows *k)
{
    if (k->act == ACT_RELU)
        slope_rows_each(l, n_rows, *k, ACT_RELU);
    else if (k->act == ACT_RELU6)
        slope_rows_each(l, n_rows, *k, ACT_RELU6);
    else
        slope_rows_each(l, n_rows, *k, ACT_NONE);
}

static void slope_span(const snug_call *c, int64_t begin, int64_t end)
{
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    norm_rows k = slope_rows_of(c, &l, begin);
    slope_rows(&l, (end - begin) / l.n_columns, &k);
}

static void slopes_run(const snug_call *c, const columns *l, const norm_params *p)
{
    norm_repeat(l, p, GRAD_PARAMS);
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), columns_grain(l), slope_span);
}

static void k_batch_norm_grad_f32(const snug_call *c)
{
    column_job j = columns_job(c, &c->in[0].type.shape);
    const columns *l = &j.layout;
    norm_params p = norm_params_given(c, l, c->in + 2);
    norm_repeat(l, &p, FORWARD_PARAMS);
    j.block = slope_block;
    j.merge = column_merge_sums;
    j.round = true;
    j.finish = slope_finish;
    j.arg = c;
    size_t params = norm_params_bytes(l, GRAD_PARAMS);
    columns_reduce(c, &j, (char *)c->scratch + params, c->scratch_bytes - params);
    slopes_run(c, l, &p);
}

static size_t batch_norm_grad_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return norm_params_bytes(&l, GRAD_PARAMS) + columns_scratch(&s->in[0].shape);
}

/* With slope and shift given, as in batch_norm_grad_apply. */
static void k_batch_norm_grad_apply_f32(const snug_call *c)
{
    columns l = columns_of(snug_shape_last(&c->in[0].type.shape));
    norm_params p = norm_params_given(c, &l, c->in + 2);
    memcpy(p.slope, c->in[6].data, (size_t)l.n_columns * sizeof(float));
    memcpy(p.shift, c->in[7].data, (size_t)l.n_columns * sizeof(float));
    slopes_run(c, &l, &p);
}

static size_t grad_params_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    columns l = columns_of(snug_shape_last(&s->in[0].shape));
    return norm_params_bytes(&l, GRAD_PARAMS);
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
    return norm_params_bytes(&l, 1);
}

KERNEL_TABLE(norm) = {
    {.op = "batch_norm",
     .name = "k_batch_norm_f32",
     .scratch = batch_norm_scratch,
     .run = k_batch_norm_f32},
    {.op = "batch_norm_again",
     .name = "k_batch_norm_again_f32",
     .scratch = norm_forward_scratch,
     .run = k_batch_norm_again_f32},
    {.op = "batch_norm_grad",
     .name = "k_batch_norm_grad_f32",
     .scratch = batch_norm_grad_scratch,
     .run = k_batch_norm_grad_f32},
    {.op = "batch_norm_grad_apply",
     .name = "k_batch_norm_grad_apply_f32",
     .scratch = grad_params_scratch,
     .run = k_batch_norm_grad_apply_f32},
    {.op = "batch_norm_inference",
     .name = "k_batch_norm_inference_f32",
     .scratch = norm_forward_scratch,
     .run = k_batch_norm_inference_f32},
    {.op = "batch_norm_fold",
     .name = "k_batch_norm_fold_f32",
     .scratch = fold_scratch,
     .run = k_batch_norm_fold_f32},
    {0},
};
