/* SPDX-License-Identifier: Apache-2.0 */
/* The spec as JSON and back. What is read is checked whole before any of it is used. */
#include "data/spec.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define SPEC_VERSION    1
#define SPEC_MAX_BYTES  ((size_t)64 << 20)
#define SPEC_MAX_SAMPLE ((int64_t)1 << 26)

static const char *const kind_names[] = {"number", "category", "target", "ignored"};
static const char *const target_names[] = {"none", "class", "value"};

int snug_spec_width(const snug_spec_column *c)
{
    if (c->kind == COLUMN_NUMBER) return 1;
    if (c->kind != COLUMN_CATEGORY) return 0;
    return c->n_categories + c->other + c->missing;
}

static int find_class(const snug_spec *s, const char *name, size_t bytes)
{
    for (int i = 0; i < s->n_classes; i++)
        if (strlen(s->classes[i]) == bytes && memcmp(s->classes[i], name, bytes) == 0) return i;
    return -1;
}

int snug_spec_class(const snug_spec *s, const char *name)
{
    size_t n = strlen(name);
    int i = find_class(s, name, n);
    if (i < 0 && n > 1 && name[n - 1] == '.') i = find_class(s, name, n - 1);
    return i;
}

/* ---- writing ------------------------------------------------------------------------------- */

static json_t *doubles(const double *v, int64_t n)
{
    json_t *a = json_array();
    for (int64_t i = 0; i < n; i++) json_array_append_new(a, json_real(v[i]));
    return a;
}

static json_t *texts(const char *const *v, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(a, json_string(v[i]));
    return a;
}

static json_t *column_json(const snug_spec_column *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(c->name));
    json_object_set_new(o, "kind", json_string(kind_names[c->kind]));
    if (c->kind == COLUMN_NUMBER) {
        json_object_set_new(o, "mean", json_real(c->mean));
        json_object_set_new(o, "std", json_real(c->std));
    } else if (c->kind == COLUMN_CATEGORY) {
        json_object_set_new(o, "categories", texts(c->category, c->n_categories));
        json_object_set_new(o, "other", json_boolean(c->other));
        json_object_set_new(o, "missing", json_boolean(c->missing));
    }
    return o;
}

static json_t *spec_json(const snug_spec *s)
{
    json_t *o = json_object(), *dims = json_array();
    json_object_set_new(o, "snug_data", json_integer(SPEC_VERSION));
    json_object_set_new(o, "kind", json_string(s->kind == SNUG_DATA_IMAGE ? "image" : "table"));
    for (int i = 0; i < s->sample.n_dims; i++)
        json_array_append_new(dims, json_integer(s->sample.dim[i]));
    json_object_set_new(o, "sample", dims);
    if (s->kind == SNUG_DATA_IMAGE) {
        json_object_set_new(o, "mean", doubles(s->mean, s->sample.dim[2]));
        json_object_set_new(o, "std", doubles(s->std, s->sample.dim[2]));
    } else {
        json_t *columns = json_array();
        for (int i = 0; i < s->n_columns; i++)
            json_array_append_new(columns, column_json(&s->column[i]));
        json_object_set_new(o, "named", json_boolean(s->named));
        json_object_set_new(o, "columns", columns);
    }
    json_object_set_new(o, "target", json_string(target_names[s->target]));
    if (s->target == SNUG_TARGET_CLASS)
        json_object_set_new(o, "classes", texts(s->classes, s->n_classes));
    if (s->target == SNUG_TARGET_VALUE) {
        json_object_set_new(o, "target_mean", json_real(s->target_mean));
        json_object_set_new(o, "target_std", json_real(s->target_std));
    }
    return o;
}

snug_status snug_spec_write(const snug_spec *s, char **out)
{
    json_t *o = spec_json(s);
    size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(17), bytes = json_dumpb(o, NULL, 0, flags);
    char *text = bytes ? snug_alloc(TAG_DATA, bytes + 1) : NULL;
    if (text) json_dumpb(o, text, bytes, flags);
    json_decref(o);
    CHECK(bytes, SNUG_ENOMEM, "the data's spec does not fit in memory");
    if (!text) return snug_error_status();
    *out = text;
    return SNUG_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static snug_status read_name(const json_t *o, const char *key, const char *const *names, int n,
                             int *out)
{
    const char *text = json_string_value(json_object_get(o, key));
    CHECK(text, SNUG_EFORMAT, "data spec: \"%s\" is missing or not a text", key);
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return SNUG_OK;
        }
    return FAIL(SNUG_EFORMAT, "data spec: \"%s\" is \"%.60s\", which is not known", key, text);
}

