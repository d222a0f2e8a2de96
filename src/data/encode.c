/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding records. Pixels go through a table of 256 values a channel, or are computed where that
 * gives the same; a table's row goes through one small struct a slot; other numbers one by one;
 * characters through pages of 256. */
#include "data/encode.h"

#include "data/utf8.h"

#include <float.h>
#include <math.h>
#include <string.h>

int snug_source_labels(const snug_source *source, const char *const **names)
{
    const snug_table *t = source->table;
    if (!t || t->n_targets == 0) {
        *names = source->label_names;
        return source->n_labels;
    }
    if (t->target_kind != SNUG_TARGET_CLASS) return 0;
    *names = t->column[t->target[0]].dict.text;
    return t->column[t->target[0]].dict.n;
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

/* ---- numbers --------------------------------------------------------------------------------- */

static inline void look_up(const snug_encoder *e, const uint8_t *byte, int channels, float *x)
{
    for (int64_t i = 0; i < e->n_elements; i += channels)
        for (int c = 0; c < channels; c++) x[i + c] = e->pixel[c * 256 + byte[i + c]];
}

/* Colours have a loop of their own, which the compiler unrolls. */
static void encode_pixels(const snug_encoder *e, const void *record, int64_t length, void *out)
{
    (void)length;
    if (e->line)
        e->pixels(record, e->n_elements, e->line, out);
    else if (e->n_channels == 1)
        look_up(e, record, 1, out);
    else if (e->n_channels == 3)
        look_up(e, record, 3, out);
    else
        look_up(e, record, (int)e->n_channels, out);
}

/* What lies behind the last step (of an image: row) is 0. */
static void encode_numbers(const snug_encoder *e, const void *record, int64_t length, void *out)
{
    double (*const load)(const void *base, int64_t i) = snug_dtype_get(e->dtype)->load;
    const int64_t channels = e->n_channels;
    const int64_t n = length * (e->n_elements / e->context);
    float *x = out;
    for (int64_t i = 0; i < n; i += channels)
        for (int64_t c = 0; c < channels; c++) {
            double v = load(record, i + c);
            x[i + c] = isnan(v) ? 0 : to_float((v - e->mean[c]) / e->std[c]);
        }
    memset(x + n, 0, (size_t)(e->n_elements - n) * sizeof *x);
}

/* The same of floats, several at a time; one by one where a result is no finite number. */
enum { TOGETHER = 16 };

static void standardise(const float *from, const double *mean, const double *std, float *x)
{
    float made[TOGETHER];
    uint32_t bits[TOGETHER], infinite = 0;
    for (int c = 0; c < TOGETHER; c++) made[c] = (float)(((double)from[c] - mean[c]) / std[c]);
    memcpy(bits, made, sizeof bits);
    for (int c = 0; c < TOGETHER; c++) infinite |= (bits[c] & 0x7fffffff) + 0x00800000;
    memcpy(x, made, sizeof made);
    for (int c = 0; c < TOGETHER && infinite >> 31; c++)
        x[c] = isnan(from[c]) ? 0 : to_float(((double)from[c] - mean[c]) / std[c]);
}

static void encode_floats(const snug_encoder *e, const void *record, int64_t length, void *out)
{
    const int64_t channels = e->n_channels, whole = channels - channels % TOGETHER;
    const int64_t n = length * (e->n_elements / e->context);
    const float *from = record;
    float *x = out;
    for (int64_t i = 0; i < n; i += channels, from += channels, x += channels) {
        for (int64_t c = 0; c < whole; c += TOGETHER)
            standardise(from + c, e->mean + c, e->std + c, x + c);
        for (int64_t c = whole; c < channels; c++)
            x[c] = isnan(from[c]) ? 0 : to_float(((double)from[c] - e->mean[c]) / e->std[c]);
    }
    memset(x, 0, (size_t)(e->n_elements - n) * sizeof *x);
}

/* Multiplying by a reciprocal is quicker than the table, and all but never another float. */
static snug_status make_line(const snug_spec *spec, snug_bump *bump, snug_encoder *e)
{
    e->pixels = snug_pixels_best();
    if (!e->pixels || SNUG_PIXEL_PERIOD % e->n_channels != 0) return SNUG_OK;
    snug_pixel_line *line = snug_bump_alloc(bump, sizeof *line);
    if (!line) return snug_error_status();
    for (int64_t i = 0; i < SNUG_PIXEL_PERIOD; i++) {
        const int64_t c = i % e->n_channels;
        line->mean[i] = spec->mean[c];
        line->scale[i] = 1 / spec->std[c];
        for (int v = 0; v < 256; v++)
            if ((float)((v - line->mean[i]) * line->scale[i]) != e->pixel[c * 256 + v])
                return SNUG_OK;
    }
    e->line = line;
    return SNUG_OK;
}

static snug_status make_numbers(const snug_spec *spec, const snug_source *source, snug_bump *bump,
                                snug_encoder *e)
{
    e->mean = spec->mean;
    e->std = spec->std;
    e->encode = source->dtype == SNUG_F32 ? encode_floats : encode_numbers;
    if (spec->kind != SNUG_DATA_IMAGE || source->dtype != SNUG_U8) return SNUG_OK;
    e->encode = encode_pixels;
    e->pixel = snug_bump_alloc(bump, (size_t)e->n_channels * 256 * sizeof *e->pixel);
    if (!e->pixel) return snug_error_status();
    for (int64_t c = 0; c < e->n_channels; c++)
        for (int v = 0; v < 256; v++)
            e->pixel[c * 256 + v] = to_float((v - spec->mean[c]) / spec->std[c]);
    return make_line(spec, bump, e);
}

/* ---- rows of tables -------------------------------------------------------------------------- */

static void encode_category(double cell, const snug_slot *s, float *x)
{
    memset(x, 0, (size_t)s->width * sizeof *x);
    int32_t on = isnan(cell) ? s->missing : cell < 0 ? s->other : s->map[(int32_t)cell];
    if (on >= 0) x[on] = 1;
}

static void encode_row(const snug_encoder *e, const void *record, int64_t length, void *out)
{
    const double *cell = record;
    float *x = out;
    (void)length;
    for (int k = 0; k < e->n_slots; k++) {
        const snug_slot *s = &e->slot[k];
        if (s->kind == COLUMN_NUMBER)
            x[s->feature] = isnan(cell[k]) ? 0 : to_float((cell[k] - s->mean) * s->scale);
        if (s->kind == COLUMN_CATEGORY) encode_category(cell[k], s, x + s->feature);
    }
}

static void encode_rows(const snug_encoder *e, const void *records, int64_t length, void *out)
{
    const double *row = records;
    float *x = out;
    const int64_t n = length < e->context ? length : e->context;
    for (int64_t i = 0; i < n; i++) encode_row(e, row + i * e->n_slots, 1, x + i * e->n_channels);
    memset(x + n * e->n_channels, 0, (size_t)((e->context - n) * e->n_channels) * sizeof *x);
}

void snug_encode_cells(const snug_encoder *e, const void *record, float *y)
{
    const double *cell = record;
    for (int k = 0; k < e->n_targets; k++) y[k] = to_float(cell[e->target_slot[k]]);
}

void snug_encode_ahead(const snug_encoder *e, const void *records, float *y)
{
    const double *row = (const double *)records + e->context * e->n_slots;
    for (int64_t i = 0; i < e->horizon; i++, row += e->n_slots, y += e->n_targets)
        snug_encode_cells(e, row, y);
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

/* Whether a column's cells are what is to be learned. */
static bool is_target(const snug_spec *spec, const snug_spec_column *c)
{
    return spec->horizon ? c->ahead : c->kind == COLUMN_TARGET;
}

static snug_status make_slots(const snug_spec *spec, const snug_table *t, snug_bump *bump,
                              snug_encoder *e)
{
    int *target = snug_bump_alloc(bump, ((size_t)t->n_slots + 1) * sizeof *target);
    e->slot = snug_bump_alloc(bump, ((size_t)t->n_slots + 1) * sizeof *e->slot);
    if (!e->slot || !target) return snug_error_status();
    int k = 0, feature = 0;
    for (int i = 0; i < spec->n_columns; i++) {
        const snug_spec_column *c = &spec->column[i];
        if (c->kind == COLUMN_IGNORED) continue;
        snug_slot *slot = &e->slot[k];
        *slot = (snug_slot){.kind = c->kind, .feature = feature, .mean = c->mean};
        if (is_target(spec, c)) target[e->n_targets++] = k;
        if (c->kind == COLUMN_NUMBER) slot->scale = 1 / c->std;
        if (c->kind == COLUMN_CATEGORY)
            TRY(make_category(c, &t->column[t->slot_column[k]].dict, bump, slot));
        feature += snug_spec_width(c);
        k++;
    }
    e->n_slots = k;
    e->target_slot = target;
    e->horizon = spec->horizon;
    e->encode = spec->horizon ? encode_rows : encode_row;
    return SNUG_OK;
}

/* ---- text ------------------------------------------------------------------------------------ */

uint32_t snug_symbol(const void *records, snug_dtype dtype, int64_t i)
{
    return dtype == SNUG_U8 ? ((const uint8_t *)records)[i] : ((const uint32_t *)records)[i];
}

int32_t snug_encoder_token(const snug_encoder *e, uint32_t symbol)
{
    const int32_t *page = e->page[symbol >> 8];
    return page ? page[symbol & 255] : -1;
}

/* What the vocabulary lacks is read as its first token, and is the truth of nothing. */
static void encode_text(const snug_encoder *e, const void *records, int64_t length, void *out)
{
    int32_t *x = out;
    for (int64_t i = 0; i < e->n_elements; i++) {
        int32_t token = i < length ? snug_encoder_token(e, snug_symbol(records, e->dtype, i)) : 0;
        x[i] = token < 0 ? 0 : token;
    }
}

void snug_encode_next(const snug_encoder *e, const void *records, int64_t length, int64_t known,
                      int32_t *y)
{
    for (int64_t i = 0; i < e->n_elements; i++)
        y[i] = i >= known && i + 1 < length
                   ? snug_encoder_token(e, snug_symbol(records, e->dtype, i + 1))
                   : -1;
}

static snug_status make_text(const snug_spec *spec, snug_bump *bump, snug_encoder *e)
{
    e->page = snug_bump_alloc(bump, (SNUG_N_CODEPOINTS >> 8) * sizeof *e->page);
    if (!e->page) return snug_error_status();
    for (int32_t k = 0; k < spec->n_classes; k++) {
        int32_t **page = &e->page[spec->token[k] >> 8];
        if (!*page) {
            *page = snug_bump_alloc(bump, 256 * sizeof **page);
            if (!*page) return snug_error_status();
            for (int i = 0; i < 256; i++) (*page)[i] = -1;
        }
        (*page)[spec->token[k] & 255] = k;
    }
    e->encode = encode_text;
    return SNUG_OK;
}

/* ---- targets --------------------------------------------------------------------------------- */

snug_status snug_anomaly_map(const snug_source *source, const char *normal, snug_bump *bump,
                             const int32_t **out)
{
    const char *const *names = NULL;
    int n = snug_source_labels(source, &names), found = 0;
    int32_t *map = snug_bump_alloc(bump, ((size_t)n + 1) * sizeof *map);
    if (!map) return snug_error_status();
    for (int i = 0; i < n; i++) {
        map[i] = strcmp(names[i], normal) != 0;
        found += !map[i];
    }
    CHECK(n > 0, SNUG_EINVAL,
          "the data have no classes, of which '%.60s' could be the normal one (data.normal)",
          normal);
    CHECK(found, SNUG_EINVAL, "no class is called '%.60s' (data.normal); there are %.60s, %.60s%s",
          normal, names[0], names[n - 1], n > 2 ? ", ..." : "");
    *out = map;
    return SNUG_OK;
}

snug_status snug_encoder_make(const snug_spec *spec, const snug_source *source, const char *normal,
                              snug_bump *bump, snug_encoder *out)
{
    snug_encoder e = {.n_elements = snug_shape_elements(&spec->sample),
                      .n_channels = spec->sample.dim[spec->sample.n_dims - 1],
                      .context = spec->sample.dim[0],
                      .dtype = source->dtype,
                      .target = spec->target};
    if (spec->kind == SNUG_DATA_TEXT)
        TRY(make_text(spec, bump, &e));
    else if (source->table)
        TRY(make_slots(spec, source->table, bump, &e));
    else
        TRY(make_numbers(spec, source, bump, &e));
    if (spec->target == SNUG_TARGET_CLASS) TRY(snug_class_map(spec, source, bump, &e.class_of));
    if (spec->target == SNUG_TARGET_SELF && normal)
        TRY(snug_anomaly_map(source, normal, bump, &e.class_of));
    *out = e;
    return SNUG_OK;
}
