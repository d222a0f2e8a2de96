/* SPDX-License-Identifier: Apache-2.0 */
/* tile: a tensor repeated along its axes; with axes of length 1, what others call expand or
 * broadcast_to. The gradient sums over the repetitions. */
#include "ops/cases.h"
#include "ops/moves.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {
    ATTR_AXES(snug_tile_attrs, times, 0, 0x1p40, 0, "copies, 0 as 1, along axis"), {0}};

static int64_t times_of(const snug_tile_attrs *a, int d)
{
    return a->times[d] > 0 ? a->times[d] : 1;
}

static snug_status check_axis(const snug_infer *f, int d)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(times_of(f->attrs, d) == 1 || (d < x->n_dims && x->kind[d] == SNUG_AXIS_FIXED),
          SNUG_ESHAPE, "tile '%s': axis %d of %s is missing or counts samples and stays as it is",
          f->name, d, snug_shape_text(x, text, sizeof text));
    return SNUG_OK;
}

static snug_status tile_shape(snug_infer *f)
{
    f->out[0] = f->in[0];
    int64_t n = 1;
    for (int d = 0; d < SNUG_MAX_DIMS; d++) {
        TRY(check_axis(f, d));
        if (d >= f->in[0].shape.n_dims) continue;
        TRY(snug_infer_mul(f, f->in[0].shape.dim[d], times_of(f->attrs, d),
                           &f->out[0].shape.dim[d]));
        TRY(snug_infer_mul(f, n, f->out[0].shape.dim[d], &n));
    }
    return SNUG_OK;
}

static snug_status tile_grad_shape(snug_infer *f)
{
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    f->out[0] = f->in[0];
    for (int d = 0; d < SNUG_MAX_DIMS; d++) {
        TRY(check_axis(f, d));
        if (d >= f->in[0].shape.n_dims) continue;
        int64_t dim = f->in[0].shape.dim[d], times = times_of(f->attrs, d);
        CHECK(dim % times == 0, SNUG_ESHAPE,
              "tile_grad '%s': axis %d of %s is not made of %" PRId64 " copies", f->name, d,
              snug_shape_text(&f->in[0].shape, text, sizeof text), times);
        f->out[0].shape.dim[d] = dim / times;
    }
    return SNUG_OK;
}

static int tile_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    if (times_of(s->attrs, 0) == 1) n = snug_use_batch(s, u, n, 0, 0);
    for (int d = 1; d < s->in[0].shape.n_dims; d++)
        if (times_of(s->attrs, d) == 1) n = snug_use_axis(u, n, 0, d, 0, d);
    return n;
}

static snug_status tile_grad(snug_grad *g)
{
    return g->dout[0] ? snug_apply_all(g->graph, &snug_op_tile_grad, NULL, g->attrs, 1, &g->dout[0],
                                       &g->din[0])
                      : SNUG_OK;
}

static snug_cost tile_cost(const snug_sig *s)
{
    return snug_cost_of(s, 0);
}

static snug_cost tile_grad_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

/* x and the tensor that repeats it, as a box of [times0, dim0, times1, dim1, ..]: steps in x are 0
 * along the copies. */
static snug_box tile_box(const snug_tile_attrs *a, const snug_shape *x, const snug_shape *tiled)
{
    int64_t in_x[SNUG_MAX_DIMS], in_y[SNUG_MAX_DIMS];
    snug_box b = {.n_dims = 2 * x->n_dims};
    snug_steps(x, in_x);
    snug_steps(tiled, in_y);
    for (int d = 0; d < x->n_dims; d++) {
        b.dim[2 * d] = times_of(a, d), b.dim[2 * d + 1] = x->dim[d];
        b.from[2 * d + 1] = in_x[d];
        b.to[2 * d] = in_y[d] * x->dim[d], b.to[2 * d + 1] = in_y[d];
    }
    return b;
}

