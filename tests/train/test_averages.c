/* SPDX-License-Identifier: Apache-2.0 */
/* Averaged weights and the schedule that follows the validation loss: what they are, that threads
 * and micro-batches do not change them, and that an interrupted run goes on with them. */
#include "base/context.h"
#include "train/schedule.h"
#include "train/trained.h"

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const snug_train_config no_files = {.no_files = true};

static void train(int threads, const char *const *keys, snug_train_result *r)
{
    snug_context *ctx = context(threads);
    *r = (snug_train_result){0};
    ok(train_with(ctx, keys, &no_files, r));
    snug_context_destroy(ctx);
}

/* The mean of one epoch's end is that epoch's weights. */
static void mean_of_one_epoch(void **state)
{
    (void)state;
    snug_train_result plain, mean, more, late;
    train(1, KEYS("train.epochs", "3"), &plain);
    train(1, KEYS("train.epochs", "3", "train.swa_start", "3"), &mean);
    train(1, KEYS("train.epochs", "3", "train.swa_start", "2"), &more);
    train(1, KEYS("train.epochs", "3", "train.swa_start", "9"), &late);
    assert_string_equal(plain.weights_sha256, mean.weights_sha256);
    assert_string_equal(plain.weights_sha256, late.weights_sha256);
    assert_string_not_equal(plain.weights_sha256, more.weights_sha256);
}

/* Weights that do not move are their own average. */
static void still_weights(void **state)
{
    (void)state;
    snug_train_result plain, averaged;
    train(1, KEYS("train.learning_rate", "0"), &plain);
    train(1, KEYS("train.learning_rate", "0", "train.ema", "0.9"), &averaged);
    assert_string_equal(plain.weights_sha256, averaged.weights_sha256);
}

/* Training itself does not see them: the loss of the training part is the same. */
static void training_goes_on_as_it_would(void **state)
{
    (void)state;
    snug_train_result plain, averaged;
    train(1, KEYS("train.epochs", "4"), &plain);
    train(1, KEYS("train.epochs", "4", "train.ema", "0.98"), &averaged);
    assert_true(snug_metrics_get(&plain.train, "loss") ==
                snug_metrics_get(&averaged.train, "loss"));
    assert_true(snug_metrics_get(&plain.validation, "loss") !=
                snug_metrics_get(&averaged.validation, "loss"));
}

static const char *const *const with[] = {
    KEYS("train.ema", "0.9", "train.patience", "3"),
    KEYS("train.swa_start", "2", "train.epochs", "4"),
    KEYS("train.schedule", "plateau", "train.plateau_patience", "0", "train.epochs", "6",
         "train.learning_rate", "0.05", "train.step_factor", "0.5"),
};
enum { N_WITH = sizeof with / sizeof with[0] };

static void threads_do_not_matter(void **state)
{
    (void)state;
    for (int i = 0; i < N_WITH; i++) {
        snug_train_result one, two;
        train(1, with[i], &one);
        train(2, with[i], &two);
        assert_string_equal(one.state_sha256, two.state_sha256);
    }
}

typedef struct stopper {
    snug_context *ctx;
    int64_t at;
} stopper;

static void stop_at(void *arg, int64_t step, int64_t n_steps, double loss, double rate)
{
    stopper *s = arg;
    (void)n_steps, (void)loss, (void)rate;
    if (step == s->at) snug_context_interrupt(s->ctx);
}

static void interrupted_runs_end_in_the_same_bits(void **state)
{
    char path[128];
    snug_context *ctx = context(2);
    for (int i = 0; i < N_WITH; i++) {
        snug_train_result whole = {0}, part = {0}, again = {0};
        ok(train_with(ctx, with[i], &no_files, &whole));
        for (int64_t at = 3; at < whole.steps; at += 4) {
            stopper s = {.ctx = ctx, .at = at};
            snug_train_config c = {
                .on_progress = stop_at, .arg = &s, .out_dir = in_folder(state, "run", path)};
            fails(train_with(ctx, with[i], &c, &part), SNUG_EINTERRUPTED, "resum");
            ok(train_with(ctx, NULL, &(snug_train_config){.resume = path}, &again));
            assert_string_equal(again.state_sha256, whole.state_sha256);
            assert_true(snug_metrics_get(&again.validation, "loss") ==
                        snug_metrics_get(&whole.validation, "loss"));
            remove_tree(path);
        }
    }
    snug_context_destroy(ctx);
}

/* Rates fall when the loss has not been better for longer than the patience. */
static void plateau(void **state)
{
    (void)state;
    static const double loss[] = {3, 2, 2, 2, 1, 1, 1}, want[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25};
    snug_recipe *r = recipe(KEYS("train.schedule", "plateau", "train.plateau_patience", "1",
                                 "train.step_factor", "0.5", "train.final_rate", "0.2"));
    snug_schedule_state s = {.scale = 1};
    const snug_schedule *row = snug_schedule_get(r->train.schedule);
    assert_string_equal(row->name, "plateau");
    for (int i = 0; i < 7; i++) {
        row->judge(r, loss[i], &s);
        if (s.scale != want[i]) fail_msg("after epoch %d the scale is %g", i + 1, s.scale);
    }
    for (int i = 0; i < 20; i++) row->judge(r, 1, &s);
    assert_true(s.scale == 0.2);
    snug_recipe_destroy(r);
}

static void contradictions(void **state)
{
    (void)state;
    snug_context *ctx = context(1);
    snug_train_result r;
    fails(train_with(ctx, KEYS("train.ema", "0.9", "train.swa_start", "1"), &no_files, &r),
          SNUG_EINVAL, "one of them");
    fails(train_with(ctx, KEYS("train.schedule", "plateau", "data.validation", "0"), &no_files, &r),
          SNUG_EINVAL, "needs validation data");
    snug_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_of_one_epoch),
        cmocka_unit_test(still_weights),
        cmocka_unit_test(training_goes_on_as_it_would),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test_setup_teardown(interrupted_runs_end_in_the_same_bits, folder_make,
                                        folder_drop),
        cmocka_unit_test(plateau),
        cmocka_unit_test(contradictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
