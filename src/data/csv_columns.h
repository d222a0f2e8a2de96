/* SPDX-License-Identifier: Apache-2.0 */
/* What the columns of a CSV file are: from names and options, from a spec, and from what their
 * fields turned out to hold. */
#ifndef DATA_CSV_COLUMNS_H
#define DATA_CSV_COLUMNS_H

#include "data/csv_read.h"
#include "data/table.h"

/* Columns of the file, named by `header` (NULL: numbered); ignored and target ones are marked. */
snug_status snug_columns_start(snug_table *t, const snug_data_config *config, int n_fields,
                               const snug_csv_row *header) SNUG_MUST_USE;
/* Columns of a spec, in its order, each with its field of the file. */
snug_status snug_columns_from_spec(snug_table *t, const snug_data_config *config,
                                   const snug_spec *spec, int n_fields,
                                   const snug_csv_row *header) SNUG_MUST_USE;
/* Settle kinds, target and slots by what was seen so far; *changed when rows already read were
 * read under another belief. */
snug_status snug_columns_decide(snug_table *t, const snug_data_config *config,
                                bool *changed) SNUG_MUST_USE;
/* Every column is a number, and none the target. */
snug_status snug_columns_numbers(snug_table *t) SNUG_MUST_USE;
/* What no training set may hold: a missing target, an infinite number. */
snug_status snug_columns_check(const snug_table *t, const snug_data_config *config) SNUG_MUST_USE;

#endif
