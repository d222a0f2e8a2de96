/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of distances between rows, means over the rows of the step's batch:
 *     cosine_embedding  1 - c for a label 1, max(0, c - margin) for -1, 0 for others,
 *                       c = a.b / sqrt((a.a + 1e-12) (b.b + 1e-12))
 *     triplet_margin    max(0, |a - p + eps| - |a - n + eps| + margin), eps 1e-6 on each element
 *                       (Balntas et al. 2016; Schroff, Kalenichenko and Philbin 2015)
 * Slopes, where a loss is not 0: dc/da = b / (A B) - c a / A^2 with A^2 = a.a + 1e-12 and B
 * likewise; d|u|/du = u / |u|. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>

#define COSINE_EPSILON  1e-12
#define TRIPLET_EPSILON 1e-6

/* ---- what both share --------------------------------------------------------------------------
 */

static snug_status rows_shape(const snug_infer *f, int n_rows)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 2 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "'%s': input %s must have two axes or more and a last one of fixed length", f->name,
          snug_shape_text(x, text, sizeof text));
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < n_rows; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_same(f, i, 0));
    }
    return SNUG_OK;
}

static snug_type scalar_like(const snug_type *x)
{
    return (snug_type){.shape = snug_shape_scalar(),
                       .dtype = x->dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
}

static int sum_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0; /* the mean's divisor is the length */
    for (int i = 0; i < s->n_in; i++) n = snug_use_axis(u, n, 0, -1, i, 0);
    return n;
}

static int slope_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    if (!snug_shape_has_batch(&s->in[0].shape)) return 0;
    for (int o = 0; o < s->n_out; o++)
        for (int i = 0; i < 3; i++) n = snug_use_batch(s, u, n, o, i);
    return n;
}

static snug_cost rows_cost(const snug_sig *s)
{
    return snug_cost_of(s, 6 * (double)snug_shape_elements(&s->in[0].shape));
}

/* Rows of a call: all axes but the last. */
typedef struct row_losses {
    const snug_call *c;
    leaf_rows rows;
    int64_t n;
    double (*value)(const struct row_losses *l, int64_t row);
} row_losses;

static row_losses losses_of(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    return (row_losses){.c = c, .rows = leaf_rows_of(c, x, x->n_dims - 1), .n = snug_shape_last(x)};
}

static double row_partial(const void *arg, int64_t begin, int64_t end)
{
    const row_losses *l = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += l->value(l, r);
    return begin < end ? sum / leaf_rows_step(&l->rows) : 0;
}

static double load(const snug_call *c, int input, int64_t i)
{
    return snug_load(&c->in[input], i);
}

static void put(const snug_tensor *t, int64_t i, double v)
{
    if (t->data) snug_store(t, i, v);
}

/* ---- cosine embedding -------------------------------------------------------------------------
 */

static const snug_attr cosine_attrs[] = {
    ATTR_FLOAT(snug_loss_attrs, margin, -1, 1, 0, "cosines of unlike rows below it count nothing"),
    {0}};

static snug_status check_signs(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape, *y = &f->in[2].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(rows_shape(f, 2));
    bool same = y->n_dims == x->n_dims - 1 && f->in[2].dtype == SNUG_I32;
    for (int d = 0; same && d < y->n_dims; d++)
        same = y->dim[d] == x->dim[d] && y->kind[d] == x->kind[d];
    CHECK(same, SNUG_ESHAPE, "'%s': labels are %s %s, but rows %s need one i32 each", f->name,
          snug_dtype_get(f->in[2].dtype)->name, snug_shape_text(y, a, sizeof a),
          snug_shape_text(x, b, sizeof b));
    return SNUG_OK;
}

static snug_status cosine_shape(snug_infer *f)
{
    TRY(check_signs(f));
    f->out[0] = scalar_like(&f->in[0]);
    return SNUG_OK;
}

static snug_status cosine_grad_shape(snug_infer *f)
{
    TRY(check_signs(f));
    TRY(snug_infer_scalar(f, 3));
    f->out[0] = f->out[1] = f->in[0];
    return SNUG_OK;
}

static snug_status cosine_gradient(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->in[0], g->in[1], g->in[2], g->dout[0]}, *out[SNUG_MAX_OUT];
    TRY(snug_apply_all(g->graph, &snug_op_cosine_embedding_grad, NULL, g->attrs, 4, in, out));
    g->din[0] = out[0], g->din[1] = out[1];
    return SNUG_OK;
}

/* Cosine of the two rows, and their squared lengths. */
typedef struct cosine {
    double c, aa, bb;
} cosine;

