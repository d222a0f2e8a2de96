/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics over a pass through data: a tally takes batches, metrics are read from it. A tally
 * allocates nothing after creation. */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include "formats/safetensors.h"
#include <snug/train.h>

enum { SUM_LOSS, SUM_SQUARED, SUM_ABSOLUTE, SUM_MEAN, SUM_SPREAD, N_SUMS };

typedef struct snug_tally {
    snug_target_kind target;
    int64_t samples, n_classes;
    const char *const *class_names; /* of the data set */
    double sum[N_SUMS]; /* of loss x samples, squared and absolute errors; mean and sum of squared
                           deviations of the true values (Welford 1962) */
    int64_t *confusion; /* [true, predicted] */
    snug_class_metrics *by_class;
} snug_tally;

typedef struct snug_metric_info {
    const char *name, *doc;
    snug_target_kind target; /* NONE: of both kinds */
    double (*value)(const snug_tally *t);
} snug_metric_info;

const snug_metric_info *snug_metric_get(int i); /* NULL past the end */

snug_status snug_tally_create(const snug_data_info *info, snug_tally **out) SNUG_MUST_USE;
void snug_tally_destroy(snug_tally *t);
void snug_tally_reset(snug_tally *t);
/* n samples with mean loss `loss`: outputs [n, classes] and y i32 [n], or outputs and y f32 [n]. */
void snug_tally_add(snug_tally *t, double loss, int64_t n, const float *outputs, const void *y);
/* Pointers in *out stay the tally's. */
void snug_tally_metrics(snug_tally *t, double seconds, snug_metrics *out);

/* Whether it counts no sample twice and none less than never; for one that was read from a file. */
bool snug_tally_sound(const snug_tally *t);

/* The tally's contents as tensors to save and restore; names start with "snug.tally.". */
#define SNUG_TALLY_TENSORS 2
int snug_tally_tensors(snug_tally *t, snug_named_tensor out[SNUG_TALLY_TENSORS]);

#endif
