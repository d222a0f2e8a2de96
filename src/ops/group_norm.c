/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation of groups of channels (Wu and He 2018), each sample by itself, x [N, .., C]:
 *     y = xhat * weight + bias,  xhat = (x - mean) * inv_std,  inv_std = 1 / sqrt(var + epsilon)
 * with mean and biased variance of each sample's M values of C / groups neighbouring channels. As
 * many groups as channels is instance normalisation (Ulyanov, Vedaldi and Lempitsky 2016).
 * Gradients, u = dy * weight and means over the group:
 *     dx = inv_std * (u - mean(u) - xhat * mean(u * xhat)),
 *     dweight = sum of dy * xhat, dbias = sum of dy, over samples by leaves. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"
#include <math.h>

static const snug_attr attrs[] = {
    ATTR_INT(snug_group_norm_attrs, groups, 0, MAX_EXTENT, 0,
             "groups of channels; 0: each channel is one (instance normalisation)"),
    ATTR_FLOAT(snug_group_norm_attrs, epsilon, 0, 1, 1e-5, "added to the variance"),
    {0}};

/* ---- types ------------------------------------------------------------------------------------
 */

static int64_t groups_of(const void *attrs_, const snug_shape *x)
{
    const snug_group_norm_attrs *a = attrs_;
    return a->groups > 0 ? a->groups : snug_shape_last(x);
}

static snug_status check_image(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    CHECK(x->n_dims >= 2 && x->kind[x->n_dims - 1] == SNUG_AXIS_FIXED && snug_shape_last(x) > 0,
          SNUG_ESHAPE, "'%s': input %s must have samples first and channels last", f->name,
          snug_shape_text(x, text, sizeof text));
    return snug_infer_float(f, 0, -1);
}

/* Inputs from `first` on are vectors over channels, which the groups divide. */
static snug_status check_channels(const snug_infer *f, int first)
{
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    for (int i = first; i < f->n_in; i++) {
        TRY(snug_infer_float(f, i, 0));
        TRY(snug_infer_vector(f, i, 0));
    }
    int64_t groups = groups_of(f->attrs, x);
    CHECK(snug_shape_last(x) % groups == 0, SNUG_ESHAPE,
          "'%s': %" PRId64 " groups do not divide the %" PRId64 " channels of %s", f->name, groups,
          snug_shape_last(x), snug_shape_text(x, text, sizeof text));
    return SNUG_OK;
}

/* [N, groups] of x [N, .., C] */
static snug_type stats_type(const snug_infer *f)
{
    const snug_shape *x = &f->in[0].shape;
    snug_type t = {.shape = snug_shape_make(2, (int64_t[]){x->dim[0], groups_of(f->attrs, x)}),
                   .dtype = f->in[0].dtype};
    t.shape.kind[0] = x->kind[0];
    return t;
}

static snug_status norm_shape(snug_infer *f)
{
    TRY(check_image(f));
    TRY(check_channels(f, 1));
    f->out[0] = f->in[0];
    f->out[1] = f->out[2] = stats_type(f);
    return SNUG_OK;
}

static snug_status check_stats(const snug_infer *f, int i)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    const snug_shape *s = &f->in[i].shape;
    snug_type want = stats_type(f);
    CHECK(s->n_dims == 2 && s->dim[0] == want.shape.dim[0] && s->kind[0] == want.shape.kind[0] &&
              s->dim[1] == want.shape.dim[1],
          SNUG_ESHAPE, "'%s': input %d is %s, but must be one number for each group of %s", f->name,
          i, snug_shape_text(s, a, sizeof a), snug_shape_text(&f->in[0].shape, b, sizeof b));
    return snug_infer_float(f, i, 0);
}

static snug_status grad_shape(snug_infer *f)
{
    TRY(check_image(f));
    TRY(snug_infer_float(f, 1, 0));
    TRY(snug_infer_same(f, 1, 0));
    TRY(check_channels(f, 4));
    for (int i = 2; i < 4; i++) TRY(check_stats(f, i));
    f->out[0] = f->in[0];
    f->out[1].shape = snug_shape_make(1, (int64_t[]){snug_shape_last(&f->in[0].shape)});
    f->out[1].dtype = f->in[0].dtype;
    f->out[2] = f->out[1];
    return SNUG_OK;
}