static cosine cosine_of(const row_losses *l, int64_t row)
{
    cosine k = {.aa = COSINE_EPSILON, .bb = COSINE_EPSILON};
    for (int64_t i = row * l->n; i < (row + 1) * l->n; i++) {
        double a = load(l->c, 0, i), b = load(l->c, 1, i);
        k.c += a * b, k.aa += a * a, k.bb += b * b;
    }
    k.c /= sqrt(k.aa * k.bb);
    return k;
}

/* dloss/dc of a row: 0 where the margin is kept or the label is neither 1 nor -1. */
static double cosine_sign(const row_losses *l, int64_t row, double c)
{
    double label = load(l->c, 2, row), margin = ((const snug_loss_attrs *)l->c->attrs)->margin;
    if (label == 1) return -1;
    return label == -1 && !(c <= margin) ? 1 : 0;
}

static double cosine_value(const row_losses *l, int64_t row)
{
    double c = cosine_of(l, row).c, sign = cosine_sign(l, row, c);
    double margin = ((const snug_loss_attrs *)l->c->attrs)->margin;
    return sign < 0 ? 1 - c : sign > 0 ? c - margin : 0;
}

static void cosine_ref(const snug_call *c)
{
    row_losses l = losses_of(c);
    l.value = cosine_value;
    snug_store(&c->out[0], 0, leaf_sum(&l.rows, c->out[0].type.dtype, row_partial, &l));
}

static void cosine_grad_ref(const snug_call *c)
{
    row_losses l = losses_of(c);
    double scale = load(c, 3, 0) / leaf_rows_step(&l.rows);
    for (int64_t r = 0; r < l.rows.n_rows; r++) {
        cosine k = cosine_of(&l, r);
        double slope = cosine_sign(&l, r, k.c) * scale, root = sqrt(k.aa * k.bb);
        for (int64_t i = r * l.n; i < (r + 1) * l.n; i++) {
            double a = load(c, 0, i), b = load(c, 1, i);
            snug_store(&c->out[0], i, slope * (b / root - k.c * a / k.aa));
            put(&c->out[1], i, slope * (a / root - k.c * b / k.bb));
        }
    }
}

static const snug_loss_attrs none = {.margin = 0}, low = {.margin = -0.3}, far = {.margin = 1};

/* Labels -1 do not come from a case's fill: 1 and others, which count 0. Golden files have -1. */
static const snug_case cosine_cases[] = {
    {.name = "odd",
     .attrs = &low,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), LABELS(7, 2))},
    {.name = "tokens",
     .attrs = &none,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 4, 9), BATCH(3, 4, 9), INDICES(2, 3, 4))},
    {0}};

static const snug_case cosine_grad_cases[] = {
    {.name = "odd",
     .attrs = &low,
     .n_in = 4,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), LABELS(7, 2), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_cosine_embedding = {
    .name = "cosine_embedding",
    .doc =
        "cosine_embedding(a [.., C], b [.., C], labels i32 [..]) -> loss []\n"
        "loss = the mean over the rows of the step's batch of 1 - c for a label 1 and\n"
        "max(0, c - margin) for -1, c the cosine of the two rows; this call's part of it. Other\n"
        "labels count 0.\n"
        "Gradient: cosine_embedding_grad(a, b, labels, dloss).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = cosine_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = cosine_shape,
    .axes = sum_axes,
    .grad = cosine_gradient,
    .cost = rows_cost,
    .ref = cosine_ref,
    .cases = cosine_cases};

const snug_op snug_op_cosine_embedding_grad = {
    .name = "cosine_embedding_grad",
    .doc =
        "cosine_embedding_grad(a [.., C], b [.., C], labels i32 [..], dloss []) -> da, db\n"
        "da = s (b / (A B) - c a / A^2) * dloss / rows of the step's batch, A and B the lengths,\n"
        "s = -1 for a label 1, 1 for a label -1 whose c is above the margin, else 0; db likewise.",
    .n_in_min = 4,
    .n_in_max = 4,
    .n_out = 2,
    .flags = SNUG_OP_BACKWARD,
    .attrs = cosine_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = cosine_grad_shape,
    .axes = slope_axes,
    .cost = rows_cost,
    .ref = cosine_grad_ref,
    .cases = cosine_grad_cases};

/* ---- triplet margin ---------------------------------------------------------------------------
 */

static const snug_attr triplet_attrs[] = {
    ATTR_FLOAT(snug_loss_attrs, margin, 0, 1e6, 1,
               "how much nearer the positive row must be than the negative"),
    {0}};

static snug_status triplet_shape(snug_infer *f)
{
    TRY(rows_shape(f, 3));
    f->out[0] = scalar_like(&f->in[0]);
    return SNUG_OK;
}

static snug_status triplet_grad_shape(snug_infer *f)
{
    TRY(rows_shape(f, 3));
    TRY(snug_infer_scalar(f, 3));
    for (int o = 0; o < 3; o++) f->out[o] = f->in[0];
    return SNUG_OK;
}

static snug_status triplet_gradient(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->in[0], g->in[1], g->in[2], g->dout[0]}, *out[SNUG_MAX_OUT];
    TRY(snug_apply_all(g->graph, &snug_op_triplet_margin_grad, NULL, g->attrs, 4, in, out));
    for (int i = 0; i < 3; i++) g->din[i] = out[i];
    return SNUG_OK;
}

