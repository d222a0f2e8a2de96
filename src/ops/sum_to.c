/* SPDX-License-Identifier: Apache-2.0 */
/* sum_to, the gradient of broadcasting:
 *     y[k] = the sum over the summed axes of x, over samples by leaves (snug/leaves.h). */
#include "ops/broadcast.h"
#include "ops/cases.h"
#include "ops/leaf_sum.h"

static const snug_attr sum_to_attrs[] = {
    ATTR_INT(snug_sum_to_attrs, drop, 0, SNUG_MAX_DIMS, 0, "leading axes that go"),
    ATTR_INT(snug_sum_to_attrs, axes, 0, (1 << SNUG_MAX_DIMS) - 1, 0,
             "axes that become of length 1: bit i for axis i"),
    {0}};

static snug_status sum_to_shape(snug_infer *f)
{
    const snug_sum_to_attrs *a = f->attrs;
    const snug_shape *x = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    TRY(snug_infer_float(f, 0, -1));
    CHECK(a->drop <= x->n_dims && a->axes >> x->n_dims == 0, SNUG_ESHAPE,
          "'%s': input is %s, which lacks an axis that is to be summed", f->name,
          snug_shape_text(x, text, sizeof text));
    snug_shape y = {.n_dims = x->n_dims - (int)a->drop};
    for (int d = (int)a->drop; d < x->n_dims; d++) {
        bool summed = snug_sum_to_sums(a, d);
        y.dim[d - a->drop] = summed ? 1 : x->dim[d];
        y.kind[d - a->drop] = summed ? SNUG_AXIS_FIXED : x->kind[d];
    }
    f->out[0] = (snug_type){.shape = y, .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static int sum_to_axes(const snug_sig *s, snug_axis_use *u)
{
    const snug_sum_to_attrs *a = s->attrs;
    const snug_shape *x = &s->in[0].shape;
    int n = 0;
    for (int d = 0; d < x->n_dims; d++) {
        bool summed = snug_sum_to_sums(a, d);
        n = snug_use_axis(u, n, 0, summed ? -1 : d - (int)a->drop, 0, d);
        if (!summed && x->kind[d] == SNUG_AXIS_BATCH) u[n - 1].how = SNUG_FOLLOW_BATCH;
    }
    return n;
}

static snug_cost sum_to_cost(const snug_sig *s)
{
    return snug_cost_of(s, (double)snug_shape_elements(&s->in[0].shape));
}

/* One element of the result: what is summed of x. Axis 0 is apart when it is the batch. */
typedef struct summed {
    const snug_tensor *x;
    int64_t base; /* of the element's first term */
    int64_t sample, inner;
    int n_dims;
    int64_t dim[SNUG_MAX_DIMS], stride[SNUG_MAX_DIMS]; /* of the other summed axes */
} summed;

static double summed_partial(const void *arg, int64_t begin, int64_t end)
{
    const summed *s = arg;
    double sum = 0;
    for (int64_t n = begin; n < end; n++)
        for (int64_t i = 0; i < s->inner; i++) {
            int64_t at = s->base + n * s->sample, rest = i;
            for (int d = s->n_dims - 1; d >= 0; d--) {
                at += rest % s->dim[d] * s->stride[d];
                rest /= s->dim[d];
            }
            sum += snug_load(s->x, at);
        }
    return sum;
}

/* Where the terms of element o begin: its place along the axes that stay. */
static int64_t summed_base(const snug_call *c, int64_t o)
{
    const snug_shape *x = &c->in[0].type.shape;
    int64_t base = 0, stride = 1;
    for (int d = x->n_dims - 1; d >= 0; d--) {
        if (!snug_sum_to_sums(c->attrs, d)) {
            base += o % x->dim[d] * stride;
            o /= x->dim[d];
        }
        stride *= x->dim[d];
    }
    return base;
}

static void sum_to_ref(const snug_call *c)
{
    const snug_shape *x = &c->in[0].type.shape;
    bool by_leaves = snug_shape_has_batch(x) && snug_sum_to_sums(c->attrs, 0);
    summed s = {.x = &c->in[0], .inner = 1};
    int64_t stride = 1;
    for (int d = x->n_dims - 1; d >= 0; stride *= x->dim[d--]) {
        if (d == 0 && by_leaves) s.sample = stride;
        if (!snug_sum_to_sums(c->attrs, d) || (d == 0 && by_leaves)) continue;
        s.inner *= x->dim[d];
        s.stride[s.n_dims] = stride;
        s.dim[s.n_dims++] = x->dim[d];
    }
    leaf_rows rows = {.n_rows = 1, .rows_per_sample = 1};
    if (by_leaves) rows = leaf_rows_of(c, x, 1);
    for (int64_t o = 0; o < snug_shape_elements(&c->out[0].type.shape); o++) {
        s.base = summed_base(c, o);
        snug_store(&c->out[0], o, leaf_sum(&rows, c->out[0].type.dtype, summed_partial, &s));
    }
}

static const snug_sum_to_attrs to_column = {.axes = 2}, to_vector = {.drop = 2},
                               to_scalar = {.drop = 2}, to_row = {.axes = 1},
                               to_channel = {.drop = 1, .axes = 6}, to_pixels = {.axes = 9},
                               to_nothing = {0};
static const snug_case sum_to_cases[] = {
    {.name = "column", .n_in = 1, .in = {BATCH(7, 13)}, .attrs = &to_column},
    {.name = "row", .n_in = 1, .in = {BATCH(7, 13)}, .attrs = &to_row},
    {.name = "vector", .n_in = 1, .in = {BATCH(7, 3, 18)}, .attrs = &to_vector},
    {.name = "scalar", .n_in = 1, .in = {BATCH(7, 13)}, .attrs = &to_scalar},
    {.name = "channel", .n_in = 1, .in = {BATCH(5, 4, 3, 6)}, .attrs = &to_channel},
    {.name = "pixels", .n_in = 1, .in = {BATCH(5, 4, 3, 6)}, .attrs = &to_pixels},
    {.name = "nothing", .n_in = 1, .in = {BATCH(5, 4)}, .attrs = &to_nothing},
    {.name = "fixed", .n_in = 1, .in = {FIXED(31, 6)}, .attrs = &to_row},
    {.name = "fixed scalar", .n_in = 1, .in = {FIXED(31, 6)}, .attrs = &to_scalar},
    {.name = "mlp column",
     .bench = true,
     .n_in = 1,
     .in = {BATCH(64, 512)},
     .attrs = &to_column},
    {.name = "mlp row", .bench = true, .n_in = 1, .in = {BATCH(64, 512)}, .attrs = &to_row},
    {0}};

const snug_op snug_op_sum_to = {
    .name = "sum_to",
    .doc = "sum_to(x) -> y\n"
           "y = the sum of x over its first `drop` axes, which go, and over the axes whose bits\n"
           "are set in `axes`, which stay with length 1; over samples by leaves. The gradient of\n"
           "broadcasting.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .flags = SNUG_OP_BACKWARD,
    .attrs = sum_to_attrs,
    .attrs_bytes = sizeof(snug_sum_to_attrs),
    .shape = sum_to_shape,
    .axes = sum_to_axes,
    .cost = sum_to_cost,
    .ref = sum_to_ref,
    .cases = sum_to_cases};