static int norm_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int o = 0; o < s->n_out; o++) n = snug_use_batch(s, u, n, o, 0);
    return n;
}

static int grad_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int i = 0; i < 4; i++) n = snug_use_batch(s, u, n, 0, i);
    for (int o = 1; o <= 2; o++)
        for (int i = 0; i < 4; i++) n = snug_use_axis(u, n, o, -1, i, 0);
    return n;
}

static snug_cost norm_cost(const snug_sig *s)
{
    return snug_cost_of(s, 8 * (double)snug_shape_elements(&s->in[0].shape));
}

static snug_status norm_gradient(snug_grad *g)
{
    CHECK(!g->dout[1] && !g->dout[2], SNUG_EUNSUPPORTED,
          "the statistics of group_norm have no gradient: only the result does");
    if (!g->dout[0]) return SNUG_OK;
    snug_value *in[] = {g->dout[0], g->in[0], g->out[1], g->out[2], g->in[1]}, *out[SNUG_MAX_OUT];
    TRY(snug_apply_all(g->graph, &snug_op_group_norm_grad, NULL, g->attrs, g->n_in > 1 ? 5 : 4, in,
                       out));
    for (int i = 0; i < g->n_in; i++) g->din[i] = out[i];
    return SNUG_OK;
}

/* ---- references -------------------------------------------------------------------------------
 */

/* x seen as [N, places, groups, each]. */
typedef struct layout {
    int64_t n, places, groups, each;
} layout;

static layout layout_of(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    layout l = {.n = x->dim[0], .groups = groups_of(c->attrs, x)};
    l.each = snug_shape_last(x) / l.groups;
    l.places = 1;
    for (int i = 1; i + 1 < x->n_dims; i++) l.places *= x->dim[i];
    return l;
}

/* The i-th value of a group: its place, then its channel. */
static int64_t place_of(const layout *l, int64_t sample, int64_t group, int64_t i)
{
    int64_t row = (sample * l->places + i / l->each) * l->groups + group;
    return row * l->each + i % l->each;
}

static double channel_at(const snug_call *c, int input, const layout *l, int64_t i,
                         double otherwise)
{
    return c->n_in > input ? snug_load(&c->in[input], i % (l->groups * l->each)) : otherwise;
}

static void put(const snug_tensor *t, int64_t i, double v)
{
    if (t->data) snug_store(t, i, v);
}

static void norm_group(const snug_call *c, const layout *l, int64_t sample, int64_t group)
{
    const snug_group_norm_attrs *a = c->attrs;
    int64_t m = l->places * l->each;
    double mean = 0, var = 0;
    for (int64_t k = 0; k < m; k++)
        mean += snug_load(&c->in[0], place_of(l, sample, group, k)) / (double)m;
    for (int64_t k = 0; k < m; k++) {
        double d = snug_load(&c->in[0], place_of(l, sample, group, k)) - mean;
        var += d * d / (double)m;
    }
    double inv_std = 1 / sqrt(var + a->epsilon);
    for (int64_t k = 0; k < m; k++) {
        int64_t i = place_of(l, sample, group, k);
        double xhat = (snug_load(&c->in[0], i) - mean) * inv_std;
        snug_store(&c->out[0], i, xhat * channel_at(c, 1, l, i, 1) + channel_at(c, 2, l, i, 0));
    }
    put(&c->out[1], sample * l->groups + group, mean);
    put(&c->out[2], sample * l->groups + group, inv_std);
}

static void norm_ref(const snug_call *c)
{
    layout l = layout_of(c);
    for (int64_t s = 0; s < l.n; s++)
        for (int64_t g = 0; g < l.groups; g++) norm_group(c, &l, s, g);
}

typedef struct slopes {
    const snug_call *c;
    layout l;
    int64_t channel;
} slopes;

