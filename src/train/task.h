/* SPDX-License-Identifier: Apache-2.0 */
/* What a task is: from a model's result to the outputs that predictions and metrics are read from,
 * and to the loss where there is a truth to compare with. */
#ifndef TRAIN_TASK_H
#define TRAIN_TASK_H

#include "train/model_graph.h"

typedef struct snug_head {
    snug_graph *graph;
    const snug_model_shape *model;
    snug_value *x, *result; /* result [N, outputs...] */
    snug_value *y;          /* NULL: prediction */
    bool training;
} snug_head;

typedef struct snug_task {
    snug_target_kind target;
    /* *loss stays NULL without y; *outputs NULL where the graph is to keep none. Errors of the
     * graph are sticky in it. */
    snug_status (*build)(const snug_head *h, snug_value **outputs, snug_value **loss);
} snug_task;

/* NULL: nothing can be learned of this kind of target. */
const snug_task *snug_task_find(snug_target_kind target);

#endif
