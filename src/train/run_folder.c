/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a run: recipe.yaml, plan.json, events.jsonl, checkpoints/, model.safetensors,
 * result.json. It is made when the first step is about to be done, never by a plan. */
#include "train/model_file.h"
#include "train/trainer.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPE "recipe.yaml"
#define EVENTS "events.jsonl"
#define MODEL  "model.safetensors"
#define RESULT "result.json"

/* DIR/NAME into s. */
static snug_status join(snug_str *s, const char *dir, const char *name)
{
    snug_str_printf(s, "%s/%s", dir, name);
    return snug_str_check(s);
}

static snug_status holds(const char *dir, const char *name, bool *yes)
{
    snug_str path = {0};
    const snug_status s = join(&path, dir, name);
    *yes = s == SNUG_OK && snug_path_exists(path.text);
    snug_str_free(&path);
    TRY(s);
    return SNUG_OK;
}

snug_status snug_run_folder_check(const snug_trainer *t)
{
    const snug_train_config *c = &t->config;
    bool recipe = false, events = false;
    if (c->no_files) return SNUG_OK;
    if (c->resume) {
        TRY(holds(c->resume, RECIPE, &recipe));
        CHECK(recipe, SNUG_ENOENT, "%s is not a run's folder: it has no " RECIPE, c->resume);
        return SNUG_OK;
    }
    if (!c->out_dir) return SNUG_OK;
    TRY(holds(c->out_dir, RECIPE, &recipe));
    TRY(holds(c->out_dir, EVENTS, &events));
    CHECK(!recipe && !events, SNUG_EINVAL,
          "%s holds a run already: name another folder, or resume that run", c->out_dir);
    CHECK(!c->out_dir || !snug_path_exists(c->out_dir) || snug_path_is_dir(c->out_dir), SNUG_EINVAL,
          "%s is a file, and a run needs a folder: name another", c->out_dir);
    CHECK(!c->out_dir || snug_text_is_utf8(c->out_dir), SNUG_EINVAL,
          "the run's folder '%s' is not UTF-8 text: name another", c->out_dir);
    return SNUG_OK;
}

/* The data's name as part of a folder's: what stands behind the last slash, letters and digits. */
static void data_name(const char *path, char *out, size_t bytes)
{
    size_t n = strlen(path), k = 0;
    while (n > 1 && path[n - 1] == '/') n--;
    size_t from = n;
    while (from > 0 && path[from - 1] != '/') from--;
    for (size_t i = from; i < n && k + 1 < bytes && path[i] != ':' && path[i] != '.'; i++)
        out[k++] = isalnum((unsigned char)path[i]) || path[i] == '_' ? path[i] : '-';
    if (k == 0) out[k++] = '-';
    out[k] = '\0';
}

/* RUNS/MODEL-DATA-NNN, the first number that is free. Two processes cannot take the same. */
static snug_status make_new(snug_trainer *t)
{
    const char *runs = t->config.runs_dir ? t->config.runs_dir : "runs";
    char data[48];
    bool made = false;
    data_name(t->recipe->data.path, data, sizeof data);
    TRY(snug_make_dirs(runs));
    for (int i = 1; !made; i++) {
        snug_str path = {0};
        snug_str_printf(&path, "%s/%.*s-%s-%03d", runs, (int)strcspn(t->model_name, ":"),
                        t->model_name, data, i);
        snug_status s = snug_str_check(&path);
        if (s == SNUG_OK) s = snug_make_new_dir(path.text, &made);
        if (s == SNUG_OK && made) {
            t->run_dir = snug_strdup(TAG_TRAIN, path.text);
            if (!t->run_dir) s = SNUG_ENOMEM;
        }
        snug_str_free(&path);
        TRY(s);
    }
    return SNUG_OK;
}

static snug_status make_folder(snug_trainer *t)
{
    const char *given = t->config.resume ? t->config.resume : t->config.out_dir;
    if (!given) return make_new(t);
    TRY(snug_make_dirs(given));
    t->run_dir = snug_strdup(TAG_TRAIN, given);
    return t->run_dir ? SNUG_OK : SNUG_ENOMEM;
}

/* text is malloc'ed by those who made it and freed here. */
static snug_status write_made(const char *dir, const char *name, snug_status made, char *text)
{
    snug_str path = {0};
    snug_status s = made;
    if (s == SNUG_OK) s = join(&path, dir, name);
    if (s == SNUG_OK) s = snug_file_write_text(path.text, text);
    snug_str_free(&path);
    free(text);
    return s;
}

snug_status snug_run_folder_open(snug_trainer *t)
{
    char *text = NULL;
    TRY(snug_run_folder_check(t));
    TRY(make_folder(t));
    snug_status made = snug_plan_json(&t->report, &text);
    TRY(write_made(t->run_dir, "plan.json", made, text));
    if (t->config.resume) return SNUG_OK;
    text = NULL;
    made = snug_recipe_yaml(t->recipe, &text);
    TRY(write_made(t->run_dir, RECIPE, made, text));
    return SNUG_OK;
}

/* What the checkpoint knew of, or as much of it as is left after a power cut. */
snug_status snug_run_folder_open_events(snug_trainer *t, uint64_t keep_bytes)
{
    snug_str path = {0};
    snug_file *f = NULL;
    snug_status s = join(&path, t->run_dir, EVENTS);
    if (s == SNUG_OK && keep_bytes > 0) {
        s = snug_file_open(path.text, &f);
        if (s == SNUG_OK && snug_file_size(f) < keep_bytes) keep_bytes = snug_file_size(f);
        snug_file_close(f);
    }
    if (s == SNUG_OK) s = snug_appender_open(path.text, keep_bytes, &t->events);
    snug_str_free(&path);
    TRY(s);
    return SNUG_OK;
}

snug_status snug_run_folder_save_model(snug_trainer *t)
{
    const snug_model_info info = {.name = t->model_name,
                                  .data_path = t->recipe->data.path,
                                  .spec = snug_dataset_spec(t->data),
                                  .shape = t->model};
    snug_weights w;
    snug_str path = {0};
    TRY(snug_weights_list(&t->arena, false, &w));
    snug_status s = join(&path, t->run_dir, MODEL);
    if (s == SNUG_OK) s = snug_model_file_write(path.text, &info, w.n, w.list);
    snug_str_free(&path);
    snug_free(w.list);
    TRY(s);
    return SNUG_OK;
}

snug_status snug_run_folder_save_result(const snug_trainer *t, const snug_train_result *r)
{
    char *text = NULL;
    const snug_status made = snug_result_json(r, &text);
    TRY(write_made(t->run_dir, RESULT, made, text));
    return SNUG_OK;
}
