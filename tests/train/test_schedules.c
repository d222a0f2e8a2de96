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
    if (!(fabs(got - want) <= 1e-15)) fail_msg("%.17g is not %.17g", got, want);
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
        cmocka_unit_test(constant), cmocka_unit_test(steps),  cmocka_unit_test(cosine),
        cmocka_unit_test(warmup),   cmocka_unit_test(powers), cmocka_unit_test(table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
