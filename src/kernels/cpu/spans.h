/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise kernels: a flat range cut into tasks of a fixed size, so that what a task does
 * depends on nothing but the range, and loads and stores that serve whole vectors and tails alike.
 * Work that fits one task wakes no thread. */
#ifndef KERNELS_CPU_SPANS_H
#define KERNELS_CPU_SPANS_H

#include "kernels/cpu/vec.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Elements of a task: enough of them that waking a thread is worth it. */
enum { SPAN_STREAM = 32768, SPAN_MATH = 8192 };

/* Elements [begin, end) of a call. */
typedef void (*span_fn)(const snug_call *c, int64_t begin, int64_t end);

typedef struct span_job {
    const snug_call *call;
    span_fn fn;
    int64_t n, grain;
} span_job;

static inline void span_task(void *arg, int64_t task, int thread)
{
    const span_job *j = arg;
    (void)thread;
    int64_t begin = task * j->grain, end = begin + j->grain;
    j->fn(j->call, begin, end < j->n ? end : j->n);
}

static inline void spans_run(const snug_call *c, int64_t n, int64_t grain, span_fn fn)
{
    span_job j = {.call = c, .fn = fn, .n = n, .grain = grain};
    if (n > 0) snug_parallel(c->queue, (n + grain - 1) / grain, span_task, &j);
}

/* Rows of a task, so that it has about `span` elements. */
static inline int64_t span_rows(int64_t row_elements, int64_t span)
{
    return row_elements > 0 && row_elements < span ? span / row_elements : 1;
}

/* n is VLEN, known when compiling, or the lanes of a tail. */
ALWAYS_INLINE vf vload_upto(const float *p, int n)
{
    return n == VLEN ? vload(p) : vload_n(p, n);
}

ALWAYS_INLINE void vstore_upto(float *p, vf a, int n)
{
    if (n == VLEN)
        vstore(p, a);
    else
        vstore_n(p, a, n);
}

/* f(arg, i, n) for every vector of n lanes at i in [begin, end): VLEN lanes but for the last. */
ALWAYS_INLINE void span_each(int64_t begin, int64_t end,
                             void (*f)(const void *arg, int64_t i, int n), const void *arg)
{
    int64_t i = begin;
    for (; i + VLEN <= end; i += VLEN) f(arg, i, VLEN);
    if (i < end) f(arg, i, (int)(end - i));
}

#endif