static snug_status read_real(const json_t *v, const char *key, bool positive, double *out)
{
    CHECK(json_is_number(v), SNUG_EFORMAT, "data spec: \"%s\" is missing or not a number", key);
    double d = json_number_value(v);
    CHECK(isfinite(d) && (!positive || d >= 1e-200), SNUG_EFORMAT,
          "data spec: \"%s\" is %g, which cannot be", key, d);
    *out = d;
    return SNUG_OK;
}

static snug_status read_bool(const json_t *o, const char *key, bool *out)
{
    const json_t *v = json_object_get(o, key);
    CHECK(json_is_boolean(v), SNUG_EFORMAT, "data spec: \"%s\" is not true or false", key);
    *out = json_is_true(v);
    return SNUG_OK;
}

/* A list of different texts. Duplicates are found by sorting pointers beside the list. */
static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static snug_status check_different(const char *key, const char *const *list, int n)
{
    const char **sorted = snug_alloc_array(TAG_DATA, (size_t)n + 1, sizeof *sorted);
    if (!sorted) return snug_error_status();
    memcpy(sorted, list, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_texts);
    int same = -1;
    for (int i = 1; i < n; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0) same = i;
    snug_status s = SNUG_OK;
    if (same >= 0)
        s = FAIL(SNUG_EFORMAT, "data spec: \"%s\" names '%.60s' twice", key, sorted[same]);
    snug_free(sorted);
    return s;
}

static snug_status read_texts(const json_t *o, const char *key, int max, snug_bump *bump,
                              const char *const **out, int *n_out)
{
    const json_t *a = json_object_get(o, key);
    size_t n = json_array_size(a);
    CHECK(json_is_array(a) && n <= (size_t)max, SNUG_EFORMAT,
          "data spec: \"%s\" is missing, not a list, or longer than %d", key, max);
    const char **list = snug_bump_alloc(bump, (n + 1) * sizeof *list);
    if (!list) return snug_error_status();
    for (size_t i = 0; i < n; i++) {
        const char *text = json_string_value(json_array_get(a, i));
        CHECK(text, SNUG_EFORMAT, "data spec: \"%s\" holds something that is not a text", key);
        list[i] = snug_bump_strdup(bump, text);
        if (!list[i]) return snug_error_status();
    }
    TRY(check_different(key, list, (int)n));
    *out = list;
    *n_out = (int)n;
    return SNUG_OK;
}

static snug_status read_sample(const json_t *o, snug_spec *s)
{
    const json_t *dims = json_object_get(o, "sample");
    size_t want = s->kind == SNUG_DATA_IMAGE ? 3 : 1;
    CHECK(json_is_array(dims) && json_array_size(dims) == want, SNUG_EFORMAT,
          "data spec: \"sample\" must be a list of %zu lengths", want);
    int64_t dim[3], total = 1;
    for (size_t i = 0; i < want; i++) {
        dim[i] = json_integer_value(json_array_get(dims, i));
        CHECK(dim[i] > 0 && dim[i] <= SPEC_MAX_SAMPLE / total, SNUG_EFORMAT,
              "data spec: \"sample\" has a length of %" PRId64, dim[i]);
        total *= dim[i];
    }
    s->sample = snug_shape_make((int)want, dim);
    return SNUG_OK;
}

static snug_status read_image(const json_t *o, snug_spec *s)
{
    int64_t channels = s->sample.dim[2];
    CHECK(channels <= SNUG_MAX_CHANNELS, SNUG_EFORMAT,
          "data spec: %" PRId64 " channels, at most %d can be", channels, SNUG_MAX_CHANNELS);
    const json_t *mean = json_object_get(o, "mean"), *std = json_object_get(o, "std");
    CHECK(json_array_size(mean) == (size_t)channels && json_array_size(std) == (size_t)channels,
          SNUG_EFORMAT, "data spec: \"mean\" and \"std\" must have one number a channel");
    for (int64_t c = 0; c < channels; c++) {
        TRY(read_real(json_array_get(mean, (size_t)c), "mean", false, &s->mean[c]));
        TRY(read_real(json_array_get(std, (size_t)c), "std", true, &s->std[c]));
    }
    return SNUG_OK;
}

