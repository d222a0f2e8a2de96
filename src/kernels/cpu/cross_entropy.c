/* SPDX-License-Identifier: Apache-2.0 */
/* Cross entropy of softmax against labels, and its gradient (ops/cross_entropy.c has the formulas).
 * A row is read before its probabilities are written, so that they may take its place; losses of
 * rows wait in scratch and are added by leaves. */
#include "kernels/cpu/softmax.h"
#include <snug/leaves.h>

/* Rows of a call and how they count. */
typedef struct entropy {
    const int32_t *labels;
    const float *weights; /* of the classes; NULL: 1 each */
    int64_t n_rows, per_sample, n_classes;
    double divisor;          /* of the mean */
    float on_label, on_each; /* 1 - s; s / C */
    float gamma;
    float weight_sum; /* of all classes, where s > 0 */
} entropy;

static float sum_floats(const float *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)v[i];
    return (float)sum;
}

/* Inputs from `options` on: weights [C], total []. */
static entropy entropy_of(const snug_call *c, int options)
{
    const snug_shape *s = &c->in[0].type.shape;
    const snug_cross_entropy_attrs *a = c->attrs;
    entropy e = {.labels = c->in[1].data, .n_rows = snug_shape_rows(s)};
    e.n_classes = snug_shape_last(s);
    e.per_sample = e.n_rows;
    e.divisor = (double)e.n_rows;
    if (snug_shape_has_batch(s)) {
        e.per_sample = snug_each_sample(c->step, e.n_rows);
        e.divisor = (double)(c->step->n_step * e.per_sample);
    }
    if (options < c->n_in && c->in[options].type.shape.n_dims > 0)
        e.weights = c->in[options++].data;
    if (options < c->n_in) e.divisor = (double)*(const float *)c->in[options].data;
    if (!(e.divisor > 0)) e.divisor = 1; /* no row counts: nothing to divide */
    e.gamma = (float)a->gamma;
    e.on_label = (float)(1 - a->label_smoothing);
    e.on_each = (float)(a->label_smoothing / (double)e.n_classes);
    e.weight_sum = (float)e.n_classes;
    if (e.weights && e.on_each > 0) e.weight_sum = sum_floats(e.weights, e.n_classes);
    return e;
}

static int64_t label_of(const entropy *e, int64_t r)
{
    int64_t label = e->labels[r];
    return label >= 0 && label < e->n_classes ? label : -1;
}

static float weight_of(const entropy *e, int64_t c)
{
    return e->weights ? e->weights[c] : 1;
}

/* ---- loss -------------------------------------------------------------------------------------
 */

ALWAYS_INLINE vf shifted(const float *x, const float *weights, int n, vf max)
{
    vf v = vsub(vload_upto(x, n), max);
    if (weights) v = vmul(v, vload_upto(weights, n));
    return n < VLEN ? vselect(vmask_n(n), v, vzero()) : v;
}

/* The sum of weights * (x - max), chunks of it in double. */
static double row_shifted(const entropy *e, const float *x, float max)
{
    vf m = vset1(max);
    double total = 0;
    for (int64_t chunk = 0; chunk < e->n_classes; chunk += SUM_CHUNK) {
        int64_t left = e->n_classes - chunk, end = chunk + (left < SUM_CHUNK ? left : SUM_CHUNK);
        vf sum = vzero();
        for (int64_t i = chunk; i < end; i += VLEN)
            sum = vadd(sum, shifted(x + i, e->weights ? e->weights + i : NULL, vlanes(i, end), m));
        total += (double)vsum(sum);
    }
    return total;
}

static float first_of(vf v)
{
    float lanes[VLEN];
    vstore(lanes, v);
    return lanes[0];
}

/* miss^gamma; a miss of 0 is taken as the smallest number, for its logarithm */
static vf focal_power(const entropy *e, vf miss)
{
    return vexp(vmul(vset1(e->gamma), vlog(vmax(vset1(0x1p-126f), miss))));
}

/* (1 - e^-loss)^gamma loss */
static float focal(const entropy *e, float loss)
{
    return loss * first_of(focal_power(e, vneg(vexpm1(vset1(-loss)))));
}

/* miss^gamma - gamma miss^(gamma - 1) p log p, miss = 1 - p */
static float focal_slope(const entropy *e, float p)
{
    vf miss = vmax(vset1(0x1p-126f), vset1(1 - p)), v = vmax(vset1(0x1p-126f), vset1(p));
    vf more = vdiv(vmul(vmul(vset1(e->gamma), v), vlog(v)), miss);
    return first_of(vmul(focal_power(e, miss), vsub(vset1(1), more)));
}

/* What a row's loss is made of, before its probabilities are written. */
typedef struct row_parts {
    int64_t label;
    float at_label; /* x[label] - max */
    double shifted; /* sum of weights * (x - max), for smoothing */
} row_parts;

static float row_loss(const entropy *e, const row_parts *r, float sum)
{
    if (r->label < 0) return 0;
    float log_sum = first_of(vlog(vset1(sum)));
    float loss = log_sum - r->at_label;
    if (e->gamma > 0) loss = focal(e, loss);
    if (e->weights || e->on_each > 0) loss *= e->on_label * weight_of(e, r->label);
    if (e->on_each > 0)
        loss += e->on_each * (float)((double)e->weight_sum * (double)log_sum - r->shifted);
    return loss;
}

