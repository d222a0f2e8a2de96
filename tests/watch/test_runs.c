/* SPDX-License-Identifier: Apache-2.0 */
/* The run store reads what ended, what did not, and what is broken. */
#include "train/trained.h"
#include <math.h>
#include <snug/run.h>

static void put(const char *dir, const char *name, const char *text)
{
    snug_str path = {0};
    ok(snug_make_dirs(dir));
    snug_str_printf(&path, "%s/%s", dir, name);
    ok(snug_file_write_text(path.text, text));
    snug_str_free(&path);
}

static const char recipe_text[] = "model: lenet\ndata:\n  path: mnist/\n";

static void finished(void **state)
{
    char runs[128], run[160];
    snprintf(run, sizeof run, "%s/a", in_folder(state, "finished", runs));
    put(run, "recipe.yaml", recipe_text);
    put(run, "result.json",
        "{\"model\":\"lenet\",\"parameters\":61706,\"epochs\":2,\"steps\":20,\"seconds\":1.5,"
        "\"peak_bytes\":1000,\"metrics\":{\"train\":{\"loss\":1,\"accuracy\":0.5},"
        "\"test\":{\"loss\":2,\"accuracy\":0.25}},\"weights_sha256\":\"abc\","
        "\"interrupted\":false}");
    put(run, "events.jsonl",
        "{\"name\":\"start\",\"step\":0,\"epoch\":0,\"value\":0,\"time\":1000.5}\n");
    snug_run_list *l;
    ok(snug_runs_open(runs, &l));
    assert_int_equal(snug_runs_count(l), 1);
    const snug_run_info *r = snug_runs_get(l, 0);
    assert_string_equal(r->name, "a");
    assert_string_equal(r->path, run);
    assert_string_equal(r->data, "mnist/");
    assert_string_equal(r->state, "finished");
    assert_string_equal(r->accuracy_part, "test");
    assert_true(r->accuracy == 0.25 && r->loss == 2 && r->started == 1000.5);
    assert_null(snug_runs_get(l, 1));
    snug_runs_close(l);
}

/* No result yet: the events tell how far it has come; the last line was cut by a crash. */
static void running(void **state)
{
    char runs[128], run[160];
    snprintf(run, sizeof run, "%s/b", in_folder(state, "running", runs));
    put(run, "recipe.yaml", "model:\n  - flatten\n  - linear: outputs\ndata: glyphs\n");
    put(run, "events.jsonl",
        "{\"name\":\"start\",\"step\":0,\"epoch\":0,\"value\":0,\"time\":100}\n"
        "not an event\n"
        "{\"name\":\"validation.loss\",\"step\":7,\"epoch\":1,\"value\":0.75,\"time\":103}\n"
        "{\"name\":\"train.loss\",\"step\":7,\"epoch\":1,\"val");
    snug_run_list *l;
    ok(snug_runs_open(runs, &l));
    const snug_run_info *r = snug_runs_get(l, 0);
    assert_string_equal(r->state, "running or killed");
    assert_string_equal(r->model, "layers");
    assert_string_equal(r->data, "glyphs");
    assert_true(r->loss == 0.75 && isnan(r->accuracy) && r->seconds == 3 && r->steps == 7);
    assert_string_equal(r->weights_sha256, "");
    snug_runs_close(l);
}

/* Oldest first; folders without a recipe are no runs, damaged ones are counted. */
static void broken_and_sorted(void **state)
{
    char runs[128], run[160];
    in_folder(state, "mixed", runs);
    static const char *const started[] = {"300", "100", "200"};
    for (int i = 0; i < 3; i++) {
        char line[128];
        snprintf(run, sizeof run, "%s/r%d", runs, i);
        snprintf(line, sizeof line,
                 "{\"name\":\"start\",\"step\":0,\"epoch\":0,\"value\":0,\"time\":%s}\n",
                 started[i]);
        put(run, "recipe.yaml", recipe_text);
        put(run, "events.jsonl", line);
    }
    snprintf(run, sizeof run, "%s/no-run", runs);
    put(run, "notes.txt", "nothing\n");
    snprintf(run, sizeof run, "%s/bad-recipe", runs);
    put(run, "recipe.yaml", "model: [lenet\n");
    snprintf(run, sizeof run, "%s/bad-result", runs);
    put(run, "recipe.yaml", recipe_text);
    put(run, "result.json", "{\"model\":");
    snug_run_list *l;
    ok(snug_runs_open(runs, &l));
    assert_int_equal(snug_runs_count(l), 3);
    assert_int_equal(snug_runs_broken(l), 2);
    assert_string_equal(snug_runs_get(l, 0)->name, "r1");
    assert_string_equal(snug_runs_get(l, 2)->name, "r0");
    snug_runs_close(l);
    ok(snug_runs_open("/nonexistent/runs", &l));
    assert_int_equal(snug_runs_count(l), 0);
    snug_runs_close(l);
}

typedef struct heard {
    int n;
    double last;
} heard;

static void hear(void *arg, const char *name, int64_t step, int64_t epoch, double value)
{
    heard *h = arg;
    (void)name, (void)step, (void)epoch;
    h->n++;
    h->last = value;
}

/* More events than one buffer holds, and a line longer than any event. */
static void events_by_name(void **state)
{
    char run[128];
    snug_str text = {0};
    for (int i = 0; i < 500; i++) {
        snug_str_printf(&text, "{\"name\":\"loss\",\"step\":%d,\"epoch\":0,\"value\":%d}\n", i, i);
        snug_str_printf(&text, "{\"name\":\"rate\",\"step\":%d,\"epoch\":0,\"value\":1}\n", i);
    }
    for (int i = 0; i < 20000; i++) snug_str_add(&text, "x");
    snug_str_add(&text, "\n{\"name\":\"loss\",\"step\":9,\"epoch\":0,\"value\":-1}\n");
    ok(snug_str_check(&text));
    put(in_folder(state, "events", run), "events.jsonl", text.text);
    snug_str_free(&text);
    heard h = {0};
    ok(snug_run_events(run, "loss", hear, &h));
    assert_int_equal(h.n, 501);
    assert_true(h.last == -1);
    h = (heard){0};
    ok(snug_run_events(run, NULL, hear, &h));
    assert_int_equal(h.n, 1001);
    fails(snug_run_events("/nonexistent", NULL, hear, &h), SNUG_ENOENT, "events.jsonl");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finished),
        cmocka_unit_test(running),
        cmocka_unit_test(broken_and_sorted),
        cmocka_unit_test(events_by_name),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
