/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation in parts (batch_norm.c has the whole): what is made of each sample alone and
 * what is merged over all of them are operators of their own, so that samples can be taken one
 * after the other through several operators. With m rows a sample, N samples:
 *     mean = sum mean_n / N,  var = sum (var_n + (mean_n - mean)^2) / N
 *     dbeta = sum dy,  dgamma = inv_std * sum dy (x - mean),  over all N m rows
 *     dx = scale * dy + slope * (x - mean) + shift,  scale = gamma * inv_std,
 *     slope = -scale * inv_std * dgamma / (N m),  shift = -scale * dbeta / (N m)
 * batch_norm_again is the last part of the forward pass. */
#include "ops/activation.h"
#include "ops/batch_norm.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"

static const snug_attr act_attrs[] = {ATTR_ACT(snug_batch_norm_attrs, ACT_RELU6), {0}};

static const snug_attr merge_attrs[] = {
    ATTR_FLOAT(snug_batch_norm_merge_attrs, momentum, 0, 1, 0.1, "how far running statistics move"),
    ATTR_FLOAT(snug_batch_norm_merge_attrs, epsilon, 0, 1, 1e-5, "added to the variance"),
    ATTR_INT(snug_batch_norm_merge_attrs, rows, 1, MAX_EXTENT, 1, "rows of a sample"),
    {0}};

static const snug_attr grad_merge_attrs[] = {
    ATTR_INT(snug_batch_norm_merge_attrs, rows, 1, MAX_EXTENT, 1, "rows of a sample"), {0}};

/* ---- rules ------------------------------------------------------------------------------------
 */

static snug_status partials_shape(snug_infer *f)
{
    TRY(snug_batch_norm_check(f, f->n_in > 1 ? 2 : 1));
    const snug_shape *x = &f->in[0].shape;
    f->out[0] = (snug_type){.dtype = f->in[0].dtype, .shape.n_dims = 3};
    f->out[0].shape.dim[0] = x->dim[0], f->out[0].shape.kind[0] = x->kind[0];
    f->out[0].shape.dim[1] = 2;
    f->out[0].shape.dim[2] = snug_shape_last(x);
    return SNUG_OK;
}

/* Partials, and vectors along their last axis. */
static snug_status merge_shape(snug_infer *f)
{
    char text[SNUG_SHAPE_TEXT];
    const snug_shape *p = &f->in[0].shape;
    CHECK(p->n_dims == 3 && p->dim[1] == 2 && p->kind[2] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "'%s': input 0 is %s, but must be [N, 2, C]", f->name,
          snug_shape_text(p, text, sizeof text));
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < f->n_in; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_vector(f, i, 0));
    }
    for (int o = 0; o < f->n_out; o++) f->out[o] = f->in[1];
    return SNUG_OK;
}

static snug_status apply_shape(snug_infer *f)
{
    TRY(snug_batch_norm_check(f, 2));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

/* Samples follow to samples; what is within one is whole. */
static int partials_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = snug_use_batch(s, u, 0, 0, 0);
    if (s->n_in > 1) n = snug_use_batch(s, u, n, 0, 1);
    return snug_batch_norm_channels(s, u, n, 0);
}

static int merge_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++) n = snug_batch_norm_channels(s, u, n, o);
    return n;
}

/* dgamma and dbeta are sums over samples. */
static int grad_merge_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = merge_axes(s, u);
    for (int o = 0; o < 2; o++) n = snug_use_axis(u, n, o, -1, 0, 0);
    return n;
}

static int apply_axes(const snug_sig *s, snug_axis_use *u)
{
    int last = s->in[0].shape.n_dims - 1;
    int n = snug_use_leading(s, u, 0, 0, 0, last);
    n = snug_use_leading(s, u, n, 0, 1, last);
    return snug_batch_norm_channels(s, u, n, 0);
}

