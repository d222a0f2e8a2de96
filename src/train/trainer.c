/* SPDX-License-Identifier: Apache-2.0 */
/* A trainer's life: created (data opened, model built, plan made; nothing run), run once, freed. */
#include "train/trainer.h"
#include "train/average.h"
#include "train/loss.h"
#include <math.h>
#include <snug/train.h>
#include <string.h>

/* ---- creating ---------------------------------------------------------------------------------
 */

static snug_status open_data(snug_trainer *t)
{
    const snug_recipe *r = t->recipe;
    snug_data_config config;
    TRY(snug_recipe_data(r, &config));
    TRY(snug_dataset_open(t->ctx, &config, &t->data));
    t->info = snug_dataset_info(t->data);
    CHECK(t->info->target != SNUG_TARGET_NONE, SNUG_EINVAL, "%s has nothing to learn: no target",
          r->data.path);
    CHECK(t->info->n[SNUG_PART_TRAIN] > 0, SNUG_EINVAL, "%s has no sample to train on",
          r->data.path);
    CHECK(!snug_schedule_get(r->train.schedule)->judge || t->info->n[SNUG_PART_VALIDATION] > 0,
          SNUG_EINVAL,
          "train.schedule %s needs validation data to follow: set data.validation, such as 0.1",
          snug_schedule_get(r->train.schedule)->name);
    CHECK(r->train.patience == 0 || t->info->n[SNUG_PART_VALIDATION] > 0, SNUG_EINVAL,
          "train.patience needs validation data to judge by: set data.validation, such as 0.1");
    return SNUG_OK;
}

static snug_status take_model(snug_trainer *t)
{
    const snug_recipe *r = t->recipe;
    CHECK(t->config.build || r->model.layers, SNUG_EINVAL,
          "the recipe names no model: set `model` to a name from the zoo or a list of layers");
    CHECK(
        !t->config.build || r->train.freeze == 0, SNUG_EINVAL,
        "train.freeze counts the layers of a list: a program's own model calls snug_param_freeze");
    t->model = (snug_model_shape){
        .layers = t->config.build ? NULL : r->model.layers,
        .build = t->config.build,
        .build_arg = t->config.build_arg,
        .sample = {.shape = t->info->sample, .dtype = t->info->sample_dtype},
        .outputs = t->info->outputs,
        .ragged = t->info->ragged,
        .target = t->info->target,
        .spec = snug_dataset_spec(t->data),
        .threshold = (double)NAN,
        .frozen = r->train.freeze,
        .ways = r->train.kernels,
        .loss = {.label_smoothing = r->train.label_smoothing,
                 .huber_delta = r->train.huber_delta,
                 .focal_gamma = r->train.focal_gamma,
                 .class_counts = r->train.class_weights ? t->info->class_counts : NULL},
    };
    TRY(snug_loss_choose(r, t->info->target, &t->model.loss.row));
    t->model_name = snug_strdup(TAG_TRAIN, t->config.build ? "custom" : r->model.name);
    return t->model_name ? SNUG_OK : SNUG_ENOMEM;
}

static void count_steps(snug_trainer *t)
{
    const snug_recipe *r = t->recipe;
    const int64_t batch = r->train.batch;
    t->report.steps_per_epoch = (t->info->n[SNUG_PART_TRAIN] + batch - 1) / batch;
    t->report.steps = r->train.steps ? r->train.steps : r->train.epochs * t->report.steps_per_epoch;
}

/* The training part is tallied while the weights change: the scores of its samples do not belong
 * together. */
static snug_status make_tallies(snug_trainer *t)
{
    const int64_t *n = t->info->n;
    int64_t most =
        n[SNUG_PART_TEST] > n[SNUG_PART_VALIDATION] ? n[SNUG_PART_TEST] : n[SNUG_PART_VALIDATION];
    const snug_part judge = snug_threshold_part(t);
    if (t->info->target == SNUG_TARGET_SELF && n[judge] > most) most = n[judge];
    TRY(snug_tally_scores(t->info, most, &t->scores));
    for (int part = 0; part < SNUG_N_PARTS; part++)
        TRY(snug_tally_create(t->info, part == SNUG_PART_TRAIN ? NULL : t->scores,
                              &t->tally[part]));
    return SNUG_OK;
}

