/* SPDX-License-Identifier: Apache-2.0 */
/* reduce_max and reduce_min over any set of axes but the batch; the gradient goes to the first
 * element that is the largest (smallest). NaN counts as both. argmax and argmin along one axis. */
#include "ops/cases.h"
#include "ops/reduce.h"
#include <math.h>
#include <snug/graph.h>

/* ---- reduce_max, reduce_min -------------------------------------------------------------------
 */

static const snug_attr attrs[] = {REDUCE_ATTRS, {0}};

static snug_status check_some(const snug_infer *f, const char *what)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    for (int d = 0; d < x->n_dims; d++)
        CHECK(x->dim[d] > 0 || !snug_reduces(f->attrs, d), SNUG_ESHAPE,
              "'%s': there is no %s of nothing: axis %d of %s is empty", f->name, what, d,
              snug_shape_text(x, text, sizeof text));
    return SNUG_OK;
}

static snug_status max_shape(snug_infer *f)
{
    TRY(snug_infer_within(f, 0, "an extreme", &f->out[0].shape));
    f->out[0].dtype = f->in[0].dtype;
    return check_some(f, "extreme");
}

static int max_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_reduce_uses(s, &s->in[0].shape, u, 0, 0, REDUCE_FORTH);
}

static snug_status max_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->in[0], g->out[0]};
    return snug_apply_all(g->graph, &snug_op_reduce_max_grad, NULL, g->attrs, 3, in, &g->din[0]);
}

static snug_cost max_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

static bool better(double a, double than, int sign)
{
    return (sign > 0 ? a > than : a < than) || (a != a && than == than);
}

static void extreme(const snug_call *c, int sign)
{
    const snug_shape *x = &c->in[0].type.shape;
    snug_group g = snug_group_of(c->attrs, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->out[0].type.shape); o++) {
        int64_t first = snug_group_first(c->attrs, x, o);
        double best = snug_load(&c->in[0], first);
        for (int64_t k = 1; k < g.n; k++) {
            double v = snug_load(&c->in[0], first + snug_group_at(&g, k));
            if (better(v, best, sign)) best = v;
        }
        snug_store(&c->out[0], o, best);
    }
}

static void max_ref(const snug_call *c)
{
    extreme(c, 1);
}

static void min_ref(const snug_call *c)
{
    extreme(c, -1);
}

static const snug_reduce_attrs last = {.axes = 4}, kept = {.axes = 4, .keep_dims = 1},
                               middle = {.axes = 6}, apart = {.axes = 10}, all = {.axes = 0},
                               second = {.axes = 2};

static const snug_case max_cases[] = {
    {.name = "last", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 3, 13))},
    {.name = "last kept", .attrs = &kept, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 7, 3, 13))},
    {.name = "middle", .attrs = &middle, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 3, 4, 5, 6))},
    {.name = "apart", .attrs = &apart, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 3, 4, 5, 6))},
    {.name = "all", .attrs = &all, .n_in = 1, .in = INPUTS(FIXED_OF(DISTINCT, 9, 7))},
    {.name = "columns", .attrs = &second, .n_in = 1, .in = INPUTS(BATCH_OF(DISTINCT, 3, 9, 20))},
    {.name = "tokens",
     .attrs = &second,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH_OF(DISTINCT, 8, 128, 128))},
    {0}};

const snug_op snug_op_reduce_max = {
    .name = "reduce_max",
    .doc = "reduce_max(x; axes, keep_dims) -> y\n"
           "The largest element over the axes whose bits are set in `axes` (0: all), samples not\n"
           "among them; NaN where there is one.\n"
           "Gradient: reduce_max_grad(dy, x, y).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = max_shape,
    .axes = max_axes,
    .grad = max_grad,
    .cost = max_cost,
    .ref = max_ref,
    .cases = max_cases};

