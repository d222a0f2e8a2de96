/* SPDX-License-Identifier: Apache-2.0 */
/* log_softmax and the gradients of softmax and log_softmax, rows of C classes. Sums of a row
 * as in row_sum.h. */
#include "kernels/cpu/row_sum.h"
#include "kernels/cpu/softmax.h"

static void run_rows(const snug_call *c, int64_t span, span_fn fn)
{
    const snug_shape *s = &c->in[0].type.shape;
    spans_run(c, snug_shape_rows(s), span_rows(snug_shape_last(s), span), fn);
}

/* One row of a call: two inputs, or one, and what all its elements share. */
typedef struct row {
    const float *a, *b;
    float *y;
    vf shared;
} row;

static row row_of(const snug_call *c, int64_t r, int64_t n)
{
    return (row){.a = (const float *)c->in[0].data + r * n,
                 .b = (const float *)c->in[c->n_in > 1].data + r * n,
                 .y = (float *)c->out[0].data + r * n};
}

/* ---- softmax_grad -----------------------------------------------------------------------------
 */

ALWAYS_INLINE vf product(const void *arg, int64_t i, int n)
{
    const row *w = arg;
    return vmul(vload_upto(w->a + i, n), vload_upto(w->b + i, n));
}

ALWAYS_INLINE void softmax_grad_at(const void *arg, int64_t i, int n)
{
    const row *w = arg;
    vf d = vsub(vload_upto(w->a + i, n), w->shared);
    vstore_upto(w->y + i, vmul(vload_upto(w->b + i, n), d), n);
}

static void softmax_grad_rows(const snug_call *c, int64_t begin, int64_t end)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape);
    for (int64_t r = begin; r < end; r++) {
        row w = row_of(c, r, n);
        w.shared = vset1(row_sum(n, product, &w));
        span_each(0, n, softmax_grad_at, &w);
    }
}

static void k_softmax_grad_f32(const snug_call *c)
{
    run_rows(c, SPAN_STREAM, softmax_grad_rows);
}

/* ---- log_softmax ------------------------------------------------------------------------------
 */

ALWAYS_INLINE vf exp_below(const void *arg, int64_t i, int n)
{
    const row *w = arg;
    vf e = vexp(vsub(vload_upto(w->a + i, n), w->shared));
    return n < VLEN ? vselect(vmask_n(n), e, vzero()) : e;
}

/* x - max first: both subtractions then round at the result's size. */
typedef struct shifted {
    row w;
    vf log_sum;
} shifted;

ALWAYS_INLINE void log_softmax_at(const void *arg, int64_t i, int n)
{
    const shifted *s = arg;
    vf d = vsub(vload_upto(s->w.a + i, n), s->w.shared);
    vstore_upto(s->w.y + i, vsub(d, s->log_sum), n);
}

static void log_softmax_rows(const snug_call *c, int64_t begin, int64_t end)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape);
    for (int64_t r = begin; r < end; r++) {
        shifted s = {.w = row_of(c, r, n)};
        s.w.shared = vset1(row_max(s.w.a, n));
        s.log_sum = vlog(vset1(row_sum(n, exp_below, &s.w)));
        span_each(0, n, log_softmax_at, &s);
    }
}

static void k_log_softmax_f32(const snug_call *c)
{
    run_rows(c, SPAN_MATH, log_softmax_rows);
}

ALWAYS_INLINE vf first_input(const void *arg, int64_t i, int n)
{
    const row *w = arg;
    return vload_upto(w->a + i, n);
}

ALWAYS_INLINE void log_softmax_grad_at(const void *arg, int64_t i, int n)
{
    const row *w = arg;
    vf p = vexp(vload_upto(w->b + i, n));
    vstore_upto(w->y + i, vsub(vload_upto(w->a + i, n), vmul(p, w->shared)), n);
}

static void log_softmax_grad_rows(const snug_call *c, int64_t begin, int64_t end)
{
    int64_t n = snug_shape_last(&c->in[0].type.shape);
    for (int64_t r = begin; r < end; r++) {
        row w = row_of(c, r, n);
        w.shared = vset1(row_sum(n, first_input, &w));
        span_each(0, n, log_softmax_grad_at, &w);
    }
}

static void k_log_softmax_grad_f32(const snug_call *c)
{
    run_rows(c, SPAN_MATH, log_softmax_grad_rows);
}

KERNEL_TABLE(softmax_rows) = {
    {.op = "softmax_grad", .name = "k_softmax_grad_f32", .run = k_softmax_grad_f32},
    {.op = "log_softmax", .name = "k_log_softmax_f32", .run = k_log_softmax_f32},
    {.op = "log_softmax_grad", .name = "k_log_softmax_grad_f32", .run = k_log_softmax_grad_f32},
    {0},
};
