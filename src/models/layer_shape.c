/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that only change the shape. */
#include "models/layer.h"

static snug_value *build_flatten(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return snug_flatten(b->graph, x);
}

const snug_layer_kind snug_layer_flatten = {
    .info.name = "flatten",
    .info.doc = "each sample as one row of features: [N, ...] to [N, features]",
    .build = build_flatten,
};

typedef struct reshape_attrs {
    snug_layer_dims shape;
} reshape_attrs;

static snug_value *build_reshape(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const reshape_attrs *a = attrs;
    return snug_reshape(b->graph, x, a->shape.n, a->shape.dim);
}

const snug_layer_kind snug_layer_reshape = {
    .info.name = "reshape",
    .info.doc = "each sample in another shape of as many elements",
    .keys = (const snug_layer_key[]){{"shape", LAYER_DIMS, offsetof(reshape_attrs, shape), 1,
                                      1 << 24, NULL, NULL, "of one sample, such as [28, 28, 1]"},
                                     {0}},
    .attrs_bytes = sizeof(reshape_attrs),
    .build = build_reshape,
};