static double xhat_at(const slopes *s, int64_t i)
{
    int64_t channels = s->l.groups * s->l.each;
    int64_t at = i / (channels * s->l.places) * s->l.groups + i % channels / s->l.each;
    return (snug_load(&s->c->in[1], i) - snug_load(&s->c->in[2], at)) * snug_load(&s->c->in[3], at);
}

/* Sums over samples [begin, end) of one channel. */
static double weight_partial(const void *arg, int64_t begin, int64_t end)
{
    const slopes *s = arg;
    int64_t channels = s->l.groups * s->l.each;
    double sum = 0;
    for (int64_t r = begin * s->l.places; r < end * s->l.places; r++) {
        int64_t i = r * channels + s->channel;
        sum += snug_load(&s->c->in[0], i) * xhat_at(s, i);
    }
    return sum;
}

static double bias_partial(const void *arg, int64_t begin, int64_t end)
{
    const slopes *s = arg;
    int64_t channels = s->l.groups * s->l.each;
    double sum = 0;
    for (int64_t r = begin * s->l.places; r < end * s->l.places; r++)
        sum += snug_load(&s->c->in[0], r * channels + s->channel);
    return sum;
}

static double u_at(const slopes *s, int64_t i)
{
    return snug_load(&s->c->in[0], i) * channel_at(s->c, 4, &s->l, i, 1);
}

static void group_gradient(const slopes *s, int64_t sample, int64_t group)
{
    int64_t m = s->l.places * s->l.each;
    double mean_u = 0, mean_ux = 0;
    double inv_std = snug_load(&s->c->in[3], sample * s->l.groups + group);
    for (int64_t k = 0; k < m; k++) {
        int64_t i = place_of(&s->l, sample, group, k);
        mean_u += u_at(s, i) / (double)m;
        mean_ux += u_at(s, i) * xhat_at(s, i) / (double)m;
    }
    for (int64_t k = 0; k < m; k++) {
        int64_t i = place_of(&s->l, sample, group, k);
        snug_store(&s->c->out[0], i, inv_std * (u_at(s, i) - mean_u - xhat_at(s, i) * mean_ux));
    }
}

/* dx may be dy: sums over samples come first. */
static void grad_ref(const snug_call *c)
{
    slopes s = {.c = c, .l = layout_of(c)};
    leaf_rows samples = leaf_rows_of(c, &c->in[0].type.shape, 1);
    snug_dtype dtype = c->out[1].type.dtype;
    for (; s.channel < s.l.groups * s.l.each; s.channel++) {
        if (c->out[1].data)
            snug_store(&c->out[1], s.channel, leaf_sum(&samples, dtype, weight_partial, &s));
        if (c->out[2].data)
            snug_store(&c->out[2], s.channel, leaf_sum(&samples, dtype, bias_partial, &s));
    }
    for (int64_t n = 0; n < s.l.n; n++)
        for (int64_t g = 0; g < s.l.groups; g++) group_gradient(&s, n, g);
}

/* ---- cases ------------------------------------------------------------------------------------
 */

static const snug_group_norm_attrs one = {.groups = 1, .epsilon = 1e-5},
                                   two = {.groups = 2, .epsilon = 1e-5},
                                   three = {.groups = 3, .epsilon = 1e-3},
                                   eight = {.groups = 8, .epsilon = 1e-5},
                                   each = {.groups = 0, .epsilon = 1e-5};

#define WEIGHT(c) FIXED_OF(POSITIVE, c)
#define BIAS(c)   FIXED(c)

