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
#define SNUG_READ_AT_ONCE 64                  /* records, at most */
#define SNUG_READ_BYTES   ((size_t)256 << 10) /* of neighbouring records, at most */

struct snug_dataset {
    const snug_format *format;
    snug_source *source;
    snug_bump *bump; /* what lives as long as the data set */
    snug_spec spec;
    char *spec_json;
    snug_index part[SNUG_N_PARTS];
    snug_encoder encoder;
    int64_t *class_counts;
    void *buffer; /* of snug_dataset_get */
    snug_data_info info;
    const char *problems[SNUG_MAX_PROBLEMS];
};

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

/* Raw records of samples [first, first + n) of a part, n at most the capacity. */
snug_status snug_dataset_raw(snug_dataset *d, snug_part part, int64_t first, int64_t n,
                             void *buffer) SNUG_MUST_USE;

/* classes.c: raw label or text code of every sample of a raw part. */
snug_status snug_dataset_labels(snug_dataset *d, snug_raw_part part, int32_t *out) SNUG_MUST_USE;
/* Class names from the labels that occur (n of them), in natural order. */
snug_status snug_learn_classes(snug_dataset *d, const int32_t *labels, int64_t n) SNUG_MUST_USE;
/* Make classes of labels, in place; fails at the first label that is no class. */
snug_status snug_labels_to_classes(snug_dataset *d, snug_raw_part part, int32_t *labels,
                                   int64_t n) SNUG_MUST_USE;

/* learn.c: means, deviations and categories from the training part. */
snug_status snug_learn_statistics(snug_dataset *d) SNUG_MUST_USE;

/* problems.c: a sentence for the person, and the search for all that deserve one. */
snug_status snug_dataset_problem(snug_dataset *d, const char *fmt, ...)
    SNUG_PRINTF(2, 3) SNUG_MUST_USE;
snug_status snug_find_problems(snug_dataset *d) SNUG_MUST_USE;

#endif
