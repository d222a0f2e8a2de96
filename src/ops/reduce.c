/* SPDX-License-Identifier: Apache-2.0 */
/* reduce_sum and reduce_mean over any set of axes, samples by leaves, and the gradient of both,
 * which spreads dy over the reduced axes. */
#include "ops/reduce.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include "ops/moves.h"
#include <snug/graph.h>

/* ---- what reductions share --------------------------------------------------------------------
 */

snug_shape snug_reduced_shape(const snug_reduce_attrs *a, const snug_shape *x)
{
    snug_shape y = {.n_dims = 0};
    for (int d = 0; d < x->n_dims; d++) {
        bool gone = snug_reduces(a, d);
        if (gone && !a->keep_dims) continue;
        y.dim[y.n_dims] = gone ? 1 : x->dim[d];
        y.kind[y.n_dims++] = gone ? SNUG_AXIS_FIXED : x->kind[d];
    }
    return y;
}

snug_status snug_infer_reduce(const snug_infer *f, int i, snug_shape *out)
{
    const snug_reduce_attrs *a = f->attrs;
    const snug_shape *x = &f->in[i].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, i, -1));
    CHECK(a->axes >> x->n_dims == 0, SNUG_ESHAPE,
          "'%s': axes %" PRId64 " (a bit mask) names an axis that input %d, %s, does not have",
          f->name, a->axes, i, snug_shape_text(x, text, sizeof text));
    int64_t n = 1;
    for (int d = 0; d < x->n_dims; d++) TRY(snug_infer_mul(f, n, x->dim[d], &n));
    *out = snug_reduced_shape(a, x);
    return SNUG_OK;
}

snug_status snug_infer_within(const snug_infer *f, int i, const char *what, snug_shape *out)
{
    const snug_shape *x = &f->in[i].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(!snug_shape_has_batch(x) || !snug_reduces(f->attrs, 0), SNUG_ESHAPE,
          "'%s': %s over axis 0 of %s, which counts samples, cannot be made of parts of a batch",
          f->name, what, snug_shape_text(x, text, sizeof text));
    return snug_infer_reduce(f, i, out);
}

int snug_reduce_uses(const snug_sig *s, const snug_shape *x, snug_axis_use *u, int n, int in,
                     int how)
{
    const snug_reduce_attrs *a = s->attrs;
    for (int d = 0, kept = 0; d < x->n_dims; d++) {
        if (snug_reduces(a, d)) {
            kept += a->keep_dims ? 1 : 0;
            continue;
        }
        n = snug_use_axis(u, n, 0, how == REDUCE_FORTH ? kept : d, in,
                          how == REDUCE_BACK_Y ? kept : d);
        if (x->kind[d] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
        kept++;
    }
    return n;
}

snug_group snug_group_of(const snug_reduce_attrs *a, const snug_shape *x)
{
    snug_group g = {.n = 1};
    int64_t step[SNUG_MAX_DIMS];
    snug_steps(x, step);
    for (int d = 0; d < x->n_dims; d++) {
        if (!snug_reduces(a, d)) continue;
        if (d == 0 && snug_shape_has_batch(x)) {
            g.batch_step = step[0];
            continue;
        }
        g.dim[g.n_dims] = x->dim[d], g.step[g.n_dims++] = step[d];
        g.n *= x->dim[d];
    }
    return g;
}

int64_t snug_group_first(const snug_reduce_attrs *a, const snug_shape *x, int64_t o)
{
    int64_t step[SNUG_MAX_DIMS], at = 0;
    snug_steps(x, step);
    for (int d = x->n_dims - 1; d >= 0; d--) {
        if (snug_reduces(a, d)) continue;
        at += o % x->dim[d] * step[d], o /= x->dim[d];
    }
    return at;
}

/* ---- reduce_sum, reduce_mean ------------------------------------------------------------------
 */

static const snug_attr attrs[] = {REDUCE_ATTRS, {0}};

static snug_status sum_shape(snug_infer *f)
{
    f->out[0].dtype = f->in[0].dtype;
    return snug_infer_reduce(f, 0, &f->out[0].shape);
}

static snug_status mean_shape(snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    for (int d = 0; d < x->n_dims; d++)
        CHECK(x->dim[d] > 0 || x->kind[d] != SNUG_AXIS_FIXED || !snug_reduces(f->attrs, d),
              SNUG_ESHAPE, "'%s': a mean over nothing: axis %d of %s is empty", f->name, d,
              snug_shape_text(x, text, sizeof text));
    return sum_shape(f);
}

static int sum_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_shape *x = &s->in[0].shape;
    int n = snug_reduce_uses(s, x, u, 0, 0, REDUCE_FORTH);
    for (int d = 0; d < x->n_dims; d++)
        if (snug_reduces(s->attrs, d)) n = snug_use_axis(u, n, 0, -1, 0, d);
    return n;
}

