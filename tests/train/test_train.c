/* SPDX-License-Identifier: Apache-2.0 */
/* Training as a whole: same bits whatever the threads, the micro-batches and the interruptions;
 * budgets kept; runs that can be gone on with, evaluated and used. */
#include "base/context.h"
#include "train/trained.h"
#include <math.h>
#include <snug/run.h>
#include <sys/wait.h>

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const snug_train_config no_files = {.no_files = true};

static void digest_of(int threads, const char *const *keys, char out[65])
{
    snug_context *ctx = context(threads);
    snug_train_result r = {0};
    ok(train_with(ctx, keys, &no_files, &r));
    memcpy(out, r.state_sha256, 65);
    snug_context_destroy(ctx);
}

static void same_digest_at_any_threads(void **state)
{
    (void)state;
    static const char *const models[] = {SMALL_MODEL, "lenet"};
    for (int m = 0; m < 2; m++) {
        const char *const *keys = KEYS("model", models[m], "train.epochs", "1");
        char one[65], many[65];
        digest_of(1, keys, one);
        for (int threads = 2; threads <= 7; threads += threads < 3 ? 1 : 4) {
            digest_of(threads, keys, many);
            assert_string_equal(one, many);
        }
    }
}

static void seeds_differ(void **state)
{
    (void)state;
    char a[65], b[65], c[65];
    digest_of(2, KEYS("train.seed", "1"), a);
    digest_of(2, KEYS("train.seed", "2"), b);
    digest_of(2, KEYS("train.seed", "1"), c);
    assert_string_not_equal(a, b);
    assert_string_equal(a, c);
}

/* ---- going on ---------------------------------------------------------------------------------
 */

typedef struct stopper {
    snug_context *ctx;
    int64_t at;
    bool die;
} stopper;

static void stop_at(void *arg, int64_t step, int64_t n_steps, double loss, double rate)
{
    stopper *s = arg;
    (void)n_steps, (void)loss, (void)rate;
    if (step != s->at) return;
    if (s->die) _exit(9);
    snug_context_interrupt(s->ctx);
}

static const char *const *kept_keys = KEYS("train.checkpoint_steps", "1", "train.patience", "5");

static void interrupted_run_ends_in_the_same_bits(void **state)
{
    char path[128];
    snug_context *ctx = context(2);
    snug_train_result whole = {0}, part = {0}, again = {0};
    ok(train_with(ctx, kept_keys, &no_files, &whole));
    for (int64_t at = 1; at < whole.steps; at++) {
        stopper s = {.ctx = ctx, .at = at};
        snug_train_config c = {
            .on_progress = stop_at, .arg = &s, .out_dir = in_folder(state, "int", path)};
        fails(train_with(ctx, kept_keys, &c, &part), SNUG_EINTERRUPTED, "resum");
        assert_true(part.interrupted);
        assert_int_equal(part.steps, at);
        ok(train_with(ctx, NULL, &(snug_train_config){.resume = path}, &again));
        assert_string_equal(again.state_sha256, whole.state_sha256);
        assert_string_equal(again.weights_sha256, whole.weights_sha256);
        assert_true(snug_metrics_get(&again.train, "loss") ==
                    snug_metrics_get(&whole.train, "loss"));
        remove_tree(path);
    }
    snug_context_destroy(ctx);
}

/* The process dies, in the midst of it; what it wrote until then is all there is. */
static void killed_run_ends_in_the_same_bits(void **state)
{
    char path[128];
    snug_train_result whole = {0}, again = {0};
    snug_context *ctx = context(1);
    ok(train_with(ctx, kept_keys, &no_files, &whole));
    snug_context_destroy(ctx);
    for (int64_t at = 1; at <= whole.steps; at += 3) {
        in_folder(state, "killed", path);
        const pid_t child = fork();
        if (child == 0) {
            stopper s = {.at = at, .die = true};
            snug_train_config c = {.on_progress = stop_at, .arg = &s, .out_dir = path};
            (void)train_with(context(2), kept_keys, &c, &again);
            _exit(1);
        }
        int status;
        waitpid(child, &status, 0);
        assert_int_equal(WEXITSTATUS(status), 9);
        ctx = context(2);
        ok(train_with(ctx, NULL, &(snug_train_config){.resume = path}, &again));
        assert_string_equal(again.state_sha256, whole.state_sha256);
        snug_context_destroy(ctx);
        remove_tree(path);
    }
}

