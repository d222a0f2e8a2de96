/* SPDX-License-Identifier: Apache-2.0 */
/* From a raw record to what a model sees: the spec made quick for one source. */
#ifndef DATA_ENCODE_H
#define DATA_ENCODE_H

#include "data/format.h"

/* What one slot of a table's record becomes. */
typedef struct snug_slot {
    snug_column_kind kind;
    int32_t feature; /* its first */
    double mean, scale;
    const int32_t *map;            /* CATEGORY: feature (from 0) of each text code, -1: none */
    int32_t width, other, missing; /* -1: no such feature */
} snug_slot;

typedef struct snug_encoder {
    int64_t n_elements; /* of a sample */
    int64_t n_channels;
    float *pixel; /* images: [channel][256] */
    int n_slots;  /* tables */
    snug_slot *slot;
    int target_slot; /* -1: none */
    snug_target_kind target;
    const int32_t *class_of; /* of a label or a text code; -1: no class */
    int n_labels;
} snug_encoder;

/* Lives in `bump`. The spec's statistics and classes are there; the source fits it. */
snug_status snug_encoder_make(const snug_spec *spec, const snug_source *source, snug_bump *bump,
                              snug_encoder *out) SNUG_MUST_USE;
void snug_encode(const snug_encoder *e, const void *record, float *x);

/* Class of every label (or text code) of the source, for the spec's classes. */
snug_status snug_class_map(const snug_spec *spec, const snug_source *source, snug_bump *bump,
                           const int32_t **out) SNUG_MUST_USE;
/* How many labels or text codes a source's target has, and their names. */
int snug_source_labels(const snug_source *source, const char *const **names);

#endif
