/* SPDX-License-Identifier: Apache-2.0 */
/* Trainings whose numbers overflow, and parameters that are not to move. */
#include "train/trained.h"
#include "train/trainer.h"

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const snug_train_config no_files = {.no_files = true};

/* A rate that no training survives: the error names step and tensor or node, nothing that is not a
 * number is kept as the best, and the last good checkpoint can be gone on from. */
static void divergence_is_told_and_not_kept(void **state)
{
    (void)state;
    snug_context *ctx = context(1);
    snug_train_result r = {0};
    char path[128], best[160];
    const char *const *wild =
        KEYS("train.learning_rate", "1000", "train.optimizer", "sgd", "train.schedule", "constant",
             "train.patience", "3", "train.epochs", "9");
    const char *const *stepwise =
        KEYS("train.learning_rate", "1000", "train.optimizer", "sgd", "train.schedule", "constant",
             "train.checkpoint_steps", "1", "train.epochs", "9");
    snug_train_config c = {.out_dir = in_folder(state, "norm", path)};
    const char *const *norm =
        KEYS("train.learning_rate", "1000", "train.optimizer", "sgd", "train.schedule", "constant",
             "train.patience", "3", "data.path", "glyphs:n=400", "model", "resnet8");
    fails(train_with(ctx, norm, &c, &r), SNUG_ENUMERIC, "step");
    snprintf(best, sizeof best, "%s/checkpoints/best.safetensors", path);
    assert_false(snug_path_exists(best));
    fails(train_with(ctx, wild, &no_files, &r), SNUG_ENUMERIC, "step");
    c.out_dir = in_folder(state, "wild", path);
    fails(train_with(ctx, stepwise, &c, &r), SNUG_ENUMERIC, "step");
    snug_train_config again = {.resume = path};
    fails(train_with(ctx, NULL, &again, &r), SNUG_ENUMERIC, "step"); /* and not: damaged */
    snug_context_destroy(ctx);
}

static snug_value *half_frozen(void *arg, snug_graph *g, snug_value *x, int64_t outputs)
{
    (void)arg;
    snug_value *h = snug_relu(g, snug_linear(g, snug_flatten(g, x), 8, "kept"));
    snug_param_freeze(snug_graph_find_value(g, "kept.weight"), true);
    return snug_linear(g, h, outputs, "trained");
}

/* A frozen parameter has neither gradient nor update nor optimizer state. */
static void frozen_parameters_stay(void **state)
{
    (void)state;
    snug_context *ctx = context(1);
    snug_recipe *r = recipe(NULL);
    snug_trainer *t;
    const snug_train_config c = {.no_files = true, .build = half_frozen};
    ok(snug_trainer_create(ctx, r, &c, &t));
    const snug_graph *g = t->train.graph;
    assert_null(snug_graph_find_value(g, "kept.weight")->assigned_by);
    assert_non_null(snug_graph_find_value(g, "kept.bias")->assigned_by);
    assert_null(snug_persistent_find(&t->persistent, "kept.weight.adam_m"));
    assert_non_null(snug_persistent_find(&t->persistent, "trained.weight.adam_m"));
    snug_trainer_destroy(t);
    snug_recipe_destroy(r);
    snug_context_destroy(ctx);
}

/* Layers that a recipe freezes are those of inference: no updates, batch norm's statistics stay. */
static void frozen_layers_stay(void **state)
{
    (void)state;
    snug_context *ctx = context(1);
    snug_recipe *r = recipe(KEYS("model", "cnn", "train.freeze", "-1"));
    snug_trainer *t;
    const snug_train_config c = {.no_files = true};
    ok(snug_trainer_create(ctx, r, &c, &t));
    const snug_graph *g = t->train.graph;
    assert_null(snug_graph_find_value(g, "conv1.weight")->assigned_by);
    assert_null(snug_graph_find_value(g, "bn1.weight")->assigned_by);
    assert_null(snug_graph_find_value(g, "bn1.running_mean")->assigned_by);
    assert_non_null(snug_graph_find_value(g, "linear1.weight")->assigned_by);
    assert_false(snug_built_batch_stats(&t->train));
    snug_trainer_destroy(t);
    ok(snug_recipe_set(r, "train.freeze", "100"));
    fails(snug_trainer_create(ctx, r, &c, &t), SNUG_EINVAL, "no parameter to train");
    const snug_train_config own = {.no_files = true, .build = half_frozen};
    fails(snug_trainer_create(ctx, r, &own, &t), SNUG_EINVAL, "train.freeze");
    snug_recipe_destroy(r);
    snug_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divergence_is_told_and_not_kept),
        cmocka_unit_test(frozen_parameters_stay),
        cmocka_unit_test(frozen_layers_stay),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
