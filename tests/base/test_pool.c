/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool: every task once, at 1, 2 and 7 threads, in thousands of tiny loops; nesting,
 * errors, refused threads. */
#include "base/fault.h"
#include "base/memory.h"
#include "base/os.h"
#include "base/pool.h"
#include "support/check.h"
#include <stdatomic.h>

#define MAX_TASKS 5000

static const int thread_counts[] = {1, 2, 7};
#define EACH_POOL(p)                                                                               \
    for (int which = 0; which < 3; which++)                                                        \
        for (snug_pool *p = new_pool(thread_counts[which]); p; snug_pool_destroy(p), p = NULL)

static snug_pool *new_pool(int threads)
{
    snug_pool *p;
    ok(snug_pool_create(threads, &p));
    assert_int_equal(snug_pool_threads(p), threads);
    return p;
}

typedef struct tally {
    atomic_int times[MAX_TASKS];
    int threads;
    atomic_int wrong;
} tally;

static void count_task(void *arg, int64_t task, int thread)
{
    tally *t = arg;
    if (thread < 0 || thread >= t->threads) atomic_fetch_add(&t->wrong, 1);
    atomic_fetch_add_explicit(&t->times[task], 1, memory_order_relaxed);
}

static void check_once(tally *t, int64_t n)
{
    assert_int_equal(t->wrong, 0);
    for (int i = 0; i < MAX_TASKS; i++) assert_int_equal(t->times[i], i < n);
}

static void test_every_task_once(void **state)
{
    (void)state;
    static tally t;
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 100, MAX_TASKS};
    EACH_POOL(p)
    for (int i = 0; i < 8; i++) {
        memset(&t, 0, sizeof t);
        t.threads = snug_pool_threads(p);
        snug_pool_run(p, sizes[i], count_task, &t);
        check_once(&t, sizes[i]);
    }
}

static void add_task(void *arg, int64_t task, int thread)
{
    (void)thread;
    atomic_fetch_add((atomic_llong *)arg, task + 1);
}

static void test_thousands_of_tiny_loops(void **state)
{
    (void)state;
    EACH_POOL(p)
    for (int i = 0; i < 5000; i++) {
        atomic_llong sum = 0;
        int n = 2 + i % 9;
        snug_pool_run(p, n, add_task, &sum);
        assert_int_equal(sum, n * (n + 1) / 2);
    }
}

static void wait_seconds(double seconds)
{
    for (double until = snug_now() + seconds; snug_now() < until;) continue;
}

/* Workers that have gone to sleep are woken, whatever the moment. */
static void test_loops_after_pauses(void **state)
{
    (void)state;
    EACH_POOL(p)
    for (int i = 0; i < 200; i++) {
        atomic_llong sum = 0;
        wait_seconds(i % 20 * 10e-6);
        snug_pool_run(p, 8, add_task, &sum);
        assert_int_equal(sum, 36);
    }
}

typedef struct meeting {
    atomic_int here;
    int wanted;
} meeting;

static void meet(void *arg, int64_t task, int thread)
{
    meeting *m = arg;
    (void)task;
    (void)thread;
    atomic_fetch_add(&m->here, 1);
    for (double until = snug_now() + 30; m->here < m->wanted && snug_now() < until;) continue;
}

/* All threads take part: each task ends only when all have begun. */
static void test_threads_run_together(void **state)
{
    (void)state;
    EACH_POOL(p)
    {
        meeting m = {.wanted = snug_pool_threads(p)};
        snug_pool_run(p, m.wanted, meet, &m);
        assert_int_equal(m.here, m.wanted);
    }
}

typedef struct nest {
    snug_queue queue;
    atomic_llong sum;
    atomic_int wrong;
} nest;

typedef struct inner_loop {
    nest *outer;
    int thread;
} inner_loop;

static void inner_task(void *arg, int64_t task, int thread)
{
    inner_loop *in = arg;
    if (thread != in->thread) atomic_fetch_add(&in->outer->wrong, 1);
    atomic_fetch_add(&in->outer->sum, task);
}

static void outer_task(void *arg, int64_t task, int thread)
{
    inner_loop in = {arg, thread};
    (void)task;
    snug_parallel(&in.outer->queue, 10, inner_task, &in);
}

static void test_nested_loops_run_inline(void **state)
{
    (void)state;
    EACH_POOL(p)
    {
        nest n = {.queue = {p}};
        assert_int_equal(snug_queue_threads(&n.queue), snug_pool_threads(p));
        snug_parallel(&n.queue, 50, outer_task, &n);
        assert_int_equal(n.sum, 50 * 45);
        assert_int_equal(n.wrong, 0);
    }
}

