/* SPDX-License-Identifier: Apache-2.0 */
/* Parts: every sample in one, every class in proportion, the same for the same seed. */
#include "base/memory.h"
#include "data/split.h"
#include "support/check.h"

#define N 1003

static int32_t class_of[N];
static int times[SNUG_N_PARTS][N], per_class[SNUG_N_PARTS][3];

/* One class of 500, one of 473, one of 30. */
static int setup(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) class_of[i] = i % 33 == 0 && i / 33 < 30 ? 2 : i % 2;
    return 0;
}

static void split(const snug_split *s, snug_index part[SNUG_N_PARTS])
{
    memset(times, 0, sizeof times);
    memset(per_class, 0, sizeof per_class);
    ok(snug_split_make(s, part));
    for (int p = 0; p < SNUG_N_PARTS; p++)
        for (int64_t i = 0; i < part[p].n; i++) {
            int64_t at = snug_index_at(&part[p], i);
            times[p][at]++;
            per_class[p][class_of[at]]++;
        }
}

static void release(snug_index part[SNUG_N_PARTS])
{
    for (int p = 0; p < SNUG_N_PARTS; p++) snug_free(part[p].at);
}

static void validation_is_stratified(void **state)
{
    (void)state;
    snug_index part[SNUG_N_PARTS] = {{0}}, again[SNUG_N_PARTS] = {{0}};
    snug_split s = {.n = N, .n_classes = 3, .class_of = class_of, .validation = 0.1, .seed = 5};
    split(&s, part);
    assert_int_equal(part[SNUG_PART_TRAIN].n + part[SNUG_PART_VALIDATION].n, N);
    assert_int_equal(part[SNUG_PART_VALIDATION].n, 100);
    assert_int_equal(per_class[SNUG_PART_VALIDATION][2], 3);
    for (int i = 0; i < N; i++)
        assert_int_equal(times[SNUG_PART_TRAIN][i] + times[SNUG_PART_VALIDATION][i], 1);
    split(&s, again);
    assert_memory_equal(part[0].at, again[0].at, (size_t)part[0].n * sizeof(uint32_t));
    release(again);
    memset(again, 0, sizeof again);
    s.seed = 6;
    split(&s, again);
    assert_int_equal(again[0].n, part[0].n);
    assert_memory_not_equal(part[0].at, again[0].at, (size_t)part[0].n * sizeof(uint32_t));
    release(again);
    release(part);
}

static void folds_cover_everything_once(void **state)
{
    (void)state;
    int tested[N] = {0};
    for (int fold = 0; fold < 7; fold++) {
        snug_index part[SNUG_N_PARTS] = {{0}};
        snug_split s = {.n = N, .n_classes = 3, .class_of = class_of, .folds = 7, .fold = fold};
        s.validation = 0.2;
        split(&s, part);
        assert_true(part[SNUG_PART_TEST].n == N / 7 || part[SNUG_PART_TEST].n == N / 7 + 1);
        assert_true(per_class[SNUG_PART_TEST][2] >= 4 && per_class[SNUG_PART_TEST][2] <= 5);
        for (int i = 0; i < N; i++) {
            tested[i] += times[SNUG_PART_TEST][i];
            assert_int_equal(times[0][i] + times[1][i] + times[2][i], 1);
        }
        release(part);
    }
    for (int i = 0; i < N; i++) assert_int_equal(tested[i], 1);
}

static void a_limit_keeps_proportions(void **state)
{
    (void)state;
    snug_index part[SNUG_N_PARTS] = {{0}};
    snug_split s = {.n = N, .n_classes = 3, .class_of = class_of, .limit = 100};
    split(&s, part);
    assert_int_equal(part[SNUG_PART_TRAIN].n, 100);
    assert_int_equal(per_class[SNUG_PART_TRAIN][2], 3);
    release(part);
    memset(part, 0, sizeof part);
    s.limit = N;
    split(&s, part);
    assert_int_equal(part[SNUG_PART_TRAIN].n, N);
    assert_null(part[SNUG_PART_TRAIN].at); /* as it is: no index */
}

static void a_lone_sample_stays_in_training(void **state)
{
    (void)state;
    const int32_t two[] = {0, 0, 0, 1};
    snug_index part[SNUG_N_PARTS] = {{0}};
    snug_split s = {.n = 4, .n_classes = 2, .class_of = two, .validation = 0.9};
    ok(snug_split_make(&s, part));
    assert_true(part[SNUG_PART_TRAIN].n >= 2);
    assert_int_equal(part[SNUG_PART_TRAIN].at[part[SNUG_PART_TRAIN].n - 1], 3);
    release(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validation_is_stratified),
        cmocka_unit_test(folds_cover_everything_once),
        cmocka_unit_test(a_limit_keeps_proportions),
        cmocka_unit_test(a_lone_sample_stays_in_training),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
