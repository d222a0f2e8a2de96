/* SPDX-License-Identifier: Apache-2.0 */
/* dropout: Srivastava et al. 2014, scaled while training so that inference is the identity. */
#include "models/layer.h"

typedef struct dropout_attrs {
    double rate;
} dropout_attrs;

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const dropout_attrs *a = attrs;
    return snug_dropout(b->graph, x, a->rate);
}

const snug_layer_kind snug_layer_dropout = {
    .info.name = "dropout",
    .info.doc = "while training, set a random share of the values to 0 and scale up the others",
    .keys = (const snug_layer_key[]){{"rate", LAYER_FLOAT, offsetof(dropout_attrs, rate), 0, 0.95,
                                      NULL, "0.5", "share of values set to 0"},
                                     {0}},
    .attrs_bytes = sizeof(dropout_attrs),
    .build = build,
    .grows = snug_layer_grows_always,
};
