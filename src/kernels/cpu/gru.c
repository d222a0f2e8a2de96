/* SPDX-License-Identifier: Apache-2.0 */
/* gru and gru_grad on f32: the cells of walk.h. Formulas are in ops/gru.c. */
#include "kernels/cpu/walk.h"

static const recurrent_form form = {.n_fixed = 3, .n_gates = 3, .h0 = true};
static const recurrent_form grad_form = {.n_fixed = 4, .n_gates = 3, .h0 = true};

/* ---- forward -----------------------------------------------------------------------------------
 */

/* One step of one sample: its rows, those of results that may not be wanted NULL. */
typedef struct cell_row {
    int64_t h; /* units */
    const float *z, *p, *bias;
    float *state, *y, *gates, *products;
} cell_row;

ALWAYS_INLINE void unit(const void *arg, int64_t j, int n)
{
    const cell_row *r = arg;
    vf a[3], p[3];
    for (int q = 0; q < 3; q++) {
        a[q] = vload_upto(r->z + q * r->h + j, n);
        p[q] = vload_upto(r->p + q * r->h + j, n);
    }
    p[2] = vadd(p[2], vload_upto(r->bias + j, n));
    a[0] = vsigmoid(vadd(a[0], p[0])), a[1] = vsigmoid(vadd(a[1], p[1]));
    a[2] = vtanh(vfma(a[0], p[2], a[2]));
    vf h = vfma(a[1], vload_upto(r->state + j, n), vmul(vsub(vset1(1), a[1]), a[2]));
    for (int q = 0; q < 3 && r->gates; q++) vstore_upto(r->gates + q * r->h + j, a[q], n);
    if (r->products) vstore_upto(r->products + j, p[2], n);
    vstore_upto(r->state + j, h, n);
    vstore_upto(r->y + j, h, n);
}

static void cell(const walk_group *g, const walk_at *at)
{
    const walk *w = g->w;
    const snug_tensor *in = w->call->in, *out = w->call->out;
    cell_row r = {.h = w->r.h,
                  .z = walk_row(&in[0], at->row, w->r.wide),
                  .p = g->p + at->i * w->ldp,
                  .bias = in[2].data,
                  .state = g->a + at->i * w->lda,
                  .y = walk_row(&out[0], at->row, w->r.h),
                  .gates = walk_row(&out[2], at->row, w->r.wide),
                  .products = walk_row(&out[3], at->row, w->r.h)};
    span_each(0, r.h, unit, &r);
}

static void group_task(void *arg, int64_t task, int thread)
{
    const walk *w = arg;
    const snug_tensor *out = w->call->out;
    walk_group g = walk_open(w, task, thread);
    walk_begin(&g, g.a, w->lda, w->r.h0);
    walk_steps(&g);
    walk_blank(&g, &out[0]);
    walk_blank(&g, &out[2]);
    walk_blank(&g, &out[3]);
    walk_end(&g, g.a, w->lda, &out[1]);
}

static void k_gru_f32(const snug_call *call)
{
    recurrent r = recurrent_of(&form, call);
    walk w = walk_of(&r, false);
    w.cell = cell, w.edge = r.h0 != NULL;
    walk_run(&w, call, group_task);
}

static size_t scratch(const snug_sig *sig, int threads)
{
    return walk_scratch(&form, sig, false, threads);
}

/* ---- backward ----------------------------------------------------------------------------------
 */

typedef struct grad_row {
    int64_t h;
    const float *gates, *before, *product, *dy; /* before and dy NULL: zeros */
    float *dh, *d, *dz, *dq;                    /* dq may be NULL */
} grad_row;

ALWAYS_INLINE void unit_grad(const void *arg, int64_t j, int n)
{
    const grad_row *r = arg;
    vf a[3];
    for (int q = 0; q < 3; q++) a[q] = vload_upto(r->gates + q * r->h + j, n);
    vf before = r->before ? vload_upto(r->before + j, n) : vzero();
    vf dh = vload_upto(r->dh + j, n);
    if (r->dy) dh = vadd(dh, vload_upto(r->dy + j, n));
    vf dn = vmul(vmul(dh, vsub(vset1(1), a[1])), tanh_slope(a[2]));
    vf dr = vmul(vmul(dn, vload_upto(r->product + j, n)), sigmoid_slope(a[0]));
    vf du = vmul(vmul(dh, vsub(before, a[2])), sigmoid_slope(a[1]));
    vf dq = vmul(dn, a[0]);
    vstore_upto(r->dz + j, dr, n);
    vstore_upto(r->dz + r->h + j, du, n);
    vstore_upto(r->dz + 2 * r->h + j, dn, n);
    vstore_upto(r->d + j, dr, n);
    vstore_upto(r->d + r->h + j, du, n);
    vstore_upto(r->d + 2 * r->h + j, dq, n);
    if (r->dq) vstore_upto(r->dq + j, dq, n);
    vstore_upto(r->dh + j, vmul(dh, a[1]), n);
}

static void cell_grad(const walk_group *g, const walk_at *at)
{
    const walk *w = g->w;
    const snug_tensor *in = w->call->in;
    int64_t h = w->r.h, sample = g->first + at->i;
    grad_row r = {.h = h,
                  .gates = walk_row(&in[0], at->row, w->r.wide),
                  .before = at->before >= 0 ? walk_row(&in[2], at->before, h)
                                            : walk_row(w->r.h0, sample, h),
                  .product = walk_row(&in[3], at->row, h),
                  .dy = walk_row(w->r.dy, at->row, h),
                  .dh = g->state[0] + at->i * w->lds,
                  .d = g->a + at->i * w->lda,
                  .dz = walk_row(&w->call->out[0], at->row, w->r.wide),
                  .dq = walk_row(&w->call->out[1], at->row, h)};
    span_each(0, h, unit_grad, &r);
}

static void grad_task(void *arg, int64_t task, int thread)
{
    const walk *w = arg;
    const snug_tensor *out = w->call->out;
    walk_group g = walk_open(w, task, thread);
    walk_begin(&g, g.state[0], w->lds, w->r.dh);
    walk_steps(&g);
    walk_blank(&g, &out[0]);
    walk_blank(&g, &out[1]);
    walk_end(&g, g.state[0], w->lds, &out[2]);
}

static void k_gru_grad_f32(const snug_call *call)
{
    recurrent r = recurrent_of(&grad_form, call);
    walk w = walk_of(&r, true);
    w.cell = cell_grad, w.edge = call->out[2].data != NULL;
    walk_run(&w, call, grad_task);
}

static size_t grad_scratch(const snug_sig *sig, int threads)
{
    return walk_scratch(&grad_form, sig, true, threads);
}

KERNEL_TABLE(gru) = {
    {.op = "gru", .name = "k_gru_f32", .scratch = scratch, .run = k_gru_f32},
    {.op = "gru_grad", .name = "k_gru_grad_f32", .scratch = grad_scratch, .run = k_gru_grad_f32},
    {0},
};