/* A mean's divisor is the length, but for samples: there it is the step's. */
static int mean_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_shape *x = &s->in[0].shape;
    int n = snug_reduce_uses(s, x, u, 0, 0, REDUCE_FORTH);
    bool batch = snug_shape_has_batch(x) && snug_reduces(s->attrs, 0);
    return batch ? snug_use_axis(u, n, 0, -1, 0, 0) : n;
}

static snug_status spread_grad(snug_grad *g, bool mean)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_shape x = snug_value_type(g->in[0]).shape;
    snug_reduce_attrs back = *(const snug_reduce_attrs *)g->attrs;
    back.mean = mean, back.n_dims = x.n_dims;
    for (int d = 0; d < x.n_dims; d++)
        back.dim[d] = snug_reduces(g->attrs, d) && x.kind[d] == SNUG_AXIS_FIXED ? x.dim[d] : 0;
    bool batch = snug_shape_has_batch(&x) && snug_reduces(g->attrs, 0);
    snug_value *in[] = {g->dout[0], g->in[0]};
    return snug_apply_all(g->graph, &snug_op_reduce_sum_grad, NULL, &back, batch ? 2 : 1, in,
                          &g->din[0]);
}

static snug_status sum_grad(snug_grad *g)
{
    return spread_grad(g, false);
}

static snug_status mean_grad(snug_grad *g)
{
    return spread_grad(g, true);
}

static snug_cost sum_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

typedef struct summed {
    const snug_tensor *x;
    snug_group group;
    int64_t first;
    double divisor;
} summed;

static double group_partial(const void *arg, int64_t begin, int64_t end)
{
    const summed *s = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++)
        for (int64_t k = 0; k < s->group.n; k++)
            sum +=
                snug_load(s->x, s->first + r * s->group.batch_step + snug_group_at(&s->group, k));
    return begin < end ? sum / s->divisor : 0;
}

static void sum_groups(const snug_call *c, bool mean)
{
    const snug_shape *x = &c->in[0].type.shape;
    summed s = {.x = &c->in[0], .group = snug_group_of(c->attrs, x), .divisor = 1};
    leaf_rows rows = {.n_rows = 1};
    if (s.group.batch_step > 0) rows = leaf_rows_of(c, x, 1);
    if (mean) s.divisor = (double)s.group.n * leaf_rows_step(&rows);
    for (int64_t o = 0; o < snug_shape_elements(&c->out[0].type.shape); o++) {
        s.first = snug_group_first(c->attrs, x, o);
        snug_store(&c->out[0], o, leaf_sum(&rows, c->out[0].type.dtype, group_partial, &s));
    }
}

static void sum_ref(const snug_call *c)
{
    sum_groups(c, false);
}

static void mean_ref(const snug_call *c)
{
    sum_groups(c, true);
}

#define AXES(...) .axes = __VA_ARGS__
static const snug_reduce_attrs all = {0}, last = {AXES(4)}, last_kept = {AXES(4), .keep_dims = 1},
                               middle = {AXES(6)}, apart = {AXES(10)}, samples = {AXES(1)},
                               samples_kept = {AXES(5), .keep_dims = 1}, second = {AXES(2)},
                               image = {AXES(6), .keep_dims = 1}, ends = {AXES(9)};

