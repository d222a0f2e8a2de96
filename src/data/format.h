/* SPDX-License-Identifier: Apache-2.0 */
/* What a data format is: one const descriptor in a file of its own and one row in formats.def.
 *
 * A format opens a source. A source serves raw records of one fixed size at random positions, from
 * any thread: pixels of an image, or the cells of a table's row. What a model sees is made from
 * them by the spec (spec.h), which knows no format; classes, splits and statistics are made above
 * (dataset.h). So a new format says how to find, check and read its files, and nothing else.
 */
#ifndef DATA_FORMAT_H
#define DATA_FORMAT_H

#include "data/spec.h"
#include "data/table.h"
#include <snug/data.h>

/* The files' own parts, before validation and folds are cut from the first. */
typedef enum snug_raw_part { RAW_MAIN, RAW_TEST, N_RAW_PARTS } snug_raw_part;

typedef struct snug_source snug_source;
struct snug_source {
    snug_data_kind kind;
    int64_t n[N_RAW_PARTS];
    size_t record_bytes;
    size_t resident_bytes, scratch_bytes; /* kept while open */
    /* Images: u8 pixels [H, W, C]; label numbers below n_labels. */
    snug_shape shape;
    int n_labels; /* 0: the files have no labels */
    const char *const *label_names;
    bool all_labels; /* every label is a class, even one that no sample has */
    /* Tables: a record is table->n_slots doubles (table.h). */
    snug_table *table;

    /* n records from `first` on, [n][record_bytes]; the caller has checked the range. */
    snug_status (*read)(snug_source *s, snug_raw_part part, int64_t first, int64_t n, void *out);
    /* Images: the labels of n records from `first` on. */
    snug_status (*labels)(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                          int32_t *out);
    void (*close)(snug_source *s);
};

typedef struct snug_format {
    const char *name, *doc;
    /* How sure this format is that `path` is its own: 0 not at all, 100 certain. Looks at a few
     * bytes; fails only where the system does. */
    snug_status (*looks)(const char *path, int *sure);
    /* spec: NULL, or what the records must fit. */
    snug_status (*open)(const snug_data_config *config, const snug_spec *spec, snug_source **out);
} snug_format;

extern const snug_format *const snug_formats[]; /* ends with NULL */

/* The format that is surest of config->path; else says what is there and what is understood. */
snug_status snug_format_find(const char *path, const snug_format **out) SNUG_MUST_USE;

/* Elements of an image, a bound that keeps every size below in range. */
#define SNUG_MAX_IMAGE_BYTES ((int64_t)1 << 26)
/* Samples of a part: positions are kept in 32 bits. */
#define SNUG_MAX_SAMPLES ((int64_t)UINT32_MAX)

#endif