static void inner_pool_task(void *arg, int64_t task, int thread)
{
    atomic_llong sum = 0;
    (void)task;
    (void)thread;
    snug_pool_run(arg, 4, add_task, &sum);
    if (sum != 10) (void)FAIL(SNUG_ENUMERIC, "sum of an inner pool's loop");
}

/* Tasks of one pool use another one, all at once: whoever finds it busy goes alone. */
static void test_pools_inside_pools(void **state)
{
    (void)state;
    snug_pool *other = new_pool(3);
    EACH_POOL(p)
    {
        snug_pool_run(p, 100, inner_pool_task, other);
        assert_int_equal(snug_error_status(), SNUG_OK);
    }
    snug_pool_destroy(other);
}

static void failing_task(void *arg, int64_t task, int thread)
{
    meet(arg, task, thread);
    if (thread > 0) (void)FAIL(SNUG_ENUMERIC, "task failed");
}

static void test_errors_of_workers_arrive(void **state)
{
    (void)state;
    snug_pool *p = new_pool(3);
    for (int i = 0; i < 3; i++) {
        meeting m = {.wanted = 3};
        snug_pool_run(p, 3, failing_task, &m);
        assert_int_equal(snug_error_status(), SNUG_ENUMERIC);
        assert_string_equal(snug_error_message(), "task failed");
        snug_error_clear();
    }
    meeting m = {.wanted = 3};
    snug_pool_run(p, 3, meet, &m);
    assert_int_equal(snug_error_status(), SNUG_OK);
    snug_pool_destroy(p);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void test_refused_threads(void **state)
{
    (void)state;
    size_t before = snug_tag_bytes(TAG_CONTEXT);
    snug_pool *p;
    for (int n = 1; n <= 4; n++) {
        snug_fault_arm(FAULT_THREAD, n);
        fails(snug_pool_create(5, &p), SNUG_ESYSTEM, "--threads");
    }
    snug_thread *t;
    snug_fault_arm(FAULT_THREAD, 1);
    fails(snug_thread_start(nothing, NULL, &t), SNUG_ESYSTEM, "cannot start a thread");
    snug_fault_arm(FAULT_THREAD, 0);
    for (int n = 1;; n++) {
        snug_fault_arm(FAULT_ALLOC, n);
        if (snug_pool_create(3, &p) == SNUG_OK) break;
        assert_true(snug_error_status() == SNUG_ENOMEM || snug_error_status() == SNUG_ESYSTEM);
        snug_error_clear();
        assert_int_equal(snug_tag_bytes(TAG_CONTEXT), before);
    }
    snug_fault_arm(FAULT_ALLOC, 0);
    snug_pool_destroy(p);
    snug_pool_destroy(NULL);
    assert_int_equal(snug_tag_bytes(TAG_CONTEXT), before);
    fails(snug_pool_create(0, &p), SNUG_EINVAL, "0 threads");
    fails(snug_pool_create(100000, &p), SNUG_EINVAL, "1024");
}

/* What a pool adds to the process is what snug_pool_bytes says, within the heap's granularity. */
static void test_bytes_are_known(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SNUG_EMULATED)
    skip(); /* their own memory counts too */
#endif
    if (snug_os_rss() == 0) skip(); /* no /proc */
    snug_os_settle();
    for (int i = 0; i < 2; i++) snug_pool_destroy(new_pool(7)); /* the C library warms up */
    uint64_t before = snug_os_rss();
    snug_pool *p = new_pool(7);
    meeting m = {.wanted = 7};
    snug_pool_run(p, 7, meet, &m);
    int64_t added = (int64_t)(snug_os_rss() - before), said = (int64_t)snug_pool_bytes(7);
    snug_pool_destroy(p);
    if (added > said + 16384 || added < said - 65536)
        fail_msg("%lld bytes were added, %lld said", (long long)added, (long long)said);
    assert_true(snug_thread_bytes() > 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_thousands_of_tiny_loops),
        cmocka_unit_test(test_loops_after_pauses),
        cmocka_unit_test(test_threads_run_together),
        cmocka_unit_test(test_nested_loops_run_inline),
        cmocka_unit_test(test_pools_inside_pools),
        cmocka_unit_test(test_errors_of_workers_arrive),
        cmocka_unit_test(test_refused_threads),
        cmocka_unit_test(test_bytes_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
