/* SPDX-License-Identifier: Apache-2.0 */
/* Benchmarks of kernels: every operator's cases marked for it, on the kernel that a plan would
 * choose, against the roofline (Williams et al. 2009): the longer of the time that its arithmetic
 * takes at the rate of a pulse beside it, and the time that its bytes take at the rate of a triad
 * over as much memory, run by turns with the kernel and timed alike, a call at a time. What must be
 * read again is charged at the rate of memory of its own size. */
#include "base/context.h"
#include "base/os.h"
#include "base/rng.h"
#include "kernels/kernel.h"
#include "ops/ops.h"
#include "plan/plan.h"
#include "watch/probe.h"
#include <assert.h>
#include <snug/machine.h>
#include <string.h>

enum { MAX_RUNS = 40, PULSES = 8 };
static const double CASE_SECONDS = 0.04, TURN_SECONDS = 0.005;

/* What a case took, beside what the machine gave just then. */
typedef struct timing {
    double seconds, gflops;
    double triad_seconds, again_seconds; /* over its tensors; over what is read again */
} timing;

/* One case laid out in memory, ready to be called. */
typedef struct bench_case {
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_tensor in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    snug_step step;
    snug_call call;
    void *scratch;
    float *triad;                     /* three arrays in as much memory as the tensors take */
    int64_t triad_bytes, again_bytes; /* of all three; of what the kernel must read again */
    timing timing;
} bench_case;

static double fill_value(const snug_case_in *in, uint32_t u)
{
    double v = (double)snug_rng_float(u);
    switch ((snug_fill)in->fill) {
    case SNUG_FILL_INDEX:
        return (double)(int64_t)(v * (double)in->index_below);
    case SNUG_FILL_POSITIVE:
        return v + 0.5;
    case SNUG_FILL_UNIT:
        return v;
    case SNUG_FILL_SMALL:
        return 0.2 * v - 0.1;
    default:
        return 2 * v - 1;
    }
}

static snug_status make_tensor(const snug_type *type, snug_tensor *out)
{
    *out = (snug_tensor){.type = *type};
    return snug_map(snug_type_bytes(type) + 64, &out->data);
}

static void free_tensor(snug_tensor *t)
{
    if (t->data) snug_unmap(t->data, snug_type_bytes(&t->type) + 64);
}

static snug_status make_inputs(const snug_case *k, bench_case *b)
{
    for (int i = 0; i < k->n_in; i++) {
        TRY(make_tensor(&b->in_type[i], &b->in[i]));
        int64_t n = snug_shape_elements(&b->in_type[i].shape);
        for (int64_t e = 0; e < n; e += 4) {
            uint32_t u[4];
            snug_rng(1, RNG_TEST, (uint64_t)i, (uint64_t)e, u);
            for (int64_t j = 0; j < 4 && e + j < n; j++)
                snug_store(&b->in[i], e + j, fill_value(&k->in[i], u[j]));
        }
    }
    return SNUG_OK;
}

/* Updates write where they read; everything else has outputs of its own. */
static snug_status make_outputs(const snug_op *op, const snug_case *k, bench_case *b)
{
    for (int i = 0; i < snug_op_outputs(op, k->attrs); i++) {
        bool over = (op->flags & SNUG_OP_UPDATE) && op->inplace[i];
        if (over)
            b->out[i] = b->in[op->inplace[i] - 1];
        else
            TRY(make_tensor(&b->out_type[i], &b->out[i]));
    }
    return SNUG_OK;
}

static void free_case(const snug_op *op, const snug_case *k, bench_case *b)
{
    for (int i = 0; i < snug_op_outputs(op, k->attrs); i++)
        if (!(op->flags & SNUG_OP_UPDATE) || !op->inplace[i]) free_tensor(&b->out[i]);
    for (int i = 0; i < k->n_in; i++) free_tensor(&b->in[i]);
    snug_free(b->scratch);
    snug_unmap(b->triad, (size_t)b->triad_bytes);
}

/* The step a case runs in: its batch, cut into leaves as a plan would. */
static snug_step step_of(const snug_case *k)
{
    int64_t n = 1;
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].batch) n = k->in[i].dim[0];
    int64_t leaves = snug_default_leaves(n);
    return (snug_step){.seed = 1,
                       .n_step = n,
                       .n_here = n,
                       .leaf_samples = (n + leaves - 1) / leaves,
                       .leaves_here = leaves,
                       .n_micro = 1};
}

