/* SPDX-License-Identifier: Apache-2.0 */
/* Cross entropy of softmax along the last axis against class labels. With y the label of a row, w
 * the weights of the classes (1 without), s the label smoothing (Szegedy et al. 2016):
 *     p[c] = exp(x[c] - max) / sum,  sum = sum_c exp(x[c] - max),  L[c] = log(sum) - (x[c] - max)
 *     loss of the row = (1 - s) w[y] L[y] + s / C sum_c w[c] L[c]
 *     dx[c] = (1 - s) w[y] (p[c] - 1 if c = y) + s / C (p[c] sum_k w[k] - w[c])
 * so that a probability that underflows gives a finite loss. A label that is no class counts 0.
 * The focal loss (Lin et al. 2017) has F = (1 - p[y])^gamma L[y] in the place of L[y], and in the
 * slope its factor dF/dL = (1 - p[y])^gamma + gamma (1 - p[y])^(gamma - 1) p[y] L[y].
 *
 * The divisor of the mean must be known before the first micro-batch of a step has run. Without
 * `total` it is the number of rows of the step, rows without a class included. `total` is that of
 * the weights of all labels of the step that are classes, when whoever makes the batch counts them:
 * then the loss is the mean over those rows, as PyTorch has it (ignore_index, weight). */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include "ops/softmax_row.h"

static const snug_attr attrs[] = {
    ATTR_FLOAT(snug_cross_entropy_attrs, label_smoothing, 0, 1, 0,
               "share of the target spread evenly over the classes"),
    ATTR_FLOAT(snug_cross_entropy_attrs, gamma, 0, 10, 0,
               "focal loss: how much less a label that is likely already counts"),
    {0}};

/* ---- types ------------------------------------------------------------------------------------
 */

/* Input 0 is [.., C], input 1 the labels of its rows. */
static snug_status check_labels(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape, *l = &f->in[1].shape;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(softmax_check_classes(f, 0));
    bool same = l->n_dims == x->n_dims - 1;
    for (int d = 0; same && d < l->n_dims; d++)
        same = l->dim[d] == x->dim[d] && l->kind[d] == x->kind[d];
    CHECK(same, SNUG_ESHAPE,
          "cross entropy '%s': labels are %s, but logits %s need one for each row", f->name,
          snug_shape_text(l, b, sizeof b), snug_shape_text(x, a, sizeof a));
    CHECK(f->in[1].dtype == SNUG_I32, SNUG_ESHAPE,
          "cross entropy '%s': labels %s must be i32, not %s (logits are %s)", f->name,
          snug_shape_text(l, b, sizeof b), snug_dtype_get(f->in[1].dtype)->name,
          snug_shape_text(x, a, sizeof a));
    return SNUG_OK;
}

/* What may follow from input `first` on: weights [C], total []. */
static snug_status check_options(const snug_infer *f, int first)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    int i = first;
    if (i < f->n_in && f->in[i].shape.n_dims > 0) {
        TRY(snug_infer_float(f, i, -1));
        TRY(snug_infer_vector(f, i, 0));
        i++;
    }
    if (i < f->n_in) TRY(snug_infer_scalar(f, i++));
    CHECK(i == f->n_in, SNUG_ESHAPE,
          "cross entropy '%s': input %d is %s, but after logits %s and labels come weights, one "
          "for each class, and then a total, one number",
          f->name, i, snug_shape_text(&f->in[i].shape, a, sizeof a),
          snug_shape_text(&f->in[0].shape, b, sizeof b));
    return SNUG_OK;
}

static snug_status entropy_shape(snug_infer *f)
{
    TRY(check_labels(f));
    TRY(check_options(f, 2));
    f->out[0] = (snug_type){.shape = snug_shape_scalar(),
                            .dtype = f->in[0].dtype == SNUG_F64 ? SNUG_F64 : SNUG_F32};
    f->out[1] = f->in[0];
    return SNUG_OK;
}

