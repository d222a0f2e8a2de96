/* SPDX-License-Identifier: Apache-2.0 */
/* slice: every step-th element of each axis, from start up to stop, as NumPy's x[start:stop:step];
 * slice_grad puts them back between zeros. */
#include "ops/cases.h"
#include "ops/moves.h"
#include <snug/graph.h>

#include <string.h>

#define SLICE_ATTRS                                                                                \
    ATTR_AXES(snug_slice_attrs, start, -0x1p40, 0x1p40, 0, "first element of axis"),               \
        ATTR_AXES(snug_slice_attrs, stop, -0x1p40, 0x1p40, 0, "end, not taken, of axis"),          \
        ATTR_AXES(snug_slice_attrs, step, -0x1p40, 0x1p40, 0, "step, 0: all, of axis")

static const snug_attr slice_attrs[] = {SLICE_ATTRS, {0}};
static const snug_attr grad_attrs[] = {
    SLICE_ATTRS,
    ATTR_AXES(snug_slice_attrs, dim, 0, 0x1p40, 0, "length, where sliced, of axis"),
    {0}};

/* What is taken of an axis of length dim: n elements from `first`, `step` apart. */
typedef struct taken {
    int64_t first, step, n;
} taken;

static int64_t cut(int64_t at, int64_t least, int64_t most)
{
    return at < least ? least : at > most ? most : at;
}

static taken take(const snug_slice_attrs *a, int d, int64_t dim)
{
    int64_t step = a->step[d], start = a->start[d], stop = a->stop[d];
    if (step == 0) return (taken){0, 1, dim};
    if (start < 0) start += dim;
    if (stop < 0) stop += dim;
    if (step > 0) {
        start = cut(start, 0, dim), stop = cut(stop, 0, dim);
        return (taken){start, step, stop > start ? (stop - start - 1) / step + 1 : 0};
    }
    start = cut(start, -1, dim - 1), stop = cut(stop, -1, dim - 1);
    return (taken){start, step, start > stop ? (start - stop - 1) / -step + 1 : 0};
}

static snug_status check_axis(const snug_infer *f, int d)
{
    const snug_slice_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    snug_shape_text(x, text, sizeof text);
    CHECK(d < x->n_dims || a->step[d] == 0, SNUG_ESHAPE,
          "slice '%s': there is no axis %d in %s to slice", f->name, d, text);
    CHECK(a->step[d] == 0 || x->kind[d] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "slice '%s': axis %d of %s counts samples and can only be taken whole (step 0)", f->name,
          d, text);
    return SNUG_OK;
}

static snug_status slice_shape(snug_infer *f)
{
    const snug_slice_attrs *a = f->attrs;
    char text[SNUG_SHAPE_TEXT];
    f->out[0] = f->in[0];
    for (int d = 0; d < SNUG_MAX_DIMS; d++) {
        TRY(check_axis(f, d));
        if (a->step[d] == 0) continue;
        int64_t n = take(a, d, f->in[0].shape.dim[d]).n;
        CHECK(n > 0, SNUG_ESHAPE,
              "slice '%s': nothing of axis %d of %s is from %" PRId64 " to %" PRId64
              " in steps of %" PRId64,
              f->name, d, snug_shape_text(&f->in[0].shape, text, sizeof text), a->start[d],
              a->stop[d], a->step[d]);
        f->out[0].shape.dim[d] = n;
    }
    return SNUG_OK;
}

static snug_status slice_grad_shape(snug_infer *f)
{
    const snug_slice_attrs *a = f->attrs;
    char text[SNUG_SHAPE_TEXT];
    f->out[0] = f->in[0];
    for (int d = 0; d < SNUG_MAX_DIMS; d++) {
        TRY(check_axis(f, d));
        if (a->step[d] == 0) continue;
        CHECK(take(a, d, a->dim[d]).n == f->in[0].shape.dim[d], SNUG_ESHAPE,
              "slice_grad '%s': axis %d of dy, %s, is not a slice of %" PRId64 " elements", f->name,
              d, snug_shape_text(&f->in[0].shape, text, sizeof text), a->dim[d]);
        f->out[0].shape.dim[d] = a->dim[d];
    }
    int64_t n = 1;
    for (int d = 0; d < f->in[0].shape.n_dims; d++)
        TRY(snug_infer_mul(f, n, f->out[0].shape.dim[d], &n));
    return SNUG_OK;
}

static int slice_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_slice_attrs *a = s->attrs;
    int n = 0;
    if (a->step[0] == 0) n = snug_use_batch(s, u, n, 0, 0);
    for (int d = 1; d < s->in[0].shape.n_dims; d++)
        if (a->step[d] == 0) n = snug_use_axis(u, n, 0, d, 0, d);
    return n;
}

static snug_status slice_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_slice_attrs back = *(const snug_slice_attrs *)g->attrs;
    snug_shape x = snug_value_type(g->in[0]).shape;
    for (int d = 0; d < x.n_dims; d++) back.dim[d] = back.step[d] ? x.dim[d] : 0;
    return snug_apply_all(g->graph, &snug_op_slice_grad, NULL, &back, 1, &g->dout[0], &g->din[0]);
}

static snug_status slice_grad_grad(snug_grad *g)
{
    return g->dout[0] ? snug_apply_all(g->graph, &snug_op_slice, NULL, g->attrs, 1, &g->dout[0],
                                       &g->din[0])
                      : SNUG_OK;
}

static snug_cost slice_cost(const snug_sig *s)
{
    double bytes = (double)snug_type_bytes(&s->out[0]);
    return (snug_cost){.bytes_read = bytes, .bytes_written = bytes};
}

