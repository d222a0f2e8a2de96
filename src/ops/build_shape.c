/* SPDX-License-Identifier: Apache-2.0 */
/* The builder functions of snug/graph.h for operators that move elements, and softmax along any
 * axis. As in build.c, an input that is NULL gives NULL. */
#include "graph/graph.h"
#include "ops/rules.h"

#include <string.h>

snug_value *snug_transpose(snug_graph *g, snug_value *x, const int *perm)
{
    if (!g || !x) return NULL;
    snug_transpose_attrs a = {{0, 1, 2, 3, 4, 5}};
    for (int d = 0; d < x->type.shape.n_dims; d++) a.perm[d] = perm[d];
    return snug_apply(g, &snug_op_transpose, NULL, &a, 1, &x);
}

/* An axis that may count from the end; fails the graph when there is none. */
static int axis_of(snug_graph *g, const snug_value *x, int axis)
{
    char text[SNUG_SHAPE_TEXT];
    int d = snug_shape_axis(&x->type.shape, axis);
    if (d < 0)
        snug_graph_fail(g, FAIL(SNUG_ESHAPE, "'%s' is %s and has no axis %d", x->name,
                                snug_shape_text(&x->type.shape, text, sizeof text), axis));
    return d;
}

snug_value *snug_slice(snug_graph *g, snug_value *x, int axis, int64_t start, int64_t stop)
{
    int d = g && x ? axis_of(g, x, axis) : -1;
    if (d < 0) return NULL;
    snug_slice_attrs a = {.start = {0}};
    a.start[d] = start, a.stop[d] = stop, a.step[d] = 1;
    return snug_apply(g, &snug_op_slice, NULL, &a, 1, &x);
}

snug_value *snug_concat(snug_graph *g, int n, snug_value *const *x, int axis)
{
    for (int i = 0; i < n; i++)
        if (!g || !x[i]) return NULL;
    return snug_apply(g, &snug_op_concat, NULL, &(snug_axis_attrs){axis}, n, x);
}

void snug_split_equal(snug_graph *g, snug_value *x, int axis, int n, snug_value **parts)
{
    for (int i = 0; i < n; i++) parts[i] = NULL;
    if (!g || !x) return;
    snug_split_attrs a = {.axis = axis, .n = n};
    snug_value *out[SNUG_MAX_OUT];
    if (snug_apply_all(g, &snug_op_split, NULL, &a, 1, &x, out) == SNUG_OK)
        memcpy(parts, out, (size_t)n * sizeof *parts);
}

/* A row operator along `axis`: its input with that axis in the last one's place, and back. */
static snug_value *along(snug_graph *g, const snug_op *op, snug_value *x, int axis)
{
    int d = g && x ? axis_of(g, x, axis) : -1;
    if (d < 0) return NULL;
    int last = x->type.shape.n_dims - 1, swap[] = {0, 1, 2, 3, 4, 5};
    if (d == last) return snug_apply(g, op, NULL, NULL, 1, &x);
    swap[d] = last, swap[last] = d;
    snug_value *turned = snug_transpose(g, x, swap);
    snug_value *y = turned ? snug_apply(g, op, NULL, NULL, 1, &turned) : NULL;
    return snug_transpose(g, y, swap);
}

snug_value *snug_softmax(snug_graph *g, snug_value *x, int axis)
{
    return along(g, &snug_op_softmax, x, axis);
}

snug_value *snug_log_softmax(snug_graph *g, snug_value *x, int axis)
{
    return along(g, &snug_op_log_softmax, x, axis);
}
