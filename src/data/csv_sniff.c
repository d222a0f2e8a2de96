/* SPDX-License-Identifier: Apache-2.0 */
/* Recognising how a table is written: each delimiter is tried on the first rows, and the one that
 * cuts all of them into the same number of fields, the largest, is taken. The first row is a header
 * when it holds names only and what is below it tells so: numbers, or texts that are never it. */
#include "data/csv_read.h"

#include "base/memory.h"
#include "data/table.h"

#include <string.h>

#define SNIFF_ROWS 50

/* What the first rows tell, for one delimiter. */
typedef struct look {
    int n_fields, rows;
    bool even;
    bool names;    /* the first row could be names */
    bool numbers;  /* a column of names over numbers only */
    bool repeated; /* a field of the first row occurs below it */
    snug_bump *bump;
    const char **first;  /* the first row */
    bool *text, *number; /* what was below, by column */
} look;

static bool could_be_names(const snug_csv_row *row)
{
    double v;
    int empty = 0;
    for (int i = 0; i < row->n; i++) {
        empty += !*row->field[i];
        if (*row->field[i] &&
            (snug_field_number(row->field[i], &v) || snug_field_missing(row->field[i])))
            return false;
    }
    return empty <= 1;
}

static snug_status look_first(look *l, const snug_csv_row *row)
{
    size_t n = (size_t)row->n;
    l->n_fields = row->n;
    l->names = could_be_names(row);
    l->first = snug_bump_alloc(l->bump, n * sizeof *l->first);
    l->text = snug_bump_alloc(l->bump, n);
    l->number = snug_bump_alloc(l->bump, n);
    if (!l->first || !l->text || !l->number) return snug_error_status();
    for (size_t i = 0; i < n; i++) {
        l->first[i] = snug_bump_strdup(l->bump, row->field[i]);
        if (!l->first[i]) return snug_error_status();
    }
    return SNUG_OK;
}

static void look_below(look *l, const snug_csv_row *row)
{
    double v;
    l->even &= row->n == l->n_fields;
    for (int i = 0; i < row->n && i < l->n_fields; i++) {
        if (snug_field_missing(row->field[i])) continue;
        bool number = snug_field_number(row->field[i], &v);
        l->number[i] |= number;
        l->text[i] |= !number;
        l->repeated |= strcmp(row->field[i], l->first[i]) == 0;
    }
}

static snug_status look_rows(snug_csv *r, look *l)
{
    snug_csv_row row;
    l->even = true;
    for (l->rows = 0; l->rows < SNIFF_ROWS; l->rows++) {
        TRY(snug_csv_next(r, &row));
        if (row.n == 0) break;
        if (l->rows == 0)
            TRY(look_first(l, &row));
        else
            look_below(l, &row);
    }
    for (int i = 0; i < l->n_fields; i++) l->numbers |= l->number[i] && !l->text[i];
    return SNUG_OK;
}

static snug_status look_with(const char *path, char delimiter, look *l)
{
    snug_csv *r = NULL;
    TRY(snug_csv_open(path, delimiter, &r));
    *l = (look){.bump = snug_bump_create(TAG_DATA)};
    snug_status status = l->bump ? look_rows(r, l) : snug_error_status();
    snug_bump_destroy(l->bump);
    snug_csv_close(r);
    return status;
}

static bool better(const look *a, const snug_csv_dialect *b)
{
    bool even = a->even && a->n_fields > 1;
    if (even != b->even) return even;
    return a->n_fields > b->n_fields;
}

snug_status snug_csv_sniff(const char *path, snug_csv_dialect *out)
{
    static const char delimiters[] = {',', ';', '\t'};
    snug_csv_dialect best = {.delimiter = ','};
    look l = {0};
    for (size_t i = 0; i < sizeof delimiters; i++) {
        snug_status status = look_with(path, delimiters[i], &l);
        if (status == SNUG_EFORMAT) { /* not with this delimiter */
            snug_error_clear();
            continue;
        }
        TRY(status);
        if (!better(&l, &best)) continue;
        best = (snug_csv_dialect){.delimiter = delimiters[i],
                                  .header = l.names && l.rows > 1 && (l.numbers || !l.repeated),
                                  .even = l.even && l.n_fields > 1,
                                  .rows = l.rows,
                                  .n_fields = l.n_fields};
    }
    if (best.n_fields == 0) TRY(look_with(path, ',', &l)); /* with none: say why */
    *out = best;
    return SNUG_OK;
}
