/* SPDX-License-Identifier: Apache-2.0 */
/* concat: tensors one behind the other along an axis. split: the parts of one again. */
#include "ops/cases.h"
#include "ops/moves.h"
#include <snug/graph.h>

/* ---- concat -----------------------------------------------------------------------------------
 */

static const snug_attr concat_attrs[] = {ATTR_INT(snug_axis_attrs, axis, -SNUG_MAX_DIMS,
                                                  SNUG_MAX_DIMS - 1, -1,
                                                  "along which; negative ones count from the end"),
                                         {0}};

static bool agree_but(const snug_shape *a, const snug_shape *b, int axis)
{
    bool same = a->n_dims == b->n_dims;
    for (int d = 0; same && d < a->n_dims; d++)
        same = (d == axis || a->dim[d] == b->dim[d]) && a->kind[d] == b->kind[d];
    return same;
}

static snug_status concat_shape(snug_infer *f)
{
    const snug_axis_attrs *a = f->attrs;
    int axis;
    char x[SNUG_SHAPE_TEXT], y[SNUG_SHAPE_TEXT];
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    f->out[0] = f->in[0];
    for (int i = 1; i < f->n_in; i++) {
        snug_shape_text(&f->in[0].shape, x, sizeof x);
        snug_shape_text(&f->in[i].shape, y, sizeof y);
        CHECK(agree_but(&f->in[0].shape, &f->in[i].shape, axis), SNUG_ESHAPE,
              "concat '%s': input %d is %s and input 0 is %s: they may differ in axis %d only",
              f->name, i, y, x, axis);
        CHECK(f->in[i].dtype == f->in[0].dtype, SNUG_ESHAPE,
              "concat '%s': input %d, %s, is of another element type than input 0, %s", f->name, i,
              y, x);
        CHECK(f->in[i].shape.dim[axis] <= MAX_EXTENT - f->out[0].shape.dim[axis], SNUG_ESHAPE,
              "concat '%s': input %d, %s, is too long beside %s", f->name, i, y, x);
        f->out[0].shape.dim[axis] += f->in[i].shape.dim[axis];
    }
    return SNUG_OK;
}

static int concat_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_axis_attrs *a = s->attrs;
    int n = 0, axis = snug_shape_axis(&s->out[0].shape, a->axis);
    for (int i = 0; i < s->n_in; i++) {
        if (axis > 0) n = snug_use_batch(s, u, n, 0, i);
        for (int d = 1; d < s->out[0].shape.n_dims; d++)
            if (d != axis) n = snug_use_axis(u, n, 0, d, i, d);
    }
    return n;
}

/* A slice of one axis. */
static snug_slice_attrs slice_of(int axis, int64_t start, int64_t stop)
{
    snug_slice_attrs a = {.start = {0}};
    a.start[axis] = start, a.stop[axis] = stop, a.step[axis] = 1;
    return a;
}

static snug_status concat_grad(snug_grad *g)
{
    const snug_axis_attrs *a = g->attrs;
    snug_shape y = snug_value_type(g->out[0]).shape;
    int axis = snug_shape_axis(&y, a->axis);
    int64_t at = 0;
    for (int i = 0; i < g->n_in && g->dout[0]; i++) {
        int64_t length = snug_value_type(g->in[i]).shape.dim[axis];
        snug_slice_attrs part = slice_of(axis, at, at + length);
        at += length;
        if (!g->need[i]) continue;
        TRY(snug_apply_all(g->graph, &snug_op_slice, NULL, &part, 1, &g->dout[0], &g->din[i]));
    }
    return SNUG_OK;
}

static snug_cost move_cost(const snug_sig *s)
{
    return snug_cost_of(s, 0);
}

/* A box as large as one part. */
static snug_box part_box(const snug_shape *part)
{
    snug_box b = {.n_dims = part->n_dims};
    for (int d = 0; d < part->n_dims; d++) b.dim[d] = part->dim[d];
    return b;
}

