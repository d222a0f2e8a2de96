/* SPDX-License-Identifier: Apache-2.0 */
/* Training: a recipe is planned, then run.
 *
 *     snug_trainer_create(ctx, recipe, NULL, &t);         // opens the data, builds, plans; runs
 * nothing printf("%zu bytes\n", snug_trainer_plan(t)->peak_bytes); snug_trainer_run(t, &result);
 *     snug_trainer_destroy(t);
 */
#ifndef SNUG_TRAIN_H
#define SNUG_TRAIN_H

#include <snug/data.h>
#include <snug/graph.h>
#include <snug/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the plan, as people and scripts see it ----------------------------------------------------
 */

typedef struct snug_plan_owners {
    size_t parameters, gradients, optimizer, activations, scratch, data, communication, code;
} snug_plan_owners;

typedef struct snug_plan_choice {
    const char *name; /* "micro_batches=4" */
    const char *why;
    int64_t bytes_saved;
    double seconds_added; /* a step, estimated */
    bool same_bits;
} snug_plan_choice;

#define SNUG_MAX_CHOICES 16

typedef struct snug_plan_report {
    bool feasible;
    const char *problem; /* why not; NULL when feasible */
    size_t peak_bytes;   /* the whole process's largest resident size */
    size_t arena_bytes, fixed_bytes;
    snug_plan_owners by_owner; /* sums to peak_bytes */
    int n_choices;
    snug_plan_choice choices[SNUG_MAX_CHOICES];
    double step_seconds, flops_per_step; /* estimated; of one step */
    size_t smallest_budget_bytes;        /* that this recipe could be planned into */
    int64_t parameters, batch, leaves, micro_batches, steps_per_epoch, steps;
    int threads;
    const char *model, *tier;
    int64_t n_nodes, n_fallbacks;
} snug_plan_report;

/* ---- metrics -----------------------------------------------------------------------------------
 */

#define SNUG_MAX_METRICS 24
typedef struct snug_metric {
    const char *name;
    double value;
    bool share; /* from 0 to 1: people read it in percent */
} snug_metric;

/* Of one class against the rest, or of one label. */
typedef struct snug_class_metrics {
    double precision, recall, f1;
    double auc, auc_pr; /* NaN: not judged, or every sample of one kind */
    int64_t support, predicted;
} snug_class_metrics;

/* Of one part of the data. Owned by whoever filled it in, valid until that is destroyed. */
typedef struct snug_metrics {
    int64_t samples;
    double seconds;
    int n;
    snug_metric metric[SNUG_MAX_METRICS]; /* "loss" first; the others by kind of target */
    int64_t n_classes;                    /* or labels; 0 for other targets */
    const char *const *class_names;
    const int64_t *confusion;           /* [true, predicted]; NULL unless targets are classes */
    const snug_class_metrics *by_class; /* n_classes; NULL for other targets */
} snug_metrics;

/* NaN when there is none of this name. */
SNUG_API double snug_metrics_get(const snug_metrics *m, const char *name);

/* ---- events
 * -------------------------------------------------------------------------------------- */

/* Something observed, once: what consoles, files, stores and boards are made of. */
typedef struct snug_event {
    const char
        *name; /* "train.loss", "validation.accuracy", "learning_rate", "checkpoint", "epoch" */
    int64_t step, epoch;
    double value;
    double time;      /* seconds since 1970 */
    const char *text; /* NULL, or what cannot be said as a number */
} snug_event;

typedef struct snug_train_config {
    void (*on_event)(void *arg, const snug_event *e);
    /* Every step: cheap, for a progress bar. */
    void (*on_progress)(void *arg, int64_t step, int64_t n_steps, double loss,
                        double samples_per_s);
    void *arg;
    /* A model of the program's own instead of the recipe's: builds the logits (or the predicted
     * value) for one batch. Called more than once, for training and for evaluation. NULL: the
     * recipe's model. */
    snug_value *(*build)(void *arg, snug_graph *g, snug_value *x, int64_t outputs);
    void *build_arg;
    const char *out_dir;  /* the run's folder; NULL: runs/NAME, a new one */
    const char *runs_dir; /* where NULL out_dir goes; NULL: "runs" */
    const char *resume;   /* a run's folder to go on with; NULL: start anew */
    bool no_files;        /* keep nothing on disk (benchmarks) */
} snug_train_config;

/* Texts and metrics are the trainer's: valid until it is destroyed. */
typedef struct snug_train_result {
    const char *run, *model; /* folder, NULL without files; model's name */
    int64_t parameters, epochs, steps;
    double seconds, samples_per_s;
    size_t plan_peak_bytes, peak_bytes;
    double heap_allocations_per_step;
    bool has_train, has_validation, has_test;
    snug_metrics train, validation, test;
    char weights_sha256[65], state_sha256[65];
    bool interrupted;
} snug_train_result;

