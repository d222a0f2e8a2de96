/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax along the last axis, and cross entropy of it against class labels:
 *     p[c] = exp(x[c] - max) / sum_c exp(x[c] - max),   loss = mean over rows of -log p[label]
 * The loss of a row is log(sum exp(x - max)) - (x[label] - max), so that a probability that
 * underflows gives a finite loss. Gradient: dlogits = (p - onehot(label)) * dloss / rows. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>
#include <snug/graph.h>

/* ---- rows -------------------------------------------------------------------------------------
 */

typedef struct row {
    const snug_tensor *x;
    int64_t first, n; /* elements [first, first + n) */
    double max, sum;  /* of x; of exp(x - max) */
} row;

static row row_of(const snug_tensor *x, int64_t r, int64_t n)
{
    row w = {.x = x, .first = r * n, .n = n, .max = -INFINITY};
    for (int64_t c = 0; c < n; c++) {
        double v = snug_load(x, w.first + c);
        if (v > w.max || v != v) w.max = v;
    }
    for (int64_t c = 0; c < n; c++) w.sum += exp(snug_load(x, w.first + c) - w.max);
    return w;
}

static void put_probabilities(const row *w, const snug_tensor *p)
{
    for (int64_t i = w->first; i < w->first + w->n; i++)
        snug_store(p, i, exp(snug_load(w->x, i) - w->max) / w->sum);
}

static snug_status check_classes(const snug_infer *f, int i)
{
    const snug_shape *x = &f->in[i].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 1 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED && snug_shape_last(x) > 0,
          SNUG_ESHAPE, "'%s': input %d is %s, but its last axis must hold the classes", f->name, i,
          snug_shape_text(x, text, sizeof text));
    return snug_infer_float(f, i, -1);
}

/* ---- softmax ----------------------------------------------------------------------------------
 */

static snug_status softmax_shape(snug_infer *f)
{
    TRY(check_classes(f, 0));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int softmax_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_use_leading(s, u, 0, 0, 0, s->in[0].shape.n_dims - 1);
}

static snug_cost softmax_cost(const snug_sig *s)
{
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->in[0].shape));
}

static snug_status softmax_grad(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->out[0]};
    return snug_apply_all(g->graph, &snug_op_softmax_grad, NULL, NULL, 2, in, &g->din[0]);
}

static void softmax_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    for (int64_t r = 0; r < snug_shape_rows(x); r++) {
        row w = row_of(&c->in[0], r, snug_shape_last(x));
        put_probabilities(&w, &c->out[0]);
    }
}

static const snug_case softmax_cases[] = {
    {.name = "one class", .n_in = 1, .in = {BATCH(3, 1)}},
    {.name = "odd", .n_in = 1, .in = {BATCH(7, 13)}},
    {.name = "rank 3", .n_in = 1, .in = {BATCH(2, 3, 10)}},
    {.name = "vector", .n_in = 1, .in = {FIXED(33)}},
    {.name = "mlp", .bench = true, .n_in = 1, .in = {BATCH(64, 10)}},
    {0}};

const snug_op snug_op_softmax = {
    .name = "softmax",
    .doc = "softmax(x [.., C]) -> p [.., C]\n"
           "p[c] = exp(x[c]) / the sum of exp(x).\n"
           "Gradient: softmax_grad(dp, p).",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .inplace = {1},
    .shape = softmax_shape,
    .axes = softmax_axes,
    .grad = softmax_grad,
    .cost = softmax_cost,
    .ref = softmax_ref,
    .cases = softmax_cases};

/* ---- cross entropy ----------------------------------------------------------------------------
 */

/* Input 0 is [N, C], input 1 the labels of its rows. */
static snug_status check_labels(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape, *l = &f->in[1].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(check_classes(f, 0));
    TRY(snug_infer_rank(f, 0, 2, "[N, C]"));
    CHECK(l->n_dims == 1 && l->dim[0] == x->dim[0] && l->kind[0] == x->kind[0], SNUG_ESHAPE,
          "cross entropy '%s': labels are %s, but logits %s need one for each row", f->name,
          snug_shape_text(l, b, sizeof b), snug_shape_text(x, a, sizeof a));
    CHECK(f->in[1].dtype == SNUG_I32, SNUG_ESHAPE,
          "cross entropy '%s': labels %s must be i32, not %s (logits are %s)", f->name,
          snug_shape_text(l, b, sizeof b), snug_dtype_get(f->in[1].dtype)->name,
          snug_shape_text(x, a, sizeof a));
    return SNUG_OK;
}

static snug_status entropy_shape(snug_infer *f)
{
    TRY(check_labels(f));
    f->out[0] = (snug_type){.shape = snug_shape_scalar(),
                            .dtype = f->in[0].dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
    f->out[1] = f->in[0];
    return SNUG_OK;
}

static snug_status entropy_grad_shape(snug_infer *f)
{
    TRY(check_labels(f));
    TRY(snug_infer_scalar(f, 2));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int entropy_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_use_batch(s, u, 0, 1, 0);
    n = snug_use_batch(s, u, n, 1, 1);
    if (!snug_shape_has_batch(&s->in[0].shape)) return n; /* the mean's divisor is the length */
    n = snug_use_axis(u, n, 0, -1, 0, 0);
    return snug_use_axis(u, n, 0, -1, 1, 0);
}

static int entropy_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0; /* likewise */
    int n = snug_use_batch(s, u, 0, 0, 0);
    return snug_use_batch(s, u, n, 0, 1);
}