int snug_concat_moves(const snug_call *c, snug_move *m)
{
    const snug_axis_attrs *a = c->attrs;
    const snug_shape *y = &c->out[0].type.shape;
    int axis = snug_shape_axis(y, a->axis);
    int64_t to[SNUG_MAX_DIMS], from[SNUG_MAX_DIMS], at = 0;
    snug_steps(y, to);
    for (int i = 0; i < c->n_in; i++) {
        const snug_shape *x = &c->in[i].type.shape;
        m[i] = (snug_move){.in = i, .box = part_box(x)};
        snug_steps(x, from);
        for (int d = 0; d < x->n_dims; d++) m[i].box.from[d] = from[d], m[i].box.to[d] = to[d];
        m[i].box.to_first = at * to[axis];
        at += x->dim[axis];
    }
    return c->n_in;
}

static void concat_ref(const snug_call *c)
{
    snug_moves_ref(c, snug_concat_moves);
}

static const snug_axis_attrs first = {0}, second = {1}, last = {-1};

static const snug_case concat_cases[] = {
    {.name = "two", .attrs = &last, .n_in = 2, .in = INPUTS(BATCH(7, 3), BATCH(7, 6))},
    {.name = "three",
     .attrs = &second,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 2, 5), BATCH(3, 1, 5), BATCH(3, 4, 5))},
    {.name = "rows", .attrs = &first, .n_in = 2, .in = INPUTS(FIXED(3, 4), FIXED(5, 4))},
    {.name = "one", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH(3, 4))},
    {.name = "eight",
     .attrs = &last,
     .n_in = 8,
     .in = INPUTS(BATCH(3, 1), BATCH(3, 2), BATCH(3, 1), BATCH(3, 3), BATCH(3, 1), BATCH(3, 2),
                  BATCH(3, 1), BATCH(3, 1))},
    {.name = "fire",
     .attrs = &last,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(32, 16, 16, 64), BATCH(32, 16, 16, 64))},
    {0}};

const snug_op snug_op_concat = {
    .name = "concat",
    .doc =
        "concat(x0, x1?, .., x7?; axis) -> y\n"
        "The inputs one behind the other along the axis, which is not the batch axis; all other\n"
        "axes agree.\n"
        "Gradient: slices of dy.",
    .n_in_min = 1,
    .n_in_max = SNUG_MAX_IN,
    .n_out = 1,
    .attrs = concat_attrs,
    .attrs_bytes = sizeof(snug_axis_attrs),
    .shape = concat_shape,
    .axes = concat_axes,
    .grad = concat_grad,
    .cost = move_cost,
    .ref = concat_ref,
    .cases = concat_cases};

/* ---- split ------------------------------------------------------------------------------------
 */

static const snug_attr split_attrs[] = {
    ATTR_INT(snug_split_attrs, axis, -SNUG_MAX_DIMS, SNUG_MAX_DIMS - 1, -1,
             "along which; negative ones count from the end"),
    ATTR_INT(snug_split_attrs, n, 1, SNUG_MAX_OUT, 2, "how many parts"),
    ATTR_AXES(snug_split_attrs, size, 0, 0x1p40, 0, "length, all 0: equal ones, of part"),
    {0}};

static int split_outputs(const void *attrs)
{
    const snug_split_attrs *a = attrs;
    return (int)a->n;
}

static snug_status split_shape(snug_infer *f)
{
    const snug_split_attrs *a = f->attrs;
    int axis;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    int64_t dim = f->in[0].shape.dim[axis], left = dim;
    for (int i = 0; i < f->n_out; i++) {
        int64_t size = a->size[0] ? a->size[i] : dim / a->n;
        CHECK(size > 0 && size <= left, SNUG_ESHAPE,
              "split '%s': part %d of %s has %" PRId64 " of the %" PRId64 " left in axis %d",
              f->name, i, snug_shape_text(&f->in[0].shape, text, sizeof text), size, left, axis);
        f->out[i] = f->in[0];
        f->out[i].shape.dim[axis] = size;
        left -= size;
    }
    CHECK(left == 0, SNUG_ESHAPE,
          "split '%s': %" PRId64 " parts of axis %d of %s leave %" PRId64 " elements over", f->name,
          a->n, axis, snug_shape_text(&f->in[0].shape, text, sizeof text), left);
    return SNUG_OK;
}

