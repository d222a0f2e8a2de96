/* SPDX-License-Identifier: Apache-2.0 */
/* The spec: what a model must remember of the data it was trained on, so that new data reaches it
 * prepared in the same way. Learned from the training part alone (learn.c), kept as JSON in the
 * model's file, and hostile until checked when it is read back.
 *
 * Images: element (h, w, c) becomes (value - mean[c]) / std[c].
 * Series: step (t, c) likewise; a missing value becomes 0, and so does what follows the last step.
 * Text: a character (or byte) becomes its number in the vocabulary.
 * Tables, by column, in the file's order:
 *   number    (value - mean) / std, one feature; a missing value becomes 0, which is the mean
 *   category  one feature a category, 1 for the row's and 0 for the others; then one for rarer
 *             categories and one for a missing value, where training saw such. A category that
 *             training never saw, or a missing value where it saw none, is all zeros
 *   target, ignored: no feature
 */
#ifndef DATA_SPEC_H
#define DATA_SPEC_H

#include "base/memory.h"
#include <snug/data.h>

#define SNUG_MAX_COLUMNS    16384
#define SNUG_MAX_CATEGORIES 256   /* kept of one column: the most frequent */
#define SNUG_MAX_CLASSES    10000 /* of a target */
#define SNUG_MAX_TOKENS     65536 /* of a text: different characters */
#define SNUG_MAX_CHANNELS   64    /* of an image */
#define SNUG_MAX_SERIES     16384 /* channels of a series */
#define SNUG_MAX_TARGETS    65536 /* values of one sample */

typedef enum snug_column_kind {
    COLUMN_NUMBER,
    COLUMN_CATEGORY,
    COLUMN_TARGET,
    COLUMN_IGNORED,
    N_COLUMN_KINDS
} snug_column_kind;

typedef struct snug_spec_column {
    const char *name;
    snug_column_kind kind;
    double mean, std; /* NUMBER */
    int n_categories; /* CATEGORY, in natural order */
    const char *const *category;
    bool other, missing; /* CATEGORY: has a feature for these */
    bool ahead;          /* NUMBER: what a forecast is about */
} snug_spec_column;

typedef struct snug_spec {
    snug_data_kind kind;
    snug_shape sample;
    double *mean, *std; /* images and series: of each channel, the last axis of a sample */
    bool named;         /* the columns' names came from a header: match by name, else by position */
    int n_columns;      /* tables, and series whose steps are the rows of one: their columns */
    snug_spec_column *column;
    bool ragged;           /* series: samples have lengths of their own, up to sample.dim[0] */
    int64_t horizon;       /* rows ahead of the sample that are its target; 0: no forecast */
    bool bytes;            /* text: its tokens are bytes, not characters */
    const uint32_t *token; /* text: [n_classes] code points or bytes, ascending */
    snug_target_kind target;
    int n_targets; /* SNUG_TARGET_VALUE: how many, with the training part's moments of each */
    double *target_mean, *target_std;
    const char *const *target_names;
    int n_classes; /* SNUG_TARGET_CLASS, LABELS, TOKENS: what they are called */
    const char *const *classes;
} snug_spec;

/* Features that a column makes. */
int snug_spec_width(const snug_spec_column *c);
/* Index of the class of this name, -1: none. A full stop after the name is overlooked when only the
 * name without it is a class (labels such as "<=50K." of adult.test). */
int snug_spec_class(const snug_spec *s, const char *name);

/* What a model must make of one sample. */
snug_shape snug_spec_outputs(const snug_spec *s);

/* Number of a code point (or byte) in the vocabulary, -1: none. */
int32_t snug_spec_token(const snug_spec *s, uint32_t symbol);
/* Tokens of a text; token has room for n_bytes of them. Fails at what is not in the vocabulary,
 * saying what and where. */
snug_status snug_spec_tokens(const snug_spec *s, const char *text, size_t n_bytes, int32_t *token,
                             int64_t *n) SNUG_MUST_USE;
/* The bytes of a token, at most 4; how many. */
int snug_spec_token_text(const snug_spec *s, int32_t token, char out[4]);

/* JSON text, freed with snug_free. */
snug_status snug_spec_write(const snug_spec *s, char **out) SNUG_MUST_USE;
/* Everything read lives in `bump`. */
snug_status snug_spec_read(const char *json, snug_bump *bump, snug_spec *out) SNUG_MUST_USE;

#endif
