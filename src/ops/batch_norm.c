/* SPDX-License-Identifier: Apache-2.0 */
/* Batch normalisation in training (Ioffe and Szegedy 2015), over all axes but the last:
 *     y = act(gamma * xhat + beta),  xhat = (x - mean) * inv_std,  inv_std = 1 / sqrt(var +
 * epsilon) with the biased variance of this call's rows. Running statistics move by `momentum`
 * towards the batch's mean and unbiased variance. Gradients, m rows, dy masked by the activation
 * first: dbeta = sum dy,  dgamma = sum dy * xhat, dx = gamma * inv_std * (dy - dbeta / m - xhat *
 * dgamma / m). Sums go by leaves in two passes: the mean first, then squared deviations from it. */
#include "ops/batch_norm.h"
#include "ops/activation.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"

static const snug_attr attrs[] = {
    ATTR_FLOAT(snug_batch_norm_attrs, momentum, 0, 1, 0.1, "how far running statistics move"),
    ATTR_FLOAT(snug_batch_norm_attrs, epsilon, 0, 1, 1e-5, "added to the variance"),
    ATTR_ACT(snug_batch_norm_attrs, ACT_RELU6),
    {0}};

snug_status snug_batch_norm_check(const snug_infer *f, int n_images)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 2 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED, SNUG_ESHAPE,
          "'%s': input %s must have two axes or more and a last one of fixed length", f->name,
          snug_shape_text(x, text, sizeof text));
    TRY(snug_infer_float(f, 0, -1));
    for (int i = 1; i < n_images; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_same(f, i, 0));
    }
    for (int i = n_images; i < f->n_in; i++) {
        TRY(snug_infer_float(f, i, n_images));
        TRY(snug_infer_vector(f, i, 0));
    }
    return SNUG_OK;
}

static snug_status norm_shape(snug_infer *f)
{
    TRY(snug_batch_norm_check(f, 1));
    f->out[0] = f->in[0];
    for (int o = 1; o < f->n_out; o++) f->out[o] = f->in[3];
    return SNUG_OK;
}

static snug_status norm_again_shape(snug_infer *f)
{
    TRY(snug_batch_norm_check(f, 1));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static snug_status norm_grad_shape(snug_infer *f)
{
    TRY(snug_batch_norm_check(f, 2));
    f->out[0] = f->in[0];
    f->out[1] = f->out[2] = f->in[2];
    return SNUG_OK;
}

int snug_batch_norm_channels(const snug_sig *s, snug_axis_use *u, int n, int out)
{
    int out_axis = s->out[out].shape.n_dims - 1;
    for (int i = 0; i < s->n_in; i++)
        n = snug_use_axis(u, n, out, out_axis, i, s->in[i].shape.n_dims - 1);
    return n;
}

/* Batch axes are not mentioned: every result depends on the whole of them. */
static int norm_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++) n = snug_batch_norm_channels(s, u, n, o);
    return n;
}

/* dgamma and dbeta are sums over rows. */
static int norm_grad_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = norm_axes(s, u);
    for (int o = 1; o <= 2; o++)
        for (int axis = 0; axis < s->in[0].shape.n_dims - 1; axis++) {
            n = snug_use_axis(u, n, o, -1, 0, axis);
            n = snug_use_axis(u, n, o, -1, 1, axis);
        }
    return n;
}

/* The statistics are given: each row by itself. */
static int norm_again_axes(const snug_sig *s, snug_axis_use *u)
{
    int last = s->in[0].shape.n_dims - 1;
    int n = snug_use_leading(s, u, 0, 0, 0, last + 1);
    for (int i = 1; i < s->n_in; i++) n = snug_use_axis(u, n, 0, last, i, 0);
    return n;
}

static snug_status norm_gradient(snug_grad *g)
{
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->in[0], g->dout[0], g->in[1], g->in[2], g->out[1], g->out[2]};
    return snug_apply_all(g->graph, &snug_op_batch_norm_grad, NULL, g->attrs, 6, in, g->din);
}

static snug_cost norm_cost(const snug_sig *s)
{
    return snug_cost_of(s, 8 * (double)snug_shape_elements(&s->in[0].shape));
}

