/* SPDX-License-Identifier: Apache-2.0 */
/* Short trainings on the embedded data, each in a fresh folder that goes away. */
#ifndef TRAIN_TRAINED_H
#define TRAIN_TRAINED_H

#include "base/file.h"
#include "base/str.h"
#include "support/check.h"
#include <stdlib.h>
#include <unistd.h>

#define SMALL_MODEL "[flatten, {linear: 24}, relu, {linear: outputs}]"

typedef struct test_folder {
    char folder[32];
} test_folder;

static inline int folder_make(void **state)
{
    static test_folder b;
    const char *where = snug_path_is_dir("/dev/shm") ? "/dev/shm" : "/tmp"; /* syncs cost nothing */
    snprintf(b.folder, sizeof b.folder, "%s/snug-train-XXXXXX", where);
    *state = &b;
    return mkdtemp(b.folder) ? 0 : -1;
}

/* Everything below a folder, and it. */
static inline void remove_tree(const char *path)
{
    char **name;
    int n;
    ok(snug_list_dir(path, &name, &n));
    for (int i = 0; i < n; i++) {
        snug_str file = {0};
        snug_str_printf(&file, "%s/%s", path, name[i]);
        ok(snug_str_check(&file));
        if (snug_path_is_dir(file.text))
            remove_tree(file.text);
        else
            ok(snug_remove_file(file.text));
        snug_str_free(&file);
    }
    snug_free(name);
    rmdir(path);
}

static inline int folder_drop(void **state)
{
    remove_tree(((test_folder *)*state)->folder);
    return 0;
}

static inline const char *in_folder(void **state, const char *name, char path[128])
{
    int n = snprintf(path, 128, "%s/%s", ((test_folder *)*state)->folder, name);
    assert_in_range(n, 1, 127);
    return path;
}

static inline snug_context *context(int threads)
{
    const snug_context_config config = {.threads = threads, .log_level = SNUG_LOG_ERROR};
    snug_context *ctx;
    ok(snug_context_create(&config, &ctx));
    return ctx;
}

/* keys: name, value, ..., NULL; on top of a small default. */
static inline snug_recipe *recipe(const char *const *keys)
{
    static const char *const base[] = {"data.path",
                                       "glyphs:n=160",
                                       "data.validation",
                                       "0.2",
                                       "model",
                                       SMALL_MODEL,
                                       "train.epochs",
                                       "2",
                                       "train.batch",
                                       "32",
                                       NULL};
    snug_recipe *r;
    ok(snug_recipe_create(&r));
    for (int i = 0; base[i]; i += 2) ok(snug_recipe_set(r, base[i], base[i + 1]));
    for (int i = 0; keys && keys[i]; i += 2) ok(snug_recipe_set(r, keys[i], keys[i + 1]));
    return r;
}

static inline snug_status train_recipe(snug_context *ctx, const snug_recipe *r,
                                       const snug_train_config *config, snug_train_result *result)
{
    snug_trainer *t = NULL;
    snug_status s = snug_trainer_create(ctx, r, config, &t);
    if (s == SNUG_OK) s = snug_trainer_run(t, result);
    snug_trainer_destroy(t);
    return s;
}

static inline snug_status train_with(snug_context *ctx, const char *const *keys,
                                     const snug_train_config *config, snug_train_result *result)
{
    snug_recipe *r = keys || !config->resume ? recipe(keys) : NULL;
    snug_status s = train_recipe(ctx, r, config, result);
    snug_recipe_destroy(r);
    return s;
}

#endif
