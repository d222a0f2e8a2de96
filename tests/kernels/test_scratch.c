/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch is planned for the largest batch, and a call may have any smaller one: no kernel may ask
 * for more at a smaller batch (random shapes, through every kernel that asks for scratch), or write
 * past it. */
#include "base/cpu.h"
#include "base/rng.h"
#include "kernels/device.h"
#include "ops/ops.h"
#include "support/check.h"
#include <stdlib.h>

enum { TRIALS = 300, MAX_BATCH = 70 };

typedef struct draw {
    uint64_t seed, drawn;
} draw;

static int64_t below(draw *d, uint32_t n)
{
    uint32_t u[4];
    snug_rng(d->seed, RNG_TEST, 2, d->drawn++, u);
    return u[0] % n;
}

static snug_type type(bool batch, int n_dims, const int64_t *dim)
{
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = n_dims}};
    for (int i = 0; i < n_dims; i++) t.shape.dim[i] = dim[i];
    t.shape.kind[0] = batch ? SNUG_AXIS_BATCH : SNUG_AXIS_FIXED;
    return t;
}

/* A node's types at a batch of 1, of which others are made by setting axis 0. */
typedef struct trial {
    const snug_op *op;
    snug_matmul_attrs matmul;
    snug_conv2d_attrs conv;
    snug_batch_norm_attrs norm;
    const void *attrs;
    int n_in, n_out;
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
} trial;

static void make_matmul(trial *t, draw *d)
{
    int64_t k = 1 + below(d, 600), n = 1 + below(d, 600);
    t->op = &snug_op_matmul;
    t->matmul = (snug_matmul_attrs){.trans_a = below(d, 2)};
    if (!t->matmul.trans_a) t->matmul.trans_b = below(d, 2);
    t->attrs = &t->matmul;
    t->n_in = 2, t->n_out = 1;
    t->in[0] = type(true, 2, (int64_t[]){1, k});
    if (t->matmul.trans_a) {
        t->in[1] = type(true, 2, (int64_t[]){1, n});
        t->out[0] = type(false, 2, (int64_t[]){k, n});
        return;
    }
    t->in[1] = type(false, 2, t->matmul.trans_b ? (int64_t[]){n, k} : (int64_t[]){k, n});
    t->out[0] = type(true, 2, (int64_t[]){1, n});
}

static void make_conv(trial *t, draw *d)
{
    static const snug_op *const ops[] = {&snug_op_conv2d, &snug_op_conv2d_grad_input,
                                         &snug_op_conv2d_grad_weight};
    int64_t kernel = 1 + 2 * below(d, 3), stride = 1 + below(d, 2), groups = 1 + below(d, 2);
    int64_t c = groups * (1 + below(d, 40)), f = groups * (1 + below(d, 40));
    int64_t h = kernel + below(d, 30), w = kernel + below(d, 30);
    int64_t oh = (h - kernel) / stride + 1, ow = (w - kernel) / stride + 1;
    snug_type x = type(true, 4, (int64_t[]){1, h, w, c}),
              y = type(true, 4, (int64_t[]){1, oh, ow, f}),
              k = type(false, 4, (int64_t[]){kernel, kernel, c / groups, f});
    int which = (int)below(d, 3);
    t->op = ops[which];
    t->conv = (snug_conv2d_attrs){
        .stride_h = stride, .stride_w = stride, .dilation_h = 1, .dilation_w = 1, .groups = groups};
    if (which > 0) t->conv.in_h = h, t->conv.in_w = w, t->conv.kernel_h = t->conv.kernel_w = kernel;
    t->attrs = &t->conv;
    t->n_in = 2, t->n_out = 1;
    t->in[0] = which == 1 ? y : x;
    t->in[1] = which == 2 ? y : k;
    t->out[0] = which == 0 ? y : which == 1 ? x : k;
}

static void make_norm(trial *t, draw *d)
{
    int64_t c = 1 + below(d, 200), dim[] = {1, 1 + below(d, 30), 1 + below(d, 30), c};
    bool grad = below(d, 2);
    t->op = grad ? &snug_op_batch_norm_grad : &snug_op_batch_norm;
    t->norm = (snug_batch_norm_attrs){.momentum = 0.1, .epsilon = 1e-5};
    t->attrs = &t->norm;
    t->n_in = grad ? 6 : 5, t->n_out = grad ? 3 : 5;
    for (int i = 0; i < t->n_in; i++) t->in[i] = type(false, 1, &c);
    for (int i = 0; i < t->n_out; i++) t->out[i] = type(false, 1, &c);
    t->in[0] = t->out[0] = type(true, 4, dim);
    if (grad) t->in[1] = t->in[0];
}

static size_t scratch_at(const trial *t, const snug_kernel *k, int64_t batch, int threads)
{
    snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
    memcpy(in, t->in, sizeof in);
    memcpy(out, t->out, sizeof out);
    for (int i = 0; i < t->n_in; i++)
        if (in[i].shape.kind[0] == SNUG_AXIS_BATCH) in[i].shape.dim[0] = batch;
    for (int i = 0; i < t->n_out; i++)
        if (out[i].shape.kind[0] == SNUG_AXIS_BATCH) out[i].shape.dim[0] = batch;
    return k->scratch(&(snug_sig){t->attrs, t->n_in, t->n_out, in, out, false, 0}, threads);
}

