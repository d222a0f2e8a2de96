/* SPDX-License-Identifier: Apache-2.0 */
/* Products whose B was packed whole before (gemm_keep): at inference, once for many calls, and in
 * training where A has many rows. Nothing is copied; bias and activation are applied in registers.
 * The bits are those of gemm_run. */
#ifndef KERNELS_CPU_PACKED_H
#define KERNELS_CPU_PACKED_H

#include "kernels/cpu/windows.h"

/* Whether packed_run can do it: else gemm_run. */
static inline bool packed_suits(const gemm *g)
{
    return g->packed && g->lda > 0 && g->groups == 1 && !g->a_by_k && !g->rows && g->k > 0;
}

/* Whether windows of this shape, rows of g, are worth gathering for it: grids so narrow that tiles
 * of one grid row would be low. */
static inline bool packed_windows_suit(const gemm *g, const windows *v)
{
    return g->packed && g->groups == 1 && !g->rows && g->k > 0 && v->grid_w < 8;
}

void SNUG_TIER_SYMBOL(packed_run)(const gemm *g, const snug_call *call);
/* The same of a B that is not packed: each strip is, before its tiles. */
size_t SNUG_TIER_SYMBOL(packed_strips_scratch)(const gemm *g, int threads);
void SNUG_TIER_SYMBOL(packed_strips_run)(const gemm *g, const snug_call *call);
size_t SNUG_TIER_SYMBOL(packed_windows_scratch)(const gemm *g);
void SNUG_TIER_SYMBOL(packed_windows_run)(const gemm *g, const windows *v, const snug_call *call);
#define packed_run             SNUG_TIER_SYMBOL(packed_run)
#define packed_strips_scratch  SNUG_TIER_SYMBOL(packed_strips_scratch)
#define packed_strips_run      SNUG_TIER_SYMBOL(packed_strips_run)
#define packed_windows_scratch SNUG_TIER_SYMBOL(packed_windows_scratch)
#define packed_windows_run     SNUG_TIER_SYMBOL(packed_windows_run)

#endif
