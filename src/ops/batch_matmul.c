/* SPDX-License-Identifier: Apache-2.0 */
/* batch_matmul: one matrix product for each place of the leading axes,
 *     y[.., m, n] = sum_k op(a)[.., m, k] op(b)[.., k, n]
 * Gradients as of matmul (Giles 2008, section 2.2.1), one place at a time. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {ATTR_BOOL(snug_batch_matmul_attrs, trans_a, "a is [.., K, M]"),
                                  ATTR_BOOL(snug_batch_matmul_attrs, trans_b, "b is [.., N, K]"),
                                  {0}};

/* Which of the last two axes is which: rows of op(a), columns of op(b), and what is summed over. */
typedef struct axes {
    int m, n, k_a, k_b;
} axes;

static axes axes_of(const snug_batch_matmul_attrs *t, int n_dims)
{
    return (axes){.m = n_dims - (t->trans_a ? 1 : 2),
                  .n = n_dims - (t->trans_b ? 2 : 1),
                  .k_a = n_dims - (t->trans_a ? 2 : 1),
                  .k_b = n_dims - (t->trans_b ? 1 : 2)};
}

static snug_status batch_matmul_shape(snug_infer *f)
{
    const snug_shape *a = &f->in[0].shape, *b = &f->in[1].shape;
    const axes x = axes_of(f->attrs, a->n_dims);
    char ta[SNUG_SHAPE_TEXT], tb[SNUG_SHAPE_TEXT];
    snug_shape_text(a, ta, sizeof ta), snug_shape_text(b, tb, sizeof tb);
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, 0));
    bool same = a->n_dims == b->n_dims && a->n_dims >= 3;
    for (int d = 0; same && d < a->n_dims - 2; d++)
        same = a->dim[d] == b->dim[d] && a->kind[d] == b->kind[d];
    for (int d = a->n_dims - 2; same && d < a->n_dims; d++)
        same = a->kind[d] == SNUG_AXIS_FIXED && b->kind[d] == SNUG_AXIS_FIXED;
    CHECK(same, SNUG_ESHAPE,
          "batch_matmul '%s': %s x %s: both must be matrices behind the same leading axes", f->name,
          ta, tb);
    CHECK(a->dim[x.k_a] == b->dim[x.k_b], SNUG_ESHAPE,
          "batch_matmul '%s': %s x %s: inner sizes %" PRId64 " and %" PRId64 " differ", f->name, ta,
          tb, a->dim[x.k_a], b->dim[x.k_b]);
    f->out[0] = f->in[0];
    f->out[0].shape.dim[a->n_dims - 2] = a->dim[x.m];
    f->out[0].shape.dim[a->n_dims - 1] = b->dim[x.n];
    int64_t all = 1;
    for (int d = 0; d < a->n_dims; d++) TRY(snug_infer_mul(f, all, f->out[0].shape.dim[d], &all));
    return SNUG_OK;
}

static int batch_matmul_axes(const snug_sig *s, snug_axis_use *u)
{
    int n_dims = s->in[0].shape.n_dims;
    const axes x = axes_of(s->attrs, n_dims);
    int n = snug_use_leading(s, u, 0, 0, 0, n_dims - 2);
    n = snug_use_leading(s, u, n, 0, 1, n_dims - 2);
    n = snug_use_axis(u, n, 0, n_dims - 2, 0, x.m);
    n = snug_use_axis(u, n, 0, n_dims - 1, 1, x.n);
    n = snug_use_axis(u, n, 0, -1, 0, x.k_a);
    return snug_use_axis(u, n, 0, -1, 1, x.k_b);
}

static snug_status product(snug_grad *g, snug_value *x, snug_value *y, snug_batch_matmul_attrs t,
                           snug_value **out)
{
    return snug_apply_all(g->graph, &snug_op_batch_matmul, NULL, &t, 2, (snug_value *[]){x, y},
                          out);
}

