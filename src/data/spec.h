/* SPDX-License-Identifier: Apache-2.0 */
/* The spec: what a model must remember of the data it was trained on, so that new data reaches it
 * prepared in the same way. Learned from the training part alone (learn.c), kept as JSON in the
 * model's file, and hostile until checked when it is read back.
 *
 * Images: element (h, w, c) becomes (byte - mean[c]) / std[c].
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
#define SNUG_MAX_CHANNELS   64

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
} snug_spec_column;

typedef struct snug_spec {
    snug_data_kind kind;
    snug_shape sample;
    double mean[SNUG_MAX_CHANNELS], std[SNUG_MAX_CHANNELS]; /* images, by channel */
    bool named; /* the columns' names came from a header: match by name, else by position */
    int n_columns;
    snug_spec_column *column;
    snug_target_kind target;
    double target_mean, target_std; /* SNUG_TARGET_VALUE: of the training part */
    int n_classes;
    const char *const *classes;
} snug_spec;

/* Features that a column makes. */
int snug_spec_width(const snug_spec_column *c);
/* Index of the class of this name, -1: none. A full stop after the name is overlooked when only the
 * name without it is a class (labels such as "<=50K." of adult.test). */
int snug_spec_class(const snug_spec *s, const char *name);

/* JSON text, freed with snug_free. */
snug_status snug_spec_write(const snug_spec *s, char **out) SNUG_MUST_USE;
/* Everything read lives in `bump`. */
snug_status snug_spec_read(const char *json, snug_bump *bump, snug_spec *out) SNUG_MUST_USE;

#endif
