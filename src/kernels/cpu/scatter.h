/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of a convolution's input by scattering: dy times w transposed gives, for every window,
 * what it adds to each of its places, and those are added up in a copy of the image with its
 * padding. Adjacent places of a window's row fill vectors which the few channels of a pixel do not,
 * and a stride leaves nothing out. */
#ifndef KERNELS_CPU_SCATTER_H
#define KERNELS_CPU_SCATTER_H

#include "kernels/cpu/windows.h"

/* v: the windows of dx. g: m counts them, n their places (ky, kx, c), k the filters; A is dy, B the
 * weights, as rows of filters, C is dx. */
bool SNUG_TIER_SYMBOL(scatter_suits)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(scatter_scratch)(const gemm *g, const windows *v, int threads);
void SNUG_TIER_SYMBOL(scatter_run)(const gemm *g, const windows *v, const snug_call *call);
#define scatter_suits   SNUG_TIER_SYMBOL(scatter_suits)
#define scatter_scratch SNUG_TIER_SYMBOL(scatter_scratch)
#define scatter_run     SNUG_TIER_SYMBOL(scatter_run)

#endif