const snug_op snug_op_reduce_min = {.name = "reduce_min",
                                    .doc =
                                        "reduce_min(x; axes, keep_dims) -> y\n"
                                        "The smallest element, likewise.\n"
                                        "Gradient: reduce_max_grad(dy, x, y), which serves both.",
                                    .n_in_min = 1,
                                    .n_in_max = 1,
                                    .n_out = 1,
                                    .attrs = attrs,
                                    .attrs_bytes = sizeof(snug_reduce_attrs),
                                    .shape = max_shape,
                                    .axes = max_axes,
                                    .grad = max_grad,
                                    .cost = max_cost,
                                    .ref = min_ref,
                                    .cases = max_cases};

/* ---- reduce_max_grad --------------------------------------------------------------------------
 */

static snug_status max_grad_shape(snug_infer *f)
{
    snug_shape want;
    char x[SNUG_SHAPE_TEXT], y[SNUG_SHAPE_TEXT];
    TRY(snug_infer_within(f, 1, "an extreme", &want));
    for (int i = 0; i < 3; i += 2) {
        TRY(snug_infer_float(f, i, 1));
        CHECK(snug_shape_equal(&want, &f->in[i].shape), SNUG_ESHAPE,
              "reduce_max_grad '%s': input %d is %s, not a reduction of %s", f->name, i,
              snug_shape_text(&f->in[i].shape, y, sizeof y),
              snug_shape_text(&f->in[1].shape, x, sizeof x));
    }
    f->out[0] = f->in[1];
    return SNUG_OK;
}

static int max_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int i = 0; i < 3; i++)
        n = snug_reduce_uses(s, &s->in[1].shape, u, n, i, i == 1 ? REDUCE_BACK_X : REDUCE_BACK_Y);
    return n;
}

static void max_grad_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[1].type.shape;
    snug_group g = snug_group_of(c->attrs, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->in[0].type.shape); o++) {
        int64_t first = snug_group_first(c->attrs, x, o);
        double y = snug_load(&c->in[2], o), dy = snug_load(&c->in[0], o);
        bool found = false;
        for (int64_t k = 0; k < g.n; k++) {
            int64_t at = first + snug_group_at(&g, k);
            double v = snug_load(&c->in[1], at);
            bool here = !found && (v == y || (v != v && y != y));
            snug_store(&c->out[0], at, here ? dy : 0);
            found = found || here;
        }
    }
}

static const snug_case max_grad_cases[] = {
    {.name = "last",
     .attrs = &last,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 3),
                  {CASE_DIMS(7, 3, 4), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 3},
                  {CASE_DIMS(7, 3), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 3})},
    {.name = "kept",
     .attrs = &kept,
     .n_in = 3,
     .in = INPUTS(BATCH(2, 3, 1),
                  {CASE_DIMS(2, 3, 5), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 3},
                  {CASE_DIMS(2, 3, 1), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 3})},
    {0}};

const snug_op snug_op_reduce_max_grad = {
    .name = "reduce_max_grad",
    .doc = "reduce_max_grad(dy, x, y; axes, keep_dims) -> dx\n"
           "dy at the first element of each group that equals y, 0 at the others.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = max_grad_shape,
    .axes = max_grad_axes,
    .cost = max_cost,
    .ref = max_grad_ref,
    .cases = max_grad_cases};

/* ---- argmax, argmin ---------------------------------------------------------------------------
 */

static const snug_attr arg_attrs[] = {
    ATTR_INT(snug_arg_attrs, axis, -SNUG_MAX_DIMS, SNUG_MAX_DIMS - 1, -1,
             "along which; negative ones count from the end"),
    ATTR_BOOL(snug_arg_attrs, keep_dims, "the axis stays, with length 1"),
    ATTR_BOOL(snug_arg_attrs, last, "of equal elements the last, not the first"),
    ATTR_BOOL(snug_arg_attrs, wide, "i64 instead of i32"),
    {0}};

