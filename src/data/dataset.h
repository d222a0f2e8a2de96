/* SPDX-License-Identifier: Apache-2.0 */
/* A data set inside Snug: a source, the spec it is seen through, and which raw samples make each
 * part. Opening goes: source, classes, split, statistics of the training part, encoder, problems;
 * each step is a function of its own file, declared here. Memory is bounded but for 4 bytes a
 * sample when parts are cut (8 more while opening). */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include "data/encode.h"
#include "data/format.h"
#include "data/split.h"

#define SNUG_MAX_PROBLEMS 24
#define SNUG_READ_AT_ONCE 64                  /* samples, at most */
#define SNUG_SCAN_AT_ONCE 16384               /* records of which windows are made, at most */
#define SNUG_READ_BYTES   ((size_t)256 << 10) /* of neighbouring records, at most */

struct snug_dataset {
    const snug_format *format;
    snug_source *source;
    snug_bump *bump; /* what lives as long as the data set */
    snug_spec spec;
    char *spec_json;
    snug_index part[SNUG_N_PARTS]; /* of the source; anomalies come on top of it */
    snug_windows windows;
    int64_t span; /* records of a sample: 1, or those of a window */
    snug_encoder encoder;
    snug_dataset *anomalies; /* NULL: none */
    int64_t *class_counts;
    void *buffer; /* of snug_dataset_get */
    snug_data_info info;
    const char *problems[SNUG_MAX_PROBLEMS];
};

/* ---- read.c ---- */
/* How many records fit in a read buffer, and its bytes. */
int64_t snug_dataset_capacity(const snug_dataset *d);
size_t snug_dataset_buffer_bytes(const snug_dataset *d);
/* Where samples go: x [n, ...], y [n, ...] and lengths [n] (each may be NULL), by way of a read
 * buffer. */
typedef struct snug_batch {
    void *buffer;
    void *x, *y;
    int32_t *lengths;
} snug_batch;
/* snug_dataset_get_many with a buffer of the caller's: any thread, no allocation. Neighbouring
 * samples are read together. */
snug_status snug_dataset_fill(snug_dataset *d, snug_part part, int64_t n, const int64_t *index,
                              const snug_batch *out) SNUG_MUST_USE;

/* Raw records of a part: of its samples, or those that its windows are made of. */
int64_t snug_dataset_records(const snug_dataset *d, snug_part part);
/* [first, first + n) of them, n at most the capacity. */
snug_status snug_dataset_raw(snug_dataset *d, snug_part part, int64_t first, int64_t n,
                             void *buffer) SNUG_MUST_USE;

/* ---- task.c ---- */
/* What is to be learned of the source's samples, and in which windows, from config and spec. */
snug_status snug_dataset_task(snug_dataset *d, const snug_data_config *config) SNUG_MUST_USE;

/* ---- parts.c ---- */
/* The parts, and how many samples each class has. */
snug_status snug_dataset_cut(snug_dataset *d, const snug_data_config *config) SNUG_MUST_USE;
/* Anomalies from a data set of their own, seen through d's spec. */
snug_status snug_dataset_open_anomalies(snug_dataset *d, snug_context *ctx,
                                        const snug_data_config *config) SNUG_MUST_USE;
/* The part of such a set that anomalies come from. */
snug_part snug_anomalies_part(const snug_dataset *anomalies);

/* ---- classes.c ---- */
/* Raw label or text code of every sample of a raw part. */
snug_status snug_dataset_labels(snug_dataset *d, snug_raw_part part, int32_t *out) SNUG_MUST_USE;
/* Class names from the labels that occur (n of them), in natural order. */
snug_status snug_learn_classes(snug_dataset *d, const int32_t *labels, int64_t n) SNUG_MUST_USE;
/* Make classes of labels, in place; fails at the first label that is no class. */
snug_status snug_labels_to_classes(snug_dataset *d, snug_raw_part part, int32_t *labels,
                                   int64_t n) SNUG_MUST_USE;

/* ---- learn.c ---- */
/* Means, deviations, categories and vocabulary from the training part. */
snug_status snug_learn_statistics(snug_dataset *d) SNUG_MUST_USE;
/* Room in the spec for the means and deviations of n values to predict. */
snug_status snug_make_targets(snug_dataset *d, int64_t n) SNUG_MUST_USE;

/* ---- truths.c ---- */
/* All truths looked at once, now that samples can be read: what cannot be is refused, labels and
 * tokens are counted, and, to learn a spec, means and deviations of values taken. */
snug_status snug_dataset_look_at_truths(snug_dataset *d, bool learn) SNUG_MUST_USE;

/* ---- problems.c ---- */
/* A sentence for the person, and the search for all that deserve one. */
snug_status snug_dataset_problem(snug_dataset *d, const char *fmt, ...)
    SNUG_PRINTF(2, 3) SNUG_MUST_USE;
snug_status snug_find_problems(snug_dataset *d, const snug_data_config *config) SNUG_MUST_USE;

#endif
