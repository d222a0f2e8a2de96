/* SPDX-License-Identifier: Apache-2.0 */
/* The estimate of estimate.h: a roofline (Williams et al. 2009) for a machine like the one that
 * costs.def was measured on, and the share of it that each kernel reached there. */
#include "plan/estimate.h"
#include <stdlib.h>
#include <string.h>

/* Bytes that stay in a core's own caches, the work that is worth a second thread, and what a call
 * costs before it begins and when it wakes threads. */
enum { CACHED_BYTES = 1 << 20, SHARED_FLOPS = 100000, SHARED_BYTES = 1 << 17 };
static const double CALL_SECONDS = 1e-7, WAKE_SECONDS = 2e-6;
static const double REFERENCE_SHARE = 0.01; /* of a roofline: one thread, one number at a time */

typedef struct machine {
    double gflops, cache_gbytes, memory_gbytes; /* of one core */
} machine;

typedef struct reached {
    const char *kernel;
    uint16_t per_mille[3]; /* of the roofline: scalar, avx2, avx512 */
} reached;

#define COST_MACHINE(tier, gflops, cache, memory) [SNUG_TIER_##tier] = {gflops, cache, memory},
#define COST_KERNEL(kernel, scalar, avx2, avx512)
static const machine machines[SNUG_N_TIERS] = {
#include "plan/costs.def"
};
#undef COST_MACHINE
#undef COST_KERNEL
#define COST_MACHINE(tier, gflops, cache, memory)
#define COST_KERNEL(kernel, scalar, avx2, avx512) {#kernel, {scalar, avx2, avx512}},
static const reached kernels[] = {
#include "plan/costs.def"
};
#undef COST_MACHINE
#undef COST_KERNEL
enum { N_KERNELS = sizeof kernels / sizeof kernels[0], USUAL_PER_MILLE = 400 };

static int by_name(const void *name, const void *row)
{
    return strcmp(name, ((const reached *)row)->kernel);
}

/* Share of the roofline. A tier that was not measured is taken for AVX2. */
static double share_of(snug_tier tier, const snug_kernel *kernel)
{
    if (!kernel) return REFERENCE_SHARE;
    const int column = tier == SNUG_TIER_SCALAR ? 0 : tier == SNUG_TIER_AVX512 ? 2 : 1;
    const reached *r = bsearch(kernel->name, kernels, N_KERNELS, sizeof *kernels, by_name);
    return (r && r->per_mille[column] > 0 ? r->per_mille[column] : USUAL_PER_MILLE) * 1e-3;
}

double snug_estimate_seconds(snug_tier tier, int threads, const snug_kernel *kernel,
                             const snug_cost *cost)
{
    const machine *m = &machines[tier];
    const double bytes = cost->bytes_read + cost->bytes_written + cost->bytes_again;
    const bool shared =
        kernel && threads > 1 && (cost->flops > SHARED_FLOPS || bytes > SHARED_BYTES);
    const double cores = shared ? threads : 1;
    const double gbytes = bytes > CACHED_BYTES * cores ? m->memory_gbytes : m->cache_gbytes;
    const double arithmetic = cost->flops / (m->gflops * 1e9 * cores);
    const double moves = bytes / (gbytes * 1e9 * cores);
    return CALL_SECONDS + (shared ? WAKE_SECONDS : 0) +
           (arithmetic > moves ? arithmetic : moves) / share_of(tier, kernel);
}
