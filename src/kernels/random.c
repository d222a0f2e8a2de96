/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers of the tiers in this build. */
#include "kernels/random.h"

extern const snug_random snug_random_scalar, snug_random_neon, snug_random_avx2, snug_random_avx512;

static const snug_random *const randoms[SNUG_N_TIERS] = {
    [SNUG_TIER_SCALAR] = &snug_random_scalar,
#if defined(__aarch64__)
    [SNUG_TIER_NEON] = &snug_random_neon,
#endif
#if defined(__x86_64__)
    [SNUG_TIER_AVX2] = &snug_random_avx2,
    [SNUG_TIER_AVX512] = &snug_random_avx512,
#endif
};

const snug_random *snug_random_of(snug_tier tier)
{
    return tier < SNUG_N_TIERS ? randoms[tier] : NULL;
}