static snug_cost parts_cost(const snug_sig *s)
{
    return snug_cost_of(s, 5 * (double)snug_shape_elements(&s->in[0].shape));
}

/* ---- references -------------------------------------------------------------------------------
 */

/* One channel: its rows of x and dy, and what its gradient needs. */
typedef struct channel {
    const snug_call *call;
    int64_t c, n_channels, act;
    double mean, inv_std, gamma, beta;
} channel;

static double x_at(const channel *k, int64_t row)
{
    return snug_load(&k->call->in[0], row * k->n_channels + k->c);
}

/* dy before the activation. */
static double dy_at(const channel *k, int64_t row)
{
    double dy = snug_load(&k->call->in[1], row * k->n_channels + k->c);
    double xhat = (x_at(k, row) - k->mean) * k->inv_std;
    return act_mask(k->act, k->gamma * xhat + k->beta, dy);
}

static void statistics_of(const channel *k, int64_t begin, int64_t end, double out[2])
{
    double mean = 0, squares = 0, m = (double)(end - begin);
    for (int64_t r = begin; r < end; r++) mean += x_at(k, r) / m;
    for (int64_t r = begin; r < end; r++) squares += (x_at(k, r) - mean) * (x_at(k, r) - mean);
    out[0] = mean, out[1] = end > begin ? squares / m : 0;
}

static void slopes_of(const channel *k, int64_t begin, int64_t end, double out[2])
{
    out[0] = out[1] = 0;
    for (int64_t r = begin; r < end; r++) {
        out[0] += dy_at(k, r);
        out[1] += dy_at(k, r) * (x_at(k, r) - k->mean);
    }
}

/* Channel c of a call whose inputs behind x and dy are gamma, beta, mean, inv_std. */
static channel channel_of(const snug_call *c, int64_t i)
{
    channel k = {.call = c, .c = i, .n_channels = snug_shape_last(&c->in[0].type.shape)};
    if (c->n_in < 6) return k;
    k.act = ((const snug_batch_norm_attrs *)c->attrs)->act;
    k.gamma = snug_load(&c->in[2], i), k.beta = snug_load(&c->in[3], i);
    k.mean = snug_load(&c->in[4], i), k.inv_std = snug_load(&c->in[5], i);
    return k;
}

static void partials_ref(const snug_call *c)
{
    const snug_shape *p = &c->out[0].type.shape;
    int64_t n_channels = p->dim[2];
    int64_t rows = p->dim[0] > 0 ? snug_shape_rows(&c->in[0].type.shape) / p->dim[0] : 0;
    for (int64_t i = 0; i < p->dim[0] * n_channels; i++) {
        int64_t sample = i / n_channels;
        channel k = channel_of(c, i % n_channels);
        double two[2];
        (c->n_in > 1 ? slopes_of : statistics_of)(&k, sample * rows, (sample + 1) * rows, two);
        for (int j = 0; j < 2; j++)
            snug_store(&c->out[0], (2 * sample + j) * n_channels + k.c, two[j]);
    }
}

static void put(const snug_tensor *t, int64_t i, double v)
{
    if (t->data) snug_store(t, i, v);
}

/* Partial j of a channel's sample. */
static double partial_at(const snug_call *c, int64_t sample, int j, int64_t i)
{
    return snug_load(&c->in[0], (2 * sample + j) * c->in[0].type.shape.dim[2] + i);
}

static void merge_channel(const snug_call *c, int64_t i)
{
    const snug_batch_norm_merge_attrs *a = c->attrs;
    const int64_t n = c->in[0].type.shape.dim[0];
    double mean = 0, var = 0, m = (double)(n * a->rows), move = n > 0 ? a->momentum : 0;
    for (int64_t s = 0; s < n; s++) mean += partial_at(c, s, 0, i) / (double)n;
    for (int64_t s = 0; s < n; s++) {
        double off = partial_at(c, s, 0, i) - mean;
        var += (partial_at(c, s, 1, i) + off * off) / (double)n;
    }
    double unbiased = m > 1 ? var * m / (m - 1) : var;
    double old_mean = snug_load(&c->in[1], i), old_var = snug_load(&c->in[2], i);
    put(&c->out[0], i, mean);
    put(&c->out[1], i, 1 / sqrt(var + a->epsilon));
    put(&c->out[2], i, (1 - move) * old_mean + move * mean);
    put(&c->out[3], i, (1 - move) * old_var + move * unbiased);
}

