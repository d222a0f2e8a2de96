/* SPDX-License-Identifier: Apache-2.0 */
/* linear: y = x W + b on [N, features], or on each position of [N, T, features]. */
#include "models/layer.h"

typedef struct linear_attrs {
    int64_t units; /* -1: as many as the model has outputs */
    bool bias;
    double std;
} linear_attrs;

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const linear_attrs *a = attrs;
    const bool tokens = snug_value_type(x).dtype == SNUG_I32;
    if (tokens || (snug_layer_rank(x) != 2 && snug_layer_rank(x) != 3))
        return snug_layer_refuse(b, x, "[N, features] or [N, T, features]",
                                 "put `- flatten` before it");
    const snug_linear_config config = {
        .units = a->units < 0 ? b->outputs : a->units, .no_bias = !a->bias, .std = a->std};
    return snug_linear_with(b->graph, x, &config, b->name);
}

static const snug_layer_key keys[] = {
    {"units", LAYER_INT, offsetof(linear_attrs, units), 1, 1 << 20,
     (const char *const[]){"outputs", NULL}, NULL,
     "features of the result; `outputs`: as many as the data has classes, or 1"},
    {"bias", LAYER_BOOL, offsetof(linear_attrs, bias), 0, 0, NULL, "true",
     "add a bias to each feature"},
    LAYER_STD(linear_attrs, std, "first weights"),
    {0}};

const snug_layer_kind snug_layer_linear = {
    .info.name = "linear",
    .info.doc = "fully connected, y = x W + b, on [N, features] or [N, T, features]",
    .prefix = "linear",
    .keys = keys,
    .attrs_bytes = sizeof(linear_attrs),
    .build = build,
    .grows = snug_layer_grows_always,
};
