/* SPDX-License-Identifier: Apache-2.0 */
/* snug train: plan, train, save, tell. The first interrupt asks to stop at the next step and saves;
 * the second kills. */
#include "cli/cli.h"
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct train_options {
    const char *out, *runs;
    bool resume;
} train_options;

static const cli_option options[] = {
    {"out", "DIR", CLI_TEXT, offsetof(train_options, out), 0, 0,
     "the run's folder [runs/NAME, a new one]"},
    {"runs", "DIR", CLI_TEXT, offsetof(train_options, runs), 0, 0,
     "where new runs' folders go [runs]"},
    {"resume", NULL, CLI_SWITCH, offsetof(train_options, resume), 0, 0,
     "go on with the run in --out, or in the folder given instead of a recipe"},
    {0},
};

/* What the signal handler needs: there is one run in a process of this command. */
static snug_context *volatile interruptible;

static void on_interrupt(int sig)
{
    signal(sig, SIG_DFL);
    /* NOLINTNEXTLINE(bugprone-signal-handler): no more than an atomic store */
    if (interruptible) snug_context_interrupt(interruptible);
}

static void catch_interrupts(snug_context *ctx)
{
    interruptible = ctx;
    signal(SIGINT, on_interrupt);
    signal(SIGTERM, on_interrupt);
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_IGN); /* a reader that went away does not end a run */
#endif
}

/* ---- while it trains ---- */

typedef struct watch {
    const cli *cli;
    cli_progress progress;
    double epoch_started;
    int64_t epochs_said;
    bool classes;                                      /* accuracy means something */
    double loss[SNUG_N_PARTS], accuracy[SNUG_N_PARTS]; /* of the epoch; NaN: not told */
} watch;

static void forget_epoch(watch *w)
{
    for (int i = 0; i < SNUG_N_PARTS; i++) w->loss[i] = w->accuracy[i] = (double)NAN;
    w->epoch_started = snug_now();
}

static void on_progress(void *arg, int64_t step, int64_t n_steps, double loss, double rate)
{
    cli_progress_step(&((watch *)arg)->progress, step, n_steps, loss, rate);
}

static void say_number(const cli *c, double v, bool rate)
{
    if (!isfinite(v))
        cli_say(c, "%11s", "-");
    else if (rate)
        cli_say(c, "%9.2f %%", 100 * v);
    else
        cli_say(c, "%11.4f", v);
}

/* On a narrow terminal: the loss, and of the validation part the accuracy alone. */
static bool narrow(const watch *w)
{
    return w->classes && w->cli->columns < 58;
}

static void say_heading(const watch *w)
{
    const cli *c = w->cli;
    if (narrow(w) || !w->classes) {
        cli_say(c, "%s%5s%11s%11s%9s%s\n", cli_paint(c, STYLE_BOLD), "epoch", "loss",
                w->classes ? "val. acc." : "val. loss", "time", cli_paint(c, STYLE_PLAIN));
        return;
    }
    cli_say(c, "%s%5s%11s%11s%11s%11s%9s%s\n", cli_paint(c, STYLE_BOLD), "epoch", "loss",
            "accuracy", "val. loss", "accuracy", "time", cli_paint(c, STYLE_PLAIN));
}

static void say_epoch(watch *w, int64_t epoch)
{
    const cli *c = w->cli;
    cli_progress_clear(&w->progress);
    if (w->epochs_said++ == 0) say_heading(w);
    cli_say(c, "%5" PRId64, epoch);
    for (int i = 0; i < 2 && !narrow(w); i++) {
        const snug_part part = i == 0 ? SNUG_PART_TRAIN : SNUG_PART_VALIDATION;
        say_number(c, w->loss[part], false);
        if (w->classes) say_number(c, w->accuracy[part], true);
    }
    if (narrow(w)) {
        say_number(c, w->loss[SNUG_PART_TRAIN], false);
        say_number(c, w->accuracy[SNUG_PART_VALIDATION], true);
    }
    cli_say(c, "%9s\n", cli_time(snug_now() - w->epoch_started));
    if (!c->quiet) fflush(c->people);
    forget_epoch(w);
}

static void on_event(void *arg, const snug_event *e)
{
    watch *w = arg;
    static const char *const names[SNUG_N_PARTS] = {"train.", "validation.", "test."};
    for (int part = 0; part < SNUG_N_PARTS; part++) {
        size_t n = strlen(names[part]);
        if (strncmp(e->name, names[part], n) != 0) continue;
        if (strcmp(e->name + n, "loss") == 0) w->loss[part] = e->value;
        if (strcmp(e->name + n, "accuracy") == 0) w->accuracy[part] = e->value;
    }
    if (strcmp(e->name, "epoch") == 0) say_epoch(w, e->epoch);
}

/* ---- afterwards ---- */

static void show_parts(const cli *c, const snug_train_result *r)
{
    const char *names[SNUG_N_PARTS];
    const snug_metrics *parts[SNUG_N_PARTS];
    int n = 0;
    if (r->has_train) names[n] = "train", parts[n++] = &r->train;
    if (r->has_validation) names[n] = "validation", parts[n++] = &r->validation;
    if (r->has_test) names[n] = "test", parts[n++] = &r->test;
    cli_say(c, "\n");
    cli_show_metrics(c, n, names, parts);
    if (n > 0) cli_show_confusion(c, parts[n - 1]);
}

