/* SPDX-License-Identifier: Apache-2.0 */
/* A trained model and data for it: opened with the model's own spec, split as its run's recipe
 * says. */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

snug_status cli_with_model(cli *c, snug_status (*use)(cli *c, snug_model *m))
{
    snug_model *m = NULL;
    SNUG_TRY(cli_context(c));
    SNUG_TRY(snug_model_open(c->ctx, c->args[0], &m));
    snug_status status = use(c, m);
    snug_model_close(m);
    return status;
}

static const char *const part_names[SNUG_N_PARTS] = {"train", "validation", "test"};

const char *cli_part_name(snug_part part)
{
    return part_names[part];
}

static snug_status find_part(const char *name, snug_part *out)
{
    for (int i = 0; i < SNUG_N_PARTS; i++)
        if (strcmp(name, part_names[i]) == 0) {
            *out = (snug_part)i;
            return SNUG_OK;
        }
    return SNUG_FAIL(SNUG_EINVAL, "there is no part '%s'; parts are train, validation and test",
                     name);
}

snug_status cli_choose_part(const char *name, const snug_data_info *info, snug_part *out)
{
    snug_part part = info->n[SNUG_PART_TEST] > 0 ? SNUG_PART_TEST : SNUG_PART_TRAIN;
    if (name) SNUG_TRY(find_part(name, &part));
    SNUG_CHECK(info->n[part] > 0, SNUG_EINVAL,
               "the data has no samples in its %s part; it has %s for training, %s for validation, "
               "%s for testing",
               part_names[part], cli_count(info->n[SNUG_PART_TRAIN]),
               cli_count(info->n[SNUG_PART_VALIDATION]), cli_count(info->n[SNUG_PART_TEST]));
    *out = part;
    return SNUG_OK;
}

/* The recipe beside a model: in its run's folder, whether that or the file in it was named. NULL
 * when there is none. */
static char *recipe_of(const char *model_path)
{
    char *file = cli_file_in(model_path, "recipe.yaml");
    if (file) return file;
    const char *slash = strrchr(model_path, '/');
    size_t n = slash ? (size_t)(slash - model_path) : 0;
    char *folder = calloc(1, n + 2);
    if (!folder) return NULL;
    if (slash)
        memcpy(folder, model_path, n);
    else
        folder[0] = '.';
    file = cli_file_in(folder, "recipe.yaml");
    free(folder);
    return file;
}

static snug_status open_as_trained(cli *c, snug_model *m, const char *recipe_path,
                                   snug_dataset **out)
{
    snug_recipe *r = NULL;
    SNUG_TRY(snug_recipe_load(recipe_path, &r));
    snug_data_config config = {0};
    snug_status status = snug_recipe_data(r, &config);
    config.spec = snug_model_spec(m);
    if (status == SNUG_OK) status = snug_dataset_open(c->ctx, &config, out);
    if (status == SNUG_ENOENT) {
        snug_error_clear();
        status = SNUG_FAIL(SNUG_ENOENT,
                           "the data that %s was trained on are not at %s, seen from here; say "
                           "where they are: snug eval %s DATA",
                           c->args[0], config.path, c->args[0]);
    }
    snug_recipe_destroy(r);
    return status;
}

snug_status cli_open_data_for(cli *c, snug_model *m, const char *path, const char *test,
                              snug_dataset **out)
{
    char *recipe = path ? NULL : recipe_of(c->args[0]);
    if (recipe) {
        snug_status status = open_as_trained(c, m, recipe, out);
        free(recipe);
        return status;
    }
    if (!path) path = snug_model_data_path(m);
    SNUG_CHECK(path && path[0], SNUG_EINVAL,
               "'%s' does not tell what it was trained on; name the data", c->args[0]);
    const snug_data_config config = {
        .path = path, .test_path = test, .spec = snug_model_spec(m), .seed = 1};
    return snug_dataset_open(c->ctx, &config, out);
}

/* Rows may still have the column to predict or not: without it is what they are for, so that is
 * tried first. */
snug_status cli_open_rows_for(cli *c, snug_model *m, const char *path, snug_dataset **out)
{
    snug_data_config config = {
        .path = path, .spec = snug_model_spec(m), .seed = 1, .no_target = true};
    if (snug_dataset_open(c->ctx, &config, out) == SNUG_OK) return SNUG_OK;
    SNUG_CHECK(snug_error_status() != SNUG_ENOENT, SNUG_ENOENT, "%s", snug_error_message());
    snug_error_clear();
    config.no_target = false;
    return snug_dataset_open(c->ctx, &config, out);
}
