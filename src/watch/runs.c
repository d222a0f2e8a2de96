/* SPDX-License-Identifier: Apache-2.0 */
/* The run store: folders read back. result.json tells of what ended, recipe.yaml and events.jsonl
 * of what did not. Nothing is written, and a run that cannot be read is counted, not fatal. */
#include "base/file.h"
#include "base/tree.h"
#include <jansson.h>
#include <math.h>
#include <snug/run.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON   ((size_t)64 << 20)
#define MAX_RECIPE ((size_t)1 << 20)
#define MAX_LINE   4096

struct snug_run_list {
    snug_bump *bump; /* all texts */
    snug_run_info *run;
    int n, broken;
};

/* DIR/NAME into s. */
static snug_status join(snug_str *s, const char *dir, const char *name)
{
    snug_str_printf(s, "%s/%s", dir, name);
    return snug_str_check(s);
}

static snug_status slurp_in(const char *dir, const char *name, size_t max, char **out,
                            size_t *bytes)
{
    snug_str path = {0};
    snug_status s = join(&path, dir, name);
    if (s == SNUG_OK) s = snug_file_slurp(path.text, max, out, bytes);
    snug_str_free(&path);
    return s;
}

static snug_status exists_in(const char *dir, const char *name, bool *yes)
{
    snug_str path = {0};
    const snug_status s = join(&path, dir, name);
    *yes = s == SNUG_OK && snug_path_exists(path.text);
    snug_str_free(&path);
    return s;
}

/* ---- events -----------------------------------------------------------------------------------
 */

typedef struct event {
    const char *name;
    int64_t step, epoch;
    double value, time;
} event;

typedef bool (*event_reader)(void *arg, const event *e); /* false: enough */

static double number_of(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

/* One line; what is not an event is passed over (a line that a crash cut short). */
static bool read_line(const char *line, size_t bytes, event_reader read, void *arg)
{
    bool more = true;
    json_t *json = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, NULL);
    const event e = {.name = json_string_value(json_object_get(json, "name")),
                     .step = json_integer_value(json_object_get(json, "step")),
                     .epoch = json_integer_value(json_object_get(json, "epoch")),
                     .value = number_of(json, "value"),
                     .time = number_of(json, "time")};
    if (e.name) more = read(arg, &e);
    json_decref(json);
    return more;
}

/* Lines of [0, n) of buf; returns how many bytes were whole lines. */
static size_t read_lines(const char *buf, size_t n, event_reader read, void *arg, bool *more)
{
    size_t done = 0;
    while (*more) {
        const char *end = memchr(buf + done, '\n', n - done);
        if (!end) break;
        *more = read_line(buf + done, (size_t)(end - buf) - done, read, arg);
        done = (size_t)(end - buf) + 1;
    }
    return done;
}

static snug_status read_events(snug_file *f, event_reader read, void *arg)
{
    char buf[2 * MAX_LINE];
    size_t have = 0;
    bool more = true;
    const uint64_t size = snug_file_size(f);
    for (uint64_t at = 0; at < size && more;) {
        const uint64_t left = size - at;
        const size_t take = left < sizeof buf - have ? (size_t)left : sizeof buf - have;
        TRY(snug_file_read_at(f, at, buf + have, take));
        at += take;
        have += take;
        size_t done = read_lines(buf, have, read, arg, &more);
        if (done == 0 && have == sizeof buf) done = have; /* longer than any event */
        memmove(buf, buf + done, have - done);
        have -= done;
    }
    return SNUG_OK;
}

static snug_status each_event(const char *dir, event_reader read, void *arg)
{
    snug_str path = {0};
    snug_file *f = NULL;
    snug_status s = join(&path, dir, "events.jsonl");
    if (s == SNUG_OK) s = snug_file_open(path.text, &f);
    if (s == SNUG_OK) s = read_events(f, read, arg);
    snug_file_close(f);
    snug_str_free(&path);
    return s;
}

typedef struct named_listener {
    const char *name;
    void (*each)(void *arg, const char *name, int64_t step, int64_t epoch, double value);
    void *arg;
} named_listener;

static bool tell(void *arg, const event *e)
{
    const named_listener *l = arg;
    if (!l->name || strcmp(l->name, e->name) == 0)
        l->each(l->arg, e->name, e->step, e->epoch, e->value);
    return true;
}

