/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets: a path recognised by looking (IDX, CSV, NumPy, series, text), or "glyphs", the
 * embedded set.
 *
 * A data set has parts (train, validation, test), samples of one shape and a target. Samples are
 * read one by one at random positions in bounded memory, so a set may be larger than the budget.
 * What was learned from the training part (classes, columns, means) is the spec, kept in a model's
 * file and applied again when the model is evaluated or used.
 */
#ifndef SNUG_DATA_H
#define SNUG_DATA_H

#include <snug/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snug_dataset snug_dataset;

typedef enum snug_part {
    SNUG_PART_TRAIN,
    SNUG_PART_VALIDATION,
    SNUG_PART_TEST,
    SNUG_N_PARTS
} snug_part;
typedef enum snug_data_kind {
    SNUG_DATA_IMAGE,  /* [H, W, C] */
    SNUG_DATA_TABLE,  /* [features] */
    SNUG_DATA_SERIES, /* [T, C], time first */
    SNUG_DATA_TEXT,   /* [T] tokens */
    SNUG_N_DATA_KINDS
} snug_data_kind;
/* What is to be learned of a sample, and what a model makes of it. */
typedef enum snug_target_kind {
    SNUG_TARGET_NONE,
    SNUG_TARGET_CLASS,  /* y i32 [], one of C classes; outputs [C] */
    SNUG_TARGET_VALUE,  /* y f32 [M]; outputs [M] */
    SNUG_TARGET_LABELS, /* y f32 [L], 1 where a label holds, else 0; outputs [L] */
    SNUG_TARGET_TOKENS, /* y i32 [T], the token that follows, -1: none; outputs [T, vocabulary] */
    SNUG_TARGET_SELF,   /* the sample itself; y i32 [], 1 for an anomaly; outputs like x */
    SNUG_N_TARGETS
} snug_target_kind;

typedef struct snug_data_config {
    const char *path;      /* file, folder, or "glyphs[:n=..,seed=..,noise=..,shift=..,drift=..]" */
    const char *test_path; /* NULL: the set's own test part, when it has one */
    /* Share of the training part, 0 to 0.9, stratified by class; of text and forecasts the last
     * share. 0: the set's own validation part, when it has one. */
    double validation;
    /* k-fold: folds, 2 to the number of samples, make fold number `fold` (from 0) the test part;
     * 0: none */
    int64_t folds, fold;
    uint64_t seed;      /* of split and folds */
    const char *target; /* CSV: columns by name, number from 0, or "last", separated by commas;
                         * NULL: recognised */
    const char *ignore; /* CSV: columns, by name or number, separated by commas; NULL: none */
    const char *header; /* CSV: "yes", "no" or NULL: recognised */
    /* "class", "value", "labels", "reconstruct", "forecast"; NULL: recognised from the target */
    const char *task;
    /* Windows of text and forecasts: tokens or rows that are seen (0: 64; with a spec, the spec's);
     * rows to be forecast (0: 1); from the start of one training window to that of the next (0:
     * text the context, forecasts 1). */
    int64_t context, horizon, stride;
    /* Arrays: "image", "series" or "table"; "text": not a table. NULL: recognised. */
    const char *kind;
    /* Reconstruction: a data set of anomalies, which join the test part; the class to train on,
     * samples of the others being anomalies. NULL: none. */
    const char *anomalies, *normal;
    /* JSON from snug_dataset_spec: apply it instead of learning one; NULL: learn */
    const char *spec;
    const char *scratch_dir; /* where unpacked records go; NULL: $TMPDIR or /tmp */
    int64_t limit;           /* use at most so many training samples; 0: all */
    bool no_target;          /* there is no target column: rows to predict (needs a spec) */
} snug_data_config;

typedef struct snug_data_info {
    snug_data_kind kind;
    snug_target_kind target;
    const char *format;      /* "idx", "csv", "glyphs" */
    int64_t n[SNUG_N_PARTS]; /* samples of each part */
    snug_shape sample;       /* of one sample, as a model sees it */
    snug_dtype sample_dtype; /* f32, or i32 for tokens */
    snug_type truth;         /* of one sample's y */
    snug_shape outputs;      /* what a model must make of one sample */
    bool ragged; /* series: samples have lengths of their own, up to sample.dim[0]; zeros follow */
    int64_t n_classes; /* SNUG_TARGET_CLASS, LABELS, TOKENS: classes, labels, vocabulary */
    const char *const *class_names;
    /* [n_classes] in the training part before validation is split off; of tokens in all parts */
    const int64_t *class_counts;
    const char *const *value_names; /* SNUG_TARGET_VALUE: [M] */
    int64_t n_columns, n_missing;   /* tables: columns used, missing fields */
    int n_problems;                 /* things a person should know: sentences */
    const char *const *problems;
    size_t resident_bytes; /* memory it keeps while open (indexes, spec, read buffers) */
    size_t scratch_bytes;  /* disk it keeps while open */
} snug_data_info;

/* Data formats: the i-th name with one line about it; false past the end. */
typedef struct snug_data_format_info {
    const char *name, *doc;
} snug_data_format_info;
SNUG_API bool snug_data_format(int i, snug_data_format_info *out);

/* *out is the caller's, to be closed (NULL is fine there); info and spec live as long as it does.
 * Fails where files, knobs or the config are not what they should be, saying which and where. */
SNUG_API snug_status snug_dataset_open(snug_context *ctx, const snug_data_config *config,
                                       snug_dataset **out) SNUG_MUST_USE;
SNUG_API void snug_dataset_close(snug_dataset *d);
SNUG_API const snug_data_info *snug_dataset_info(const snug_dataset *d);

/* What a model must remember of the data, as JSON; lives as long as the data set. */
SNUG_API const char *snug_dataset_spec(const snug_dataset *d);

/* One sample, as a model sees it: x has the sample's elements, y the truth's. index counts within
 * the part, in file order. y may be NULL. */
SNUG_API snug_status snug_dataset_get(snug_dataset *d, snug_part part, int64_t index, void *x,
                                      void *y) SNUG_MUST_USE;
/* Several at once: index n of them; x [n, ...], y [n, ...]. */
SNUG_API snug_status snug_dataset_get_many(snug_dataset *d, snug_part part, int64_t n,
                                           const int64_t *index, void *x, void *y) SNUG_MUST_USE;
/* The lengths of n samples; those of a set that is not ragged are all sample.dim[0]. */
SNUG_API snug_status snug_dataset_get_lengths(snug_dataset *d, snug_part part, int64_t n,
                                              const int64_t *index, int32_t *lengths) SNUG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
