/* SPDX-License-Identifier: Apache-2.0 */
/* A NaN in an input comes out wherever the reference lets it out, in every tier: clamps, maxima and
 * exponentials do not swallow it, so that a diverging training is found. */
#include "ops/broadcast.h"
#include "support/net.h"
#include <math.h>

enum { BATCH = 4, H = 5, W = 5, C = 11, SAMPLE = H * W * C, N_CHAINS = 12 };

/* Arithmetic of one element of each input. */
static bool is_element_wise(const snug_op *op)
{
    if (op->flags & SNUG_OP_BACKWARD || !op->inplace[0]) return false;
    return (op->n_in_max == 1 && op->axes == snug_axes_same) ||
           (op->n_in_min == 2 && op->axes == snug_axes_broadcast);
}

/* The i-th of them; NULL past the end. */
static const snug_op *element_wise(int i)
{
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    for (int k = 0; k < n; k++)
        if (is_element_wise(ops[k]) && i-- == 0) return ops[k];
    return NULL;
}

/* op(x), or op(x, 0.5) from both sides. */
static snug_value *with_a_number(snug_graph *g, const snug_op *op, snug_value *x)
{
    static const float half = 0.5f;
    if (op->n_in_max == 1) return snug_apply(g, op, NULL, NULL, 1, &x);
    snug_value *number = snug_constant(g, "half", (snug_type){.dtype = SNUG_F32}, &half);
    snug_value *y = snug_apply(g, op, NULL, NULL, 2, (snug_value *[]){x, number});
    return snug_apply(g, op, NULL, NULL, 2, (snug_value *[]){number, y});
}

static snug_value *chain(int k, snug_graph *g, snug_value *x)
{
    snug_conv2d_config conv = {.filters = 5, .same = true};
    snug_type labels = {.dtype = SNUG_I32,
                        .shape = {.n_dims = 1, .dim = {BATCH}, .kind = {SNUG_AXIS_BATCH}}};
    switch (k) {
    case 0:
        return snug_relu(g, x);
    case 1:
        return snug_gelu(g, x);
    case 2:
        return snug_max_pool2d(g, x, 2, 2);
    case 3:
        return snug_max_pool2d(g, x, 3, 1);
    case 4:
        return snug_global_avg_pool(g, x);
    case 5:
        return snug_apply(g, &snug_op_softmax, NULL, NULL, 1, &x);
    case 6: /* the activation is fused */
        return snug_relu(g, snug_conv2d(g, x, &conv, "c"));
    case 7:
        return snug_gelu(g, snug_linear(g, snug_flatten(g, x), 7, "l"));
    case 8:
        return snug_relu(g, snug_batch_norm(g, x, "b"));
    case 9:
        return snug_mse(g, snug_mul(g, x, x), snug_relu(g, x));
    case 10:
        return snug_apply(g, &snug_op_sum_squares, NULL, NULL, 1, &x);
    case 11:
        return snug_softmax_cross_entropy(g, snug_flatten(g, x), snug_input(g, "y", labels), NULL);
    default:
        return with_a_number(g, element_wise(k - N_CHAINS), x);
    }
}

/* Which elements of the result are NaN, one bit each of the first 64, and how many. */
static uint64_t nan_of(const snug_context_config *config, int k, int64_t at, int64_t *count)
{
    net n = {.config = {.batch = BATCH, .leaves = 2, .n_micro = 1}};
    ok(snug_context_create(config, &n.ctx));
    ok(snug_device_find("cpu")->open(n.ctx, 0, &n.device));
    ok(snug_graph_create(n.ctx, SNUG_MODE_TRAIN, &n.graph));
    snug_type t = {.dtype = SNUG_F32,
                   .shape = {.n_dims = 4, .dim = {BATCH, H, W, C}, .kind = {SNUG_AXIS_BATCH}}};
    snug_output(n.graph, "result", chain(k, n.graph, snug_input(n.graph, "x", t)));
    ok(snug_passes_run(n.graph, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE,
                       PHASE_LOWER));
    snug_plan_config plan = {
        .batch = BATCH, .leaves = 2, .n_micro = 1, .threads = 1, .device = &n.device};
    ok(snug_plan_build(n.graph, &plan, &n.persistent, &n.plan));
    ok(snug_arena_create(&n.persistent, 1, &n.plan, &n.arena));
    snug_arena_init(&n.arena, 1);
    ok(snug_exec_create(n.ctx, n.plan, &n.arena, 0, NULL, &n.exec));
    float *x = snug_arena_stream(&n.arena, n.plan, "x", 0);
    for (int i = 0; i < BATCH * SAMPLE; i++) x[i] = (float)(i % 7) - 3;
    x[at] = NAN;
    ok(snug_exec_run(n.exec, &(snug_exec_step){.n = BATCH}, NULL));
    snug_tensor y = snug_exec_tensor(n.exec, "result");
    uint64_t bits = 0;
    *count = 0;
    for (int64_t i = 0; i < snug_shape_elements(&y.type.shape); i++) {
        bool is_nan = isnan(snug_load(&y, i));
        *count += is_nan;
        if (i < 64) bits |= (uint64_t)is_nan << i;
    }
    net_close(&n);
    return bits;
}

static void every_tier_lets_it_out(void **state)
{
    (void)state;
    const int64_t places[] = {1, C - 1, SAMPLE + 10, BATCH * SAMPLE - 1}; /* in vectors and tails */
    for (int k = 0; k < N_CHAINS || element_wise(k - N_CHAINS); k++)
        for (int p = 0; p < 4; p++) {
            int64_t want, have;
            snug_context_config reference = {.threads = 1, .reference_kernels = true};
            uint64_t bits = nan_of(&reference, k, places[p], &want);
            bool dropped = (k == 2 && places[p] == BATCH * SAMPLE - 1); /* outside all windows */
            assert_true(want > 0 || dropped);
            for (int tier = 0; tier < SNUG_N_TIERS; tier++) {
                snug_context_config c = {.threads = 1, .tier_mask = 1U << tier};
                if (nan_of(&c, k, places[p], &have) != bits || have != want)
                    fail_msg("chain %d, place %d, tier %s: %d NaN, not %d", k, p,
                             snug_tier_name((snug_tier)tier), (int)have, (int)want);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_tier_lets_it_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
