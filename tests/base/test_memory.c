/* SPDX-License-Identifier: Apache-2.0 */
/* Tagged memory, bump arenas, mapped pages; and their behaviour when the system refuses. */
#include "base/fault.h"
#include "base/memory.h"
#include "base/os.h"
#include "support/check.h"

static void test_tags_count(void **state)
{
    (void)state;
    size_t before = snug_tag_bytes(TAG_TEST);
    unsigned char *p = snug_alloc(TAG_TEST, 1000);
    assert_non_null(p);
    for (int i = 0; i < 1000; i++) assert_int_equal(p[i], 0);
    assert_int_equal((uintptr_t)p % 16, 0);
    assert_int_equal(snug_tag_bytes(TAG_TEST), before + 1000);
    p[999] = 7;
    p = snug_realloc(TAG_TEST, p, 5000);
    assert_int_equal(p[999], 7);
    assert_int_equal(snug_tag_bytes(TAG_TEST), before + 5000);
    snug_free(p);
    snug_free(NULL);
    assert_int_equal(snug_tag_bytes(TAG_TEST), before);
    assert_true(snug_tag_peak(TAG_TEST) >= before + 5000);
    char *copy = snug_strdup(TAG_TEST, "hello");
    assert_string_equal(copy, "hello");
    snug_free(copy);
}

static void test_overflow_is_refused(void **state)
{
    (void)state;
    size_t out;
    assert_null(snug_alloc_array(TAG_TEST, SIZE_MAX / 2, 3));
    assert_int_equal(snug_error_status(), SNUG_ENOMEM);
    snug_error_clear();
    assert_null(snug_alloc(TAG_TEST, SIZE_MAX - 4));
    snug_error_clear();
    assert_false(snug_size_mul(SIZE_MAX / 2 + 1, 2, &out));
    assert_true(snug_size_mul(SIZE_MAX, 1, &out));
    assert_true(snug_size_mul(0, SIZE_MAX, &out) && out == 0);
    assert_false(snug_size_add(SIZE_MAX, 1, &out));
    void *p;
    fails(snug_map(SIZE_MAX, &p), SNUG_ENOMEM, "out of memory");
    fails(snug_map((size_t)1 << 60, &p), SNUG_ENOMEM, "--memory");
}

static void test_nth_allocation_fails(void **state)
{
    (void)state;
    size_t before = snug_tag_bytes(TAG_TEST);
    snug_fault_arm(FAULT_ALLOC, 2);
    void *first = snug_alloc(TAG_TEST, 10), *second = snug_alloc(TAG_TEST, 10);
    assert_non_null(first);
    assert_null(second);
    assert_int_equal(snug_error_status(), SNUG_ENOMEM);
    assert_int_equal(snug_fault_count(FAULT_ALLOC), 2);
    snug_error_clear();
    snug_fault_arm(FAULT_ALLOC, 1);
    assert_null(snug_realloc(TAG_TEST, first, 20)); /* first stays as it was */
    snug_fault_arm(FAULT_ALLOC, 0);
    snug_error_clear();
    snug_free(first);
    assert_int_equal(snug_tag_bytes(TAG_TEST), before);
}

static void test_bump(void **state)
{
    (void)state;
    size_t before = snug_tag_bytes(TAG_TEST);
    snug_bump *b = snug_bump_create(TAG_TEST);
    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = snug_bump_alloc(b, n);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    assert_non_null(snug_bump_alloc(b, 1 << 20)); /* larger than any block */
    assert_string_equal(snug_bump_strdup(b, "text"), "text");
    assert_string_equal(snug_bump_printf(b, "%d-%s", 42, "x"), "42-x");
    assert_null(snug_bump_alloc(b, SIZE_MAX - 3));
    snug_error_clear();
    snug_bump_destroy(b);
    snug_bump_destroy(NULL);
    assert_int_equal(snug_tag_bytes(TAG_TEST), before);
}

static void test_bump_when_refused(void **state)
{
    (void)state;
    snug_fault_arm(FAULT_ALLOC, 1);
    assert_null(snug_bump_create(TAG_TEST));
    snug_bump *b = snug_bump_create(TAG_TEST);
    snug_fault_arm(FAULT_ALLOC, 1);
    assert_null(snug_bump_alloc(b, 16));
    assert_non_null(snug_bump_alloc(b, 16)); /* usable afterwards */
    snug_fault_arm(FAULT_ALLOC, 0);
    snug_error_clear();
    snug_bump_destroy(b);
}

/* What snug_map adds to the process is what was asked for, in whole pages, at once. */
static void test_map_is_resident(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their shadow memory counts too */
#endif
    static const size_t sizes[] = {1, 5000, 1 << 20, 37 * 1000 * 1000 + 17};
    snug_os_settle();
    for (int i = 0; i < 4; i++) {
        uint64_t before = snug_os_rss();
        unsigned char *p;
        ok(snug_map(sizes[i], (void **)&p));
        uint64_t added = snug_os_rss() - before, want = snug_round_up(sizes[i], 4096);
        for (size_t k = 0; k < sizes[i]; k += 997) assert_int_equal(p[k], 0);
        p[sizes[i] - 1] = 1;
        snug_unmap(p, sizes[i]);
        assert_true(added >= want && added <= want + 32768);
        assert_true(snug_os_rss() <= before + 32768);
    }
    assert_true(snug_os_peak_rss() >= 37 * 1000 * 1000);
    snug_unmap(NULL, 10);
}

/* Pages of snug_reserve are zero, and resident only once they are written. */
static void test_reserved_comes_when_written(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their shadow memory counts too */
#endif
    const size_t bytes = 37 * 1000 * 1000 + 17, half = bytes / 2;
    unsigned char *p;
    snug_os_settle();
    const uint64_t before = snug_os_rss();
    ok(snug_reserve(bytes, (void **)&p));
    assert_true(snug_os_rss() <= before + 65536);
    for (size_t k = 0; k < half; k += 997) p[k]++;
    for (size_t k = 0; k < half; k++) assert_int_equal(p[k], k % 997 == 0);
    assert_true(snug_os_rss() >= before + half / 10 * 9);
    assert_true(snug_os_rss() <= before + half + (2 << 20) + 65536); /* a huge page at the end */
    snug_unmap(p, bytes);
    assert_true(snug_os_rss() <= before + 65536);
}

/* What the system could not give is refused at once, not in the midst of work. */
static void test_reserve_knows_what_is_free(void **state)
{
    (void)state;
    void *p;
    const uint64_t room = snug_os_free_memory();
    assert_true(room > 1 << 20 && room < (uint64_t)1 << 60);
    fails(snug_reserve((size_t)(room + room / 2), &p), SNUG_ENOMEM, "are free");
    fails(snug_reserve((size_t)1 << 62, &p), SNUG_ENOMEM, "--memory");
}

/* After settling, no page of code or library is left to come in later. */
static void test_settled_code_is_resident(void **state)
{
    (void)state;
    snug_os_settle();
    uint64_t code = snug_os_code_bytes();
    assert_true(code > 1 << 16);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(code <= snug_os_rss());
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags_count),
        cmocka_unit_test(test_overflow_is_refused),
        cmocka_unit_test(test_nth_allocation_fails),
        cmocka_unit_test(test_bump),
        cmocka_unit_test(test_bump_when_refused),
        cmocka_unit_test(test_map_is_resident),
        cmocka_unit_test(test_reserved_comes_when_written),
        cmocka_unit_test(test_reserve_knows_what_is_free),
        cmocka_unit_test(test_settled_code_is_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
