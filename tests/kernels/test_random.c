/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of random numbers have, on every tier, the bits of those made one by one. */
#include "base/cpu.h"
#include "kernels/random.h"
#include "support/check.h"
#include <string.h>

enum { N = 1001, GUARD = 16 };

static void one_by_one(const snug_random_row *row, bool normal, double *to)
{
    for (int64_t i = 0; i < row->n; i += 2) {
        uint32_t u[4];
        double v[2];
        snug_rng(row->seed, row->purpose, row->key, (uint64_t)(row->begin + i) / 2, u);
        snug_rng_normal(u, v);
        for (int k = 0; k < 2 && i + k < row->n; k++) {
            if (!normal) v[k] = 2 * snug_rng_double(u[2 * k], u[2 * k + 1]) - 1;
            to[i + k] = v[k] * row->width;
        }
    }
}

static void check_row(const snug_random *random, const snug_random_row *row, bool normal)
{
    double want[N], got[N + GUARD];
    memset(got, 0xA5, sizeof got);
    one_by_one(row, normal, want);
    (normal ? random->normal : random->uniform)(row, got);
    assert_memory_equal(got, want, (size_t)row->n * sizeof *got);
    for (size_t i = (size_t)row->n * sizeof *got; i < sizeof got; i++)
        assert_int_equal(((unsigned char *)got)[i], 0xA5);
}

static void rows_are_those_made_one_by_one(void **state)
{
    (void)state;
    /* the last crosses 2^32 counters */
    const int64_t begin[] = {0, 2, 4096, ((int64_t)1 << 33) - 500}, n[] = {1, 2, 15, 16, 17, N};
    for (int tier = 0; tier < SNUG_N_TIERS; tier++) {
        if (!(snug_cpu_tiers() >> tier & 1)) continue;
        for (int i = 0; i < 4 * 6 * 2; i++) {
            const snug_random_row row = {.seed = 0x123456789abcdefull + (uint64_t)i,
                                         .key = snug_hash_name("weight"),
                                         .purpose = RNG_INIT,
                                         .begin = begin[i % 4],
                                         .n = n[i / 4 % 6],
                                         .width = 0.37};
            check_row(snug_random_of((snug_tier)tier), &row, i >= 4 * 6);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_those_made_one_by_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
