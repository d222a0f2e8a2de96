/* SPDX-License-Identifier: Apache-2.0 */
/* softmax and the cross-entropy over it, rows of C classes: exp(x - max) with max the row's
 * largest. The order of a row's sum follows from C and the tier: one vector accumulator for 64
 * vectors at a time, then their sum, then its lanes. Losses of rows wait in scratch and are added
 * by leaves. */
#include "kernels/cpu/spans.h"
#include "kernels/cpu/vmath.h"
#include "ops/rules.h"
#include <snug/leaves.h>

enum { SUM_CHUNK = 64 * VLEN };

static float row_max(const float *x, int64_t n)
{
    vf best = vset1(-INFINITY);
    int64_t i = 0;
    for (; i + VLEN <= n; i += VLEN) best = vmax(vload(x + i), best);
    if (i < n) {
        int rest = (int)(n - i);
        best = vmax(vselect(vmask_n(rest), vload_n(x + i, rest), vset1(-INFINITY)), best);
    }
    return vmax_lanes(best);
}

ALWAYS_INLINE vf exp_vector(const float *x, float *e, vf max, int n)
{
    vf v = vexp(vsub(vload_upto(x, n), max));
    if (n < VLEN) v = vselect(vmask_n(n), v, vzero());
    if (e) vstore_upto(e, v, n);
    return v;
}

/* The sum of exp(x - max), the terms into e unless it is NULL. */
static float row_exp(const float *x, float *e, int64_t n, float max)
{
    vf total = vzero(), m = vset1(max);
    for (int64_t chunk = 0; chunk < n; chunk += SUM_CHUNK) {
        int64_t i = chunk, end = n - chunk < SUM_CHUNK ? n : chunk + SUM_CHUNK;
        vf sum = vzero();
        for (; i + VLEN <= end; i += VLEN)
            sum = vadd(sum, exp_vector(x + i, e ? e + i : NULL, m, VLEN));
        if (i < end) sum = vadd(sum, exp_vector(x + i, e ? e + i : NULL, m, (int)(end - i)));
        total = vadd(total, sum);
    }
    return vsum(total);
}

typedef struct scaling {
    const float *x;
    float *y;
    vf factor;
} scaling;

ALWAYS_INLINE void scale_at(const void *arg, int64_t i, int n)
{
    const scaling *s = arg;
    vstore_upto(s->y + i, vmul(vload_upto(s->x + i, n), s->factor), n);
}

static void row_scale(const float *x, float *y, int64_t n, float factor)
{
    scaling s = {x, y, vset1(factor)};
    span_each(0, n, scale_at, &s);
}

/* Rows of a task, of work like SPAN_MATH elements. */
static int64_t rows_grain(int64_t n_columns)
{
    return n_columns < SPAN_MATH ? SPAN_MATH / n_columns : 1;
}

static void softmax_rows(const snug_call *c, int64_t begin, int64_t end)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape);
    for (int64_t r = begin; r < end; r++) {
        const float *x = (const float *)c->in[0].data + r * n;
        float *y = (float *)c->out[0].data + r * n;
        row_scale(y, y, n, 1 / row_exp(x, y, n, row_max(x, n)));
    }
}

static void k_softmax_f32(const snug_call *c)
{
    const snug_shape *s = &c->in[0].type.shape;
    spans_run(c, snug_shape_rows(s), rows_grain(snug_shape_last(s)), softmax_rows);
}

/* ---- cross-entropy ----------------------------------------------------------------------------
 */

static float row_loss(float sum, float label_x, float max)
{
    float log_sum[VLEN];
    vstore(log_sum, vlog(vset1(sum)));
    return log_sum[0] - (label_x - max);
}