static const snug_case cases[] = {
    {.name = "image",
     .attrs = &three,
     .n_in = 3,
     .in = INPUTS(BATCH(7, 5, 3, 9), WEIGHT(9), BIAS(9))},
    {.name = "one group",
     .attrs = &one,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 4, 5), WEIGHT(5), BIAS(5))},
    {.name = "instance",
     .attrs = &each,
     .n_in = 3,
     .in = INPUTS(BATCH(3, 6, 5, 7), WEIGHT(7), BIAS(7))},
    {.name = "no bias", .attrs = &two, .n_in = 2, .in = INPUTS(BATCH(3, 5, 6), WEIGHT(6))},
    {.name = "no weight", .attrs = &two, .n_in = 1, .in = INPUTS(BATCH(4, 2, 3, 34))},
    {.name = "rows", .attrs = &two, .n_in = 3, .in = INPUTS(BATCH(5, 14), WEIGHT(14), BIAS(14))},
    {.name = "fixed", .attrs = &two, .n_in = 3, .in = INPUTS(FIXED(3, 4, 6), WEIGHT(6), BIAS(6))},
    {.name = "wide",
     .attrs = &two,
     .n_in = 3,
     .in = INPUTS(BATCH(2, 70, 150), WEIGHT(150), BIAS(150))},
    {.name = "resnet8",
     .attrs = &eight,
     .bench = true,
     .n_in = 3,
     .in = INPUTS(BATCH(32, 32, 32, 16), WEIGHT(16), BIAS(16))},
    {0}};

#define STATS(n, groups) BATCH(n, groups), BATCH_OF(POSITIVE, n, groups)

static const snug_case grad_cases[] = {
    {.name = "image",
     .attrs = &three,
     .n_in = 5,
     .in = INPUTS(BATCH(7, 5, 3, 9), BATCH(7, 5, 3, 9), STATS(7, 3), WEIGHT(9))},
    {.name = "instance",
     .attrs = &each,
     .n_in = 5,
     .in = INPUTS(BATCH(3, 6, 5, 7), BATCH(3, 6, 5, 7), STATS(3, 7), WEIGHT(7))},
    {.name = "no weight",
     .attrs = &two,
     .n_in = 4,
     .in = INPUTS(BATCH(4, 2, 3, 34), BATCH(4, 2, 3, 34), STATS(4, 2))},
    {.name = "wide",
     .attrs = &two,
     .n_in = 5,
     .in = INPUTS(BATCH(2, 70, 150), BATCH(2, 70, 150), STATS(2, 2), WEIGHT(150))},
    {.name = "resnet8",
     .attrs = &eight,
     .bench = true,
     .n_in = 5,
     .in = INPUTS(BATCH(32, 32, 32, 16), BATCH(32, 32, 32, 16), STATS(32, 8), WEIGHT(16))},
    {0}};

const snug_op snug_op_group_norm = {
    .name = "group_norm",
    .doc =
        "group_norm(x [N, .., C][, weight [C][, bias [C]]])\n"
        "-> y [N, .., C], mean [N, groups], inv_std [N, groups]\n"
        "y = (x - mean) * inv_std * weight + bias, inv_std = 1 / sqrt(var + epsilon), with mean\n"
        "and biased variance of each sample's groups of C / groups neighbouring channels.\n"
        "Gradient: group_norm_grad (Wu and He 2018; with as many groups as channels instance\n"
        "normalisation, Ulyanov, Vedaldi and Lempitsky 2016).",
    .n_in_min = 1,
    .n_in_max = 3,
    .n_out = 3,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_group_norm_attrs),
    .inplace = {1},
    .shape = norm_shape,
    .axes = norm_axes,
    .grad = norm_gradient,
    .cost = norm_cost,
    .ref = norm_ref,
    .cases = cases};

const snug_op snug_op_group_norm_grad = {
    .name = "group_norm_grad",
    .doc = "group_norm_grad(dy, x [N, .., C], mean, inv_std [N, groups][, weight [C]])\n"
           "-> dx, dweight [C], dbias [C]\n"
           "dx = inv_std * (u - mean(u) - xhat * mean(u * xhat)), u = dy * weight, means over the\n"
           "group; dweight = sum dy * xhat and dbias = sum dy, over samples by leaves;\n"
           "xhat = (x - mean) * inv_std.",
    .n_in_min = 4,
    .n_in_max = 5,
    .n_out = 3,
    .flags = SNUG_OP_BACKWARD,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_group_norm_attrs),
    .inplace = {1},
    .shape = grad_shape,
    .axes = grad_axes,
    .cost = norm_cost,
    .ref = grad_ref,
    .cases = grad_cases};
