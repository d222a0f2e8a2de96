/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe inside Snug: one struct, filled by the table in recipe.def (one row a key: field, key,
 * flag, default, range, unit, help). */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include "models/layers.h"
#include <snug/recipe.h>

struct snug_recipe {
    struct {
        char *path, *test, *target, *ignore, *header, *task, *kind, *anomalies, *normal;
        double validation;
        int64_t context, horizon, stride; /* 0: see snug_data_config */
        int64_t folds, fold, limit;
    } data;
    struct {
        char *name;              /* zoo name, or "layers" for a list */
        snug_layer_list *layers; /* always set once a model was chosen */
    } model;
    struct {
        int64_t epochs, steps;                  /* steps 0: epochs decide */
        int64_t batch, leaves;                  /* leaves 0: the default for the batch */
        int64_t micro_batches;                  /* 0: what the budget needs */
        int64_t optimizer, schedule, precision; /* rows of their tables */
        int64_t loss;                           /* 0: by the target; else row + 1 */
        int64_t class_weights;                  /* 0: none; 1: balanced */
        double label_smoothing, huber_delta, focal_gamma;
        double anomaly_quantile;
        double learning_rate, weight_decay, momentum, beta1, beta2, alpha, rho, epsilon;
        double warmup;                   /* epochs of linear warm-up; fractions allowed */
        double step_epochs, step_factor; /* step schedule: every so many epochs, times factor */
        int64_t restart_factor;          /* warm restarts: each period so many times the last */
        double power;                    /* polynomial schedule */
        double final_rate;               /* decaying schedules: end at this share of the rate */
        int64_t freeze;                  /* layers that stay; negative: all but the last */
        double clip_norm, clip_value;
        int64_t plateau_patience;
        double ema;        /* decay of averaged weights; 0: none */
        int64_t swa_start; /* epoch from which on ends of epochs are averaged; 0: none */
        int64_t patience;  /* epochs without a better validation loss before stopping; 0: never */
        int64_t seed;
        int64_t checkpoint_steps; /* also save every so many steps; 0: only by time and at epochs */
        double checkpoint_time;   /* also save every so many seconds; 0: never */
        int64_t keep_checkpoints;
        bool allow_batch_norm_micro; /* consent: statistics per micro-batch */
        bool tune_kernels;
        char *kernels; /* plan/ways.h */
    } train;
    struct {
        int64_t memory, threads; /* 0: no bound, one a core */
        int64_t tier;            /* 0: the highest; else snug_tier + 1 */
        double time;
    } budget;
    uint64_t given[2]; /* bit i: row i was set */
    char *scratch;     /* of snug_recipe_get */
};

/* What no single key can tell: fold against folds, powers of two. Loading a file checks it, and so
 * does whoever runs a recipe that was put together by snug_recipe_set. */
snug_status snug_recipe_check(const snug_recipe *r) SNUG_MUST_USE;
/* A recipe of its own with the same values, which shares the list of layers: messages go on naming
 * the lines of the file that it was read from. */
snug_status snug_recipe_copy(const snug_recipe *r, snug_recipe **out) SNUG_MUST_USE;
/* Set a key that was not given; it stays so. */
snug_status snug_recipe_set_default(snug_recipe *r, const char *key,
                                    const char *value) SNUG_MUST_USE;
/* snug_recipe_load of text at hand; `name` is for messages. */
snug_status snug_recipe_parse(const char *name, const char *text, size_t bytes,
                              snug_recipe **out) SNUG_MUST_USE;
#endif
