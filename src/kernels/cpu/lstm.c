/* SPDX-License-Identifier: Apache-2.0 */
/* lstm and lstm_grad on f32: the cells of walk.h. Formulas are in ops/lstm.c. */
#include "kernels/cpu/walk.h"

static const recurrent_form form = {.n_fixed = 2, .n_gates = 4, .h0 = true, .c0 = true};
static const recurrent_form grad_form = {.n_fixed = 3, .n_gates = 4, .c0 = true};

/* ---- forward -----------------------------------------------------------------------------------
 */

/* One step of one sample: its rows, those of results that may not be wanted NULL. Gates go through
 * their functions first, into p: chains of operations then stay short enough for several vectors to
 * be on their way at once. */
typedef struct cell_row {
    int64_t h; /* units */
    const float *z;
    float *p, *c, *next, *y, *gates, *cells;
} cell_row;

ALWAYS_INLINE void put_gate(const cell_row *r, int64_t j, vf a, int n)
{
    vstore_upto(r->p + j, a, n);
    if (r->gates) vstore_upto(r->gates + j, a, n);
}

ALWAYS_INLINE void sigmoid_gate(const void *arg, int64_t j, int n)
{
    const cell_row *r = arg;
    put_gate(r, j, vsigmoid(vadd(vload_upto(r->z + j, n), vload_upto(r->p + j, n))), n);
}

ALWAYS_INLINE void tanh_gate(const void *arg, int64_t j, int n)
{
    const cell_row *r = arg;
    put_gate(r, j, vtanh(vadd(vload_upto(r->z + j, n), vload_upto(r->p + j, n))), n);
}

ALWAYS_INLINE void unit(const void *arg, int64_t j, int n)
{
    const cell_row *r = arg;
    vf a[4];
    for (int q = 0; q < 4; q++) a[q] = vload_upto(r->p + q * r->h + j, n);
    vf c = vfma(a[1], vload_upto(r->c + j, n), vmul(a[0], a[2]));
    vf h = vmul(a[3], vtanh(c));
    if (r->cells) vstore_upto(r->cells + j, c, n);
    vstore_upto(r->c + j, c, n);
    vstore_upto(r->next + j, h, n);
    vstore_upto(r->y + j, h, n);
}

static void cell(const walk_group *g, const walk_at *at)
{
    const walk *w = g->w;
    const snug_tensor *out = w->call->out;
    cell_row r = {.h = w->r.h,
                  .z = walk_row(&w->call->in[0], at->row, w->r.wide),
                  .p = g->p + at->i * w->ldp,
                  .c = g->state[0] + at->i * w->lds,
                  .next = g->a + at->i * w->lda,
                  .y = walk_row(&out[0], at->row, w->r.h),
                  .gates = walk_row(&out[3], at->row, w->r.wide),
                  .cells = walk_row(&out[4], at->row, w->r.h)};
    span_each(0, 2 * r.h, sigmoid_gate, &r);
    span_each(2 * r.h, 3 * r.h, tanh_gate, &r);
    span_each(3 * r.h, 4 * r.h, sigmoid_gate, &r);
    span_each(0, r.h, unit, &r);
}

static void group_task(void *arg, int64_t task, int thread)
{
    const walk *w = arg;
    const snug_tensor *out = w->call->out;
    walk_group g = walk_open(w, task, thread);
    walk_begin(&g, g.a, w->lda, w->r.h0);
    walk_begin(&g, g.state[0], w->lds, w->r.c0);
    walk_steps(&g);
    walk_blank(&g, &out[0]);
    walk_blank(&g, &out[3]);
    walk_blank(&g, &out[4]);
    walk_end(&g, g.a, w->lda, &out[1]);
    walk_end(&g, g.state[0], w->lds, &out[2]);
}

static void k_lstm_f32(const snug_call *call)
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
    const float *gates, *c, *before, *dy; /* before and dy NULL: zeros */
    float *dh, *dc, *d, *dz;
} grad_row;

ALWAYS_INLINE void unit_grad(const void *arg, int64_t j, int n)
{
    const grad_row *r = arg;
    vf a[4], d[4];
    for (int q = 0; q < 4; q++) a[q] = vload_upto(r->gates + q * r->h + j, n);
    vf tanh_c = vtanh(vload_upto(r->c + j, n));
    vf before = r->before ? vload_upto(r->before + j, n) : vzero();
    vf dh = vload_upto(r->dh + j, n);
    if (r->dy) dh = vadd(dh, vload_upto(r->dy + j, n));
    vf dc = vfma(vmul(dh, a[3]), tanh_slope(tanh_c), vload_upto(r->dc + j, n));
    d[0] = vmul(vmul(dc, a[2]), sigmoid_slope(a[0]));
    d[1] = vmul(vmul(dc, before), sigmoid_slope(a[1]));
    d[2] = vmul(vmul(dc, a[0]), tanh_slope(a[2]));
    d[3] = vmul(vmul(dh, tanh_c), sigmoid_slope(a[3]));
    for (int q = 0; q < 4; q++) {
        vstore_upto(r->dz + q * r->h + j, d[q], n);
        vstore_upto(r->d + q * r->h + j, d[q], n);
    }
    vstore_upto(r->dc + j, vmul(dc, a[1]), n);
    vstore_upto(r->dh + j, vzero(), n);
}

static void cell_grad(const walk_group *g, const walk_at *at)
{
    const walk *w = g->w;
    const snug_tensor *in = w->call->in;
    int64_t h = w->r.h, sample = g->first + at->i;
    grad_row r = {.h = h,
                  .gates = walk_row(&in[0], at->row, w->r.wide),
                  .c = walk_row(&in[2], at->row, h),
                  .before = at->before >= 0 ? walk_row(&in[2], at->before, h)
                                            : walk_row(w->r.c0, sample, h),
                  .dy = walk_row(w->r.dy, at->row, h),
                  .dh = g->state[0] + at->i * w->lds,
                  .dc = g->state[1] + at->i * w->lds,
                  .d = g->a + at->i * w->lda,
                  .dz = walk_row(&w->call->out[0], at->row, w->r.wide)};
    span_each(0, h, unit_grad, &r);
}

static void grad_task(void *arg, int64_t task, int thread)
{
    const walk *w = arg;
    const snug_tensor *out = w->call->out;
    walk_group g = walk_open(w, task, thread);
    walk_begin(&g, g.state[0], w->lds, w->r.dh);
    walk_begin(&g, g.state[1], w->lds, w->r.dc);
    walk_steps(&g);
    walk_blank(&g, &out[0]);
    walk_end(&g, g.state[0], w->lds, &out[1]);
    walk_end(&g, g.state[1], w->lds, &out[2]);
}

static void k_lstm_grad_f32(const snug_call *call)
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

KERNEL_TABLE(lstm) = {
    {.op = "lstm", .name = "k_lstm_f32", .scratch = scratch, .run = k_lstm_f32},
    {.op = "lstm_grad", .name = "k_lstm_grad_f32", .scratch = grad_scratch, .run = k_lstm_grad_f32},
    {0},
};
