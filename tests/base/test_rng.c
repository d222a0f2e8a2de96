/* SPDX-License-Identifier: Apache-2.0 */
/* Philox against Random123's known answers, normals (moments and exact bits), permutations. */
#include "base/rng.h"
#include "support/check.h"
#include <math.h>
#include <stdlib.h>

/* kat_vectors of Random123 1.14, lines "philox4x32 10". */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], want[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        snug_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].want, sizeof out);
    }
}

static void test_purposes_do_not_share(void **state)
{
    (void)state;
    uint32_t a[4], b[4], c[4];
    snug_rng(1, RNG_INIT, 5, 6, a);
    snug_rng(1, RNG_DROPOUT, 5, 6, b);
    snug_rng(2, RNG_INIT, 5, 6, c);
    assert_true(memcmp(a, b, sizeof a) != 0 && memcmp(a, c, sizeof a) != 0);
    assert_true(snug_rng_float(~0u) < 1 && snug_rng_float(0) == 0);
    assert_true(snug_rng_double(~0u, ~0u) < 1 && snug_rng_double(0, 0) == 0);
    assert_true(snug_hash_name("") == 0xcbf29ce484222325u);
    assert_true(snug_hash_name("foobar") == 0x85944171f73967e8u);
}

static void test_normals_against_libm(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t u[4];
        double z[2];
        snug_rng(3, RNG_TEST, i, 0, u);
        snug_rng_normal(u, z);
        double r = sqrt(-2 * log(1 - snug_rng_double(u[0], u[1])));
        double angle = 6.283185307179586 * snug_rng_double(u[2], u[3]);
        assert_true(fabs(z[0] - r * cos(angle)) < 4e-15 * (1 + r));
        assert_true(fabs(z[1] - r * sin(angle)) < 4e-15 * (1 + r));
    }
    double z[2];
    snug_rng_normal((uint32_t[4]){~0u, ~0u, 0, 0}, z); /* the farthest there is */
    assert_true(z[0] > 8.5 && z[0] < 8.6 && z[1] == 0);
    snug_rng_normal((uint32_t[4]){0, 0, ~0u, ~0u}, z);
    assert_true(z[0] == 0 && z[1] == 0);
}

/* The same bits on every processor and compiler: a hash over the bits of many normals. */
static void test_normals_have_these_bits(void **state)
{
    (void)state;
    uint64_t hash = 14695981039346656037u;
    double sum = 0, squares = 0;
    enum { N = 50000 };
    for (uint64_t i = 0; i < N; i++) {
        uint32_t u[4];
        double z[2];
        snug_rng(1, RNG_TEST, i, 1, u);
        snug_rng_normal(u, z);
        for (int k = 0; k < 2; k++) {
            uint64_t bits;
            memcpy(&bits, &z[k], sizeof bits);
            hash = (hash ^ bits) * 1099511628211u;
            sum += z[k];
            squares += z[k] * z[k];
        }
    }
    assert_true(fabs(sum / (2 * N)) < 0.01);
    assert_true(fabs(squares / (2 * N) - 1) < 0.02);
    if (hash != 0xca982a12476ad9afu) fail_msg("hash 0x%llx", (unsigned long long)hash);
}

static void check_bijection(uint64_t n, uint64_t round)
{
    unsigned char *seen = calloc(n, 1);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t p = snug_permute(n, i, 42, RNG_SHUFFLE, round);
        assert_true(p < n);
        assert_int_equal(seen[p]++, 0);
    }
    free(seen);
}

static void test_permutations_are_bijections(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 300; n++) check_bijection(n, n);
    static const uint64_t large[] = {1023, 1024, 1025, 4096, 10007, 60000, 65536, 65537};
    for (int i = 0; i < 8; i++) check_bijection(large[i], 3);
    uint64_t n = (uint64_t)1 << 40; /* no table could hold it */
    for (uint64_t i = 0; i < 100; i++)
        assert_true(snug_permute(n - 1, i, 1, RNG_SHUFFLE, 0) < n - 1);
}

static void test_permutations_mix(void **state)
{
    (void)state;
    enum { N = 1000 };
    int fixed = 0, same = 0, neighbours = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t a = snug_permute(N, i, 1, RNG_SHUFFLE, 0),
                 b = snug_permute(N, i, 1, RNG_SHUFFLE, 1);
        uint64_t next = snug_permute(N, (i + 1) % N, 1, RNG_SHUFFLE, 0);
        fixed += a == i;
        same += a == b;
        neighbours += next == a + 1;
    }
    assert_true(fixed < 10 && same < 10 && neighbours < 10); /* about 1 of each is expected */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_purposes_do_not_share),
        cmocka_unit_test(test_normals_against_libm),
        cmocka_unit_test(test_normals_have_these_bits),
        cmocka_unit_test(test_permutations_are_bijections),
        cmocka_unit_test(test_permutations_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