static void overwrite_middle(const char *path)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -100, SEEK_END), 0);
    assert_int_equal(fwrite("damage", 1, 6, f), 6);
    fclose(f);
}

static void newest_checkpoint(const char *run, char *path, size_t bytes)
{
    char folder[256], **name;
    int n, last = -1;
    snprintf(folder, sizeof folder, "%s/checkpoints", run);
    ok(snug_list_dir(folder, &name, &n));
    for (int i = 0; i < n; i++)
        if (strncmp(name[i], "step-", 5) == 0) last = i;
    assert_true(last >= 0);
    snprintf(path, bytes, "%s/%s", folder, name[last]);
    snug_free(name);
}

static void damaged_checkpoints_are_passed_over(void **state)
{
    char path[128], file[512], later[512];
    snug_context *ctx = context(2);
    snug_train_result whole = {0}, again = {0};
    snug_train_config c = {.out_dir = in_folder(state, "damaged", path)};
    ok(train_with(ctx, kept_keys, &c, &whole));
    newest_checkpoint(path, file, sizeof file);
    overwrite_middle(file);
    ok(train_with(ctx, NULL, &(snug_train_config){.resume = path}, &again));
    assert_string_equal(again.state_sha256, whole.state_sha256);
    for (int i = 0; i < 2; i++) { /* both that are kept */
        newest_checkpoint(path, file, sizeof file);
        overwrite_middle(file);
        if (i == 0) ok(snug_remove_file(file));
    }
    snprintf(later, sizeof later, "%s/checkpoints/step-1000000000.safetensors", path);
    assert_int_equal(rename(file, later), 0); /* steps of more digits are found, too */
    fails(train_with(ctx, NULL, &(snug_train_config){.resume = path}, &again), SNUG_EFORMAT,
          "none of its");
    snug_context_destroy(ctx);
}

static void options_that_change_the_result_are_refused(void **state)
{
    char path[128];
    snug_context *ctx = context(2);
    snug_train_result r = {0};
    snug_train_config c = {.out_dir = in_folder(state, "fixed", path)};
    ok(train_with(ctx, NULL, &c, &r));
    fails(train_with(ctx, NULL, &c, &r), SNUG_EINVAL, "holds a run already");
    c = (snug_train_config){.resume = path};
    fails(train_with(ctx, KEYS("train.learning_rate", "0.5"), &c, &r), SNUG_EINVAL,
          "train.learning_rate");
    fails(train_with(ctx, KEYS("data.path", "glyphs:n=170"), &c, &r), SNUG_EINVAL, "not the data");
    ok(train_with(ctx, KEYS("train.keep_checkpoints", "1", "budget.memory", "1G"), &c, &r));
    c.resume = "/nonexistent/run";
    fails(train_with(ctx, NULL, &c, &r), SNUG_ENOENT, "not a run's folder");
    snug_context_destroy(ctx);
}

/* ---- stopping early ---------------------------------------------------------------------------
 */

/* A learning rate of 0 after the first epoch: no later epoch is better, and the first one's
 * weights are what is kept. */
static void early_stopping_keeps_the_best(void **state)
{
    (void)state;
    snug_context *ctx = context(2);
    snug_train_result one = {0}, stopped = {0};
    const char *const *keys = KEYS("train.epochs", "9", "train.patience", "2", "train.schedule",
                                   "step", "train.step_epochs", "1", "train.step_factor", "0");
    ok(train_with(ctx, KEYS("train.epochs", "1", "train.schedule", "constant"), &no_files, &one));
    ok(train_with(ctx, keys, &no_files, &stopped));
    assert_int_equal(stopped.epochs, 3);
    assert_string_equal(one.weights_sha256, stopped.weights_sha256);
    assert_true(snug_metrics_get(&one.validation, "loss") ==
                snug_metrics_get(&stopped.validation, "loss"));
    fails(train_with(ctx, KEYS("train.patience", "1", "data.validation", "0"), &no_files, &one),
          SNUG_EINVAL, "data.validation");
    snug_context_destroy(ctx);
}

static void out_of_time_is_an_early_end(void **state)
{
    (void)state;
    snug_context *ctx = context(2);
    snug_train_result r = {0};
    ok(train_with(ctx, KEYS("train.epochs", "100000", "budget.time", "0.2"), &no_files, &r));
    assert_true(r.steps > 0 && r.epochs < 100000 && !r.interrupted);
    assert_true(r.has_validation && r.has_test);
    assert_true(r.seconds < 2);
    snug_context_destroy(ctx);
}