/* One turn: the best of the runs after the first, which brings its data back into the caches. */
static double best_of_turn(void (*run)(void *arg), void *arg)
{
    double best = 0, until = snug_now() + TURN_SECONDS;
    for (int i = 0; i < MAX_RUNS && (i < 2 || snug_now() < until); i++) {
        double began = snug_now();
        run(arg);
        double took = snug_now() - began;
        if (i == 1 || (i > 1 && took < best)) best = took;
    }
    return best;
}

typedef struct contest {
    snug_context *ctx;
    const snug_kernel *kernel;
    bench_case *b;
    int64_t triad_bytes; /* of the next triad */
} contest;

static void run_kernel(void *arg)
{
    const contest *c = arg;
    c->kernel->run(&c->b->call);
}

static void run_triad(void *arg)
{
    const contest *c = arg;
    (void)snug_triad_once(c->ctx, c->b->triad, c->triad_bytes / (3 * (int64_t)sizeof(float)));
}

/* A turn of a triad over so many bytes: the best of it and earlier ones. */
static double triad_turn(contest *c, int64_t bytes, double best)
{
    c->triad_bytes = bytes;
    const double took = best_of_turn(run_triad, c);
    return best == 0 || took < best ? took : best;
}

static void take_turns(contest *c)
{
    timing *t = &c->b->timing;
    const double until = snug_now() + CASE_SECONDS;
    do {
        const double took = best_of_turn(run_kernel, c);
        if (t->seconds == 0 || took < t->seconds) t->seconds = took;
        t->triad_seconds = triad_turn(c, c->b->triad_bytes, t->triad_seconds);
        if (c->b->again_bytes)
            t->again_seconds = triad_turn(c, c->b->again_bytes, t->again_seconds);
    } while (snug_now() < until);
}

/* Up to three arrays of whole vectors. */
static int64_t triad_size(size_t bytes)
{
    const size_t whole = 3 * 16 * sizeof(float);
    return (int64_t)((bytes + whole - 1) / whole * whole);
}

static snug_status make_triad(const snug_op *op, bench_case *b)
{
    const snug_call *c = &b->call;
    size_t bytes = 1;
    for (int i = 0; i < c->n_in; i++) bytes += snug_type_bytes(&c->in[i].type);
    for (int i = 0; i < c->n_out; i++)
        if (!(op->flags & SNUG_OP_UPDATE) || !op->inplace[i])
            bytes += snug_type_bytes(&c->out[i].type);
    b->triad_bytes = triad_size(bytes);
    void *block = NULL;
    TRY(snug_map((size_t)b->triad_bytes, &block));
    b->triad = block;
    return SNUG_OK;
}

static snug_status run_case(snug_context *ctx, const snug_op *op, const snug_kernel *kernel,
                            const snug_sig *sig, bench_case *b)
{
    size_t bytes = kernel->scratch ? kernel->scratch(sig, snug_context_threads(ctx)) : 0;
    b->scratch = snug_alloc(TAG_PLAN, bytes + 64);
    if (!b->scratch) return snug_error_status();
    size_t unaligned = (uintptr_t)b->scratch % 64;
    b->call = (snug_call){.attrs = sig->attrs,
                          .in = b->in,
                          .out = b->out,
                          .n_in = sig->n_in,
                          .n_out = sig->n_out,
                          .scratch = (char *)b->scratch + (64 - unaligned),
                          .scratch_bytes = bytes,
                          .queue = &ctx->queue,
                          .step = &b->step};
    TRY(make_triad(op, b));
    b->again_bytes = triad_size((size_t)op->cost(sig).bytes_again);
    assert(b->again_bytes <= b->triad_bytes);
    take_turns(&(contest){.ctx = ctx, .kernel = kernel, .b = b});
    return SNUG_OK;
}

static const char *tier_of(const snug_context *ctx, const snug_kernel *kernel)
{
    for (int tier = SNUG_N_TIERS - 1; tier >= 0; tier--) {
        const snug_kernel *row;
        if (!(ctx->tiers >> tier & 1)) continue;
        for (int i = 0; (row = snug_kernel_row((snug_tier)tier, i)); i++)
            if (row == kernel) return snug_tier_name((snug_tier)tier);
    }
    return "";
}

