/* SPDX-License-Identifier: Apache-2.0 */
/* An opened model inside, and a session: its graph, plan, arena, executor and loader for one use.
 */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include "train/feed.h"
#include "train/metrics.h"
#include "train/model_file.h"

struct snug_model {
    snug_context *ctx;
    char *path;
    snug_safetensors *file;
    snug_model_info info;
    snug_layer_list *layers;
    snug_device device;
    int64_t parameters;
    snug_tally *tally; /* of the last evaluation */
    snug_scores *scores;
    char **names; /* of its classes or values; one block */
};

typedef struct snug_session {
    snug_persistent persistent;
    snug_built built;
    snug_arena arena;
    snug_feed feed;
    snug_exec *exec;
} snug_session;

/* Graph and plan of a use, in a batch of 0: the usual one. */
snug_status snug_model_build(const snug_model *m, snug_use use, int64_t batch, snug_persistent *p,
                             snug_built *out) SNUG_MUST_USE;
/* Plan, arena and weights; with a data set its part's samples flow, else the caller fills the
 * inputs. A session that failed to open is closed like one that did not. */
snug_status snug_session_open(snug_session *s, snug_model *m, snug_use use, int64_t batch,
                              snug_dataset *d, snug_part part) SNUG_MUST_USE;
void snug_session_close(snug_session *s);
/* Whether the data are of the kind the model was made for; truth: they have what is to be learned
 * too. */
snug_status snug_model_check_data(const snug_model *m, const snug_data_info *info,
                                  bool truth) SNUG_MUST_USE;

#endif