static snug_status entropy_grad_shape(snug_infer *f)
{
    TRY(check_labels(f));
    TRY(snug_infer_scalar(f, 2));
    TRY(check_options(f, 3));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int entropy_axes(const snug_sig *s, snug_axis_use *u)
{
    int rows = s->in[1].shape.n_dims;
    int n = snug_use_leading(s, u, 0, 1, 0, rows);
    n = snug_use_leading(s, u, n, 1, 1, rows);
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
    snug_value *in[5] = {g->out[1], g->in[1], g->dout[0]};
    for (int i = 2; i < g->n_in; i++) {
        CHECK(!g->need[i], SNUG_EUNSUPPORTED,
              "class weights and totals of softmax_cross_entropy have no gradient");
        in[i + 1] = g->in[i];
    }
    if (!g->dout[0]) return SNUG_OK;
    return snug_apply_all(g->graph, &snug_op_softmax_cross_entropy_grad, NULL, g->attrs,
                          g->n_in + 1, in, &g->din[0]);
}

static snug_cost entropy_cost(const snug_sig *s)
{
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->in[0].shape));
}

/* ---- references -------------------------------------------------------------------------------
 */

/* A call's rows and how they count. */
typedef struct entropy {
    const snug_call *c;
    leaf_rows rows;
    int64_t n_classes;
    const snug_tensor *weights; /* NULL: 1 each */
    double weight_sum, divisor; /* of all classes; of the mean */
    double on_label, on_each;   /* 1 - s; s / C */
    double gamma;
} entropy;

static double weight_of(const entropy *e, int64_t c)
{
    return e->weights ? snug_load(e->weights, c) : 1;
}

static entropy entropy_of(const snug_call *c, int options)
{
    const snug_shape *x = &c->in[0].type.shape;
    const snug_cross_entropy_attrs *a = c->attrs;
    entropy e = {.c = c, .rows = leaf_rows_of(c, x, x->n_dims - 1)};
    e.n_classes = snug_shape_last(x);
    e.gamma = a->gamma;
    e.on_label = 1 - a->label_smoothing;
    e.on_each = a->label_smoothing / (double)e.n_classes;
    e.divisor = leaf_rows_step(&e.rows);
    if (options < c->n_in && c->in[options].type.shape.n_dims > 0) e.weights = &c->in[options++];
    if (options < c->n_in) e.divisor = snug_load(&c->in[options], 0);
    if (!(e.divisor > 0)) e.divisor = 1; /* no row counts: nothing to divide */
    for (int64_t k = 0; k < e.n_classes; k++) e.weight_sum += weight_of(&e, k);
    return e;
}

/* Label of row r, or -1 for one that is no class. */
static int64_t label_of(const entropy *e, int64_t r)
{
    int64_t label = (int64_t)snug_load(&e->c->in[1], r);
    return label >= 0 && label < e->n_classes ? label : -1;
}

/* What the label's own loss becomes: (1 - e^-loss)^gamma loss. */
static double focal(double gamma, double loss)
{
    return gamma > 0 ? pow(-expm1(-loss), gamma) * loss : loss;
}

static double focal_slope(double gamma, double p)
{
    double miss = 1 - p;
    if (gamma == 0) return 1;
    if (!(p > 0) || !(miss > 0)) return miss; /* its limits, NaN kept */
    return pow(miss, gamma) * (1 - gamma * p * log(p) / miss);
}

static double row_loss(const entropy *e, int64_t r, int64_t label)
{
    softmax_row w = softmax_row_of(&e->c->in[0], r, e->n_classes);
    double log_sum = log(w.sum);
    double loss = e->on_label * weight_of(e, label) *
                  focal(e->gamma, log_sum - (snug_load(w.x, w.first + label) - w.max));
    for (int64_t c = 0; c < e->n_classes && e->on_each > 0; c++)
        loss += e->on_each * weight_of(e, c) * (log_sum - (snug_load(w.x, w.first + c) - w.max));
    return loss;
}

/* Loss of rows [begin, end), over the divisor of the whole step. */
static double loss_partial(const void *arg, int64_t begin, int64_t end)
{
    const entropy *e = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) {
        int64_t label = label_of(e, r);
        if (label >= 0) sum += row_loss(e, r, label);
    }
    return begin < end ? sum / e->divisor : 0;
}

