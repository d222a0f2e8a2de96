/* SPDX-License-Identifier: Apache-2.0 */
/* How gather sees its tensors: x [outer, n, inner], indices [picked], y [outer, picked, inner]. */
#ifndef OPS_GATHER_H
#define OPS_GATHER_H

#include "ops/rules.h"

typedef struct snug_gathered {
    int64_t outer, n, inner, picked;
} snug_gathered;

static inline snug_gathered snug_gathered_of(const void *attrs, const snug_shape *x,
                                             const snug_shape *indices)
{
    int axis = snug_shape_axis(x, ((const snug_gather_attrs *)attrs)->axis);
    return (snug_gathered){snug_shape_span(x, 0, axis), x->dim[axis],
                           snug_shape_span(x, axis + 1, x->n_dims), snug_shape_elements(indices)};
}

#endif
