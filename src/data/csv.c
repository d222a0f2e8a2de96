/* SPDX-License-Identifier: Apache-2.0 */
/* CSV and its relatives: a table in a text file. Rows are parsed once, through bounded buffers,
 * into records of doubles in a scratch file, whose statistics and order are then as cheap as those
 * of images. Kinds of columns are believed after the first rows; should a later row upset a belief
 * (a text among numbers), the files are read once more.
 */
#include "base/file.h"
#include "base/str.h"
#include "data/csv_columns.h"
#include "data/format.h"
#include "data/names.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIRST_ROWS  1000 /* enough to believe what columns are */
#define WRITE_BYTES ((size_t)64 << 10)

typedef struct csv_source {
    snug_source base;
    snug_table table;
    char path[N_RAW_PARTS][SNUG_PATH_BYTES]; /* "": no such part */
    snug_csv_dialect dialect;
    int n_fields; /* of a row */
    snug_file *scratch;
} csv_source;

/* ---- names ----------------------------------------------------------------------------------- */

static bool table_name(const char *name)
{
    static const char *const ends[] = {".csv", ".tsv", ".data", ".tra", ".tes", ".test", ".train"};
    char bare[SNUG_PATH_BYTES];
    snprintf(bare, sizeof bare, "%s", name);
    if (snug_name_ends(bare, ".gz")) bare[strlen(bare) - 3] = '\0';
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (snug_name_ends(bare, ends[i])) return true;
    return false;
}

/* What a folder holds: numbers of the training and test table in `names`. */
typedef struct found {
    int tables, first, second, train, test;
} found;

static found find_tables(char *const *names, int n)
{
    found f = {.first = -1, .second = -1, .train = -1, .test = -1};
    for (int i = 0; i < n; i++) {
        if (!table_name(names[i])) continue;
        if (f.tables++ == 0) f.first = i;
        if (f.tables == 2) f.second = i;
        for (int j = 0; j < n && f.train < 0; j++) {
            if (j == i || !table_name(names[j]) || !snug_names_pair(names[i], names[j])) continue;
            f.train = i;
            f.test = j;
        }
    }
    if (f.tables == 1) f.train = f.first;
    return f;
}

static snug_status choose(const char *folder, char *const *names, const found *f, csv_source *x)
{
    bool pair_only = f->tables == 1 || (f->train >= 0 && f->tables == 2);
    CHECK(
        f->train >= 0 && pair_only, SNUG_EINVAL,
        "%s: holds %d tables (%s, %s%s): name the one to train on, and data.test for its test part",
        folder, f->tables, names[f->first], names[f->second], f->tables > 2 ? ", ..." : "");
    TRY(snug_path_join(folder, names[f->train], x->path[RAW_MAIN]));
    if (f->test >= 0) TRY(snug_path_join(folder, names[f->test], x->path[RAW_TEST]));
    return SNUG_OK;
}

static snug_status find_in_folder(csv_source *x, const char *folder)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(folder, &names, &n));
    found f = find_tables(names, n);
    snug_status status = f.tables ? choose(folder, names, &f, x)
                                  : FAIL(SNUG_EFORMAT, "%s: no table in this folder", folder);
    snug_free(names);
    return status;
}

static snug_status find_files(csv_source *x, const snug_data_config *config)
{
    if (snug_path_is_dir(config->path))
        TRY(find_in_folder(x, config->path));
    else
        TRY(snug_path_copy(config->path, x->path[RAW_MAIN]));
    if (config->test_path) TRY(snug_path_copy(config->test_path, x->path[RAW_TEST]));
    return SNUG_OK;
}

/* ---- rows to records ------------------------------------------------------------------------- */

/* One reading of the files. */
typedef struct reading {
    csv_source *x;
    int64_t most;          /* rows of a part; 0: all */
    snug_file *into;       /* NULL: only look */
    double *block;         /* rows to be written */
    size_t used, capacity; /* in doubles */
} reading;

static snug_status flush(reading *g)
{
    size_t n = g->used;
    g->used = 0;
    return n ? snug_scratch_append(g->into, g->block, n * sizeof *g->block) : SNUG_OK;
}

static snug_status read_row(reading *g, const snug_csv_row *row)
{
    csv_source *x = g->x;
    snug_table *t = &x->table;
    CHECK(row->n == x->n_fields, SNUG_EFORMAT,
          "%s, line %" PRId64 ": %d fields, where the first row has %d", t->path, row->line, row->n,
          x->n_fields);
    size_t slots = g->into ? (size_t)t->n_slots : 0;
    if (g->used + slots > g->capacity) TRY(flush(g));
    double *record = g->block + g->used;
    g->used += slots;
    for (int i = 0; i < t->n_columns; i++) {
        const snug_column *c = &t->column[i];
        double cell = NAN;
        if (c->kind == COLUMN_IGNORED) continue;
        if (c->field >= 0) TRY(snug_table_cell(t, i, row->field[c->field], row->line, &cell));
        if (slots) record[c->slot] = cell;
    }
    return SNUG_OK;
}

