/* SPDX-License-Identifier: Apache-2.0 */
/* The update of Adafactor (Shazeer and Stern 2018): a weight [.., C] of R rows keeps the means of
 * its squared gradients by row, r [R], and by column, c [C], instead of one an element. With the
 * decay b = 1 - hyper[3] and g' = clamp(g * scale):
 *     r' = b * r + (1 - b) * mean over columns of g'^2,   c' likewise over rows,
 *     u = g' / sqrt(max(r' c' / mean(r'), epsilon^2)),    u' = u / max(1, rms(u) / clip_rms),
 *     w' = (1 - lr * weight_decay) * w - lr * max(least_rms, rms(w)) * u'
 * A vector is a matrix of one column, whose r' is then the mean of each element's own squares. */
#include "ops/updates.h"
#include <math.h>

static const snug_attr adafactor_attrs[] = {
    ATTR_FLOAT(snug_update_attrs, epsilon, 0, 1, 1.1920928955078125e-07,
               "least root of the squares"),
    ATTR_FLOAT(snug_update_attrs, clip_rms, 1e-30, 1e30, 1, "largest root mean square of a step"),
    ATTR_FLOAT(snug_update_attrs, least_rms, 0, 1e30, 1e-3,
               "a step is in units of the weight's root mean square, or of this"),
    ATTR_FLOAT(snug_update_attrs, weight_decay, 0, 1e6, 0, "pull towards 0, apart from the step"),
    ATTR_FLOAT(snug_update_attrs, clip_value, 0, 1e30, 0,
               "each element of g is kept within this; 0: off"),
    {0}};

snug_shape snug_adafactor_rows(const snug_shape *w)
{
    const int64_t columns = w->n_dims > 1 ? snug_shape_last(w) : 1;
    return (snug_shape){.n_dims = 1, .dim = {columns ? snug_shape_elements(w) / columns : 0}};
}

snug_shape snug_adafactor_columns(const snug_shape *w)
{
    return (snug_shape){.n_dims = 1, .dim = {w->n_dims > 1 ? snug_shape_last(w) : 1}};
}

