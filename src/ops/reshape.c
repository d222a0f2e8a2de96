/* SPDX-License-Identifier: Apache-2.0 */
/* reshape: the same bytes under other axes. The batch axis, when there is one, stays in front. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

#include <string.h>

#define DIM_ROW(i)                                                                                 \
    {                                                                                              \
        .name = "dim" #i, .kind = SNUG_ATTR_INT, .offset = offsetof(snug_reshape_attrs, dim[i]),   \
        .min = 0, .max = 0x1p40, .initial = 0, .help = "length of axis " #i " of the sample"       \
    }

static const snug_attr attrs[] = {
    ATTR_INT(snug_reshape_attrs, n_dims, 0, SNUG_MAX_DIMS, 0, "how many axes the sample has"),
    DIM_ROW(0),
    DIM_ROW(1),
    DIM_ROW(2),
    DIM_ROW(3),
    DIM_ROW(4),
    DIM_ROW(5),
    {0}};

static snug_status reshape_shape(snug_infer *f)
{
    const snug_reshape_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    int batch = snug_shape_has_batch(x) ? 1 : 0;
    char from[SNUG_SHAPE_TEXT], to[SNUG_SHAPE_TEXT];
    CHECK(a->n_dims >= 0 && a->n_dims + batch <= SNUG_MAX_DIMS, SNUG_ESHAPE,
          "reshape '%s': %" PRId64 " axes are too many for %s: at most %d", f->name, a->n_dims,
          snug_shape_text(x, from, sizeof from), SNUG_MAX_DIMS - batch);
    int64_t n = 1, n_x = 1;
    for (int i = 0; i < a->n_dims; i++) TRY(snug_infer_mul(f, n, a->dim[i], &n));
    for (int i = batch; i < x->n_dims; i++) TRY(snug_infer_mul(f, n_x, x->dim[i], &n_x));
    snug_shape y = snug_shape_make((int)a->n_dims, a->dim);
    CHECK(n == n_x, SNUG_ESHAPE,
          "reshape '%s': %s%s cannot become %s: %" PRId64 " elements are not %" PRId64, f->name,
          batch ? "a sample of " : "", snug_shape_text(x, from, sizeof from),
          snug_shape_text(&y, to, sizeof to), n_x, n);
    for (int i = 0; i < x->n_dims; i++)
        CHECK(x->kind[i] == SNUG_AXIS_FIXED || i < batch, SNUG_ESHAPE,
              "reshape '%s': axis %d of %s is bounded and cannot be reshaped", f->name, i,
              snug_shape_text(x, from, sizeof from));
    if (batch) {
        memmove(y.dim + 1, y.dim, (size_t)a->n_dims * sizeof y.dim[0]);
        y.dim[0] = x->dim[0], y.kind[0] = x->kind[0];
        y.n_dims++;
    }
    f->out[0] = (snug_type){.shape = y, .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static int reshape_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_shape_has_batch(&s->in[0].shape) ? snug_use_batch(s, u, 0, 0, 0) : 0;
}

static snug_status reshape_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    int batch = snug_shape_has_batch(&x) ? 1 : 0;
    snug_reshape_attrs back = {.n_dims = x.n_dims - batch};
    for (int i = 0; i < back.n_dims; i++) back.dim[i] = x.dim[i + batch];
    return snug_apply_all(g->graph, &snug_op_reshape, NULL, &back, 1, &g->dout[0], &g->din[0]);
}

/* A view: nothing moves when the plan gave both the same bytes. */
static snug_cost reshape_cost(const snug_sig *s)
{
    (void)s;
    return (snug_cost){0};
}

static void reshape_ref(const snug_call *c)
{
    if (c->out[0].data != c->in[0].data)
        memcpy(c->out[0].data, c->in[0].data, snug_type_bytes(&c->in[0].type));
}

static const snug_reshape_attrs flat = {.n_dims = 1, .dim = {30}},
                                image = {.n_dims = 3, .dim = {3, 2, 5}},
                                vector = {.n_dims = 1, .dim = {1}}, scalar = {.n_dims = 0};

static const snug_case cases[] = {
    {.name = "flatten", .attrs = &flat, .n_in = 1, .in = INPUTS(BATCH(7, 3, 2, 5))},
    {.name = "image", .attrs = &image, .n_in = 1, .in = INPUTS(BATCH(1, 30))},
    {.name = "fixed", .attrs = &flat, .n_in = 1, .in = INPUTS(FIXED(6, 5))},
    {.name = "add axis", .attrs = &vector, .n_in = 1, .in = INPUTS(BATCH(7))},
    {.name = "drop axis", .attrs = &scalar, .n_in = 1, .in = INPUTS(BATCH(7, 1))},
    {0}};

const snug_op snug_op_reshape = {
    .name = "reshape",
    .doc = "reshape(x [N, ..]; n_dims, dim0, ..) -> y [N, dim0, ..]\n"
           "The same elements in the same order. The batch axis stays in front; without one, the\n"
           "lengths are of the whole tensor.\n"
           "Gradient: reshape of dy to x's shape.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_VIEW,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_reshape_attrs),
    .inplace = {1},
    .shape = reshape_shape,
    .axes = reshape_axes,
    .grad = reshape_grad,
    .cost = reshape_cost,
    .ref = reshape_ref,
    .cases = cases};
