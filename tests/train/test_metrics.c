/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics against figures worked out by hand and those in scikit-learn's documentation. */
#include "support/check.h"
#include "train/metrics.h"
#include <math.h>

static const char *const names[] = {"a", "b", "c", "d"};

static snug_tally *classes(int64_t n)
{
    const snug_data_info info = {.target = SNUG_TARGET_CLASS, .n_classes = n, .class_names = names};
    snug_tally *t;
    ok(snug_tally_create(&info, NULL, &t));
    return t;
}

static void add_batch(snug_tally *t, double loss, int64_t n, const void *outputs, const void *y)
{
    const snug_tally_batch b = {.n = n, .loss = loss, .outputs = outputs, .y = y};
    snug_tally_add(t, &b);
}

static void add_guess(snug_tally *t, int32_t truth, int64_t guess, double loss)
{
    float p[4] = {0.1f, 0.1f, 0.1f, 0.1f};
    p[guess] = 0.7f;
    add_batch(t, loss, 1, p, &truth);
}

static void near(const snug_metrics *m, const char *name, double want)
{
    double got = snug_metrics_get(m, name);
    if (!(fabs(got - want) <= 1e-12)) fail_msg("%s is %.17g, not %.17g", name, got, want);
}

/* precision_score([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], average="macro") is 0.22..., recall_score
 * 0.33..., f1_score 0.26... */
static void macro_averages(void **state)
{
    (void)state;
    static const int truth[] = {0, 1, 2, 0, 1, 2}, guess[] = {0, 2, 1, 0, 0, 1};
    snug_tally *t = classes(3);
    snug_metrics m;
    for (int i = 0; i < 6; i++) add_guess(t, truth[i], guess[i], i);
    snug_tally_metrics(t, 1.5, &m);
    assert_int_equal(m.samples, 6);
    assert_true(m.seconds == 1.5);
    near(&m, "loss", 2.5);
    near(&m, "accuracy", 2.0 / 6);
    near(&m, "precision", (2.0 / 3 + 0 + 0) / 3);
    near(&m, "recall", 1.0 / 3);
    near(&m, "f1", 0.8 / 3);
    assert_int_equal(m.confusion[0 * 3 + 0], 2);
    assert_int_equal(m.confusion[1 * 3 + 2], 1);
    assert_int_equal(m.confusion[2 * 3 + 1], 2);
    assert_int_equal(m.by_class[2].support, 2);
    assert_true(fabs(m.by_class[0].f1 - 0.8) < 1e-12);
    assert_true(isnan(snug_metrics_get(&m, "mse")));
    snug_tally_destroy(t);
}

/* A class that neither occurs nor is predicted takes no part in the averages. */
static void absent_class(void **state)
{
    (void)state;
    snug_tally *t = classes(4);
    snug_metrics m;
    add_guess(t, 0, 0, 0);
    add_guess(t, 1, 2, 0);
    snug_tally_metrics(t, 0, &m);
    near(&m, "precision", 1.0 / 3);
    near(&m, "recall", 1.0 / 3);
    snug_tally_destroy(t);
}

/* Of equal probabilities the first counts; a truth outside the classes is not counted. */
static void ties_and_strangers(void **state)
{
    (void)state;
    const float p[] = {0.5f, 0.5f, 0.5f, 0.5f};
    const int32_t y[] = {0, 7};
    snug_tally *t = classes(2);
    snug_metrics m;
    add_batch(t, 1, 2, p, y);
    snug_tally_metrics(t, 0, &m);
    near(&m, "accuracy", 0.5);
    assert_int_equal(m.confusion[0], 1);
    snug_tally_destroy(t);
}

/* r2_score([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]) is 0.948..., mean_absolute_error 0.5,
 * mean_squared_error 0.375. */
static void regression(void **state)
{
    (void)state;
    const float y[] = {3, -0.5f, 2, 7}, p[] = {2.5f, 0, 2, 8};
    const snug_data_info info = {.target = SNUG_TARGET_VALUE, .outputs = {.n_dims = 1, .dim = {1}}};
    snug_tally *t;
    snug_metrics m;
    ok(snug_tally_create(&info, NULL, &t));
    add_batch(t, 0.25, 2, p, y);
    add_batch(t, 0.5, 2, p + 2, y + 2);
    snug_tally_metrics(t, 0, &m);
    near(&m, "loss", 0.375);
    near(&m, "mse", 0.375);
    near(&m, "mae", 0.5);
    near(&m, "r2", 1 - 1.5 / 29.1875);
    assert_null(m.confusion);
    snug_tally_destroy(t);
}

/* Large values with a small spread: the sums must not cancel. */
static void regression_far_from_zero(void **state)
{
    (void)state;
    const snug_data_info info = {.target = SNUG_TARGET_VALUE, .outputs = {.n_dims = 1, .dim = {1}}};
    snug_tally *t;
    snug_metrics m;
    ok(snug_tally_create(&info, NULL, &t));
    for (int i = 0; i < 1000; i++) {
        const float y = 1e6f + (float)(i % 2), p = 1e6f + 0.5f;
        add_batch(t, 0.25, 1, &p, &y);
    }
    snug_tally_metrics(t, 0, &m);
    near(&m, "r2", 0);
    snug_tally_destroy(t);
}

static void reset_and_empty(void **state)
{
    (void)state;
    snug_tally *t = classes(2);
    snug_metrics m;
    add_guess(t, 0, 0, 1);
    snug_tally_reset(t);
    snug_tally_metrics(t, 0, &m);
    assert_int_equal(m.samples, 0);
    assert_true(isnan(snug_metrics_get(&m, "loss")));
    assert_true(isnan(snug_metrics_get(&m, "f1")));
    snug_tally_destroy(t);
    snug_tally_destroy(NULL);
}

static void table_is_whole(void **state)
{
    (void)state;
    const snug_metric_info *m;
    int of_target[SNUG_N_TARGETS] = {0};
    for (int i = 0; (m = snug_metric_get(i)); i++) {
        assert_true(m->name && m->doc && m->value);
        of_target[m->target]++;
    }
    for (int k = 0; k < SNUG_N_TARGETS; k++)
        assert_true(of_target[SNUG_TARGET_NONE] + of_target[k] <= SNUG_MAX_METRICS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(macro_averages),           cmocka_unit_test(absent_class),
        cmocka_unit_test(ties_and_strangers),       cmocka_unit_test(regression),
        cmocka_unit_test(regression_far_from_zero), cmocka_unit_test(reset_and_empty),
        cmocka_unit_test(table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