static void entropy_rows(const snug_call *c, int64_t begin, int64_t end)
{
    entropy e = entropy_of(c, 2);
    int64_t n = e.n_classes;
    float *losses = c->scratch;
    for (int64_t i = begin; i < end; i++) {
        const float *x = (const float *)c->in[0].data + i * n;
        float *p = c->out[1].data ? (float *)c->out[1].data + i * n : NULL;
        float max = row_max(x, n);
        row_parts r = {.label = label_of(&e, i)};
        if (r.label >= 0) r.at_label = x[r.label] - max;
        if (r.label >= 0 && e.on_each > 0) r.shifted = row_shifted(&e, x, max);
        float sum = p ? row_exp(x, p, n, max) : row_exp_sum(x, n, max);
        losses[i] = row_loss(&e, &r, sum);
        if (p) row_scale(p, p, n, 1 / sum);
    }
}

static float sum_losses(const float *losses, int64_t begin, int64_t end, double divisor)
{
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += (double)losses[r];
    return begin < end ? (float)(sum / divisor) : 0;
}

static void k_softmax_cross_entropy_f32(const snug_call *c)
{
    entropy e = entropy_of(c, 2);
    const float *losses = c->scratch;
    float *loss = c->out[0].data, stack[SNUG_LEAF_DEPTH] = {0};
    spans_run(c, e.n_rows, span_rows(e.n_classes, SPAN_MATH), entropy_rows);
    if (!snug_shape_has_batch(&c->in[0].type.shape)) {
        *loss = sum_losses(losses, 0, e.n_rows, e.divisor);
        return;
    }
    int depth = 0;
    for (int64_t slot = 0; slot < c->step->leaves_here; slot++) {
        int64_t begin, end;
        snug_leaf_range(c->step, slot, &begin, &end);
        stack[depth++] = sum_losses(losses, begin * e.per_sample, end * e.per_sample, e.divisor);
        for (int m = snug_leaf_merges(slot); m > 0; m--, depth--)
            stack[depth - 2] += stack[depth - 1];
    }
    *loss = stack[0];
}

static size_t entropy_scratch(const snug_sig *s, int threads)
{
    (void)threads;
    return (size_t)snug_shape_rows(&s->in[0].shape) * sizeof(float);
}

/* ---- gradient ---------------------------------------------------------------------------------
 */

typedef struct spread {
    const float *p, *weights;
    float *dx;
    vf factor, share; /* of p; of the weights */
} spread;

ALWAYS_INLINE void spread_at(const void *arg, int64_t i, int n)
{
    const spread *s = arg;
    vf share = s->share;
    if (s->weights) share = vmul(share, vload_upto(s->weights + i, n));
    vstore_upto(s->dx + i, vsub(vmul(vload_upto(s->p + i, n), s->factor), share), n);
}

/* dx may be p: what is needed of p[label] is read first. */
static void row_gradient(const entropy *e, const float *p, float *dx, int64_t label, float scale)
{
    bool plain = !e->weights && !(e->on_each > 0) && !(e->gamma > 0);
    float weight = weight_of(e, label), at_label = (p[label] - 1) * scale;
    float on_label = e->on_label * weight;
    if (e->gamma > 0) on_label *= focal_slope(e, p[label]);
    if (!plain) at_label *= on_label;
    if (e->on_each > 0) {
        float share = e->on_each * scale;
        at_label += share * (p[label] * e->weight_sum - weight);
        float factor = (on_label + e->on_each * e->weight_sum) * scale;
        spread s = {p, e->weights, dx, vset1(factor), vset1(share)};
        span_each(0, e->n_classes, spread_at, &s);
    } else {
        row_scale(p, dx, e->n_classes, plain ? scale : on_label * scale);
    }
    dx[label] = at_label;
}

static void entropy_grad_rows(const snug_call *c, int64_t begin, int64_t end)
{
    entropy e = entropy_of(c, 3);
    float scale = (float)((double)*(const float *)c->in[2].data / e.divisor);
    for (int64_t r = begin; r < end; r++) {
        const float *p = (const float *)c->in[0].data + r * e.n_classes;
        float *dx = (float *)c->out[0].data + r * e.n_classes;
        int64_t label = label_of(&e, r);
        if (label < 0)
            memset(dx, 0, (size_t)e.n_classes * sizeof *dx);
        else
            row_gradient(&e, p, dx, label, scale);
    }
}

static void k_softmax_cross_entropy_grad_f32(const snug_call *c)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape);
    int64_t grain = span_rows(n, SPAN_STREAM);
    spans_run(c, snug_shape_rows(&c->in[0].type.shape), grain, entropy_grad_rows);
}

KERNEL_TABLE(cross_entropy) = {
    {.op = "softmax_cross_entropy",
     .name = "k_softmax_cross_entropy_f32",
     .scratch = entropy_scratch,
     .run = k_softmax_cross_entropy_f32},
    {.op = "softmax_cross_entropy_grad",
     .name = "k_softmax_cross_entropy_grad_f32",
     .run = k_softmax_cross_entropy_grad_f32},
    {0},
};
