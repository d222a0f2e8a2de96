/* SPDX-License-Identifier: Apache-2.0 */
/* The trainer inside: what its files share. trainer.c makes and frees it, budget.c plans,
 * run_folder.c and checkpoint.c keep it on disk, loop.c runs it. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "base/context.h"
#include "base/file.h"
#include "base/os.h"
#include "kernels/device.h"
#include "train/feed.h"
#include "train/metrics.h"
#include "train/model_graph.h"
#include "train/schedule.h"

/* Where a training stands: everything of a checkpoint that is not a tensor. */
typedef struct snug_progress {
    int64_t step, epoch, batch; /* done; batches of the epoch under way */
    int64_t samples;            /* trained on so far, over all sessions */
    double seconds, train_seconds;
    double best_loss; /* of validation; early stopping */
    int64_t best_epoch, bad_epochs;
    bool stopped;                 /* early stopping has decided */
    int64_t averaged;             /* steps, or epochs, that the averages hold */
    snug_schedule_state schedule; /* of one that follows the validation loss */
} snug_progress;

/* Tensors of a run that have names, sorted. */
typedef struct snug_weights {
    snug_named_tensor *list;
    int n;
} snug_weights;

struct snug_trainer {
    snug_context *ctx;
    snug_recipe *recipe; /* own copy */
    snug_train_config config;
    char *model_name, *run_dir; /* run_dir NULL until the run has its folder */
    snug_dataset *data;
    const snug_data_info *info;

    snug_device device;
    snug_model_shape model;
    snug_persistent persistent;
    snug_built train, eval;
    snug_plan_report report;
    char choice_name[SNUG_MAX_CHOICES][48], choice_why[SNUG_MAX_CHOICES][160];
    char problem[512];

    snug_arena arena;
    snug_exec *train_exec, *eval_exec;
    snug_feed feed;

    snug_progress progress;
    snug_tally *tally[SNUG_N_PARTS];
    snug_scores *scores; /* of the evaluation at hand: the parts share them */
    snug_metrics metrics[SNUG_N_PARTS];
    bool has_metrics[SNUG_N_PARTS];
    int64_t metrics_step[SNUG_N_PARTS]; /* at which step they were taken */
    void *best;                         /* weights in memory, for a run without files */
    snug_appender *events;
    bool ran;
    double session_began, session_seconds; /* clock; progress.seconds when it began */
    double checkpoint_at;                  /* clock, of the last one */
    snug_os_counter alloc_counter;         /* NULL: Snug's own allocations are counted */
    int64_t steady_steps, steady_allocations;
    char weights_sha256[65], state_sha256[65];
};

/* ---- resume.c ---- */
/* t->recipe from the program's recipe or, to go on with a run, from the run's own. */
snug_status snug_trainer_take_recipe(snug_trainer *t, const snug_recipe *given) SNUG_MUST_USE;

/* ---- budget.c ---- */
/* Fill persistent, train, eval and report: micro-batches chosen so that the budget holds. */
snug_status snug_trainer_make_plan(snug_trainer *t) SNUG_MUST_USE;

/* ---- tune.c ---- */
/* Time the ways of the plan's kernels; the fastest into the recipe and t->model. */
snug_status snug_trainer_tune(snug_trainer *t, const snug_plan *p) SNUG_MUST_USE;

/* ---- weights.c ---- */
/* Persistent values in name order; all: optimizer state too. Freed with snug_free(w.list). */
snug_status snug_weights_list(const snug_arena *a, bool all, snug_weights *out) SNUG_MUST_USE;
void snug_weights_digest(const snug_weights *w, char hex[65]);
/* SNUG_ENUMERIC, naming the tensor and the step just done, unless every number is finite. */
snug_status snug_weights_check_finite(const snug_weights *w, int64_t step) SNUG_MUST_USE;

/* ---- events.c ---- */
/* An event of this run: appended to its file, handed to the program. */
snug_status snug_trainer_event(snug_trainer *t, const char *name, double value,
                               const char *text) SNUG_MUST_USE;
/* "PART.METRIC" for every metric of a part. */
snug_status snug_trainer_metric_events(snug_trainer *t, snug_part part) SNUG_MUST_USE;

/* ---- run_folder.c ---- */
snug_status
snug_run_folder_check(const snug_trainer *t) SNUG_MUST_USE; /* before anything is made */
snug_status snug_run_folder_open(snug_trainer *t) SNUG_MUST_USE;
/* Events go on behind the first keep_bytes of what is there. */
snug_status snug_run_folder_open_events(snug_trainer *t, uint64_t keep_bytes) SNUG_MUST_USE;
snug_status snug_run_folder_save_model(snug_trainer *t) SNUG_MUST_USE;
snug_status snug_run_folder_save_result(const snug_trainer *t,
                                        const snug_train_result *r) SNUG_MUST_USE;

/* ---- checkpoint.c ---- */
snug_status snug_checkpoint_save(snug_trainer *t) SNUG_MUST_USE;
/* The newest whole one into arena, progress and tally; *events_bytes: how long the events were. */
snug_status snug_checkpoint_restore(snug_trainer *t, uint64_t *events_bytes) SNUG_MUST_USE;
snug_status snug_checkpoint_save_best(snug_trainer *t) SNUG_MUST_USE;
snug_status snug_checkpoint_restore_best(snug_trainer *t) SNUG_MUST_USE;

/* ---- loop.c ---- */
/* Train from where progress stands to the end, an interrupt or the time budget. */
snug_status snug_trainer_loop(snug_trainer *t, bool *interrupted) SNUG_MUST_USE;
/* Evaluate the present weights on a part, into tally and metrics. */
snug_status snug_trainer_evaluate(snug_trainer *t, snug_part part) SNUG_MUST_USE;

/* ---- threshold.c ---- */
/* The part whose errors tell what is usual: validation, or training where there is none. */
snug_part snug_threshold_part(const snug_trainer *t);
/* After training, when the validation part was the last to be evaluated: from which error on a
 * sample is an anomaly. Nothing to do for other targets than reconstructions. */
snug_status snug_threshold_choose(snug_trainer *t) SNUG_MUST_USE;

#endif
