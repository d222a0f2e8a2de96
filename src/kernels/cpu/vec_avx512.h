/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h over AVX-512 (F, BW, DQ, VL): 16 lanes, masks in registers of their own. */
#ifndef KERNELS_CPU_VEC_AVX512_H
#define KERNELS_CPU_VEC_AVX512_H

#include <immintrin.h>

#define VLEN 16
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

/* clang-format off */
static inline vm vmask_n(int n) { return (__mmask16)((1u << n) - 1u); }

static inline vf vload(const float *p) { return _mm512_loadu_ps(p); }
static inline void vstore(float *p, vf a) { _mm512_storeu_ps(p, a); }
static inline vf vload_n(const float *p, int n) { return _mm512_maskz_loadu_ps(vmask_n(n), p); }
static inline void vstore_n(float *p, vf a, int n) { _mm512_mask_storeu_ps(p, vmask_n(n), a); }
static inline vf vset1(float a) { return _mm512_set1_ps(a); }
static inline vf vzero(void) { return _mm512_setzero_ps(); }
static inline vf vhold(vf a) { __asm__("" : "+v"(a)); return a; }

static inline vf vadd(vf a, vf b) { return _mm512_add_ps(a, b); }
static inline vf vsub(vf a, vf b) { return _mm512_sub_ps(a, b); }
static inline vf vmul(vf a, vf b) { return _mm512_mul_ps(a, b); }
static inline vf vdiv(vf a, vf b) { return _mm512_div_ps(a, b); }
static inline vf vsqrt(vf a) { return _mm512_sqrt_ps(a); }
static inline vf vfma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline vf vmin(vf a, vf b) { return _mm512_min_ps(a, b); }
static inline vf vmax(vf a, vf b) { return _mm512_max_ps(a, b); }
static inline vf vround(vf a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
#define VSCALE2
static inline vf vscale2(vf a, vf n) { return _mm512_scalef_ps(a, n); }

static inline vm vlt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline vm vle(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline vm vgt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vm vge(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
static inline vm veq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vm vm_and(vm a, vm b) { return (__mmask16)(a & b); }
static inline vm vm_or(vm a, vm b) { return (__mmask16)(a | b); }
static inline vm vm_not(vm a) { return (__mmask16)~a; }
static inline bool vm_any(vm a) { return a != 0; }
static inline vf vselect(vm m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }

static inline vi viload(const int32_t *p) { return _mm512_loadu_si512(p); }
static inline void vistore(int32_t *p, vi a) { _mm512_storeu_si512(p, a); }
static inline vi viload_n(const int32_t *p, int n) { return _mm512_maskz_loadu_epi32(vmask_n(n), p); }
static inline void vistore_n(int32_t *p, vi a, int n) { _mm512_mask_storeu_epi32(p, vmask_n(n), a); }
static inline vi viset1(int32_t a) { return _mm512_set1_epi32(a); }
static inline vi viiota(void) { return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
static inline vi viadd(vi a, vi b) { return _mm512_add_epi32(a, b); }
static inline vi visub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
static inline vi vimul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
static inline vi viand(vi a, vi b) { return _mm512_and_si512(a, b); }
static inline vi vior(vi a, vi b) { return _mm512_or_si512(a, b); }
static inline vi vixor(vi a, vi b) { return _mm512_xor_si512(a, b); }
static inline vi vishl(vi a, int n) { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vi vishr(vi a, int n) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(n)); }
static inline vm vilt(vi a, vi b) { return _mm512_cmplt_epi32_mask(a, b); }
static inline vm vieq(vi a, vi b) { return _mm512_cmpeq_epi32_mask(a, b); }
static inline vi viselect(vm m, vi a, vi b) { return _mm512_mask_blend_epi32(m, b, a); }

static inline vi vf_as_vi(vf a) { return _mm512_castps_si512(a); }
static inline vf vi_as_vf(vi a) { return _mm512_castsi512_ps(a); }
static inline vi vf_to_vi(vf a) { return _mm512_cvtps_epi32(a); }
static inline vf vi_to_vf(vi a) { return _mm512_cvtepi32_ps(a); }
static inline vi vload_u8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)); }
static inline vi vload_u8_n(const uint8_t *p, int n) { return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(vmask_n(n), p)); }
static inline void vstore_u8(uint8_t *p, vi a) { _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(a)); }
static inline void vstore_u8_n(uint8_t *p, vi a, int n) { _mm_mask_storeu_epi8(p, vmask_n(n), _mm512_cvtepi32_epi8(a)); }
/* clang-format on */

/* clang-format off */
static inline vi vimul64(vi a, vi b) { return _mm512_mul_epu32(a, b); }
static inline vi vihigh64(vi a) { return _mm512_srli_epi64(a, 32); }
static inline vi vimerge64(vi even, vi odd) { return _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32)); }
/* clang-format on */

static inline void vtranspose4(vi r[4])
{
    __m512i a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpackhi_epi32(r[0], r[1]);
    __m512i c = _mm512_unpacklo_epi32(r[2], r[3]), d = _mm512_unpackhi_epi32(r[2], r[3]);
    r[0] = _mm512_unpacklo_epi64(a, c);
    r[1] = _mm512_unpackhi_epi64(a, c);
    r[2] = _mm512_unpacklo_epi64(b, d);
    r[3] = _mm512_unpackhi_epi64(b, d);
}

