/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation of each row, over the last axis of length C:
 *     layer_norm  y = xhat * weight + bias,  xhat = (x - mean) * inv_std,
 *                 inv_std = 1 / sqrt(var + epsilon), biased variance (Ba, Kiros and Hinton 2016)
 *     rms_norm    y = xhat * weight,  xhat = x * inv_rms,
 *                 inv_rms = 1 / sqrt(mean of x^2 + epsilon) (Zhang and Sennrich 2019)
 * Gradients, u = dy * weight and means over the row:
 *     dx = inv_std * (u - mean(u) - xhat * mean(u * xhat)), for rms_norm without mean(u);
 *     dweight = sum over rows of dy * xhat, dbias = sum over rows of dy, by leaves.
 * Without weight it is 1, without bias 0. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>

static const snug_attr attrs[] = {
    ATTR_FLOAT(snug_layer_norm_attrs, epsilon, 0, 1, 1e-5, "added to the variance or mean square"),
    {0}};

/* ---- types ------------------------------------------------------------------------------------
 */

static snug_status check_rows(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 1 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED && snug_shape_last(x) > 0,
          SNUG_ESHAPE, "'%s': input %s must have a last axis of fixed length to normalise over",
          f->name, snug_shape_text(x, text, sizeof text));
    return snug_infer_float(f, 0, -1);
}

/* One number a row of input 0. */
static snug_type row_type(const snug_type *x)
{
    snug_type t = *x;
    t.shape.dim[--t.shape.n_dims] = 0;
    return t;
}

/* Inputs from `first` on are vectors along the last axis of input 0. */
static snug_status check_vectors(const snug_infer *f, int first)
{
    for (int i = first; i < f->n_in; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_vector(f, i, 0));
    }
    return SNUG_OK;
}

static snug_status norm_shape(snug_infer *f)
{
    TRY(check_rows(f));
    TRY(check_vectors(f, 1));
    f->out[0] = f->in[0];
    for (int o = 1; o < f->n_out; o++) f->out[o] = row_type(&f->in[0]);
    return SNUG_OK;
}

/* dy, x, then n_stats numbers a row, then perhaps the weight. */
static snug_status check_grad(const snug_infer *f, int n_stats)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    TRY(check_rows(f));
    TRY(snug_infer_float(f, 1, 0));
    TRY(snug_infer_same(f, 1, 0));
    for (int i = 2; i < 2 + n_stats; i++) {
        snug_type row = row_type(&f->in[0]);
        bool same = row.shape.n_dims == f->in[i].shape.n_dims;
        for (int d = 0; same && d < row.shape.n_dims; d++)
            same = row.shape.dim[d] == f->in[i].shape.dim[d] &&
                   row.shape.kind[d] == f->in[i].shape.kind[d];
        CHECK(same, SNUG_ESHAPE, "'%s': input %d is %s, but must be one number for each row of %s",
              f->name, i, snug_shape_text(&f->in[i].shape, a, sizeof a),
              snug_shape_text(&f->in[0].shape, b, sizeof b));
        TRY(snug_infer_float(f, i, 0));
    }
    return check_vectors(f, 2 + n_stats);
}

static snug_status grad_shape(snug_infer *f, int n_stats)
{
    TRY(check_grad(f, n_stats));
    f->out[0] = f->in[0];
    for (int o = 1; o < f->n_out; o++) {
        f->out[o].shape = snug_shape_make(1, (int64_t[]){snug_shape_last(&f->in[0].shape)});
        f->out[o].dtype = f->in[0].dtype;
    }
    return SNUG_OK;
}

static snug_status layer_norm_grad_shape(snug_infer *f)
{
    return grad_shape(f, 2);
}

static snug_status rms_norm_grad_shape(snug_infer *f)
{
    return grad_shape(f, 1);
}

static int norm_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++)
        n = snug_use_leading(s, u, n, o, 0, s->in[0].shape.n_dims - 1);
    return n;
}

/* Columns to columns and, of what is summed over, the batch in dweight and dbias. */
static int grad_axes(const snug_sig *s, snug_axis_use *u)
{
    int last = s->in[0].shape.n_dims - 1, n = 0;
    int n_stats = s->n_out == 3 ? 2 : 1;
    for (int i = 0; i < 2 + n_stats; i++) n = snug_use_leading(s, u, n, 0, i, last);
    for (int o = 1; o < s->n_out; o++) {
        for (int i = 0; i < 2; i++) n = snug_use_axis(u, n, o, 0, i, last);
        if (s->n_in > 2 + n_stats) n = snug_use_axis(u, n, o, 0, 2 + n_stats, 0);
        for (int i = 0; i < 2 + n_stats && last > 0; i++) n = snug_use_axis(u, n, o, -1, i, 0);
    }
    return n;
}