/* Whether the first row of a test part repeats the names. */
static bool repeats_names(const snug_table *t, const snug_csv_row *row)
{
    for (int i = 0; i < t->n_columns; i++) {
        const snug_column *c = &t->column[i];
        if (c->field < 0 || c->field >= row->n) continue;
        if (*row->field[c->field] && strcmp(c->name, row->field[c->field]) != 0) return false;
    }
    return true;
}

static snug_status read_rows(reading *g, snug_raw_part part, snug_csv *r)
{
    snug_csv_row row;
    int64_t n = 0;
    bool skip = g->x->dialect.header;
    for (bool first = true; !g->most || n < g->most; first = false) {
        TRY(snug_csv_next(r, &row));
        if (row.n == 0) break;
        if (first && skip && (part == RAW_MAIN || repeats_names(&g->x->table, &row))) continue;
        CHECK(n < SNUG_MAX_SAMPLES, SNUG_EUNSUPPORTED, "%s: more than %" PRId64 " rows",
              g->x->table.path, SNUG_MAX_SAMPLES);
        TRY(read_row(g, &row));
        n++;
    }
    CHECK(n > 0, SNUG_EFORMAT, "%s: no rows%s", g->x->table.path, skip ? " below its header" : "");
    g->x->base.n[part] = n;
    return g->into ? flush(g) : SNUG_OK;
}

static snug_status read_part(reading *g, snug_raw_part part)
{
    csv_source *x = g->x;
    snug_csv *r = NULL;
    x->table.path = x->path[part];
    TRY(snug_csv_open(x->path[part], x->dialect.delimiter, &r));
    snug_status status = read_rows(g, part, r);
    snug_csv_close(r);
    return status;
}

static snug_status read_parts(reading *g)
{
    g->capacity = WRITE_BYTES / sizeof *g->block;
    if (g->capacity < (size_t)g->x->table.n_columns) g->capacity = (size_t)g->x->table.n_columns;
    g->block = snug_alloc_array(TAG_DATA, g->capacity, sizeof *g->block);
    if (!g->block) return snug_error_status();
    snug_table_reset(&g->x->table);
    snug_status status = read_part(g, RAW_MAIN);
    if (status == SNUG_OK && g->x->path[RAW_TEST][0]) status = read_part(g, RAW_TEST);
    g->x->table.path = g->x->path[RAW_MAIN];
    snug_free(g->block);
    return status;
}

static snug_status read_into_scratch(csv_source *x, const char *scratch_dir)
{
    snug_file_close(x->scratch);
    x->scratch = NULL;
    TRY(snug_scratch_open(scratch_dir, &x->scratch));
    reading whole = {.x = x, .into = x->scratch};
    return read_parts(&whole);
}

static snug_status read_table(csv_source *x, const snug_data_config *config)
{
    bool changed = false;
    reading look = {.x = x, .most = FIRST_ROWS};
    if (!x->table.strict) {
        TRY(read_parts(&look));
        TRY(snug_columns_decide(&x->table, config, &changed));
    }
    do { /* the second reading, if there is one, knows all rows: it changes nothing more */
        TRY(read_into_scratch(x, config->scratch_dir));
        TRY(snug_columns_decide(&x->table, config, &changed));
    } while (changed);
    return snug_columns_check(&x->table, config);
}

/* ---- the source ------------------------------------------------------------------------------ */

static snug_status source_read(snug_source *s, snug_raw_part part, int64_t first, int64_t n,
                               void *out)
{
    csv_source *x = (csv_source *)s;
    uint64_t at = (uint64_t)(part == RAW_TEST ? s->n[RAW_MAIN] + first : first);
    return snug_file_read_at(x->scratch, at * s->record_bytes, out, (size_t)n * s->record_bytes);
}

static void source_close(snug_source *s)
{
    csv_source *x = (csv_source *)s;
    snug_file_close(x->scratch);
    snug_table_free(&x->table);
    snug_free(x);
}

/* Whether the first row has the names of the columns that the model uses. */
static bool has_spec_names(const snug_spec *spec, const snug_csv_row *row)
{
    int used = 0, there = 0;
    for (int i = 0; i < spec->n_columns && spec->named; i++) {
        if (snug_spec_width(&spec->column[i]) == 0) continue;
        used++;
        for (int k = 0; k < row->n; k++)
            if (strcmp(row->field[k], spec->column[i].name) == 0) {
                there++;
                break;
            }
    }
    return there * 2 > used;
}

