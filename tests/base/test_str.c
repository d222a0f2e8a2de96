/* SPDX-License-Identifier: Apache-2.0 */
/* Growing strings; sizes, times and numbers as people write them; the nearest name. */
#include "base/fault.h"
#include "base/str.h"
#include "support/check.h"
#include <locale.h>
#include <stdio.h>

static void test_growing(void **state)
{
    (void)state;
    snug_str s = {0};
    for (int i = 0; i < 1000; i++) snug_str_printf(&s, "%d,", i % 10);
    snug_str_add(&s, "end");
    snug_str_addn(&s, "\0x", 2);
    ok(snug_str_check(&s));
    assert_int_equal(s.length, 2005);
    assert_memory_equal(s.text, "0,1,2,", 6);
    assert_memory_equal(s.text + 2000, "end\0x", 6);
    snug_str_free(&s);
    assert_null(s.text);
}

static void test_out_of_memory_sticks(void **state)
{
    (void)state;
    snug_str s = {0};
    snug_fault_arm(FAULT_ALLOC, 1);
    snug_str_add(&s, "a");
    snug_str_add(&s, "b");
    snug_fault_arm(FAULT_ALLOC, 0);
    assert_int_equal(snug_str_check(&s), SNUG_ENOMEM);
    snug_error_clear();
    snug_str_free(&s);
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } good[] = {{"0", 0},          {"64M", 67108864}, {"1.5K", 1536},     {"2GiB", 2147483648},
                {"1T", 1ll << 40}, {"100B", 100},     {"64MB", 67108864}, {"7kib", -1},
                {"512k", 524288},  {"1e3", 1000}};
    int64_t v;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (good[i].want < 0)
            fails(snug_parse_size(good[i].text, &v), SNUG_EINVAL, good[i].text);
        else {
            ok(snug_parse_size(good[i].text, &v));
            assert_true(v == good[i].want);
        }
    }
    static const char *const bad[] = {"",    "M",    "-1",    "64X",      "64MM", "nan",
                                      "inf", "0x10", "1e300", "9999999T", " 5",   "5 M"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        fails(snug_parse_size(bad[i], &v), SNUG_EINVAL, bad[i]);
}

static void test_times(void **state)
{
    (void)state;
    double v;
    ok(snug_parse_time("20m", &v));
    assert_true(v == 1200);
    ok(snug_parse_time("1.5h", &v));
    assert_true(v == 5400);
    ok(snug_parse_time("1h30m", &v));
    assert_true(v == 5400);
    ok(snug_parse_time("90", &v));
    assert_true(v == 90);
    ok(snug_parse_time("2d", &v));
    assert_true(v == 172800);
    static const char *const bad[] = {"", "m", "-5s", "20x", "nan", "1h-3m", "5 m"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        fails(snug_parse_time(bad[i], &v), SNUG_EINVAL, bad[i]);
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t n;
    double v;
    ok(snug_parse_int("-42", &n));
    assert_true(n == -42);
    ok(snug_parse_int("9223372036854775807", &n));
    assert_true(n == INT64_MAX);
    fails(snug_parse_int("9223372036854775808", &n), SNUG_EINVAL, "64 bits");
    fails(snug_parse_int("1.5", &n), SNUG_EINVAL, "whole");
    fails(snug_parse_int("", &n), SNUG_EINVAL, "whole");
    fails(snug_parse_int(" 1", &n), SNUG_EINVAL, "whole");
    ok(snug_parse_double("1e-3", &v));
    assert_true(v == 1e-3);
    ok(snug_parse_double("-.5", &v));
    assert_true(v == -.5);
    fails(snug_parse_double("1e999", &v), SNUG_EINVAL, "1e999");
    fails(snug_parse_double("1,5", &v), SNUG_EINVAL, "1,5");
    fails(snug_parse_double("nan", &v), SNUG_EINVAL, "nan");
    fails(snug_parse_double("1-2", &v), SNUG_EINVAL, "1-2");
}

static void test_any_locale(void **state)
{
    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8")) skip();
    double v;
    ok(snug_parse_double("1.5", &v));
    setlocale(LC_ALL, "C");
    assert_true(v == 1.5);
}

static void test_formats(void **state)
{
    (void)state;
    char buf[16];
    static const struct {
        double bytes;
        const char *want;
    } sizes[] = {{0, "0 B"},           {1023, "1023 B"},   {1024, "1.0 K"},
                 {67003187, "63.9 M"}, {1048570, "1.0 M"}, {1023.9e6 * 1.048576, "1023.9 M"},
                 {5e15, "4.4 P"}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_string_equal(snug_format_size(sizes[i].bytes, buf, sizeof buf), sizes[i].want);
        assert_true(strlen(buf) <= 8);
    }
    static const struct {
        double seconds;
        const char *want;
    } times[] = {{0, "0 us"},      {0.00012, "120 us"}, {0.85, "850 ms"}, {12.34, "12.3 s"},
                 {80, "1m20s"},    {59.96, "1m00s"},    {3600, "1h00m"},  {7500, "2h05m"},
                 {90000, "1d01h"}, {0.9996, "1.0 s"}};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        assert_string_equal(snug_format_time(times[i].seconds, buf, sizeof buf), times[i].want);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"epochs", "batch", "optimizer", "learning_rate", "lr"};
    assert_int_equal(snug_nearest("epoch", 5, names), 0);
    assert_int_equal(snug_nearest("bacth", 5, names), 1);
    assert_int_equal(snug_nearest("optimiser", 5, names), 2);
    assert_int_equal(snug_nearest("learningrate", 5, names), 3);
    assert_int_equal(snug_nearest("zebra", 5, names), -1);
    assert_int_equal(snug_nearest("", 5, names), -1);
    char endless[500];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_int_equal(snug_nearest(endless, 5, names), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing), cmocka_unit_test(test_out_of_memory_sticks),
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_times),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_any_locale),
        cmocka_unit_test(test_formats), cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
