/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products.
 *     y[m, n] = act(sum_k op(a)[m, k] op(b)[k, n] + bias[n])
 * Gradients, of dy [M, N]: da = dy b^T, db = a^T dy, dbias = the sum of dy's rows; with transposed
 * operands, the same with the products' operands swapped (Giles 2008, section 2.2.1). */
#include "ops/activation.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"

static const snug_attr matmul_attrs[] = {
    ATTR_BOOL(snug_matmul_attrs, trans_a, "use a transposed: sum over its leading axes"),
    ATTR_BOOL(snug_matmul_attrs, trans_b, "use b transposed: b is [N, K]"),
    ATTR_ACT(snug_matmul_attrs, ACT_GELU),
    {0}};

static bool fixed_axes(const snug_shape *s)
{
    for (int i = 0; i < s->n_dims; i++)
        if (s->kind[i] != SNUG_AXIS_FIXED) return false;
    return true;
}

/* a^T b: both have the same leading axes, which are summed over. */
static snug_status shape_trans_a(snug_infer *f, snug_shape *out)
{
    const snug_matmul_attrs *t = f->attrs;
    const snug_shape *a = &f->in[0].shape, *b = &f->in[1].shape;
    char ta[SNUG_SHAPE_TEXT], tb[SNUG_SHAPE_TEXT];
    snug_shape_text(a, ta, sizeof ta), snug_shape_text(b, tb, sizeof tb);
    int64_t n = b->dim[b->n_dims - 1];
    if (t->trans_b) {
        CHECK(a->n_dims == 2 && b->n_dims == 2 && fixed_axes(a) && fixed_axes(b), SNUG_ESHAPE,
              "matmul '%s': %s and %s, both transposed, must be fixed matrices", f->name, ta, tb);
        CHECK(a->dim[0] == b->dim[1], SNUG_ESHAPE,
              "matmul '%s': %s transposed x %s transposed: inner sizes %" PRId64 " and %" PRId64
              " differ",
              f->name, ta, tb, a->dim[0], b->dim[1]);
        n = b->dim[0];
    } else {
        bool same = a->n_dims == b->n_dims;
        for (int i = 0; same && i + 1 < a->n_dims; i++)
            same = a->dim[i] == b->dim[i] && a->kind[i] == b->kind[i];
        CHECK(same, SNUG_ESHAPE,
              "matmul '%s': %s transposed x %s: all axes but the last must agree", f->name, ta, tb);
    }
    *out = snug_shape_make(2, (int64_t[]){a->dim[a->n_dims - 1], n});
    return SNUG_OK;
}

/* a b or a b^T: b is a fixed matrix, leading axes of a are kept. */
static snug_status shape_plain(snug_infer *f, snug_shape *out)
{
    const snug_matmul_attrs *t = f->attrs;
    const snug_shape *a = &f->in[0].shape, *b = &f->in[1].shape;
    char ta[SNUG_SHAPE_TEXT], tb[SNUG_SHAPE_TEXT];
    snug_shape_text(a, ta, sizeof ta), snug_shape_text(b, tb, sizeof tb);
    CHECK(b->n_dims == 2 && fixed_axes(b), SNUG_ESHAPE,
          "matmul '%s': %s x %s: the second must be a fixed matrix", f->name, ta, tb);
    int64_t k = a->dim[a->n_dims - 1], kb = b->dim[t->trans_b ? 1 : 0];
    CHECK(k == kb, SNUG_ESHAPE,
          "matmul '%s': %s x %s%s: inner sizes %" PRId64 " and %" PRId64 " differ", f->name, ta, tb,
          t->trans_b ? " transposed" : "", k, kb);
    CHECK(a->kind[a->n_dims - 1] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "matmul '%s': the last axis of %s must be fixed to be multiplied by %s", f->name, ta, tb);
    *out = *a;
    out->dim[a->n_dims - 1] = b->dim[t->trans_b ? 0 : 1];
    return SNUG_OK;
}

