/* SPDX-License-Identifier: Apache-2.0 */
/* Pixels, a vector of double at a time. */
#include "kernels/pixels.h"
#include "kernels/cpu/spans.h"

#ifndef SNUG_SCALAR

#if defined(SNUG_AVX512)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef double vd __attribute__((vector_size(LANES * 8)));
typedef float narrow __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

/* Compilers take several steps from bytes to doubles where the tier has one. */
ALWAYS_INLINE vd load_bytes(const uint8_t *p)
{
#if defined(SNUG_AVX512)
    return _mm512_cvtepi32_pd(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#elif defined(SNUG_AVX2)
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_cvtepi32_pd(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
#else
    return (vd){p[0], p[1], p[2], p[3]};
#endif
}

void SNUG_TIER_SYMBOL(snug_pixels)(const uint8_t *byte, int64_t n, const snug_pixel_line *line,
                                   float *x);
void SNUG_TIER_SYMBOL(snug_pixels)(const uint8_t *byte, int64_t n, const snug_pixel_line *line,
                                   float *x)
{
    enum { PARTS = SNUG_PIXEL_PERIOD / LANES };
    vd mean[PARTS], scale[PARTS];
    int64_t i = 0;
    memcpy(mean, line->mean, sizeof mean);
    memcpy(scale, line->scale, sizeof scale);
    for (; i + SNUG_PIXEL_PERIOD <= n; i += SNUG_PIXEL_PERIOD)
        UNROLL for (int k = 0; k < PARTS; k++)
        {
            const vd y = (load_bytes(byte + i + k * LANES) - mean[k]) * scale[k];
            *(narrow *)(x + i + k * LANES) = __builtin_convertvector(y, narrow);
        }
    for (int k = 0; i < n; i++, k++) x[i] = (float)((byte[i] - line->mean[k]) * line->scale[k]);
}

#endif
