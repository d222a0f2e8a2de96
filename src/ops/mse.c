/* SPDX-License-Identifier: Apache-2.0 */
/* Mean squared error over all elements of the step's batch:
 *     loss = sum (prediction - target)^2 / n,   dprediction = 2 (prediction - target) dloss / n. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"

/* Axes of length 1 at the end do not count: [N] is [N, 1]. */
static int significant_axes(const snug_shape *s)
{
    int n = s->n_dims;
    while (n > 0 && s->dim[n - 1] == 1 && s->kind[n - 1] == SNUG_AXIS_FIXED) n--;
    return n;
}

static snug_status check_target(const snug_infer *f)
{
    const snug_shape *p = &f->in[0].shape, *t = &f->in[1].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, -1));
    bool same = significant_axes(p) == significant_axes(t);
    for (int i = 0; same && i < significant_axes(p); i++)
        same = p->dim[i] == t->dim[i] && p->kind[i] == t->kind[i];
    CHECK(same, SNUG_ESHAPE, "mse '%s': prediction %s and target %s must have the same shape",
          f->name, snug_shape_text(p, a, sizeof a), snug_shape_text(t, b, sizeof b));
    return SNUG_OK;
}

static snug_status mse_shape(snug_infer *f)
{
    TRY(check_target(f));
    f->out[0] = (snug_type){.shape = snug_shape_scalar(),
                            .dtype = f->in[0].dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
    return SNUG_OK;
}

static snug_status mse_grad_shape(snug_infer *f)
{
    TRY(check_target(f));
    TRY(snug_infer_scalar(f, 2));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

/* Only the batch: the divisor depends on the other axes' lengths. */
static int mse_axes(const snug_sig *s, snug_axis_use *u)
{
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0;
    int n = snug_use_axis(u, 0, 0, -1, 0, 0);
    return snug_use_axis(u, n, 0, -1, 1, 0);
}

static int mse_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0;
    int n = snug_use_batch(s, u, 0, 0, 0);
    return snug_use_batch(s, u, n, 0, 1);
}

static snug_status mse_gradient(snug_grad *g)
{
    for (int i = 0; i < 2 && g->dout[0]; i++) {
        snug_value *in[] = {g->in[i], g->in[1 - i], g->dout[0]};
        if (g->need[i])
            TRY(snug_apply_all(g->graph, &snug_op_mse_grad, NULL, NULL, 3, in, &g->din[i]));
    }
    return SNUG_OK;
}

static snug_cost mse_cost(const snug_sig *s)
{
    return snug_cost_of(s, 3 * (double)snug_shape_elements(&s->in[0].shape));
}

typedef struct errors {
    const snug_call *c;
    const leaf_rows *rows;
} errors;

static double error_partial(const void *arg, int64_t begin, int64_t end)
{
    const errors *e = arg;
    double sum = 0;
    for (int64_t i = begin; i < end; i++) {
        double d = snug_load(&e->c->in[0], i) - snug_load(&e->c->in[1], i);
        sum += d * d;
    }
    return begin < end ? sum / leaf_rows_step(e->rows) : 0;
}

static void mse_ref(const snug_call *c)
{
    const snug_shape *p = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, p, p->n_dims); /* a row is an element */
    errors e = {.c = c, .rows = &rows};
    snug_store(&c->out[0], 0, leaf_sum(&rows, c->out[0].type.dtype, error_partial, &e));
}

static void mse_grad_ref(const snug_call *c)
{
    const snug_shape *p = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, p, p->n_dims);
    for (int64_t i = 0; i < rows.n_rows; i++) {
        double d = snug_load(&c->in[0], i) - snug_load(&c->in[1], i);
        double scale = snug_load(&c->in[2], 0) / leaf_rows_step(&rows);
        snug_store(&c->out[0], i, 2 * d * scale);
    }
}

static const snug_case cases[] = {
    {.name = "one", .n_in = 2, .in = {BATCH(1, 1), BATCH(1, 1)}},
    {.name = "odd", .n_in = 2, .in = {BATCH(7, 13), BATCH(7, 13)}},
    {.name = "column", .n_in = 2, .in = {BATCH(7, 1), BATCH(7)}},
    {.name = "image", .n_in = 2, .in = {BATCH(3, 5, 2, 9), BATCH(3, 5, 2, 9)}},
    {.name = "fixed", .n_in = 2, .in = {FIXED(35), FIXED(35)}},
    {.name = "bench", .bench = true, .n_in = 2, .in = {BATCH(64, 512), BATCH(64, 512)}},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one", .n_in = 3, .in = {BATCH(1, 1), BATCH(1, 1), SCALAR_OF(NORMAL)}},
    {.name = "odd", .n_in = 3, .in = {BATCH(7, 13), BATCH(7, 13), SCALAR_OF(NORMAL)}},
    {.name = "column", .n_in = 3, .in = {BATCH(7, 1), BATCH(7), SCALAR_OF(NORMAL)}},
    {.name = "fixed", .n_in = 3, .in = {FIXED(35), FIXED(35), SCALAR_OF(NORMAL)}},
    {0}};

const snug_op snug_op_mse = {
    .name = "mse",
    .doc = "mse(prediction [N, ..], target [N, ..]) -> loss []\n"
           "loss = the mean of (prediction - target)^2 over the step's batch; this call's part of\n"
           "it. A target [N] fits a prediction [N, 1].\n"
           "Gradient: mse_grad(prediction, target, dloss), and with the two exchanged.",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 1,
    .shape = mse_shape,
    .axes = mse_axes,
    .grad = mse_gradient,
    .cost = mse_cost,
    .ref = mse_ref,
    .cases = cases};

const snug_op snug_op_mse_grad = {
    .name = "mse_grad",
    .doc = "mse_grad(prediction [N, ..], target [N, ..], dloss []) -> dprediction\n"
           "dprediction = 2 * (prediction - target) * dloss / elements of the step's batch.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .inplace = {1},
    .shape = mse_grad_shape,
    .axes = mse_grad_axes,
    .cost = mse_cost,
    .ref = mse_grad_ref,
    .cases = grad_cases};