static snug_status start_with_row(csv_source *x, const snug_data_config *config,
                                  const snug_spec *spec, const snug_csv_row *row)
{
    CHECK(row->n > 0, SNUG_EFORMAT, "%s: empty, no rows", x->table.path);
    x->n_fields = row->n;
    if (spec) x->dialect.header = x->dialect.header || has_spec_names(spec, row);
    if (config->header) x->dialect.header = strcmp(config->header, "yes") == 0;
    const snug_csv_row *header = x->dialect.header ? row : NULL;
    if (spec) return snug_columns_from_spec(&x->table, config, spec, row->n, header);
    return snug_columns_start(&x->table, config, row->n, header);
}

static snug_status start_columns(csv_source *x, const snug_data_config *config,
                                 const snug_spec *spec)
{
    snug_csv *r = NULL;
    snug_csv_row row;
    x->table.path = x->path[RAW_MAIN];
    TRY(snug_csv_sniff(x->path[RAW_MAIN], &x->dialect));
    TRY(snug_csv_open(x->path[RAW_MAIN], x->dialect.delimiter, &r));
    snug_status status = snug_csv_next(r, &row);
    if (status == SNUG_OK) status = start_with_row(x, config, spec, &row);
    snug_csv_close(r);
    return status;
}

static size_t table_bytes(const snug_table *t)
{
    size_t bytes = (size_t)t->n_columns * sizeof *t->column;
    for (int i = 0; i < t->n_columns; i++) {
        const snug_dict *d = &t->column[i].dict;
        bytes += (size_t)d->n_buckets * (sizeof *d->bucket + sizeof *d->text / 2);
        for (int k = 0; k < d->n; k++) bytes += strlen(d->text[k]) + 16;
    }
    return bytes;
}

static snug_status check_options(const snug_data_config *config)
{
    const char *h = config->header;
    CHECK(!h || !strcmp(h, "yes") || !strcmp(h, "no"), SNUG_EINVAL,
          "data.header is yes or no, not '%s'", h);
    return SNUG_OK;
}

static snug_status open_into(csv_source *x, const snug_data_config *config, const snug_spec *spec)
{
    TRY(check_options(config));
    CHECK(!spec || spec->n_columns > 0, SNUG_ESHAPE, "%s: a table; the model was trained on %s",
          config->path,
          spec->kind == SNUG_DATA_IMAGE    ? "images"
          : spec->kind == SNUG_DATA_SERIES ? "series"
                                           : "text");
    x->table.bump = snug_bump_create(TAG_DATA);
    if (!x->table.bump) return snug_error_status();
    TRY(find_files(x, config));
    TRY(start_columns(x, config, spec));
    TRY(read_table(x, config));
    snug_source *s = &x->base;
    s->record_bytes = (size_t)x->table.n_slots * sizeof(double);
    s->scratch_bytes = (size_t)(s->n[RAW_MAIN] + s->n[RAW_TEST]) * s->record_bytes;
    s->resident_bytes = sizeof *x + table_bytes(&x->table);
    s->target = x->table.target_kind;
    return SNUG_OK;
}

static snug_status csv_open(const snug_data_config *config, const snug_spec *spec,
                            snug_source **out)
{
    csv_source *x = snug_alloc(TAG_DATA, sizeof *x);
    if (!x) return snug_error_status();
    x->base = (snug_source){
        .kind = SNUG_DATA_TABLE, .table = &x->table, .read = source_read, .close = source_close};
    return snug_source_give(&x->base, open_into(x, config, spec), out);
}

/* ---- looking --------------------------------------------------------------------------------- */

static snug_status looks_folder(const char *path, int *sure)
{
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(path, &names, &n));
    found f = find_tables(names, n);
    snug_free(names);
    *sure = f.tables ? 60 : 0;
    return SNUG_OK;
}

/* A file named like a table is taken for one, so that what is wrong with it is told; others must
 * look like one. */
static snug_status csv_looks(const char *path, int *sure)
{
    *sure = 0;
    if (!snug_path_exists(path)) return SNUG_OK;
    if (snug_path_is_dir(path)) return looks_folder(path, sure);
    snug_csv_dialect d = {0};
    if (table_name(path)) {
        *sure = 60;
        return SNUG_OK;
    }
    snug_status s = snug_csv_sniff(path, &d);
    if (s == SNUG_EFORMAT)
        snug_error_clear();
    else
        TRY(s);
    *sure = s == SNUG_OK && d.even && d.rows > 1 ? 30 : 0;
    return SNUG_OK;
}

const snug_format snug_format_csv = {
    .name = "csv",
    .doc =
        "CSV tables (comma, semicolon or tab; .csv .tsv .data .train .test ..., .gz too), a file "
        "or a folder with one table or a train and test pair",
    .looks = csv_looks,
    .open = csv_open,
};
