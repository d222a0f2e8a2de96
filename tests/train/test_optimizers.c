/* SPDX-License-Identifier: Apache-2.0 */
/* Every optimizer of the table: same bits whatever the threads and micro-batches, and a loss that
 * falls with the keys that are usual for it. */
#include "base/context.h"
#include "train/optimizer.h"
#include "train/trained.h"
#include <snug/run.h>

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const snug_train_config no_files = {.no_files = true};

static void train(int threads, const char *const *keys, snug_train_result *r)
{
    snug_context *ctx = context(threads);
    *r = (snug_train_result){0};
    ok(train_with(ctx, keys, &no_files, r));
    snug_context_destroy(ctx);
}

/* A last batch that is not whole and clipping by norm are in it too. */
static void same_digest_at_any_threads_and_micro_batches(void **state)
{
    (void)state;
    static const struct {
        int threads;
        const char *micro;
    } at[] = {{1, "1"}, {2, "1"}, {1, "2"}, {2, "4"}};
    const snug_optimizer *o;
    for (int64_t i = 0; (o = snug_optimizer_get(i)); i++) {
        snug_train_result first, r;
        for (int k = 0; k < 4; k++) {
            train(at[k].threads,
                  KEYS("train.micro_batches", at[k].micro, "train.leaves", "4", "train.batch", "48",
                       "train.optimizer", o->name, "train.clip_norm", "0.5", "train.weight_decay",
                       "0.01"),
                  k ? &r : &first);
            if (k) assert_string_equal(first.state_sha256, r.state_sha256);
        }
    }
}

/* The validation loss after training glyphs:n=400. */
static double loss_of(const char *optimizer, const char *key, const char *value)
{
    snug_train_result r;
    train(1,
          KEYS("data.path", "glyphs:n=400", "train.epochs", "12", "train.batch", "16",
               "train.optimizer", optimizer, key, value),
          &r);
    return snug_metrics_get(&r.validation, "loss");
}

static void every_optimizer_lowers_the_loss(void **state)
{
    (void)state;
    const snug_optimizer *o;
    const double untrained = loss_of("sgd", "train.learning_rate", "0");
    for (int64_t i = 0; (o = snug_optimizer_get(i)); i++) {
        const double loss = loss_of(o->name, "train.weight_decay", "0");
        if (!(loss < 0.75 * untrained))
            fail_msg("%s: from a loss of %g to %g", o->name, untrained, loss);
    }
}

/* What is usual for an optimizer counts where the recipe says nothing, and is written down. */
static void usual_values(void **state)
{
    (void)state;
    snug_recipe *r = recipe(KEYS("train.optimizer", "lion", "train.beta1", "0.8"));
    ok(snug_optimizer_settle(r));
    assert_string_equal(snug_recipe_get(r, "train.beta2"), "0.99");
    assert_string_equal(snug_recipe_get(r, "train.beta1"), "0.8");
    assert_false(snug_recipe_given(r, "train.beta2"));
    ok(snug_recipe_set(r, "train.beta2", "0.5"));
    ok(snug_optimizer_settle(r));
    assert_string_equal(snug_recipe_get(r, "train.beta2"), "0.5");
    snug_recipe_destroy(r);
}

static void table_is_whole(void **state)
{
    (void)state;
    const snug_optimizer *o;
    for (int64_t i = 0; (o = snug_optimizer_get(i)); i++) {
        assert_true(o->name && o->doc && o->update && o->keys);
        for (const snug_optimizer_key *k = o->keys; k->key; k++) {
            snug_recipe *r = recipe(KEYS("train.optimizer", o->name));
            ok(snug_recipe_set(r, k->key, k->usual ? k->usual : snug_recipe_get(r, k->key)));
            snug_recipe_destroy(r);
        }
    }
    assert_null(snug_optimizer_get(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_digest_at_any_threads_and_micro_batches),
        cmocka_unit_test(every_optimizer_lowers_the_loss),
        cmocka_unit_test(usual_values),
        cmocka_unit_test(table_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
