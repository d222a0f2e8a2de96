/* SPDX-License-Identifier: Apache-2.0 */
/* The machine: what it is, what it can do (measured), and benchmarks against that. */
#ifndef SNUG_MACHINE_H
#define SNUG_MACHINE_H

#include <snug/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snug_probe {
    int cores, threads;
    char cpu[64];
    const char *simd[16]; /* ends with NULL */
    uint64_t memory_bytes;
    int64_t l1d_bytes, l2_bytes, l3_bytes;
    double gflops_f32;   /* multiply-adds counted as two, all threads of the context */
    double gbytes_per_s; /* triad over memory, write-allocate not counted */
    int n_gpus;
} snug_probe;

SNUG_API snug_status snug_probe_run(snug_context *ctx, snug_probe *out) SNUG_MUST_USE;
/* A short burst of multiply-adds (about `seconds` long): the machine's rate at this very moment, in
 * GFLOP/s. */
SNUG_API double snug_pulse_gflops(snug_context *ctx, double seconds);

/* What the instructions of one operator at one shape take of a step ("train") or of a sample's
 * inference ("predict"). */
typedef struct snug_op_time {
    const char *phase, *op;
    char shapes[96]; /* of the first two inputs */
    int instructions;
    double seconds, share, gflops, gbytes_per_s; /* least bytes: each tensor once */
    bool reference;                              /* no fast kernel for this shape */
} snug_op_time;

typedef struct snug_bench_config {
    const char *workload;      /* such as "mlp"; an unknown one's error lists them */
    int64_t batch;             /* 0: the workload's usual batch */
    double seconds;            /* to measure for; 0: 2 */
    const char *optimizer;     /* NULL: the workload's usual */
    const char *learning_rate; /* as recipes write it; NULL: what is usual for the optimizer */
    int64_t leaves;            /* 0: the default for the batch */
    /* NULL, or called for each operator once all is measured, the longest of a phase first; timing
     * them costs the step a little */
    void (*each_op)(void *arg, const snug_op_time *t);
    void *arg;
} snug_bench_config;

enum { SNUG_BENCH_LOSSES = 24 };

typedef struct snug_bench_result {
    char workload[64];
    int64_t batch, steps, windows_dropped;
    double step_seconds, step_seconds_min,
        samples_per_s;                             /* median; loader and optimizer included */
    double gflops, pulse_gflops, fraction_of_peak; /* against a pulse in the same seconds */
    double planned_step_seconds;                   /* the plan's estimate */
    size_t peak_bytes;
    double first_step_began_s, first_step_s; /* from process start: when it began, when it ended */
    double latency_batch1_s;                 /* inference */
    /* Of steps 1, 2, 3 to 4, 5 to 8, 9 to 16, ...: means. */
    int n_losses;
    double losses[SNUG_BENCH_LOSSES];
} snug_bench_result;

SNUG_API snug_status snug_bench_run(snug_context *ctx, const snug_bench_config *config,
                                    snug_bench_result *out) SNUG_MUST_USE;

typedef struct snug_kernel_result {
    const char *op, *kernel, *test_case, *tier;
    double seconds, gflops, gbytes_per_s, fraction_of_roofline;
    double roof_gflops, roof_gbytes_per_s; /* what the machine gave beside, at that size */
} snug_kernel_result;
/* Every kernel at every case marked for benchmarks; calls `each` as figures come. */
SNUG_API snug_status snug_bench_kernels(snug_context *ctx,
                                        void (*each)(void *arg, const snug_kernel_result *r),
                                        void *arg) SNUG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