static snug_status check_bias(const snug_infer *f)
{
    const snug_shape *bias = &f->in[2].shape;
    char text[3][SNUG_SHAPE_TEXT], y[SNUG_SHAPE_TEXT];
    for (int i = 0; i < 3; i++) snug_shape_text(&f->in[i].shape, text[i], sizeof text[i]);
    CHECK(bias->n_dims == 1 && bias->kind[0] == SNUG_AXIS_FIXED &&
              bias->dim[0] == snug_shape_last(&f->out[0].shape),
          SNUG_ESHAPE, "matmul '%s': bias is %s, but %s x %s gives %s", f->name, text[2], text[0],
          text[1], snug_shape_text(&f->out[0].shape, y, sizeof y));
    return SNUG_OK;
}

static snug_status matmul_shape(snug_infer *f)
{
    const snug_matmul_attrs *t = f->attrs;
    char ta[SNUG_SHAPE_TEXT], tb[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, 0));
    CHECK(f->in[0].shape.n_dims >= 2 && f->in[1].shape.n_dims >= 2, SNUG_ESHAPE,
          "matmul '%s': %s x %s: both must have two axes or more", f->name,
          snug_shape_text(&f->in[0].shape, ta, sizeof ta),
          snug_shape_text(&f->in[1].shape, tb, sizeof tb));
    f->out[0].dtype = f->in[0].dtype;
    TRY(t->trans_a ? shape_trans_a(f, &f->out[0].shape) : shape_plain(f, &f->out[0].shape));
    int64_t elements;
    TRY(snug_infer_mul(f, snug_shape_rows(&f->out[0].shape), snug_shape_last(&f->out[0].shape),
                       &elements));
    if (f->n_in < 3) return SNUG_OK;
    TRY(snug_infer_float(f, 2, 0));
    return check_bias(f);
}

static int matmul_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_matmul_attrs *t = s->attrs;
    int last = s->in[0].shape.n_dims - 1, out_last = s->out[0].shape.n_dims - 1;
    bool linear = s->n_in < 3 && t->act == ACT_NONE;
    int n = t->trans_a ? snug_use_axis(u, 0, 0, 0, 0, last) : snug_use_leading(s, u, 0, 0, 0, last);
    n = snug_use_axis(u, n, 0, out_last, 1, t->trans_b ? 0 : s->in[1].shape.n_dims - 1);
    if (s->n_in > 2) n = snug_use_axis(u, n, 0, out_last, 2, 0);
    if (!linear) return n;
    if (t->trans_a && !t->trans_b) {
        for (int i = 0; i < last; i++) {
            n = snug_use_axis(u, n, 0, -1, 0, i);
            n = snug_use_axis(u, n, 0, -1, 1, i);
        }
        return n;
    }
    n = snug_use_axis(u, n, 0, -1, 0, t->trans_a ? 0 : last);
    return snug_use_axis(u, n, 0, -1, 1, t->trans_b ? 1 : 0);
}

/* matmul(x, y) with the given transpositions, into *out. */
static snug_status product(snug_grad *g, snug_value *x, snug_value *y, snug_matmul_attrs attrs,
                           snug_value **out)
{
    return snug_apply_all(g->graph, &snug_op_matmul, NULL, &attrs, 2, (snug_value *[]){x, y}, out);
}

static snug_status matmul_grad(snug_grad *g)
{
    const snug_matmul_attrs *t = g->attrs;
    snug_value *a = g->in[0], *b = g->in[1], *dy = g->dout[0];
    CHECK(t->act == ACT_NONE, SNUG_EUNSUPPORTED,
          "matmul with a fused activation has no gradient: fuse after autodiff");
    if (!dy) return SNUG_OK;
    if (g->need[0]) {
        if (!t->trans_a)
            TRY(product(g, dy, b, (snug_matmul_attrs){.trans_b = !t->trans_b}, &g->din[0]));
        else
            TRY(product(g, b, dy, (snug_matmul_attrs){.trans_a = t->trans_b, .trans_b = 1},
                        &g->din[0]));
    }
    if (g->need[1]) {
        if (!t->trans_b)
            TRY(product(g, a, dy, (snug_matmul_attrs){.trans_a = !t->trans_a}, &g->din[1]));
        else
            TRY(product(g, dy, a, (snug_matmul_attrs){.trans_a = 1, .trans_b = t->trans_a},
                        &g->din[1]));
    }
    if (g->n_in > 2 && g->need[2])
        TRY(snug_apply_all(g->graph, &snug_op_sum_rows, NULL, NULL, 1, &dy, &g->din[2]));
    return SNUG_OK;
}

