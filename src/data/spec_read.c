/* SPDX-License-Identifier: Apache-2.0 */
/* The spec read back: checked whole before any of it is used. */
#include "data/spec_names.h"
#include "data/target.h"
#include "data/utf8.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define SPEC_MAX_BYTES  ((size_t)64 << 20)
#define SPEC_MAX_SAMPLE ((int64_t)1 << 26)

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

static snug_status read_list(const json_t *o, const char *key, int max, snug_bump *bump,
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
    *out = list;
    *n_out = (int)n;
    return SNUG_OK;
}

static snug_status read_texts(const json_t *o, const char *key, int max, snug_bump *bump,
                              const char *const **out, int *n_out)
{
    TRY(read_list(o, key, max, bump, out, n_out));
    return check_different(key, *out, *n_out);
}

/* n numbers as a list. */
static snug_status read_reals(const json_t *o, const char *key, int64_t n, bool positive,
                              snug_bump *bump, double **out)
{
    const json_t *a = json_object_get(o, key);
    CHECK(json_is_array(a) && json_array_size(a) == (size_t)n, SNUG_EFORMAT,
          "data spec: \"%s\" must be a list of %" PRId64 " numbers", key, n);
    double *v = snug_bump_alloc(bump, ((size_t)n + 1) * sizeof *v);
    if (!v) return snug_error_status();
    for (int64_t i = 0; i < n; i++)
        TRY(read_real(json_array_get(a, (size_t)i), key, positive, &v[i]));
    *out = v;
    return SNUG_OK;
}

/* Axes of a sample of each kind. */
static const size_t kind_axes[SNUG_N_DATA_KINDS] = {3, 1, 2, 1};

