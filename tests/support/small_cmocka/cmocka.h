/* SPDX-License-Identifier: Apache-2.0 */
/* As much of cmocka as tests of base and kernels use, for targets whose cmocka is not at hand
 * (kernels for another processor, run under emulation). Output has cmocka's form. */
#ifndef SMALL_CMOCKA_H
#define SMALL_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SMALL_PASSED, SMALL_FAILED, SMALL_SKIPPED };

static jmp_buf small_here;

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
};

#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
#f, f                                                                                      \
    }
#define print_message(...) ((void)printf(__VA_ARGS__))
#define print_error(...)   ((void)printf(__VA_ARGS__))

static inline _Noreturn void small_stop(int outcome)
{
    longjmp(small_here, outcome);
}

static inline _Noreturn void _fail(const char *file, int line)
{
    printf("%s:%d: error: failure\n", file, line);
    small_stop(SMALL_FAILED);
}

static inline void small_check(int holds, const char *what, const char *file, int line)
{
    if (holds) return;
    printf("%s:%d: error: %s\n", file, line, what);
    small_stop(SMALL_FAILED);
}

#define SMALL_CHECK(c, what)         small_check(!!(c), what, __FILE__, __LINE__)
#define assert_true(c)               SMALL_CHECK(c, #c)
#define assert_false(c)              SMALL_CHECK(!(c), "not " #c)
#define assert_null(p)               SMALL_CHECK((p) == NULL, #p " is NULL")
#define assert_non_null(p)           SMALL_CHECK((p) != NULL, #p " is not NULL")
#define assert_ptr_equal(a, b)       SMALL_CHECK((a) == (b), #a " == " #b)
#define assert_int_equal(a, b)       SMALL_CHECK((intmax_t)(a) == (intmax_t)(b), #a " == " #b)
#define assert_int_not_equal(a, b)   SMALL_CHECK((intmax_t)(a) != (intmax_t)(b), #a " != " #b)
#define assert_string_equal(a, b)    SMALL_CHECK(!strcmp(a, b), #a " equals " #b)
#define assert_memory_equal(a, b, n) SMALL_CHECK(!memcmp(a, b, n), "bytes of " #a " and " #b)
#define fail()                       SMALL_CHECK(0, "fail")
#define fail_msg(...)                (printf(__VA_ARGS__), printf("\n"), small_stop(SMALL_FAILED))
#define skip()                       small_stop(SMALL_SKIPPED)

static inline int small_run(const struct CMUnitTest *tests, int n)
{
    static const char *const outcomes[] = {"      OK", " FAILED ", " SKIPPED"};
    static int failed;
    for (volatile int i = 0; i < n; i++) {
        void *state = NULL;
        printf("[ RUN      ] %s\n", tests[i].name);
        int outcome = setjmp(small_here);
        if (outcome == SMALL_PASSED) tests[i].test(&state);
        failed += outcome == SMALL_FAILED;
        printf("[ %s ] %s\n", outcomes[outcome], tests[i].name);
        fflush(stdout);
    }
    return failed;
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    small_run(tests, (int)(sizeof(tests) / sizeof((tests)[0])))

#endif