static void entropy_rows(const snug_call *c, int64_t begin, int64_t end)
{
    int64_t n = c->in[0].type.shape.dim[1];
    const int32_t *labels = c->in[1].data;
    float *losses = c->scratch;
    for (int64_t r = begin; r < end; r++) {
        const float *x = (const float *)c->in[0].data + r * n;
        float *p = c->out[1].data ? (float *)c->out[1].data + r * n : NULL;
        float max = row_max(x, n), sum = row_exp(x, p, n, max);
        bool counts = labels[r] >= 0 && labels[r] < n;
        losses[r] = counts ? row_loss(sum, x[labels[r]], max) : 0;
        if (p) row_scale(p, p, n, 1 / sum);
    }
}

/* Rows of a call, and rows a sample. */
typedef struct batch_rows {
    int64_t n, per_sample;
    double n_step; /* what a mean over the step divides by */
} batch_rows;

static batch_rows batch_rows_of(const snug_call *c)
{
    const snug_shape *s = &c->in[0].type.shape;
    batch_rows b = {.n = s->dim[0], .per_sample = s->dim[0], .n_step = (double)s->dim[0]};
    if (snug_shape_has_batch(s)) {
        b.per_sample = snug_each_sample(c->step, b.n);
        b.n_step = (double)(c->step->n_step * b.per_sample);
    }
    return b;
}

static float sum_losses(const float *losses, int64_t begin, int64_t end, double n_step)
{
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += (double)losses[r];
    return begin < end ? (float)(sum / n_step) : 0;
}

static void k_softmax_cross_entropy_f32(const snug_call *c)
{
    batch_rows b = batch_rows_of(c);
    const float *losses = c->scratch;
    float *loss = c->out[0].data, stack[SNUG_LEAF_DEPTH] = {0};
    spans_run(c, b.n, rows_grain(c->in[0].type.shape.dim[1]), entropy_rows);
    if (!snug_shape_has_batch(&c->in[0].type.shape)) {
        *loss = sum_losses(losses, 0, b.n, b.n_step);
        return;
    }
    int depth = 0;
    for (int64_t slot = 0; slot < c->step->leaves_here; slot++) {
        int64_t begin, end;
        snug_leaf_range(c->step, slot, &begin, &end);
        stack[depth++] = sum_losses(losses, begin * b.per_sample, end * b.per_sample, b.n_step);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            stack[depth - 2] += stack[depth - 1];
    }
    *loss = stack[0];
}

static size_t entropy_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    return (size_t)s->in[0].shape.dim[0] * sizeof(float);
}

static void entropy_grad_rows(const snug_call *c, int64_t begin, int64_t end)
{
    int64_t n = c->in[0].type.shape.dim[1];
    const int32_t *labels = c->in[1].data;
    float dloss = *(const float *)c->in[2].data;
    float scale = (float)((double)dloss / batch_rows_of(c).n_step);
    for (int64_t r = begin; r < end; r++) {
        const float *p = (const float *)c->in[0].data + r * n;
        float *dx = (float *)c->out[0].data + r * n;
        int64_t label = labels[r];
        if (label < 0 || label >= n) {
            memset(dx, 0, (size_t)n * sizeof *dx);
            continue;
        }
        float at_label = (p[label] - 1) * scale; /* dx may be p */
        row_scale(p, dx, n, scale);
        dx[label] = at_label;
    }
}

static void k_softmax_cross_entropy_grad_f32(const snug_call *c)
{
    int64_t n = c->in[0].type.shape.dim[1];
    int64_t grain = n < SPAN_STREAM ? SPAN_STREAM / n : 1;
    spans_run(c, c->in[0].type.shape.dim[0], grain, entropy_grad_rows);
}

KERNEL_TABLE(softmax) = {
    {.op = "softmax", .name = "k_softmax_f32", .run = k_softmax_f32},
    {.op = "softmax_cross_entropy",
     .name = "k_softmax_cross_entropy_f32",
     .scratch = entropy_scratch,
     .run = k_softmax_cross_entropy_f32},
    {.op = "softmax_cross_entropy_grad",
     .name = "k_softmax_cross_entropy_grad_f32",
     .run = k_softmax_cross_entropy_grad_f32},
    {0},
};