static snug_cost matmul_cost(const snug_sig *s)
{
    const snug_matmul_attrs *t = s->attrs;
    const snug_shape *a = &s->in[0].shape;
    double inner = (double)(t->trans_a ? snug_shape_rows(a) : snug_shape_last(a));
    return snug_cost_of(s, 2 * inner * (double)snug_shape_elements(&s->out[0].shape));
}

/* One output element: row m of op(a), column n of op(b). */
typedef struct dot {
    const snug_tensor *a, *b;
    int64_t m, n, a_row, a_col, b_row, b_col; /* strides of op(a) and op(b) */
} dot;

static double dot_partial(const void *arg, int64_t begin, int64_t end)
{
    const dot *d = arg;
    double sum = 0;
    for (int64_t k = begin; k < end; k++)
        sum += snug_load(d->a, d->m * d->a_row + k * d->a_col) *
               snug_load(d->b, k * d->b_row + d->n * d->b_col);
    return sum;
}

static void matmul_ref(const snug_call *c)
{
    const snug_matmul_attrs *t = c->attrs;
    const snug_shape *a = &c->in[0].type.shape, *b = &c->in[1].type.shape;
    const snug_shape *y = &c->out[0].type.shape;
    int64_t a_last = snug_shape_last(a), b_last = snug_shape_last(b), n_cols = snug_shape_last(y);
    dot d = {.a = &c->in[0], .b = &c->in[1]};
    d.a_row = t->trans_a ? 1 : a_last, d.a_col = t->trans_a ? a_last : 1;
    d.b_row = t->trans_b ? 1 : b_last, d.b_col = t->trans_b ? b_last : 1;
    leaf_rows rows = leaf_rows_of(c, a, t->trans_a ? a->n_dims - 1 : 0);
    if (!t->trans_a) rows.n_rows = a_last;
    snug_dtype dtype = c->out[0].type.dtype;
    for (int64_t i = 0; i < snug_shape_elements(y); i++) {
        d.m = i / n_cols, d.n = i % n_cols;
        bool plain = !rows.step; /* then bias and activation see the unrounded sum */
        double v =
            plain ? dot_partial(&d, 0, rows.n_rows) : leaf_sum(&rows, dtype, dot_partial, &d);
        if (c->n_in > 2) v += snug_load(&c->in[2], d.n);
        snug_store(&c->out[0], i, act_apply(t->act, v));
    }
}

static const snug_matmul_attrs plain = {0}, trans_a = {.trans_a = 1}, trans_b = {.trans_b = 1},
                               trans_ab = {.trans_a = 1, .trans_b = 1}, relu = {.act = ACT_RELU},
                               relu6 = {.act = ACT_RELU6}, gelu = {.act = ACT_GELU};