static snug_status read_sample(const json_t *o, snug_spec *s)
{
    const json_t *dims = json_object_get(o, "sample");
    size_t want = kind_axes[s->kind];
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

static snug_status read_channels(const json_t *o, snug_bump *bump, snug_spec *s)
{
    int64_t channels = s->sample.dim[s->sample.n_dims - 1];
    int most = s->kind == SNUG_DATA_IMAGE ? SNUG_MAX_CHANNELS : SNUG_MAX_SERIES;
    CHECK(channels <= most, SNUG_EFORMAT, "data spec: %" PRId64 " channels, at most %d can be",
          channels, most);
    s->ragged = json_is_true(json_object_get(o, "ragged"));
    CHECK(!s->ragged || s->kind == SNUG_DATA_SERIES, SNUG_EFORMAT,
          "data spec: \"ragged\" images cannot be");
    TRY(read_reals(o, "mean", channels, false, bump, &s->mean));
    return read_reals(o, "std", channels, true, bump, &s->std);
}

static snug_status read_column(const json_t *o, snug_bump *bump, snug_spec_column *c)
{
    const char *name = json_string_value(json_object_get(o, "name"));
    CHECK(name, SNUG_EFORMAT, "data spec: a column has no name");
    c->name = snug_bump_strdup(bump, name);
    if (!c->name) return snug_error_status();
    int kind = 0;
    TRY(read_name(o, "kind", snug_column_names, N_COLUMN_KINDS, &kind));
    c->kind = (snug_column_kind)kind;
    if (c->kind == COLUMN_NUMBER) {
        TRY(read_real(json_object_get(o, "mean"), "mean", false, &c->mean));
        TRY(read_real(json_object_get(o, "std"), "std", true, &c->std));
        c->ahead = json_is_true(json_object_get(o, "ahead"));
    } else if (c->kind == COLUMN_CATEGORY) {
        TRY(read_texts(o, "categories", SNUG_MAX_CATEGORIES, bump, &c->category, &c->n_categories));
        TRY(read_bool(o, "other", &c->other));
        TRY(read_bool(o, "missing", &c->missing));
    }
    return SNUG_OK;
}

static snug_status read_columns(const json_t *o, snug_bump *bump, snug_spec *s)
{
    const json_t *columns = json_object_get(o, "columns");
    size_t n = json_array_size(columns);
    CHECK(n > 0 && n <= SNUG_MAX_COLUMNS, SNUG_EFORMAT,
          "data spec: \"columns\" must be a list of 1 to %d", SNUG_MAX_COLUMNS);
    TRY(read_bool(o, "named", &s->named));
    s->column = snug_bump_alloc(bump, n * sizeof *s->column);
    if (!s->column) return snug_error_status();
    s->n_columns = (int)n;
    for (size_t i = 0; i < n; i++)
        TRY(read_column(json_array_get(columns, i), bump, &s->column[i]));
    return SNUG_OK;
}

/* How many numbers of a sample's truth its columns tell. */
static int64_t truth_of_columns(const snug_spec *s)
{
    int64_t targets = 0, ahead = 0;
    for (int i = 0; i < s->n_columns; i++) {
        targets += s->column[i].kind == COLUMN_TARGET;
        ahead += s->column[i].ahead;
    }
    return s->horizon ? ahead * s->horizon : targets;
}

/* Columns against sample and target. A table whose target lies apart has no target column. */
static snug_status check_columns(const snug_spec *s)
{
    int64_t width = 0, features = s->sample.dim[s->sample.n_dims - 1], truth = truth_of_columns(s);
    for (int i = 0; i < s->n_columns; i++) width += snug_spec_width(&s->column[i]);
    CHECK(width == features, SNUG_EFORMAT,
          "data spec: its columns make %" PRId64 " features, \"sample\" says %" PRId64, width,
          features);
    int64_t want = s->target == SNUG_TARGET_VALUE    ? s->n_targets
                   : s->target == SNUG_TARGET_LABELS ? s->n_classes
                   : s->target == SNUG_TARGET_NONE   ? 0
                                                     : 1;
    CHECK(truth == want || (truth == 0 && !s->horizon), SNUG_EFORMAT,
          "data spec: %" PRId64 " target columns, which does not go with target \"%s\" of %" PRId64,
          truth, snug_target_name(s->target), want);
    return SNUG_OK;
}

static snug_status read_rows(const json_t *o, snug_bump *bump, snug_spec *s)
{
    const json_t *horizon = json_object_get(o, "horizon");
    s->horizon = json_integer_value(horizon);
    bool fits =
        s->kind == SNUG_DATA_SERIES ? s->horizon > 0 && s->target == SNUG_TARGET_VALUE : !horizon;
    CHECK(fits && s->horizon <= SNUG_MAX_TARGETS, SNUG_EFORMAT,
          "data spec: a \"horizon\" that cannot be");
    TRY(read_columns(o, bump, s));
    return check_columns(s);
}

/* The name of a token: its character; a byte that is none as \xNN. */
static const char *token_name(const snug_spec *s, int token, snug_bump *bump)
{
    char text[5] = "";
    if (s->bytes && s->token[token] >= 0x80)
        return snug_bump_printf(bump, "\\x%02" PRIx32, s->token[token]);
    text[snug_spec_token_text(s, token, text)] = '\0';
    return snug_bump_strdup(bump, text);
}

snug_status snug_spec_name_tokens(snug_spec *s, snug_bump *bump)
{
    const char **name = snug_bump_alloc(bump, ((size_t)s->n_classes + 1) * sizeof *name);
    if (!name) return snug_error_status();
    for (int i = 0; i < s->n_classes; i++) {
        name[i] = token_name(s, i, bump);
        if (!name[i]) return snug_error_status();
    }
    s->classes = name;
    return SNUG_OK;
}

static snug_status read_vocabulary(const json_t *o, snug_bump *bump, snug_spec *s)
{
    static const char *const units[] = {"character", "byte"};
    int unit = 0;
    TRY(read_name(o, "unit", units, 2, &unit));
    const json_t *a = json_object_get(o, "tokens");
    size_t n = json_array_size(a);
    CHECK(n > 0 && n <= SNUG_MAX_TOKENS && s->target == SNUG_TARGET_TOKENS, SNUG_EFORMAT,
          "data spec: \"tokens\" must be a list of 1 to %d, and the target", SNUG_MAX_TOKENS);
    uint32_t *token = snug_bump_alloc(bump, n * sizeof *token);
    if (!token) return snug_error_status();
    json_int_t before = -1, most = unit ? 256 : SNUG_N_CODEPOINTS;
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(a, i);
        json_int_t symbol = json_integer_value(v);
        CHECK(json_is_integer(v) && symbol > before && symbol < most, SNUG_EFORMAT,
              "data spec: \"tokens\" must be ascending %ss", units[unit]);
        token[i] = (uint32_t)symbol;
        before = symbol;
    }
    s->bytes = unit == 1;
    s->token = token;
    s->n_classes = (int)n;
    return snug_spec_name_tokens(s, bump);
}