static snug_cost norm_cost(const snug_sig *s)
{
    return snug_cost_of(s, 8 * (double)snug_shape_elements(&s->in[0].shape));
}

/* ---- gradient rules ---------------------------------------------------------------------------
 */

static snug_status norm_gradient(snug_grad *g, const snug_op *grad)
{
    int n_stats = g->n_out - 1, n = 0;
    for (int o = 1; o < g->n_out; o++)
        CHECK(!g->dout[o], SNUG_EUNSUPPORTED,
              "the statistics of layer_norm and rms_norm have no gradient: only the result does");
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[5], *out[SNUG_MAX_OUT];
    in[n++] = g->dout[0];
    in[n++] = g->in[0];
    for (int i = 0; i < n_stats; i++) in[n++] = g->out[1 + i];
    if (g->n_in > 1) in[n++] = g->in[1];
    TRY(snug_apply_all(g->graph, grad, NULL, g->attrs, n, in, out));
    for (int i = 0; i < g->n_in; i++) g->din[i] = out[i];
    return SNUG_OK;
}

static snug_status layer_norm_gradient(snug_grad *g)
{
    return norm_gradient(g, &snug_op_layer_norm_grad);
}

static snug_status rms_norm_gradient(snug_grad *g)
{
    return norm_gradient(g, &snug_op_rms_norm_grad);
}

/* ---- references -------------------------------------------------------------------------------
 */

static double vector_at(const snug_call *c, int input, int64_t i, double otherwise)
{
    return c->n_in > input ? snug_load(&c->in[input], i) : otherwise;
}

/* One row [first, first + n) of a call, and its statistics; mean is 0 for rms_norm. */
typedef struct row {
    int64_t first, n;
    double mean, inv_std;
} row;

static void row_statistics(const snug_call *c, row *r, bool centred)
{
    const snug_layer_norm_attrs *a = c->attrs;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < r->n && centred; i++) sum += snug_load(&c->in[0], r->first + i);
    r->mean = sum / (double)r->n;
    for (int64_t i = 0; i < r->n; i++) {
        double d = snug_load(&c->in[0], r->first + i) - r->mean;
        squares += d * d;
    }
    r->inv_std = 1 / sqrt(squares / (double)r->n + a->epsilon);
}

static void put(const snug_tensor *t, int64_t i, double v)
{
    if (t->data) snug_store(t, i, v);
}

static void norm_ref(const snug_call *c, bool centred)
{
    const snug_shape *x = &c->in[0].type.shape;
    row r = {.n = snug_shape_last(x)};
    for (int64_t k = 0; k < snug_shape_rows(x); k++) {
        r.first = k * r.n;
        row_statistics(c, &r, centred);
        for (int64_t i = 0; i < r.n; i++) {
            double xhat = (snug_load(&c->in[0], r.first + i) - r.mean) * r.inv_std;
            double y = xhat * vector_at(c, 1, i, 1) + vector_at(c, 2, i, 0);
            snug_store(&c->out[0], r.first + i, y);
        }
        if (centred) put(&c->out[1], k, r.mean);
        put(&c->out[centred ? 2 : 1], k, r.inv_std);
    }
}

static void layer_norm_ref(const snug_call *c)
{
    norm_ref(c, true);
}

static void rms_norm_ref(const snug_call *c)
{
    norm_ref(c, false);
}

/* What gradients read: dy and xhat of any element, u = dy * weight. */
typedef struct slopes {
    const snug_call *c;
    int64_t n, column;
    int n_stats;
} slopes;

static double xhat_at(const slopes *s, int64_t i)
{
    int64_t r = i / s->n;
    double mean = s->n_stats == 2 ? snug_load(&s->c->in[2], r) : 0;
    return (snug_load(&s->c->in[1], i) - mean) * snug_load(&s->c->in[1 + s->n_stats], r);
}

static double u_at(const slopes *s, int64_t i)
{
    return snug_load(&s->c->in[0], i) * vector_at(s->c, 2 + s->n_stats, i % s->n, 1);
}

static double weight_partial(const void *arg, int64_t begin, int64_t end)
{
    const slopes *s = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) {
        int64_t i = r * s->n + s->column;
        sum += snug_load(&s->c->in[0], i) * xhat_at(s, i);
    }
    return sum;
}

static double bias_partial(const void *arg, int64_t begin, int64_t end)
{
    const slopes *s = arg;
    double sum = 0;
    for (int64_t r = begin; r < end; r++) sum += snug_load(&s->c->in[0], r * s->n + s->column);
    return sum;
}