static void merge_ref(const snug_call *c)
{
    for (int64_t i = 0; i < c->in[0].type.shape.dim[2]; i++) merge_channel(c, i);
}

typedef struct summed {
    const snug_call *call;
    int64_t channel;
    int j;
} summed;

static double sum_partials(const void *arg, int64_t begin, int64_t end)
{
    const summed *k = arg;
    double sum = 0;
    for (int64_t s = begin; s < end; s++) sum += partial_at(k->call, s, k->j, k->channel);
    return sum;
}

static void grad_merge_ref(const snug_call *c)
{
    const snug_batch_norm_merge_attrs *a = c->attrs;
    const snug_shape *p = &c->in[0].type.shape;
    snug_dtype dtype = c->out[0].type.dtype;
    leaf_rows samples = leaf_rows_of(c, p, 1);
    double m = p->dim[0] > 0 ? (double)(p->dim[0] * a->rows) : 1;
    for (int64_t i = 0; i < p->dim[2]; i++) {
        summed k = {.call = c, .channel = i};
        double inv_std = snug_load(&c->in[2], i), scale = snug_load(&c->in[1], i) * inv_std;
        double dbeta = leaf_sum(&samples, dtype, sum_partials, &k);
        k.j = 1;
        double dgamma = inv_std * leaf_sum(&samples, dtype, sum_partials, &k);
        put(&c->out[0], i, dgamma);
        put(&c->out[1], i, dbeta);
        put(&c->out[2], i, -scale * inv_std * dgamma / m);
        put(&c->out[3], i, -scale * dbeta / m);
    }
}

static void apply_ref(const snug_call *c)
{
    int64_t rows = snug_shape_rows(&c->in[0].type.shape);
    for (int64_t i = 0; i < snug_shape_last(&c->in[0].type.shape); i++) {
        channel k = channel_of(c, i);
        double slope = snug_load(&c->in[6], i), shift = snug_load(&c->in[7], i);
        for (int64_t r = 0; r < rows; r++)
            snug_store(&c->out[0], r * k.n_channels + i,
                       k.gamma * k.inv_std * dy_at(&k, r) + slope * (x_at(&k, r) - k.mean) + shift);
    }
}

/* ---- cases ------------------------------------------------------------------------------------
 */

static const snug_batch_norm_attrs none = {.act = ACT_NONE}, relu = {.act = ACT_RELU},
                                   relu6 = {.act = ACT_RELU6};
static const snug_batch_norm_merge_attrs few = {.momentum = 0.1, .epsilon = 1e-5, .rows = 1},
                                         quick = {.momentum = 0.9, .epsilon = 1e-3, .rows = 35};

#define CHANNELS(c) FIXED_OF(POSITIVE, c), FIXED(c), FIXED(c), FIXED_OF(POSITIVE, c)
/* Results go far beyond 6: gamma is a whole number up to 8. */
#define STEEP_CHANNELS(c)                                                                          \
    {CASE_DIMS(c), .fill = SNUG_FILL_INDEX, .index_below = 9}, FIXED(c), FIXED(c),                 \
        FIXED_OF(POSITIVE, c)

