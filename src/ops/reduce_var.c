/* SPDX-License-Identifier: Apache-2.0 */
/* reduce_var: v = sum (x - mean)^2 / (n - correction) over a group of n elements, in two passes;
 * dx = dv 2 (x - mean) / (n - correction). reduce_prod: the product of a group; dx = dp times the
 * product of the others. Neither reduces samples. */
#include "ops/cases.h"
#include "ops/reduce.h"
#include <snug/graph.h>

static int kept_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_reduce_uses(s, &s->in[0].shape, u, 0, 0, REDUCE_FORTH);
}

static int back_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_reduce_uses(s, &s->in[1].shape, u, 0, 0, REDUCE_BACK_Y);
    return snug_reduce_uses(s, &s->in[1].shape, u, n, 1, REDUCE_BACK_X);
}

static snug_cost group_cost(const snug_sig *s)
{
    return snug_cost_of(s, 4 * (double)snug_shape_elements(&s->in[s->n_in - 1].shape));
}

/* dy is a reduction of x. */
static snug_status back_shape(snug_infer *f, const char *what)
{
    snug_shape want;
    char x[SNUG_SHAPE_TEXT], y[SNUG_SHAPE_TEXT];
    TRY(snug_infer_within(f, 1, what, &want));
    TRY(snug_infer_float(f, 0, 1));
    CHECK(snug_shape_equal(&want, &f->in[0].shape), SNUG_ESHAPE,
          "'%s': input 0 is %s, not a reduction of %s", f->name,
          snug_shape_text(&f->in[0].shape, y, sizeof y),
          snug_shape_text(&f->in[1].shape, x, sizeof x));
    f->out[0] = f->in[1];
    return SNUG_OK;
}

/* ---- reduce_var -------------------------------------------------------------------------------
 */

static const snug_attr var_attrs[] = {
    REDUCE_ATTRS,
    ATTR_INT(snug_reduce_attrs, correction, 0, 1, 0, "1: divide by n - 1, unbiased"),
    {0}};

static snug_status check_count(const snug_infer *f, int i)
{
    const snug_reduce_attrs *a = f->attrs;
    const snug_shape *x = &f->in[i].shape;
    char text[SNUG_SHAPE_TEXT];
    int64_t n = snug_group_of(a, x).n;
    CHECK(n > a->correction, SNUG_ESHAPE,
          "'%s': the variance of %" PRId64 " elements of %s, divided by %" PRId64, f->name, n,
          snug_shape_text(x, text, sizeof text), n - a->correction);
    return SNUG_OK;
}

static snug_status var_shape(snug_infer *f)
{
    TRY(snug_infer_within(f, 0, "a variance", &f->out[0].shape));
    f->out[0].dtype = f->in[0].dtype;
    return check_count(f, 0);
}

static snug_status var_grad_shape(snug_infer *f)
{
    TRY(back_shape(f, "a variance"));
    return check_count(f, 1);
}

static snug_status var_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->in[0]};
    return snug_apply_all(g->graph, &snug_op_reduce_var_grad, NULL, g->attrs, 2, in, &g->din[0]);
}

static double mean_of(const snug_tensor *x, const snug_group *g, int64_t first)
{
    double sum = 0;
    for (int64_t k = 0; k < g->n; k++) sum += snug_load(x, first + snug_group_at(g, k));
    return sum / (double)g->n;
}

static void var_ref(const snug_call *c)
{
    const snug_reduce_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    snug_group g = snug_group_of(a, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->out[0].type.shape); o++) {
        int64_t first = snug_group_first(a, x, o);
        double mean = mean_of(&c->in[0], &g, first), sum = 0;
        for (int64_t k = 0; k < g.n; k++) {
            double d = snug_load(&c->in[0], first + snug_group_at(&g, k)) - mean;
            sum += d * d;
        }
        snug_store(&c->out[0], o, sum / (double)(g.n - a->correction));
    }
}

static void var_grad_ref(const snug_call *c)
{
    const snug_reduce_attrs *a = c->attrs;
    const snug_shape *x = &c->in[1].type.shape;
    snug_group g = snug_group_of(a, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->in[0].type.shape); o++) {
        int64_t first = snug_group_first(a, x, o);
        double mean = mean_of(&c->in[1], &g, first);
        double scale = 2 * snug_load(&c->in[0], o) / (double)(g.n - a->correction);
        for (int64_t k = 0; k < g.n; k++) {
            int64_t at = first + snug_group_at(&g, k);
            snug_store(&c->out[0], at, scale * (snug_load(&c->in[1], at) - mean));
        }
    }
}

static const snug_reduce_attrs last = {.axes = 4}, unbiased = {.axes = 6, .correction = 1},
                               kept = {.axes = 4, .keep_dims = 1}, all = {.axes = 0},
                               apart = {.axes = 10, .correction = 1};

static const snug_case var_cases[] = {
    {.name = "last", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH(7, 3, 13))},
    {.name = "unbiased", .attrs = &unbiased, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 6))},
    {.name = "kept", .attrs = &kept, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5))},
    {.name = "apart", .attrs = &apart, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5, 6))},
    {.name = "all", .attrs = &all, .n_in = 1, .in = INPUTS(FIXED(9, 7))},
    {0}};

