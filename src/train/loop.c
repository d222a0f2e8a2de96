/* SPDX-License-Identifier: Apache-2.0 */
/* The training loop: epochs of steps, evaluations between them, checkpoints, and the reasons to
 * stop. A steady step allocates nothing.
 *
 * The order in which things are saved is what makes a resume exact: whatever belongs to the end of
 * an epoch (evaluation, best weights, events) is done before the checkpoint that says so.
 */
#include "base/fault.h"
#include "base/os.h"
#include "train/average.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/trainer.h"
#include <math.h>
#include <string.h>

/* Step values are written at most this often in one epoch. */
#define LOGS_PER_EPOCH 50
/* Steps of a session after which nothing is being set up any more. */
#define WARM_STEPS 2

typedef enum stop_reason { STOP_NOT, STOP_DONE, STOP_INTERRUPT, STOP_TIME } stop_reason;

static double seconds_so_far(const snug_trainer *t)
{
    return t->session_seconds + (snug_now() - t->session_began);
}

/* Heap allocations of the whole process where the system can tell, else Snug's own. */
static int64_t allocations(const snug_trainer *t)
{
    return t->alloc_counter ? (int64_t)t->alloc_counter() : snug_fault_count(FAULT_ALLOC);
}

/* ---- one step ---------------------------------------------------------------------------------
 */

/* Add the batch that just ran to a part's tally. Its labels are still there: the executor hands the
 * slot back when the next step begins. */
static double tally_batch(snug_trainer *t, snug_exec *e, snug_part part, int64_t n)
{
    const snug_tally_batch b = snug_exec_batch(e, n);
    snug_tally_add(t->tally[part], &b);
    return b.loss;
}

static snug_status train_step(snug_trainer *t, double rate, double *loss)
{
    const snug_progress *p = &t->progress;
    const snug_exec_step step = {.seed = (uint64_t)t->recipe->train.seed,
                                 .step = (uint64_t)p->step};
    int64_t n;
    snug_optimizer_hyper(t->recipe, p->step, rate,
                         snug_exec_tensor(t->train_exec, SNUG_HYPER).data);
    snug_average_begin_step(t);
    TRY(snug_exec_run(t->train_exec, &step, &n));
    CHECK(n > 0, SNUG_EIO, "the data ended at batch %" PRId64 " of %" PRId64 " of epoch %" PRId64,
          p->batch, t->report.steps_per_epoch, p->epoch + 1);
    *loss = tally_batch(t, t->train_exec, SNUG_PART_TRAIN, n);
    t->progress.samples += n;
    t->progress.step++;
    t->progress.batch++;
    return SNUG_OK;
}

/* The step, with its time and allocations kept. */
static snug_status measured_step(snug_trainer *t, int64_t nth, double rate, double *loss)
{
    const int64_t allocations_before = allocations(t);
    const double began = snug_now();
    TRY(train_step(t, rate, loss));
    t->progress.train_seconds += snug_now() - began;
    if (nth < WARM_STEPS) return SNUG_OK;
    t->steady_steps++;
    t->steady_allocations += allocations(t) - allocations_before;
    return SNUG_OK;
}

static snug_status report_step(snug_trainer *t, double rate, double loss)
{
    const snug_progress *p = &t->progress;
    const int64_t per_epoch = t->report.steps_per_epoch;
    const int64_t every = (per_epoch + LOGS_PER_EPOCH - 1) / LOGS_PER_EPOCH;
    if (p->batch % every == 0) {
        TRY(snug_trainer_event(t, "step.loss", loss, NULL));
        TRY(snug_trainer_event(t, "learning_rate", rate, NULL));
    }
    if (t->config.on_progress)
        t->config.on_progress(t->config.arg, p->step, t->report.steps, loss,
                              (double)p->samples / (p->train_seconds + 1e-9));
    return SNUG_OK;
}

/* ---- checkpoints ------------------------------------------------------------------------------
 */

static snug_status save(snug_trainer *t)
{
    t->progress.seconds = seconds_so_far(t);
    TRY(snug_checkpoint_save(t));
    t->checkpoint_at = snug_now();
    return SNUG_OK;
}

/* The event comes first, so that it is among those that belong to the checkpoint. */
static snug_status checkpoint(snug_trainer *t)
{
    if (!t->run_dir) return SNUG_OK;
    TRY(snug_trainer_event(t, "checkpoint", (double)t->progress.step, NULL));
    return save(t);
}

static bool checkpoint_due(const snug_trainer *t)
{
    const snug_recipe *r = t->recipe;
    if (r->train.checkpoint_steps > 0 && t->progress.step % r->train.checkpoint_steps == 0)
        return true;
    return r->train.checkpoint_time > 0 &&
           snug_now() - t->checkpoint_at >= r->train.checkpoint_time;
}

