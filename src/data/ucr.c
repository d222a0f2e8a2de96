/* SPDX-License-Identifier: Apache-2.0 */
/* The text files of the UCR archive: NAME_TRAIN.txt and NAME_TEST.txt (.tsv, .csv), one series a
 * line, its class first; numbers separated by blanks, tabs or commas, NaN or ? where one is
 * missing. Either file, or the folder of both, opens the pair.
 *
 * Dau et al., The UCR Time Series Archive, 2018.
 */
#include "base/file.h"
#include "data/bytes.h"
#include "data/names.h"
#include "data/series.h"

#include <stdio.h>
#include <string.h>

/* One file while it is read. */
typedef struct reading {
    snug_series *s;
    snug_bytes *in;
    const char *path;
    snug_raw_part part;
    int64_t line;
    bool value;           /* the first number is a value to predict, not a class */
    int64_t bare_numbers; /* so many numbers in a line: there is no class; -1: there always is */
} reading;

/* ---- lines ----------------------------------------------------------------------------------- */

/* The numbers of a line into the sample; the first word apart. *n words, 0: the line is empty. */
static snug_status read_line(reading *r, const char *where, snug_word *first, int64_t *n)
{
    snug_word word = {.end = 0};
    double v;
    snug_sample_begin(r->s);
    for (*n = 0; word.end != '\n' && word.end >= 0; ++*n) {
        TRY(snug_bytes_word(r->in, ",", &word));
        bool last = word.end == '\n' || word.end < 0;
        if (word.length == 0 && last) break;
        CHECK(snug_series_number(word.text, &v) || *n == 0, SNUG_EFORMAT,
              "%s'%.40s' is not a number", where, word.text);
        if (*n == 0) *first = word;
        TRY(snug_sample_add(r->s, where, v));
    }
    return SNUG_OK;
}

/* The class comes first: the sample is what follows it. */
static void drop_first(snug_sample *x)
{
    memmove(x->value, x->value + 1, --x->n * sizeof *x->value);
}

static snug_status take_line(reading *r, const char *where, const snug_word *first, int64_t n)
{
    snug_sample *x = &r->s->sample;
    snug_sample_truth truth = {0};
    char plain[32];
    double v = 0;
    if (n != r->bare_numbers) {
        CHECK(n > 1, SNUG_EFORMAT, "%sa class and at least one number were expected", where);
        CHECK(first->length < sizeof first->text && !snug_field_missing(first->text), SNUG_EFORMAT,
              "%sno class at its start", where);
        CHECK(!r->value || snug_field_number(first->text, &v), SNUG_EFORMAT,
              "%s'%.40s' is to be a value, but is no number", where, first->text);
        truth.label = r->value ? NULL : snug_plain_label(first->text, plain);
        truth.value = (float)v;
        drop_first(x);
    }
    TRY(snug_sample_end_channel(r->s, where));
    return snug_sample_end(r->s, where, r->part, &truth);
}

static snug_status read_lines(reading *r)
{
    char where[SNUG_PATH_BYTES + 32];
    snug_word first = {.end = 0};
    int64_t n;
    for (int c;; r->line++) {
        TRY(snug_bytes_peek(r->in, &c));
        if (c < 0) break;
        snprintf(where, sizeof where, "%s, line %" PRId64 ": ", r->path, r->line);
        TRY(read_line(r, where, &first, &n));
        if (n > 0) TRY(take_line(r, where, &first, n));
    }
    CHECK(r->s->base.n[r->part] > 0, SNUG_EFORMAT, "%s: no series", r->path);
    return SNUG_OK;
}

static snug_status read_file(reading *r, snug_raw_part part, const char *path)
{
    r->path = path;
    r->part = part;
    r->line = 1;
    TRY(snug_bytes_open(path, &r->in));
    snug_bytes_skip_mark(r->in);
    snug_status status = read_lines(r);
    snug_bytes_close(r->in);
    return status;
}

/* ---- the source ------------------------------------------------------------------------------ */

/* NAME_TRAIN or NAME_TEST, and how such files end. */
static bool ucr_name(const char *name)
{
    static const char *const ends[] = {"_TRAIN",     "_TEST",     "_TRAIN.txt", "_TEST.txt",
                                       "_TRAIN.tsv", "_TEST.tsv", "_TRAIN.csv", "_TEST.csv"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (snug_name_ends(name, ends[i])) return true;
    return false;
}

static snug_status read_files(reading *r, const snug_data_config *config)
{
    snug_pair pair;
    TRY(snug_pair_find(config->path, ucr_name, &pair));
    if (config->test_path) TRY(snug_path_copy(config->test_path, pair.test));
    TRY(read_file(r, RAW_MAIN, pair.train));
    if (pair.test[0]) TRY(read_file(r, RAW_TEST, pair.test));
    snug_target_kind target = r->value ? SNUG_TARGET_VALUE : SNUG_TARGET_CLASS;
    return snug_series_finish(r->s, config->no_target ? SNUG_TARGET_NONE : target);
}

static snug_status ucr_open(const snug_data_config *config, const snug_spec *spec,
                            snug_source **out)
{
    bool value = spec ? spec->target == SNUG_TARGET_VALUE
                      : config->task && strcmp(config->task, "value") == 0;
    reading r = {.value = value, .bare_numbers = -1};
    if (spec && config->no_target && !spec->ragged) r.bare_numbers = spec->sample.dim[0];
    TRY(snug_series_create(config, &r.s));
    return snug_source_give(&r.s->base, read_files(&r, config), out);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* Whether the first line holds numbers alone, at least three. */
static snug_status looks_numbers(const char *path, bool *out)
{
    snug_bytes *b = NULL;
    snug_word word = {.end = ' '};
    int n = 0;
    double v;
    *out = true;
    TRY(snug_bytes_open(path, &b));
    snug_status status = SNUG_OK;
    while (status == SNUG_OK && *out && n < 3 && word.end != '\n' && word.end >= 0) {
        status = snug_bytes_word(b, ",", &word);
        *out = status == SNUG_OK && snug_series_number(word.text, &v);
        n++;
    }
    *out &= n == 3;
    snug_bytes_close(b);
    return status;
}

static snug_status ucr_looks(const char *path, int *sure)
{
    snug_pair pair;
    bool numbers = false, folder = snug_path_is_dir(path);
    *sure = 0;
    if (!snug_path_exists(path) || (!folder && !ucr_name(path))) return SNUG_OK;
    snug_status s = snug_pair_find(path, ucr_name, &pair);
    if (s == SNUG_OK) s = looks_numbers(pair.train, &numbers);
    if (s == SNUG_EFORMAT || s == SNUG_EINVAL) { /* not one set of this format */
        snug_error_clear();
        return SNUG_OK;
    }
    TRY(s);
    *sure = numbers ? 75 : 0;
    return SNUG_OK;
}

const snug_format snug_format_ucr = {
    .name = "ucr",
    .doc = "series of the UCR archive (NAME_TRAIN.txt, .tsv, .csv and NAME_TEST..), class first",
    .looks = ucr_looks,
    .open = ucr_open,
};