static const snug_case matmul_cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(1, 1), FIXED(1, 1))},
    {.name = "row", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(1, 13), FIXED(13, 7))},
    {.name = "column", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 5), FIXED(5, 1))},
    {.name = "odd", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 33), FIXED(33, 19))},
    {.name = "fixed", .attrs = &plain, .n_in = 2, .in = INPUTS(FIXED(5, 9), FIXED(9, 17))},
    {.name = "rank 3", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(3, 5, 9), FIXED(9, 4))},
    {.name = "bias",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 11), FIXED(11, 18), FIXED(18))},
    {.name = "trans_b", .attrs = &trans_b, .n_in = 2, .in = INPUTS(BATCH(7, 21), FIXED(10, 21))},
    {.name = "trans_b, few rows",
     .attrs = &trans_b,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 35), FIXED(70, 35))},
    {.name = "trans_b, in strips",
     .attrs = &trans_b,
     .n_in = 3,
     .in = INPUTS(BATCH(19, 75), FIXED(70, 75), FIXED(70))},
    {.name = "trans_b, C turned",
     .attrs = &trans_b,
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(BATCH(19, 300), FIXED(335, 300), FIXED(335))},
    {.name = "trans_b, C turned, long k",
     .attrs = &trans_b,
     .no_grad = true,
     .n_in = 2,
     .in = INPUTS(BATCH(21, 600), FIXED(301, 600))},
    {.name = "one row, relu6",
     .attrs = &relu6,
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(BATCH(1, 31), FIXED(31, 70), FIXED(70))},
    {.name = "outer", .attrs = &trans_a, .n_in = 2, .in = INPUTS(BATCH(1, 21), BATCH(1, 70))},
    {.name = "trans_a, few k",
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(FIXED(3, 21), FIXED(3, 70))},
    {.name = "trans_a", .attrs = &trans_a, .n_in = 2, .in = INPUTS(BATCH(7, 9), BATCH(7, 18))},
    {.name = "trans_a, few columns",
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(BATCH(44, 50), BATCH(44, 7))},
    {.name = "trans_a, long k",
     .attrs = &trans_a,
     .no_grad = true,
     .n_in = 2,
     .in = INPUTS(BATCH(7, 100, 150), BATCH(7, 100, 70))},
    {.name = "trans_a, one row, long leaves",
     .attrs = &trans_a,
     .no_grad = true,
     .n_in = 2,
     .in = INPUTS(BATCH(8, 2100, 1), BATCH(8, 2100, 3))},
    {.name = "trans_a, few rows",
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(BATCH(9, 6), BATCH(9, 70))},
    {.name = "trans_a batch 1",
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(BATCH(1, 5), BATCH(1, 3))},
    {.name = "trans_a fixed",
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(FIXED(13, 6), FIXED(13, 5))},
    {.name = "trans_a rank 3",
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(BATCH(7, 3, 5), BATCH(7, 3, 4))},
    {.name = "trans_ab", .attrs = &trans_ab, .n_in = 2, .in = INPUTS(FIXED(13, 6), FIXED(5, 13))},
    {.name = "relu",
     .attrs = &relu,
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 12), FIXED(12, 10), FIXED(10))},
    {.name = "relu6",
     .attrs = &relu6,
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 36), FIXED(36, 10), FIXED(10))},
    {.name = "bias, whole vectors",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(8, 12), FIXED(12, 48), FIXED(48))},
    {.name = "relu6, whole vectors",
     .attrs = &relu6,
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(BATCH(8, 36), FIXED(36, 48), FIXED(48))},
    {.name = "gelu",
     .attrs = &gelu,
     .no_grad = true,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 12), FIXED(12, 10), FIXED(10))},
    {.name = "mlp 784x512",
     .bench = true,
     .attrs = &plain,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 784), FIXED(784, 512))},
    {.name = "mlp 512x512",
     .bench = true,
     .attrs = &plain,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), FIXED(512, 512))},
    {.name = "mlp 512x512 relu",
     .bench = true,
     .no_grad = true,
     .attrs = &relu,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 512), FIXED(512, 512), FIXED(512))},
    {.name = "mlp 512x10",
     .bench = true,
     .attrs = &plain,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), FIXED(512, 10))},
    {.name = "mlp 784x512 dw",
     .bench = true,
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 784), BATCH(64, 512))},
    {.name = "mlp 512x512 dw",
     .bench = true,
     .attrs = &trans_a,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), BATCH(64, 512))},
    {.name = "mlp 512x512 dx",
     .bench = true,
     .attrs = &trans_b,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 512), FIXED(512, 512))},
    {.name = "lenet 400x120",
     .bench = true,
     .attrs = &plain,
     .n_in = 2,
     .in = INPUTS(BATCH(64, 400), FIXED(400, 120))},
    {0}};

const snug_op snug_op_matmul = {
    .name = "matmul",
    .doc =
        "matmul(a [.., K], b [K, N], bias [N]?) -> y [.., N]\n"
        "y = act(op(a) op(b) + bias). With trans_a, a is [.., K], b [.., N] and y [K, N]: the sum\n"
        "runs over all leading axes. With trans_b, b is [N, K].\n"
        "Gradient: da = dy b^T, db = a^T dy, dbias = sum of dy's rows (Giles 2008).",
    .n_in_min = 2,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = matmul_attrs,
    .attrs_bytes = sizeof(snug_matmul_attrs),
    .shape = matmul_shape,
    .axes = matmul_axes,
    .grad = matmul_grad,
    .cost = matmul_cost,
    .ref = matmul_ref,
    .cases = matmul_cases};