typedef struct snug_trainer snug_trainer;

/* The data that a recipe describes, for snug_dataset_open; texts live in the recipe. */
SNUG_API snug_status snug_recipe_data(const snug_recipe *r, snug_data_config *out) SNUG_MUST_USE;

SNUG_API snug_status snug_trainer_create(snug_context *ctx, const snug_recipe *recipe,
                                         const snug_train_config *config,
                                         snug_trainer **out) SNUG_MUST_USE;
SNUG_API void snug_trainer_destroy(snug_trainer *t);
/* Also when the budget cannot be met: then feasible is false and snug_trainer_run fails with
 * SNUG_EBUDGET. */
SNUG_API const snug_plan_report *snug_trainer_plan(const snug_trainer *t);
SNUG_API const snug_data_info *snug_trainer_data(const snug_trainer *t);
/* SNUG_EINTERRUPTED after an interrupt: the result is set and a checkpoint saved all the same. */
SNUG_API snug_status snug_trainer_run(snug_trainer *t, snug_train_result *result) SNUG_MUST_USE;
/* What commands print and runs keep, as one JSON object each (names as in the manual); malloc'ed,
 * the caller frees it. */
SNUG_API snug_status snug_plan_json(const snug_plan_report *plan, char **out) SNUG_MUST_USE;
SNUG_API snug_status snug_metrics_json(const snug_metrics *metrics, char **out) SNUG_MUST_USE;
SNUG_API snug_status snug_result_json(const snug_train_result *result, char **out) SNUG_MUST_USE;
/* The training graph as text or DOT, after its passes; malloc'ed. */
SNUG_API snug_status snug_trainer_graph(const snug_trainer *t, bool dot, char **out) SNUG_MUST_USE;

/* ---- trained models
 * ------------------------------------------------------------------------------ */

typedef struct snug_model snug_model;

/* A run's folder or a model.safetensors file. */
SNUG_API snug_status snug_model_open(snug_context *ctx, const char *path,
                                     snug_model **out) SNUG_MUST_USE;
SNUG_API void snug_model_close(snug_model *m);
SNUG_API const char *snug_model_name(const snug_model *m);
SNUG_API int64_t snug_model_parameters(const snug_model *m);
SNUG_API const char *snug_model_data_path(const snug_model *m); /* what it was trained on */
SNUG_API const char *snug_model_spec(const snug_model *m);      /* for snug_data_config.spec */

/* Evaluate on a part of a data set opened with the model's spec. `confusion` and the rest live in
 * m. */
SNUG_API snug_status snug_model_eval(snug_model *m, snug_dataset *d, snug_part part, int64_t batch,
                                     snug_metrics *out) SNUG_MUST_USE;

typedef struct snug_prediction {
    int64_t row;
    snug_target_kind target;
    int64_t class_index;    /* of the most probable class; -1: the target is none */
    const char *class_name; /* likewise; else NULL */
    double value; /* the class's probability; the first value; the error of a reconstruction */
    int64_t n_outputs;
    const float *outputs;     /* probabilities of classes or labels; values; the reconstruction */
    const char *const *names; /* of them; NULL: they have none */
    double threshold;         /* a reconstruction is an anomaly's above it; NaN: not known */
} snug_prediction;

SNUG_API snug_status snug_model_predict(snug_model *m, snug_dataset *d, snug_part part,
                                        int64_t batch,
                                        void (*each)(void *arg, const snug_prediction *p),
                                        void *arg) SNUG_MUST_USE;

/* ---- texts that go on --------------------------------------------------------------------------
 */

typedef struct snug_generate_config {
    const char *prompt; /* how the text begins; not empty */
    int64_t tokens;     /* to be made; 0: 200 */
    double temperature; /* 0: the likeliest token each time; 1: as the model has it */
    int64_t top_k;      /* among so many of the likeliest; 0: all */
    double top_p;       /* among the likeliest that together reach this; 0 or 1: all */
    uint64_t seed;      /* same seed, same text */
} snug_generate_config;

/* A token that was made. */
typedef struct snug_token {
    int64_t position; /* from 0 */
    int32_t token;
    const char *text; /* its bytes, n_bytes of them; not terminated */
    int n_bytes;
    double probability; /* by the model, whatever temperature and cuts were */
} snug_token;

/* Go on with a prompt, with a model of text. Each token is told as it is made; it sees the last
 * tokens that fit the model's context. Fails at characters that the model does not know. */
SNUG_API snug_status snug_model_generate(snug_model *m, const snug_generate_config *config,
                                         void (*each)(void *arg, const snug_token *t),
                                         void *arg) SNUG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