static snug_status create(snug_trainer *t, const snug_recipe *recipe)
{
    TRY(snug_run_folder_check(t));
    TRY(snug_trainer_take_recipe(t, recipe));
    TRY(snug_recipe_check(t->recipe));
    TRY(open_data(t));
    TRY(take_model(t));
    count_steps(t);
    TRY(make_tallies(t));
    TRY(snug_device_find("cpu")->open(t->ctx, 0, &t->device));
    return snug_trainer_make_plan(t);
}

snug_status snug_trainer_create(snug_context *ctx, const snug_recipe *recipe,
                                const snug_train_config *config, snug_trainer **out)
{
    CHECK(recipe || (config && config->resume), SNUG_EINVAL, "training needs a recipe");
    snug_trainer *t = snug_alloc(TAG_TRAIN, sizeof *t);
    if (!t) return SNUG_ENOMEM;
    t->ctx = ctx;
    if (config) t->config = *config;
    snug_os_settle(); /* before anything that a plan counts */
    t->alloc_counter = snug_os_alloc_counter();
    const snug_status s = create(t, recipe);
    if (s != SNUG_OK) {
        snug_trainer_destroy(t);
        TRY(s);
    }
    *out = t;
    return SNUG_OK;
}

/* Threads and executors go before the memory they work on. */
static void close_run(snug_trainer *t)
{
    snug_feed_close(&t->feed);
    snug_exec_destroy(t->train_exec);
    snug_exec_destroy(t->eval_exec);
    t->train_exec = t->eval_exec = NULL;
    snug_arena_destroy(&t->arena);
    snug_appender_close(t->events);
    t->events = NULL;
    snug_free(t->best);
    t->best = NULL;
}

void snug_trainer_destroy(snug_trainer *t)
{
    if (!t) return;
    close_run(t);
    snug_built_free(&t->train);
    snug_built_free(&t->eval);
    snug_persistent_free(&t->persistent);
    for (int part = 0; part < SNUG_N_PARTS; part++) snug_tally_destroy(t->tally[part]);
    snug_scores_destroy(t->scores);
    if (t->device.driver) t->device.driver->close(&t->device);
    snug_dataset_close(t->data);
    snug_recipe_destroy(t->recipe);
    snug_free(t->model_name);
    snug_free(t->run_dir);
    snug_free(t);
}

const snug_plan_report *snug_trainer_plan(const snug_trainer *t)
{
    return &t->report;
}

const snug_data_info *snug_trainer_data(const snug_trainer *t)
{
    return t->info;
}

snug_status snug_trainer_graph(const snug_trainer *t, bool dot, char **out)
{
    return snug_graph_print(t->train.graph, dot, out);
}

/* ---- running ----------------------------------------------------------------------------------
 */

static snug_status set_up(snug_trainer *t)
{
    snug_plan *const plans[] = {t->train.plan, t->eval.plan};
    TRY(snug_arena_create(&t->persistent, 2, plans, &t->arena));
    TRY(snug_feed_open(t->data, &t->arena, 2, plans, &t->feed));
    const snug_effect_driver load = snug_feed_driver(&t->feed);
    TRY(snug_exec_create(t->ctx, plans[0], &t->arena, 1, &load, &t->train_exec));
    TRY(snug_exec_create(t->ctx, plans[1], &t->arena, 1, &load, &t->eval_exec));
    return SNUG_OK;
}

/* Initial or restored values, and the events that belong to them. */
static snug_status begin(snug_trainer *t)
{
    uint64_t events_bytes = 0;
    t->progress.schedule.scale = 1;
    snug_arena_init(&t->arena, (uint64_t)t->recipe->train.seed);
    if (t->config.no_files) return SNUG_OK;
    if (t->config.resume) TRY(snug_checkpoint_restore(t, &events_bytes));
    TRY(snug_run_folder_open_events(t, events_bytes));
    if (events_bytes == 0) TRY(snug_trainer_event(t, "start", 0, t->model_name));
    return SNUG_OK;
}

static snug_status fill_digests(snug_trainer *t)
{
    snug_weights w;
    TRY(snug_weights_list(&t->arena, false, &w));
    snug_weights_digest(&w, t->weights_sha256);
    snug_free(w.list);
    TRY(snug_weights_list(&t->arena, true, &w));
    snug_weights_digest(&w, t->state_sha256);
    snug_free(w.list);
    return SNUG_OK;
}

/* The weights to keep, and what they are worth: evaluated here where the loop has not just done
 * so. */
