/* SPDX-License-Identifier: Apache-2.0 */
/* Cohen's kappa by hand: five of six right, half of them by chance, is (5/6 - 1/2) / (1/2). */
#include "support/check.h"
#include "train/metrics.h"

#include <math.h>

static double kappa_of(int n, const int32_t *truth, const int *guess)
{
    static const char *const names[] = {"no", "yes"};
    const snug_data_info info = {.target = SNUG_TARGET_CLASS,
                                 .n_classes = 2,
                                 .class_names = names,
                                 .outputs = {.n_dims = 1, .dim = {2}}};
    snug_tally *t;
    snug_metrics m;
    ok(snug_tally_create(&info, NULL, &t));
    for (int i = 0; i < n; i++) {
        const float p[] = {guess[i] ? 0.2f : 0.8f, guess[i] ? 0.8f : 0.2f};
        snug_tally_add(t, &(snug_tally_batch){.n = 1, .outputs = p, .y = &truth[i]});
    }
    snug_tally_metrics(t, 0, &m);
    const double kappa = snug_metrics_get(&m, "kappa");
    snug_tally_destroy(t);
    return kappa;
}

static void agreement_beyond_chance(void **state)
{
    (void)state;
    const int32_t truth[] = {0, 0, 0, 1, 1, 1};
    assert_true(fabs(kappa_of(6, truth, (const int[]){0, 0, 1, 1, 1, 1}) - 2.0 / 3) < 1e-12);
    assert_true(fabs(kappa_of(6, truth, (const int[]){0, 0, 0, 1, 1, 1}) - 1) < 1e-12);
    assert_true(fabs(kappa_of(6, truth, (const int[]){1, 1, 1, 1, 1, 1})) < 1e-12);
    assert_true(isnan(kappa_of(3, truth, (const int[]){0, 0, 0})));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agreement_beyond_chance)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
