/* SPDX-License-Identifier: Apache-2.0 */
/* The thread pool: spins briefly, then sleeps. One parallel loop at a time; the caller takes part
 * as thread 0. Stacks are the pool's own, of a known size and faulted in, so that the plan can
 * count them. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/status.h"
#include <snug/op.h>

typedef struct snug_pool snug_pool;

snug_status snug_pool_create(int threads, snug_pool **out) SNUG_MUST_USE;
void snug_pool_destroy(snug_pool *p);
int snug_pool_threads(const snug_pool *p);
void snug_pool_run(snug_pool *p, int64_t n_tasks, void (*fn)(void *arg, int64_t task, int thread),
                   void *arg);
/* Bytes that a pool of this many threads adds to the process. */
size_t snug_pool_bytes(int threads);

/* One thread of our own with a counted stack (the loader's). */
typedef struct snug_thread snug_thread;
snug_status snug_thread_start(void (*fn)(void *arg), void *arg, snug_thread **out) SNUG_MUST_USE;
void snug_thread_join(snug_thread *t); /* frees it */
size_t snug_thread_bytes(void);

/* The CPU queue of a pool: what kernels see. */
struct snug_queue {
    snug_pool *pool;
};

#endif