/* ---- stopping ---------------------------------------------------------------------------------
 */

/* What the last evaluations will take: as long as the forward third of as many training steps. */
static double closing_seconds(const snug_trainer *t)
{
    const snug_progress *p = &t->progress;
    if (p->samples == 0) return 0.0;
    const double left = (double)(t->info->n[SNUG_PART_VALIDATION] + t->info->n[SNUG_PART_TEST]);
    return left * p->train_seconds / (double)p->samples / 3.0;
}

static stop_reason why_stop(const snug_trainer *t)
{
    const double budget = t->recipe->budget.time;
    if (t->progress.stopped || t->progress.step >= t->report.steps) return STOP_DONE;
    if (snug_context_interrupted(t->ctx)) return STOP_INTERRUPT;
    if (budget > 0 && seconds_so_far(t) + closing_seconds(t) >= budget) return STOP_TIME;
    return STOP_NOT;
}

/* ---- epochs -----------------------------------------------------------------------------------
 */

/* Whatever pass was under way is dropped, and with it the slots that executors hold. */
static snug_status begin_pass(snug_trainer *t, const snug_pass *pass)
{
    snug_exec_drop_slot(t->train_exec);
    snug_exec_drop_slot(t->eval_exec);
    return snug_loader_begin(t->feed.loader, pass);
}

static snug_status begin_epoch(snug_trainer *t)
{
    const snug_progress *p = &t->progress;
    const snug_pass pass = {.part = SNUG_PART_TRAIN,
                            .shuffle = true,
                            .seed = (uint64_t)t->recipe->train.seed,
                            .epoch = p->epoch,
                            .first_batch = p->batch};
    if (p->batch == 0) snug_tally_reset(t->tally[SNUG_PART_TRAIN]);
    return begin_pass(t, &pass);
}

static double rate_of(const snug_trainer *t)
{
    return t->progress.schedule.scale * snug_schedule_rate(t->recipe, t->progress.step,
                                                           t->report.steps_per_epoch,
                                                           t->report.steps);
}

/* Steps to the epoch's end or a reason to stop. */
static snug_status run_batches(snug_trainer *t, stop_reason *why)
{
    double loss = 0;
    for (int64_t nth = 0; t->progress.batch < t->report.steps_per_epoch; nth++) {
        *why = why_stop(t);
        if (*why != STOP_NOT) return SNUG_OK;
        if (nth == 0) TRY(begin_epoch(t));
        const double rate = rate_of(t);
        TRY(measured_step(t, nth, rate, &loss));
        TRY(report_step(t, rate, loss));
        (void)snug_fault_hit(FAULT_STEP);
        if (checkpoint_due(t)) TRY(checkpoint(t));
    }
    return SNUG_OK;
}

static void keep_train_metrics(snug_trainer *t)
{
    if (t->tally[SNUG_PART_TRAIN]->samples == 0) return;
    snug_tally_metrics(t->tally[SNUG_PART_TRAIN], t->progress.train_seconds,
                       &t->metrics[SNUG_PART_TRAIN]);
    t->has_metrics[SNUG_PART_TRAIN] = true;
}

/* Early stopping: keep the weights with the least validation loss, stop when `patience` epochs
 * brought no better. */
static snug_status judge_epoch(snug_trainer *t)
{
    snug_progress *p = &t->progress;
    const int64_t patience = t->recipe->train.patience;
    if (patience == 0) return SNUG_OK;
    const double loss = snug_metrics_get(&t->metrics[SNUG_PART_VALIDATION], "loss");
    if (isfinite(loss) && (p->best_epoch == 0 || loss < p->best_loss)) {
        p->best_loss = loss;
        p->best_epoch = p->epoch;
        p->bad_epochs = 0;
        return snug_checkpoint_save_best(t);
    }
    p->stopped = ++p->bad_epochs >= patience;
    if (p->stopped) TRY(snug_trainer_event(t, "stopped", (double)p->best_epoch, NULL));
    return SNUG_OK;
}

/* What the steps made must be numbers before anything is judged by it or kept. */
static snug_status check_numbers(const snug_trainer *t)
{
    snug_weights w;
    TRY(snug_weights_list(&t->arena, true, &w));
    const snug_status s = snug_weights_check_finite(&w, t->progress.step);
    snug_free(w.list);
    return s;
}

