/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise kernels. Every one reads an element of each input before it writes that element of
 * the output, so outputs may share an input's bytes. */
#include "kernels/cpu/spans.h"
#include "kernels/cpu/vmath.h"

typedef struct maps {
    const float *a, *b;
    float *y;
} maps;

/* What all kernels here do with a span: y = f(a) or f(a, b). */
ALWAYS_INLINE void span_map(const snug_call *c, int64_t begin, int64_t end,
                            void (*f)(const void *, int64_t, int))
{
    maps m = {c->in[0].data, c->in[c->n_in > 1].data, c->out[0].data};
    span_each(begin, end, f, &m);
}

static void run(const snug_call *c, int64_t grain, span_fn fn)
{
    spans_run(c, snug_shape_elements(&c->out[0].type.shape), grain, fn);
}

ALWAYS_INLINE void add_at(const void *arg, int64_t i, int n)
{
    const maps *m = arg;
    vstore_upto(m->y + i, vadd(vload_upto(m->a + i, n), vload_upto(m->b + i, n)), n);
}

static void add_span(const snug_call *c, int64_t begin, int64_t end)
{
    span_map(c, begin, end, add_at);
}

static void k_add_f32(const snug_call *c)
{
    run(c, SPAN_STREAM, add_span);
}

ALWAYS_INLINE void mul_at(const void *arg, int64_t i, int n)
{
    const maps *m = arg;
    vstore_upto(m->y + i, vmul(vload_upto(m->a + i, n), vload_upto(m->b + i, n)), n);
}

static void mul_span(const snug_call *c, int64_t begin, int64_t end)
{
    span_map(c, begin, end, mul_at);
}

static void k_mul_f32(const snug_call *c)
{
    run(c, SPAN_STREAM, mul_span);
}

/* NaN stays: vmax gives its second argument then. */
ALWAYS_INLINE void relu_at(const void *arg, int64_t i, int n)
{
    const maps *m = arg;
    vstore_upto(m->y + i, vmax(vzero(), vload_upto(m->a + i, n)), n);
}

static void relu_span(const snug_call *c, int64_t begin, int64_t end)
{
    span_map(c, begin, end, relu_at);
}

static void k_relu_f32(const snug_call *c)
{
    run(c, SPAN_STREAM, relu_span);
}

ALWAYS_INLINE void relu_grad_at(const void *arg, int64_t i, int n)
{
    const maps *m = arg;
    vm on = vgt(vload_upto(m->b + i, n), vzero());
    vstore_upto(m->y + i, vselect(on, vload_upto(m->a + i, n), vzero()), n);
}

static void relu_grad_span(const snug_call *c, int64_t begin, int64_t end)
{
    span_map(c, begin, end, relu_grad_at);
}

static void k_relu_grad_f32(const snug_call *c)
{
    run(c, SPAN_STREAM, relu_grad_span);
}

ALWAYS_INLINE void gelu_at(const void *arg, int64_t i, int n)
{
    const maps *m = arg;
    vstore_upto(m->y + i, vgelu(vload_upto(m->a + i, n)), n);
}

static void gelu_span(const snug_call *c, int64_t begin, int64_t end)
{
    span_map(c, begin, end, gelu_at);
}

static void k_gelu_f32(const snug_call *c)
{
    run(c, SPAN_MATH, gelu_span);
}

ALWAYS_INLINE void gelu_grad_at(const void *arg, int64_t i, int n)
{
    const maps *m = arg;
    vf slope = vgelu_grad(vload_upto(m->b + i, n));
    vstore_upto(m->y + i, vmul(vload_upto(m->a + i, n), slope), n);
}

static void gelu_grad_span(const snug_call *c, int64_t begin, int64_t end)
{
    span_map(c, begin, end, gelu_grad_at);
}

static void k_gelu_grad_f32(const snug_call *c)
{
    run(c, SPAN_MATH, gelu_grad_span);
}

KERNEL_TABLE(elementwise) = {
    {.op = "add", .name = "k_add_f32", .run = k_add_f32},
    {.op = "mul", .name = "k_mul_f32", .run = k_mul_f32},
    {.op = "relu", .name = "k_relu_f32", .run = k_relu_f32},
    {.op = "relu_grad", .name = "k_relu_grad_f32", .run = k_relu_grad_f32},
    {.op = "gelu", .name = "k_gelu_f32", .run = k_gelu_f32},
    {.op = "gelu_grad", .name = "k_gelu_grad_f32", .run = k_gelu_grad_f32},
    {0},
};
