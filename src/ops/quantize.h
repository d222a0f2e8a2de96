/* SPDX-License-Identifier: Apache-2.0 */
/* Which scale and zero point an element has: x is [outer, channels, inner]; one for all: channels
 * is 1. */
#ifndef OPS_QUANTIZE_H
#define OPS_QUANTIZE_H

#include "ops/rules.h"

typedef struct snug_channels {
    int64_t n, inner;
} snug_channels;

static inline snug_channels snug_channels_of(const void *attrs, const snug_shape *x,
                                             const snug_shape *scale)
{
    if (scale->n_dims == 0) return (snug_channels){1, snug_shape_elements(x)};
    int axis = snug_shape_axis(x, ((const snug_quantize_attrs *)attrs)->axis);
    return (snug_channels){x->dim[axis], snug_shape_span(x, axis + 1, x->n_dims)};
}

static inline int64_t snug_channel(const snug_channels *k, int64_t i)
{
    return k->inner > 0 ? i / k->inner % k->n : 0;
}

#endif
