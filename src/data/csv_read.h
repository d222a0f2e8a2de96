/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a text file with delimiters (RFC 4180), from front to back in bounded memory. */
#ifndef DATA_CSV_READ_H
#define DATA_CSV_READ_H

#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNUG_MAX_ROW_BYTES ((size_t)4 << 20)

typedef struct snug_csv snug_csv;

/* One row: its fields, blanks around them trimmed, quotes undone, as UTF-8. Valid until the next
 * row. n 0: the end of the file. */
typedef struct snug_csv_row {
    int n;
    const char *const *field;
    int64_t line; /* where it starts, from 1 */
} snug_csv_row;

/* Gzip'ed files too. */
snug_status snug_csv_open(const char *path, char delimiter, snug_csv **out) SNUG_MUST_USE;
/* Blank lines are skipped, and a byte-order mark. */
snug_status snug_csv_next(snug_csv *r, snug_csv_row *row) SNUG_MUST_USE;
void snug_csv_close(snug_csv *r);

/* How a file is written, recognised from its first rows. */
typedef struct snug_csv_dialect {
    char delimiter; /* , ; or tab */
    bool header;    /* the first row names the columns */
    bool even;      /* all rows looked at have the same number of fields, at least two */
    int n_fields;   /* of the first row */
    int rows;       /* looked at */
} snug_csv_dialect;

snug_status snug_csv_sniff(const char *path, snug_csv_dialect *out) SNUG_MUST_USE;

#endif