static inline vf vload2(const float *p, int n, const float *q, int m)
{
    const __m256 a = _mm256_maskz_loadu_ps((__mmask8)vmask_n(n), p);
    const __m256 b = _mm256_maskz_loadu_ps((__mmask8)vmask_n(m), q);
    return _mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1);
}

static inline void vstore2(float *p, int n, float *q, int m, vf a)
{
    _mm256_mask_storeu_ps(p, (__mmask8)vmask_n(n), _mm512_castps512_ps256(a));
    _mm256_mask_storeu_ps(q, (__mmask8)vmask_n(m), _mm512_extractf32x8_ps(a, 1));
}

/* Lanes 0 to 3 and 8 to 11 of a and b, or the others, to where columns want them. */
static inline vf vcolumn_even(vi a, vi b)
{
    return vi_as_vf(_mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), b));
}

static inline vf vcolumn_odd(vi a, vi b)
{
    return vi_as_vf(_mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), b));
}

static inline void vtranspose2(vf r[8])
{
    vi a[4] = {vf_as_vi(r[0]), vf_as_vi(r[1]), vf_as_vi(r[2]), vf_as_vi(r[3])};
    vi b[4] = {vf_as_vi(r[4]), vf_as_vi(r[5]), vf_as_vi(r[6]), vf_as_vi(r[7])};
    vtranspose4(a);
    vtranspose4(b);
    r[0] = vcolumn_even(a[0], b[0]), r[4] = vcolumn_odd(a[0], b[0]);
    r[1] = vcolumn_even(a[1], b[1]), r[5] = vcolumn_odd(a[1], b[1]);
    r[2] = vcolumn_even(a[2], b[2]), r[6] = vcolumn_odd(a[2], b[2]);
    r[3] = vcolumn_even(a[3], b[3]), r[7] = vcolumn_odd(a[3], b[3]);
}

/* Rows become columns. */
static inline void vtranspose(vf r[16])
{
    __m512d t[16];
    for (int i = 0; i < 16; i += 4) {
        __m512 ab_low = _mm512_unpacklo_ps(r[i], r[i + 1]);
        __m512 ab_high = _mm512_unpackhi_ps(r[i], r[i + 1]);
        __m512 cd_low = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
        __m512 cd_high = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_unpacklo_pd(_mm512_castps_pd(ab_low), _mm512_castps_pd(cd_low));
        t[i + 1] = _mm512_unpackhi_pd(_mm512_castps_pd(ab_low), _mm512_castps_pd(cd_low));
        t[i + 2] = _mm512_unpacklo_pd(_mm512_castps_pd(ab_high), _mm512_castps_pd(cd_high));
        t[i + 3] = _mm512_unpackhi_pd(_mm512_castps_pd(ab_high), _mm512_castps_pd(cd_high));
    }
    for (int i = 0; i < 4; i++) {
        __m512 a = _mm512_castpd_ps(t[i]), b = _mm512_castpd_ps(t[i + 4]);
        __m512 c = _mm512_castpd_ps(t[i + 8]), d = _mm512_castpd_ps(t[i + 12]);
        __m512 ab_even = _mm512_shuffle_f32x4(a, b, 0x88),
               ab_odd = _mm512_shuffle_f32x4(a, b, 0xDD);
        __m512 cd_even = _mm512_shuffle_f32x4(c, d, 0x88),
               cd_odd = _mm512_shuffle_f32x4(c, d, 0xDD);
        r[i] = _mm512_shuffle_f32x4(ab_even, cd_even, 0x88);
        r[i + 4] = _mm512_shuffle_f32x4(ab_odd, cd_odd, 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(ab_even, cd_even, 0xDD);
        r[i + 12] = _mm512_shuffle_f32x4(ab_odd, cd_odd, 0xDD);
    }
}

static inline float vsum(vf a)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_shuffle_ps(q, q, 1)));
}

/* Each turn halves the lanes of two rows and puts them into one vector; which two leaves the sums
 * in the rows' order. */
#define VSUMS
static inline vf vsums(vf r[16])
{
    UNROLL for (int k = 0; k < 8; k++)
    {
        const int i = k < 4 ? k : k + 4;
        r[i] = vadd(_mm512_shuffle_f32x4(r[i], r[i + 4], 0x44),
                    _mm512_shuffle_f32x4(r[i], r[i + 4], 0xEE));
    }
    UNROLL for (int i = 0; i < 4; i++) r[i] = vadd(_mm512_shuffle_f32x4(r[i], r[i + 8], 0x88),
                                                   _mm512_shuffle_f32x4(r[i], r[i + 8], 0xDD));
    UNROLL for (int i = 0; i < 4; i += 2)
    {
        const vi a = vf_as_vi(r[i]), b = vf_as_vi(r[i + 1]);
        r[i] = vadd(vi_as_vf(_mm512_unpacklo_epi64(a, b)), vi_as_vf(_mm512_unpackhi_epi64(a, b)));
    }
    return vadd(_mm512_shuffle_ps(r[0], r[2], 0x88), _mm512_shuffle_ps(r[0], r[2], 0xDD));
}

static inline float vmax_lanes(vf a)
{
    __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_shuffle_ps(q, q, 1)));
}

#endif
