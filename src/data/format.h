/* SPDX-License-Identifier: Apache-2.0 */
/* What a data format is: one const descriptor in a file of its own and one row in formats.def.
 *
 * A format opens a source. A source serves raw records of one fixed size at random positions, from
 * any thread: pixels of an image, the cells of a table's row, the steps of a series, a character.
 * What a model sees is made from them by the spec (spec.h), which knows no format; classes, splits,
 * windows and statistics are made above (dataset.h). So a new format says how to find, check and
 * read its files, and nothing else.
 */
#ifndef DATA_FORMAT_H
#define DATA_FORMAT_H

#include "data/spec.h"
#include "data/table.h"
#include <snug/data.h>

/* The files' own parts, before validation and folds are cut from the first. */
typedef enum snug_raw_part { RAW_MAIN, RAW_TEST, RAW_VALIDATION, N_RAW_PARTS } snug_raw_part;

typedef struct snug_source snug_source;
struct snug_source {
    snug_data_kind kind;
    int64_t n[N_RAW_PARTS];
    size_t record_bytes;
    size_t resident_bytes, scratch_bytes; /* kept while open */
    /* A record: elements of dtype in this shape. Images [H, W, C]; series [T, C], T the longest;
     * text []: a byte (u8) or a code point (u8, i32). Tables: table->n_slots doubles (table.h). */
    snug_shape shape;
    snug_dtype dtype;
    bool bytes; /* text: not in UTF-8 */
    snug_table *table;

    /* What is to be learned: SNUG_TARGET_NONE, CLASS, VALUE or LABELS. Where a table has no target
     * column, and in all other kinds, it comes from the functions `labels` (CLASS) or `values`. */
    snug_target_kind target;
    int n_labels; /* CLASS: label numbers are below it */
    const char *const *label_names;
    bool all_labels; /* every label is a class, even one that no sample has */
    int n_values;    /* VALUE, LABELS: of a sample */
    const char *const *value_names;

    /* n records from `first` on, [n][record_bytes]; the caller has checked the range. What of a
     * record lies behind its length may be anything. */
    snug_status (*read)(snug_source *s, snug_raw_part part, int64_t first, int64_t n, void *out);
    /* The labels of n records from `first` on; or their values, [n][n_values]. */
    snug_status (*labels)(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                          int32_t *out);
    snug_status (*values)(snug_source *s, snug_raw_part part, int64_t first, int64_t n, float *out);
    /* Series: how many steps n records have, each at least 1; NULL: all of them the same. */
    snug_status (*lengths)(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                           int32_t *out);
    void (*close)(snug_source *s);
};

/* The end of every open: the source to whoever asked for it, or closed when its making failed. */
snug_status snug_source_give(snug_source *s, snug_status made, snug_source **out) SNUG_MUST_USE;

typedef struct snug_format {
    const char *name, *doc;
    /* How sure this format is that `path` is its own: 0 not at all, 100 certain. Looks at a few
     * bytes; fails only where the system does. */
    snug_status (*looks)(const char *path, int *sure);
    /* spec: NULL, or what the records must fit. */
    snug_status (*open)(const snug_data_config *config, const snug_spec *spec, snug_source **out);
} snug_format;

extern const snug_format *const snug_formats[]; /* ends with NULL */

/* The format that is surest of the path, which with `text` is that of text if it can be; else says
 * what is there and what is understood. */
snug_status snug_format_find(const char *path, bool text, const snug_format **out) SNUG_MUST_USE;

/* Elements of an image, a bound that keeps every size below in range. */
#define SNUG_MAX_IMAGE_BYTES ((int64_t)1 << 26)
/* Samples of a part: positions are kept in 32 bits. */
#define SNUG_MAX_SAMPLES ((int64_t)UINT32_MAX)

#endif
