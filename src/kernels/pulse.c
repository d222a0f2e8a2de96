/* SPDX-License-Identifier: Apache-2.0 */
/* The pulses of the tiers in this build. */
#include "kernels/pulse.h"

extern const snug_pulse snug_pulse_scalar, snug_pulse_neon, snug_pulse_avx2, snug_pulse_avx512;

static const snug_pulse *const pulses[SNUG_N_TIERS] = {
    [SNUG_TIER_SCALAR] = &snug_pulse_scalar,
#if defined(__aarch64__)
    [SNUG_TIER_NEON] = &snug_pulse_neon,
#endif
#if defined(__x86_64__)
    [SNUG_TIER_AVX2] = &snug_pulse_avx2,
    [SNUG_TIER_AVX512] = &snug_pulse_avx512,
#endif
};

const snug_pulse *snug_pulse_of(snug_tier tier)
{
    return tier < SNUG_N_TIERS ? pulses[tier] : NULL;
}
