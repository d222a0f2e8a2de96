/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding records. Pixels go through a table of 256 values a channel; a table's row through one
 * small struct a slot. */
#include "data/encode.h"

#include <float.h>
#include <math.h>
#include <string.h>

int snug_source_labels(const snug_source *source, const char *const **names)
{
    if (source->kind == SNUG_DATA_IMAGE) {
        *names = source->label_names;
        return source->n_labels;
    }
    const snug_table *t = source->table;
    if (t->target < 0 || t->target_kind != SNUG_TARGET_CLASS) return 0;
    *names = t->column[t->target].dict.text;
    return t->column[t->target].dict.n;
}

snug_status snug_class_map(const snug_spec *spec, const snug_source *source, snug_bump *bump,
                           const int32_t **out)
{
    const char *const *names = NULL;
    int n = snug_source_labels(source, &names);
    int32_t *map = snug_bump_alloc(bump, ((size_t)n + 1) * sizeof *map);
    if (!map) return snug_error_status();
    for (int i = 0; i < n; i++) map[i] = snug_spec_class(spec, names[i]);
    *out = map;
    return SNUG_OK;
}

/* Saturates, so that what is far outside of what training saw stays finite. */
static float to_float(double v)
{
    return v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : (float)v;
}

static snug_status make_pixels(const snug_spec *spec, snug_bump *bump, snug_encoder *e)
{
    e->n_channels = spec->sample.dim[2];
    e->pixel = snug_bump_alloc(bump, (size_t)e->n_channels * 256 * sizeof *e->pixel);
    if (!e->pixel) return snug_error_status();
    for (int64_t c = 0; c < e->n_channels; c++)
        for (int v = 0; v < 256; v++)
            e->pixel[c * 256 + v] = to_float((v - spec->mean[c]) / spec->std[c]);
    return SNUG_OK;
}

/* Feature of each text of a dictionary, for the categories of a spec. */
static snug_status make_category(const snug_spec_column *c, const snug_dict *dict, snug_bump *bump,
                                 snug_slot *slot)
{
    int32_t *map = snug_bump_alloc(bump, ((size_t)dict->n + 1) * sizeof *map);
    if (!map) return snug_error_status();
    slot->width = snug_spec_width(c);
    slot->other = c->other ? c->n_categories : -1;
    slot->missing = c->missing ? slot->width - 1 : -1;
    for (int i = 0; i < dict->n; i++) map[i] = slot->other;
    for (int k = 0; k < c->n_categories; k++) {
        int32_t code = snug_dict_find(dict, c->category[k]);
        if (code >= 0) map[code] = k;
    }
    slot->map = map;
    return SNUG_OK;
}

static snug_status make_slots(const snug_spec *spec, const snug_table *t, snug_bump *bump,
                              snug_encoder *e)
{
    e->slot = snug_bump_alloc(bump, ((size_t)t->n_slots + 1) * sizeof *e->slot);
    if (!e->slot) return snug_error_status();
    int k = 0, feature = 0;
    for (int i = 0; i < spec->n_columns; i++) {
        const snug_spec_column *c = &spec->column[i];
        if (c->kind == COLUMN_IGNORED) continue;
        snug_slot *slot = &e->slot[k];
        *slot = (snug_slot){.kind = c->kind, .feature = feature, .mean = c->mean};
        if (c->kind == COLUMN_TARGET) e->target_slot = k;
        if (c->kind == COLUMN_NUMBER) slot->scale = 1 / c->std;
        if (c->kind == COLUMN_CATEGORY)
            TRY(make_category(c, &t->column[t->slot_column[k]].dict, bump, slot));
        feature += snug_spec_width(c);
        k++;
    }
    e->n_slots = k;
    return SNUG_OK;
}

snug_status snug_encoder_make(const snug_spec *spec, const snug_source *source, snug_bump *bump,
                              snug_encoder *out)
{
    snug_encoder e = {.n_elements = snug_shape_elements(&spec->sample),
                      .target_slot = -1,
                      .target = spec->target};
    if (spec->kind == SNUG_DATA_IMAGE)
        TRY(make_pixels(spec, bump, &e));
    else
        TRY(make_slots(spec, source->table, bump, &e));
    if (spec->target == SNUG_TARGET_CLASS) {
        const char *const *names = NULL;
        e.n_labels = snug_source_labels(source, &names);
        TRY(snug_class_map(spec, source, bump, &e.class_of));
    }
    *out = e;
    return SNUG_OK;
}

static void encode_pixels(const snug_encoder *e, const uint8_t *record, float *x)
{
    if (e->n_channels == 1) {
        for (int64_t i = 0; i < e->n_elements; i++) x[i] = e->pixel[record[i]];
        return;
    }
    for (int64_t i = 0; i < e->n_elements; i += e->n_channels)
        for (int64_t c = 0; c < e->n_channels; c++) x[i + c] = e->pixel[c * 256 + record[i + c]];
}

static void encode_category(double cell, const snug_slot *s, float *x)
{
    memset(x, 0, (size_t)s->width * sizeof *x);
    int32_t on = isnan(cell) ? s->missing : cell < 0 ? s->other : s->map[(int32_t)cell];
    if (on >= 0) x[on] = 1;
}

void snug_encode(const snug_encoder *e, const void *record, float *x)
{
    if (e->pixel) {
        encode_pixels(e, record, x);
        return;
    }
    const double *cell = record;
    for (int k = 0; k < e->n_slots; k++) {
        const snug_slot *s = &e->slot[k];
        if (s->kind == COLUMN_NUMBER)
            x[s->feature] = isnan(cell[k]) ? 0 : to_float((cell[k] - s->mean) * s->scale);
        if (s->kind == COLUMN_CATEGORY) encode_category(cell[k], s, x + s->feature);
    }
}
