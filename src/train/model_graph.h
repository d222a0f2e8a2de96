/* SPDX-License-Identifier: Apache-2.0 */
/* From a model to its graphs and plans: training, evaluation, prediction. */
#ifndef TRAIN_MODEL_GRAPH_H
#define TRAIN_MODEL_GRAPH_H

#include "models/layers.h"
#include "plan/plan.h"
#include "train/recipe.h"
#include <snug/train.h>

/* What training makes small. */
typedef struct snug_loss_use {
    const struct snug_loss *row; /* NULL: what is usual for the target */
    double label_smoothing, huber_delta, focal_gamma;
    const int64_t *class_counts; /* of the training part, to balance classes by; NULL: do not */
} snug_loss_use;

/* What a model is, without its weights. Nothing here is owned. */
typedef struct snug_model_shape {
    const snug_layer_list *layers; /* or */
    snug_value *(*build)(void *arg, snug_graph *g, snug_value *x, int64_t outputs);
    void *build_arg;
    snug_type sample;   /* of one sample */
    snug_shape outputs; /* what is to be made of it */
    bool ragged;        /* samples have lengths */
    snug_target_kind target;
    const char *spec; /* the data's, JSON: units of values */
    snug_loss_use loss;
    int64_t frozen;   /* layers from the front that stay; negative: all but the last */
    const char *ways; /* that kernels were told to go (plan/ways.h); NULL: none */
    double threshold; /* of reconstructions: anomalies' errors are above it; NaN: not known */
} snug_model_shape;

/* The number of outputs that layer lists and programs are told: along the last axis. */
static inline int64_t snug_model_outputs(const snug_model_shape *m)
{
    return m->outputs.dim[m->outputs.n_dims - 1];
}

/* Names by which the graphs' values are fetched. */
#define SNUG_X        "x"
#define SNUG_Y        "y"
#define SNUG_POSITION "position" /* i32 [], of a text that grows */
#define SNUG_LENGTHS  "lengths"  /* i32 [N], of ragged samples */
#define SNUG_LOSS     "loss"
#define SNUG_OUTPUTS  "outputs" /* [N, outputs..]: as the task makes them */

typedef enum snug_use {
    USE_TRAIN,   /* x, y, hyper -> loss, outputs, updates */
    USE_EVAL,    /* x, y -> loss, outputs */
    USE_PREDICT, /* x -> outputs */
    USE_GROW,    /* x [N, 1], position -> outputs [N, 1, ..], with what was read before in states;
                    of models whose layers can (snug_layers_grow) */
} snug_use;

/* A graph, its passes done, and its plan. */
typedef struct snug_built {
    snug_graph *graph;
    snug_plan *plan;
} snug_built;

/* recipe: for USE_TRAIN only. */
snug_status snug_build(const snug_model_shape *model, const snug_recipe *recipe, snug_use use,
                       const snug_plan_config *config, snug_persistent *persistent,
                       snug_built *out) SNUG_MUST_USE;
void snug_built_free(snug_built *b);
/* Whether some node's result depends on how a step is cut into micro-batches. */
bool snug_built_batch_stats(const snug_built *b);

#endif
