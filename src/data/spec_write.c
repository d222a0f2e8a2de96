/* SPDX-License-Identifier: Apache-2.0 */
/* The spec as JSON. */
#include "data/spec_names.h"
#include "data/target.h"

#include <jansson.h>

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

static json_t *tokens(const uint32_t *v, int n)
{
    json_t *a = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(a, json_integer(v[i]));
    return a;
}

static json_t *column_json(const snug_spec_column *c)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(c->name));
    json_object_set_new(o, "kind", json_string(snug_column_names[c->kind]));
    if (c->kind == COLUMN_NUMBER) {
        json_object_set_new(o, "mean", json_real(c->mean));
        json_object_set_new(o, "std", json_real(c->std));
        if (c->ahead) json_object_set_new(o, "ahead", json_true());
    } else if (c->kind == COLUMN_CATEGORY) {
        json_object_set_new(o, "categories", texts(c->category, c->n_categories));
        json_object_set_new(o, "other", json_boolean(c->other));
        json_object_set_new(o, "missing", json_boolean(c->missing));
    }
    return o;
}

static void add_columns(json_t *o, const snug_spec *s)
{
    json_t *columns = json_array();
    for (int i = 0; i < s->n_columns; i++)
        json_array_append_new(columns, column_json(&s->column[i]));
    json_object_set_new(o, "named", json_boolean(s->named));
    json_object_set_new(o, "columns", columns);
    if (s->horizon) json_object_set_new(o, "horizon", json_integer(s->horizon));
}

static void add_sample(json_t *o, const snug_spec *s)
{
    json_t *dims = json_array();
    for (int i = 0; i < s->sample.n_dims; i++)
        json_array_append_new(dims, json_integer(s->sample.dim[i]));
    json_object_set_new(o, "sample", dims);
    if (s->n_columns) {
        add_columns(o, s);
    } else if (s->kind == SNUG_DATA_TEXT) {
        json_object_set_new(o, "unit", json_string(s->bytes ? "byte" : "character"));
        json_object_set_new(o, "tokens", tokens(s->token, s->n_classes));
    } else {
        int64_t channels = s->sample.dim[s->sample.n_dims - 1];
        if (s->ragged) json_object_set_new(o, "ragged", json_true());
        json_object_set_new(o, "mean", doubles(s->mean, channels));
        json_object_set_new(o, "std", doubles(s->std, channels));
    }
}

static void add_target(json_t *o, const snug_spec *s)
{
    json_object_set_new(o, "target", json_string(snug_target_name(s->target)));
    if (s->target == SNUG_TARGET_CLASS || s->target == SNUG_TARGET_LABELS)
        json_object_set_new(o, "classes", texts(s->classes, s->n_classes));
    if (s->target != SNUG_TARGET_VALUE) return;
    json_object_set_new(o, "target_names", texts(s->target_names, s->n_targets));
    json_object_set_new(o, "target_mean", doubles(s->target_mean, s->n_targets));
    json_object_set_new(o, "target_std", doubles(s->target_std, s->n_targets));
}

snug_status snug_spec_write(const snug_spec *s, char **out)
{
    json_t *o = json_object();
    json_object_set_new(o, "snug_data", json_integer(SNUG_SPEC_VERSION));
    json_object_set_new(o, "kind", json_string(snug_kind_names[s->kind]));
    add_sample(o, s);
    add_target(o, s);
    size_t flags = JSON_COMPACT | JSON_REAL_PRECISION(17), bytes = json_dumpb(o, NULL, 0, flags);
    char *text = bytes ? snug_alloc(TAG_DATA, bytes + 1) : NULL;
    if (text) json_dumpb(o, text, bytes, flags);
    json_decref(o);
    CHECK(bytes, SNUG_ENOMEM, "the data's spec does not fit in memory");
    if (!text) return snug_error_status();
    *out = text;
    return SNUG_OK;
}
