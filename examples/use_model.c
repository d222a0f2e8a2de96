/* SPDX-License-Identifier: Apache-2.0 */
/* A trained model inside a program: open it, evaluate it, let it predict.
 *
 *     use_model MODEL DATA         MODEL: a run's folder or a model.safetensors file
 *     use_model                    trains a small one first, on the embedded set
 */
#include <snug/snug.h>
#include <stdio.h>

/* A recipe, as the command would take it. The run's folder is told in `run`. */
static snug_status train(snug_context *ctx, const char *data, char run[256])
{
    const snug_train_config config = {.runs_dir = "runs"};
    snug_recipe *r = NULL;
    snug_trainer *t = NULL;
    snug_train_result result;
    SNUG_TRY(snug_recipe_create(&r));
    snug_status status = snug_recipe_set(r, "data.path", data);
    if (status == SNUG_OK) status = snug_recipe_set(r, "model", "mlp-256-128-64");
    if (status == SNUG_OK) status = snug_recipe_set(r, "budget.memory", "32M");
    if (status == SNUG_OK) status = snug_trainer_create(ctx, r, &config, &t);
    if (status == SNUG_OK) status = snug_trainer_run(t, &result);
    if (status == SNUG_OK) snprintf(run, 256, "%s", result.run);
    snug_trainer_destroy(t);
    snug_recipe_destroy(r);
    return status;
}

static void print_row(void *arg, const snug_prediction *p)
{
    (void)arg;
    if (p->row >= 5) return;
    if (p->class_index < 0)
        printf("row %lld: %g\n", (long long)p->row, p->value);
    else
        printf("row %lld: %s, %.1f %%\n", (long long)p->row, p->class_name, 100 * p->value);
}

static snug_status use(snug_model *m, snug_dataset *d)
{
    const snug_part part =
        snug_dataset_info(d)->n[SNUG_PART_TEST] > 0 ? SNUG_PART_TEST : SNUG_PART_TRAIN;
    snug_metrics x;
    SNUG_TRY(snug_model_eval(m, d, part, 64, &x));
    for (int i = 0; i < x.n; i++) printf("%-18s %8.4f\n", x.metric[i].name, x.metric[i].value);
    return snug_model_predict(m, d, part, 64, print_row, NULL);
}

static snug_status open_and_use(snug_context *ctx, const char *path, const char *data)
{
    snug_model *m = NULL;
    snug_dataset *d = NULL;
    SNUG_TRY(snug_model_open(ctx, path, &m));
    /* Classes, columns and means are the model's, not learned from these data. */
    const snug_data_config config = {.path = data, .spec = snug_model_spec(m)};
    snug_status status = snug_dataset_open(ctx, &config, &d);
    if (status == SNUG_OK) status = use(m, d);
    snug_dataset_close(d);
    snug_model_close(m);
    return status;
}

int main(int argc, char **argv)
{
    const char *data = argc > 2 ? argv[2] : "glyphs:n=1000";
    char run[256];
    snug_context *ctx = NULL;
    snug_status status = snug_context_create(NULL, &ctx);
    if (status == SNUG_OK && argc <= 2) status = train(ctx, data, run);
    if (status == SNUG_OK) status = open_and_use(ctx, argc > 2 ? argv[1] : run, data);
    if (status != SNUG_OK) fprintf(stderr, "%s\n", snug_error_message());
    snug_context_destroy(ctx);
    return snug_status_exit_code(status);
}
