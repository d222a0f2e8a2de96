/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool.
 *
 * A loop is published as a ticket that counts loops, tasks taken from the front and tasks not yet
 * taken. Whoever lowers the last by one owns a task, and the loop cannot end before that task is
 * done, so the job's fields may be read then, and only then. The caller takes tasks like everyone
 * else and waits only for tasks that others took: a worker that wakes late is not waited for, and a
 * lost wake-up could cost time but never a result. */
#include "base/pool.h"
#include "base/memory.h"
#include "base/os.h"
#include "base/os_calls.h"
#include <errno.h>
#include <stdatomic.h>

#define MAX_THREADS   1024
#define COUNT_BITS    20
#define MAX_TASKS     ((int64_t)1 << COUNT_BITS)
#define SLICE         (MAX_TASKS - 1) /* tasks that one ticket can count */
#define SPIN_SECONDS  40e-6
#define PAUSES_A_LOOK 32 /* pauses between two looks at the clock */

typedef struct worker {
    struct snug_pool *pool;
    snug_os_thread *thread;
    int index;
} worker;

struct snug_pool {
    int threads;
    double spin_seconds;
    void (*fn)(void *arg, int64_t task, int thread);
    void *arg;
    int64_t first, n; /* this slice: tasks [first, first + n) */
    char pad0[64];    /* keeps what all threads write away from what they read */
    atomic_uint_fast64_t ticket;
    char pad1[64];
    atomic_int_fast64_t done;
    char pad2[64];
    atomic_int sleepers;       /* workers at `idle`; changed under its lock */
    atomic_bool caller_sleeps; /* the caller is at `finished` */
    atomic_bool stop, failed;
    atomic_flag busy; /* a loop runs; another thread's loop is then run inline */
    snug_os_gate *idle, *finished;
    snug_error_copy error; /* the first of a worker, under `finished` */
    worker worker[];       /* threads - 1 */
};

/* Which pool this thread runs a task of, and as which of its threads: loops inside loops run
 * inline under the same number. */
static _Thread_local const snug_pool *inside;
static _Thread_local int inside_index;

#define LOOP_OF(ticket)  ((ticket) >> (2 * COUNT_BITS))
#define FRONT_OF(ticket) ((int64_t)((ticket) >> COUNT_BITS) & (MAX_TASKS - 1))
#define LEFT_OF(ticket)  ((int64_t)(ticket) & (MAX_TASKS - 1))
#define TICKET(loop, n)  ((uint_fast64_t)(loop) << (2 * COUNT_BITS) | (uint_fast64_t)(n))

/* Every other loop walks each half of its tasks from the other end, so that it begins with what
 * the loop before has left in a core's cache. */
static int64_t task_at(const snug_pool *p, uint_fast64_t loop, int64_t place)
{
    int64_t half = p->n / 2;
    if (loop % 2 == 0) return place;
    return place < half ? half - 1 - place : half + p->n - 1 - place;
}

/* Takes one task: its number, or -1 when none is left. Even threads take from the front, odd ones
 * from the back: loops over the same tensors give each thread much the same part of them. */
static int64_t take(snug_pool *p, int thread)
{
    uint_fast64_t t = atomic_load(&p->ticket);
    bool front = thread % 2 == 0;
    while (LEFT_OF(t) > 0)
        if (atomic_compare_exchange_weak(&p->ticket, &t, t - 1 + (front ? MAX_TASKS : 0)))
            return task_at(p, LOOP_OF(t), FRONT_OF(t) + (front ? 0 : LEFT_OF(t) - 1));
    return -1;
}

/* Runs tasks until none is left; how many were run. */
static int64_t work(snug_pool *p, int thread)
{
    int64_t count = 0;
    for (int64_t task; (task = take(p, thread)) >= 0; count++)
        p->fn(p->arg, p->first + task, thread);
    return count;
}

static void keep_error(snug_pool *p)
{
    snug_os_gate_lock(p->finished);
    if (!atomic_exchange(&p->failed, true)) snug_error_take(&p->error);
    snug_os_gate_unlock(p->finished);
    snug_error_clear();
}