static snug_status read_column(const json_t *o, snug_bump *bump, snug_spec_column *c)
{
    const char *name = json_string_value(json_object_get(o, "name"));
    CHECK(name, SNUG_EFORMAT, "data spec: a column has no name");
    c->name = snug_bump_strdup(bump, name);
    if (!c->name) return snug_error_status();
    int kind = 0;
    TRY(read_name(o, "kind", kind_names, N_COLUMN_KINDS, &kind));
    c->kind = (snug_column_kind)kind;
    if (c->kind == COLUMN_NUMBER) {
        TRY(read_real(json_object_get(o, "mean"), "mean", false, &c->mean));
        TRY(read_real(json_object_get(o, "std"), "std", true, &c->std));
    } else if (c->kind == COLUMN_CATEGORY) {
        TRY(read_texts(o, "categories", SNUG_MAX_CATEGORIES, bump, &c->category, &c->n_categories));
        TRY(read_bool(o, "other", &c->other));
        TRY(read_bool(o, "missing", &c->missing));
    }
    return SNUG_OK;
}

static snug_status read_table(const json_t *o, snug_bump *bump, snug_spec *s)
{
    const json_t *columns = json_object_get(o, "columns");
    size_t n = json_array_size(columns);
    CHECK(n > 0 && n <= SNUG_MAX_COLUMNS, SNUG_EFORMAT,
          "data spec: \"columns\" must be a list of 1 to %d", SNUG_MAX_COLUMNS);
    TRY(read_bool(o, "named", &s->named));
    s->column = snug_bump_alloc(bump, n * sizeof *s->column);
    if (!s->column) return snug_error_status();
    s->n_columns = (int)n;
    int64_t width = 0;
    int targets = 0;
    for (size_t i = 0; i < n; i++) {
        TRY(read_column(json_array_get(columns, i), bump, &s->column[i]));
        width += snug_spec_width(&s->column[i]);
        targets += s->column[i].kind == COLUMN_TARGET;
    }
    CHECK(width == s->sample.dim[0], SNUG_EFORMAT,
          "data spec: its columns make %" PRId64 " features, \"sample\" says %" PRId64, width,
          s->sample.dim[0]);
    CHECK(targets == (s->target != SNUG_TARGET_NONE), SNUG_EFORMAT,
          "data spec: %d target columns, which does not go with target \"%s\"", targets,
          target_names[s->target]);
    return SNUG_OK;
}

static snug_status read_spec(const json_t *o, snug_bump *bump, snug_spec *s)
{
    static const char *const kinds[] = {"image", "table"};
    CHECK(json_integer_value(json_object_get(o, "snug_data")) == SPEC_VERSION, SNUG_EFORMAT,
          "data spec: not one, or of another version of Snug");
    int kind = 0, target = 0;
    TRY(read_name(o, "kind", kinds, 2, &kind));
    TRY(read_name(o, "target", target_names, 3, &target));
    s->kind = kind == 0 ? SNUG_DATA_IMAGE : SNUG_DATA_TABLE;
    s->target = (snug_target_kind)target;
    TRY(read_sample(o, s));
    if (s->target == SNUG_TARGET_CLASS) {
        TRY(read_texts(o, "classes", SNUG_MAX_CLASSES, bump, &s->classes, &s->n_classes));
        CHECK(s->n_classes > 0, SNUG_EFORMAT, "data spec: no classes");
    } else if (s->target == SNUG_TARGET_VALUE) {
        TRY(read_real(json_object_get(o, "target_mean"), "target_mean", false, &s->target_mean));
        TRY(read_real(json_object_get(o, "target_std"), "target_std", true, &s->target_std));
    }
    if (s->kind == SNUG_DATA_IMAGE) return read_image(o, s);
    return read_table(o, bump, s);
}

snug_status snug_spec_read(const char *json, snug_bump *bump, snug_spec *out)
{
    size_t bytes = strlen(json);
    CHECK(bytes <= SPEC_MAX_BYTES, SNUG_EFORMAT, "data spec: larger than %zu bytes",
          SPEC_MAX_BYTES);
    json_error_t e;
    json_t *o = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &e);
    CHECK(o, SNUG_EFORMAT, "data spec: not JSON (line %d: %s)", e.line, e.text);
    snug_spec s = {.target_std = 1};
    snug_status status = read_spec(o, bump, &s);
    json_decref(o);
    TRY(status);
    *out = s;
    return SNUG_OK;
}
