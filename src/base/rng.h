/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011).
 * A number is a function of key and counter; there is no state, so threads and ranks do not matter.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* What random numbers are for: the upper key word, so that purposes never share a stream. */
typedef enum snug_purpose {
    RNG_INIT = 1,
    RNG_DROPOUT,
    RNG_SHUFFLE,
    RNG_SPLIT,
    RNG_AUGMENT,
    RNG_GLYPHS,
    RNG_TEST,
    RNG_FOLD,
    RNG_GENERATE
} snug_purpose;

/* The generator itself: ten rounds over a counter of 128 bits and a key of 64. The constants serve
 * vectorised copies of it too. */
#define SNUG_PHILOX_M0 0xD2511F53u
#define SNUG_PHILOX_M1 0xCD9E8D57u
#define SNUG_PHILOX_W0 0x9E3779B9u
#define SNUG_PHILOX_W1 0xBB67AE85u
void snug_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* The key of a seed and a purpose. The counter of (a, b) is {a low, a high, b low, b high}. */
static inline void snug_rng_key(uint64_t seed, snug_purpose purpose, uint32_t key[2])
{
    key[0] = (uint32_t)seed;
    key[1] = (uint32_t)(seed >> 32) ^ ((uint32_t)purpose * 0x9E3779B9u);
}

/* Four 32-bit numbers for (seed, purpose) and the counter (a, b). */
void snug_rng(uint64_t seed, snug_purpose purpose, uint64_t a, uint64_t b, uint32_t out[4]);

/* Of sine and cosine, by the power of the angle: 1 / n! with its sign. */
static const double snug_rng_taylor[18] = {
    1.0,
    1.0,
    -1.0 / 2,
    -1.0 / 6,
    1.0 / 24,
    1.0 / 120,
    -1.0 / 720,
    -1.0 / 5040,
    1.0 / 40320,
    1.0 / 362880,
    -1.0 / 3628800,
    -1.0 / 39916800,
    1.0 / 479001600,
    1.0 / 6227020800,
    -1.0 / 87178291200,
    -1.0 / 1307674368000,
    1.0 / 20922789888000,
    1.0 / 355687428096000,
};

/* In [0, 1), 24 bits. */
static inline float snug_rng_float(uint32_t u)
{
    return (float)(u >> 8) * 0x1p-24f;
}
/* In [0, 1), 53 bits. */
static inline double snug_rng_double(uint32_t hi, uint32_t lo)
{
    return (double)(((uint64_t)hi << 21) ^ (lo >> 11)) * 0x1p-53;
}
/* Two standard normals by Box and Muller, with Snug's own log, sin and cos: the same bits
 * everywhere. */
void snug_rng_normal(const uint32_t u[4], double out[2]);
/* 64-bit FNV-1a of a name: keys parameters and nodes. */
uint64_t snug_hash_name(const char *name);

/* A bijection of [0, n): the i-th element of a pseudo-random order keyed by (seed, purpose, round),
 * in constant memory (a Feistel network over Philox with cycle walking). */
uint64_t snug_permute(uint64_t n, uint64_t i, uint64_t seed, snug_purpose purpose, uint64_t round);

#endif