static snug_status close_training(snug_trainer *t)
{
    const bool restore = t->recipe->train.patience > 0 && t->progress.best_epoch > 0;
    if (restore) {
        TRY(snug_checkpoint_restore_best(t));
        snug_arena_changed(&t->arena);
    }
    const bool stale = restore || !t->has_metrics[SNUG_PART_VALIDATION] ||
                       t->metrics_step[SNUG_PART_VALIDATION] != t->progress.step;
    if (stale && t->info->n[SNUG_PART_VALIDATION] > 0)
        TRY(snug_trainer_evaluate(t, SNUG_PART_VALIDATION));
    TRY(snug_threshold_choose(t));
    if (t->info->n[SNUG_PART_TEST] == 0) return SNUG_OK;
    TRY(snug_trainer_evaluate(t, SNUG_PART_TEST));
    return snug_trainer_metric_events(t, SNUG_PART_TEST);
}

static void fill_result(const snug_trainer *t, bool interrupted, snug_train_result *r)
{
    const snug_progress *p = &t->progress;
    *r = (snug_train_result){
        .run = t->run_dir,
        .model = t->model_name,
        .parameters = t->report.parameters,
        .epochs = p->epoch,
        .steps = p->step,
        .seconds = p->seconds,
        .samples_per_s = p->train_seconds > 0 ? (double)p->samples / p->train_seconds : 0,
        .plan_peak_bytes = t->report.peak_bytes,
        .peak_bytes = (size_t)snug_os_peak_rss(),
        .has_train = t->has_metrics[SNUG_PART_TRAIN],
        .has_validation = t->has_metrics[SNUG_PART_VALIDATION],
        .has_test = t->has_metrics[SNUG_PART_TEST],
        .train = t->metrics[SNUG_PART_TRAIN],
        .validation = t->metrics[SNUG_PART_VALIDATION],
        .test = t->metrics[SNUG_PART_TEST],
        .interrupted = interrupted,
    };
    if (t->steady_steps > 0)
        r->heap_allocations_per_step = (double)t->steady_allocations / (double)t->steady_steps;
    memcpy(r->weights_sha256, t->weights_sha256, sizeof r->weights_sha256);
    memcpy(r->state_sha256, t->state_sha256, sizeof r->state_sha256);
}

static snug_status run(snug_trainer *t, bool *interrupted, snug_train_result *result)
{
    if (!t->config.no_files) TRY(snug_run_folder_open(t));
    TRY(set_up(t));
    TRY(begin(t));
    TRY(snug_trainer_loop(t, interrupted));
    snug_average_swap(t); /* what is kept from here on */
    if (!*interrupted) {
        const snug_status s = close_training(t);
        *interrupted = s == SNUG_EINTERRUPTED; /* what is left are evaluations, done on resuming */
        if (*interrupted) snug_error_clear();
        TRY(*interrupted ? SNUG_OK : s);
    }
    TRY(fill_digests(t));
    if (t->run_dir) TRY(snug_run_folder_save_model(t));
    fill_result(t, *interrupted, result);
    if (t->run_dir) TRY(snug_run_folder_save_result(t, result));
    if (!*interrupted) TRY(snug_trainer_event(t, "finish", (double)t->progress.step, NULL));
    return SNUG_OK;
}

/* Say in the run's events why it failed; the first error stays the one that is told. */
static void note_failure(snug_trainer *t)
{
    snug_error_copy e;
    snug_error_take(&e);
    if (t->events && snug_trainer_event(t, "error", (double)e.status, e.message) != SNUG_OK)
        snug_error_clear();
    (void)snug_error_give(&e);
}

snug_status snug_trainer_run(snug_trainer *t, snug_train_result *result)
{
    bool interrupted = false;
    CHECK(t->report.feasible, SNUG_EBUDGET, "%s", t->report.problem);
    CHECK(!t->ran, SNUG_EINVAL, "this trainer has run already; make another one");
    t->ran = true;
    const snug_status s = run(t, &interrupted, result);
    if (s != SNUG_OK) note_failure(t);
    close_run(t);
    TRY(s);
    if (!interrupted) return SNUG_OK;
    atomic_store(&t->ctx->interrupted, false); /* this run has obeyed; the next may begin */
    return FAIL(SNUG_EINTERRUPTED, "interrupted at step %" PRId64 "%s%s", t->progress.step,
                t->run_dir ? "; go on by resuming " : "", t->run_dir ? t->run_dir : "");
}
