/* SPDX-License-Identifier: Apache-2.0 */
/* The optimizers' updates (ops/updates.c has the formulas) and accumulate: one pass over memory
 * each, every element loaded and stored once. */
#include "kernels/cpu/spans.h"
#include "ops/ops.h"
#include <snug/leaves.h>

/* What the rules do to a gradient first, and to a weight. */
typedef struct decay {
    const float *w, *g;
    float *w_new;
    vf scale, clip; /* clip infinite: off */
    vf pull;        /* coupled: weight_decay */
    vf keep;        /* decoupled: 1 - lr * weight_decay */
} decay;

/* hyper is input `hyper`, an optional scale the one after it. */
static decay decay_of(const snug_call *c, int hyper)
{
    const snug_update_attrs *a = c->attrs;
    double lr = (double)*(const float *)c->in[hyper].data;
    float scale = c->n_in > hyper + 1 ? *(const float *)c->in[hyper + 1].data : 1;
    return (decay){
        .w = c->in[0].data,
        .g = c->in[1].data,
        .w_new = c->out[0].data,
        .scale = vset1(scale),
        .clip = vset1(a->clip_value > 0 ? (float)a->clip_value : __builtin_inff()),
        .pull = vset1(a->decoupled ? 0 : (float)a->weight_decay),
        .keep = vset1(a->decoupled ? (float)(1 - lr * a->weight_decay) : 1),
    };
}

/* The gradient to use; NaN passes the clamp. */
ALWAYS_INLINE vf decayed_gradient(const decay *d, vf w, int64_t i, int n)
{
    vf g = vmul(vload_upto(d->g + i, n), d->scale);
    g = vmax(vneg(d->clip), vmin(d->clip, g));
    return vfma(w, d->pull, g);
}

/* w' = keep * w - step */
ALWAYS_INLINE void store_weight(const decay *d, vf w, vf step, int64_t i, int n)
{
    vstore_upto(d->w_new + i, vsub(vmul(w, d->keep), step), n);
}

/* ---- sgd --------------------------------------------------------------------------------------
 */

typedef struct descent {
    decay d;
    vf lr, momentum;
    const float *m;
    float *m_new;
} descent;

ALWAYS_INLINE void sgd_at(const void *arg, int64_t i, int n)
{
    const descent *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    store_weight(&k->d, w, vmul(k->lr, g), i, n);
}

static void sgd_span(const snug_call *c, int64_t begin, int64_t end)
{
    descent k = {.d = decay_of(c, 2), .lr = vset1(*(const float *)c->in[2].data)};
    span_each(begin, end, sgd_at, &k);
}

static void k_sgd_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, sgd_span);
}

ALWAYS_INLINE void momentum_at(const void *arg, int64_t i, int n)
{
    const descent *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    vf m = vfma(k->momentum, vload_upto(k->m + i, n), g);
    vstore_upto(k->m_new + i, m, n);
    store_weight(&k->d, w, vmul(k->lr, m), i, n);
}

ALWAYS_INLINE void nesterov_at(const void *arg, int64_t i, int n)
{
    const descent *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    vf m = vfma(k->momentum, vload_upto(k->m + i, n), g);
    vstore_upto(k->m_new + i, m, n);
    store_weight(&k->d, w, vmul(k->lr, vfma(k->momentum, m, g)), i, n);
}

static void momentum_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_update_attrs *a = c->attrs;
    descent k = {.d = decay_of(c, 3), .lr = vset1(*(const float *)c->in[3].data)};
    k.momentum = vset1((float)a->momentum);
    k.m = c->in[2].data;
    k.m_new = c->out[1].data;
    if (a->nesterov)
        span_each(begin, end, nesterov_at, &k);
    else
        span_each(begin, end, momentum_at, &k);
}

static void k_momentum_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, momentum_span);
}

/* ---- adam -------------------------------------------------------------------------------------
 */

typedef struct adam {
    decay d;
    const float *m, *v;
    float *m_new, *v_new;
    vf beta1, beta2, rest1, rest2; /* rest = 1 - beta */
    vf step;                       /* lr / (1 - beta1^t) */
    vf correct2;                   /* 1 / (1 - beta2^t) */
    vf epsilon;
} adam;