snug_status snug_run_events(const char *run_dir, const char *name,
                            void (*each)(void *arg, const char *name, int64_t step, int64_t epoch,
                                         double value),
                            void *arg)
{
    named_listener l = {name, each, arg};
    TRY(each_event(run_dir, tell, &l));
    return SNUG_OK;
}

/* ---- one run ----------------------------------------------------------------------------------
 */

/* A copy of `text` into *out, which stays as it is when there is no text. */
static snug_status keep_text(snug_run_list *l, const char *text, const char **out)
{
    if (!text) return SNUG_OK;
    *out = snug_bump_strdup(l->bump, text);
    return *out ? SNUG_OK : SNUG_ENOMEM;
}

static snug_status take_recipe(snug_run_list *l, const snug_tree *root, snug_run_info *r)
{
    if (root->kind != TREE_MAP) return SNUG_OK;
    const snug_tree *model = snug_tree_get(root, "model"), *data = snug_tree_get(root, "data");
    if (data && data->kind == TREE_MAP) data = snug_tree_get(data, "path");
    if (model) TRY(keep_text(l, model->kind == TREE_LIST ? "layers" : model->text, &r->model));
    if (data && data->kind == TREE_SCALAR) TRY(keep_text(l, data->text, &r->data));
    return SNUG_OK;
}

static snug_status read_recipe_tree(snug_run_list *l, const char *text, size_t bytes,
                                    snug_run_info *r)
{
    snug_tree *root;
    snug_bump *bump = snug_bump_create(TAG_RECIPE);
    if (!bump) return SNUG_ENOMEM;
    snug_status s = snug_tree_parse("recipe.yaml", text, bytes, bump, &root);
    if (s == SNUG_OK) s = take_recipe(l, root, r);
    snug_bump_destroy(bump);
    return s;
}

static snug_status read_recipe(snug_run_list *l, snug_run_info *r)
{
    char *text;
    size_t bytes;
    TRY(slurp_in(r->path, "recipe.yaml", MAX_RECIPE, &text, &bytes));
    const snug_status s = read_recipe_tree(l, text, bytes, r);
    snug_free(text);
    return s;
}

/* The best-founded part there is: test, else validation, else train. */
static void read_metrics(const json_t *metrics, snug_run_info *r)
{
    static const char *const parts[] = {"test", "validation", "train"};
    for (int i = 0; i < 3; i++) {
        const json_t *part = json_object_get(metrics, parts[i]);
        if (!json_is_object(part)) continue;
        r->loss = number_of(part, "loss");
        r->accuracy = number_of(part, "accuracy");
        r->accuracy_part = parts[i];
        return;
    }
}

static double finite_or(double v, double otherwise)
{
    return isfinite(v) ? v : otherwise;
}

static snug_status read_result_json(snug_run_list *l, const json_t *j, snug_run_info *r)
{
    CHECK(json_is_object(j), SNUG_EFORMAT, "%s/result.json is not a JSON object", r->path);
    TRY(keep_text(l, json_string_value(json_object_get(j, "model")), &r->model));
    TRY(keep_text(l, json_string_value(json_object_get(j, "weights_sha256")), &r->weights_sha256));
    r->state = json_is_true(json_object_get(j, "interrupted")) ? "interrupted" : "finished";
    r->seconds = finite_or(number_of(j, "seconds"), 0);
    r->epochs = json_integer_value(json_object_get(j, "epochs"));
    r->steps = json_integer_value(json_object_get(j, "steps"));
    r->parameters = json_integer_value(json_object_get(j, "parameters"));
    r->peak_bytes = (size_t)json_integer_value(json_object_get(j, "peak_bytes"));
    read_metrics(json_object_get(j, "metrics"), r);
    return SNUG_OK;
}

static snug_status read_result(snug_run_list *l, snug_run_info *r)
{
    char *text;
    size_t bytes;
    TRY(slurp_in(r->path, "result.json", MAX_JSON, &text, &bytes));
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, NULL);
    snug_free(text);
    const snug_status s = read_result_json(l, json, r);
    json_decref(json);
    return s;
}

static bool take_start(void *arg, const event *e)
{
    ((snug_run_info *)arg)->started = finite_or(e->time, 0);
    return false;
}