/* ---- budgets ----------------------------------------------------------------------------------
 */

static snug_trainer *planned(snug_context *ctx, const char *const *keys)
{
    snug_recipe *r = recipe(keys);
    snug_trainer *t;
    ok(snug_trainer_create(ctx, r, &no_files, &t));
    snug_recipe_destroy(r);
    return t;
}

static void budget_is_found_and_kept(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* what was freed stays resident there: every plan in a process needs more */
#endif
    char memory[32], whole[65];
    snug_context *ctx = context(1);
    snug_train_result r = {0};
    const char *const *keys =
        KEYS("model", "lenet", "train.batch", "128", "train.epochs", "1", "train.leaves", "8");
    digest_of(1, keys, whole);
    snug_trainer *t = planned(ctx, keys);
    const snug_plan_report *p = snug_trainer_plan(t);
    const size_t least = p->smallest_budget_bytes, at_once = p->peak_bytes;
    assert_true(p->feasible && p->micro_batches == 1 && p->n_choices == 0);
    assert_true(least < at_once);
    snug_trainer_destroy(t);

    const char *const *tight =
        KEYS("model", "lenet", "train.batch", "128", "train.epochs", "1", "train.leaves", "8",
             "budget.memory", (snprintf(memory, sizeof memory, "%zu", least), memory));
    t = planned(ctx, tight);
    p = snug_trainer_plan(t);
    assert_true(p->feasible && p->micro_batches > 1 && p->peak_bytes <= least);
    assert_int_equal(p->n_choices, 1);
    assert_true(p->choices[0].same_bits && p->choices[0].bytes_saved > 0);
    ok(snug_trainer_run(t, &r));
    assert_string_equal(r.state_sha256, whole);
    snug_trainer_destroy(t);
    snug_context_destroy(ctx);
}

static void budget_that_cannot_be_met(void **state)
{
    (void)state;
    snug_context *ctx = context(1);
    snug_train_result r = {0};
    snug_trainer *t = planned(ctx, KEYS("budget.memory", "1M"));
    const snug_plan_report *p = snug_trainer_plan(t);
    assert_false(p->feasible);
    assert_non_null(strstr(p->problem, "at least"));
    fails(snug_trainer_run(t, &r), SNUG_EBUDGET, "at least");
    snug_trainer_destroy(t);

    t = planned(ctx, KEYS("model", "cnn", "train.batch", "64", "train.micro_batches", "2"));
    assert_false(snug_trainer_plan(t)->feasible);
    assert_non_null(strstr(snug_trainer_plan(t)->problem, "allow_batch_norm_micro"));
    snug_trainer_destroy(t);
    t = planned(ctx, KEYS("model", "cnn", "train.batch", "64", "train.micro_batches", "2",
                          "train.allow_batch_norm_micro", "true"));
    p = snug_trainer_plan(t);
    assert_true(p->feasible && p->n_choices == 1 && !p->choices[0].same_bits);
    snug_trainer_destroy(t);
    snug_context_destroy(ctx);
}

static void owners_sum_to_the_peak(void **state)
{
    (void)state;
    snug_context *ctx = context(1);
    snug_trainer *t = planned(ctx, NULL);
    const snug_plan_report *p = snug_trainer_plan(t);
    const snug_plan_owners *o = &p->by_owner;
    assert_int_equal(o->parameters + o->gradients + o->optimizer + o->activations + o->scratch +
                         o->data + o->communication + o->code,
                     p->peak_bytes);
    assert_int_equal(p->arena_bytes + p->fixed_bytes, p->peak_bytes);
    assert_int_equal(p->steps, 2 * p->steps_per_epoch);
    char *json;
    ok(snug_plan_json(p, &json));
    assert_non_null(strstr(json, "\"by_owner\""));
    free(json);
    snug_trainer_destroy(t);
    snug_context_destroy(ctx);
}

/* ---- numbers that are none --------------------------------------------------------------------
 */

static void overflow_is_named(void **state)
{
    char path[128], file[512];
    snug_context *ctx = context(2);
    snug_train_result r = {0};
    snug_train_config c = {.out_dir = in_folder(state, "overflow", path)};
    snug_status s = train_with(ctx,
                               KEYS("train.learning_rate", "1000", "train.optimizer", "sgd",
                                    "train.schedule", "constant", "train.epochs", "40",
                                    "train.checkpoint_steps", "1", "train.seed", "3"),
                               &c, &r);
    fails(s, SNUG_ENUMERIC, "step");
    newest_checkpoint(path, file, sizeof file);
    snug_context_destroy(ctx);
}

