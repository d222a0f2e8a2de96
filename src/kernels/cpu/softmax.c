/* SPDX-License-Identifier: Apache-2.0 */
/* softmax along the last axis, a row at a time. */
#include "kernels/cpu/softmax.h"

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
    spans_run(c, snug_shape_rows(s), span_rows(snug_shape_last(s), SPAN_MATH), softmax_rows);
}

KERNEL_TABLE(softmax) = {
    {.op = "softmax", .name = "k_softmax_f32", .run = k_softmax_f32},
    {0},
};
