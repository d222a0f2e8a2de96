/* SPDX-License-Identifier: Apache-2.0 */
/* Products whose A is windows of an image, without gathering them: a padded band of image rows is
 * copied once, and the register tile walks over it. The bits are those of gemm_run. */
#ifndef KERNELS_CPU_DIRECT_H
#define KERNELS_CPU_DIRECT_H

#include "kernels/cpu/windows.h"

/* Whether windows of this shape are worth it; else gemm_run. */
bool SNUG_TIER_SYMBOL(direct_suits)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(direct_scratch)(const gemm *g, const windows *v, int threads);
/* g's rows are v's windows; its pack_a is not used. */
void SNUG_TIER_SYMBOL(direct_run)(const gemm *g, const windows *v, const snug_call *call);
/* The same for the gradient of the weights: g's columns of A are v's windows, B is call->in[1]. */
bool SNUG_TIER_SYMBOL(direct_weight_suits)(const gemm *g, const windows *v);
/* Whether filters, which are few, leave little of tiles empty. */
bool SNUG_TIER_SYMBOL(direct_weight_swaps)(const gemm *g, const windows *v);
/* Whether strip after strip of many columns copies the image for itself: gemm_run gathers once. */
bool SNUG_TIER_SYMBOL(direct_weight_copies_often)(const gemm *g, const windows *v);
size_t SNUG_TIER_SYMBOL(direct_weight_scratch)(const gemm *g, const windows *v, int threads);
void SNUG_TIER_SYMBOL(direct_weight_run)(const gemm *g, const windows *v, const snug_call *call);
#define direct_suits               SNUG_TIER_SYMBOL(direct_suits)
#define direct_scratch             SNUG_TIER_SYMBOL(direct_scratch)
#define direct_run                 SNUG_TIER_SYMBOL(direct_run)
#define direct_weight_suits        SNUG_TIER_SYMBOL(direct_weight_suits)
#define direct_weight_copies_often SNUG_TIER_SYMBOL(direct_weight_copies_often)
#define direct_weight_swaps        SNUG_TIER_SYMBOL(direct_weight_swaps)
#define direct_weight_scratch      SNUG_TIER_SYMBOL(direct_weight_scratch)
#define direct_weight_run          SNUG_TIER_SYMBOL(direct_weight_run)

#endif