/* What the epoch was worth, told and judged. */
static snug_status tell_epoch(snug_trainer *t)
{
    const snug_schedule *schedule = snug_schedule_get(t->recipe->train.schedule);
    TRY(snug_trainer_metric_events(t, SNUG_PART_TRAIN));
    if (t->info->n[SNUG_PART_VALIDATION] == 0) return SNUG_OK;
    TRY(snug_trainer_metric_events(t, SNUG_PART_VALIDATION));
    if (schedule->judge)
        schedule->judge(t->recipe, snug_metrics_get(&t->metrics[SNUG_PART_VALIDATION], "loss"),
                        &t->progress.schedule);
    return judge_epoch(t);
}

/* By the weights that would be kept. Nothing is told before the evaluation is done, so that one
 * that is interrupted leaves no trace. */
static snug_status value_epoch(snug_trainer *t)
{
    snug_status s = SNUG_OK;
    snug_average_swap(t);
    if (t->info->n[SNUG_PART_VALIDATION] > 0) s = snug_trainer_evaluate(t, SNUG_PART_VALIDATION);
    if (s == SNUG_OK) s = tell_epoch(t);
    snug_average_swap(t);
    return s;
}

/* A whole epoch has been trained, or what its steps allow. */
static snug_status end_epoch(snug_trainer *t)
{
    const snug_progress before = t->progress;
    TRY(check_numbers(t));
    t->progress.epoch++;
    t->progress.batch = 0;
    keep_train_metrics(t);
    const snug_status s = value_epoch(t);
    if (s == SNUG_EINTERRUPTED) t->progress = before; /* this is to be done again */
    TRY(s);
    TRY(snug_trainer_event(t, "epoch", (double)t->progress.epoch, NULL));
    return checkpoint(t);
}

/* The end of an epoch, unless it is interrupted. */
static snug_status end_epoch_or_stop(snug_trainer *t, stop_reason *why)
{
    const snug_status s = end_epoch(t);
    if (s == SNUG_EINTERRUPTED) {
        snug_error_clear();
        *why = STOP_INTERRUPT;
        return SNUG_OK;
    }
    *why = why_stop(t);
    return s;
}

snug_status snug_trainer_loop(snug_trainer *t, bool *interrupted)
{
    stop_reason why = STOP_NOT;
    const snug_progress *p = &t->progress;
    t->session_began = t->checkpoint_at = snug_now();
    t->session_seconds = p->seconds;
    while (why == STOP_NOT) {
        TRY(run_batches(t, &why));
        /* also what a checkpoint had left to do: the end of an epoch whose steps were done */
        if (p->batch == t->report.steps_per_epoch || (why == STOP_DONE && p->batch > 0))
            TRY(end_epoch_or_stop(t, &why));
    }
    if (why == STOP_INTERRUPT || why == STOP_TIME) {
        TRY(save(t)); /* without an event: the resumed run's are as if it had not stopped here */
        TRY(snug_trainer_event(t, why == STOP_TIME ? "out_of_time" : "interrupted", (double)p->step,
                               NULL));
    }
    keep_train_metrics(t);
    *interrupted = why == STOP_INTERRUPT;
    t->progress.seconds = seconds_so_far(t);
    return SNUG_OK;
}

/* ---- evaluation -------------------------------------------------------------------------------
 */

static void say_not_finite(const snug_trainer *t, snug_part part)
{
    static const char *const names[SNUG_N_PARTS] = {"training", "validation", "test"};
    const int64_t last = t->tally[part]->samples;
    snug_log(t->ctx, SNUG_LOG_WARN,
             "the loss of the %s part is NaN or infinite, first among the samples before number "
             "%" PRId64 ": it is written as null",
             names[part], last + 1);
}

snug_status snug_trainer_evaluate(snug_trainer *t, snug_part part)
{
    const snug_pass pass = {.part = part, .seed = (uint64_t)t->recipe->train.seed};
    const snug_exec_step step = {.seed = pass.seed};
    const double began = snug_now();
    int64_t n = 0;
    bool finite = true;
    snug_tally_reset(t->tally[part]);
    TRY(begin_pass(t, &pass));
    while (t->tally[part]->samples < t->info->n[part]) {
        CHECK(!snug_context_interrupted(t->ctx), SNUG_EINTERRUPTED, "evaluation interrupted");
        TRY(snug_exec_run(t->eval_exec, &step, &n));
        CHECK(n > 0, SNUG_EIO, "the data ended before sample %" PRId64 " of %" PRId64,
              t->tally[part]->samples, t->info->n[part]);
        const double loss = tally_batch(t, t->eval_exec, part, n);
        if (!isfinite(loss) && finite) say_not_finite(t, part);
        finite = finite && isfinite(loss);
    }
    snug_tally_metrics(t->tally[part], snug_now() - began, &t->metrics[part]);
    t->has_metrics[part] = true;
    t->metrics_step[part] = t->progress.step;
    return SNUG_OK;
}