/* Sums over all rows come before the first result: x, and dy, are read for them and again. */
static snug_cost two_pass_cost(const snug_sig *s)
{
    snug_cost c = norm_cost(s);
    c.bytes_again = (double)snug_type_bytes(&s->in[0]);
    if (s->n_in == 6) c.bytes_again += (double)snug_type_bytes(&s->in[1]);
    return c;
}

/* One channel of x (and dy), and what its sums subtract and scale by. */
typedef struct channel {
    const snug_tensor *x, *dy;
    int64_t c, n_channels;
    double mean, inv_std, gamma, beta;
    int64_t act;
} channel;

static double xhat_at(const channel *k, int64_t row)
{
    return (snug_load(k->x, row * k->n_channels + k->c) - k->mean) * k->inv_std;
}

/* dy before the activation. */
static double dy_at(const channel *k, int64_t row)
{
    double dy = snug_load(k->dy, row * k->n_channels + k->c);
    return act_mask(k->act, k->gamma * xhat_at(k, row) + k->beta, dy);
}

static double sum_x(const void *arg, int64_t begin, int64_t end)
{
    const channel *k = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += snug_load(k->x, r * k->n_channels + k->c);
    return sum;
}

static double sum_squares(const void *arg, int64_t begin, int64_t end)
{
    const channel *k = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) {
        double d = snug_load(k->x, r * k->n_channels + k->c) - k->mean;
        sum += d * d;
    }
    return sum;
}

static double sum_dy(const void *arg, int64_t begin, int64_t end)
{
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += dy_at(arg, r);
    return sum;
}

static double sum_dy_xhat(const void *arg, int64_t begin, int64_t end)
{
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += dy_at(arg, r) * xhat_at(arg, r);
    return sum;
}

static void put(const snug_tensor *t, int64_t i, double v)
{
    if (t->data) snug_store(t, i, v);
}

/* Statistics of one channel into outputs 1 to 4, and into k for normalising. */
static void norm_statistics(const snug_call *c, const leaf_rows *rows, channel *k)
{
    const snug_batch_norm_attrs *a = c->attrs;
    snug_dtype dtype = c->out[1].type.dtype;
    int64_t m = rows->n_rows;
    double old_mean = snug_load(&c->in[3], k->c), old_var = snug_load(&c->in[4], k->c), squares = 0;
    if (m > 0) {
        k->mean = leaf_round(dtype, leaf_sum(rows, dtype, sum_x, k) / (double)m);
        squares = leaf_sum(rows, dtype, sum_squares, k);
    }
    double var = m > 0 ? squares / (double)m : 0;
    double unbiased = m > 1 ? squares / (double)(m - 1) : var;
    k->inv_std = leaf_round(dtype, 1 / sqrt(var + a->epsilon));
    put(&c->out[1], k->c, k->mean);
    put(&c->out[2], k->c, k->inv_std);
    double move = m > 0 ? a->momentum : 0;
    put(&c->out[3], k->c, (1 - move) * old_mean + move * k->mean);
    put(&c->out[4], k->c, (1 - move) * old_var + move * unbiased);
}

static void norm_ref(const snug_call *c)
{
    const snug_batch_norm_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, x, x->n_dims - 1);
    channel k = {.x = &c->in[0], .n_channels = snug_shape_last(x)};
    for (k.c = 0; k.c < k.n_channels; k.c++) {
        k.mean = 0;
        norm_statistics(c, &rows, &k);
        double gamma = snug_load(&c->in[1], k.c), beta = snug_load(&c->in[2], k.c);
        for (int64_t r = 0; r < rows.n_rows; r++)
            snug_store(&c->out[0], r * k.n_channels + k.c,
                       act_apply(a->act, gamma * xhat_at(&k, r) + beta));
    }
}

static void norm_again_ref(const snug_call *c)
{
    const snug_batch_norm_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    channel k = {.x = &c->in[0], .n_channels = snug_shape_last(x)};
    for (k.c = 0; k.c < k.n_channels; k.c++) {
        double gamma = snug_load(&c->in[1], k.c), beta = snug_load(&c->in[2], k.c);
        k.mean = snug_load(&c->in[3], k.c), k.inv_std = snug_load(&c->in[4], k.c);
        for (int64_t r = 0; r < snug_shape_rows(x); r++)
            snug_store(&c->out[0], r * k.n_channels + k.c,
                       act_apply(a->act, gamma * xhat_at(&k, r) + beta));
    }
}