/* Probabilities may be the logits: losses come first. */
static void entropy_ref(const snug_call *c)
{
    entropy e = entropy_of(c, 2);
    snug_store(&c->out[0], 0, leaf_sum(&e.rows, c->out[0].type.dtype, loss_partial, &e));
    for (int64_t r = 0; r < e.rows.n_rows && c->out[1].data; r++) {
        softmax_row w = softmax_row_of(&c->in[0], r, e.n_classes);
        softmax_row_put(&w, &c->out[1]);
    }
}

static void row_gradient(const entropy *e, int64_t r, double scale)
{
    int64_t first = r * e->n_classes, label = label_of(e, r);
    double on_label = 0;
    if (label >= 0)
        on_label = e->on_label * weight_of(e, label) *
                   focal_slope(e->gamma, snug_load(&e->c->in[0], first + label));
    for (int64_t k = 0; k < e->n_classes; k++) {
        double p = snug_load(&e->c->in[0], first + k), d = 0;
        if (label >= 0) d = on_label * (p - (k == label ? 1 : 0));
        if (label >= 0 && e->on_each > 0) d += e->on_each * (p * e->weight_sum - weight_of(e, k));
        snug_store(&e->c->out[0], first + k, d * scale);
    }
}

static void entropy_grad_ref(const snug_call *c)
{
    entropy e = entropy_of(c, 3);
    double scale = snug_load(&c->in[2], 0) / e.divisor;
    for (int64_t r = 0; r < e.rows.n_rows; r++) row_gradient(&e, r, scale);
}

/* ---- cases ------------------------------------------------------------------------------------
 */

static const snug_cross_entropy_attrs smooth = {.label_smoothing = 0.1},
                                      uniform = {.label_smoothing = 1}, focal_2 = {.gamma = 2},
                                      focal_smooth = {.label_smoothing = 0.1, .gamma = 0.5};

#define WEIGHTS(c) GIVEN_OF(POSITIVE, c)
#define TOTAL      GIVEN_SCALAR_OF(POSITIVE)

static const snug_case entropy_cases[] = {
    {.name = "one", .n_in = 2, .in = INPUTS(BATCH(1, 1), LABELS(1, 1))},
    {.name = "odd", .n_in = 2, .in = INPUTS(BATCH(7, 13), LABELS(7, 13))},
    {.name = "no class", .n_in = 2, .in = INPUTS(BATCH(7, 3), LABELS(7, 5))},
    {.name = "many classes", .n_in = 2, .in = INPUTS(BATCH(3, 1000), LABELS(3, 1000))},
    {.name = "tokens", .n_in = 2, .in = INPUTS(BATCH(3, 5, 19), INDICES(19, 3, 5))},
    {.name = "smooth", .attrs = &smooth, .n_in = 2, .in = INPUTS(BATCH(7, 13), LABELS(7, 13))},
    {.name = "uniform", .attrs = &uniform, .n_in = 2, .in = INPUTS(BATCH(3, 50), LABELS(3, 50))},
    {.name = "weights", .n_in = 3, .in = INPUTS(BATCH(7, 13), LABELS(7, 15), WEIGHTS(13))},
    {.name = "focal", .attrs = &focal_2, .n_in = 2, .in = INPUTS(BATCH(7, 13), LABELS(7, 15))},
    {.name = "focal and smooth",
     .attrs = &focal_smooth,
     .n_in = 3,
     .in = INPUTS(BATCH(4, 3, 9), INDICES(9, 4, 3), WEIGHTS(9))},
    {.name = "total", .n_in = 3, .in = INPUTS(BATCH(4, 3, 9), INDICES(11, 4, 3), TOTAL)},
    {.name = "all",
     .attrs = &smooth,
     .n_in = 4,
     .in = INPUTS(BATCH(3, 4, 70), INDICES(75, 3, 4), WEIGHTS(70), TOTAL)},
    {.name = "mlp", .bench = true, .n_in = 2, .in = INPUTS(BATCH(64, 10), LABELS(64, 10))},
    {.name = "gpt2", .bench = true, .n_in = 2, .in = INPUTS(BATCH(8, 50257), LABELS(8, 50257))},
    {0}};