#define SUM_CASES                                                                                  \
    {.name = "all", .attrs = &all, .n_in = 1, .in = INPUTS(BATCH(7, 3, 5))},                       \
        {.name = "last", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH(7, 3, 13))},                \
        {.name = "last kept", .attrs = &last_kept, .n_in = 1, .in = INPUTS(BATCH(7, 3, 13))},      \
        {.name = "middle", .attrs = &middle, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 6))},          \
        {.name = "apart", .attrs = &apart, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 6))},            \
        {.name = "samples", .attrs = &samples, .n_in = 1, .in = INPUTS(BATCH(7, 3, 2))},           \
        {.name = "samples kept", .attrs = &samples_kept, .n_in = 1, .in = INPUTS(BATCH(7, 3, 2))}, \
        {.name = "fixed", .attrs = &second, .n_in = 1, .in = INPUTS(FIXED(4, 9, 2))},              \
        {.name = "all fixed", .attrs = &all, .n_in = 1, .in = INPUTS(FIXED(4, 9))},                \
        {.name = "ends", .attrs = &ends, .n_in = 1, .in = INPUTS(FIXED(4, 3, 2, 5))},              \
        {.name = "pixels",                                                                         \
         .attrs = &image,                                                                          \
         .bench = true,                                                                            \
         .n_in = 1,                                                                                \
         .in = INPUTS(BATCH(32, 16, 16, 64))},                                                     \
        {.name = "tokens",                                                                         \
         .attrs = &last,                                                                           \
         .bench = true,                                                                            \
         .n_in = 1,                                                                                \
         .in = INPUTS(BATCH(8, 128, 128))},                                                        \
    {                                                                                              \
        0                                                                                          \
    }

static const snug_case sum_cases[] = {SUM_CASES};

const snug_op snug_op_reduce_sum = {
    .name = "reduce_sum",
    .doc =
        "reduce_sum(x; axes, keep_dims) -> y\n"
        "The sum over the axes whose bits are set in `axes` (6 is axes 1 and 2; 0 all of them),\n"
        "over samples by leaves.\n"
        "Gradient: reduce_sum_grad(dy).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = sum_shape,
    .axes = sum_axes,
    .grad = sum_grad,
    .cost = sum_cost,
    .ref = sum_ref,
    .cases = sum_cases};

const snug_op snug_op_reduce_mean = {
    .name = "reduce_mean",
    .doc = "reduce_mean(x; axes, keep_dims) -> y\n"
           "The sum over the axes, as in reduce_sum, divided by how many elements it has; over\n"
           "samples by those of the whole step: this call's part of the mean.\n"
           "Gradient: reduce_sum_grad(dy) with mean.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = mean_shape,
    .axes = mean_axes,
    .grad = mean_grad,
    .cost = sum_cost,
    .ref = mean_ref,
    .cases = sum_cases};

/* ---- reduce_sum_grad --------------------------------------------------------------------------
 */

static const snug_attr grad_attrs[] = {
    REDUCE_ATTRS,
    ATTR_BOOL(snug_reduce_attrs, mean, "divide by the number of elements"),
    ATTR_INT(snug_reduce_attrs, n_dims, 0, SNUG_MAX_DIMS, 0, "axes of x"),
    ATTR_AXES(snug_reduce_attrs, dim, 0, 0x1p40, 0, "length, where reduced, of axis"),
    {0}};

/* x's shape from dy's and the lengths of the reduced axes. */
static snug_shape spread_shape(const snug_reduce_attrs *a, const snug_shape *dy)
{
    snug_shape x = {.n_dims = (int32_t)a->n_dims};
    for (int d = 0, kept = 0; d < x.n_dims; d++) {
        bool gone = snug_reduces(a, d);
        x.dim[d] = gone ? a->dim[d] : kept < dy->n_dims ? dy->dim[kept] : 0;
        x.kind[d] = gone || kept >= dy->n_dims ? SNUG_AXIS_FIXED : dy->kind[kept];
        kept += !gone || a->keep_dims;
    }
    return x;
}