static void row_gradient(const slopes *s, int64_t r)
{
    double mean_u = 0, mean_ux = 0, inv_std = snug_load(&s->c->in[1 + s->n_stats], r);
    for (int64_t i = r * s->n; i < (r + 1) * s->n; i++) {
        mean_u += u_at(s, i) / (double)s->n;
        mean_ux += u_at(s, i) * xhat_at(s, i) / (double)s->n;
    }
    if (s->n_stats == 1) mean_u = 0;
    for (int64_t i = r * s->n; i < (r + 1) * s->n; i++)
        snug_store(&s->c->out[0], i, inv_std * (u_at(s, i) - mean_u - xhat_at(s, i) * mean_ux));
}

/* dx may be dy: sums over rows come first. */
static void grad_ref(const snug_call *c, int n_stats)
{
    const snug_shape *x = &c->in[0].type.shape;
    leaf_rows rows = leaf_rows_of(c, x, x->n_dims - 1);
    slopes s = {.c = c, .n = snug_shape_last(x), .n_stats = n_stats};
    snug_dtype dtype = c->out[1].type.dtype;
    for (; s.column < s.n; s.column++) {
        if (c->out[1].data)
            snug_store(&c->out[1], s.column, leaf_sum(&rows, dtype, weight_partial, &s));
        if (n_stats == 2 && c->out[2].data)
            snug_store(&c->out[2], s.column, leaf_sum(&rows, dtype, bias_partial, &s));
    }
    for (int64_t r = 0; r < rows.n_rows; r++) row_gradient(&s, r);
}

static void layer_norm_grad_ref(const snug_call *c)
{
    grad_ref(c, 2);
}

static void rms_norm_grad_ref(const snug_call *c)
{
    grad_ref(c, 1);
}

/* ---- cases ------------------------------------------------------------------------------------
 */

static const snug_layer_norm_attrs plain = {.epsilon = 1e-5}, wide = {.epsilon = 1e-2};

#define WEIGHT(c) FIXED_OF(POSITIVE, c)
#define BIAS(c)   FIXED(c)

static const snug_case layer_norm_cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 3, .in = INPUTS(BATCH(1, 1), WEIGHT(1), BIAS(1))},
    {.name = "odd", .attrs = &plain, .n_in = 3, .in = INPUTS(BATCH(7, 13), WEIGHT(13), BIAS(13))},
    {.name = "tokens",
     .attrs = &wide,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 5, 70), WEIGHT(70), BIAS(70))},
    {.name = "no bias", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(5, 2, 9), WEIGHT(9))},
    {.name = "no weight", .attrs = &plain, .n_in = 1, .in = INPUTS(BATCH(4, 2, 3, 33))},
    {.name = "fixed", .attrs = &plain, .n_in = 3, .in = INPUTS(FIXED(6, 11), WEIGHT(11), BIAS(11))},
    {.name = "vector", .attrs = &plain, .n_in = 3, .in = INPUTS(FIXED(19), WEIGHT(19), BIAS(19))},
    {.name = "gpt2",
     .attrs = &plain,
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(8, 64, 768), WEIGHT(768), BIAS(768))},
    {.name = "tiny",
     .attrs = &plain,
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(64, 64, 64), WEIGHT(64), BIAS(64))},
    {0}};

static const snug_case rms_norm_cases[] = {
    {.name = "one", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(1, 1), WEIGHT(1))},
    {.name = "odd", .attrs = &plain, .n_in = 2, .in = INPUTS(BATCH(7, 13), WEIGHT(13))},
    {.name = "tokens", .attrs = &wide, .n_in = 2, .in = INPUTS(BATCH(3, 5, 70), WEIGHT(70))},
    {.name = "no weight", .attrs = &plain, .n_in = 1, .in = INPUTS(BATCH(4, 2, 3, 33))},
    {.name = "fixed", .attrs = &plain, .n_in = 2, .in = INPUTS(FIXED(6, 11), WEIGHT(11))},
    {.name = "llama",
     .attrs = &plain,
     .bench = true,
     .n_in = 2,
     .in = INPUTS(BATCH(8, 64, 768), WEIGHT(768))},
    {0}};

/* dy and x of one shape, then numbers a row */
#define STATS2(...) BATCH(__VA_ARGS__), BATCH_OF(POSITIVE, __VA_ARGS__)
#define STATS1(...) BATCH_OF(POSITIVE, __VA_ARGS__)

static const snug_case layer_norm_grad_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(BATCH(1, 1), BATCH(1, 1), STATS2(1), WEIGHT(1))},
    {.name = "odd",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), STATS2(7), WEIGHT(13))},
    {.name = "tokens",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(BATCH(3, 5, 70), BATCH(3, 5, 70), STATS2(3, 5), WEIGHT(70))},
    {.name = "no weight",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(BATCH(4, 2, 3, 33), BATCH(4, 2, 3, 33), STATS2(4, 2, 3))},
    {.name = "vector",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(19), FIXED(19), SCALAR_OF(NORMAL), SCALAR_OF(POSITIVE), WEIGHT(19))},
    {.name = "many rows",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(BATCH(5, 300, 9), BATCH(5, 300, 9), STATS2(5, 300), WEIGHT(9))},
    {.name = "gpt2",
     .attrs = &plain,
     .bench = true,
     .n_in = 5,
     .in = INPUTS(BATCH(8, 64, 768), BATCH(8, 64, 768), STATS2(8, 64), WEIGHT(768))},
    {.name = "tiny",
     .attrs = &plain,
     .bench = true,
     .n_in = 5,
     .in = INPUTS(BATCH(64, 64, 64), BATCH(64, 64, 64), STATS2(64, 64), WEIGHT(64))},
    {0}};

