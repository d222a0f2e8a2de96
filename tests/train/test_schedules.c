/* SPDX-License-Identifier: Apache-2.0 */
/* Learning-rate schedules against their formulas. */
#include "support/check.h"
#include "train/schedule.h"
#include <math.h>

#define PI 3.14159265358979323846

static snug_recipe *recipe_with(const char *schedule, const char *key, const char *value)
{
    snug_recipe *r;
    ok(snug_recipe_create(&r));
    ok(snug_recipe_set(r, "train.schedule", schedule));
    ok(snug_recipe_set(r, "train.learning_rate", "0.5"));
    if (key) ok(snug_recipe_set(r, key, value));
    return r;
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 2e-15)) fail_msg("%.17g is not %.17g", got, want);
}

static void constant(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("constant", NULL, NULL);
    near(snug_schedule_rate(r, 0, 10, 100), 0.5);
    near(snug_schedule_rate(r, 99, 10, 100), 0.5);
    snug_recipe_destroy(r);
}

static void steps(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("step", "train.step_epochs", "2");
    ok(snug_recipe_set(r, "train.step_factor", "0.5"));
    near(snug_schedule_rate(r, 19, 10, 100), 0.5);
    near(snug_schedule_rate(r, 20, 10, 100), 0.25);
    near(snug_schedule_rate(r, 99, 10, 100), 0.5 / 16);
    snug_recipe_destroy(r);
}

static void cosine(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("cosine", "train.final_rate", "0.1");
    for (int64_t s = 0; s < 100; s++) {
        double want = 0.5 * (0.1 + 0.9 * 0.5 * (1 + cos(PI * (double)s / 100)));
        near(snug_schedule_rate(r, s, 10, 100), want);
    }
    snug_recipe_destroy(r);
}

/* A rate of every step of a hundred against a factor of how much of the run is done. */
static void follows(const snug_recipe *r, double (*factor)(double done))
{
    for (int64_t s = 0; s < 100; s++)
        near(snug_schedule_rate(r, s, 10, 100), 0.5 * factor((double)s / 100));
}

static double line(double done)
{
    return 0.25 + 0.75 * (1 - done);
}

static void linear(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("linear", "train.final_rate", "0.25");
    follows(r, line);
    snug_recipe_destroy(r);
}

static double root_of_cube(double done)
{
    return pow(1 - done, 1.5);
}

static void polynomial(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("polynomial", "train.power", "1.5");
    follows(r, root_of_cube);
    snug_recipe_destroy(r);
}

/* Ten epochs, halved within every two. */
static double halving(double done)
{
    return pow(0.5, 10 * done / 2);
}

static void exponential(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("exponential", "train.step_epochs", "2");
    ok(snug_recipe_set(r, "train.step_factor", "0.5"));
    follows(r, halving);
    snug_recipe_destroy(r);
}

static double cycle(double done)
{
    if (done < 0.3) return 0.04 + 0.96 * 0.5 * (1 - cos(PI * done / 0.3));
    return 0.01 + 0.99 * 0.5 * (1 + cos(PI * (done - 0.3) / 0.7));
}

static void one_cycle(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("one_cycle", "train.final_rate", "0.01");
    follows(r, cycle);
    near(snug_schedule_rate(r, 0, 10, 100), 0.02);
    near(snug_schedule_rate(r, 30, 10, 100), 0.5);
    snug_recipe_destroy(r);
}

/* Periods of 1, 3 and 9 epochs; then of 2 each. */
static void warm_restarts(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("warm_restarts", "train.step_epochs", "1");
    ok(snug_recipe_set(r, "train.restart_factor", "3"));
    for (int64_t s = 0; s < 130; s++) {
        const double from = s < 10 ? 0 : s < 40 ? 10 : 40, length = s < 10 ? 10 : s < 40 ? 30 : 90;
        near(snug_schedule_rate(r, s, 10, 130), 0.25 * (1 + cos(PI * ((double)s - from) / length)));
    }
    ok(snug_recipe_set(r, "train.step_epochs", "2"));
    ok(snug_recipe_set(r, "train.restart_factor", "1"));
    for (int64_t s = 0; s < 130; s++)
        near(snug_schedule_rate(r, s, 10, 130), 0.25 * (1 + cos(PI * (double)(s % 20) / 20)));
    snug_recipe_destroy(r);
}

/* Half an epoch of ten steps; the cosine begins behind it. */
static void warmup(void **state)
{
    (void)state;
    snug_recipe *r = recipe_with("cosine", "train.warmup", "0.5");
    for (int64_t s = 0; s < 4; s++)
        near(snug_schedule_rate(r, s, 10, 105), 0.5 * (double)(s + 1) / 5);
    near(snug_schedule_rate(r, 4, 10, 105), 0.5);
    near(snug_schedule_rate(r, 5, 10, 105), 0.5);
    near(snug_schedule_rate(r, 55, 10, 105), 0.25);
    snug_recipe_destroy(r);
}

static void powers(void **state)
{
    (void)state;
    near(snug_power(0.9, 0), 1);
    near(snug_power(0.5, 10), 1.0 / 1024);
    assert_true(fabs(snug_power(0.999, 1000) - pow(0.999, 1000)) < 1e-13);
    near(snug_power_real(0.25, 2.5), 1.0 / 32);
    near(snug_power_real(0, 0.5), 0);
    near(snug_power_real(0, 0), 1);
    near(snug_power_real(0.7, 0.3), pow(0.7, 0.3));
}

static void table_is_whole(void **state)
{
    (void)state;
    const snug_schedule *s;
    int64_t n = 0;
    for (; (s = snug_schedule_get(n)); n++) assert_true(s->name && s->doc && s->factor);
    assert_true(n >= 3);
    assert_null(snug_schedule_get(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant),       cmocka_unit_test(steps),
        cmocka_unit_test(cosine),         cmocka_unit_test(linear),
        cmocka_unit_test(polynomial),     cmocka_unit_test(exponential),
        cmocka_unit_test(one_cycle),      cmocka_unit_test(warm_restarts),
        cmocka_unit_test(warmup),         cmocka_unit_test(powers),
        cmocka_unit_test(table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