int snug_tile_moves(const snug_call *c, snug_move *m)
{
    *m = (snug_move){.box = tile_box(c->attrs, &c->in[0].type.shape, &c->out[0].type.shape)};
    return 1;
}

static void tile_ref(const snug_call *c)
{
    snug_moves_ref(c, snug_tile_moves);
}

/* The sum over the copies of element i of dx. */
static double sum_copies(const snug_tensor *dy, const snug_box *b, int64_t i)
{
    int64_t first = 0, n_copies = 1;
    for (int d = b->n_dims - 1; d > 0; d -= 2) {
        first += i % b->dim[d] * b->to[d], i /= b->dim[d];
        n_copies *= b->dim[d - 1];
    }
    double sum = 0;
    for (int64_t k = 0; k < n_copies; k++) {
        int64_t at = first, rest = k;
        for (int d = b->n_dims - 2; d >= 0; d -= 2)
            at += rest % b->dim[d] * b->to[d], rest /= b->dim[d]; /* NOLINT: copies, so 1 or more */
        sum += snug_load(dy, at);
    }
    return sum;
}

static void tile_grad_ref(const snug_call *c)
{
    snug_box b = tile_box(c->attrs, &c->out[0].type.shape, &c->in[0].type.shape);
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++)
        snug_store(&c->out[0], i, sum_copies(&c->in[0], &b, i));
}

static const snug_tile_attrs twice = {{1, 2}}, many = {{0, 3, 0, 2}}, rows = {{3}}, none = {{0}},
                             wide = {{0, 0, 64}};

static const snug_case tile_cases[] = {
    {.name = "twice", .attrs = &twice, .n_in = 1, .in = INPUTS(BATCH(7, 3))},
    {.name = "two axes", .attrs = &many, .n_in = 1, .in = INPUTS(BATCH(3, 2, 4, 3))},
    {.name = "expand", .attrs = &many, .n_in = 1, .in = INPUTS(BATCH(3, 1, 4, 1))},
    {.name = "rows", .attrs = &rows, .n_in = 1, .in = INPUTS(FIXED(2, 5))},
    {.name = "nothing", .attrs = &none, .n_in = 1, .in = INPUTS(BATCH(2, 5))},
    {.name = "channels", .attrs = &wide, .bench = true, .n_in = 1, .in = INPUTS(BATCH(32, 256, 1))},
    {0}};

static const snug_case tile_grad_cases[] = {
    {.name = "twice", .attrs = &twice, .n_in = 1, .in = INPUTS(BATCH(7, 6))},
    {.name = "two axes", .attrs = &many, .n_in = 1, .in = INPUTS(BATCH(3, 6, 4, 6))},
    {.name = "expand", .attrs = &many, .n_in = 1, .in = INPUTS(BATCH(3, 3, 4, 2))},
    {.name = "rows", .attrs = &rows, .n_in = 1, .in = INPUTS(FIXED(6, 5))},
    {.name = "channels",
     .attrs = &wide,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 256, 64))},
    {0}};

const snug_op snug_op_tile = {
    .name = "tile",
    .doc = "tile(x; times0, times1, ..) -> y\n"
           "x repeated times<i> times along axis i, which is not the batch axis.\n"
           "Gradient: tile_grad(dy).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_tile_attrs),
    .shape = tile_shape,
    .axes = tile_axes,
    .grad = tile_grad,
    .cost = tile_cost,
    .ref = tile_ref,
    .cases = tile_cases};

const snug_op snug_op_tile_grad = {
    .name = "tile_grad",
    .doc = "tile_grad(dy; times0, times1, ..) -> dx\n"
           "dx[i] = the sum of dy over the copies that tile made of x[i].",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_tile_attrs),
    .shape = tile_grad_shape,
    .axes = tile_axes,
    .cost = tile_grad_cost,
    .ref = tile_grad_ref,
    .cases = tile_grad_cases};
