/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h over Advanced SIMD of AArch64: 4 lanes, a mask is all ones or zeros in a lane. */
#ifndef KERNELS_CPU_VEC_NEON_H
#define KERNELS_CPU_VEC_NEON_H

#include <arm_neon.h>

#define VLEN 4
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

/* clang-format off */
static inline vi viiota(void) { static const int32_t iota[4] = {0, 1, 2, 3}; return vld1q_s32(iota); }
static inline vm vmask_n(int n) { return vcgtq_s32(vdupq_n_s32(n), viiota()); }

static inline vf vload(const float *p) { return vld1q_f32(p); }
static inline void vstore(float *p, vf a) { vst1q_f32(p, a); }
static inline vf vset1(float a) { return vdupq_n_f32(a); }
static inline vf vzero(void) { return vdupq_n_f32(0); }
static inline vf vhold(vf a) { __asm__("" : "+w"(a)); return a; }

static inline vf vadd(vf a, vf b) { return vaddq_f32(a, b); }
static inline vf vsub(vf a, vf b) { return vsubq_f32(a, b); }
static inline vf vmul(vf a, vf b) { return vmulq_f32(a, b); }
static inline vf vdiv(vf a, vf b) { return vdivq_f32(a, b); }
static inline vf vsqrt(vf a) { return vsqrtq_f32(a); }
static inline vf vfma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf vround(vf a) { return vrndnq_f32(a); }

static inline vm vlt(vf a, vf b) { return vcltq_f32(a, b); }
static inline vm vle(vf a, vf b) { return vcleq_f32(a, b); }
static inline vm vgt(vf a, vf b) { return vcgtq_f32(a, b); }
static inline vm vge(vf a, vf b) { return vcgeq_f32(a, b); }
static inline vm veq(vf a, vf b) { return vceqq_f32(a, b); }
static inline vm vm_and(vm a, vm b) { return vandq_u32(a, b); }
static inline vm vm_or(vm a, vm b) { return vorrq_u32(a, b); }
static inline vm vm_not(vm a) { return vmvnq_u32(a); }
static inline bool vm_any(vm a) { return vmaxvq_u32(a) != 0; }
static inline vf vselect(vm m, vf a, vf b) { return vbslq_f32(m, a, b); }
static inline vf vmin(vf a, vf b) { return vselect(vlt(a, b), a, b); }
static inline vf vmax(vf a, vf b) { return vselect(vgt(a, b), a, b); }

static inline vi viload(const int32_t *p) { return vld1q_s32(p); }
static inline void vistore(int32_t *p, vi a) { vst1q_s32(p, a); }
static inline vi viset1(int32_t a) { return vdupq_n_s32(a); }
static inline vi viadd(vi a, vi b) { return vaddq_s32(a, b); }
static inline vi visub(vi a, vi b) { return vsubq_s32(a, b); }
static inline vi vimul(vi a, vi b) { return vmulq_s32(a, b); }
static inline vi viand(vi a, vi b) { return vandq_s32(a, b); }
static inline vi vior(vi a, vi b) { return vorrq_s32(a, b); }
static inline vi vixor(vi a, vi b) { return veorq_s32(a, b); }
static inline vi vishl(vi a, int n) { return vshlq_s32(a, vdupq_n_s32(n)); }
static inline vi vishr(vi a, int n) { return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n))); }
static inline vm vilt(vi a, vi b) { return vcltq_s32(a, b); }
static inline vm vieq(vi a, vi b) { return vceqq_s32(a, b); }
static inline vi viselect(vm m, vi a, vi b) { return vbslq_s32(m, a, b); }

static inline vi vf_as_vi(vf a) { return vreinterpretq_s32_f32(a); }
static inline vf vi_as_vf(vi a) { return vreinterpretq_f32_s32(a); }
static inline vi vf_to_vi(vf a) { return vcvtnq_s32_f32(a); }
static inline vf vi_to_vf(vi a) { return vcvtq_f32_s32(a); }
/* clang-format on */