static snug_status entropy_grad(snug_grad *g)
{
    CHECK(!g->dout[1], SNUG_EUNSUPPORTED,
          "the probabilities of softmax_cross_entropy have no gradient: only its loss does");
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->out[1], g->in[1], g->dout[0]};
    return snug_apply_all(g->graph, &snug_op_softmax_cross_entropy_grad, NULL, NULL, 3, in,
                          &g->din[0]);
}

/* Label of row r, or -1 for one that is no class. */
static int64_t label_of(const snug_tensor *labels, int64_t r, int64_t n_classes)
{
    int64_t label = (int64_t)snug_load(labels, r);
    return label >= 0 && label < n_classes ? label : -1;
}

typedef struct losses {
    const snug_call *c;
    const leaf_rows *rows;
    int64_t n_classes;
} losses;

/* Loss of rows [begin, end), over the rows of the whole step. */
static double loss_partial(const void *arg, int64_t begin, int64_t end)
{
    const losses *l = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) {
        int64_t label = label_of(&l->c->in[1], r, l->n_classes);
        if (label < 0) continue;
        row w = row_of(&l->c->in[0], r, l->n_classes);
        sum += log(w.sum) - (snug_load(w.x, w.first + label) - w.max);
    }
    return begin < end ? sum / leaf_rows_step(l->rows) : 0;
}

static void entropy_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, x, 1);
    losses l = {.c = c, .rows = &rows, .n_classes = x->dim[1]};
    snug_store(&c->out[0], 0, leaf_sum(&rows, c->out[0].type.dtype, loss_partial, &l));
    for (int64_t r = 0; r < rows.n_rows && c->out[1].data; r++) {
        row w = row_of(&c->in[0], r, l.n_classes);
        put_probabilities(&w, &c->out[1]);
    }
}

static void entropy_grad_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, x, 1);
    int64_t n_classes = x->dim[1];
    for (int64_t i = 0; i < rows.n_rows * n_classes; i++) {
        int64_t label = label_of(&c->in[1], i / n_classes, n_classes);
        double d = snug_load(&c->in[0], i) - (i % n_classes == label ? 1 : 0);
        double scale = snug_load(&c->in[2], 0) / leaf_rows_step(&rows);
        snug_store(&c->out[0], i, label < 0 ? 0 : d * scale);
    }
}

static const snug_case entropy_cases[] = {
    {.name = "one", .n_in = 2, .in = {BATCH(1, 1), LABELS(1, 1)}},
    {.name = "odd", .n_in = 2, .in = {BATCH(7, 13), LABELS(7, 13)}},
    {.name = "no class", .n_in = 2, .in = {BATCH(7, 3), LABELS(7, 5)}},
    {.name = "many classes", .n_in = 2, .in = {BATCH(3, 1000), LABELS(3, 1000)}},
    {.name = "mlp", .bench = true, .n_in = 2, .in = {BATCH(64, 10), LABELS(64, 10)}},
    {0}};

static const snug_case entropy_grad_cases[] = {
    {.name = "one", .n_in = 3, .in = {BATCH_OF(UNIT, 1, 1), LABELS(1, 1), SCALAR_OF(NORMAL)}},
    {.name = "odd", .n_in = 3, .in = {BATCH_OF(UNIT, 7, 13), LABELS(7, 13), SCALAR_OF(NORMAL)}},
    {.name = "no class", .n_in = 3, .in = {BATCH_OF(UNIT, 7, 3), LABELS(7, 5), SCALAR_OF(NORMAL)}},
    {.name = "mlp",
     .bench = true,
     .n_in = 3,
     .in = {BATCH_OF(UNIT, 64, 10), LABELS(64, 10), SCALAR_OF(NORMAL)}},
    {0}};

const snug_op snug_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .doc =
        "softmax_cross_entropy(logits [N, C], labels i32 [N]) -> loss [], probabilities [N, C]\n"
        "loss = the mean over the step's batch of -log softmax(logits)[label]; this call's part\n"
        "of it. A label outside 0..C-1 counts 0.\n"
        "Gradient: softmax_cross_entropy_grad(probabilities, labels, dloss).",
    .n_in_min = 2,
    .n_in_max = 2,
    .n_out = 2,
    .shape = entropy_shape,
    .axes = entropy_axes,
    .grad = entropy_grad,
    .cost = softmax_cost,
    .ref = entropy_ref,
    .cases = entropy_cases};

const snug_op snug_op_softmax_cross_entropy_grad = {
    .name = "softmax_cross_entropy_grad",
    .doc = "softmax_cross_entropy_grad(probabilities [N, C], labels i32 [N], dloss []) -> dlogits\n"
           "dlogits = (probabilities - onehot(labels)) * dloss / rows of the step; 0 for a label\n"
           "outside 0..C-1.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .inplace = {1},
    .shape = entropy_grad_shape,
    .axes = entropy_grad_axes,
    .cost = snug_cost_elementwise,
    .ref = entropy_grad_ref,
    .cases = entropy_grad_cases};
