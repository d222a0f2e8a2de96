/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation with fixed statistics, and folding it into the weights before it:
 *     y = act(x * s + (beta - mean * s)),  s = gamma / sqrt(var + epsilon). */
#include "ops/activation.h"
#include "ops/cases.h"
#include "ops/rules.h"

static const snug_attr attrs[] = {
    ATTR_FLOAT(snug_batch_norm_attrs, momentum, 0, 1, 0.1, "of training; without effect here"),
    ATTR_FLOAT(snug_batch_norm_attrs, epsilon, 0, 1, 1e-5, "added to the variance"),
    ATTR_ACT(snug_batch_norm_attrs, ACT_RELU6),
    {0}};

static const snug_attr fold_attrs[] = {
    ATTR_FLOAT(snug_fold_attrs, epsilon, 0, 1, 1e-5, "added to the variance"), {0}};

static snug_status check_vectors(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 2 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "'%s': input %s must have two axes or more and a last one of fixed length", f->name,
          snug_shape_text(x, text, sizeof text));
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < f->n_in; i++) {
        TRY(snug_infer_float(f, i, 1));
        TRY(snug_infer_vector(f, i, 0));
    }
    return SNUG_OK;
}

static snug_status inference_shape(snug_infer *f)
{
    TRY(check_vectors(f));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static snug_status fold_shape(snug_infer *f)
{
    TRY(check_vectors(f));
    f->out[0] = f->in[0];
    f->out[1] = f->in[1];
    return SNUG_OK;
}

static int inference_axes(const snug_sig *s, snug_axis_use *u)
{
    int last = s->in[0].shape.n_dims - 1;
    int n = snug_use_leading(s, u, 0, 0, 0, last + 1);
    for (int i = 1; i < s->n_in; i++) n = snug_use_axis(u, n, 0, last, i, 0);
    return n;
}

static int fold_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = inference_axes(s, u);
    n = snug_use_axis(u, n, 1, 0, 0, s->in[0].shape.n_dims - 1);
    for (int i = 1; i < s->n_in; i++) n = snug_use_axis(u, n, 1, 0, i, 0);
    return n;
}

static snug_cost inference_cost(const snug_sig *s)
{
    return snug_cost_of(s, 2 * (double)snug_shape_elements(&s->out[0].shape));
}

static double scale_of(const snug_call *c, int64_t ch, double epsilon)
{
    return snug_load(&c->in[1], ch) / sqrt(snug_load(&c->in[4], ch) + epsilon);
}

static void inference_ref(const snug_call *c)
{
    const snug_batch_norm_attrs *a = c->attrs;
    int64_t n_channels = snug_shape_last(&c->in[0].type.shape);
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++) {
        int64_t ch = i % n_channels;
        double x = snug_load(&c->in[0], i) - snug_load(&c->in[3], ch);
        double y = x * scale_of(c, ch, a->epsilon) + snug_load(&c->in[2], ch);
        snug_store(&c->out[0], i, act_apply(a->act, y));
    }
}

static void fold_ref(const snug_call *c)
{
    const snug_fold_attrs *a = c->attrs;
    int64_t n_channels = snug_shape_last(&c->in[0].type.shape);
    int64_t n = snug_shape_elements(&c->in[0].type.shape);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i,
                   snug_load(&c->in[0], i) * scale_of(c, i % n_channels, a->epsilon));
    for (int64_t ch = 0; ch < n_channels; ch++) {
        double bias = c->n_in > 5 ? snug_load(&c->in[5], ch) : 0;
        double moved = (bias - snug_load(&c->in[3], ch)) * scale_of(c, ch, a->epsilon);
        snug_store(&c->out[1], ch, snug_load(&c->in[2], ch) + moved);
    }
}

static const snug_batch_norm_attrs plain = {.momentum = 0.1, .epsilon = 1e-5},
                                   relu = {.momentum = 0.1, .epsilon = 1e-3, .act = ACT_RELU},
                                   relu6 = {.momentum = 0.1, .epsilon = 1e-5, .act = ACT_RELU6};
static const snug_fold_attrs fold = {.epsilon = 1e-5};

#define CHANNELS(c) FIXED_OF(POSITIVE, c), FIXED(c), FIXED(c), FIXED_OF(POSITIVE, c)

static const snug_case cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 5, .in = INPUTS(BATCH(1, 1), CHANNELS(1))},
    {.name = "odd", .attrs = &plain, .n_in = 5, .in = INPUTS(BATCH(7, 13), CHANNELS(13))},
    {.name = "relu", .attrs = &relu, .n_in = 5, .in = INPUTS(BATCH(3, 5, 2, 9), CHANNELS(9))},
    {.name = "relu6",
     .attrs = &relu6,
     .n_in = 5,
     .in = INPUTS(BATCH(3, 5, 2, 9), {CASE_DIMS(9), .fill = SNUG_FILL_INDEX, .index_below = 9},
                  FIXED(9), FIXED(9), FIXED_OF(POSITIVE, 9))},
    {.name = "resnet8 1",
     .attrs = &plain,
     .bench = true,
     .n_in = 5,
     .in = INPUTS(BATCH(32, 32, 32, 16), CHANNELS(16))},
    {0}};

static const snug_case fold_cases[] = {
    {.name = "matrix", .attrs = &fold, .n_in = 5, .in = INPUTS(FIXED(7, 13), CHANNELS(13))},
    {.name = "convolution",
     .attrs = &fold,
     .n_in = 6,
     .in = INPUTS(FIXED(3, 3, 2, 9), CHANNELS(9), FIXED(9))},
    {0}};

const snug_op snug_op_batch_norm_inference = {
    .name = "batch_norm_inference",
    .doc =
        "batch_norm_inference(x [.., C], gamma, beta, running_mean, running_var [C]) -> y [.., C]\n"
        "y = act(gamma * (x - running_mean) / sqrt(running_var + epsilon) + beta).\n"
        "No gradient: training uses batch_norm (Ioffe and Szegedy 2015).",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_batch_norm_attrs),
    .inplace = {1},
    .shape = inference_shape,
    .axes = inference_axes,
    .cost = inference_cost,
    .ref = inference_ref,
    .cases = cases};

const snug_op snug_op_batch_norm_fold = {
    .name = "batch_norm_fold",
    .doc =
        "batch_norm_fold(w [.., C], gamma, beta, mean, var [C], bias [C]?) -> w' [.., C], bias' "
        "[C]\n"
        "w' = w * s, bias' = beta + (bias - mean) * s, s = gamma / sqrt(var + epsilon): a product\n"
        "or convolution with w' and bias' does what w, bias and batch_norm_inference do.\n"
        "No gradient.",
    .n_in_min = 5,
    .n_in_max = 6,
    .n_out = 2,
    .attrs = fold_attrs,
    .attrs_bytes = sizeof(snug_fold_attrs),
    .shape = fold_shape,
    .axes = fold_axes,
    .cost = inference_cost,
    .ref = fold_ref,
    .cases = fold_cases};
