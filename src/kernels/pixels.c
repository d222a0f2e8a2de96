/* SPDX-License-Identifier: Apache-2.0 */
/* Which tier makes pixels floats. */
#include "kernels/pixels.h"
#include "base/cpu.h"

void snug_pixels_neon(const uint8_t *byte, int64_t n, const snug_pixel_line *line, float *x);
void snug_pixels_avx2(const uint8_t *byte, int64_t n, const snug_pixel_line *line, float *x);
void snug_pixels_avx512(const uint8_t *byte, int64_t n, const snug_pixel_line *line, float *x);

/* The scalar tier has none: a table is quicker there. */
static const snug_pixels_fn fns[SNUG_N_TIERS] = {
    [SNUG_TIER_SCALAR] = NULL,
#if defined(__aarch64__)
    [SNUG_TIER_NEON] = snug_pixels_neon,
#endif
#if defined(__x86_64__) && !defined(SNUG_SCALAR_ONLY)
    [SNUG_TIER_AVX2] = snug_pixels_avx2,
    [SNUG_TIER_AVX512] = snug_pixels_avx512,
#endif
};

snug_pixels_fn snug_pixels_best(void)
{
    int tier = SNUG_N_TIERS - 1;
    while (tier > 0 && !(fns[tier] && snug_cpu_tiers() >> tier & 1)) tier--;
    return fns[tier];
}
