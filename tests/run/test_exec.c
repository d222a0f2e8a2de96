/* SPDX-License-Identifier: Apache-2.0 */
/* The executor: the same bits at any number of threads and micro-batches, short batches, NaN named.
 */
#include "support/net.h"
#include <math.h>

static uint64_t train(net_config c, int threads, int steps)
{
    net n;
    net_open(&n, c, threads);
    for (int s = 0; s < steps; s++) ok(net_step(&n, (uint64_t)s, c.batch - s % 3 * (c.batch / 3)));
    uint64_t digest = net_digest(&n);
    net_close(&n);
    return digest;
}

static void same_bits_at_any_threads(void **state)
{
    (void)state;
    net_config c = {
        .batch = 48, .leaves = 4, .n_micro = 1, .batch_norm = true, .dropout = true, .classes = 5};
    uint64_t want = train(c, 1, 4);
    for (int threads = 2; threads <= 7; threads++) assert_int_equal(train(c, threads, 4), want);
}

static void same_bits_at_any_micro_batches(void **state)
{
    (void)state;
    const int64_t batch[] = {64, 48, 37};
    for (int i = 0; i < 3; i++) {
        net_config c = {
            .batch = batch[i], .leaves = 8, .n_micro = 1, .dropout = true, .classes = 5};
        uint64_t want = train(c, 1, 4);
        for (c.n_micro = 2; c.n_micro <= 8; c.n_micro *= 2) assert_int_equal(train(c, 2, 4), want);
    }
}

static void loss_falls_and_outputs_are_whole(void **state)
{
    (void)state;
    for (int64_t micro = 1; micro <= 4; micro *= 4) {
        net n;
        net_open(&n, (net_config){.batch = 40, .leaves = 4, .n_micro = micro, .classes = 5}, 2);
        double first = 0, last = 0;
        for (int s = 0; s < 60; s++) {
            ok(net_step(&n, 0, 33)); /* the same samples again and again */
            snug_tensor loss = snug_exec_tensor(n.exec, "loss");
            last = snug_load(&loss, 0);
            if (s == 0) first = last;
        }
        assert_true(last < first / 2);
        snug_tensor p = snug_exec_tensor(n.exec, "probabilities");
        for (int64_t i = 0; i < 33; i++) {
            double sum = 0;
            for (int64_t k = 0; k < 5; k++) sum += snug_load(&p, i * 5 + k);
            assert_true(fabs(sum - 1) < 1e-5);
        }
        net_close(&n);
    }
}

static void nan_is_named(void **state)
{
    (void)state;
    net n;
    net_open(&n, (net_config){.batch = 8, .leaves = 1, .n_micro = 1, .classes = 3}, 1);
    ok(net_step(&n, 0, 8));
    uint64_t before = net_digest(&n);
    snug_tensor w = snug_arena_tensor(&n.arena, "hidden.weight");
    float kept = ((float *)w.data)[3];
    ((float *)w.data)[3] = NAN;
    fails(net_step(&n, 1, 8), SNUG_ENUMERIC, "step 2: 'hidden.weight'");
    ((float *)w.data)[3] = kept;
    assert_int_equal(net_digest(&n), before); /* nothing was updated */
    snug_tensor c = snug_arena_tensor(&n.arena, "conv1.bias");
    for (int i = 0; i < 5; i++) ((float *)c.data)[i] = 3e38F;
    fails(net_step(&n, 1, 8), SNUG_ENUMERIC, "node");
    net_close(&n);
}

static void too_many_samples_are_refused(void **state)
{
    (void)state;
    net n;
    net_open(&n, (net_config){.batch = 8, .leaves = 1, .n_micro = 1, .classes = 3}, 1);
    fails(snug_exec_run(n.exec, &(snug_exec_step){.n = 9}, NULL), SNUG_EINVAL, "at most 8");
    net_close(&n);
}

/* First values depend on name and seed, not on the order of building or on other tensors. */
static void initial_values_are_reproducible(void **state)
{
    (void)state;
    net a, b;
    net_open(&a, (net_config){.batch = 8, .leaves = 1, .n_micro = 1, .classes = 3}, 1);
    net_open(&b,
             (net_config){.batch = 8, .leaves = 1, .n_micro = 1, .batch_norm = true, .classes = 3},
             1);
    snug_tensor x = snug_arena_tensor(&a.arena, "hidden.weight"),
                y = snug_arena_tensor(&b.arena, "hidden.weight");
    assert_memory_equal(x.data, y.data, snug_type_bytes(&x.type));
    double sum = 0, squares = 0;
    int64_t n = snug_shape_elements(&x.type.shape);
    for (int64_t i = 0; i < n; i++) {
        sum += snug_load(&x, i);
        squares += snug_load(&x, i) * snug_load(&x, i);
    }
    assert_true(fabs(sum / (double)n) < 0.02);
    assert_true(squares > 0);
    net_close(&a);
    net_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_at_any_threads),
        cmocka_unit_test(same_bits_at_any_micro_batches),
        cmocka_unit_test(loss_falls_and_outputs_are_whole),
        cmocka_unit_test(nan_is_named),
        cmocka_unit_test(too_many_samples_are_refused),
        cmocka_unit_test(initial_values_are_reproducible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
