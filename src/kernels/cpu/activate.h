/* SPDX-License-Identifier: Apache-2.0 */
/* The activations that other kernels apply to a result on its way to memory, and masks of those
 * that cut off, from the value before it. */
#ifndef KERNELS_CPU_ACTIVATE_H
#define KERNELS_CPU_ACTIVATE_H

#include "kernels/cpu/spans.h"
#include "kernels/cpu/vmath.h"
#include "ops/ops.h"

/* NaN stays: vmin and vmax give their second argument then. */
ALWAYS_INLINE vf vcut(int64_t act, vf x)
{
    if (act == ACT_RELU || act == ACT_RELU6) x = vmax(vzero(), x);
    return act == ACT_RELU6 ? vmin(vset1(6), x) : x;
}

ALWAYS_INLINE vf vactivate(int64_t act, vf x)
{
    return act == ACT_GELU ? vgelu(x) : vcut(act, x);
}

/* dy where vcut has let x pass, else 0. */
ALWAYS_INLINE vf vcut_mask(int64_t act, vf x, vf dy)
{
    if (act == ACT_NONE) return dy;
    vm passed = vgt(x, vzero());
    if (act == ACT_RELU6) passed = vm_and(passed, vlt(x, vset1(6)));
    return vselect(passed, dy, vzero());
}

#endif