static const snug_case cases[] = {
    {.name = "one channel", .n_in = 1, .in = INPUTS(BATCH(3, 7, 1))},
    {.name = "rows", .n_in = 1, .in = INPUTS(BATCH(3, 5))},
    {.name = "image", .n_in = 1, .in = INPUTS(BATCH(3, 5, 3, 9))},
    {.name = "blocks", .n_in = 1, .in = INPUTS(BATCH(2, 13, 11, 68))},
    {.name = "panels", .n_in = 1, .in = INPUTS(BATCH(3, 2, 2, 150))},
    {.name = "fixed", .n_in = 1, .in = INPUTS(FIXED(3, 4, 4))},
    {.name = "resnet8 1", .bench = true, .n_in = 1, .in = INPUTS(BATCH(32, 32, 32, 16))},
    {.name = "mobilenetv2", .bench = true, .n_in = 1, .in = INPUTS(BATCH(16, 24, 24, 144))},
    {0}};

static const snug_case merge_cases[] = {
    {.name = "odd",
     .attrs = &quick,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(POSITIVE, 7, 2, 13), FIXED(13), FIXED_OF(POSITIVE, 13))},
    {.name = "one row",
     .attrs = &few,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(POSITIVE, 1, 2, 3), FIXED(3), FIXED_OF(POSITIVE, 3))},
    {.name = "panels",
     .attrs = &quick,
     .n_in = 3,
     .in = INPUTS(BATCH_OF(POSITIVE, 4, 2, 150), FIXED(150), FIXED_OF(POSITIVE, 150))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one channel",
     .attrs = &none,
     .n_in = 6,
     .in = INPUTS(BATCH(3, 7, 1), BATCH(3, 7, 1), CHANNELS(1))},
    {.name = "relu",
     .attrs = &relu,
     .n_in = 6,
     .in = INPUTS(BATCH(3, 5, 3, 9), BATCH(3, 5, 3, 9), CHANNELS(9))},
    {.name = "blocks",
     .attrs = &relu6,
     .n_in = 6,
     .in = INPUTS(BATCH(2, 13, 11, 68), BATCH(2, 13, 11, 68), STEEP_CHANNELS(68))},
    {.name = "panels",
     .attrs = &relu6,
     .n_in = 6,
     .in = INPUTS(BATCH(3, 2, 2, 150), BATCH(3, 2, 2, 150), STEEP_CHANNELS(150))},
    {.name = "resnet8 1",
     .attrs = &relu,
     .bench = true,
     .n_in = 6,
     .in = INPUTS(BATCH(32, 32, 32, 16), BATCH(32, 32, 32, 16), CHANNELS(16))},
    {.name = "mobilenetv2",
     .attrs = &relu6,
     .bench = true,
     .n_in = 6,
     .in = INPUTS(BATCH(16, 24, 24, 144), BATCH(16, 24, 24, 144), CHANNELS(144))},
    {0}};

static const snug_case grad_merge_cases[] = {
    {.name = "odd",
     .attrs = &quick,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 2, 13), FIXED(13), FIXED_OF(POSITIVE, 13))},
    {.name = "panels",
     .attrs = &few,
     .n_in = 3,
     .in = INPUTS(BATCH(4, 2, 150), FIXED(150), FIXED_OF(POSITIVE, 150))},
    {0}};

static const snug_case apply_cases[] = {
    {.name = "one channel",
     .attrs = &none,
     .n_in = 8,
     .in = INPUTS(BATCH(7, 1), BATCH(7, 1), CHANNELS(1), FIXED(1), FIXED(1))},
    {.name = "relu",
     .attrs = &relu,
     .n_in = 8,
     .in = INPUTS(BATCH(3, 5, 3, 9), BATCH(3, 5, 3, 9), CHANNELS(9), FIXED(9), FIXED(9))},
    {.name = "relu6",
     .attrs = &relu6,
     .n_in = 8,
     .in = INPUTS(BATCH(3, 4, 150), BATCH(3, 4, 150), STEEP_CHANNELS(150), FIXED(150), FIXED(150))},
    {.name = "mobilenetv2",
     .attrs = &relu6,
     .bench = true,
     .n_in = 8,
     .in = INPUTS(BATCH(16, 24, 24, 144), BATCH(16, 24, 24, 144), CHANNELS(144), FIXED(144),
                  FIXED(144))},
    {0}};

