/* SPDX-License-Identifier: Apache-2.0 */
/* A network of the program's own, built through the public API, trained on images and evaluated.
 *
 *     train_mnist [DATA [EPOCHS]]       DATA: a folder of MNIST's four IDX files, or glyphs
 *
 * Build it with: cc train_mnist.c $(pkg-config --cflags --libs snug) -o train_mnist
 */
#include <snug/snug.h>
#include <stdio.h>
#include <string.h>

/* Two convolutions, then two linear layers. Called for training and again for evaluation, where
 * dropout does nothing. */
static snug_value *build(void *arg, snug_graph *g, snug_value *x, int64_t outputs)
{
    const snug_conv2d_config first = {
        .filters = 8, .kernel = {5, 5}, .stride = {2, 2}, .same = true};
    const snug_conv2d_config second = {.filters = 16, .same = true};
    (void)arg;
    x = snug_relu(g, snug_conv2d(g, x, &first, "conv1"));
    x = snug_relu(g, snug_conv2d(g, x, &second, "conv2"));
    x = snug_flatten(g, snug_max_pool2d(g, x, 2, 2));
    x = snug_dropout(g, snug_relu(g, snug_linear(g, x, 64, "hidden")), 0.2);
    return snug_linear(g, x, outputs, "out");
}

/* Everything observed comes here once; this program prints accuracies only. */
static void on_event(void *arg, const snug_event *e)
{
    (void)arg;
    const char *dot = strchr(e->name, '.');
    if (dot && strcmp(dot, ".accuracy") == 0)
        printf("epoch %lld  %-20s %6.2f %%\n", (long long)e->epoch, e->name, 100 * e->value);
}

static snug_status train(snug_context *ctx, snug_recipe *r, const char *data, const char *epochs)
{
    const snug_train_config config = {.on_event = on_event, .build = build, .no_files = true};
    snug_trainer *t = NULL;
    snug_train_result result;
    SNUG_TRY(snug_recipe_set(r, "data.path", data));
    SNUG_TRY(snug_recipe_set(r, "data.validation", "0.1"));
    SNUG_TRY(snug_recipe_set(r, "train.epochs", epochs));
    SNUG_TRY(snug_recipe_set(r, "train.learning_rate", "4e-3"));
    SNUG_TRY(snug_trainer_create(ctx, r, &config, &t));
    printf("planned: %.1f MB\n", (double)snug_trainer_plan(t)->peak_bytes * 1e-6);
    snug_status status = snug_trainer_run(t, &result);
    if (status == SNUG_OK)
        printf("%.1f MB used, test accuracy %.2f %%\n", (double)result.peak_bytes * 1e-6,
               100 * snug_metrics_get(&result.test, "accuracy"));
    snug_trainer_destroy(t);
    return status;
}

int main(int argc, char **argv)
{
    snug_context *ctx = NULL;
    snug_recipe *r = NULL;
    snug_status status = snug_context_create(NULL, &ctx);
    if (status == SNUG_OK) status = snug_recipe_create(&r);
    if (status == SNUG_OK)
        status = train(ctx, r, argc > 1 ? argv[1] : "glyphs:n=4000", argc > 2 ? argv[2] : "4");
    if (status != SNUG_OK) fprintf(stderr, "%s\n", snug_error_message());
    snug_recipe_destroy(r);
    snug_context_destroy(ctx);
    return snug_status_exit_code(status);
}