static void norm_grad_ref(const snug_call *c)
{
    const snug_batch_norm_attrs *a = c->attrs;
    const snug_shape *x = &c->in[0].type.shape;
    snug_dtype dtype = c->out[1].type.dtype;
    leaf_rows rows = leaf_rows_of(c, x, x->n_dims - 1);
    channel k = {.x = &c->in[0], .dy = &c->in[1], .n_channels = snug_shape_last(x)};
    k.act = a->act;
    for (k.c = 0; k.c < k.n_channels; k.c++) {
        k.gamma = snug_load(&c->in[2], k.c), k.beta = snug_load(&c->in[3], k.c);
        k.mean = snug_load(&c->in[4], k.c), k.inv_std = snug_load(&c->in[5], k.c);
        double dbeta = leaf_sum(&rows, dtype, sum_dy, &k);
        double dgamma = leaf_sum(&rows, dtype, sum_dy_xhat, &k), m = (double)rows.n_rows;
        for (int64_t r = 0; r < rows.n_rows; r++) {
            double dx = dy_at(&k, r) - dbeta / m - xhat_at(&k, r) * (dgamma / m);
            put(&c->out[0], r * k.n_channels + k.c, k.gamma * k.inv_std * dx);
        }
        put(&c->out[1], k.c, dgamma);
        put(&c->out[2], k.c, dbeta);
    }
}

static const snug_batch_norm_attrs plain = {.momentum = 0.1, .epsilon = 1e-5},
                                   relu = {.momentum = 0.1, .epsilon = 1e-5, .act = ACT_RELU},
                                   relu6 = {.momentum = 0.1, .epsilon = 1e-5, .act = ACT_RELU6},
                                   quick = {.momentum = 0.9, .epsilon = 1e-3};

#define CHANNELS(c) FIXED_OF(POSITIVE, c), FIXED(c), FIXED(c), FIXED_OF(POSITIVE, c)
/* Results go far beyond 6: gamma is a whole number up to 8. */
#define STEEP_CHANNELS(c)                                                                          \
    {CASE_DIMS(c), .fill = SNUG_FILL_INDEX, .index_below = 9}, FIXED(c), FIXED(c),                 \
        FIXED_OF(POSITIVE, c)

static const snug_case cases[] = {
    {.name = "one channel", .attrs = &plain, .n_in = 5, .in = INPUTS(BATCH(7, 1), CHANNELS(1))},
    {.name = "odd", .attrs = &quick, .n_in = 5, .in = INPUTS(BATCH(7, 13), CHANNELS(13))},
    {.name = "image", .attrs = &plain, .n_in = 5, .in = INPUTS(BATCH(7, 5, 3, 9), CHANNELS(9))},
    {.name = "batch 1", .attrs = &plain, .n_in = 5, .in = INPUTS(BATCH(1, 3, 4, 5), CHANNELS(5))},
    {.name = "fixed", .attrs = &plain, .n_in = 5, .in = INPUTS(FIXED(6, 4), CHANNELS(4))},
    {.name = "many rows",
     .attrs = &plain,
     .no_grad = true,
     .n_in = 5,
     .in = INPUTS(BATCH(256, 136), CHANNELS(136))},
    {.name = "relu", .attrs = &relu, .n_in = 5, .in = INPUTS(BATCH(3, 4, 5, 6), CHANNELS(6))},
    {.name = "relu6",
     .attrs = &relu6,
     .n_in = 5,
     .in = INPUTS(BATCH(3, 4, 5, 6), STEEP_CHANNELS(6))},
    {.name = "resnet8 1",
     .attrs = &plain,
     .bench = true,
     .n_in = 5,
     .in = INPUTS(BATCH(32, 32, 32, 16), CHANNELS(16))},
    {.name = "resnet8 3",
     .attrs = &relu,
     .bench = true,
     .n_in = 5,
     .in = INPUTS(BATCH(32, 8, 8, 64), CHANNELS(64))},
    {0}};

