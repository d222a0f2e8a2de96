/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of losses by element (ops/pointwise_loss.h): each is a formula for the loss and one for
 * its slope, over vectors x of the prediction and t of the target. Without weights of columns, and
 * slopes for the prediction: the references do the rest. */
#ifndef KERNELS_CPU_LOSS_TMPL_H
#define KERNELS_CPU_LOSS_TMPL_H

#include "kernels/cpu/flat_sum.h"
#include "ops/ops.h"

/* A call as its elements see it. */
typedef struct loss_call {
    const snug_loss_attrs *attrs;
    const float *x, *t;
    float *y;
    vf scale; /* of slopes */
} loss_call;

static inline loss_call loss_call_of(const snug_call *c)
{
    return (loss_call){
        .attrs = c->attrs, .x = c->in[0].data, .t = c->in[1].data, .y = c->out[0].data};
}

static inline bool loss_is_f32(const snug_sig *s)
{
    return s->in[0].dtype == SNUG_F32 && s->in[1].dtype == SNUG_F32 && s->out[0].dtype == SNUG_F32;
}

static inline bool loss_fits(const snug_sig *s)
{
    return loss_is_f32(s) && s->n_in == 2;
}

static inline bool loss_grad_fits(const snug_sig *s)
{
    const snug_loss_attrs *a = s->attrs;
    return loss_is_f32(s) && s->n_in == 3 && s->in[2].dtype == SNUG_F32 && a->wrt == 0;
}

/* What the mean divides by: elements of the step, or rows. */
static inline double loss_divisor(const snug_call *c, const flat *f, bool by_row)
{
    return by_row ? f->n_step / (double)snug_shape_last(&c->in[0].type.shape) : f->n_step;
}

static inline void loss_sum(const snug_call *c, bool by_row,
                            float (*chunk)(const void *, int64_t, int64_t))
{
    flat f = flat_of(c);
    loss_call k = loss_call_of(c);
    f.chunk = chunk, f.arg = &k;
    *(float *)c->out[0].data = flat_sum(c, &f, loss_divisor(c, &f, by_row));
}

ALWAYS_INLINE void loss_slopes(const snug_call *c, int64_t begin, int64_t end, bool by_row,
                               void (*f)(const void *, int64_t, int))
{
    flat all = flat_of(c);
    loss_call k = loss_call_of(c);
    double dloss = (double)*(const float *)c->in[2].data;
    k.scale = vset1((float)(dloss / loss_divisor(c, &all, by_row)));
    span_each(begin, end, f, &k);
}

/* k_NAME_f32 and k_NAME_grad_f32; value_ and slope_ are expressions of x, t and k, the call. */
#define LOSS_KERNELS(name, by_row, value_, slope_)                                                 \
    ALWAYS_INLINE vf name##_term(const void *arg, int64_t i, int n, vf sum)                        \
    {                                                                                              \
        const loss_call *k = arg;                                                                  \
        vf x = vload_upto(k->x + i, n), t = vload_upto(k->t + i, n), v = value_;                   \
        return vadd(sum, n < VLEN ? vselect(vmask_n(n), v, vzero()) : v);                          \
    }                                                                                              \
    static float name##_chunk(const void *arg, int64_t begin, int64_t end)                         \
    {                                                                                              \
        return flat_elements(arg, begin, end, name##_term);                                        \
    }                                                                                              \
    static void k_##name##_f32(const snug_call *c)                                                 \
    {                                                                                              \
        loss_sum(c, by_row, name##_chunk);                                                         \
    }                                                                                              \
    ALWAYS_INLINE void name##_slope_at(const void *arg, int64_t i, int n)                          \
    {                                                                                              \
        const loss_call *k = arg;                                                                  \
        vf x = vload_upto(k->x + i, n), t = vload_upto(k->t + i, n);                               \
        (void)x;                                                                                   \
        vstore_upto(k->y + i, vmul(slope_, k->scale), n);                                          \
    }                                                                                              \
    static void name##_slope_span(const snug_call *c, int64_t begin, int64_t end)                  \
    {                                                                                              \
        loss_slopes(c, begin, end, by_row, name##_slope_at);                                       \
    }                                                                                              \
    static void k_##name##_grad_f32(const snug_call *c)                                            \
    {                                                                                              \
        spans_run(c, snug_shape_elements(&c->in[0].type.shape), SPAN_MATH, name##_slope_span);     \
    }

#define LOSS_ROWS(id)                                                                              \
    {.op = #id,                                                                                    \
     .name = "k_" #id "_f32",                                                                      \
     .fits = loss_fits,                                                                            \
     .scratch = flat_scratch,                                                                      \
     .run = k_##id##_f32},                                                                         \
    {                                                                                              \
        .op = #id "_grad", .name = "k_" #id "_grad_f32", .fits = loss_grad_fits,                   \
        .run = k_##id##_grad_f32                                                                   \
    }

#endif
