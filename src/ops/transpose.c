/* SPDX-License-Identifier: Apache-2.0 */
/* transpose: axes in another order, y[i0, i1, ..] = x[.., with i_k at axis perm[k], ..]. */
#include "ops/cases.h"
#include "ops/moves.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {
    ATTR_AXIS(snug_transpose_attrs, perm, 0, 0, SNUG_MAX_DIMS - 1, 0, "axis of x that comes first"),
    ATTR_AXIS(snug_transpose_attrs, perm, 1, 0, SNUG_MAX_DIMS - 1, 1, "axis of x at 1"),
    ATTR_AXIS(snug_transpose_attrs, perm, 2, 0, SNUG_MAX_DIMS - 1, 2, "axis of x at 2"),
    ATTR_AXIS(snug_transpose_attrs, perm, 3, 0, SNUG_MAX_DIMS - 1, 3, "axis of x at 3"),
    ATTR_AXIS(snug_transpose_attrs, perm, 4, 0, SNUG_MAX_DIMS - 1, 4, "axis of x at 4"),
    ATTR_AXIS(snug_transpose_attrs, perm, 5, 0, SNUG_MAX_DIMS - 1, 5, "axis of x at 5"),
    {0}};

static snug_status transpose_shape(snug_infer *f)
{
    const snug_transpose_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    snug_shape y = {.n_dims = x->n_dims};
    char text[SNUG_SHAPE_TEXT];
    bool used[SNUG_MAX_DIMS] = {false};
    for (int d = 0; d < x->n_dims; d++) {
        int64_t from = a->perm[d];
        CHECK(from >= 0 && from < x->n_dims && !used[from], SNUG_EINVAL,
              "transpose '%s': perm%d is %" PRId64 ", but must name each axis of %s once", f->name,
              d, from, snug_shape_text(x, text, sizeof text));
        CHECK(d == 0 || x->kind[from] != SNUG_AXIS_BATCH, SNUG_ESHAPE,
              "transpose '%s': axis %" PRId64 " of %s counts samples and must stay in front",
              f->name, from, snug_shape_text(x, text, sizeof text));
        used[from] = true;
        y.dim[d] = x->dim[from], y.kind[d] = x->kind[from];
    }
    f->out[0] = (snug_type){.shape = y, .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static int transpose_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_transpose_attrs *a = s->attrs;
    int n = 0;
    for (int d = 0; d < s->in[0].shape.n_dims; d++) {
        n = snug_use_axis(u, n, 0, d, 0, (int)a->perm[d]);
        if (s->in[0].shape.kind[a->perm[d]] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
    }
    return n;
}

static snug_status transpose_grad(snug_grad *g)
{
    const snug_transpose_attrs *a = g->attrs;
    if (!g->dout[0]) return SNUG_OK;
    snug_transpose_attrs back = {.perm = {0, 1, 2, 3, 4, 5}};
    for (int d = 0; d < snug_value_type(g->in[0]).shape.n_dims; d++) back.perm[a->perm[d]] = d;
    return snug_apply_all(g->graph, &snug_op_transpose, NULL, &back, 1, &g->dout[0], &g->din[0]);
}

static snug_cost transpose_cost(const snug_sig *s)
{
    return snug_cost_of(s, 0);
}

int snug_transpose_moves(const snug_call *c, snug_move *m)
{
    const snug_transpose_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    int64_t from[SNUG_MAX_DIMS], to[SNUG_MAX_DIMS];
    snug_steps(x, from);
    snug_steps(&c->out[0].type.shape, to);
    *m = (snug_move){.box.n_dims = x->n_dims};
    for (int d = 0; d < x->n_dims; d++) {
        m->box.dim[d] = x->dim[a->perm[d]];
        m->box.from[d] = from[a->perm[d]];
        m->box.to[d] = to[d];
    }
    return 1;
}

static void transpose_ref(const snug_call *c)
{
    snug_moves_ref(c, snug_transpose_moves);
}

static const snug_transpose_attrs swap = {{1, 0}}, heads = {{0, 2, 1, 3}},
                                  channels = {{0, 3, 1, 2}}, back = {{0, 2, 3, 1}},
                                  six = {{0, 5, 3, 1, 4, 2}}, same = {{0, 1, 2}},
                                  turn = {{2, 1, 0}};

static const snug_case cases[] = {
    {.name = "matrix", .attrs = &swap, .n_in = 1, .in = INPUTS(FIXED(7, 13))},
    {.name = "large matrix", .attrs = &swap, .n_in = 1, .in = INPUTS(FIXED(70, 45))},
    {.name = "heads", .attrs = &heads, .n_in = 1, .in = INPUTS(BATCH(5, 3, 2, 7))},
    {.name = "channels first", .attrs = &channels, .n_in = 1, .in = INPUTS(BATCH(3, 5, 4, 6))},
    {.name = "channels last", .attrs = &back, .n_in = 1, .in = INPUTS(BATCH(3, 6, 5, 4))},
    {.name = "six axes", .attrs = &six, .n_in = 1, .in = INPUTS(BATCH(2, 3, 2, 4, 3, 2))},
    {.name = "nothing", .attrs = &same, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5))},
    {.name = "reversed", .attrs = &turn, .n_in = 1, .in = INPUTS(FIXED(5, 4, 9))},
    {.name = "gpt heads",
     .attrs = &heads,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(8, 128, 4, 32))},
    {.name = "images",
     .attrs = &channels,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 32, 32, 16))},
    {0}};

const snug_op snug_op_transpose = {
    .name = "transpose",
    .doc =
        "transpose(x; perm0, perm1, ..) -> y\n"
        "Axis i of y is axis perm<i> of x: y.shape[i] = x.shape[perm<i>]. A batch axis stays in\n"
        "front.\n"
        "Gradient: transpose of dy with the inverse permutation.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_transpose_attrs),
    .shape = transpose_shape,
    .axes = transpose_axes,
    .grad = transpose_grad,
    .cost = transpose_cost,
    .ref = transpose_ref,
    .cases = cases};
