/* SPDX-License-Identifier: Apache-2.0 */
/* What kernels of conv2d_grad_weight are told when they serve conv2d_grad_weight_each. */
#ifndef KERNELS_CPU_EACH_H
#define KERNELS_CPU_EACH_H

#include "ops/ops.h"

/* What conv2d_grad_weight is told of one sample; `t` holds its types. */
static inline snug_sig each_sig(const snug_sig *sig, snug_type t[3])
{
    const snug_conv2d_attrs *a = sig->attrs;
    t[0] = sig->in[0], t[1] = sig->in[1], t[2] = sig->out[0];
    for (int i = 0; i < 2; i++) t[i].shape.dim[0] = 1, t[i].shape.kind[0] = SNUG_AXIS_FIXED;
    int64_t c = t[0].shape.dim[3] / a->groups, f = t[1].shape.dim[3];
    t[2].shape = snug_shape_make(4, (int64_t[]){a->kernel_h, a->kernel_w, c, f});
    return (snug_sig){.attrs = a, .n_in = 2, .n_out = 1, .in = t, .out = t + 2};
}

static inline size_t each_scratch(const snug_sig *sig, int threads,
                                  size_t (*scratch)(const snug_sig *, int))
{
    snug_type t[3];
    snug_sig one = each_sig(sig, t);
    return scratch(&one, threads);
}

#endif
