/* SPDX-License-Identifier: Apache-2.0 */
/* Products at inference: B was packed whole before (gemm_keep), or is read where it is by one row
 * of A. Nothing is copied; bias and activation are applied in registers. The bits are those of
 * gemm_run. */
#ifndef KERNELS_CPU_PACKED_H
#define KERNELS_CPU_PACKED_H

#include "kernels/cpu/gemm.h"

/* Whether packed_run can do it: else gemm_run. */
static inline bool packed_suits(const gemm *g)
{
    return g->packed && g->lda > 0 && g->groups == 1 && !g->a_by_k && !g->rows && g->k > 0;
}

void SNUG_TIER_SYMBOL(packed_run)(const gemm *g, const snug_call *call);
#define packed_run SNUG_TIER_SYMBOL(packed_run)

#endif
