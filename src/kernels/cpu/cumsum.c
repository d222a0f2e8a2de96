/* SPDX-License-Identifier: Apache-2.0 */
/* cumsum of f32: sums run in double, one element behind the other, beside each other for up to
 * LINES neighbours where the axis is not the last. The same bits on every tier. */
#include "kernels/cpu/spans.h"
#include "ops/rules.h"

enum { LINES = 64 };

/* x as [outer, n, inner]. */
typedef struct lines {
    int64_t outer, n, inner;
} lines;

static lines lines_of(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    int axis = snug_shape_axis(x, ((const snug_cumsum_attrs *)c->attrs)->axis);
    return (lines){snug_shape_span(x, 0, axis), x->dim[axis],
                   snug_shape_span(x, axis + 1, x->n_dims)};
}

/* `width` neighbours, from their first elements on. */
static void sum_lines(const snug_cumsum_attrs *a, const lines *l, const float *x, float *y,
                      int64_t width)
{
    double sum[LINES] = {0};
    for (int64_t k = 0; k < l->n; k++) {
        int64_t at = (a->reverse ? l->n - 1 - k : k) * l->inner;
        for (int64_t i = 0; i < width; i++) {
            double v = (double)x[at + i], before = sum[i];
            sum[i] += v;
            y[at + i] = (float)(a->exclusive ? before : sum[i]);
        }
    }
}

static void outer_span(const snug_call *c, int64_t begin, int64_t end)
{
    lines l = lines_of(c);
    for (int64_t o = begin; o < end; o++)
        for (int64_t i = 0; i < l.inner; i += LINES) {
            int64_t at = o * l.n * l.inner + i, width = l.inner - i < LINES ? l.inner - i : LINES;
            sum_lines(c->attrs, &l, (const float *)c->in[0].data + at, (float *)c->out[0].data + at,
                      width);
        }
}

static void k_cumsum_f32(const snug_call *c)
{
    lines l = lines_of(c);
    int64_t each = l.n * l.inner;
    spans_run(c, l.outer, span_rows(each, SPAN_STREAM), outer_span);
}

KERNEL_TABLE(cumsum) = {{.op = "cumsum", .name = "k_cumsum_f32", .run = k_cumsum_f32}, {0}};
