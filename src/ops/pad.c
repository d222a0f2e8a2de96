/* SPDX-License-Identifier: Apache-2.0 */
/* pad: elements before and after each axis, all of one value or taken from x: its edge, its mirror
 * image (the edge itself not repeated) or its other end. The gradient sums, for each element of x,
 * what its copies received. */
#include "ops/cases.h"
#include "ops/moves.h"
#include <snug/graph.h>

static const char *const modes[] = {"constant", "edge", "reflect", "wrap", NULL};

#define PAD_ATTRS                                                                                  \
    {.name = "mode",                                                                               \
     .kind = SNUG_ATTR_ENUM,                                                                       \
     .offset = offsetof(snug_pad_attrs, mode),                                                     \
     .max = PAD_WRAP,                                                                              \
     .names = modes,                                                                               \
     .help = "what the new elements are"},                                                         \
        ATTR_AXES(snug_pad_attrs, before, 0, 0x1p40, 0, "elements before axis"),                   \
        ATTR_AXES(snug_pad_attrs, after, 0, 0x1p40, 0, "elements after axis")

static const snug_attr pad_attrs[] = {
    PAD_ATTRS,
    ATTR_FLOAT(snug_pad_attrs, value, -1e300, 1e300, 0, "of new elements, when constant"),
    {0}};
static const snug_attr grad_attrs[] = {PAD_ATTRS, {0}};

/* ---- which element of x is copied ---------------------------------------------------------------
 */

/* Element i of the padded axis d comes from this one of its dim elements; -1: from none. */
static int64_t source(const snug_pad_attrs *a, int d, int64_t i, int64_t dim)
{
    int64_t at = i - a->before[d];
    if (at >= 0 && at < dim) return at;
    switch (a->mode) {
    case PAD_EDGE:
        return at < 0 ? 0 : dim - 1;
    case PAD_REFLECT:
        return at < 0 ? -at : 2 * (dim - 1) - at;
    case PAD_WRAP:
        return at < 0 ? at + dim : at - dim;
    default:
        return -1;
    }
}

static snug_status check_axis(const snug_infer *f, int d, int64_t dim)
{
    const snug_pad_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    int64_t most = a->before[d] > a->after[d] ? a->before[d] : a->after[d];
    int64_t limit = a->mode == PAD_REFLECT ? dim - 1 : a->mode == PAD_WRAP ? dim : MAX_EXTENT;
    snug_shape_text(x, text, sizeof text);
    CHECK(most == 0 || (d < x->n_dims && x->kind[d] == SNUG_AXIS_FIXED), SNUG_ESHAPE,
          "pad '%s': axis %d of %s is missing or counts samples and cannot be padded", f->name, d,
          text);
    CHECK(most == 0 || (dim > 0 && most <= limit), SNUG_ESHAPE,
          "pad '%s': %" PRId64 " elements beside axis %d of %s: %s padding gives at most %" PRId64,
          f->name, most, d, text, modes[a->mode], limit);
    return SNUG_OK;
}

/* ---- pad --------------------------------------------------------------------------------------
 */

static snug_status pad_shape(snug_infer *f)
{
    const snug_pad_attrs *a = f->attrs;
    f->out[0] = f->in[0];
    int64_t n = 1;
    for (int d = 0; d < SNUG_MAX_DIMS; d++) {
        int64_t dim = d < f->in[0].shape.n_dims ? f->in[0].shape.dim[d] : 0;
        TRY(check_axis(f, d, dim));
        if (d >= f->in[0].shape.n_dims) continue;
        f->out[0].shape.dim[d] = a->before[d] + dim + a->after[d];
        TRY(snug_infer_mul(f, n, f->out[0].shape.dim[d], &n));
    }
    return SNUG_OK;
}

static int pad_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_pad_attrs *a = s->attrs;
    int n = 0;
    if (a->before[0] + a->after[0] == 0) n = snug_use_batch(s, u, n, 0, 0);
    for (int d = 1; d < s->in[0].shape.n_dims; d++)
        if (a->before[d] + a->after[d] == 0) n = snug_use_axis(u, n, 0, d, 0, d);
    return n;
}

static snug_status pad_grad(snug_grad *g)
{
    const snug_pad_attrs *a = g->attrs;
    if (!g->dout[0]) return SNUG_OK;
    if (a->mode != PAD_CONSTANT)
        return snug_apply_all(g->graph, &snug_op_pad_grad, NULL, a, 1, &g->dout[0], &g->din[0]);
    snug_slice_attrs inner = {.start = {0}};
    snug_shape x = snug_value_type(g->in[0]).shape;
    for (int d = 0; d < x.n_dims; d++) {
        if (a->before[d] + a->after[d] == 0) continue;
        inner.start[d] = a->before[d], inner.stop[d] = a->before[d] + x.dim[d], inner.step[d] = 1;
    }
    return snug_apply_all(g->graph, &snug_op_slice, NULL, &inner, 1, &g->dout[0], &g->din[0]);
}

static snug_cost pad_cost(const snug_sig *s)
{
    return snug_cost_of(s, 0);
}

int snug_pad_moves(const snug_call *c, snug_move *m)
{
    const snug_pad_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    int64_t from[SNUG_MAX_DIMS], to[SNUG_MAX_DIMS];
    snug_steps(x, from);
    snug_steps(&c->out[0].type.shape, to);
    *m = (snug_move){.box.n_dims = x->n_dims};
    for (int d = 0; d < x->n_dims; d++) {
        m->box.dim[d] = x->dim[d], m->box.from[d] = from[d], m->box.to[d] = to[d];
        m->box.to_first += to[d] * a->before[d];
    }
    return 1;
}

