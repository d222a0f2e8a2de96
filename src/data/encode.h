/* SPDX-License-Identifier: Apache-2.0 */
/* From raw records to what a model sees: the spec made quick for one source. */
#ifndef DATA_ENCODE_H
#define DATA_ENCODE_H

#include "data/format.h"
#include "kernels/pixels.h"

/* What one slot of a table's record becomes. */
typedef struct snug_slot {
    snug_column_kind kind;
    int32_t feature; /* its first */
    double mean, scale;
    const int32_t *map;            /* CATEGORY: feature (from 0) of each text code, -1: none */
    int32_t width, other, missing; /* -1: no such feature */
} snug_slot;

typedef struct snug_encoder {
    /* records: of one sample, one after the other; length: how many of its steps are there (of its
     * records, for windows). x: the sample's n_elements. */
    void (*encode)(const struct snug_encoder *e, const void *records, int64_t length, void *x);
    int64_t n_elements;          /* of a sample */
    int64_t n_channels;          /* of its last axis */
    float *pixel;                /* images of bytes: [channel][256]; */
    const snug_pixel_line *line; /* and how those are computed; NULL: not to the last bit */
    snug_pixels_fn pixels;
    snug_dtype dtype; /* of other numbers, and of text */
    const double *mean, *std;
    int n_slots; /* tables */
    snug_slot *slot;
    int64_t context; /* steps of a sample, rows of an image; records of a window */
    int32_t **page;  /* text: token of symbol s is page[s / 256][s % 256], -1: none; NULL: none */

    snug_target_kind target;
    int n_targets; /* that lie in slots */
    const int *target_slot;
    int64_t horizon;         /* forecast: in so many records behind the context */
    const int32_t *class_of; /* of a label or a text code; -1: no class. SELF: 1 for an anomaly */
} snug_encoder;

/* Lives in `bump`. The spec's statistics and classes are there; the source fits it. `normal` (NULL:
 * every one): the label that is no anomaly where the target is the sample itself. */
snug_status snug_encoder_make(const snug_spec *spec, const snug_source *source, const char *normal,
                              snug_bump *bump, snug_encoder *out) SNUG_MUST_USE;

/* Token of a symbol of a text, -1: none. */
int32_t snug_encoder_token(const snug_encoder *e, uint32_t symbol);
/* Element i of a text's records. */
uint32_t snug_symbol(const void *records, snug_dtype dtype, int64_t i);

/* What lies in records, with the truth told by the source's own functions apart:
 * values [n_targets] of the slots of one record; */
void snug_encode_cells(const snug_encoder *e, const void *record, float *y);
/* values [n_targets * horizon], step by step, of the records behind the context; */
void snug_encode_ahead(const snug_encoder *e, const void *records, float *y);
/* the token that follows each, -1 behind `length` records and for the first `known` of them. */
void snug_encode_next(const snug_encoder *e, const void *records, int64_t length, int64_t known,
                      int32_t *y);

/* Class of every label (or text code) of the source, for the spec's classes. */
snug_status snug_class_map(const snug_spec *spec, const snug_source *source, snug_bump *bump,
                           const int32_t **out) SNUG_MUST_USE;
/* Likewise 0 for the label that is normal, 1 for every other. */
snug_status snug_anomaly_map(const snug_source *source, const char *normal, snug_bump *bump,
                             const int32_t **out) SNUG_MUST_USE;
/* How many labels or text codes a source's target has, and their names. */
int snug_source_labels(const snug_source *source, const char *const **names);

#endif