static snug_status batch_matmul_grad(snug_grad *g)
{
    const snug_batch_matmul_attrs *t = g->attrs;
    snug_value *a = g->in[0], *b = g->in[1], *dy = g->dout[0];
    if (!dy) return SNUG_OK;
    if (g->need[0] && !t->trans_a)
        TRY(product(g, dy, b, (snug_batch_matmul_attrs){.trans_b = !t->trans_b}, &g->din[0]));
    if (g->need[0] && t->trans_a)
        TRY(product(g, b, dy, (snug_batch_matmul_attrs){.trans_a = t->trans_b, .trans_b = 1},
                    &g->din[0]));
    if (g->need[1] && !t->trans_b)
        TRY(product(g, a, dy, (snug_batch_matmul_attrs){.trans_a = !t->trans_a}, &g->din[1]));
    if (g->need[1] && t->trans_b)
        TRY(product(g, dy, a, (snug_batch_matmul_attrs){.trans_a = 1, .trans_b = t->trans_a},
                    &g->din[1]));
    return SNUG_OK;
}

static snug_cost batch_matmul_cost(const snug_sig *s)
{
    const axes x = axes_of(s->attrs, s->in[0].shape.n_dims);
    double inner = (double)s->in[0].shape.dim[x.k_a];
    return snug_cost_of(s, 2 * inner * (double)snug_shape_elements(&s->out[0].shape));
}

static void batch_matmul_ref(const snug_call *c)
{
    const snug_shape *a = &c->in[0].type.shape, *b = &c->in[1].type.shape;
    const snug_batch_matmul_attrs *t = c->attrs;
    const axes x = axes_of(t, a->n_dims);
    int64_t m_all = a->dim[x.m], n_all = b->dim[x.n], inner = a->dim[x.k_a];
    int64_t a_row = t->trans_a ? 1 : inner, a_col = t->trans_a ? m_all : 1;
    int64_t b_row = t->trans_b ? 1 : n_all, b_col = t->trans_b ? inner : 1;
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        int64_t place = i / (m_all * n_all), m = i / n_all % m_all, n = i % n_all;
        double sum = 0;
        for (int64_t k = 0; k < inner; k++)
            sum += snug_load(&c->in[0], place * m_all * inner + m * a_row + k * a_col) *
                   snug_load(&c->in[1], place * inner * n_all + k * b_row + n * b_col);
        snug_store(&c->out[0], i, sum);
    }
}

static const snug_batch_matmul_attrs plain = {0}, trans_a = {.trans_a = 1},
                                     trans_b = {.trans_b = 1},
                                     trans_ab = {.trans_a = 1, .trans_b = 1};

static const snug_case cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(1, 1, 1), BATCH(1, 1, 1))},
    {.name = "odd", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 5, 9), BATCH(7, 9, 18))},
    {.name = "heads",
     .attrs = &plain,
     .n_in = 2,
     .in = INPUTS(BATCH(3, 2, 5, 4), BATCH(3, 2, 4, 7))},
    {.name = "trans_a", .attrs = &trans_a, .n_in = 2, .in = INPUTS(BATCH(7, 9, 5), BATCH(7, 9, 6))},
    {.name = "trans_b", .attrs = &trans_b, .n_in = 2, .in = INPUTS(BATCH(3, 5, 9), BATCH(3, 6, 9))},
    {.name = "trans_ab",
     .attrs = &trans_ab,
     .n_in = 2,
     .in = INPUTS(BATCH(2, 9, 5), BATCH(2, 6, 9))},
    {.name = "fixed", .attrs = &plain, .n_in = 2, .in = INPUTS(FIXED(2, 3, 4), FIXED(2, 4, 5))},
    {.name = "tall", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(3, 101, 7), BATCH(3, 7, 5))},
    {.name = "scores",
     .bench = true,
     .attrs = &trans_b,
     .n_in = 2,
     .in = INPUTS(BATCH(4, 4, 64, 32), BATCH(4, 4, 64, 32))},
    {0}};

const snug_op snug_op_batch_matmul = {
    .name = "batch_matmul",
    .doc = "batch_matmul(a [.., M, K], b [.., K, N]; trans_a, trans_b) -> y [.., M, N]\n"
           "y = op(a) op(b) for each place of the leading axes, which must agree. With trans_a, a\n"
           "is [.., K, M]; with trans_b, b is [.., N, K].\n"
           "Gradient: da = dy b^T, db = a^T dy (Giles 2008).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_batch_matmul_attrs),
    .shape = batch_matmul_shape,
    .axes = batch_matmul_axes,
    .grad = batch_matmul_grad,
    .cost = batch_matmul_cost,
    .ref = batch_matmul_ref,
    .cases = cases};