typedef struct bench_all {
    snug_context *ctx;
    void (*each)(void *arg, const snug_kernel_result *r);
    void *arg;
} bench_all;

static void tell(const bench_all *all, const snug_op *op, const snug_case *k, const snug_sig *sig,
                 const snug_kernel *kernel, const bench_case *b)
{
    const timing *t = &b->timing;
    snug_cost cost = op->cost(sig);
    double bytes = cost.bytes_read + cost.bytes_written;
    double moves = bytes / (double)b->triad_bytes * t->triad_seconds + t->again_seconds;
    double arithmetic = cost.flops / (t->gflops * 1e9);
    snug_kernel_result r = {.op = op->name,
                            .kernel = kernel->name,
                            .test_case = k->name,
                            .tier = tier_of(all->ctx, kernel),
                            .seconds = t->seconds,
                            .gflops = cost.flops / t->seconds * 1e-9,
                            .gbytes_per_s = bytes / t->seconds * 1e-9,
                            .roof_gflops = t->gflops,
                            .roof_gbytes_per_s = bytes / moves * 1e-9,
                            .fraction_of_roofline =
                                (arithmetic > moves ? arithmetic : moves) / t->seconds};
    all->each(all->arg, &r);
}

static snug_status time_beside_pulses(snug_context *ctx, const snug_op *op,
                                      const snug_kernel *kernel, const snug_sig *sig, bench_case *b)
{
    double before = snug_pulse_best(ctx, PULSES);
    TRY(run_case(ctx, op, kernel, sig, b));
    double after = snug_pulse_best(ctx, PULSES);
    b->timing.gflops = before > after ? before : after;
    return SNUG_OK;
}

static snug_status bench_one(const bench_all *all, const snug_op *op, const snug_case *k)
{
    bench_case b = {.step = step_of(k)};
    for (int i = 0; i < k->n_in; i++) b.in_type[i] = snug_case_type(&k->in[i], SNUG_F32);
    snug_infer infer = {.name = k->name,
                        .attrs = k->attrs,
                        .n_in = k->n_in,
                        .n_out = snug_op_outputs(op, k->attrs),
                        .in = b.in_type,
                        .out = b.out_type};
    TRY(op->shape(&infer));
    const snug_sig sig = {.attrs = k->attrs,
                          .n_in = k->n_in,
                          .n_out = infer.n_out,
                          .in = b.in_type,
                          .out = b.out_type};
    const snug_kernel *kernel = snug_kernel_find(all->ctx->tiers, op->name, &sig);
    if (!kernel) return SNUG_OK;
    snug_status status = make_inputs(k, &b);
    if (status == SNUG_OK) status = make_outputs(op, k, &b);
    if (status == SNUG_OK) status = time_beside_pulses(all->ctx, op, kernel, &sig, &b);
    if (status == SNUG_OK) tell(all, op, k, &sig, kernel, &b);
    free_case(op, k, &b);
    return status;
}

/* The same of a case that leaves its attributes at their defaults. */
static snug_status bench_case_of(const bench_all *all, const snug_op *op, const snug_case *k)
{
    if (k->attrs || op->attrs_bytes == 0) return bench_one(all, op, k);
    void *attrs = snug_alloc(TAG_PLAN, op->attrs_bytes);
    if (!attrs) return SNUG_ENOMEM;
    snug_attrs_default(op, attrs);
    snug_case whole = *k;
    whole.attrs = attrs;
    const snug_status s = bench_one(all, op, &whole);
    snug_free(attrs);
    return s;
}

snug_status snug_bench_kernels(snug_context *ctx,
                               void (*each)(void *arg, const snug_kernel_result *r), void *arg)
{
    bench_all all = {.ctx = ctx, .each = each, .arg = arg};
    const snug_op *op;
    for (int i = 0; (op = snug_context_op(ctx, i)); i++)
        for (const snug_case *k = op->cases; k && k->name; k++)
            if (k->bench) TRY(bench_case_of(&all, op, k));
    return SNUG_OK;
}