static const snug_case var_grad_cases[] = {
    {.name = "last", .attrs = &last, .n_in = 2, .in = INPUTS(BATCH(7, 3), BATCH(7, 3, 13))},
    {.name = "unbiased",
     .attrs = &unbiased,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 6), BATCH(3, 4, 5, 6))},
    {.name = "kept", .attrs = &kept, .n_in = 2, .in = INPUTS(BATCH(3, 4, 1), BATCH(3, 4, 5))},
    {0}};

const snug_op snug_op_reduce_var = {
    .name = "reduce_var",
    .doc = "reduce_var(x; axes, keep_dims, correction) -> y\n"
           "The variance over the axes whose bits are set in `axes` (0: all), samples not among\n"
           "them: the sum of (x - mean)^2 over n - correction.\n"
           "Gradient: reduce_var_grad(dy, x).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = var_attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = var_shape,
    .axes = kept_axes,
    .grad = var_grad,
    .cost = group_cost,
    .ref = var_ref,
    .cases = var_cases};

const snug_op snug_op_reduce_var_grad = {
    .name = "reduce_var_grad",
    .doc = "reduce_var_grad(dy, x; axes, keep_dims, correction) -> dx\n"
           "dx = dy * 2 (x - mean) / (n - correction).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = var_attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = var_grad_shape,
    .axes = back_axes,
    .cost = group_cost,
    .ref = var_grad_ref,
    .cases = var_grad_cases};

/* ---- reduce_prod ------------------------------------------------------------------------------
 */

static const snug_attr prod_attrs[] = {REDUCE_ATTRS, {0}};

static snug_status prod_shape(snug_infer *f)
{
    f->out[0].dtype = f->in[0].dtype;
    return snug_infer_within(f, 0, "a product", &f->out[0].shape);
}

static snug_status prod_grad_shape(snug_infer *f)
{
    return back_shape(f, "a product");
}

static snug_status prod_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->in[0]};
    return snug_apply_all(g->graph, &snug_op_reduce_prod_grad, NULL, g->attrs, 2, in, &g->din[0]);
}

/* The product of a group but for its zeros, which are counted. */
static double product_of(const snug_tensor *x, const snug_group *g, int64_t first, int64_t *zeros)
{
    double product = 1;
    *zeros = 0;
    for (int64_t k = 0; k < g->n; k++) {
        double v = snug_load(x, first + snug_group_at(g, k));
        if (v == 0)
            ++*zeros;
        else
            product *= v;
    }
    return product;
}

static void prod_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    snug_group g = snug_group_of(c->attrs, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->out[0].type.shape); o++) {
        double product = 1;
        int64_t first = snug_group_first(c->attrs, x, o);
        for (int64_t k = 0; k < g.n; k++)
            product *= snug_load(&c->in[0], first + snug_group_at(&g, k));
        snug_store(&c->out[0], o, product);
    }
}

static void prod_grad_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[1].type.shape;
    snug_group g = snug_group_of(c->attrs, x);
    for (int64_t o = 0; o < snug_shape_elements(&c->in[0].type.shape); o++) {
        int64_t zeros, first = snug_group_first(c->attrs, x, o);
        double product = product_of(&c->in[1], &g, first, &zeros);
        double dy = snug_load(&c->in[0], o);
        for (int64_t k = 0; k < g.n; k++) {
            int64_t at = first + snug_group_at(&g, k);
            double v = snug_load(&c->in[1], at);
            double others = v == 0 ? (zeros > 1 ? 0 : product) : zeros > 0 ? 0 : product / v;
            snug_store(&c->out[0], at, dy * others);
        }
    }
}

static const snug_case prod_cases[] = {
    {.name = "last", .attrs = &last, .n_in = 1, .in = INPUTS(BATCH(7, 3, 5))},
    {.name = "kept", .attrs = &kept, .n_in = 1, .in = INPUTS(BATCH(3, 4, 5))},
    {.name = "zeros",
     .attrs = &last,
     .n_in = 1,
     .in = INPUTS({CASE_DIMS(9, 3, 3), .batch = true, .fill = SNUG_FILL_INDEX, .index_below = 3})},
    {.name = "all", .attrs = &all, .n_in = 1, .in = INPUTS(FIXED_OF(POSITIVE, 3, 7))},
    {0}};

static const snug_case prod_grad_cases[] = {
    {.name = "last", .attrs = &last, .n_in = 2, .in = INPUTS(BATCH(7, 3), BATCH(7, 3, 5))},
    {.name = "kept", .attrs = &kept, .n_in = 2, .in = INPUTS(BATCH(3, 4, 1), BATCH(3, 4, 5))},
    {0}};

const snug_op snug_op_reduce_prod = {
    .name = "reduce_prod",
    .doc = "reduce_prod(x; axes, keep_dims) -> y\n"
           "The product over the axes whose bits are set in `axes` (0: all), samples not among\n"
           "them.\n"
           "Gradient: reduce_prod_grad(dy, x).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = prod_attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = prod_shape,
    .axes = kept_axes,
    .grad = prod_grad,
    .cost = group_cost,
    .ref = prod_ref,
    .cases = prod_cases};

const snug_op snug_op_reduce_prod_grad = {
    .name = "reduce_prod_grad",
    .doc = "reduce_prod_grad(dy, x; axes, keep_dims) -> dx\n"
           "dx = dy times the product of the group's other elements, right where some are 0 too.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = prod_attrs,
    .attrs_bytes = sizeof(snug_reduce_attrs),
    .shape = prod_grad_shape,
    .axes = back_axes,
    .cost = group_cost,
    .ref = prod_grad_ref,
    .cases = prod_grad_cases};