/* ---- descriptors ------------------------------------------------------------------------------
 */

const snug_op snug_op_batch_norm_partials = {
    .name = "batch_norm_partials",
    .doc = "batch_norm_partials(x [N, .., C]) -> p [N, 2, C]\n"
           "The mean and the biased variance of each sample, over all axes between the first and\n"
           "the last. No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .shape = partials_shape,
    .axes = partials_axes,
    .cost = parts_cost,
    .ref = partials_ref,
    .cases = cases};

const snug_op snug_op_batch_norm_merge = {
    .name = "batch_norm_merge",
    .doc = "batch_norm_merge(p [N, 2, C], running_mean [C], running_var [C])\n"
           "-> mean [C], inv_std [C], new_running_mean [C], new_running_var [C]\n"
           "batch_norm's statistics, from those of each sample (batch_norm_partials):\n"
           "mean = sum p0 / N, var = sum (p1 + (p0 - mean)^2) / N. No gradient.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 4,
    .flags = SNUG_OP_BATCH_STATS,
    .attrs = merge_attrs,
    .attrs_bytes = sizeof(snug_batch_norm_merge_attrs),
    .inplace = {0, 0, 2, 3},
    .shape = merge_shape,
    .axes = merge_axes,
    .cost = parts_cost,
    .ref = merge_ref,
    .cases = merge_cases};

const snug_op snug_op_batch_norm_grad_partials = {
    .name = "batch_norm_grad_partials",
    .doc = "batch_norm_grad_partials(x, dy [N, .., C], gamma, beta, mean, inv_std [C])\n"
           "-> p [N, 2, C], the sums over each sample of dy and of dy * (x - mean), where the\n"
           "activation let pass.",
    .n_in_min = 6,
    .n_in_max = 6,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = act_attrs,
    .attrs_bytes = sizeof(snug_batch_norm_attrs),
    .shape = partials_shape,
    .axes = partials_axes,
    .cost = parts_cost,
    .ref = partials_ref,
    .cases = grad_cases};

const snug_op snug_op_batch_norm_grad_merge = {
    .name = "batch_norm_grad_merge",
    .doc = "batch_norm_grad_merge(p [N, 2, C], gamma, inv_std [C])\n"
           "-> dgamma, dbeta, slope, shift [C]\n"
           "From batch_norm_grad_partials: dbeta = sum p0, dgamma = inv_std * sum p1, and with\n"
           "m = N * rows, scale = gamma * inv_std: slope = -scale * inv_std * dgamma / m,\n"
           "shift = -scale * dbeta / m.",
    .n_in_min = 3,
    .n_in_max = 3,
    .n_out = 4,
    .flags = SNUG_OP_BACKWARD | SNUG_OP_BATCH_STATS,
    .attrs = grad_merge_attrs,
    .attrs_bytes = sizeof(snug_batch_norm_merge_attrs),
    .shape = merge_shape,
    .axes = grad_merge_axes,
    .cost = parts_cost,
    .ref = grad_merge_ref,
    .cases = grad_merge_cases};

const snug_op snug_op_batch_norm_grad_apply = {
    .name = "batch_norm_grad_apply",
    .doc = "batch_norm_grad_apply(x, dy [.., C], gamma, beta, mean, inv_std, slope, shift [C])\n"
           "-> dx = gamma * inv_std * dy + slope * (x - mean) + shift, dy where the activation\n"
           "let pass; slope and shift by batch_norm_grad_merge.",
    .n_in_min = 8,
    .n_in_max = 8,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = act_attrs,
    .attrs_bytes = sizeof(snug_batch_norm_attrs),
    .inplace = {2},
    .shape = apply_shape,
    .axes = apply_axes,
    .cost = parts_cost,
    .ref = apply_ref,
    .cases = apply_cases};
