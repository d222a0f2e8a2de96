/* SPDX-License-Identifier: Apache-2.0 */
/* One row of softmax as references compute it: its largest element and the sum of exp(x - max). */
#ifndef OPS_SOFTMAX_ROW_H
#define OPS_SOFTMAX_ROW_H

#include "ops/rules.h"
#include <math.h>

typedef struct softmax_row {
    const snug_tensor *x;
    int64_t first, n; /* elements [first, first + n) */
    double max, sum;  /* of x; of exp(x - max) */
} softmax_row;

static inline softmax_row softmax_row_of(const snug_tensor *x, int64_t r, int64_t n)
{
    softmax_row w = {.x = x, .first = r * n, .n = n, .max = -INFINITY};
    for (int64_t c = 0; c < n; c++) {
        double v = snug_load(x, w.first + c);
        if (v > w.max || v != v) w.max = v;
    }
    for (int64_t c = 0; c < n; c++) w.sum += exp(snug_load(x, w.first + c) - w.max);
    return w;
}

static inline void softmax_row_put(const softmax_row *w, const snug_tensor *p)
{
    for (int64_t i = w->first; i < w->first + w->n; i++)
        snug_store(p, i, exp(snug_load(w->x, i) - w->max) / w->sum);
}

static inline snug_status softmax_check_classes(const snug_infer *f, int i)
{
    const snug_shape *x = &f->in[i].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 1 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED && snug_shape_last(x) > 0,
          SNUG_ESHAPE, "'%s': input %d is %s, but its last axis must hold the classes", f->name, i,
          snug_shape_text(x, text, sizeof text));
    return snug_infer_float(f, i, -1);
}

#endif