/* The same as a reduction of that axis. */
static snug_reduce_attrs arg_reduction(const snug_arg_attrs *a, const snug_shape *x)
{
    int axis = snug_shape_axis(x, a->axis); /* there is one: the shape rule checked */
    return (snug_reduce_attrs){.axes = INT64_C(1) << (axis < 0 ? 0 : axis),
                               .keep_dims = a->keep_dims};
}

static snug_status arg_shape(snug_infer *f)
{
    const snug_arg_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    int axis;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_axis(f, 0, a->axis, &axis));
    CHECK(x->dim[axis] > 0 && x->dim[axis] <= INT32_MAX, SNUG_ESHAPE,
          "'%s': axis %d of %s must have 1 to %d elements", f->name, axis,
          snug_shape_text(x, text, sizeof text), INT32_MAX);
    snug_reduce_attrs r = arg_reduction(a, x);
    f->out[0] =
        (snug_type){.shape = snug_reduced_shape(&r, x), .dtype = a->wide ? SNUG_I64 : SNUG_I32};
    return SNUG_OK;
}

static int arg_axes(const snug_sig *s, snug_axis_use *u)
{
    snug_reduce_attrs r = arg_reduction(s->attrs, &s->in[0].shape);
    snug_sig as = *s;
    as.attrs = &r;
    return snug_reduce_uses(&as, &s->in[0].shape, u, 0, 0, REDUCE_FORTH);
}

static void arg_extreme(const snug_call *c, int sign)
{
    const snug_arg_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    snug_reduce_attrs r = arg_reduction(a, x);
    snug_group g = snug_group_of(&r, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->out[0].type.shape); o++) {
        int64_t first = snug_group_first(&r, x, o), at = 0;
        double best = snug_load(&c->in[0], first);
        for (int64_t k = 1; k < g.n; k++) {
            double v = snug_load(&c->in[0], first + k * g.step[0]);
            bool tie = v == best || (v != v && best != best);
            if (better(v, best, sign) || (a->last && tie)) best = v, at = k;
        }
        snug_store(&c->out[0], o, (double)at);
    }
}

static void argmax_ref(const snug_call *c)
{
    arg_extreme(c, 1);
}

static void argmin_ref(const snug_call *c)
{
    arg_extreme(c, -1);
}

static const snug_arg_attrs rows = {.axis = -1}, columns = {.axis = 1, .keep_dims = 1},
                            ties = {.axis = 1, .last = 1, .wide = 1};

static const snug_case arg_cases[] = {
    {.name = "rows", .attrs = &rows, .n_in = 1, .in = INPUTS(BATCH(7, 3, 13))},
    {.name = "columns", .attrs = &columns, .n_in = 1, .in = INPUTS(BATCH(3, 9, 5))},
    {.name = "ties",
     .attrs = &ties,
     .n_in = 1,
     .in = INPUTS({CASE_DIMS(9, 20), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 4})},
    {.name = "fixed", .attrs = &rows, .n_in = 1, .in = INPUTS(FIXED(33))},
    {0}};

const snug_op snug_op_argmax = {
    .name = "argmax",
    .doc = "argmax(x; axis, keep_dims, last, wide) -> index (i32, or i64 when wide)\n"
           "Where along the axis, which is not the batch axis, the largest element is: the first\n"
           "of equal ones, or the last; a NaN where there is one. No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = arg_attrs,
    .attrs_bytes = sizeof(snug_arg_attrs),
    .shape = arg_shape,
    .axes = arg_axes,
    .cost = max_cost,
    .ref = argmax_ref,
    .cases = arg_cases};

const snug_op snug_op_argmin = {
    .name = "argmin",
    .doc = "argmin(x; axis, keep_dims, last, wide) -> index (i32, or i64 when wide)\n"
           "Where the smallest element is, likewise. No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = arg_attrs,
    .attrs_bytes = sizeof(snug_arg_attrs),
    .shape = arg_shape,
    .axes = arg_axes,
    .cost = max_cost,
    .ref = argmin_ref,
    .cases = arg_cases};