static snug_status read_target(const json_t *o, snug_bump *bump, snug_spec *s)
{
    if (s->target == SNUG_TARGET_CLASS || s->target == SNUG_TARGET_LABELS) {
        TRY(read_texts(o, "classes", SNUG_MAX_CLASSES, bump, &s->classes, &s->n_classes));
        CHECK(s->n_classes > 0, SNUG_EFORMAT, "data spec: no classes");
    }
    if (s->target != SNUG_TARGET_VALUE) return SNUG_OK;
    TRY(read_list(o, "target_names", SNUG_MAX_TARGETS, bump, &s->target_names, &s->n_targets));
    CHECK(s->n_targets > 0, SNUG_EFORMAT, "data spec: \"target_names\" is empty");
    TRY(read_reals(o, "target_mean", s->n_targets, false, bump, &s->target_mean));
    return read_reals(o, "target_std", s->n_targets, true, bump, &s->target_std);
}

static snug_status read_spec(const json_t *o, snug_bump *bump, snug_spec *s)
{
    CHECK(json_integer_value(json_object_get(o, "snug_data")) == SNUG_SPEC_VERSION, SNUG_EFORMAT,
          "data spec: not one, or of another version of Snug");
    const char *targets[SNUG_N_TARGETS];
    for (int k = 0; k < SNUG_N_TARGETS; k++) targets[k] = snug_target_name((snug_target_kind)k);
    int kind = 0, target = 0;
    TRY(read_name(o, "kind", snug_kind_names, SNUG_N_DATA_KINDS, &kind));
    TRY(read_name(o, "target", targets, SNUG_N_TARGETS, &target));
    s->kind = (snug_data_kind)kind;
    s->target = (snug_target_kind)target;
    TRY(read_sample(o, s));
    TRY(read_target(o, bump, s));
    if (s->kind == SNUG_DATA_TEXT) return read_vocabulary(o, bump, s);
    CHECK(s->target != SNUG_TARGET_TOKENS, SNUG_EFORMAT, "data spec: tokens of no text");
    bool rows = s->kind == SNUG_DATA_SERIES && json_object_get(o, "columns");
    if (rows || s->kind == SNUG_DATA_TABLE) return read_rows(o, bump, s);
    return read_channels(o, bump, s);
}

snug_status snug_spec_read(const char *json, snug_bump *bump, snug_spec *out)
{
    size_t bytes = strlen(json);
    CHECK(bytes <= SPEC_MAX_BYTES, SNUG_EFORMAT, "data spec: larger than %zu bytes",
          SPEC_MAX_BYTES);
    json_error_t e;
    json_t *o = json_loadb(json, bytes, JSON_REJECT_DUPLICATES, &e);
    CHECK(o, SNUG_EFORMAT, "data spec: not JSON (line %d: %s)", e.line, e.text);
    snug_spec s = {0};
    snug_status status = read_spec(o, bump, &s);
    json_decref(o);
    TRY(status);
    *out = s;
    return SNUG_OK;
}
