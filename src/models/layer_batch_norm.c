/* SPDX-License-Identifier: Apache-2.0 */
/* batch_norm: Ioffe and Szegedy 2015. */
#include "models/layer.h"

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    (void)attrs;
    return snug_batch_norm(b->graph, x, b->name);
}

const snug_layer_kind snug_layer_batch_norm = {
    .info.name = "batch_norm",
    .info.doc =
        "normalise each channel by its mean and variance over the batch, then scale and shift",
    .prefix = "bn",
    .build = build,
};