static const snug_case rms_norm_grad_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(BATCH(1, 1), BATCH(1, 1), STATS1(1), WEIGHT(1))},
    {.name = "odd",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(BATCH(7, 13), BATCH(7, 13), STATS1(7), WEIGHT(13))},
    {.name = "tokens",
     .attrs = &plain,
     .n_in = 4,
     .in = INPUTS(BATCH(3, 5, 70), BATCH(3, 5, 70), STATS1(3, 5), WEIGHT(70))},
    {.name = "no weight",
     .attrs = &plain,
     .n_in = 3,
     .in = INPUTS(BATCH(4, 2, 3, 33), BATCH(4, 2, 3, 33), STATS1(4, 2, 3))},
    {.name = "llama",
     .attrs = &plain,
     .bench = true,
     .n_in = 4,
     .in = INPUTS(BATCH(8, 64, 768), BATCH(8, 64, 768), STATS1(8, 64), WEIGHT(768))},
    {0}};

/* ---- descriptors ------------------------------------------------------------------------------
 */

const snug_op snug_op_layer_norm = {
    .name = "layer_norm",
    .doc =
        "layer_norm(x [.., C][, weight [C][, bias [C]]]) -> y [.., C], mean [..], inv_std [..]\n"
        "y = (x - mean) * inv_std * weight + bias, inv_std = 1 / sqrt(var + epsilon), with mean\n"
        "and biased variance of each row of C.\n"
        "Gradient: layer_norm_grad (Ba, Kiros and Hinton 2016).",
    .n_in_min = 1,
    .n_in_max = 3,
    .n_out = 3,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_layer_norm_attrs),
    .inplace = {1},
    .shape = norm_shape,
    .axes = norm_axes,
    .grad = layer_norm_gradient,
    .cost = norm_cost,
    .ref = layer_norm_ref,
    .cases = layer_norm_cases};

const snug_op snug_op_layer_norm_grad = {
    .name = "layer_norm_grad",
    .doc =
        "layer_norm_grad(dy, x [.., C], mean, inv_std [..][, weight [C]]) -> dx, dweight, dbias\n"
        "dx = inv_std * (u - mean(u) - xhat * mean(u * xhat)), u = dy * weight, means over the\n"
        "row; dweight = sum dy * xhat and dbias = sum dy over all rows, by leaves;\n"
        "xhat = (x - mean) * inv_std.",
    .n_in_min = 4,
    .n_in_max = 5,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_layer_norm_attrs),
    .inplace = {1},
    .shape = layer_norm_grad_shape,
    .axes = grad_axes,
    .cost = norm_cost,
    .ref = layer_norm_grad_ref,
    .cases = layer_norm_grad_cases};

const snug_op snug_op_rms_norm = {
    .name = "rms_norm",
    .doc = "rms_norm(x [.., C][, weight [C]]) -> y [.., C], inv_rms [..]\n"
           "y = x * inv_rms * weight, inv_rms = 1 / sqrt(mean of x^2 over the row + epsilon).\n"
           "Gradient: rms_norm_grad (Zhang and Sennrich 2019).",
    .n_in_min = 1,
    .n_in_max = 2,
    .n_out = 2,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_layer_norm_attrs),
    .inplace = {1},
    .shape = norm_shape,
    .axes = norm_axes,
    .grad = rms_norm_gradient,
    .cost = norm_cost,
    .ref = rms_norm_ref,
    .cases = rms_norm_cases};

const snug_op snug_op_rms_norm_grad = {
    .name = "rms_norm_grad",
    .doc = "rms_norm_grad(dy, x [.., C], inv_rms [..][, weight [C]]) -> dx, dweight\n"
           "dx = inv_rms * (u - xhat * mean(u * xhat)), u = dy * weight, the mean over the row;\n"
           "dweight = sum dy * xhat over all rows, by leaves; xhat = x * inv_rms.",
    .n_in_min = 3,
    .n_in_max = 4,
    .n_out = 2,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_layer_norm_attrs),
    .inplace = {1},
    .shape = rms_norm_grad_shape,
    .axes = grad_axes,
    .cost = norm_cost,
    .ref = rms_norm_grad_ref,
    .cases = rms_norm_grad_cases};
