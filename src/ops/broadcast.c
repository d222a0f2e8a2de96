/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of broadcasting operators. */
#include "ops/broadcast.h"

#include <snug/graph.h>
#include <string.h>

/* ---- shapes and axes ---------------------------------------------------------------------------
 */

/* Axis d of an output of n_dims axes, in an input's shape; -1 when it has no such axis. */
static int own_axis(const snug_shape *s, int n_dims, int d)
{
    int own = d - (n_dims - s->n_dims);
    return own >= 0 ? own : -1;
}

static bool repeats(const snug_shape *s, int axis)
{
    return s->dim[axis] == 1 && s->kind[axis] == SNUG_AXIS_FIXED;
}

/* One input joins the shape so far; false where they do not go together. */
static bool join(const snug_shape *s, snug_shape *out)
{
    for (int d = 0; d < out->n_dims; d++) {
        int own = own_axis(s, out->n_dims, d);
        if (own < 0 || repeats(s, own)) continue;
        bool free = repeats(out, d);
        if (!free && (out->dim[d] != s->dim[own] || out->kind[d] != s->kind[own])) return false;
        if (d > 0 && s->kind[own] == SNUG_AXIS_BATCH) return false;
        out->dim[d] = s->dim[own];
        out->kind[d] = s->kind[own];
    }
    return true;
}

static snug_status refuse(const snug_infer *f, int i)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT], c[SNUG_SHAPE_TEXT];
    return FAIL(SNUG_ESHAPE,
                "'%s': input %d is %s, which does not go with %s%s%s: counted from the last, axes "
                "must be as long, or of length 1 and repeated; a batch axis goes with the batch",
                f->name, i, snug_shape_text(&f->in[i].shape, a, sizeof a),
                snug_shape_text(&f->in[i > 0 ? 0 : 1].shape, b, sizeof b), i > 1 ? " and " : "",
                i > 1 ? snug_shape_text(&f->in[1].shape, c, sizeof c) : "");
}

snug_status snug_infer_broadcast(const snug_infer *f, snug_shape *out)
{
    *out = (snug_shape){.n_dims = 0};
    for (int i = 0; i < f->n_in; i++)
        if (f->in[i].shape.n_dims > out->n_dims) out->n_dims = f->in[i].shape.n_dims;
    for (int d = 0; d < out->n_dims; d++) out->dim[d] = 1;
    for (int i = 0; i < f->n_in; i++)
        if (!join(&f->in[i].shape, out)) return refuse(f, i);
    int64_t n = 1;
    for (int d = 0; d < out->n_dims; d++) TRY(snug_infer_mul(f, n, out->dim[d], &n));
    return SNUG_OK;
}

int snug_axes_broadcast(const snug_sig *s, snug_axis_use *u)
{
    const snug_shape *out = &s->out[0].shape;
    int n = 0;
    for (int i = 0; i < s->n_in; i++) {
        const snug_shape *in = &s->in[i].shape;
        for (int d = 0; d < out->n_dims; d++) {
            int own = own_axis(in, out->n_dims, d);
            if (own < 0 || in->dim[own] != out->dim[d] || in->kind[own] != out->kind[d]) continue;
            n = snug_use_axis(u, n, 0, d, i, own);
            if (out->kind[d] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
        }
    }
    return n;
}

/* ---- elements ----------------------------------------------------------------------------------
 */

static bool follows(const snug_shape *in, const snug_shape *out, int d)
{
    int own = own_axis(in, out->n_dims, d);
    return own >= 0 && in->dim[own] == out->dim[d];
}

void snug_broadcast_of(const snug_call *c, snug_broadcast *b)
{
    const snug_shape *out = &c->out[0].type.shape;
    int64_t stride[BROADCAST_MAX_IN] = {1, 1, 1};
    int first = SNUG_MAX_DIMS; /* axes are made from the last on, at the arrays' ends */
    unsigned before = 0;
    *b = (snug_broadcast){.n_in = c->n_in};
    for (int d = out->n_dims - 1; d >= 0; d--) {
        unsigned follow = 0;
        if (out->dim[d] == 1) continue;
        for (int i = 0; i < c->n_in; i++)
            follow |= (unsigned)follows(&c->in[i].type.shape, out, d) << i;
        if (first == SNUG_MAX_DIMS || follow != before) {
            b->dim[--first] = 1;
            for (int i = 0; i < c->n_in; i++) b->step[i][first] = follow >> i & 1 ? stride[i] : 0;
        }
        b->dim[first] *= out->dim[d];
        for (int i = 0; i < c->n_in; i++)
            if (follow >> i & 1) stride[i] *= out->dim[d];
        before = follow;
    }
    b->n_dims = SNUG_MAX_DIMS - first;
    memmove(b->dim, b->dim + first, sizeof(int64_t) * (size_t)b->n_dims);
    for (int i = 0; i < c->n_in; i++)
        memmove(b->step[i], b->step[i] + first, sizeof(int64_t) * (size_t)b->n_dims);
}

/* ---- gradient ----------------------------------------------------------------------------------
 */

/* *v summed over the axes whose bits are set; they go, or stay with length 1. */
static snug_status sum_over(snug_grad *g, int64_t axes, bool keep_dims, snug_value **v)
{
    snug_reduce_attrs a = {.axes = axes, .keep_dims = keep_dims};
    return snug_apply_all(g->graph, &snug_op_reduce_sum, NULL, &a, 1, (snug_value *[]){*v}, v);
}

/* Neighbouring axes are summed together, one such set after the other: for each there are kernels.
 */
snug_status snug_grad_broadcast(snug_grad *g, int i, snug_value *d)
{
    const snug_type of = snug_value_type(g->in[i]), made = snug_value_type(d);
    const snug_shape *s = &of.shape, *t = &made.shape;
    const int drop = t->n_dims - s->n_dims;
    int64_t axes = 0;
    if (drop > 0) TRY(sum_over(g, (INT64_C(1) << drop) - 1, false, &d));
    for (int axis = 0; axis <= s->n_dims; axis++) {
        bool summed = axis < s->n_dims && repeats(s, axis) && !repeats(t, axis + drop);
        if (summed) axes |= INT64_C(1) << axis;
        if (summed || axes == 0) continue;
        TRY(sum_over(g, axes, true, &d));
        axes = 0;
    }
    g->din[i] = d;
    return SNUG_OK;
}
