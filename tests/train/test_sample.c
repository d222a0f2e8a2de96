/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing tokens: greedy, cuts by number and by probability, what a draw depends on. */
#include "support/check.h"
#include "train/sample.h"
#include <math.h>

enum { N = 6, DRAWS = 20000 };

/* Probabilities 0.4, 0.3, 0.15, 0.1, 0.04, 0.01, in another order. */
static const float logits[N] = {-2.302585093f, -0.916290732f, -4.605170186f,
                                -1.203972804f, -1.897119985f, -3.218875825f};
static const double probability[N] = {0.1, 0.4, 0.01, 0.3, 0.15, 0.04};

static int32_t draw(const snug_sampling *s, uint64_t position)
{
    int32_t order[N];
    double weight[N];
    return snug_sample(logits, N, s, position, order, weight);
}

static void greedy(void **state)
{
    (void)state;
    const snug_sampling cold = {.temperature = 0, .seed = 3}, one = {.temperature = 1, .top_k = 1};
    const float equal[3] = {1, 2, 2};
    int32_t order[3];
    double weight[3];
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(draw(&cold, i), 1);
        assert_int_equal(draw(&one, i), 1);
    }
    assert_int_equal(snug_sample(equal, 3, &cold, 0, order, weight), 1);
}

/* Shares of many draws; kept: which tokens may come. */
static void shares(const snug_sampling *s, uint32_t kept, double power)
{
    int64_t count[N] = {0};
    double sum = 0;
    for (uint64_t i = 0; i < DRAWS; i++) count[draw(s, i)]++;
    for (int t = 0; t < N; t++)
        if (kept >> t & 1) sum += pow(probability[t], power);
    for (int t = 0; t < N; t++) {
        const double want = kept >> t & 1 ? pow(probability[t], power) / sum : 0;
        const double got = (double)count[t] / DRAWS;
        if (want == 0) assert_int_equal(count[t], 0);
        if (fabs(got - want) > 0.02) fail_msg("token %d: %g, not %g", t, got, want);
    }
}

static void cuts_are_exact(void **state)
{
    (void)state;
    const uint32_t all = (1u << N) - 1;
    shares(&(snug_sampling){.temperature = 1}, all, 1);
    shares(&(snug_sampling){.temperature = 0.5}, all, 2);
    shares(&(snug_sampling){.temperature = 1, .top_k = 2}, 1u << 1 | 1u << 3, 1);
    shares(&(snug_sampling){.temperature = 1, .top_k = 100}, all, 1);
    shares(&(snug_sampling){.temperature = 1, .top_p = 0.69}, 1u << 1 | 1u << 3, 1);
    shares(&(snug_sampling){.temperature = 1, .top_p = 0.71}, 1u << 1 | 1u << 3 | 1u << 4, 1);
    /* 0.4 of the 0.7 that the two likeliest have is 0.57 of them */
    shares(&(snug_sampling){.temperature = 1, .top_k = 2, .top_p = 0.5}, 1u << 1, 1);
    shares(&(snug_sampling){.temperature = 1, .top_p = 1}, all, 1);
}

static void seed_and_position_decide(void **state)
{
    (void)state;
    const snug_sampling a = {.temperature = 1, .seed = 1}, b = {.temperature = 1, .seed = 2};
    int differ = 0;
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(draw(&a, i), draw(&a, i));
        differ += draw(&a, i) != draw(&b, i);
    }
    assert_true(differ > 50);
}

static void probabilities(void **state)
{
    (void)state;
    for (int32_t t = 0; t < N; t++)
        assert_true(fabs(snug_sample_probability(logits, N, t) - probability[t]) < 1e-7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy),
        cmocka_unit_test(cuts_are_exact),
        cmocka_unit_test(seed_and_position_decide),
        cmocka_unit_test(probabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