static const snug_case grad_cases[] = {
    {.name = "one channel",
     .attrs = &plain,
     .n_in = 6,
     .in = INPUTS(BATCH(7, 1), BATCH(7, 1), CHANNELS(1))},
    {.name = "odd",
     .attrs = &quick,
     .n_in = 6,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), CHANNELS(13))},
    {.name = "image",
     .attrs = &plain,
     .n_in = 6,
     .in = INPUTS(BATCH(7, 5, 3, 9), BATCH(7, 5, 3, 9), CHANNELS(9))},
    {.name = "many rows",
     .attrs = &plain,
     .no_grad = true,
     .n_in = 6,
     .in = INPUTS(BATCH(256, 136), BATCH(256, 136), CHANNELS(136))},
    {.name = "relu",
     .attrs = &relu,
     .n_in = 6,
     .in = INPUTS(BATCH(3, 4, 5, 6), BATCH(3, 4, 5, 6), CHANNELS(6))},
    {.name = "relu6",
     .attrs = &relu6,
     .n_in = 6,
     .in = INPUTS(BATCH(3, 4, 5, 6), BATCH(3, 4, 5, 6), STEEP_CHANNELS(6))},
    {.name = "resnet8 1",
     .attrs = &plain,
     .bench = true,
     .n_in = 6,
     .in = INPUTS(BATCH(32, 32, 32, 16), BATCH(32, 32, 32, 16), CHANNELS(16))},
    {.name = "resnet8 3",
     .attrs = &relu,
     .bench = true,
     .n_in = 6,
     .in = INPUTS(BATCH(32, 8, 8, 64), BATCH(32, 8, 8, 64), CHANNELS(64))},
    {0}};

const snug_op snug_op_batch_norm = {
    .name = "batch_norm",
    .doc = "batch_norm(x [.., C], gamma [C], beta [C], running_mean [C], running_var [C])\n"
           "-> y [.., C], mean [C], inv_std [C], new_running_mean [C], new_running_var [C]\n"
           "y = act(gamma * (x - mean) * inv_std + beta), inv_std = 1 / sqrt(var + epsilon), with\n"
           "mean and biased variance over all axes but the last. Running statistics:\n"
           "new = (1 - momentum) * old + momentum * batch, with the unbiased variance.\n"
           "Gradient: batch_norm_grad (Ioffe and Szegedy 2015).",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 5,
    .flags = SNUG_OP_BATCH_STATS,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_batch_norm_attrs),
    .inplace = {0, 0, 0, 4, 5},
    .shape = norm_shape,
    .axes = norm_axes,
    .grad = norm_gradient,
    .cost = two_pass_cost,
    .ref = norm_ref,
    .cases = cases};

const snug_op snug_op_batch_norm_again = {
    .name = "batch_norm_again",
    .doc = "batch_norm_again(x [.., C], gamma, beta, mean, inv_std [C]) -> y [.., C]\n"
           "batch_norm's y, bit for bit, from its statistics: made again for the gradient where\n"
           "keeping it would cost more. No gradient.",
    .n_in_min = 5,
    .n_in_max = 5,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_batch_norm_attrs),
    .shape = norm_again_shape,
    .axes = norm_again_axes,
    .cost = norm_cost,
    .ref = norm_again_ref,
    .cases = cases};

const snug_op snug_op_batch_norm_grad = {
    .name = "batch_norm_grad",
    .doc =
        "batch_norm_grad(x, dy [.., C], gamma, beta, mean, inv_std [C]) -> dx, dgamma, dbeta\n"
        "dbeta = sum dy, dgamma = sum dy * xhat, dx = gamma * inv_std * (dy - dbeta / m - xhat *\n"
        "dgamma / m), xhat = (x - mean) * inv_std, over m rows; the activation's mask is\n"
        "computed again.",
    .n_in_min = 6,
    .n_in_max = 6,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD | SNUG_OP_BATCH_STATS,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_batch_norm_attrs),
    .inplace = {2},
    .shape = norm_grad_shape,
    .axes = norm_grad_axes,
    .cost = two_pass_cost,
    .ref = norm_grad_ref,
    .cases = grad_cases};