/* How far a run without a result has come. */
static bool take_state(void *arg, const event *e)
{
    snug_run_info *r = arg;
    if (e->step > r->steps) r->steps = e->step;
    if (e->epoch > r->epochs) r->epochs = e->epoch;
    if (isfinite(e->time) && e->time - r->started > r->seconds) r->seconds = e->time - r->started;
    const bool judged = r->accuracy_part && strcmp(r->accuracy_part, "validation") == 0;
    if (strcmp(e->name, "validation.loss") == 0 || (!judged && !strcmp(e->name, "train.loss")))
        r->loss = e->value;
    if (strcmp(e->name, "validation.accuracy") == 0) {
        r->accuracy = e->value;
        r->accuracy_part = "validation";
    } else if (!judged && strcmp(e->name, "train.accuracy") == 0) {
        r->accuracy = e->value;
        r->accuracy_part = "train";
    }
    return true;
}

/* A result older than a resume that is under way is still the best that is known. */
static snug_status read_run(snug_run_list *l, const char *runs_dir, const char *name,
                            snug_run_info *out)
{
    snug_run_info r = {.name = snug_bump_strdup(l->bump, name),
                       .path = snug_bump_printf(l->bump, "%s/%s", runs_dir, name),
                       .state = "running or killed",
                       .loss = (double)NAN,
                       .accuracy = (double)NAN,
                       .weights_sha256 = ""};
    if (!r.name || !r.path) return SNUG_ENOMEM;
    bool events, result;
    TRY(read_recipe(l, &r));
    TRY(exists_in(r.path, "events.jsonl", &events));
    TRY(exists_in(r.path, "result.json", &result));
    if (events) TRY(each_event(r.path, take_start, &r));
    if (result)
        TRY(read_result(l, &r));
    else if (events)
        TRY(each_event(r.path, take_state, &r));
    *out = r;
    return SNUG_OK;
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static int by_start(const void *a, const void *b)
{
    const snug_run_info *x = a, *y = b;
    if (x->started != y->started) return x->started < y->started ? -1 : 1;
    return strcmp(x->name, y->name);
}

static snug_status is_run(const char *runs_dir, const char *name, bool *yes)
{
    snug_str path = {0};
    *yes = false;
    snug_status s = join(&path, runs_dir, name);
    if (s == SNUG_OK) s = exists_in(path.text, "recipe.yaml", yes);
    snug_str_free(&path);
    return s;
}

static snug_status read_all(snug_run_list *l, const char *runs_dir, int n, char **name)
{
    l->run = snug_alloc_array(TAG_FILE, (size_t)n + 1, sizeof *l->run);
    if (!l->run) return SNUG_ENOMEM;
    for (int i = 0; i < n; i++) {
        bool run;
        TRY(is_run(runs_dir, name[i], &run));
        if (!run) continue;
        const snug_status s = read_run(l, runs_dir, name[i], &l->run[l->n]);
        if (s == SNUG_ENOMEM) return s;
        l->n += s == SNUG_OK;
        l->broken += s != SNUG_OK;
        snug_error_clear();
    }
    qsort(l->run, (size_t)l->n, sizeof *l->run, by_start);
    return SNUG_OK;
}

static snug_status open_list(snug_run_list *l, const char *runs_dir)
{
    char **name;
    int n;
    l->bump = snug_bump_create(TAG_FILE);
    if (!l->bump) return SNUG_ENOMEM;
    if (!snug_path_exists(runs_dir)) return SNUG_OK; /* nothing was trained here yet */
    TRY(snug_list_dir(runs_dir, &name, &n));
    const snug_status s = read_all(l, runs_dir, n, name);
    snug_free(name);
    return s;
}

snug_status snug_runs_open(const char *runs_dir, snug_run_list **out)
{
    snug_run_list *l = snug_alloc(TAG_FILE, sizeof *l);
    if (!l) return SNUG_ENOMEM;
    const snug_status s = open_list(l, runs_dir ? runs_dir : "runs");
    if (s != SNUG_OK) {
        snug_runs_close(l);
        TRY(s);
    }
    *out = l;
    return SNUG_OK;
}

int snug_runs_count(const snug_run_list *l)
{
    return l->n;
}

int snug_runs_broken(const snug_run_list *l)
{
    return l->broken;
}

const snug_run_info *snug_runs_get(const snug_run_list *l, int i)
{
    return i >= 0 && i < l->n ? &l->run[i] : NULL;
}

void snug_runs_close(snug_run_list *l)
{
    if (!l) return;
    if (l->bump) snug_bump_destroy(l->bump);
    snug_free(l->run);
    snug_free(l);
}
