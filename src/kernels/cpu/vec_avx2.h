/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h over AVX2 and FMA: 8 lanes, a mask is all ones or zeros in a lane. */
#ifndef KERNELS_CPU_VEC_AVX2_H
#define KERNELS_CPU_VEC_AVX2_H

#include <immintrin.h>

#define VLEN 8
typedef __m256 vf;
typedef __m256i vi;
typedef __m256 vm;

/* clang-format off */
static inline vi viiota(void) { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
static inline vi viset1(int32_t a) { return _mm256_set1_epi32(a); }
static inline __m256i vimask_n(int n) { return _mm256_cmpgt_epi32(viset1(n), viiota()); }
static inline vm vmask_n(int n) { return _mm256_castsi256_ps(vimask_n(n)); }

static inline vf vload(const float *p) { return _mm256_loadu_ps(p); }
static inline void vstore(float *p, vf a) { _mm256_storeu_ps(p, a); }
static inline vf vload_n(const float *p, int n) { return _mm256_maskload_ps(p, vimask_n(n)); }
static inline void vstore_n(float *p, vf a, int n) { _mm256_maskstore_ps(p, vimask_n(n), a); }
static inline vf vset1(float a) { return _mm256_set1_ps(a); }
static inline vf vzero(void) { return _mm256_setzero_ps(); }
static inline vf vhold(vf a) { __asm__("" : "+x"(a)); return a; }

static inline vf vadd(vf a, vf b) { return _mm256_add_ps(a, b); }
static inline vf vsub(vf a, vf b) { return _mm256_sub_ps(a, b); }
static inline vf vmul(vf a, vf b) { return _mm256_mul_ps(a, b); }
static inline vf vdiv(vf a, vf b) { return _mm256_div_ps(a, b); }
static inline vf vsqrt(vf a) { return _mm256_sqrt_ps(a); }
static inline vf vfma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline vf vmin(vf a, vf b) { return _mm256_min_ps(a, b); }
static inline vf vmax(vf a, vf b) { return _mm256_max_ps(a, b); }
static inline vf vround(vf a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

static inline vm vlt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline vm vle(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline vm vgt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static inline vm vge(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
static inline vm veq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vm vm_and(vm a, vm b) { return _mm256_and_ps(a, b); }
static inline vm vm_or(vm a, vm b) { return _mm256_or_ps(a, b); }
static inline vm vm_not(vm a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
static inline bool vm_any(vm a) { return _mm256_movemask_ps(a) != 0; }
static inline vf vselect(vm m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }

static inline vi viload(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline void vistore(int32_t *p, vi a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
static inline vi viload_n(const int32_t *p, int n) { return _mm256_maskload_epi32(p, vimask_n(n)); }
static inline void vistore_n(int32_t *p, vi a, int n) { _mm256_maskstore_epi32(p, vimask_n(n), a); }
static inline vi viadd(vi a, vi b) { return _mm256_add_epi32(a, b); }
static inline vi visub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
static inline vi vimul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }
static inline vi viand(vi a, vi b) { return _mm256_and_si256(a, b); }
static inline vi vior(vi a, vi b) { return _mm256_or_si256(a, b); }
static inline vi vixor(vi a, vi b) { return _mm256_xor_si256(a, b); }
static inline vi vishl(vi a, int n) { return _mm256_sll_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vi vishr(vi a, int n) { return _mm256_srl_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vm vilt(vi a, vi b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
static inline vm vieq(vi a, vi b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
static inline vi viselect(vm m, vi a, vi b) { return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m)); }

static inline vi vf_as_vi(vf a) { return _mm256_castps_si256(a); }
static inline vf vi_as_vf(vi a) { return _mm256_castsi256_ps(a); }
static inline vi vf_to_vi(vf a) { return _mm256_cvtps_epi32(a); }
static inline vf vi_to_vf(vi a) { return _mm256_cvtepi32_ps(a); }
static inline vi vload_u8(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)); }
/* clang-format on */

static inline vi vload_u8_n(const uint8_t *p, int n)
{
    uint8_t part[8] = {0};
    memcpy(part, p, (size_t)n);
    return vload_u8(part);
}

static inline void vstore_u8(uint8_t *p, vi a)
{
    __m256i bytes = _mm256_shuffle_epi8(
        a, _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8,
                            12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    __m128i low = _mm256_castsi256_si128(bytes), high = _mm256_extracti128_si256(bytes, 1);
    _mm_storel_epi64((__m128i *)(void *)p, _mm_unpacklo_epi32(low, high));
}

static inline void vstore_u8_n(uint8_t *p, vi a, int n)
{
    uint8_t part[8];
    vstore_u8(part, a);
    memcpy(p, part, (size_t)n);
}

/* clang-format off */
static inline vi vimul64(vi a, vi b) { return _mm256_mul_epu32(a, b); }
static inline vi vihigh64(vi a) { return _mm256_srli_epi64(a, 32); }
static inline vi vimerge64(vi even, vi odd) { return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA); }
/* clang-format on */

static inline void vtranspose4(vi r[4])
{
    __m256i a = _mm256_unpacklo_epi32(r[0], r[1]), b = _mm256_unpackhi_epi32(r[0], r[1]);
    __m256i c = _mm256_unpacklo_epi32(r[2], r[3]), d = _mm256_unpackhi_epi32(r[2], r[3]);
    r[0] = _mm256_unpacklo_epi64(a, c);
    r[1] = _mm256_unpackhi_epi64(a, c);
    r[2] = _mm256_unpacklo_epi64(b, d);
    r[3] = _mm256_unpackhi_epi64(b, d);
}

static inline __m128i vimask4_n(int n)
{
    return _mm_cmpgt_epi32(_mm_set1_epi32(n), _mm_setr_epi32(0, 1, 2, 3));
}

static inline vf vload2(const float *p, int n, const float *q, int m)
{
    return _mm256_set_m128(_mm_maskload_ps(q, vimask4_n(m)), _mm_maskload_ps(p, vimask4_n(n)));
}

static inline void vstore2(float *p, int n, float *q, int m, vf a)
{
    _mm_maskstore_ps(p, vimask4_n(n), _mm256_castps256_ps128(a));
    _mm_maskstore_ps(q, vimask4_n(m), _mm256_extractf128_ps(a, 1));
}

static inline void vtranspose2(vf r[4])
{
    vi t[4] = {vf_as_vi(r[0]), vf_as_vi(r[1]), vf_as_vi(r[2]), vf_as_vi(r[3])};
    vtranspose4(t);
    r[0] = vi_as_vf(t[0]), r[1] = vi_as_vf(t[1]), r[2] = vi_as_vf(t[2]), r[3] = vi_as_vf(t[3]);
}

/* Rows become columns. */
static inline void vtranspose(vf r[8])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 4) {
        __m256 ab_low = _mm256_unpacklo_ps(r[i], r[i + 1]);
        __m256 ab_high = _mm256_unpackhi_ps(r[i], r[i + 1]);
        __m256 cd_low = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
        __m256 cd_high = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm256_shuffle_ps(ab_low, cd_low, 0x44);
        t[i + 1] = _mm256_shuffle_ps(ab_low, cd_low, 0xEE);
        t[i + 2] = _mm256_shuffle_ps(ab_high, cd_high, 0x44);
        t[i + 3] = _mm256_shuffle_ps(ab_high, cd_high, 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
    }
}

static inline float vsum(vf a)
{
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}

static inline float vmax_lanes(vf a)
{
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}

#endif