/* Adds what this worker did to the loop's sum, and wakes the caller if that might complete it. The
 * caller checks again, so waking it for nothing does no harm. */
static void report(snug_pool *p, int64_t count)
{
    if (count == 0) return;
    if (snug_error_status() != SNUG_OK) keep_error(p);
    atomic_fetch_add(&p->done, count);
    if (!atomic_load(&p->caller_sleeps)) return;
    snug_os_gate_lock(p->finished);
    snug_os_gate_wake(p->finished, 1);
    snug_os_gate_unlock(p->finished);
}

/* Waits until the ticket is of another loop than `seen`, by spinning and then asleep. */
static void wait_for_loop(snug_pool *p, uint_fast64_t seen)
{
    double until = snug_now() + p->spin_seconds;
    do
        for (int i = 0; i < PAUSES_A_LOOK; i++) {
            if (LOOP_OF(atomic_load_explicit(&p->ticket, memory_order_relaxed)) != seen) return;
            snug_os_pause();
        }
    while (snug_now() < until);
    snug_os_gate_lock(p->idle);
    /* The caller changes the ticket before it looks for sleepers; this is the other order. */
    atomic_fetch_add(&p->sleepers, 1);
    while (LOOP_OF(atomic_load(&p->ticket)) == seen) snug_os_gate_wait(p->idle);
    atomic_fetch_sub(&p->sleepers, 1);
    snug_os_gate_unlock(p->idle);
}

static void worker_main(void *arg)
{
    worker *w = arg;
    snug_pool *p = w->pool;
    inside = p;
    inside_index = w->index;
    for (uint_fast64_t seen = 0; !atomic_load(&p->stop);) {
        wait_for_loop(p, seen);
        seen = LOOP_OF(atomic_load(&p->ticket));
        report(p, work(p, w->index));
    }
}

static void wake_workers(snug_pool *p, int64_t wanted)
{
    int sleepers = atomic_load(&p->sleepers);
    if (sleepers == 0) return;
    snug_os_gate_lock(p->idle);
    snug_os_gate_wake(p->idle, wanted < sleepers ? (int)wanted : sleepers);
    snug_os_gate_unlock(p->idle);
}

static void wait_for_others(snug_pool *p, int64_t missing)
{
    double until = snug_now() + p->spin_seconds;
    do
        for (int i = 0; i < PAUSES_A_LOOK; i++) {
            if (atomic_load(&p->done) == missing) return;
            snug_os_pause();
        }
    while (snug_now() < until);
    snug_os_gate_lock(p->finished);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->done) != missing) snug_os_gate_wait(p->finished);
    atomic_store(&p->caller_sleeps, false);
    snug_os_gate_unlock(p->finished);
}

static void run_slice(snug_pool *p, int64_t first, int64_t n)
{
    p->first = first;
    p->n = n;
    atomic_store(&p->done, 0);
    uint_fast64_t loop = LOOP_OF(atomic_load(&p->ticket)) + 1;
    atomic_store(&p->ticket, TICKET(loop, n));
    wake_workers(p, n - 1);
    int64_t own = work(p, 0);
    if (own < n) wait_for_others(p, n - own);
}

static void run_inline(const snug_pool *p, int64_t n_tasks,
                       void (*fn)(void *arg, int64_t task, int thread), void *arg)
{
    int thread = inside == p ? inside_index : 0;
    for (int64_t i = 0; i < n_tasks; i++) fn(arg, i, thread);
}

void snug_pool_run(snug_pool *p, int64_t n_tasks, void (*fn)(void *arg, int64_t task, int thread),
                   void *arg)
{
    bool alone = n_tasks <= 1 || p->threads == 1 || inside == p;
    if (alone || atomic_flag_test_and_set(&p->busy)) {
        run_inline(p, n_tasks, fn, arg);
        return;
    }
    const snug_pool *outer = inside;
    int outer_index = inside_index;
    inside = p;
    inside_index = 0;
    p->fn = fn;
    p->arg = arg;
    for (int64_t first = 0; first < n_tasks; first += SLICE)
        run_slice(p, first, n_tasks - first < SLICE ? n_tasks - first : SLICE);
    inside = outer;
    inside_index = outer_index;
    if (atomic_load(&p->failed)) {
        (void)snug_error_give(&p->error);
        atomic_store(&p->failed, false);
    }
    atomic_flag_clear(&p->busy);
}

