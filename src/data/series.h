/* SPDX-License-Identifier: Apache-2.0 */
/* A source of series, filled sample by sample while a format parses its files: numbers go to a
 * scratch file, as many steps as each sample has; where it lies, and its label or value, stay in
 * memory (12 bytes a sample). A missing number is NaN; steps at the end of which nothing is known
 * are cut off. */
#ifndef DATA_SERIES_H
#define DATA_SERIES_H

#include "base/file.h"
#include "data/format.h"

/* Numbers of one sample, while it is read: one channel after the other. */
typedef struct snug_sample {
    double *value;
    size_t n, capacity;
    size_t *end; /* [n_channels] in value */
    int n_channels, channel_capacity;
} snug_sample;

typedef struct snug_series {
    snug_source base;
    snug_file *scratch;
    snug_bump *bump;
    snug_dict label; /* names */
    uint64_t *start; /* of each sample, in steps, and the end of the last; the main part first */
    int32_t *label_of;
    float *value_of;
    int64_t n, capacity;
    int64_t longest;
    int n_channels; /* 0: not known yet */
    double *block;  /* a sample by steps */
    size_t block_capacity;
    snug_sample sample;
} snug_series;

snug_status snug_series_create(const snug_data_config *config, snug_series **out) SNUG_MUST_USE;
void snug_series_close(snug_source *s);

/* The sample being read. `where` starts messages. */
void snug_sample_begin(snug_series *s);
snug_status snug_sample_add(snug_series *s, const char *where, double v) SNUG_MUST_USE;
snug_status snug_sample_end_channel(snug_series *s, const char *where) SNUG_MUST_USE;
/* What is known of a sample besides its numbers: a class by name, or a value. */
typedef struct snug_sample_truth {
    const char *label; /* NULL: none */
    float value;
} snug_sample_truth;
/* Write it as the next sample of a part; parts come in their order. */
snug_status snug_sample_end(snug_series *s, const char *where, snug_raw_part part,
                            const snug_sample_truth *truth) SNUG_MUST_USE;

/* All samples are there: shape, lengths and target of the source. */
snug_status snug_series_finish(snug_series *s, snug_target_kind target) SNUG_MUST_USE;

/* "1.0000000e+00" -> "1": numbers that are whole, as a person writes them. Else text itself. */
const char *snug_plain_label(const char *text, char buffer[32]);
/* A number, NaN for what is missing; false: it is neither. */
bool snug_series_number(const char *text, double *out);

#endif
