/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine can do, measured on all threads of the context: multiply-adds from registers,
 * and the triad over arrays that no cache holds. */
#include "watch/probe.h"
#include "base/context.h"
#include "base/cpu.h"
#include "base/os.h"
#include "kernels/pulse.h"
#include <snug/machine.h>
#include <string.h>

#define MIB ((int64_t)1 << 20)

enum { BLOCK_ROUNDS = 2000, MAX_THREADS = 1024, TRIAD_PASSES = 6, PULSES = 300 };
static const double PULSE_SECONDS = 0.0005;

/* ---- multiply-adds ---- */

typedef struct burst {
    const snug_pulse *pulse;
    double deadline;
    struct {
        int64_t rounds;
        float result;
        char apart[64]; /* so that threads do not share a line */
    } of[MAX_THREADS];
} burst;

static void burst_task(void *arg, int64_t task, int thread)
{
    burst *b = arg;
    (void)thread;
    do {
        b->of[task].result += b->pulse->run(BLOCK_ROUNDS, 0.25f);
        b->of[task].rounds += BLOCK_ROUNDS;
    } while (snug_now() < b->deadline);
}

double snug_pulse_gflops(snug_context *ctx, double seconds)
{
    int threads = snug_context_threads(ctx);
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    burst *b = snug_alloc(TAG_CONTEXT, sizeof *b);
    if (!b) return 0;
    b->pulse = snug_pulse_of(snug_context_tier(ctx));
    double begin = snug_now(), rounds = 0;
    b->deadline = begin + seconds;
    snug_parallel(&ctx->queue, threads, burst_task, b);
    double took = snug_now() - begin;
    for (int i = 0; i < threads; i++) rounds += (double)b->of[i].rounds;
    double flops = rounds * b->pulse->flops_per_round;
    snug_free(b);
    return flops / took * 1e-9;
}

double snug_pulse_best(snug_context *ctx, int pulses)
{
    double best = 0;
    for (int i = 0; i < pulses; i++) {
        double rate = snug_pulse_gflops(ctx, PULSE_SECONDS);
        if (rate > best) best = rate;
    }
    return best;
}

/* ---- memory ---- */

typedef struct triad {
    const snug_pulse *pulse;
    float *a;
    const float *b, *c;
    int64_t n, tasks, sweeps;
} triad;

static void triad_task(void *arg, int64_t task, int thread)
{
    const triad *t = arg;
    (void)thread;
    int64_t begin = task * t->n / t->tasks, end = (task + 1) * t->n / t->tasks;
    for (int64_t sweep = 0; sweep < t->sweeps; sweep++)
        t->pulse->triad(t->a + begin, t->b + begin, t->c + begin, (float)sweep, end - begin);
}

static double triad_run(snug_context *ctx, float *block, int64_t n, int64_t sweeps)
{
    triad t = {.pulse = snug_pulse_of(snug_context_tier(ctx)),
               .a = block,
               .b = block + n,
               .c = block + 2 * n,
               .n = n,
               .tasks = snug_context_threads(ctx),
               .sweeps = sweeps};
    snug_parallel(&ctx->queue, t.tasks, triad_task, &t);
    return (double)(sweeps * n) * 3 * sizeof(float);
}

double snug_triad_once(snug_context *ctx, float *block, int64_t n)
{
    return triad_run(ctx, block, n, 1);
}

snug_status snug_triad_gbytes(snug_context *ctx, int64_t bytes, double *out)
{
    int64_t n = bytes / (3 * (int64_t)sizeof(float));
    void *block = NULL;
    TRY(snug_map((size_t)n * 3 * sizeof(float), &block));
    double best = 0;
    for (int pass = 0; pass < TRIAD_PASSES; pass++) {
        double begin = snug_now(), moved = triad_run(ctx, block, n, 1 + 16 * MIB / bytes);
        double rate = moved / (snug_now() - begin);
        if (pass > 0 && rate > best) best = rate;
    }
    snug_unmap(block, (size_t)n * 3 * sizeof(float));
    *out = best * 1e-9;
    return SNUG_OK;
}

/* Enough that no cache holds it, but not what the machine has. */
static int64_t memory_bytes(const snug_probe *p)
{
    int64_t total = 4 * p->l3_bytes, most = (int64_t)(p->memory_bytes / 8);
    if (total < 192 * MIB) total = 192 * MIB;
    return total < most ? total : most;
}

snug_status snug_probe_run(snug_context *ctx, snug_probe *out)
{
    snug_cpu_info cpu = {0};
    snug_cpu_describe(&cpu);
    snug_probe p = {.cores = snug_os_cores(),
                    .threads = snug_context_threads(ctx),
                    .memory_bytes = snug_os_memory(),
                    .l1d_bytes = cpu.l1d_bytes,
                    .l2_bytes = cpu.l2_bytes,
                    .l3_bytes = cpu.l3_bytes};
    memcpy(p.cpu, cpu.name, sizeof p.cpu);
    for (int i = 0; i < 15 && cpu.simd[i]; i++) p.simd[i] = cpu.simd[i];
    p.gflops_f32 = snug_pulse_best(ctx, PULSES);
    TRY(snug_triad_gbytes(ctx, memory_bytes(&p), &p.gbytes_per_s));
    *out = p;
    return SNUG_OK;
}