static snug_status start_workers(snug_pool *p, int threads)
{
    for (int i = 0; i < threads - 1; i++) {
        worker *w = &p->worker[i];
        *w = (worker){.pool = p, .index = i + 1};
        int error = snug_os_thread_start(worker_main, w, &w->thread);
        char text[96];
        CHECK(!error, error == ENOMEM ? SNUG_ENOMEM : SNUG_ESYSTEM,
              "cannot start thread %d of %d: %s; use fewer threads (--threads)", i + 2, threads,
              snug_os_error_text(error, text, sizeof text));
        p->threads++;
    }
    return SNUG_OK;
}

snug_status snug_pool_create(int threads, snug_pool **out)
{
    CHECK(threads >= 1 && threads <= MAX_THREADS, SNUG_EINVAL, "%d threads: must be 1 to %d",
          threads, MAX_THREADS);
    size_t bytes = sizeof(snug_pool) + (size_t)(threads - 1) * sizeof(worker);
    snug_pool *p = snug_alloc(TAG_CONTEXT, bytes);
    if (!p) return SNUG_ENOMEM;
    p->threads = 1;
    p->spin_seconds = threads <= snug_os_cores() ? SPIN_SECONDS : 0;
    p->idle = snug_os_gate_create();
    p->finished = snug_os_gate_create();
    snug_status s = p->idle && p->finished ? start_workers(p, threads)
                                           : FAIL(SNUG_ENOMEM, "out of memory for the thread pool");
    if (s != SNUG_OK) {
        snug_pool_destroy(p);
        return s;
    }
    *out = p;
    return SNUG_OK;
}

void snug_pool_destroy(snug_pool *p)
{
    if (!p) return;
    atomic_store(&p->stop, true);
    atomic_fetch_add(&p->ticket, TICKET(1, 0));
    if (p->threads > 1) wake_workers(p, p->threads);
    for (int i = 0; i < p->threads - 1; i++) snug_os_thread_join(p->worker[i].thread);
    snug_os_gate_destroy(p->idle);
    snug_os_gate_destroy(p->finished);
    snug_free(p);
}

int snug_pool_threads(const snug_pool *p)
{
    return p->threads;
}

size_t snug_pool_bytes(int threads)
{
    size_t workers = (size_t)(threads - 1);
    return sizeof(snug_pool) + workers * (sizeof(worker) + snug_os_thread_bytes());
}

void snug_parallel(snug_queue *q, int64_t n_tasks, void (*fn)(void *arg, int64_t task, int thread),
                   void *arg)
{
    snug_pool_run(q->pool, n_tasks, fn, arg);
}

int snug_queue_threads(const snug_queue *q)
{
    return q->pool->threads;
}

/* ---- one thread ---- */

struct snug_thread {
    snug_os_thread *os;
    void (*fn)(void *);
    void *arg;
    snug_error_copy error;
};

static void thread_body(void *arg)
{
    snug_thread *t = arg;
    t->fn(t->arg);
    snug_error_take(&t->error);
}

snug_status snug_thread_start(void (*fn)(void *arg), void *arg, snug_thread **out)
{
    snug_thread *t = snug_alloc(TAG_CONTEXT, sizeof *t);
    if (!t) return SNUG_ENOMEM;
    t->fn = fn;
    t->arg = arg;
    int error = snug_os_thread_start(thread_body, t, &t->os);
    if (error) {
        char text[96];
        snug_free(t);
        return FAIL(error == ENOMEM ? SNUG_ENOMEM : SNUG_ESYSTEM, "cannot start a thread: %s",
                    snug_os_error_text(error, text, sizeof text));
    }
    *out = t;
    return SNUG_OK;
}

void snug_thread_join(snug_thread *t)
{
    if (!t) return;
    snug_os_thread_join(t->os);
    (void)snug_error_give(&t->error);
    snug_free(t);
}

size_t snug_thread_bytes(void)
{
    return sizeof(snug_thread) + snug_os_thread_bytes();
}
