/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel tables. A family is one source under kernels/cpu/, compiled once for each tier with
 * SNUG_TIER set and the tier's instruction flags; each object exports one table,
 * snug_kernels_<family>_<tier>, that ends with a NULL op. families.def lists the families. A choice
 * is a pure function of operator, types and tier: the first row of the highest usable tier that
 * fits; the operator's reference kernel when none does. */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include <snug/context.h>

/* What few kernels can besides. */
typedef struct snug_kernel_more {
    /* What the kernel can make of in[1] once, where that stays the same from call to call as
     * weights do at inference: its bytes (0: nothing worth it), and the call that makes it, which
     * may read nothing but in[1] and writes call->kept. NULL: nothing */
    size_t (*keep_bytes)(const snug_sig *);
    void (*keep)(const snug_call *);
    /* Names of the ways a kernel can go where it has several, the last NULL, and whether one (1 for
     * the first) is open to a shape; sig->way and call->way say which, 0: what suits the shape. */
    const char *const *ways;
    bool (*can)(const snug_sig *, int way);
    bool rows; /* can make some rows of out[0] alone, where that is a sum over rows of in[0] */
} snug_kernel_more;

typedef struct snug_kernel {
    const char *op, *name;          /* "matmul", "k_matmul_f32" */
    bool (*fits)(const snug_sig *); /* NULL: every floating input and output is f32 */
    size_t (*scratch)(const snug_sig *, int threads); /* at the bound shapes; NULL: none */
    void (*run)(const snug_call *); /* outputs after the first that nobody uses have data NULL */
    const snug_kernel_more *more;   /* NULL: nothing */
} snug_kernel;

static inline const snug_kernel_more *snug_kernel_can(const snug_kernel *k)
{
    static const snug_kernel_more nothing = {0};
    return k->more ? k->more : &nothing;
}

/* NULL: use the reference. */
const snug_kernel *snug_kernel_find(uint32_t tiers, const char *op, const snug_sig *sig);
/* The i-th row for a tier (all families), for tests and benchmarks; NULL past the end. */
const snug_kernel *snug_kernel_row(snug_tier tier, int i);

#endif
