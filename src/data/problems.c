/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about what a person should know of a data set before training on it. */
#include "data/dataset.h"

#include "base/rng.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_COMPARED 50000 /* for repeated rows and number-like names: the first so many */
#define FEW_SAMPLES   10    /* of a class */
#define IMBALANCE     20    /* times more samples of one class than of another */

snug_status snug_dataset_problem(snug_dataset *d, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (d->info.n_problems == SNUG_MAX_PROBLEMS) return SNUG_OK;
    const char *kept = snug_bump_strdup(d->bump, text);
    if (!kept) return snug_error_status();
    d->problems[d->info.n_problems++] = kept;
    return SNUG_OK;
}

static snug_status class_problems(snug_dataset *d)
{
    if (!d->class_counts) return SNUG_OK;
    const snug_data_info *info = &d->info;
    int64_t least = 0, most = 0, absent = 0;
    for (int64_t c = 1; c < info->n_classes; c++) {
        if (d->class_counts[c] < d->class_counts[least]) least = c;
        if (d->class_counts[c] > d->class_counts[most]) most = c;
    }
    for (int64_t c = 0; c < info->n_classes; c++) absent += d->class_counts[c] == 0;
    if (absent > 0)
        return snug_dataset_problem(d, "%" PRId64 " of %" PRId64 " classes have no sample here",
                                    absent, info->n_classes);
    int64_t a = d->class_counts[least], b = d->class_counts[most];
    if (b >= a * IMBALANCE)
        TRY(snug_dataset_problem(d,
                                 "classes are out of balance: %" PRId64
                                 " samples of '%.60s', %" PRId64
                                 " of '%.60s'; look at recall by class, not at accuracy alone",
                                 b, info->class_names[most], a, info->class_names[least]));
    if (a < FEW_SAMPLES)
        TRY(snug_dataset_problem(d, "class '%.60s' has only %" PRId64 " sample%s to learn from",
                                 info->class_names[least], a, a == 1 ? "" : "s"));
    return SNUG_OK;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static bool named_id(const char *name)
{
    size_t n = strlen(name);
    if (n < 2) return false;
    char low[3] = {(char)(name[n - 2] | 32), (char)(name[n - 1] | 32), 0};
    return strcmp(low, "id") == 0 && (n == 2 || name[n - 3] == '_' || name[n - 3] == ' ' ||
                                      name[n - 3] == '-' || name[n - 1] == 'D');
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Whether the first rows of a slot are all different. */
static snug_status all_different(snug_dataset *d, int slot, bool *out)
{
    int64_t n = snug_dataset_records(d, SNUG_PART_TRAIN), slots = d->source->table->n_slots;
    n = n < ROWS_COMPARED ? n : ROWS_COMPARED;
    double *value = snug_alloc_array(TAG_DATA, (size_t)n, sizeof *value);
    if (!value) return snug_error_status();
    snug_status status = SNUG_OK;
    int64_t at_once = snug_dataset_capacity(d);
    for (int64_t i = 0; i < n && status == SNUG_OK; i += at_once) {
        int64_t rows = n - i < at_once ? n - i : at_once;
        status = snug_dataset_raw(d, SNUG_PART_TRAIN, i, rows, d->buffer);
        for (int64_t r = 0; r < rows; r++)
            value[i + r] = ((const double *)d->buffer)[r * slots + slot];
    }
    qsort(value, (size_t)n, sizeof *value, compare_doubles);
    bool different = true;
    for (int64_t i = 1; i < n; i++) different &= value[i] != value[i - 1];
    snug_free(value);
    *out = different;
    return status;
}

/* A column that only names rows: whole numbers, all different, called id or coming first. */
static snug_status id_problem(snug_dataset *d, int i)
{
    const snug_column *c = &d->source->table->column[i];
    bool candidate = c->kind == COLUMN_NUMBER && c->integers && c->n_few > SNUG_FEW &&
                     c->n_missing == 0 && (i == 0 || named_id(c->name));
    bool different = false;
    char number[16];
    if (candidate) TRY(all_different(d, c->slot, &different));
    if (!different) return SNUG_OK;
    snprintf(number, sizeof number, "%d", i);
    return snug_dataset_problem(d,
                                "column '%s' holds a different whole number in every row: if it "
                                "only names the rows, leave it out (data.ignore: %s)",
                                c->name, d->source->table->named ? c->name : number);
}

static snug_status column_problem(snug_dataset *d, int i)
{
    const snug_column *c = &d->source->table->column[i];
    const snug_spec_column *s = &d->spec.column[i];
    if (c->kind == COLUMN_CATEGORY && c->n_numbers > c->n_texts)
        TRY(snug_dataset_problem(d,
                                 "column '%s' is read as text because of %" PRId64 " fields such "
                                 "as '%.40s' (line %" PRId64 ") among %" PRId64 " numbers",
                                 c->name, c->n_texts, c->first_text, c->text_line, c->n_numbers));
    if (s->kind == COLUMN_CATEGORY && s->other)
        TRY(snug_dataset_problem(d,
                                 "column '%s' has %s%d different texts; the %d most frequent are "
                                 "told apart",
                                 c->name, c->dict.full ? "more than " : "", c->dict.n,
                                 s->n_categories));
    bool constant = (c->kind == COLUMN_NUMBER && c->n_few < 2) ||
                    (c->kind == COLUMN_CATEGORY && c->dict.n + (c->n_missing > 0) < 2);
    if (constant) TRY(snug_dataset_problem(d, "column '%s' is the same in every row", c->name));
    return id_problem(d, i);
}

/* Rows that repeat an earlier one, by a 64-bit hash of their cells. */
static int64_t count_repeats(const uint64_t *hash, int64_t n)
{
    int64_t repeats = 0;
    for (int64_t i = 1; i < n; i++) repeats += hash[i] == hash[i - 1];
    return repeats;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t hash_row(const unsigned char *row, size_t bytes)
{
    uint64_t h = 14695981039346656037ull;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word;
        memcpy(&word, row + i, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15ull;
        h ^= h >> 32;
    }
    return h;
}

static snug_status repeat_problem(snug_dataset *d)
{
    int64_t n = snug_dataset_records(d, SNUG_PART_TRAIN), at_once = snug_dataset_capacity(d);
    n = n < ROWS_COMPARED ? n : ROWS_COMPARED;
    size_t bytes = d->source->record_bytes;
    uint64_t *hash = snug_alloc_array(TAG_DATA, (size_t)n, sizeof *hash);
    if (!hash) return snug_error_status();
    snug_status status = SNUG_OK;
    for (int64_t i = 0; i < n && status == SNUG_OK; i += at_once) {
        int64_t rows = n - i < at_once ? n - i : at_once;
        status = snug_dataset_raw(d, SNUG_PART_TRAIN, i, rows, d->buffer);
        for (int64_t r = 0; r < rows; r++)
            hash[i + r] = hash_row((const unsigned char *)d->buffer + (size_t)r * bytes, bytes);
    }
    qsort(hash, (size_t)n, sizeof *hash, compare_hashes);
    int64_t repeats = count_repeats(hash, n);
    snug_free(hash);
    TRY(status);
    if (repeats == 0) return SNUG_OK;
    return snug_dataset_problem(d, "%" PRId64 " of %s%" PRId64 " training rows repeat another one",
                                repeats, n == ROWS_COMPARED ? "the first " : "", n);
}

/* "1,5" */
static bool has_decimal_comma(const char *text)
{
    const char *digits = "0123456789";
    if (!text) return false;
    if (*text == '-') text++;
    const size_t whole = strspn(text, digits), part = whole && text[whole] == ',' ? whole + 1 : 0;
    return part && text[part] && text[part + strspn(text + part, digits)] == '\0';
}

static snug_status table_problems(snug_dataset *d)
{
    const snug_table *t = d->source->table;
    if (t->target_guessed)
        TRY(snug_dataset_problem(d,
                                 "column '%s' is taken as the target, a %s; say data.target and "
                                 "data.task if it is not",
                                 t->column[t->target[0]].name,
                                 t->target_kind == SNUG_TARGET_CLASS ? "class" : "value"));
    if (d->info.n_missing > 0)
        TRY(snug_dataset_problem(d,
                                 "%" PRId64 " fields are missing: numbers get the mean, categories "
                                 "one of their own",
                                 d->info.n_missing));
    for (int i = 0; i < t->n_columns; i++) {
        const snug_column *c = &t->column[i];
        if (c->left_out)
            TRY(snug_dataset_problem(
                d, "column '%s' holds text, such as '%.40s', and is left out of the forecast",
                c->name, c->first_text));
        if (c->kind != COLUMN_IGNORED && has_decimal_comma(c->first_text))
            TRY(snug_dataset_problem(d,
                                     "column '%s' holds text, such as '%.40s': numbers are read "
                                     "with a decimal point",
                                     c->name, c->first_text));
        TRY(column_problem(d, i));
    }
    return repeat_problem(d);
}

/* ---- series, labels, anomalies --------------------------------------------------------------- */

static snug_status length_problem(snug_dataset *d)
{
    snug_source *s = d->source;
    int64_t n = d->part[SNUG_PART_TRAIN].n;
    int32_t least = INT32_MAX, most = 0, length;
    for (int64_t i = 0; i < n; i++) {
        const snug_index *x = &d->part[SNUG_PART_TRAIN];
        TRY(s->lengths(s, (snug_raw_part)x->raw, snug_index_at(x, i), 1, &length));
        least = length < least ? length : least;
        most = length > most ? length : most;
    }
    return snug_dataset_problem(d,
                                "series have %" PRId32 " to %" PRId32 " steps to train on: what "
                                "is behind the last step is 0, and models are told the lengths",
                                least, most);
}

static snug_status number_problems(snug_dataset *d)
{
    if (d->info.n_missing > 0)
        TRY(snug_dataset_problem(d,
                                 "%" PRId64 " numbers are missing: they get the mean of their "
                                 "channel",
                                 d->info.n_missing));
    return d->source->lengths ? length_problem(d) : SNUG_OK;
}

static snug_status label_problems(snug_dataset *d)
{
    const snug_data_info *info = &d->info;
    int64_t n = d->part[SNUG_PART_TRAIN].n + d->part[SNUG_PART_VALIDATION].n;
    for (int64_t k = 0; k < info->n_classes; k++) {
        int64_t count = d->class_counts[k];
        if (count == 0 || count == n)
            TRY(snug_dataset_problem(d, "label '%.60s' is %d in every sample to learn from",
                                     info->class_names[k], count > 0));
    }
    return SNUG_OK;
}

static snug_status anomaly_problems(snug_dataset *d, const snug_data_config *config)
{
    bool told = config->anomalies || config->normal;
    if (d->info.n[SNUG_PART_TEST] > 0 && !told)
        return snug_dataset_problem(d, "nothing tells which test samples are anomalies: set "
                                       "data.anomalies or data.normal");
    if (d->info.n[SNUG_PART_TEST] == 0 && told)
        return snug_dataset_problem(d, "there is no test part to find anomalies in: set data.test "
                                       "or data.folds");
    return SNUG_OK;
}

snug_status snug_find_problems(snug_dataset *d, const snug_data_config *config)
{
    const snug_source *s = d->source;
    int64_t own = s->n[RAW_VALIDATION];
    if (own > 0 && d->part[SNUG_PART_VALIDATION].raw != RAW_VALIDATION)
        TRY(snug_dataset_problem(d,
                                 "the set's own validation part (%" PRId64 " samples) is left out, "
                                 "as data.validation asks for a share of the training part",
                                 own));
    if (d->info.target == SNUG_TARGET_CLASS) TRY(class_problems(d));
    if (d->info.target == SNUG_TARGET_LABELS) TRY(label_problems(d));
    if (d->info.target == SNUG_TARGET_SELF) TRY(anomaly_problems(d, config));
    if (s->table) return table_problems(d);
    return s->kind == SNUG_DATA_TEXT ? SNUG_OK : number_problems(d);
}