static snug_cost slice_grad_cost(const snug_sig *s)
{
    return snug_cost_of(s, 0);
}

int snug_slice_moves(const snug_call *c, snug_move *m)
{
    const snug_shape *x = &c->in[0].type.shape;
    int64_t from[SNUG_MAX_DIMS], to[SNUG_MAX_DIMS];
    snug_steps(x, from);
    snug_steps(&c->out[0].type.shape, to);
    *m = (snug_move){.box.n_dims = x->n_dims};
    for (int d = 0; d < x->n_dims; d++) {
        taken t = take(c->attrs, d, x->dim[d]);
        m->box.dim[d] = t.n;
        m->box.from[d] = from[d] * t.step;
        m->box.to[d] = to[d];
        m->box.from_first += from[d] * t.first;
    }
    return 1;
}

int snug_slice_grad_moves(const snug_call *c, snug_move *m)
{
    const snug_shape *dx = &c->out[0].type.shape;
    int64_t from[SNUG_MAX_DIMS], to[SNUG_MAX_DIMS];
    snug_steps(&c->in[0].type.shape, from);
    snug_steps(dx, to);
    *m = (snug_move){.box.n_dims = dx->n_dims};
    for (int d = 0; d < dx->n_dims; d++) {
        taken t = take(c->attrs, d, dx->dim[d]);
        m->box.dim[d] = t.n;
        m->box.from[d] = from[d];
        m->box.to[d] = to[d] * t.step;
        m->box.to_first += to[d] * t.first;
    }
    return 1;
}

static void slice_ref(const snug_call *c)
{
    snug_moves_ref(c, snug_slice_moves);
}

static void slice_grad_ref(const snug_call *c)
{
    memset(c->out[0].data, 0, snug_type_bytes(&c->out[0].type));
    snug_moves_ref(c, snug_slice_grad_moves);
}

#define FAR (INT64_C(1) << 40)

static const snug_slice_attrs middle = {.start = {0, 2}, .stop = {0, 5}, .step = {0, 1}},
                              strided = {.start = {0, 1, -3},
                                         .stop = {0, FAR, FAR},
                                         .step = {0, 2, 1}},
                              reversed = {.start = {-1}, .stop = {-FAR}, .step = {-2}},
                              all = {.start = {0}},
                              last = {.start = {0, -1}, .stop = {0, FAR}, .step = {0, 1}},
                              key = {.start = {0, 0, 128}, .stop = {0, 0, 256}, .step = {0, 0, 1}};

static const snug_case slice_cases[] = {
    {.name = "middle", .attrs = &middle, .n_in = 1, .in = INPUTS(BATCH(7, 6))},
    {.name = "strided", .attrs = &strided, .n_in = 1, .in = INPUTS(BATCH(3, 6, 5, 2))},
    {.name = "reversed", .attrs = &reversed, .n_in = 1, .in = INPUTS(FIXED(9, 4))},
    {.name = "whole", .attrs = &all, .n_in = 1, .in = INPUTS(BATCH(3, 4))},
    {.name = "last", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH(5, 4, 3))},
    {.name = "gpt key", .attrs = &key, .bench = true, .n_in = 1, .in = INPUTS(BATCH(8, 128, 384))},
    {0}};

static const snug_slice_attrs
    g_middle = {.start = {0, 2}, .stop = {0, 5}, .step = {0, 1}, .dim = {0, 6}},
    g_strided = {.start = {0, 1, -3}, .stop = {0, FAR, FAR}, .step = {0, 2, 1}, .dim = {0, 6, 5}},
    g_reversed = {.start = {-1}, .stop = {-FAR}, .step = {-2}, .dim = {9}},
    g_key = {.start = {0, 0, 128}, .stop = {0, 0, 256}, .step = {0, 0, 1}, .dim = {0, 0, 384}};

static const snug_case slice_grad_cases[] = {
    {.name = "middle", .attrs = &g_middle, .n_in = 1, .in = INPUTS(BATCH(7, 3))},
    {.name = "strided", .attrs = &g_strided, .n_in = 1, .in = INPUTS(BATCH(3, 3, 3, 2))},
    {.name = "reversed", .attrs = &g_reversed, .n_in = 1, .in = INPUTS(FIXED(5, 4))},
    {.name = "gpt key",
     .attrs = &g_key,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(8, 128, 128))},
    {0}};

const snug_op snug_op_slice = {
    .name = "slice",
    .doc = "slice(x; start0, stop0, step0, ..) -> y\n"
           "y = x[start0:stop0:step0, ..] as in NumPy: negative starts and stops count from the\n"
           "end, and what lies outside the axis is cut. Step 0, the default, takes an axis whole;\n"
           "the batch axis is always taken so. A slice that is empty is refused.\n"
           "Gradient: slice_grad(dy).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = slice_attrs,
    .attrs_bytes = sizeof(snug_slice_attrs),
    .shape = slice_shape,
    .axes = slice_axes,
    .grad = slice_grad,
    .cost = slice_cost,
    .ref = slice_ref,
    .cases = slice_cases};

const snug_op snug_op_slice_grad = {
    .name = "slice_grad",
    .doc = "slice_grad(dy; start0, stop0, step0, dim0, ..) -> dx\n"
           "dx[start0:stop0:step0, ..] = dy, zeros elsewhere; axis i of dx has dim<i> elements,\n"
           "or as many as dy where step<i> is 0.\n"
           "Gradient: slice with the same attributes.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_slice_attrs),
    .shape = slice_grad_shape,
    .axes = slice_axes,
    .grad = slice_grad_grad,
    .cost = slice_grad_cost,
    .ref = slice_grad_ref,
    .cases = slice_grad_cases};
