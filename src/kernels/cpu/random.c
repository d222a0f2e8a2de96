/* SPDX-License-Identifier: Apache-2.0 */
/* base/rng.c for as many counters as a vector has lanes of 64 bits: each lane does what is done
 * there for one, operation by operation. */
#include "kernels/random.h"
#include "kernels/cpu/vec.h"
#include <math.h>

enum {
    LANES = VLEN / 2,  /* counters of a vector */
    PIECE = 2 * LANES, /* elements of them */
    BLOCK = 8,         /* vectors that go through each stage, */
    ABREAST = VLEN / 4 /* so many side by side, which hides its latency */
};

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

/* Whole numbers below 2^53, exactly. */
static inline vd to_double_long(vu x)
{
#if defined(SNUG_AVX512)
    return (vd)_mm512_cvtepu64_pd((__m512i)x);
#else
    return to_double(x >> 32) * 0x1p32 + to_double(x & all_bits(0xffffffffu));
#endif
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

/* Of the lower halves of the lanes. */
static inline vu product(vu a, uint32_t b)
{
#if defined(SNUG_AVX512)
    return (vu)_mm512_mul_epu32((__m512i)a, (__m512i)all_bits(b));
#elif defined(SNUG_AVX2)
    return (vu)_mm256_mul_epu32((__m256i)a, (__m256i)all_bits(b));
#else
    return (a & all_bits(0xffffffffu)) * b;
#endif
}

/* a[0], b[0], a[1], b[1], ... */
static inline void store_in_turn(double *to, vd a, vd b)
{
#if defined(SNUG_AVX512)
    const __m512i low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_pd(to, _mm512_permutex2var_pd((__m512d)a, low, (__m512d)b));
    _mm512_storeu_pd(to + LANES, _mm512_permutex2var_pd((__m512d)a, high, (__m512d)b));
#elif defined(SNUG_AVX2)
    const __m256d even = _mm256_unpacklo_pd((__m256d)a, (__m256d)b);
    const __m256d odd = _mm256_unpackhi_pd((__m256d)a, (__m256d)b);
    _mm256_storeu_pd(to, _mm256_permute2f128_pd(even, odd, 0x20));
    _mm256_storeu_pd(to + LANES, _mm256_permute2f128_pd(even, odd, 0x31));
#else
    for (int i = 0; i < LANES; i++) to[2 * i] = a[i], to[2 * i + 1] = b[i];
#endif
}

/* snug_philox of counters {a low, a high, b low, b high}; the upper halves of the lanes of u are
 * anything. */
static inline void philox(const snug_random_row *row, vu b, vu u[ABREAST][4])
{
    uint32_t key[2];
    snug_rng_key(row->seed, row->purpose, key);
    UNROLL for (int i = 0; i < ABREAST; i++, b += LANES)
    {
        u[i][0] = all_bits(row->key), u[i][1] = all_bits(row->key >> 32);
        u[i][2] = b, u[i][3] = b >> 32;
    }
    for (int round = 0; round < 10; round++) {
        UNROLL for (int i = 0; i < ABREAST; i++)
        {
            const vu p0 = product(u[i][0], SNUG_PHILOX_M0), p1 = product(u[i][2], SNUG_PHILOX_M1);
            u[i][0] = (p1 >> 32) ^ u[i][1] ^ all_bits(key[0]);
            u[i][2] = (p0 >> 32) ^ u[i][3] ^ all_bits(key[1]);
            u[i][1] = p1;
            u[i][3] = p0;
        }
        key[0] += SNUG_PHILOX_W0;
        key[1] += SNUG_PHILOX_W1;
    }
}

/* snug_rng_double. */
static inline vd unit(vu hi, vu lo)
{
    const vu low = all_bits(0xffffffffu);
    return to_double_long(((hi & low) << 21) ^ ((lo & low) >> 11)) * 0x1p-53;
}

/* The two numbers in [0, 1) of each counter from that of the row's element `begin` on. */
__attribute__((noinline)) static void units(const snug_random_row *row, int64_t begin,
                                            vd first[BLOCK], vd second[BLOCK])
{
    static const uint64_t places[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    vu b, u[ABREAST][4];
    memcpy(&b, places, sizeof b);
    b += all_bits((uint64_t)(row->begin + begin) / 2);
    for (int i = 0; i < BLOCK; i += ABREAST, b += ABREAST * LANES) {
        philox(row, b, u);
        UNROLL for (int j = 0; j < ABREAST; j++)
        {
            first[i + j] = unit(u[j][0], u[j][1]);
            second[i + j] = unit(u[j][2], u[j][3]);
        }
    }
}

/* Of the radii r, from numbers in [0, 1). */
static inline void radii(vd r[ABREAST])
{
    vd k[ABREAST], s[ABREAST], z[ABREAST], sum[ABREAST];
    UNROLL for (int j = 0; j < ABREAST; j++)
    {
        const vu bits = (vu)(1 - r[j]);
        const vd m = (vd)((bits & all_bits(0xfffffffffffffull)) | all_bits(0x3ff0000000000000ull));
        const vl large = (vl)(m > all(1.4142135623730951));
        const vd n = select_double(large, m * 0.5, m);
        k[j] = to_double(bits >> 52) - all(1023);
        k[j] = select_double(large, k[j] + 1, k[j]);
        s[j] = (n - 1) / (n + 1), z[j] = s[j] * s[j], sum[j] = all(0);
    }
    UNROLL for (int i = 23; i >= 3; i -= 2) UNROLL for (int j = 0; j < ABREAST; j++) sum[j] =
        (sum[j] + 1.0 / i) * z[j];
    UNROLL for (int j = 0; j < ABREAST; j++) r[j] =
        square_root(-2 * (k[j] * 0.6931471805599453 + 2 * (s[j] + s[j] * sum[j])));
}

/* Normals of the radii r, which become cosines, and turns v, which become sines. */
static inline void turn(vd r[ABREAST], vd v[ABREAST])
{
    vu quarter[ABREAST];
    vd a[ABREAST], z[ABREAST], s[ABREAST], c[ABREAST];
    UNROLL for (int j = 0; j < ABREAST; j++)
    {
        const vd shifted = v[j] * 4 + 0x1.8p52;
        quarter[j] = (vu)shifted;
        a[j] = (v[j] - (shifted - 0x1.8p52) * 0.25) * 6.283185307179586;
        z[j] = a[j] * a[j], s[j] = all(0), c[j] = all(0);
    }
    UNROLL for (int i = 16; i >= 2; i -= 2) UNROLL for (int j = 0; j < ABREAST; j++)
    {
        s[j] = (s[j] + snug_rng_taylor[i + 1]) * z[j];
        c[j] = (c[j] + snug_rng_taylor[i]) * z[j];
    }
    UNROLL for (int j = 0; j < ABREAST; j++)
    {
        const vu minus = all_bits(1ull << 63);
        const vl odd = (vl)(quarter[j] << 63) < 0;
        const vd sine = a[j] + a[j] * s[j], cosine = 1 + c[j];
        const vd x =
            (vd)((vu)select_double(odd, sine, cosine) ^ (((quarter[j] + 1) << 62) & minus));
        const vd y = (vd)((vu)select_double(odd, cosine, sine) ^ ((quarter[j] << 62) & minus));
        v[j] = r[j] * y;
        r[j] = r[j] * x;
    }
}

static inline void normals(vd first[BLOCK], vd second[BLOCK])
{
    for (int i = 0; i < BLOCK; i += ABREAST) radii(first + i);
    for (int i = 0; i < BLOCK; i += ABREAST) turn(first + i, second + i);
}

static inline void uniforms(vd first[BLOCK], vd second[BLOCK])
{
    for (int i = 0; i < BLOCK; i++) first[i] = 2 * first[i] - 1, second[i] = 2 * second[i] - 1;
}

static inline void fill(const snug_random_row *row, void (*make)(vd first[BLOCK], vd second[BLOCK]),
                        double *to)
{
    vd first[BLOCK], second[BLOCK];
    double block[BLOCK * PIECE];
    for (int64_t done = 0; done < row->n; done += BLOCK * PIECE) {
        const int64_t left = row->n - done, n = left < BLOCK * PIECE ? left : BLOCK * PIECE;
        units(row, done, first, second);
        make(first, second);
        for (int i = 0; i < BLOCK; i++)
            store_in_turn(block + i * PIECE, first[i] * row->width, second[i] * row->width);
        memcpy(to + done, block, (size_t)n * sizeof *to);
    }
}

static void normal(const snug_random_row *row, double *to)
{
    fill(row, normals, to);
}

static void uniform(const snug_random_row *row, double *to)
{
    fill(row, uniforms, to);
}

static void to_float(const double *from, int64_t n, float *to)
{
    typedef float vf_half __attribute__((vector_size(LANES * 4)));
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vd x;
        memcpy(&x, from + i, sizeof x);
        const vf_half y = __builtin_convertvector(x, vf_half);
        memcpy(to + i, &y, sizeof y);
    }
    for (; i < n; i++) to[i] = (float)from[i];
}

extern const snug_random SNUG_TIER_SYMBOL(snug_random);
const snug_random SNUG_TIER_SYMBOL(snug_random) = {normal, uniform, to_float};
