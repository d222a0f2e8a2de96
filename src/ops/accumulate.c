/* SPDX-License-Identifier: Apache-2.0 */
/* Adds up what the micro-batches of a step give, by the binary tree over their numbers, as a binary
 * counter does: micro-batch m brings one merge for each trailing one bit of m. The sum waiting on
 * level l < log2(n_micro) - 1 is row l of `partials`; on the top level, and at the end, `total`. */
#include "ops/cases.h"
#include "ops/leaf_sum.h"

static const snug_attr attrs[] = {ATTR_INT(snug_accumulate_attrs, n_micro, 2, SNUG_MAX_LEAVES, 2,
                                           "micro-batches of a step, a power of two"),
                                  {0}};

static int levels(const snug_accumulate_attrs *a)
{
    return snug_leaf_depth(a->n_micro) - 1;
}

static snug_status accumulate_shape(snug_infer *f)
{
    const snug_accumulate_attrs *a = f->attrs;
    char text[SNUG_SHAPE_TEXT];
    snug_shape_text(&f->in[0].shape, text, sizeof text);
    TRY(snug_infer_float(f, 0, -1));
    CHECK(a->n_micro >= 2 && (a->n_micro & (a->n_micro - 1)) == 0, SNUG_EINVAL,
          "accumulate '%s': %" PRId64 " micro-batches of %s are not a power of two of 2 or more",
          f->name, a->n_micro, text);
    CHECK(!snug_shape_has_batch(&f->in[0].shape), SNUG_ESHAPE,
          "accumulate '%s': %s still has its batch axis", f->name, text);
    int64_t n = 1, all;
    for (int i = 0; i < f->in[0].shape.n_dims; i++)
        TRY(snug_infer_mul(f, n, f->in[0].shape.dim[i], &n));
    TRY(snug_infer_mul(f, n, levels(a), &all));
    f->out[0] = f->in[0];
    f->out[1] = (snug_type){.shape = snug_shape_make(2, (int64_t[]){levels(a) - 1, n}),
                            .dtype = f->in[0].dtype};
    return SNUG_OK;
}

static int accumulate_axes(const snug_sig *s, snug_axis_use *u)
{
    int n = 0;
    for (int i = 0; i < s->in[0].shape.n_dims; i++) n = snug_use_axis(u, n, 0, i, 0, i);
    return n;
}

static snug_cost accumulate_cost(const snug_sig *s)
{
    double n = (double)snug_shape_elements(&s->in[0].shape);
    double bytes = (double)snug_type_bytes(&s->in[0]);
    return (snug_cost){.flops = n, .bytes_read = 2 * bytes, .bytes_written = bytes};
}

static void accumulate_ref(const snug_call *c)
{
    const snug_accumulate_attrs *a = c->attrs;
    int64_t n = snug_shape_elements(&c->in[0].type.shape), micro = c->step->micro;
    int top = levels(a) - 1, merges = snug_leaf_merges(micro);
    for (int64_t i = 0; i < n; i++) {
        double v = snug_load(&c->in[0], i);
        for (int l = 0; l < merges; l++) {
            double waiting = l == top ? snug_load(&c->out[0], i) : snug_load(&c->out[1], l * n + i);
            v = leaf_round(c->out[0].type.dtype, waiting + v);
        }
        if (merges >= top)
            snug_store(&c->out[0], i, v);
        else
            snug_store(&c->out[1], merges * n + i, v);
    }
}

static const snug_accumulate_attrs two = {2}, four = {4}, sixteen = {16};

static const snug_case cases[] = {
    {.name = "two", .attrs = &two, .n_in = 1, .in = INPUTS(FIXED(13))},
    {.name = "four", .attrs = &four, .n_in = 1, .in = INPUTS(FIXED(5, 7))},
    {.name = "sixteen", .attrs = &sixteen, .n_in = 1, .in = INPUTS(FIXED(3, 1, 3))},
    {.name = "scalar", .attrs = &four, .n_in = 1, .in = INPUTS(SCALAR_OF(NORMAL))},
    {.name = "mlp", .attrs = &four, .bench = true, .n_in = 1, .in = INPUTS(FIXED(784, 512))},
    {0}};

const snug_op snug_op_accumulate = {
    .name = "accumulate",
    .doc = "accumulate(g; n_micro) -> total, partials [log2(n_micro) - 1, elements of g]\n"
           "After the last micro-batch of a step, total = the sum of g over its micro-batches, by\n"
           "the binary tree over their numbers. Made by the accumulate pass. No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 2,
    .flags = SNUG_OP_ACROSS,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_accumulate_attrs),
    .shape = accumulate_shape,
    .axes = accumulate_axes,
    .cost = accumulate_cost,
    .ref = accumulate_ref,
    .cases = cases};
