/* SPDX-License-Identifier: Apache-2.0 */
/* one_hot: y[.., c] = on where indices[..] is c, else off. */
#include "ops/cases.h"
#include "ops/rules.h"
#include <snug/graph.h>

static const snug_attr attrs[] = {
    ATTR_INT(snug_one_hot_attrs, depth, 1, 0x1p31, 1, "length of the new axis"),
    ATTR_FLOAT(snug_one_hot_attrs, on, -1e300, 1e300, 1, "where the index is"),
    ATTR_FLOAT(snug_one_hot_attrs, off, -1e300, 1e300, 0, "elsewhere"),
    {0}};

static snug_status one_hot_shape(snug_infer *f)
{
    const snug_one_hot_attrs *a = f->attrs;
    const snug_shape *ids = &f->in[0].shape;
    char text[SNUG_SHAPE_TEXT];
    snug_shape_text(ids, text, sizeof text);
    CHECK(f->in[0].dtype == SNUG_I32, SNUG_ESHAPE, "one_hot '%s': indices %s must be i32, not %s",
          f->name, text, snug_dtype_get(f->in[0].dtype)->name);
    CHECK(ids->n_dims < SNUG_MAX_DIMS, SNUG_ESHAPE,
          "one_hot '%s': indices %s leave no room for a new axis", f->name, text);
    int64_t n = a->depth;
    for (int d = 0; d < ids->n_dims; d++) TRY(snug_infer_mul(f, n, ids->dim[d], &n));
    f->out[0] = (snug_type){.shape = *ids, .dtype = SNUG_F32};
    f->out[0].shape.kind[ids->n_dims] = SNUG_AXIS_FIXED;
    f->out[0].shape.dim[f->out[0].shape.n_dims++] = a->depth;
    return SNUG_OK;
}

static int one_hot_axes(const snug_sig *s, snug_axis_use *u)
{
    return snug_use_leading(s, u, 0, 0, 0, s->in[0].shape.n_dims);
}

static void one_hot_ref(const snug_call *c)
{
    const snug_one_hot_attrs *a = c->attrs;
    for (int64_t i = 0; i < snug_shape_elements(&c->out[0].type.shape); i++) {
        int64_t id = (int64_t)snug_load(&c->in[0], i / a->depth);
        snug_store(&c->out[0], i, id == i % a->depth ? a->on : a->off);
    }
}

static const snug_one_hot_attrs five = {.depth = 5, .on = 1},
                                smooth = {.depth = 3, .on = 0.9, .off = 0.05};

static const snug_case cases[] = {
    {.name = "labels", .attrs = &five, .n_in = 1, .in = INPUTS(LABELS(7, 5))},
    {.name = "tokens", .attrs = &five, .n_in = 1, .in = INPUTS(INDICES(5, 3, 4))},
    {.name = "outside", .attrs = &smooth, .n_in = 1, .in = INPUTS(LABELS(7, 5))},
    {0}};

const snug_op snug_op_one_hot = {
    .name = "one_hot",
    .doc = "one_hot(indices i32 [..]; depth, on, off) -> y f32 [.., depth]\n"
           "y[.., c] = on where indices[..] is c, off elsewhere; an index outside 0..depth-1 is\n"
           "nowhere. No gradient.",
    .n_in_min = 1,
    .n_in_max = 1,
    .n_out = 1,
    .attrs = attrs,
    .attrs_bytes = sizeof(snug_one_hot_attrs),
    .shape = one_hot_shape,
    .axes = one_hot_axes,
    .cost = snug_cost_elementwise,
    .ref = one_hot_ref,
    .cases = cases};