static int split_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_split_attrs *a = s->attrs;
    int n = 0, axis = snug_shape_axis(&s->in[0].shape, a->axis);
    for (int o = 0; o < s->n_out; o++) {
        if (axis > 0) n = snug_use_batch(s, u, n, o, 0);
        for (int d = 1; d < s->in[0].shape.n_dims; d++)
            if (d != axis) n = snug_use_axis(u, n, o, d, 0, d);
    }
    return n;
}

/* Parts without a gradient leave zeros: those with one are put between zeros and added. */
static snug_status split_grad_some(snug_grad *g, int axis)
{
    snug_shape x = snug_value_type(g->in[0]).shape;
    int64_t at = 0;
    for (int o = 0; o < g->n_out; o++) {
        int64_t length = snug_value_type(g->out[o]).shape.dim[axis];
        snug_slice_attrs part = slice_of(axis, at, at + length);
        part.dim[axis] = x.dim[axis];
        at += length;
        if (!g->dout[o]) continue;
        snug_value *d = snug_apply(g->graph, &snug_op_slice_grad, NULL, &part, 1, &g->dout[o]);
        g->din[0] = g->din[0] ? snug_add(g->graph, g->din[0], d) : d;
    }
    return SNUG_OK;
}

static snug_status split_grad(snug_grad *g)
{
    const snug_split_attrs *a = g->attrs;
    int axis =
        snug_shape_axis(&(snug_shape){.n_dims = snug_value_type(g->in[0]).shape.n_dims}, a->axis);
    for (int o = 0; o < g->n_out; o++)
        if (!g->dout[o]) return split_grad_some(g, axis);
    snug_axis_attrs join = {axis};
    return snug_apply_all(g->graph, &snug_op_concat, NULL, &join, g->n_out, g->dout, &g->din[0]);
}

int snug_split_moves(const snug_call *c, snug_move *m)
{
    const snug_split_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    int axis = snug_shape_axis(x, a->axis);
    int64_t to[SNUG_MAX_DIMS], from[SNUG_MAX_DIMS], at = 0;
    snug_steps(x, from);
    for (int o = 0; o < c->n_out; o++) {
        const snug_shape *y = &c->out[o].type.shape;
        m[o] = (snug_move){.out = o, .box = part_box(y)};
        snug_steps(y, to);
        for (int d = 0; d < x->n_dims; d++) m[o].box.from[d] = from[d], m[o].box.to[d] = to[d];
        m[o].box.from_first = at * from[axis];
        at += y->dim[axis];
    }
    return c->n_out;
}

static void split_ref(const snug_call *c)
{
    snug_moves_ref(c, snug_split_moves);
}

static const snug_split_attrs halves = {.axis = -1, .n = 2}, qkv = {.axis = 2, .n = 3},
                              given = {.axis = 1, .n = 4, .size = {2, 1, 4, 3}},
                              rows = {.axis = 0, .n = 2, .size = {3, 2}}, one = {.axis = 0, .n = 1};

static const snug_case split_cases[] = {
    {.name = "halves", .attrs = &halves, .n_in = 1, .in = INPUTS(BATCH(7, 6))},
    {.name = "thirds", .attrs = &qkv, .n_in = 1, .in = INPUTS(BATCH(3, 2, 15))},
    {.name = "given", .attrs = &given, .n_in = 1, .in = INPUTS(BATCH(3, 10, 2))},
    {.name = "rows", .attrs = &rows, .n_in = 1, .in = INPUTS(FIXED(5, 4))},
    {.name = "one", .attrs = &one, .n_in = 1, .in = INPUTS(FIXED(5))},
    {.name = "gpt heads",
     .attrs = &qkv,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(8, 128, 384))},
    {0}};

const snug_op snug_op_split = {
    .name = "split",
    .doc =
        "split(x; axis, n, size0, ..) -> y0, .., y<n-1>\n"
        "n parts of x along the axis, which is not the batch axis: of the given sizes, or equal\n"
        "ones when all are 0.\n"
        "Gradient: concat of the dy; zeros for a part that has none.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = SNUG_MAX_OUT,
    .attrs = split_attrs,
    .attrs_bytes = sizeof(snug_split_attrs),
    .shape = split_shape,
    .axes = split_axes,
    .grad = split_grad,
    .cost = move_cost,
    .ref = split_ref,
    .cases = split_cases,
    .outputs = split_outputs};
