/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements that benchmarks share with the probe. */
#ifndef WATCH_PROBE_H
#define WATCH_PROBE_H

#include <snug/machine.h>

/* GB/s of a = b + k c over arrays of `bytes` in all, on all threads; the best of several passes:
 * what the memory (or the cache that holds them) can do, not what else went on. */
snug_status snug_triad_gbytes(snug_context *ctx, int64_t bytes, double *out) SNUG_MUST_USE;

/* The same triad once, as a kernel would be called, over three arrays of n floats in `block`: bytes
 * moved. */
double snug_triad_once(snug_context *ctx, float *block, int64_t n);

/* The best of so many short pulses, in GFLOP/s: what the cores can do, not what else went on. */
double snug_pulse_best(snug_context *ctx, int pulses);

#endif