ALWAYS_INLINE void adam_at(const void *arg, int64_t i, int n)
{
    const adam *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    vf m = vfma(k->beta1, vload_upto(k->m + i, n), vmul(k->rest1, g));
    vf v = vfma(k->beta2, vload_upto(k->v + i, n), vmul(vmul(k->rest2, g), g));
    vstore_upto(k->m_new + i, m, n);
    vstore_upto(k->v_new + i, v, n);
    vf root = vadd(vsqrt(vmul(v, k->correct2)), k->epsilon);
    store_weight(&k->d, w, vdiv(vmul(k->step, m), root), i, n);
}

static void adam_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_update_attrs *a = c->attrs;
    const float *hyper = c->in[4].data;
    adam k = {
        .d = decay_of(c, 4),
        .m = c->in[2].data,
        .v = c->in[3].data,
        .m_new = c->out[1].data,
        .v_new = c->out[2].data,
        .beta1 = vset1((float)a->beta1),
        .beta2 = vset1((float)a->beta2),
        .rest1 = vset1((float)(1 - a->beta1)),
        .rest2 = vset1((float)(1 - a->beta2)),
        .step = vset1((float)((double)hyper[0] / (double)hyper[1])),
        .correct2 = vset1((float)(1 / (double)hyper[2])),
        .epsilon = vset1((float)a->epsilon),
    };
    span_each(begin, end, adam_at, &k);
}

static void k_adam_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, adam_span);
}

/* ---- by squared gradients -----------------------------------------------------------------------
 */

typedef struct adaptive {
    decay d;
    const float *v, *u;
    float *v_new, *u_new;
    vf keep, rest; /* v' = keep * v + rest * g^2 */
    vf lr, epsilon;
} adaptive;

static adaptive adaptive_of(const snug_call *c, int hyper, double keep, double rest)
{
    const snug_update_attrs *a = c->attrs;
    return (adaptive){
        .d = decay_of(c, hyper),
        .v = c->in[2].data,
        .v_new = c->out[1].data,
        .keep = vset1((float)keep),
        .rest = vset1((float)rest),
        .lr = vset1(*(const float *)c->in[hyper].data),
        .epsilon = vset1((float)a->epsilon),
    };
}

ALWAYS_INLINE void root_at(const void *arg, int64_t i, int n)
{
    const adaptive *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    vf v = vfma(k->keep, vload_upto(k->v + i, n), vmul(vmul(k->rest, g), g));
    vstore_upto(k->v_new + i, v, n);
    store_weight(&k->d, w, vdiv(vmul(k->lr, g), vadd(vsqrt(v), k->epsilon)), i, n);
}

static void rmsprop_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_update_attrs *a = c->attrs;
    adaptive k = adaptive_of(c, 3, a->alpha, 1 - a->alpha);
    span_each(begin, end, root_at, &k);
}

static void k_rmsprop_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, rmsprop_span);
}

static void adagrad_span(const snug_call *c, int64_t begin, int64_t end)
{
    adaptive k = adaptive_of(c, 3, 1, 1);
    span_each(begin, end, root_at, &k);
}

static void k_adagrad_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, adagrad_span);
}

ALWAYS_INLINE void adadelta_at(const void *arg, int64_t i, int n)
{
    const adaptive *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    vf u = vload_upto(k->u + i, n);
    vf v = vfma(k->keep, vload_upto(k->v + i, n), vmul(vmul(k->rest, g), g));
    vf root = vdiv(vsqrt(vadd(u, k->epsilon)), vsqrt(vadd(v, k->epsilon)));
    vf step = vmul(g, root);
    vstore_upto(k->v_new + i, v, n);
    vstore_upto(k->u_new + i, vfma(k->keep, u, vmul(vmul(k->rest, step), step)), n);
    store_weight(&k->d, w, vmul(k->lr, step), i, n);
}

static void adadelta_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_update_attrs *a = c->attrs;
    adaptive k = adaptive_of(c, 4, a->rho, 1 - a->rho);
    k.u = c->in[3].data;
    k.u_new = c->out[2].data;
    span_each(begin, end, adadelta_at, &k);
}

static void k_adadelta_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, adadelta_span);
}

/* ---- lion -------------------------------------------------------------------------------------
 */

typedef struct lion {
    decay d;
    const float *m;
    float *m_new;
    vf beta1, beta2, rest1, rest2; /* rest = 1 - beta */
    vf lr;
} lion;

