/* SPDX-License-Identifier: Apache-2.0 */
/* Philox4x32-10 and what is built on it: normals and permutations. Everything here is integer
 * arithmetic or IEEE double +, -, *, / and sqrt in a written order, so the bits are the same
 * everywhere. */
#include "base/rng.h"
#include <math.h>
#include <string.h>

/* Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3. */
void snug_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)SNUG_PHILOX_M0 * c0, p1 = (uint64_t)SNUG_PHILOX_M1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += SNUG_PHILOX_W0;
        k1 += SNUG_PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void snug_rng(uint64_t seed, snug_purpose purpose, uint64_t a, uint64_t b, uint32_t out[4])
{
    uint32_t key[2];
    snug_rng_key(seed, purpose, key);
    const uint32_t counter[4] = {(uint32_t)a, (uint32_t)(a >> 32), (uint32_t)b,
                                 (uint32_t)(b >> 32)};
    snug_philox(counter, key, out);
}

/* ln x for x in (0, 1], within 2 units in the last place: x = 2^k m with m in [1/sqrt 2, sqrt 2),
 * ln m = 2 atanh(s), s = (m - 1) / (m + 1), s^2 < 0.0295. */
static double own_log(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int k = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    double s = (m - 1) / (m + 1), z = s * s, sum = 0;
    for (int i = 23; i >= 3; i -= 2) sum = (sum + 1.0 / i) * z;
    return k * 0.6931471805599453 + 2 * (s + s * sum);
}

/* sin and cos of a in [-pi/4, pi/4] by their Taylor series to a^17, below 1e-17. */
static void sin_cos(double a, double *sine, double *cosine)
{
    double z = a * a, s = 0, c = 0;
    for (int i = 16; i >= 2; i -= 2) {
        s = (s + snug_rng_taylor[i + 1]) * z;
        c = (c + snug_rng_taylor[i]) * z;
    }
    *sine = a + a * s;
    *cosine = 1 + c;
}

/* G. E. P. Box and M. E. Muller (1958): r = sqrt(-2 ln u), angle 2 pi v. */
void snug_rng_normal(const uint32_t u[4], double out[2])
{
    double r = sqrt(-2 * own_log(1 - snug_rng_double(u[0], u[1])));
    double v = snug_rng_double(u[2], u[3]);
    /* the nearest multiple of a quarter turn, by the rounding of a sum of whole numbers */
    double shifted = v * 4 + 0x1.8p52, nearest = shifted - 0x1.8p52;
    int quarter = (int)nearest;
    double sine, cosine;
    sin_cos((v - nearest * 0.25) * 6.283185307179586, &sine, &cosine);
    const double turned[4] = {cosine, -sine, -cosine, sine};
    out[0] = r * turned[quarter & 3];
    out[1] = r * turned[(quarter + 3) & 3];
}

uint64_t snug_hash_name(const char *name)
{
    uint64_t h = 14695981039346656037ull;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211ull;
    return h;
}

#define FEISTEL_ROUNDS 6

/* One pass of a balanced Feistel network on 2 * half_bits bits; the round function is Philox keyed
 * like any other number, its counter holding the half, the Feistel round and `round`. */
static uint64_t feistel(uint64_t x, int half_bits, uint64_t seed, snug_purpose purpose,
                        uint64_t round)
{
    uint64_t mask = ((uint64_t)1 << half_bits) - 1;
    uint64_t left = x >> half_bits, right = x & mask;
    for (uint64_t i = 0; i < FEISTEL_ROUNDS; i++) {
        uint32_t u[4];
        snug_rng(seed, purpose, right | i << 56, round, u);
        uint64_t next = left ^ (u[0] & mask);
        left = right;
        right = next;
    }
    return left << half_bits | right;
}

uint64_t snug_permute(uint64_t n, uint64_t i, uint64_t seed, snug_purpose purpose, uint64_t round)
{
    int half_bits = 1;
    while (half_bits < 32 && ((uint64_t)1 << (2 * half_bits)) < n) half_bits++;
    do i = feistel(i, half_bits, seed, purpose, round); /* walks the cycle back into [0, n) */
    while (i >= n);
    return i;
}
