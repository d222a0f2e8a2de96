/* SPDX-License-Identifier: Apache-2.0 */
/* Activations: element by element, without parameters. */
#include "models/layer.h"

static snug_value *build_relu(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return snug_relu(b->graph, x);
}

const snug_layer_kind snug_layer_relu = {
    .info.name = "relu",
    .info.doc = "max(x, 0)",
    .build = build_relu,
};

static snug_value *build_gelu(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return snug_gelu(b->graph, x);
}

const snug_layer_kind snug_layer_gelu = {
    .info.name = "gelu",
    .info.doc = "x times the normal distribution function of x",
    .build = build_gelu,
};
