/* SPDX-License-Identifier: Apache-2.0 */
/* The error record: first message wins, frames in order, bounded, handed over between threads. */
#include "base/pool.h"
#include "support/check.h"

static snug_status innermost(int n)
{
    CHECK(n < 0, SNUG_ESHAPE, "inner %d", n);
    return SNUG_OK;
}

static snug_status middle(int n)
{
    TRY(innermost(n));
    return SNUG_OK;
}

static snug_status outermost(int n)
{
    if (middle(n) != SNUG_OK) return FAIL(SNUG_EIO, "outer message must not win");
    return SNUG_OK;
}

static void test_first_message_wins(void **state)
{
    (void)state;
    snug_error_clear();
    assert_int_equal(outermost(7), SNUG_EIO);
    assert_int_equal(snug_error_status(), SNUG_ESHAPE);
    assert_string_equal(snug_error_message(), "inner 7");
    assert_int_equal(snug_error_frame_count(), 3);
    assert_non_null(strstr(snug_error_frame(0), "innermost"));
    assert_non_null(strstr(snug_error_frame(1), "middle"));
    assert_non_null(strstr(snug_error_frame(2), "outermost"));
    assert_non_null(strstr(snug_error_frame(0), "test_status.c:"));
    assert_string_equal(snug_error_frame(3), "");
    assert_string_equal(snug_error_frame(-1), "");
    snug_error_clear();
    assert_string_equal(snug_error_message(), "");
    assert_int_equal(outermost(-1), SNUG_OK);
}

static snug_status deep(int depth)
{
    CHECK(depth > 0, SNUG_EINVAL, "bottom");
    TRY(deep(depth - 1));
    return SNUG_OK;
}

static void test_frames_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(deep(100), SNUG_EINVAL);
    assert_int_equal(snug_error_frame_count(), 16);
    snug_error_clear();
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(FAIL(SNUG_EFORMAT, "%s", text), SNUG_EFORMAT);
    assert_true(strlen(snug_error_message()) < 600);
    snug_error_clear();
}

static void test_status_without_message(void **state)
{
    (void)state;
    assert_int_equal(snug_error_pass(SNUG_ENOMEM, "f.c", 1, "f"), SNUG_ENOMEM);
    assert_string_equal(snug_error_message(), "memory error");
    snug_error_clear();
}

static void failing_thread(void *arg)
{
    (void)arg;
    if (outermost(3) == SNUG_OK) snug_error_clear();
}

static void test_handed_over_at_join(void **state)
{
    (void)state;
    snug_thread *t;
    ok(snug_thread_start(failing_thread, NULL, &t));
    snug_thread_join(t);
    assert_int_equal(snug_error_status(), SNUG_ESHAPE);
    assert_string_equal(snug_error_message(), "inner 3");
    assert_int_equal(snug_error_frame_count(), 3);
    snug_error_clear();
}

static void test_own_record_is_kept(void **state)
{
    (void)state;
    snug_error_copy other;
    assert_int_equal(innermost(1), SNUG_ESHAPE);
    snug_error_take(&other);
    assert_int_equal(snug_error_status(), SNUG_OK);
    assert_int_equal(innermost(2), SNUG_ESHAPE);
    assert_int_equal(snug_error_give(&other), SNUG_ESHAPE);
    assert_string_equal(snug_error_message(), "inner 2");
    snug_error_clear();
}

static void test_names_and_exit_codes(void **state)
{
    (void)state;
    assert_string_equal(snug_status_name(SNUG_ESHAPE), "shape");
    assert_string_equal(snug_status_name((snug_status)99), "unknown");
    assert_int_equal(snug_status_exit_code(SNUG_OK), 0);
    assert_int_equal(snug_status_exit_code(SNUG_EIO), 1);
    assert_int_equal(snug_status_exit_code(SNUG_EINVAL), 2);
    assert_int_equal(snug_status_exit_code(SNUG_EBUDGET), 3);
    assert_int_equal(snug_status_exit_code(SNUG_EINTERRUPTED), 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_message_wins),    cmocka_unit_test(test_frames_are_bounded),
        cmocka_unit_test(test_long_messages_are_cut), cmocka_unit_test(test_status_without_message),
        cmocka_unit_test(test_handed_over_at_join),   cmocka_unit_test(test_own_record_is_kept),
        cmocka_unit_test(test_names_and_exit_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
