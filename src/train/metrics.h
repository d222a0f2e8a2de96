/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics over a pass through data: a tally takes batches, metrics are read from it.
 *
 * What a tally accumulates is by the kind of target, one file a family (metrics_class.c,
 * metrics_value.c, ...): blocks of numbers, which are saved and restored with a training, and
 * scores of single samples where evaluations ask for them. A metric is a row and a function of the
 * tally. A tally allocates nothing after creation; sums are in double in the order of the samples,
 * so they have the same bits at any number of threads.
 */
#ifndef TRAIN_METRICS_H
#define TRAIN_METRICS_H

#include "formats/safetensors.h"
#include "train/scores.h"
#include <snug/train.h>

#define SNUG_TALLY_TENSORS 6
#define SNUG_TOP           5  /* classes among which top_5 looks for the true one */
#define SNUG_ECE_BINS      15 /* of the calibration error */

typedef struct snug_tally snug_tally;

/* n samples of one batch. */
typedef struct snug_tally_batch {
    int64_t n;
    double loss;         /* the mean over samples, or places of tokens */
    const void *outputs; /* as the task's graph makes them; NULL: it makes none */
    const void *x, *y;
} snug_tally_batch;

/* One kind of target. */
typedef struct snug_tally_kind {
    snug_target_kind target;
    /* The columns of scores that a sample has; NULL: none. */
    int64_t (*columns)(const snug_data_info *info);
    snug_status (*create)(snug_tally *t, const snug_data_info *info);
    /* Returns how many samples, or tokens, count. t->samples does not have the batch yet. */
    double (*add)(snug_tally *t, const snug_tally_batch *b);
    bool (*sound)(const snug_tally *t); /* NULL: whatever a file says is */
    void (*finish)(snug_tally *t);      /* before metrics are read; NULL: nothing to do */
} snug_tally_kind;

/* Numbers that add up over batches. */
typedef struct snug_tally_block {
    const char *name;
    snug_tensor tensor;
} snug_tally_block;

enum { TALLY_LOSS }; /* the first block of every tally: the sum of losses, and how many count */

struct snug_tally {
    const snug_tally_kind *kind;
    int64_t samples;
    int64_t n_classes;              /* classes, labels or values */
    const char *const *class_names; /* of the data set; NULL: they have none */
    int64_t sample_elements, output_elements;
    int64_t places; /* of a sample that have a loss of their own; what does not count has none */
    snug_tally_block block[SNUG_TALLY_TENSORS];
    int n_blocks;
    snug_class_metrics *by_class; /* NULL: not a matter of classes */
    const int64_t *confusion;     /* [true, predicted], one of the blocks; NULL: there is none */
    snug_scores *scores;          /* not owned; NULL: not kept */
    double threshold;             /* anomalies score above it; NaN: not known */
};

typedef struct snug_metric_info {
    const char *name, *doc;
    snug_target_kind target; /* NONE: of every kind */
    bool share;              /* from 0 to 1 */
    bool scored;             /* needs scores */
    double (*value)(const snug_tally *t);
    bool (*applies)(const snug_tally *t); /* NULL: always */
} snug_metric_info;

const snug_metric_info *snug_metric_get(int i); /* NULL past the end */

/* Room for the scores of n samples, NULL in *out when the kind of target has none. */
snug_status snug_tally_scores(const snug_data_info *info, int64_t n,
                              snug_scores **out) SNUG_MUST_USE;
/* scores NULL: metrics that need them are left out. Several tallies may share them, if they are
 * filled and read one after the other. */
snug_status snug_tally_create(const snug_data_info *info, snug_scores *scores,
                              snug_tally **out) SNUG_MUST_USE;
void snug_tally_destroy(snug_tally *t);
void snug_tally_reset(snug_tally *t);
void snug_tally_add(snug_tally *t, const snug_tally_batch *b);
/* Pointers in *out stay the tally's. */
void snug_tally_metrics(snug_tally *t, double seconds, snug_metrics *out);

/* Whether it counts no sample twice and none less than never; for one that was read from a file. */
bool snug_tally_sound(const snug_tally *t);

/* The tally's blocks as tensors to save and restore. */
int snug_tally_tensors(snug_tally *t, snug_named_tensor out[SNUG_TALLY_TENSORS]);

/* Mean squared error of a reconstruction: by how much a sample is an anomaly. */
double snug_anomaly_score(int64_t n, const float *x, const float *made);

/* ---- for the families ----
 * A block of [rows, columns] numbers, f64 or i64, zero at first. Names start with "snug.tally.". */
snug_status snug_tally_add_block(snug_tally *t, const char *name, snug_dtype dtype, int64_t rows,
                                 int64_t columns) SNUG_MUST_USE;
snug_status snug_tally_add_classes(snug_tally *t, const snug_data_info *info) SNUG_MUST_USE;
static inline int64_t *snug_tally_counts(const snug_tally *t, int block)
{
    return t->block[block].tensor.data;
}
static inline double *snug_tally_sums(const snug_tally *t, int block)
{
    return t->block[block].tensor.data;
}
/* a / b, 0 where b is. */
double snug_tally_ratio(int64_t a, int64_t b);
/* Mean of a field of by_class over the classes where it is a number; NaN: there is none. */
double snug_tally_macro(const snug_tally *t, size_t field);
/* auc and auc_pr of every class, from its column of scores. */
void snug_tally_fill_areas(snug_tally *t);

#endif
