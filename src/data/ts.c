/* SPDX-License-Identifier: Apache-2.0 */
/* The .ts files of sktime and the UEA archive: header lines that begin with @, then a series a
 * line: channels separated by colons, their numbers by commas, ? where one is missing, the class
 * (or the value to predict) behind the last colon. Channels of a series may differ in length, as
 * may series. Either of NAME_TRAIN.ts and NAME_TEST.ts, or the folder of both, opens the pair.
 *
 * https://www.sktime.net/en/stable/api_reference/file_specifications/ts.html
 */
#include "base/file.h"
#include "data/bytes.h"
#include "data/names.h"
#include "data/series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* One file while it is read. */
typedef struct reading {
    snug_series *s;
    snug_bytes *in;
    const char *path;
    snug_raw_part part;
    int64_t line;
    bool labels, values; /* the header tells that a class, or a value, ends each line */
    snug_word last;      /* of a line */
} reading;

/* ---- the header ------------------------------------------------------------------------------ */

static bool is_true(const char *text)
{
    return strcasecmp(text, "true") == 0;
}

/* "@classLabel true 1 2 3": all of them are classes, even those that no sample has. */
static snug_status declare_classes(reading *r, snug_word *word)
{
    int32_t code;
    while (word->end == ' ') {
        TRY(snug_bytes_word(r->in, "", word));
        if (word->length == 0) break;
        TRY(snug_dict_add(&r->s->label, r->s->bump, word->text, &code));
        r->s->base.all_labels = true;
    }
    return SNUG_OK;
}

/* A header line, behind its @; *data when it is the last. */
static snug_status read_tag(reading *r, bool *data)
{
    snug_word tag, word = {.end = 0};
    TRY(snug_bytes_word(r->in, "", &tag));
    *data = strcasecmp(tag.text, "data") == 0;
    if (tag.end != ' ') return SNUG_OK;
    TRY(snug_bytes_word(r->in, "", &word));
    bool on = is_true(word.text);
    CHECK(!on || strcasecmp(tag.text, "timeStamps") != 0, SNUG_EUNSUPPORTED,
          "%s, line %" PRId64 ": series with time stamps; write them at even steps, without",
          r->path, r->line);
    if (strcasecmp(tag.text, "classLabel") == 0) {
        r->labels = on;
        if (on) TRY(declare_classes(r, &word));
    }
    if (strcasecmp(tag.text, "targetLabel") == 0) r->values = on;
    return word.end == ' ' ? snug_bytes_skip_line(r->in) : SNUG_OK;
}