static snug_status spread_infer(snug_infer *f)
{
    const snug_reduce_attrs *a = f->attrs;
    char dy[SNUG_SHAPE_TEXT], x[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    if (f->n_in > 1) TRY(snug_infer_float(f, 1, 0));
    snug_shape out = f->n_in > 1 ? f->in[1].shape : spread_shape(a, &f->in[0].shape);
    snug_shape want = snug_reduced_shape(a, &out);
    CHECK(out.n_dims == a->n_dims && snug_shape_equal(&want, &f->in[0].shape), SNUG_ESHAPE,
          "reduce_sum_grad '%s': %s is not what axes %" PRId64 " (a bit mask) of %s leave", f->name,
          snug_shape_text(&f->in[0].shape, dy, sizeof dy), a->axes,
          snug_shape_text(&out, x, sizeof x));
    int64_t n = 1;
    for (int d = 0; d < out.n_dims; d++) TRY(snug_infer_mul(f, n, out.dim[d], &n));
    f->out[0] = (snug_type){.shape = out, .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static int spread_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_shape *x = &s->out[0].shape;
    int n = snug_reduce_uses(s, x, u, 0, 0, REDUCE_BACK_Y);
    if (s->n_in == 1) return n;
    n = snug_reduce_uses(s, x, u, n, 1, REDUCE_BACK_X);
    return snug_reduces(s->attrs, 0) ? snug_use_batch(s, u, n, 0, 1) : n;
}

static void spread_ref(const snug_call *c)
{
    const snug_reduce_attrs *a = c->attrs;
    const snug_shape *x = &c->out[0].type.shape;
    snug_group g = snug_group_of(a, x);
    int64_t n_dy = snug_shape_elements(&c->in[0].type.shape), rows = 1;
    double divisor = (double)g.n;
    if (g.batch_step > 0) {
        leaf_rows samples_of = leaf_rows_of(c, x, 1);
        rows = samples_of.n_rows;
        divisor *= leaf_rows_step(&samples_of);
    }
    for (int64_t o = 0; o < n_dy; o++) {
        double dy = snug_load(&c->in[0], o) / (a->mean ? divisor : 1);
        int64_t first = snug_group_first(a, x, o);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < g.n; k++)
                snug_store(&c->out[0], first + r * g.batch_step + snug_group_at(&g, k), dy);
    }
}

static const snug_reduce_attrs
    g_all = {.axes = 0, .n_dims = 3, .dim = {0, 3, 5}},
    g_last = {.axes = 4, .n_dims = 3, .dim = {0, 0, 13}},
    g_kept = {.axes = 4, .keep_dims = 1, .mean = 1, .n_dims = 3, .dim = {0, 0, 13}},
    g_apart = {.axes = 10, .n_dims = 4, .dim = {0, 4, 0, 6}},
    g_samples = {.axes = 1, .mean = 1, .n_dims = 3},
    g_image = {.axes = 6, .keep_dims = 1, .mean = 1, .n_dims = 4, .dim = {0, 16, 16}};

static const snug_case spread_cases[] = {
    {.name = "all", .attrs = &g_all, .n_in = 2, .in = INPUTS(SCALAR_OF(NORMAL), BATCH(7, 3, 5))},
    {.name = "last", .attrs = &g_last, .n_in = 1, .in = INPUTS(BATCH(7, 3))},
    {.name = "mean kept", .attrs = &g_kept, .n_in = 1, .in = INPUTS(BATCH(7, 3, 1))},
    {.name = "apart", .attrs = &g_apart, .n_in = 1, .in = INPUTS(BATCH(3, 5))},
    {.name = "samples", .attrs = &g_samples, .n_in = 2, .in = INPUTS(FIXED(3, 2), BATCH(7, 3, 2))},
    {.name = "pixels",
     .attrs = &g_image,
     .bench = true,
     .n_in = 1,
     .in = INPUTS(BATCH(32, 1, 1, 64))},
    {0}};

const snug_op snug_op_reduce_sum_grad = {
    .name = "reduce_sum_grad",
    .doc =
        "reduce_sum_grad(dy, x?; axes, keep_dims, mean, n_dims, dim0, ..) -> dx\n"
        "Each element of dy at all places of its group, divided by their number with `mean`. Of\n"
        "x, which is given when samples were reduced, only the shape is looked at.",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = grad_attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = spread_infer,
    .axes = spread_axes,
    .cost = snug_cost_elementwise,
    .ref = spread_ref,
    .cases = spread_cases};
