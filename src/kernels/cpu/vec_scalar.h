/* SPDX-License-Identifier: Apache-2.0 */
/* vec.h in plain C over the compiler's generic vectors: 4 lanes on any machine, and the same bits
 * on all of them, since nothing here contracts a product and a sum. */
#ifndef KERNELS_CPU_VEC_SCALAR_H
#define KERNELS_CPU_VEC_SCALAR_H

#include <math.h>

#define VLEN 4
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu_ __attribute__((vector_size(16)));
typedef vi vm;

/* clang-format off */
static inline vi viset1(int32_t a) { return (vi){a, a, a, a}; }
static inline vi viiota(void) { return (vi){0, 1, 2, 3}; }
static inline vm vmask_n(int n) { return viiota() < viset1(n); }

static inline vf vload(const float *p) { vf a; memcpy(&a, p, sizeof a); return a; }
static inline void vstore(float *p, vf a) { memcpy(p, &a, sizeof a); }
static inline vf vload_n(const float *p, int n) { vf a = {0}; memcpy(&a, p, (size_t)n * sizeof *p); return a; }
static inline void vstore_n(float *p, vf a, int n) { memcpy(p, &a, (size_t)n * sizeof *p); }
static inline vf vset1(float a) { return (vf){a, a, a, a}; }
static inline vf vzero(void) { return (vf){0}; }
static inline vf vhold(vf a) { return a; }

static inline vi vf_as_vi(vf a) { return (vi)a; }
static inline vf vi_as_vf(vi a) { return (vf)a; }

static inline vf vadd(vf a, vf b) { return a + b; }
static inline vf vsub(vf a, vf b) { return a - b; }
static inline vf vmul(vf a, vf b) { return a * b; }
static inline vf vdiv(vf a, vf b) { return a / b; }
static inline vf vsqrt(vf a) { return (vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
static inline vf vfma(vf a, vf b, vf c) { return a * b + c; }

static inline vm vlt(vf a, vf b) { return a < b; }
static inline vm vle(vf a, vf b) { return a <= b; }
static inline vm vgt(vf a, vf b) { return a > b; }
static inline vm vge(vf a, vf b) { return a >= b; }
static inline vm veq(vf a, vf b) { return a == b; }
static inline vm vm_and(vm a, vm b) { return a & b; }
static inline vm vm_or(vm a, vm b) { return a | b; }
static inline vm vm_not(vm a) { return ~a; }
static inline bool vm_any(vm a) { return (a[0] | a[1] | a[2] | a[3]) != 0; }
static inline vi viselect(vm m, vi a, vi b) { return (m & a) | (~m & b); }
static inline vf vselect(vm m, vf a, vf b) { return vi_as_vf(viselect(m, vf_as_vi(a), vf_as_vi(b))); }
static inline vf vmin(vf a, vf b) { return vselect(a < b, a, b); }
static inline vf vmax(vf a, vf b) { return vselect(a > b, a, b); }

static inline vi viload(const int32_t *p) { vi a; memcpy(&a, p, sizeof a); return a; }
static inline void vistore(int32_t *p, vi a) { memcpy(p, &a, sizeof a); }
static inline vi viload_n(const int32_t *p, int n) { vi a = {0}; memcpy(&a, p, (size_t)n * sizeof *p); return a; }
static inline void vistore_n(int32_t *p, vi a, int n) { memcpy(p, &a, (size_t)n * sizeof *p); }
static inline vi viadd(vi a, vi b) { return (vi)((vu_)a + (vu_)b); }
static inline vi visub(vi a, vi b) { return (vi)((vu_)a - (vu_)b); }
static inline vi vimul(vi a, vi b) { return (vi)((vu_)a * (vu_)b); }
static inline vi viand(vi a, vi b) { return a & b; }
static inline vi vior(vi a, vi b) { return a | b; }
static inline vi vixor(vi a, vi b) { return a ^ b; }
static inline vi vishl(vi a, int n) { return (vi)((vu_)a << (uint32_t)n); }
static inline vi vishr(vi a, int n) { return (vi)((vu_)a >> (uint32_t)n); }
static inline vm vilt(vi a, vi b) { return a < b; }
static inline vm vieq(vi a, vi b) { return a == b; }

static inline vf vi_to_vf(vi a) { return (vf){(float)a[0], (float)a[1], (float)a[2], (float)a[3]}; }
static inline vi vload_u8(const uint8_t *p) { return (vi){p[0], p[1], p[2], p[3]}; }
/* clang-format on */

/* Adding 2^23 leaves no place for a fraction; above it there is none. */
static inline vf vround(vf a)
{
    vf big = vset1(0x1p23f);
    vi sign = vf_as_vi(a) & viset1(INT32_MIN);
    vf magnitude = vi_as_vf(vf_as_vi(a) & viset1(INT32_MAX));
    vf whole = vi_as_vf(vf_as_vi((magnitude + big) - big) | sign);
    return vselect(magnitude < big, whole, a);
}

static inline vi vf_to_vi(vf a)
{
    vf r = vround(a);
    return (vi){(int32_t)r[0], (int32_t)r[1], (int32_t)r[2], (int32_t)r[3]};
}

static inline vi vload_u8_n(const uint8_t *p, int n)
{
    vi a = {0};
    for (int i = 0; i < n; i++) a[i] = p[i];
    return a;
}

static inline void vstore_u8_n(uint8_t *p, vi a, int n)
{
    for (int i = 0; i < n; i++) p[i] = (uint8_t)a[i];
}

static inline void vstore_u8(uint8_t *p, vi a)
{
    vstore_u8_n(p, a, 4);
}

/* The two halves of a lane pair are named, so that the bytes' order does not matter. */
static inline vi vimul64(vi a, vi b)
{
    vi r;
    for (int i = 0; i < 4; i += 2) {
        uint64_t p = (uint64_t)(uint32_t)a[i] * (uint32_t)b[i];
        r[i] = (int32_t)(uint32_t)p, r[i + 1] = (int32_t)(uint32_t)(p >> 32);
    }
    return r;
}

static inline vi vihigh64(vi a)
{
    return (vi){a[1], 0, a[3], 0};
}

static inline vi vimerge64(vi even, vi odd)
{
    return (vi){even[0], odd[0], even[2], odd[2]};
}

/* Rows become columns. */
static inline void vtranspose(vf r[4])
{
    vf a = r[0], b = r[1], c = r[2], d = r[3];
    for (int i = 0; i < 4; i++) r[i] = (vf){a[i], b[i], c[i], d[i]};
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
    vf a = vload_n(p, n), b = vload_n(q, m);
    return (vf){a[0], a[1], b[0], b[1]};
}

static inline void vstore2(float *p, int n, float *q, int m, vf a)
{
    vstore_n(p, a, n);
    vstore_n(q, (vf){a[2], a[3], 0, 0}, m);
}

static inline void vtranspose2(vf r[2])
{
    vf a = r[0], b = r[1];
    r[0] = (vf){a[0], b[0], a[2], b[2]};
    r[1] = (vf){a[1], b[1], a[3], b[3]};
}

static inline float vsum(vf a)
{
    return (a[0] + a[2]) + (a[1] + a[3]);
}

static inline float vmax_lanes(vf a)
{
    float low = a[0] > a[2] ? a[0] : a[2], high = a[1] > a[3] ? a[1] : a[3];
    return low > high ? low : high;
}

#endif