static inline vf vload_n(const float *p, int n)
{
    float part[4] = {0};
    memcpy(part, p, (size_t)n * sizeof *p);
    return vload(part);
}

static inline void vstore_n(float *p, vf a, int n)
{
    float part[4];
    vstore(part, a);
    memcpy(p, part, (size_t)n * sizeof *p);
}

static inline vi viload_n(const int32_t *p, int n)
{
    int32_t part[4] = {0};
    memcpy(part, p, (size_t)n * sizeof *p);
    return viload(part);
}

static inline void vistore_n(int32_t *p, vi a, int n)
{
    int32_t part[4];
    vistore(part, a);
    memcpy(p, part, (size_t)n * sizeof *p);
}

static inline vi vload_u8_n(const uint8_t *p, int n)
{
    int32_t wide[4] = {0};
    for (int i = 0; i < n; i++) wide[i] = p[i];
    return viload(wide);
}

static inline vi vload_u8(const uint8_t *p)
{
    return vload_u8_n(p, 4);
}

static inline void vstore_u8_n(uint8_t *p, vi a, int n)
{
    int32_t wide[4];
    vistore(wide, a);
    for (int i = 0; i < n; i++) p[i] = (uint8_t)wide[i];
}

static inline void vstore_u8(uint8_t *p, vi a)
{
    vstore_u8_n(p, a, 4);
}

static inline vi vimul64(vi a, vi b)
{
    uint32x2_t x = vmovn_u64(vreinterpretq_u64_s32(a)), y = vmovn_u64(vreinterpretq_u64_s32(b));
    return vreinterpretq_s32_u64(vmull_u32(x, y));
}

static inline vi vihigh64(vi a)
{
    return vreinterpretq_s32_u64(vshrq_n_u64(vreinterpretq_u64_s32(a), 32));
}

static inline vi vimerge64(vi even, vi odd)
{
    uint64x2_t low = vreinterpretq_u64_s32(even), high = vreinterpretq_u64_s32(odd);
    return vreinterpretq_s32_u64(vsliq_n_u64(low, high, 32));
}

/* Rows become columns. */
static inline void vtranspose(vf r[4])
{
    float32x4_t ac_low = vzip1q_f32(r[0], r[2]), ac_high = vzip2q_f32(r[0], r[2]);
    float32x4_t bd_low = vzip1q_f32(r[1], r[3]), bd_high = vzip2q_f32(r[1], r[3]);
    r[0] = vzip1q_f32(ac_low, bd_low);
    r[1] = vzip2q_f32(ac_low, bd_low);
    r[2] = vzip1q_f32(ac_high, bd_high);
    r[3] = vzip2q_f32(ac_high, bd_high);
}

static inline void vtranspose4(vi r[4])
{
    vf t[4];
    for (int i = 0; i < 4; i++) t[i] = vi_as_vf(r[i]);
    vtranspose(t);
    for (int i = 0; i < 4; i++) r[i] = vf_as_vi(t[i]);
}

static inline vf vload2(const float *p, int n, const float *q, int m)
{
    return vcombine_f32(vget_low_f32(vload_n(p, n)), vget_low_f32(vload_n(q, m)));
}

static inline void vstore2(float *p, int n, float *q, int m, vf a)
{
    vstore_n(p, a, n);
    vstore_n(q, vextq_f32(a, a, 2), m);
}

static inline void vtranspose2(vf r[2])
{
    vf a = r[0], b = r[1];
    r[0] = vtrn1q_f32(a, b);
    r[1] = vtrn2q_f32(a, b);
}

static inline float vsum(vf a)
{
    float32x2_t half = vadd_f32(vget_low_f32(a), vget_high_f32(a));
    return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}

static inline float vmax_lanes(vf a)
{
    vf half = vmax(a, vextq_f32(a, a, 2));
    return vgetq_lane_f32(vmax(half, vextq_f32(half, half, 1)), 0);
}

#endif
