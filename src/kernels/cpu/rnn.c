/* SPDX-License-Identifier: Apache-2.0 */
/* rnn and rnn_grad on f32: the cells of walk.h. Formulas are in ops/rnn.c. */
#include "kernels/cpu/walk.h"

static const recurrent_form form = {.n_fixed = 2, .n_gates = 1, .h0 = true};
static const recurrent_form grad_form = {.n_fixed = 2, .n_gates = 1};

typedef struct cell_row {
    const float *z, *p;
    float *next, *y;
    bool relu;
} cell_row;

ALWAYS_INLINE void unit(const void *arg, int64_t j, int n)
{
    const cell_row *r = arg;
    vf a = vadd(vload_upto(r->z + j, n), vload_upto(r->p + j, n));
    vf h = r->relu ? vmax(vzero(), a) : vtanh(a);
    vstore_upto(r->next + j, h, n);
    vstore_upto(r->y + j, h, n);
}

static void cell(const walk_group *g, const walk_at *at)
{
    const walk *w = g->w;
    cell_row r = {.z = walk_row(&w->call->in[0], at->row, w->r.h),
                  .p = g->p + at->i * w->ldp,
                  .next = g->a + at->i * w->lda,
                  .y = walk_row(&w->call->out[0], at->row, w->r.h),
                  .relu = w->r.attrs->relu};
    span_each(0, w->r.h, unit, &r);
}

static void group_task(void *arg, int64_t task, int thread)
{
    const walk *w = arg;
    walk_group g = walk_open(w, task, thread);
    walk_begin(&g, g.a, w->lda, w->r.h0);
    walk_steps(&g);
    walk_blank(&g, &w->call->out[0]);
    walk_end(&g, g.a, w->lda, &w->call->out[1]);
}

static void k_rnn_f32(const snug_call *call)
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

typedef struct grad_row {
    const float *y, *dy; /* dy NULL: zeros */
    float *dh, *d, *dz;
    bool relu;
} grad_row;

ALWAYS_INLINE void unit_grad(const void *arg, int64_t j, int n)
{
    const grad_row *r = arg;
    vf y = vload_upto(r->y + j, n), dh = vload_upto(r->dh + j, n);
    if (r->dy) dh = vadd(dh, vload_upto(r->dy + j, n));
    vf d = r->relu ? vselect(vlt(vzero(), y), dh, vzero()) : vmul(dh, tanh_slope(y));
    vstore_upto(r->d + j, d, n);
    vstore_upto(r->dz + j, d, n);
    vstore_upto(r->dh + j, vzero(), n);
}

static void cell_grad(const walk_group *g, const walk_at *at)
{
    const walk *w = g->w;
    grad_row r = {.y = walk_row(&w->call->in[0], at->row, w->r.h),
                  .dy = walk_row(w->r.dy, at->row, w->r.h),
                  .dh = g->state[0] + at->i * w->lds,
                  .d = g->a + at->i * w->lda,
                  .dz = walk_row(&w->call->out[0], at->row, w->r.h),
                  .relu = w->r.attrs->relu};
    span_each(0, w->r.h, unit_grad, &r);
}

static void grad_task(void *arg, int64_t task, int thread)
{
    const walk *w = arg;
    walk_group g = walk_open(w, task, thread);
    walk_begin(&g, g.state[0], w->lds, w->r.dh);
    walk_steps(&g);
    walk_blank(&g, &w->call->out[0]);
    walk_end(&g, g.state[0], w->lds, &w->call->out[1]);
}

static void k_rnn_grad_f32(const snug_call *call)
{
    recurrent r = recurrent_of(&grad_form, call);
    walk w = walk_of(&r, true);
    w.cell = cell_grad, w.edge = call->out[1].data != NULL;
    walk_run(&w, call, grad_task);
}

static size_t grad_scratch(const snug_sig *sig, int threads)
{
    return walk_scratch(&grad_form, sig, true, threads);
}

KERNEL_TABLE(rnn) = {
    {.op = "rnn", .name = "k_rnn_f32", .scratch = scratch, .run = k_rnn_f32},
    {.op = "rnn_grad", .name = "k_rnn_grad_f32", .scratch = grad_scratch, .run = k_rnn_grad_f32},
    {0},
};
