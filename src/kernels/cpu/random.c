/* SPDX-License-Identifier: Apache-2.0 */
/* base/rng.c for as many counters as a vector has lanes of 64 bits: each lane does what is done
 * there for one, operation by operation. */
#include "kernels/random.h"
#include "kernels/cpu/vec.h"
#include <math.h>

enum { LANES = VLEN / 2, PIECE = 2 * LANES }; /* counters, elements */

typedef double vd __attribute__((vector_size(LANES * 8)));
typedef uint64_t vu __attribute__((vector_size(LANES * 8)));
typedef int64_t vl __attribute__((vector_size(LANES * 8)));

static inline vd all(double x)
{
    return x - (vd){0};
}

static inline vu all_bits(uint64_t x)
{
    return (vu){0} + x;
}

/* Lanes of a where mask is all ones, of b where it is 0. */
static inline vd select_double(vl mask, vd a, vd b)
{
    return (vd)(((vl)a & mask) | ((vl)b & ~mask));
}

/* Whole numbers below 2^32, exactly: as the low bits of 2^52. */
static inline vd to_double(vu x)
{
    return (vd)(x | all_bits(0x4330000000000000ull)) - all(0x1p52);
}

static inline vd square_root(vd x)
{
#if defined(SNUG_AVX512)
    return (vd)_mm512_sqrt_pd((__m512d)x);
#elif defined(SNUG_AVX2)
    return (vd)_mm256_sqrt_pd((__m256d)x);
#else
    for (int i = 0; i < LANES; i++) x[i] = sqrt(x[i]);
    return x;
#endif
}

/* Of numbers below 2^32. */
static inline vu product(vu a, uint32_t b)
{
#if defined(SNUG_AVX512)
    return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)all_bits(b));
#elif defined(SNUG_AVX2)
    return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)all_bits(b));
#else
    return a * b;
#endif
}

/* snug_philox of counters {a low, a high, b low, b high} with b from `first` on. */
static inline void philox(const snug_random_row *row, uint64_t first, vu c[4])
{
    uint32_t key[2];
    const vu low = all_bits(0xffffffffu);
    snug_rng_key(row->seed, row->purpose, key);
    vu b = all_bits(first);
    for (uint64_t i = 0; i < LANES; i++) b[i] += i;
    c[0] = all_bits(row->key) & low, c[1] = all_bits(row->key >> 32);
    c[2] = b & low, c[3] = b >> 32;
    for (int round = 0; round < 10; round++) {
        const vu p0 = product(c[0], SNUG_PHILOX_M0), p1 = product(c[2], SNUG_PHILOX_M1);
        c[0] = (p1 >> 32) ^ c[1] ^ all_bits(key[0]);
        c[2] = (p0 >> 32) ^ c[3] ^ all_bits(key[1]);
        c[1] = p1 & low;
        c[3] = p0 & low;
        key[0] += SNUG_PHILOX_W0;
        key[1] += SNUG_PHILOX_W1;
    }
}

/* snug_rng_double. */
static inline vd unit(vu hi, vu lo)
{
    const vu bits = (hi << 21) ^ (lo >> 11);
    const vd upper = to_double(bits >> 32) * 0x1p32;
    return (upper + to_double(bits & all_bits(0xffffffffu))) * 0x1p-53;
}

static inline vd natural_log(vd x)
{
    vu bits = (vu)x;
    vd k = to_double(bits >> 52) - all(1023);
    vd m = (vd)((bits & all_bits(0xfffffffffffffull)) | all_bits(0x3ff0000000000000ull));
    const vl large = (vl)(m > all(1.4142135623730951));
    m = select_double(large, m * 0.5, m);
    k = select_double(large, k + 1, k);
    const vd s = (m - 1) / (m + 1), z = s * s;
    vd sum = all(0);
    for (int i = 23; i >= 3; i -= 2) sum = (sum + 1.0 / i) * z;
    return k * 0.6931471805599453 + 2 * (s + s * sum);
}

static inline void sine_cosine(vd a, vd *sine, vd *cosine)
{
    const vd z = a * a;
    vd s = all(0), c = all(0);
    for (int i = 16; i >= 2; i -= 2) {
        s = (1 + s) * (-z / all(i * (i + 1)));
        c = (1 + c) * (-z / all((i - 1) * i));
    }
    *sine = a + a * s;
    *cosine = 1 + c;
}

static inline void two_normals(const vu u[4], vd out[2])
{
    const vd r = square_root(-2 * natural_log(1 - unit(u[0], u[1])));
    const vd v = unit(u[2], u[3]), turns = v * 4 + 0.5;
    const vl one = (vl)(turns >= all(1)), two = (vl)(turns >= all(2)),
             three = (vl)(turns >= all(3)), four = (vl)(turns >= all(4));
    const vd quarter = select_double(one, all(1), all(0)) + select_double(two, all(1), all(0)) +
                       select_double(three, all(1), all(0)) + select_double(four, all(1), all(0));
    vd sine, cosine;
    sine_cosine((v - quarter * 0.25) * 6.283185307179586, &sine, &cosine);
    const vl odd = one ^ two ^ three ^ four, minus = (vl)all(-0.0);
    const vl first = (one ^ three) & minus, second = (two ^ four) & minus;
    out[0] = r * (vd)((vl)select_double(odd, sine, cosine) ^ first);
    out[1] = r * (vd)((vl)select_double(odd, cosine, sine) ^ second);
}

static inline void two_uniforms(const vu u[4], vd out[2])
{
    out[0] = 2 * unit(u[0], u[1]) - 1;
    out[1] = 2 * unit(u[2], u[3]) - 1;
}

static inline void fill(const snug_random_row *row, void (*two)(const vu u[4], vd out[2]),
                        double *to)
{
    for (int64_t i = 0; i < row->n; i += PIECE) {
        vu u[4];
        vd out[2];
        double piece[PIECE];
        const int64_t left = row->n - i;
        philox(row, (uint64_t)(row->begin + i) / 2, u);
        two(u, out);
        for (int k = 0; k < PIECE; k++) piece[k] = out[k % 2][k / 2] * row->width;
        memcpy(to + i, piece, (size_t)(left < PIECE ? left : PIECE) * sizeof *to);
    }
}

static void normal(const snug_random_row *row, double *to)
{
    fill(row, two_normals, to);
}

static void uniform(const snug_random_row *row, double *to)
{
    fill(row, two_uniforms, to);
}

extern const snug_random SNUG_TIER_SYMBOL(snug_random);
const snug_random SNUG_TIER_SYMBOL(snug_random) = {normal, uniform};