static const snug_case entropy_grad_cases[] = {
    {.name = "one", .n_in = 3, .in = INPUTS(BATCH_OF(UNIT, 1, 1), LABELS(1, 1), SCALAR_OF(NORMAL))},
    {.name = "odd",
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 7, 13), LABELS(7, 13), SCALAR_OF(NORMAL))},
    {.name = "no class",
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 7, 3), LABELS(7, 5), SCALAR_OF(NORMAL))},
    {.name = "tokens",
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 3, 5, 19), INDICES(19, 3, 5), SCALAR_OF(NORMAL))},
    {.name = "smooth",
     .attrs = &smooth,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 7, 13), LABELS(7, 13), SCALAR_OF(NORMAL))},
    {.name = "weights",
     .n_in = 4,
     .in = INPUTS(BATCH_OF(UNIT, 7, 13), LABELS(7, 15), SCALAR_OF(NORMAL), WEIGHTS(13))},
    {.name = "focal",
     .attrs = &focal_2,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 7, 13), LABELS(7, 15), SCALAR_OF(NORMAL))},
    {.name = "focal and smooth",
     .attrs = &focal_smooth,
     .n_in = 4,
     .in = INPUTS(BATCH_OF(UNIT, 4, 3, 9), INDICES(9, 4, 3), SCALAR_OF(NORMAL), WEIGHTS(9))},
    {.name = "all",
     .attrs = &smooth,
     .n_in = 5,
     .in = INPUTS(BATCH_OF(UNIT, 3, 4, 70), INDICES(75, 3, 4), SCALAR_OF(NORMAL), WEIGHTS(70),
                  TOTAL)},
    {.name = "mlp",
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 64, 10), LABELS(64, 10), SCALAR_OF(NORMAL))},
    {.name = "gpt2",
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(UNIT, 8, 50257), LABELS(8, 50257), SCALAR_OF(NORMAL))},
    {0}};

const snug_op snug_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .doc = "softmax_cross_entropy(logits [.., C], labels i32 [..][, weights [C]][, total []])\n"
           "-> loss [], probabilities [.., C]\n"
           "loss = the mean over the step's rows of -w[label] log softmax(logits)[label]; this\n"
           "call's part of it. w: weights of the classes, 1 without. With label smoothing s the\n"
           "target is (1 - s) onehot(label) + s / C (Szegedy et al. 2016). With gamma the label's\n"
           "part counts (1 - p[label])^gamma times: the focal loss (Lin et al. 2017). A label\n"
           "outside 0..C-1 counts 0. The mean divides by the number of rows of the step, or by "
           "`total`: the sum\n"
           "of w[label] over the labels of the whole step that are classes, which gives the mean\n"
           "over these alone. The probabilities may take the place of the logits.\n"
           "Gradient: softmax_cross_entropy_grad(probabilities, labels, dloss, ..); weights and\n"
           "total have none.",
    .n_in_min = 2,
    .n_in_max = 4,
    .n_out = 2,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_cross_entropy_attrs),
    .inplace = {0, 1},
    .shape = entropy_shape,
    .axes = entropy_axes,
    .grad = entropy_grad,
    .cost = entropy_cost,
    .ref = entropy_ref,
    .cases = entropy_cases};

const snug_op snug_op_softmax_cross_entropy_grad = {
    .name = "softmax_cross_entropy_grad",
    .doc = "softmax_cross_entropy_grad(probabilities [.., C], labels i32 [..], dloss []\n"
           "[, weights [C]][, total []]) -> dlogits\n"
           "dlogits = ((1 - s) w[label] (probabilities - onehot(label)) + s / C (probabilities *\n"
           "sum(w) - w)) * dloss / divisor of the mean; 0 for a label outside 0..C-1. With gamma\n"
           "the label's part has the factor q^gamma - gamma q^(gamma - 1) p log p, p the label's\n"
           "probability, q = 1 - p.",
    .n_in_min = 3,
    .n_in_max = 5,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_cross_entropy_attrs),
    .inplace = {1},
    .shape = entropy_grad_shape,
    .axes = entropy_grad_axes,
    .cost = snug_cost_elementwise,
    .ref = entropy_grad_ref,
    .cases = entropy_grad_cases};
