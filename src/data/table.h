/* SPDX-License-Identifier: Apache-2.0 */
/* Columns of a table while it is read: names, what their cells hold, and the texts they hold.
 *
 * A used column has a slot; a record is one double a slot: a number's value, or the code of a text
 * in the column's dictionary; NaN where the field is missing. A dictionary stops growing at
 * SNUG_MAX_TEXTS texts; texts after that share one code, SNUG_TEXT_OTHER.
 */
#ifndef DATA_TABLE_H
#define DATA_TABLE_H

#include "data/spec.h"

#define SNUG_MAX_TEXTS  65536
#define SNUG_TEXT_OTHER (-1)
#define SNUG_FEW        32 /* so many different numbers may still be classes */

typedef struct snug_dict {
    int n, n_buckets;
    const char **text; /* [n] */
    int32_t *bucket;   /* code + 1; 0: empty */
    bool full;         /* texts were left out */
} snug_dict;

typedef struct snug_column {
    const char *name;
    snug_column_kind kind;
    bool text;     /* cells are codes in dict, not numbers */
    bool ahead;    /* what a forecast is about */
    bool left_out; /* ignored for what it holds, without having been asked for */
    int slot;      /* in a record; -1: not kept */
    int field;     /* in the file's rows; -1: the file has no such column */
    snug_dict dict;
    /* What was seen. Lines count from 1; 0: never. */
    int64_t n_missing, n_numbers, n_texts;
    int64_t text_line, missing_line, infinite_line;
    const char *first_text;
    bool integers; /* all numbers so far are whole */
    int n_few;     /* different numbers, up to SNUG_FEW + 1 */
    double few[SNUG_FEW + 1];
} snug_column;

typedef struct snug_table {
    snug_bump *bump; /* names and texts */
    bool named;
    int n_columns, n_slots;
    snug_column *column;
    int n_targets;
    int *target; /* columns [n_targets], in the order asked for */
    snug_target_kind target_kind;
    bool target_guessed; /* neither asked for nor told by its name */
    int *slot_column;    /* [n_slots] */
    bool strict;         /* columns are a spec's, in its order: a text among numbers is an error */
    const char *path;    /* being read, for messages */
} snug_table;

/* Code of a text, adding it while there is room. */
snug_status snug_dict_add(snug_dict *d, snug_bump *bump, const char *text,
                          int32_t *code) SNUG_MUST_USE;
/* -1: not there. */
int32_t snug_dict_find(const snug_dict *d, const char *text);
void snug_dict_free(snug_dict *d);

/* Forget what was seen (not names, kinds and slots). */
void snug_table_reset(snug_table *t);
void snug_table_free(snug_table *t); /* what it holds, not t */
/* Give slots to all columns but the ignored ones, in order. */
snug_status snug_table_place(snug_table *t) SNUG_MUST_USE;
/* One field (NUL-terminated, blanks trimmed) of a column: its cell, and what it tells of the
 * column. `line` is for messages. */
snug_status snug_table_cell(snug_table *t, int column, const char *field, int64_t line,
                            double *cell) SNUG_MUST_USE;
/* Likewise of a number, NaN where it is missing. */
void snug_table_note(snug_table *t, int column, double v, int64_t line);
/* Column of this name or number from 0; "last"; -1: none. */
int snug_table_find(const snug_table *t, const char *name);

/* Whether a field stands for a missing value: empty, ?, NA, N/A, NaN. */
bool snug_field_missing(const char *field);
/* A decimal number and nothing else; *out may be infinite (1e999, inf). */
bool snug_field_number(const char *field, double *out);
/* Natural order: runs of digits by value, so that "9" < "10" and "x9" < "x10". */
int snug_natural_compare(const char *a, const char *b);

#endif