static void smaller_batches_need_no_more(void **state)
{
    (void)state;
    static void (*const make[])(trial *, draw *) = {make_matmul, make_conv, make_norm};
    snug_context *ctx;
    snug_device device;
    ok(snug_context_create(&(snug_context_config){.threads = 1}, &ctx));
    ok(snug_device_find("cpu")->open(ctx, 0, &device));
    for (uint64_t seed = 0; seed < TRIALS; seed++) {
        draw d = {.seed = seed};
        trial t = {0};
        make[seed % 3](&t, &d);
        snug_sig sig = {t.attrs, t.n_in, t.n_out, t.in, t.out, false, 0};
        const snug_kernel *k = device.driver->find_kernel(&device, t.op->name, &sig);
        if (!k || !k->scratch) continue;
        /* without samples there is nothing to make but sums over them, which are zero */
        bool sums = t.out[0].shape.kind[0] != SNUG_AXIS_BATCH;
        for (int threads = 1; threads <= 16; threads *= 4)
            for (int64_t n = sums ? 1 : 2; n <= MAX_BATCH; n++)
                if (scratch_at(&t, k, n - 1, threads) > scratch_at(&t, k, n, threads))
                    fail_msg("%s, shape %d: %zu bytes for %d samples, %zu for %d", k->name,
                             (int)seed, scratch_at(&t, k, n - 1, threads), (int)n - 1,
                             scratch_at(&t, k, n, threads), (int)n);
    }
    device.driver->close(&device);
    snug_context_destroy(ctx);
}

/* ---- a run ------------------------------------------------------------------------------------
 */

enum { THREADS = 2, GUARD = 1 << 17, SIDE = 1024 };

/* y = x w', planned for `bound` rows, of which there are n; scratch has a guard behind it. */
static void run_short(snug_tier tier, int64_t bound, int64_t n)
{
    snug_context *ctx;
    snug_device device;
    trial t = {.op = &snug_op_matmul, .matmul.trans_b = 1, .n_in = 2, .n_out = 1};
    ok(snug_context_create(&(snug_context_config){.threads = THREADS, .tier_mask = 1u << tier},
                           &ctx));
    ok(snug_device_find("cpu")->open(ctx, 0, &device));
    t.in[0] = t.out[0] = type(true, 2, (int64_t[]){1, SIDE});
    t.in[1] = type(false, 2, (int64_t[]){SIDE, SIDE});
    snug_sig sig = {&t.matmul, 2, 1, t.in, t.out, false, 0};
    const snug_kernel *k = device.driver->find_kernel(&device, "matmul", &sig);
    assert_non_null(k);
    t.attrs = &t.matmul;
    const size_t bytes = scratch_at(&t, k, bound, THREADS), rows = (size_t)n * SIDE;
    float *x = malloc(rows * 4), *w = malloc(SIDE * SIDE * 4), *y = malloc(rows * 4);
    char *scratch = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    assert_true(x && w && y && scratch);
    memset(scratch, 0x5a, bytes + GUARD);
    for (size_t i = 0; i < rows; i++) x[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++) w[i] = (float)(i % 5) - 2;
    t.in[0].shape.dim[0] = t.out[0].shape.dim[0] = n;
    const snug_tensor in[] = {{x, t.in[0]}, {w, t.in[1]}}, out = {y, t.out[0]};
    const snug_step step = {.n_step = n, .n_here = n, .leaf_samples = bound, .leaves_here = 1};
    k->run(&(snug_call){.attrs = &t.matmul,
                        .in = in,
                        .out = &out,
                        .n_in = 2,
                        .n_out = 1,
                        .scratch = scratch,
                        .scratch_bytes = bytes,
                        .queue = device.queue,
                        .step = &step});
    for (size_t i = 0; i < GUARD; i++) assert_int_equal(scratch[bytes + i], 0x5a);
    for (int64_t i = 0; i < n; i += 13)
        for (int64_t j = 0; j < SIDE; j += 37) {
            float sum = 0; /* of whole numbers: exact */
            for (int64_t c = 0; c < SIDE; c++) sum += x[i * SIDE + c] * w[j * SIDE + c];
            assert_true(y[i * SIDE + j] == sum);
        }
    free(x), free(w), free(y), free(scratch);
    device.driver->close(&device);
    snug_context_destroy(ctx);
}

/* A plan's product may pack B as a whole or by blocks, a short batch's of the same plan may not do
 * as that: it has the plan's scratch. */
static void short_batches_keep_to_their_scratch(void **state)
{
    (void)state;
    for (int tier = 0; tier < SNUG_N_TIERS; tier++)
        if (snug_cpu_tiers() >> tier & 1)
            for (int64_t n = 50; n <= 300; n += 50) run_short((snug_tier)tier, 300, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(smaller_batches_need_no_more),
                                       cmocka_unit_test(short_batches_keep_to_their_scratch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
