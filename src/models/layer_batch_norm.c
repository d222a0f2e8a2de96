/* SPDX-License-Identifier: Apache-2.0 */
/* batch_norm: Ioffe and Szegedy 2015. */
#include "models/layer.h"

typedef struct batch_norm_attrs {
    double momentum, eps;
} batch_norm_attrs;

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const batch_norm_attrs *a = attrs;
    snug_norm_config config = {.momentum = a->momentum, .epsilon = a->eps};
    return snug_batch_norm_with(b->graph, x, &config, b->name);
}

static const snug_layer_key keys[] = {{"momentum", LAYER_FLOAT,
                                       offsetof(batch_norm_attrs, momentum), 1e-6, 1, NULL, "0.1",
                                       "how far running statistics move towards a batch's"},
                                      {"eps", LAYER_FLOAT, offsetof(batch_norm_attrs, eps), 1e-12,
                                       1, NULL, "1e-5", "added to the variance"},
                                      {0}};

const snug_layer_kind snug_layer_batch_norm = {
    .info.name = "batch_norm",
    .info.doc =
        "normalise each channel by its mean and variance over the batch, then scale and shift",
    .prefix = "bn",
    .keys = keys,
    .attrs_bytes = sizeof(batch_norm_attrs),
    .build = build,
};