static snug_status read_header(reading *r)
{
    bool data = false;
    for (int c; !data; r->line++) {
        TRY(snug_bytes_peek(r->in, &c));
        CHECK(c >= 0, SNUG_EFORMAT, "%s: no @data line: not a .ts file, or cut short", r->path);
        if (c == '@') {
            r->in->at++;
            TRY(read_tag(r, &data));
            continue;
        }
        CHECK(c == '#' || c == '%' || c == '\n' || c == '\r' || c == ' ', SNUG_EFORMAT,
              "%s, line %" PRId64 ": before @data, lines begin with @ or #", r->path, r->line);
        TRY(snug_bytes_skip_line(r->in));
    }
    return SNUG_OK;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* All channels of a line, what ends it among them; *n numbers of the last. Only its last word may
 * be no number. */
static snug_status read_channels(reading *r, const char *where, size_t *n)
{
    snug_word *word = &r->last;
    size_t begin = 0;
    bool number = true;
    double v;
    snug_sample_begin(r->s);
    for (word->end = ','; word->end == ',' || word->end == ':';) {
        CHECK(number, SNUG_EFORMAT, "%s'%.40s' is not a number", where, word->text);
        TRY(snug_bytes_word(r->in, ",:", word));
        CHECK(word->end != ' ', SNUG_EFORMAT, "%sa blank inside of a number, behind '%.40s'", where,
              word->text);
        number = snug_series_number(word->text, &v);
        TRY(snug_sample_add(r->s, where, number ? v : NAN));
        if (word->end == ',') continue;
        *n = r->s->sample.n - begin;
        begin = r->s->sample.n;
        TRY(snug_sample_end_channel(r->s, where));
    }
    return SNUG_OK;
}

/* The last channel of a line is its class or value. */
static snug_status take_truth(reading *r, const char *where, size_t n, snug_sample_truth *truth)
{
    snug_sample *x = &r->s->sample;
    double v = 0;
    CHECK(n == 1 && x->n_channels > 1, SNUG_EFORMAT,
          "%sno %s behind the last colon, as the header tells", where,
          r->labels ? "class" : "value");
    CHECK(r->last.length > 0 && r->last.length < sizeof r->last.text, SNUG_EFORMAT,
          "%sthe class is missing, or its name too long", where);
    CHECK(!r->values || snug_field_number(r->last.text, &v), SNUG_EFORMAT,
          "%s'%.40s' is to be a value, but is no number", where, r->last.text);
    truth->label = r->labels ? r->last.text : NULL;
    truth->value = (float)v;
    x->n_channels--;
    return SNUG_OK;
}

static snug_status read_series(reading *r, const char *where)
{
    snug_sample_truth truth = {0};
    size_t n = 0;
    double v;
    TRY(read_channels(r, where, &n));
    if (r->labels || r->values)
        TRY(take_truth(r, where, n, &truth));
    else
        CHECK(snug_series_number(r->last.text, &v), SNUG_EFORMAT, "%s'%.40s' is not a number",
              where, r->last.text);
    return snug_sample_end(r->s, where, r->part, &truth);
}

static snug_status read_lines(reading *r)
{
    char where[SNUG_PATH_BYTES + 32];
    TRY(read_header(r));
    for (int c;; r->line++) {
        TRY(snug_bytes_peek(r->in, &c));
        if (c < 0) break;
        if (c == '#' || c == '\n' || c == '\r') {
            TRY(snug_bytes_skip_line(r->in));
            continue;
        }
        snprintf(where, sizeof where, "%s, line %" PRId64 ": ", r->path, r->line);
        TRY(read_series(r, where));
    }
    CHECK(r->s->base.n[r->part] > 0, SNUG_EFORMAT, "%s: no series below @data", r->path);
    return SNUG_OK;
}

static snug_status read_file(reading *r, snug_raw_part part, const char *path)
{
    r->path = path;
    r->part = part;
    r->line = 1;
    r->labels = r->values = false;
    TRY(snug_bytes_open(path, &r->in));
    snug_bytes_skip_mark(r->in);
    snug_status status = read_lines(r);
    snug_bytes_close(r->in);
    return status;
}

/* ---- the source ------------------------------------------------------------------------------ */

static bool ts_name(const char *name)
{
    return snug_name_ends(name, ".ts") || snug_name_ends(name, ".ts.gz");
}

static snug_status read_files(reading *r, const snug_data_config *config)
{
    snug_pair pair;
    TRY(snug_pair_find(config->path, ts_name, &pair));
    if (config->test_path) TRY(snug_path_copy(config->test_path, pair.test));
    TRY(read_file(r, RAW_MAIN, pair.train));
    bool labels = r->labels, values = r->values;
    if (pair.test[0]) TRY(read_file(r, RAW_TEST, pair.test));
    CHECK(labels == r->labels && values == r->values, SNUG_EFORMAT,
          "%s: its header tells of another kind of target than that of %s", pair.test, pair.train);
    snug_target_kind target = labels   ? SNUG_TARGET_CLASS
                              : values ? SNUG_TARGET_VALUE
                                       : SNUG_TARGET_NONE;
    return snug_series_finish(r->s, config->no_target ? SNUG_TARGET_NONE : target);
}

static snug_status ts_open(const snug_data_config *config, const snug_spec *spec, snug_source **out)
{
    (void)spec; /* nothing in these files depends on it */
    reading r = {.part = RAW_MAIN};
    TRY(snug_series_create(config, &r.s));
    return snug_source_give(&r.s->base, read_files(&r, config), out);
}

/* ---- looking --------------------------------------------------------------------------------- */

static snug_status ts_looks(const char *path, int *sure)
{
    *sure = 0;
    if (!snug_path_exists(path)) return SNUG_OK;
    if (!snug_path_is_dir(path)) {
        *sure = ts_name(path) ? 80 : 0;
        return SNUG_OK;
    }
    char **names = NULL;
    int n = 0;
    TRY(snug_list_dir(path, &names, &n));
    for (int i = 0; i < n; i++)
        if (ts_name(names[i])) *sure = 80;
    snug_free(names);
    return SNUG_OK;
}

const snug_format snug_format_ts = {
    .name = "ts",
    .doc = "series of sktime and the UEA archive (NAME_TRAIN.ts and NAME_TEST.ts, or one of them)",
    .looks = ts_looks,
    .open = ts_open,
};
