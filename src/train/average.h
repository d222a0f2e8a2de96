/* SPDX-License-Identifier: Apache-2.0 */
/* Averaged weights: beside every trained parameter, and every buffer such as batch norm's running
 * statistics, a state NAME.average that the step's epilogue updates. Of all steps, the later the
 * more (train.ema; Polyak and Juditsky 1992), or of the ends of epochs from train.swa_start on,
 * each alike (Izmailov et al. 2018). Evaluations, the best weights and the model that is kept use
 * the averages; training goes on with the weights themselves. */
#ifndef TRAIN_AVERAGE_H
#define TRAIN_AVERAGE_H

#include "graph/graph.h"
#include "train/trainer.h"

#define SNUG_AVERAGE "average" /* input f32 []: the share of this step's weights */

bool snug_average_wanted(const snug_recipe *r);
/* Append to a training graph whose updates are assigned. */
snug_status snug_average_append(snug_graph *g) SNUG_MUST_USE;
/* Before a step: its share, into the graph's input. */
void snug_average_begin_step(snug_trainer *t);
/* Exchange weights and averages, once there are averages; again, and all is as it was. */
void snug_average_swap(snug_trainer *t);

#endif