/* Distance of a row of the anchor from that of input `to`. */
static double distance(const row_losses *l, int64_t row, int to)
{
    double sum = 0;
    for (int64_t i = row * l->n; i < (row + 1) * l->n; i++) {
        double d = load(l->c, 0, i) - load(l->c, to, i) + TRIPLET_EPSILON;
        sum += d * d;
    }
    return sqrt(sum);
}

static double triplet_value(const row_losses *l, int64_t row)
{
    double margin = ((const snug_loss_attrs *)l->c->attrs)->margin;
    double v = distance(l, row, 1) - distance(l, row, 2) + margin;
    return v > 0 || v != v ? v : 0;
}

static void triplet_ref(const snug_call *c)
{
    row_losses l = losses_of(c);
    l.value = triplet_value;
    snug_store(&c->out[0], 0, leaf_sum(&l.rows, c->out[0].type.dtype, row_partial, &l));
}

static void triplet_grad_ref(const snug_call *c)
{
    row_losses l = losses_of(c);
    double scale = load(c, 3, 0) / leaf_rows_step(&l.rows);
    for (int64_t r = 0; r < l.rows.n_rows; r++) {
        double near = distance(&l, r, 1), away = distance(&l, r, 2);
        double slope = triplet_value(&l, r) > 0 ? scale : 0;
        for (int64_t i = r * l.n; i < (r + 1) * l.n; i++) {
            double u = load(c, 0, i) - load(c, 1, i) + TRIPLET_EPSILON;
            double v = load(c, 0, i) - load(c, 2, i) + TRIPLET_EPSILON;
            u = near > 0 ? slope * u / near : 0, v = away > 0 ? slope * v / away : 0;
            snug_store(&c->out[0], i, u - v);
            put(&c->out[1], i, -u);
            put(&c->out[2], i, v);
        }
    }
}

static const snug_case triplet_cases[] = {
    {.name = "odd",
     .attrs = &far,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), BATCH(7, 13))},
    {.name = "tokens",
     .attrs = &none,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 4, 9), BATCH(3, 4, 9), BATCH(3, 4, 9))},
    {0}};

static const snug_case triplet_grad_cases[] = {
    {.name = "odd",
     .attrs = &far,
     .n_in = 4,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), BATCH(7, 13), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_triplet_margin = {
    .name = "triplet_margin",
    .doc =
        "triplet_margin(anchor [.., C], positive [.., C], negative [.., C]) -> loss []\n"
        "loss = the mean over the rows of the step's batch of max(0, d(anchor, positive) -\n"
        "d(anchor, negative) + margin), d(a, b) the length of a - b + 1e-6; this call's part of\n"
        "it (Balntas et al. 2016).\n"
        "Gradient: triplet_margin_grad(anchor, positive, negative, dloss).",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 1,
    .attrs = triplet_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = triplet_shape,
    .axes = sum_axes,
    .grad = triplet_gradient,
    .cost = rows_cost,
    .ref = triplet_ref,
    .cases = triplet_cases};

const snug_op snug_op_triplet_margin_grad = {
    .name = "triplet_margin_grad",
    .doc =
        "triplet_margin_grad(anchor, positive, negative [.., C], dloss [])\n"
        "-> danchor, dpositive, dnegative\n"
        "With u = (anchor - positive + 1e-6) / its length and v likewise of the negative:\n"
        "danchor = u - v, dpositive = -u, dnegative = v, times dloss / rows of the step's batch,\n"
        "where the loss of the row is not 0.",
    .n_in_min = 4,
    .n_in_max = 4,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD,
    .attrs = triplet_attrs,
    .attrs_bytes = sizeof(snug_loss_attrs),
    .shape = triplet_grad_shape,
    .axes = slope_axes,
    .cost = rows_cost,
    .ref = triplet_grad_ref,
    .cases = triplet_grad_cases};