static void pad_ref(const snug_call *c)
{
    const snug_pad_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape, *y = &c->out[0].type.shape;
    int64_t step[SNUG_MAX_DIMS];
    snug_steps(x, step);
    for (int64_t i = 0; i < snug_shape_elements(y); i++) {
        int64_t from = 0, rest = i;
        bool inside = true;
        for (int d = y->n_dims - 1; d >= 0; d--) {
            int64_t at = source(a, d, rest % y->dim[d], x->dim[d]);
            rest /= y->dim[d];
            inside = inside && at >= 0;
            from += at * step[d];
        }
        snug_store(&c->out[0], i, inside ? snug_load(&c->in[0], from) : a->value);
    }
}

static const snug_pad_attrs around = {.before = {0, 1, 2}, .after = {0, 2, 1}, .value = 0.5},
                            edge = {.mode = PAD_EDGE, .before = {0, 2, 1}, .after = {0, 1, 3}},
                            mirror = {.mode = PAD_REFLECT, .before = {0, 2, 1}, .after = {0, 1, 3}},
                            turned = {.mode = PAD_WRAP, .before = {0, 2}, .after = {0, 3}},
                            vector = {.before = {3}}, none = {0},
                            image = {.before = {0, 1, 1}, .after = {0, 1, 1}};

static const snug_case pad_cases[] = {
    {.name = "around", .attrs = &around, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 2))},
    {.name = "edge", .attrs = &edge, .n_in = 1, .in = INPUTS(BATCH(3, 3, 4))},
    {.name = "reflect", .attrs = &mirror, .n_in = 1, .in = INPUTS(BATCH(3, 3, 4))},
    {.name = "wrap", .attrs = &turned, .n_in = 1, .in = INPUTS(BATCH(3, 3, 4))},
    {.name = "vector", .attrs = &vector, .n_in = 1, .in = INPUTS(FIXED(5))},
    {.name = "nothing", .attrs = &none, .n_in = 1, .in = INPUTS(BATCH(5, 3))},
    {.name = "image",
     .attrs = &image,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 32, 32, 16))},
    {0}};

const snug_op snug_op_pad = {
    .name = "pad",
    .doc = "pad(x; mode, before0, after0, .., value) -> y\n"
           "before<i> elements before and after<i> behind axis i, which is not the batch axis.\n"
           "Mode constant: all are `value`; edge: copies of the nearest element; reflect: the\n"
           "mirror image of x, its edge not repeated; wrap: x again.\n"
           "Gradient: slice of dy, or pad_grad(dy) where elements were copied.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = pad_attrs,
    .attrs_bytes = sizeof(snug_pad_attrs),
    .shape = pad_shape,
    .axes = pad_axes,
    .grad = pad_grad,
    .cost = pad_cost,
    .ref = pad_ref,
    .cases = pad_cases};

/* ---- pad_grad ---------------------------------------------------------------------------------
 */

static snug_status pad_grad_shape(snug_infer *f)
{
    const snug_pad_attrs *a = f->attrs;
    const snug_shape *dy = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    f->out[0] = f->in[0];
    for (int d = 0; d < SNUG_MAX_DIMS; d++) {
        int64_t dim = d < dy->n_dims ? dy->dim[d] - a->before[d] - a->after[d] : 0;
        CHECK(dim >= 0, SNUG_ESHAPE, "pad_grad '%s': axis %d of %s is no longer than its padding",
              f->name, d, snug_shape_text(dy, text, sizeof text));
        TRY(check_axis(f, d, dim));
        if (d < dy->n_dims) f->out[0].shape.dim[d] = dim;
    }
    return SNUG_OK;
}

/* What the copies of one element of dx received. */
typedef struct copies {
    const snug_call *c;
    int64_t at[SNUG_MAX_DIMS], step[SNUG_MAX_DIMS];
} copies;

static double sum_copies(const copies *k, int d, int64_t from)
{
    const snug_shape *dy = &k->c->in[0].type.shape, *dx = &k->c->out[0].type.shape;
    if (d == dy->n_dims) return snug_load(&k->c->in[0], from);
    double sum = 0;
    for (int64_t i = 0; i < dy->dim[d]; i++)
        if (source(k->c->attrs, d, i, dx->dim[d]) == k->at[d])
            sum += sum_copies(k, d + 1, from + i * k->step[d]);
    return sum;
}

static void pad_grad_ref(const snug_call *c)
{
    const snug_shape *dx = &c->out[0].type.shape;
    copies k = {.c = c};
    snug_steps(&c->in[0].type.shape, k.step);
    for (int64_t i = 0; i < snug_shape_elements(dx); i++) {
        int64_t rest = i;
        for (int d = dx->n_dims - 1; d >= 0; d--) k.at[d] = rest % dx->dim[d], rest /= dx->dim[d];
        snug_store(&c->out[0], i, sum_copies(&k, 0, 0));
    }
}

static const snug_case pad_grad_cases[] = {
    {.name = "constant", .attrs = &around, .n_in = 1, .in = INPUTS(BATCH(3, 7, 8, 2))},
    {.name = "edge", .attrs = &edge, .n_in = 1, .in = INPUTS(BATCH(3, 6, 8))},
    {.name = "reflect", .attrs = &mirror, .n_in = 1, .in = INPUTS(BATCH(3, 6, 8))},
    {.name = "wrap", .attrs = &turned, .n_in = 1, .in = INPUTS(BATCH(3, 8, 4))},
    {0}};

const snug_op snug_op_pad_grad = {
    .name = "pad_grad",
    .doc = "pad_grad(dy; mode, before0, after0, ..) -> dx\n"
           "dx[i] = the sum of dy over all places that pad copied x[i] to.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_pad_attrs),
    .shape = pad_grad_shape,
    .axes = pad_axes,
    .cost = pad_cost,
    .ref = pad_grad_ref,
    .cases = pad_grad_cases};
