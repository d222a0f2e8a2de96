/* SPDX-License-Identifier: Apache-2.0 */
/* The vector layer of the kernels: one set of names over the instruction sets.
 *
 *     vf  VLEN lanes of float          vi  VLEN lanes of 32-bit integers (sign as the name says)
 *     vm  VLEN lanes of true or false  VLEN  16 (avx512), 8 (avx2), 4 (neon, scalar)
 *
 * Loads and stores need no alignment. The _n forms touch the first n lanes only, 0 <= n <= VLEN;
 * lanes that are not loaded are zero. What every tier does alike, bit for bit:
 *     vfma(a, b, c)   a * b + c with one rounding; two in the scalar tier, which has no such unit
 *     vmin(a, b)      a < b ? a : b, so b when either is NaN; vmax likewise with >
 *     vround(a)       to the nearest integer, ties to even
 *     vf_to_vi(a)     likewise, for |a| < 2^31; vi_to_vf exact below 2^24
 *     vsum(a)         upper half of the lanes added to the lower half, again and again
 *     vsums(r)        lane i: vsum(r[i]), of VLEN vectors, which it overwrites
 *     vselect(m, a, b) a where m, else b
 *     vimul64(a, b)   unsigned products of the even lanes, 64 bits, low half in the even lane
 *     vihigh64(a)     the odd lanes, each in the even lane before it
 *     vimerge64(a, b) the even lanes of a, and behind each that of b
 *     vhold(a)        a, which the compiler then keeps in a register instead of loading it again
 *     vtranspose(r)   VLEN vectors as a matrix: row i, lane j to row j, lane i
 *     vtranspose4(r)  likewise four vectors, every four lanes of them for themselves
 *     vtranspose2(r)  likewise VLEN / 2 vectors, either half of their lanes for itself
 *     vload2(p, n, q, m), vstore2(p, n, q, m, a)  the lower half of the lanes at p, the first n of
 *                     them, the upper half at q, the first m
 *     vishl, vishr    shifts by a constant or variable count below 32, vishr brings in zeros
 *     vscale2(a, n)   a 2^n, rounded once, for whole n from -252 to 254 and a normal |a| near 1
 * One line an operation, so that the tiers can be read side by side. */
#ifndef KERNELS_CPU_VEC_H
#define KERNELS_CPU_VEC_H

#include "kernels/kernel.h"
#include <string.h>

/* name -> name_avx512: objects of one family differ between tiers by this suffix. */
#define SNUG_PASTE(a, b)       a##_##b
#define SNUG_PASTE_(a, b)      SNUG_PASTE(a, b)
#define SNUG_TIER_SYMBOL(name) SNUG_PASTE_(name, SNUG_TIER_SUFFIX)
/* Head of a family's table: KERNEL_TABLE(matmul) = {{.op = "matmul", ...}, {0}}; */
#define KERNEL_TABLE(family)                                                                       \
    extern const snug_kernel SNUG_TIER_SYMBOL(snug_kernels_##family)[];                            \
    const snug_kernel SNUG_TIER_SYMBOL(snug_kernels_##family)[]

/* Before a loop over an array of vectors that is to stay in registers: gcc unrolls by itself only
 * after it has decided to keep the array in memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(SNUG_AVX512)
#include "kernels/cpu/vec_avx512.h"
#elif defined(SNUG_AVX2)
#include "kernels/cpu/vec_avx2.h"
#elif defined(SNUG_NEON)
#include "kernels/cpu/vec_neon.h"
#else
#include "kernels/cpu/vec_scalar.h"
#endif

/* clang-format off */
static inline vf vneg(vf a) { return vi_as_vf(vixor(vf_as_vi(a), viset1(INT32_MIN))); }
static inline vf vabs(vf a) { return vi_as_vf(viand(vf_as_vi(a), viset1(INT32_MAX))); }
static inline vf vload_u8_vf(const uint8_t *p) { return vi_to_vf(vload_u8(p)); }
/* clang-format on */

#ifndef VSCALE2 /* a tier that has no instruction for it: in two halves, each a normal power of 2  \
                 */
static inline vf vpow2(vi n)
{
    return vi_as_vf(vishl(viadd(n, viset1(127)), 23));
}

static inline vf vscale2(vf a, vf n)
{
    vi whole = vf_to_vi(n), half = visub(vishr(viadd(whole, viset1(256)), 1), viset1(128));
    return vmul(vmul(a, vpow2(half)), vpow2(visub(whole, half)));
}
#endif

#ifndef VSUMS /* a tier where many sums at a time cost as much as one by one */
static inline vf vsums(vf r[VLEN])
{
    float sum[VLEN];
    for (int i = 0; i < VLEN; i++) sum[i] = vsum(r[i]);
    return vload(sum);
}
#endif

/* How many of the elements from i to n one vector takes. */
static inline int vlanes(int64_t i, int64_t n)
{
    return n - i < VLEN ? (int)(n - i) : VLEN;
}

#endif
