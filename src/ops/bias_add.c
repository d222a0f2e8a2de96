/* SPDX-License-Identifier: Apache-2.0 */
/* bias_add: y[.., c] = x[.., c] + bias[c], and its gradient's other half,
 * sum_rows: y[c] = the sum of x[r, c] over all rows r, leaf by leaf (snug/leaves.h). */
#include "ops/cases.h"
#include "ops/leaf_sum.h"

static snug_status bias_add_shape(snug_infer *f)
{
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, 0));
    TRY(snug_infer_vector(f, 1, 0));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int bias_add_axes(const snug_sig *s, snug_axis_use *u)
{
    int n_dims = s->in[0].shape.n_dims;
    int n = snug_use_leading(s, u, 0, 0, 0, n_dims);
    return snug_use_axis(u, n, 0, n_dims - 1, 1, 0);
}

static snug_status bias_add_grad(snug_grad *g)
{
    g->din[0] = g->dout[0];
    if (g->dout[0] && g->need[1])
        TRY(snug_apply_all(g->graph, &snug_op_sum_rows, NULL, NULL, 1, &g->dout[0], &g->din[1]));
    return SNUG_OK;
}

static void bias_add_ref(const snug_call *c)
{
    int64_t n_cols = snug_shape_last(&c->in[0].type.shape);
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i, snug_load(&c->in[0], i) + snug_load(&c->in[1], i % n_cols));
}

static const snug_case bias_add_cases[] = {
    {.name = "one", .n_in = 2, .in = INPUTS(BATCH(1, 1), FIXED(1))},
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 13), FIXED(13))},
    {.name = "image", .n_in = 2, .in = INPUTS(BATCH(3, 5, 2, 9), FIXED(9))},
    {.name = "fixed", .n_in = 2, .in = INPUTS(FIXED(5, 6), FIXED(6))},
    {.name = "mlp", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 512), FIXED(512))},
    {.name = "lenet", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 28, 28, 6), FIXED(6))},
    {0}};

const snug_op snug_op_bias_add = {.name = "bias_add",
                                  .doc = "bias_add(x [.., C], bias [C]) -> y [.., C]\n"
                                         "y[.., c] = x[.., c] + bias[c].\n"
                                         "Gradient: dx = dy, dbias = sum_rows(dy).",
                                  .n_in_min = 2,
                                  .n_in_max = 2,
                                  .n_out = 1,
                                  .inplace = {1},
                                  .shape = bias_add_shape,
                                  .axes = bias_add_axes,
                                  .grad = bias_add_grad,
                                  .cost = snug_cost_elementwise,
                                  .ref = bias_add_ref,
                                  .cases = bias_add_cases};

static snug_status sum_rows_shape(snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    CHECK(x->n_dims >= 1 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "sum_rows '%s': input is %s, but must have a last axis of fixed length", f->name,
          snug_shape_text(x, text, sizeof text));
    f->out[0].shape = snug_shape_make(1, (int64_t[]){snug_shape_last(x)});
    f->out[0].dtype = f->in[0].dtype;
    return SNUG_OK;
}

static int sum_rows_axes(const snug_sig *s, snug_axis_use *u)
{
    int last = s->in[0].shape.n_dims - 1;
    int n = snug_use_axis(u, 0, 0, 0, 0, last);
    for (int i = 0; i < last; i++) n = snug_use_axis(u, n, 0, -1, 0, i);
    return n;
}

static snug_cost sum_rows_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

typedef struct column {
    const snug_tensor *x;
    int64_t c, n_cols;
} column;

static double column_partial(const void *arg, int64_t begin, int64_t end)
{
    const column *k = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += snug_load(k->x, r * k->n_cols + k->c);
    return sum;
}

static void sum_rows_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, x, x->n_dims - 1);
    column k = {.x = &c->in[0], .n_cols = snug_shape_last(x)};
    for (k.c = 0; k.c < k.n_cols; k.c++)
        snug_store(&c->out[0], k.c, leaf_sum(&rows, c->out[0].type.dtype, column_partial, &k));
}

static const snug_case sum_rows_cases[] = {
    {.name = "one", .n_in = 1, .in = INPUTS(BATCH(1, 1))},
    {.name = "odd", .n_in = 1, .in = INPUTS(BATCH(7, 13))},
    {.name = "one column", .n_in = 1, .in = INPUTS(BATCH(16, 1))},
    {.name = "image", .n_in = 1, .in = INPUTS(BATCH(7, 3, 5, 18))},
    {.name = "fixed", .n_in = 1, .in = INPUTS(FIXED(31, 6))},
    {.name = "vector", .n_in = 1, .in = INPUTS(FIXED(6))},
    {.name = "many rows", .no_grad = true, .n_in = 1, .in = INPUTS(BATCH(256, 136))},
    {.name = "mlp", .bench = true, .n_in = 1, .in = INPUTS(BATCH(64, 512))},
    {.name = "lenet", .bench = true, .n_in = 1, .in = INPUTS(BATCH(64, 28, 28, 6))},
    {0}};

const snug_op snug_op_sum_rows = {
    .name = "sum_rows",
    .doc = "sum_rows(x [.., C]) -> y [C]\n"
           "y[c] = the sum of x[.., c], over samples by leaves. The gradient of bias_add.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .shape = sum_rows_shape,
    .axes = sum_rows_axes,
    .cost = sum_rows_cost,
    .ref = sum_rows_ref,
    .cases = sum_rows_cases};