static void show_next(const cli *c, const snug_train_result *r, snug_target_kind target)
{
    const bool text = target == SNUG_TARGET_TOKENS && !r->interrupted;
    cli_say(c, "next    snug %s %s%s\n",
            r->interrupted ? "train --resume"
            : text         ? "predict"
                           : "eval",
            r->run, text ? " --prompt TEXT" : "");
}

static void show_result(const cli *c, const snug_train_result *r, snug_target_kind target)
{
    show_parts(c, r);
    cli_say(c, "\n%s: %s steps in %s, %s samples/s\n", r->interrupted ? "interrupted" : "done",
            cli_count(r->steps), cli_time(r->seconds), cli_count((int64_t)r->samples_per_s));
    cli_say(c, "memory  %s at its peak, %s planned\n", cli_size((double)r->peak_bytes),
            cli_size((double)r->plan_peak_bytes));
    cli_say(c, "weights %.16s\n", r->weights_sha256);
    if (c->quiet && !c->json) fprintf(c->people, "%s\n", r->run);
    cli_say(c, "run     %s%s%s\n", cli_paint(c, STYLE_BOLD), r->run, cli_paint(c, STYLE_PLAIN));
    show_next(c, r, target);
}

static snug_status run_trainer(cli *c, snug_trainer *t, watch *w)
{
    const snug_plan_report *p = snug_trainer_plan(t);
    cli_show_data(c, snug_trainer_data(t));
    cli_show_plan(c, p, false);
    if (!p->feasible) {
        if (c->json) SNUG_TRY(cli_print_plan_json(p));
        return SNUG_FAIL(SNUG_EBUDGET, "%s", p->problem ? p->problem : "the budget cannot be met");
    }
    cli_say(c, "\n");
    fflush(c->people);
    cli_progress_start(&w->progress, c);
    forget_epoch(w);
    const snug_target_kind target = snug_trainer_data(t)->target;
    w->classes = target == SNUG_TARGET_CLASS || target == SNUG_TARGET_LABELS;
    snug_train_result result = {0};
    snug_status status = snug_trainer_run(t, &result);
    cli_progress_clear(&w->progress);
    if (status != SNUG_OK && status != SNUG_EINTERRUPTED) return status;
    if (status == SNUG_EINTERRUPTED) {
        snug_error_clear();
        c->exit_code = snug_status_exit_code(status);
    }
    show_result(c, &result, target);
    return c->json ? cli_print_result_json(&result) : SNUG_OK;
}

static snug_status train(cli *c, const snug_recipe *r, const char *resume)
{
    const train_options *o = c->values;
    watch w = {.cli = c};
    const snug_train_config config = {.on_event = on_event,
                                      .on_progress = on_progress,
                                      .arg = &w,
                                      .out_dir = resume ? NULL : o->out,
                                      .runs_dir = o->runs,
                                      .resume = resume};
    snug_trainer *t = NULL;
    catch_interrupts(c->ctx);
    SNUG_TRY(snug_trainer_create(c->ctx, r, &config, &t));
    snug_status status = run_trainer(c, t, &w);
    interruptible = NULL;
    snug_trainer_destroy(t);
    return status;
}

static bool is_run(const char *path)
{
    char *recipe = path ? cli_file_in(path, "recipe.yaml") : NULL;
    free(recipe);
    return recipe != NULL;
}

/* The run to go on with: --out when a run is there, else the folder given. With --out and nothing
 * there yet, training starts anew, so that one command line serves every start of a job. */
static snug_status find_resume(const cli *c, const char **out)
{
    const train_options *o = c->values;
    const char *given = c->n_args > 0 ? c->args[0] : NULL;
    *out = NULL;
    if (!o->resume) return SNUG_OK;
    if (is_run(o->out))
        *out = o->out;
    else if (!o->out && is_run(given))
        *out = given;
    SNUG_CHECK(*out || (o->out && given), SNUG_ENOENT,
               "there is no run to go on with%s%s; name its folder: snug train --resume RUN",
               given || o->out ? " in " : "",
               o->out  ? o->out
               : given ? given
                       : "");
    return SNUG_OK;
}

static snug_status run(cli *c)
{
    const char *resume = NULL;
    SNUG_TRY(find_resume(c, &resume));
    SNUG_CHECK(resume || c->n_args == 1, SNUG_EINVAL,
               "which recipe or data? usage: snug train RECIPE | DATA");
    snug_recipe *r = NULL;
    SNUG_TRY(cli_open_recipe(c, resume ? resume : c->args[0], &r));
    snug_status status = train(c, r, resume);
    snug_recipe_destroy(r);
    return status;
}

const cli_command cli_command_train = {
    .name = "train",
    .doc = "train a recipe, or just data: then a recipe is chosen and kept",
    .usage = "RECIPE | DATA [--out DIR] [--set KEY=VALUE...]\n--resume RUN",
    .details = "RECIPE is a .yaml file or a run's folder; anything else is DATA. The plan is shown "
               "before the first step and kept to. Ctrl-C saves and stops with exit code 130; what "
               "was interrupted goes on with --resume and ends in the same bits.\n\n    snug train "
               "glyphs --epochs 3\n    snug train mnist/ --model cnn --batch 64 --memory 32M --out "
               "runs/mnist\n    snug train --resume runs/mnist\n",
    .options = options,
    .values_bytes = sizeof(train_options),
    .max_args = 1,
    .recipe = true,
    .run = run,
};