static snug_status adafactor_shape(snug_infer *f)
{
    const snug_shape want[] = {snug_adafactor_rows(&f->in[0].shape),
                               snug_adafactor_columns(&f->in[0].shape)};
    char w[SNUG_SHAPE_TEXT], s[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    TRY(snug_infer_float(f, 1, -1));
    TRY(snug_infer_same(f, 1, 0));
    for (int i = 0; i < 2; i++) {
        TRY(snug_infer_float(f, 2 + i, -1));
        CHECK(snug_shape_equal(&f->in[2 + i].shape, &want[i]), SNUG_ESHAPE,
              "update '%s' of %s: input %d holds means by %s and cannot be %s", f->name,
              snug_shape_text(&f->in[0].shape, w, sizeof w), 2 + i, i ? "column" : "row",
              snug_shape_text(&f->in[2 + i].shape, s, sizeof s));
        f->out[1 + i] = f->in[2 + i];
    }
    TRY(snug_infer_hyper(f, 4));
    if (f->n_in > 5) TRY(snug_infer_scalar(f, 5));
    f->out[0] = f->in[0];
    return SNUG_OK;
}

static int adafactor_axes(const snug_sig *s, snug_axis_use *u)
{
    (void)s, (void)u;
    return 0;
}

static snug_cost adafactor_cost(const snug_sig *s)
{
    return snug_cost_of(s, 20 * (double)snug_shape_elements(&s->in[0].shape));
}

/* Means over one axis into the state `to`, which holds what `from` was. */
static void means_ref(const snug_call *c, int state, int64_t n, int64_t each, int64_t stride,
                      int64_t step)
{
    const double rest = snug_load(&c->in[4], 3);
    for (int64_t k = 0; k < n; k++) {
        double sum = 0;
        for (int64_t j = 0; j < each; j++) {
            const double g = update_gradient_at(c, k * stride + j * step);
            sum += g * g;
        }
        const double old = snug_load(&c->in[1 + state], k);
        snug_store(&c->out[state], k, old + rest * (sum / (double)each - old));
    }
}

/* Element i of u. */
static double step_at(const snug_call *c, int64_t i, int64_t columns, double mean)
{
    const snug_update_attrs *a = c->attrs;
    const double r = snug_load(&c->out[1], i / columns), k = snug_load(&c->out[2], i % columns);
    const double square = mean > 0 ? r * k / mean : 0, least = a->epsilon * a->epsilon;
    return update_gradient_at(c, i) / sqrt(square > least ? square : least);
}

static void adafactor_ref(const snug_call *c)
{
    const snug_update_attrs *a = c->attrs;
    const int64_t rows = c->out[1].type.shape.dim[0], columns = c->out[2].type.shape.dim[0];
    const int64_t n = rows * columns;
    double mean = 0, ww = 0, uu = 0;
    means_ref(c, 1, rows, columns, columns, 1);
    means_ref(c, 2, columns, rows, 1, columns);
    for (int64_t r = 0; r < rows; r++) mean += snug_load(&c->out[1], r) / (double)rows;
    for (int64_t i = 0; i < n; i++) {
        const double w = snug_load(&c->in[0], i), u = step_at(c, i, columns, mean);
        ww += w * w;
        uu += u * u;
    }
    const double lr = snug_load(&c->in[4], 0), size = sqrt(ww / (double)n);
    const double long_by = sqrt(uu / (double)n) / a->clip_rms;
    const double by =
        lr * (size > a->least_rms ? size : a->least_rms) / (long_by > 1 ? long_by : 1);
    for (int64_t i = 0; i < n; i++)
        snug_store(&c->out[0], i,
                   snug_load(&c->in[0], i) * (1 - lr * a->weight_decay) -
                       by * step_at(c, i, columns, mean));
}

static const snug_update_attrs
    plain = {.epsilon = 1.1920928955078125e-07, .clip_rms = 1, .least_rms = 1e-3},
    decay = {.epsilon = 1e-3, .clip_rms = 0.5, .least_rms = 1e-3, .weight_decay = 0.1},
    clipped = {.epsilon = 1e-3, .clip_rms = 1, .least_rms = 10, .clip_value = 0.5};

static const snug_case adafactor_cases[] = {
    {.name = "one",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(1), FIXED(1), FIXED_OF(UNIT, 1), FIXED_OF(UNIT, 1), HYPER)},
    {.name = "vector",
     .attrs = &plain,
     .n_in = 5,
     .in = INPUTS(FIXED(67), FIXED(67), FIXED_OF(UNIT, 67), FIXED_OF(UNIT, 1), HYPER)},
    {.name = "decay",
     .attrs = &decay,
     .n_in = 5,
     .in = INPUTS(FIXED(7, 5), FIXED(7, 5), FIXED_OF(UNIT, 7), FIXED_OF(UNIT, 5), HYPER)},
    {.name = "clip, scale",
     .attrs = &clipped,
     .n_in = 6,
     .in = INPUTS(FIXED(3, 3, 2, 5), FIXED(3, 3, 2, 5), FIXED_OF(UNIT, 18), FIXED_OF(UNIT, 5),
                  HYPER, SCALE)},
    {.name = "rows",
     .attrs = &decay,
     .n_in = 5,
     .in = INPUTS(FIXED(301, 37), FIXED(301, 37), FIXED_OF(UNIT, 301), FIXED_OF(UNIT, 37), HYPER)},
    {.name = "mlp",
     .bench = true,
     .attrs = &plain,
     .n_in = 5,
     .in =
         INPUTS(FIXED(784, 512), FIXED(784, 512), FIXED_OF(UNIT, 784), FIXED_OF(UNIT, 512), HYPER)},
    {0}};

const snug_op snug_op_adafactor_update = {
    .name = "adafactor_update",
    .doc = "adafactor_update(w [.., C], g, r [R], c [C], hyper f32 [4], scale []?) -> w', r', c'\n"
           "r', c' = means over columns and over rows of g'^2, decaying by 1 - hyper[3];\n"
           "u = g' / sqrt(max(r' c' / mean(r'), epsilon^2)), u' = u / max(1, rms(u) / clip_rms),\n"
           "w' = (1 - lr * weight_decay) * w - lr * max(least_rms, rms(w)) * u', where lr is\n"
           "hyper[0] and g' = clamp(g * scale). R is the product of all axes but the last; a\n"
           "vector [R] has one column (Shazeer and Stern 2018). No gradient.",
    .n_in_min = 5,
    .n_in_max = 6,
    .n_out = 3,
    .flags = SNUG_OP_UPDATE,
    .attrs = adafactor_attrs,
    .attrs_bytes = sizeof(snug_update_attrs),
    .inplace = {1, 3, 4},
    .shape = adafactor_shape,
    .axes = adafactor_axes,
    .cost = adafactor_cost,
    .ref = adafactor_ref,
    .cases = adafactor_cases};