/* NaN and zeros stay. */
ALWAYS_INLINE vf vsign(vf a)
{
    const vf zero = vset1(0), one = vset1(1);
    return vselect(vgt(a, zero), one, vselect(vlt(a, zero), vneg(one), a));
}

ALWAYS_INLINE void lion_at(const void *arg, int64_t i, int n)
{
    const lion *k = arg;
    vf w = vload_upto(k->d.w + i, n), g = decayed_gradient(&k->d, w, i, n);
    vf m = vload_upto(k->m + i, n);
    vf step = vsign(vfma(k->beta1, m, vmul(k->rest1, g)));
    vstore_upto(k->m_new + i, vfma(k->beta2, m, vmul(k->rest2, g)), n);
    store_weight(&k->d, w, vmul(k->lr, step), i, n);
}

static void lion_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_update_attrs *a = c->attrs;
    lion k = {
        .d = decay_of(c, 3),
        .m = c->in[2].data,
        .m_new = c->out[1].data,
        .beta1 = vset1((float)a->beta1),
        .beta2 = vset1((float)a->beta2),
        .rest1 = vset1((float)(1 - a->beta1)),
        .rest2 = vset1((float)(1 - a->beta2)),
        .lr = vset1(*(const float *)c->in[3].data),
    };
    span_each(begin, end, lion_at, &k);
}

static void k_lion_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, lion_span);
}

/* ---- accumulate -------------------------------------------------------------------------------
 */

typedef struct counter {
    const float *g;
    const float *waiting[64]; /* of the levels below, merged in this order */
    int merges;
    float *out;
} counter;

ALWAYS_INLINE void accumulate_at(const void *arg, int64_t i, int n)
{
    const counter *k = arg;
    vf sum = vload_upto(k->g + i, n);
    for (int l = 0; l < k->merges; l++) sum = vadd(vload_upto(k->waiting[l] + i, n), sum);
    vstore_upto(k->out + i, sum, n);
}

static void accumulate_span(const snug_call *c, int64_t begin, int64_t end)
{
    const snug_accumulate_attrs *a = c->attrs;
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    int top = -1; /* the level that waits in total */
    for (int64_t m = a->n_micro; m > 1; m >>= 1) top++;
    counter k = {.g = c->in[0].data, .merges = snug_leaf_merges(c->step->micro)};
    float *total = c->out[0].data, *partials = c->out[1].data;
    for (int l = 0; l < k.merges; l++) k.waiting[l] = l == top ? total : partials + l * n;
    k.out = k.merges >= top ? total : partials + k.merges * n;
    span_each(begin, end, accumulate_at, &k);
}

static void k_accumulate_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, accumulate_span);
}

/* ---- average ----------------------------------------------------------------------------------
 */

typedef struct average {
    const float *a, *w;
    float *out;
    vf share;
} average;

ALWAYS_INLINE void average_at(const void *arg, int64_t i, int n)
{
    const average *k = arg;
    const vf a = vload_upto(k->a + i, n);
    vstore_upto(k->out + i, vfma(k->share, vsub(vload_upto(k->w + i, n), a), a), n);
}

static void average_span(const snug_call *c, int64_t begin, int64_t end)
{
    const average k = {c->in[0].data, c->in[1].data, c->out[0].data,
                       vset1(*(const float *)c->in[2].data)};
    span_each(begin, end, average_at, &k);
}

static void k_average_update_f32(const snug_call *c)
{
    spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_STREAM, average_span);
}

KERNEL_TABLE(update) = {
    {.op = "sgd_update", .name = "k_sgd_update_f32", .run = k_sgd_update_f32},
    {.op = "momentum_update", .name = "k_momentum_update_f32", .run = k_momentum_update_f32},
    {.op = "adam_update", .name = "k_adam_update_f32", .run = k_adam_update_f32},
    {.op = "rmsprop_update", .name = "k_rmsprop_update_f32", .run = k_rmsprop_update_f32},
    {.op = "adagrad_update", .name = "k_adagrad_update_f32", .run = k_adagrad_update_f32},
    {.op = "adadelta_update", .name = "k_adadelta_update_f32", .run = k_adadelta_update_f32},
    {.op = "lion_update", .name = "k_lion_update_f32", .run = k_lion_update_f32},
    {.op = "average_update", .name = "k_average_update_f32", .run = k_average_update_f32},
    {.op = "accumulate", .name = "k_accumulate_f32", .run = k_accumulate_f32},
    {0},
};