/* ---- using what was trained -------------------------------------------------------------------
 */

static void count_row(void *arg, const snug_prediction *p)
{
    int64_t *rows = arg;
    assert_int_equal(p->row, *rows);
    assert_true(p->value > 0 && p->value <= 1 && p->class_name[0]);
    (*rows)++;
}

static void model_does_what_the_run_said(void **state)
{
    char path[128], file[160];
    snug_context *ctx = context(2);
    snug_train_result r = {0};
    snug_train_config c = {.out_dir = in_folder(state, "used", path)};
    ok(train_with(ctx, KEYS("model", "cnn", "train.epochs", "1"), &c, &r));

    snug_model *m;
    snug_dataset *d;
    snug_metrics metrics;
    int64_t rows = 0;
    ok(snug_model_open(ctx, path, &m));
    assert_string_equal(snug_model_name(m), "cnn");
    const snug_data_config config = {
        .path = snug_model_data_path(m), .validation = 0.2, .seed = 1, .spec = snug_model_spec(m)};
    ok(snug_dataset_open(ctx, &config, &d));
    ok(snug_model_eval(m, d, SNUG_PART_TEST, 32, &metrics));
    ok(snug_model_predict(m, d, SNUG_PART_TEST, 7, count_row, &rows));
    snug_dataset_close(d);
    assert_int_equal(rows, metrics.samples);
    assert_true(metrics.class_names[0][0] != 0); /* outlives the data */
    snug_model_close(m);

    snprintf(file, sizeof file, "%s/model.safetensors", path);
    overwrite_middle(file);
    fails(snug_model_open(ctx, path, &m), SNUG_EFORMAT, "");
    fails(snug_model_open(ctx, "/nonexistent", &m), SNUG_ENOENT, "no model");
    snug_context_destroy(ctx);
}

static snug_value *own_model(void *arg, snug_graph *g, snug_value *x, int64_t outputs)
{
    ++*(int *)arg;
    return snug_linear(g, snug_flatten(g, x), outputs, "out");
}

static void programs_own_model(void **state)
{
    char path[128];
    int calls = 0;
    snug_context *ctx = context(1);
    snug_train_result r = {0};
    snug_model *m;
    snug_train_config c = {
        .build = own_model, .build_arg = &calls, .out_dir = in_folder(state, "own", path)};
    ok(train_with(ctx, NULL, &c, &r));
    assert_true(calls >= 2);
    fails(snug_model_open(ctx, path, &m), SNUG_EUNSUPPORTED, "program");
    snug_context_destroy(ctx);
}

static void runs_are_named_one_after_the_other(void **state)
{
    char path[128];
    snug_context *ctx = context(1);
    snug_train_result r = {0};
    snug_train_config c = {.runs_dir = in_folder(state, "runs", path)};
    for (int i = 0; i < 2; i++) ok(train_with(ctx, KEYS("train.epochs", "1"), &c, &r));
    snug_run_list *l;
    ok(snug_runs_open(path, &l));
    assert_int_equal(snug_runs_count(l), 2);
    assert_string_equal(snug_runs_get(l, 0)->name, "layers-glyphs-001");
    assert_string_equal(snug_runs_get(l, 1)->name, "layers-glyphs-002");
    assert_string_equal(snug_runs_get(l, 1)->state, "finished");
    assert_string_equal(snug_runs_get(l, 1)->weights_sha256, r.weights_sha256);
    snug_runs_close(l);
    snug_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_digest_at_any_threads),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(killed_run_ends_in_the_same_bits),
        cmocka_unit_test(interrupted_run_ends_in_the_same_bits),
        cmocka_unit_test(damaged_checkpoints_are_passed_over),
        cmocka_unit_test(options_that_change_the_result_are_refused),
        cmocka_unit_test(early_stopping_keeps_the_best),
        cmocka_unit_test(out_of_time_is_an_early_end),
        cmocka_unit_test(budget_is_found_and_kept),
        cmocka_unit_test(budget_that_cannot_be_met),
        cmocka_unit_test(owners_sum_to_the_peak),
        cmocka_unit_test(overflow_is_named),
        cmocka_unit_test(model_does_what_the_run_said),
        cmocka_unit_test(programs_own_model),
        cmocka_unit_test(runs_are_named_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
