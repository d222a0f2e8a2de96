/* SPDX-License-Identifier: Apache-2.0 */
/* Series in a scratch file, by steps. */
#include "data/series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_SAMPLE_VALUES ((size_t)8 << 20) /* 64 MiB */

/* ---- one sample ------------------------------------------------------------------------------ */

void snug_sample_begin(snug_series *s)
{
    s->sample.n = 0;
    s->sample.n_channels = 0;
}

snug_status snug_sample_add(snug_series *s, const char *where, double v)
{
    snug_sample *x = &s->sample;
    if (x->n == x->capacity) {
        size_t larger = x->capacity ? x->capacity * 2 : 1024;
        CHECK(larger <= MAX_SAMPLE_VALUES, SNUG_EUNSUPPORTED,
              "%sone sample of more than %zu numbers", where, MAX_SAMPLE_VALUES);
        double *value = snug_realloc(TAG_DATA, x->value, larger * sizeof *value);
        if (!value) return snug_error_status();
        x->value = value;
        x->capacity = larger;
    }
    CHECK(!isinf(v), SNUG_ENUMERIC, "%san infinite number, or one too large for a double", where);
    x->value[x->n++] = v;
    return SNUG_OK;
}

snug_status snug_sample_end_channel(snug_series *s, const char *where)
{
    snug_sample *x = &s->sample;
    if (x->n_channels == x->channel_capacity) {
        int larger = x->channel_capacity ? x->channel_capacity * 2 : 16;
        CHECK(x->n_channels < SNUG_MAX_SERIES, SNUG_EUNSUPPORTED,
              "%smore than %d channels in one sample", where, SNUG_MAX_SERIES);
        size_t *end = snug_realloc(TAG_DATA, x->end, (size_t)larger * sizeof *end);
        if (!end) return snug_error_status();
        x->end = end;
        x->channel_capacity = larger;
    }
    x->end[x->n_channels++] = x->n;
    return SNUG_OK;
}

/* Steps of the longest channel, without those at the end of which nothing is known. */
static size_t count_steps(const snug_sample *x)
{
    size_t steps = 0, begin = 0;
    for (int c = 0; c < x->n_channels; begin = x->end[c++]) {
        size_t n = x->end[c] - begin;
        while (n > 0 && isnan(x->value[begin + n - 1])) n--;
        steps = n > steps ? n : steps;
    }
    return steps;
}

/* [steps][channels] into s->block. */
static snug_status by_steps(snug_series *s, size_t steps)
{
    const snug_sample *x = &s->sample;
    size_t channels = (size_t)x->n_channels, n = steps * channels, begin = 0;
    CHECK(n <= MAX_SAMPLE_VALUES, SNUG_EUNSUPPORTED, "one sample of more than %zu numbers",
          MAX_SAMPLE_VALUES);
    if (n > s->block_capacity) {
        double *block = snug_realloc(TAG_DATA, s->block, n * sizeof *block);
        if (!block) return snug_error_status();
        s->block = block;
        s->block_capacity = n;
    }
    for (size_t c = 0; c < channels; begin = x->end[c++]) {
        size_t there = x->end[c] - begin;
        for (size_t t = 0; t < steps; t++)
            s->block[t * channels + c] = t < there ? x->value[begin + t] : NAN;
    }
    return SNUG_OK;
}

static snug_status grow(snug_series *s)
{
    if (s->n + 1 < s->capacity) return SNUG_OK;
    int64_t larger = s->capacity ? s->capacity * 2 : 256;
    CHECK(larger <= SNUG_MAX_SAMPLES, SNUG_EUNSUPPORTED, "more than %" PRId64 " series",
          SNUG_MAX_SAMPLES);
    uint64_t *start = snug_realloc(TAG_DATA, s->start, (size_t)larger * sizeof *start);
    if (start) s->start = start;
    int32_t *label = snug_realloc(TAG_DATA, s->label_of, (size_t)larger * sizeof *label);
    if (label) s->label_of = label;
    float *value = snug_realloc(TAG_DATA, s->value_of, (size_t)larger * sizeof *value);
    if (value) s->value_of = value;
    if (!start || !label || !value) return snug_error_status();
    if (s->capacity == 0) s->start[0] = 0;
    s->capacity = larger;
    return SNUG_OK;
}

snug_status snug_sample_end(snug_series *s, const char *where, snug_raw_part part,
                            const snug_sample_truth *truth)
{
    const snug_sample *x = &s->sample;
    size_t steps = count_steps(x);
    if (s->n_channels == 0) s->n_channels = x->n_channels;
    CHECK(x->n_channels == s->n_channels, SNUG_EFORMAT, "%s%d channels, where others have %d",
          where, x->n_channels, s->n_channels);
    CHECK(steps > 0, SNUG_EFORMAT, "%sa series without a single number", where);
    TRY(by_steps(s, steps));
    TRY(grow(s));
    TRY(snug_scratch_append(s->scratch, s->block,
                            steps * (size_t)s->n_channels * sizeof *s->block));
    int32_t label = 0;
    if (truth->label) TRY(snug_dict_add(&s->label, s->bump, truth->label, &label));
    CHECK(label != SNUG_TEXT_OTHER, SNUG_EUNSUPPORTED, "%smore than %d different labels", where,
          SNUG_MAX_TEXTS);
    s->label_of[s->n] = label;
    s->value_of[s->n] = truth->value;
    s->start[s->n + 1] = s->start[s->n] + steps;
    s->n++;
    s->base.n[part]++;
    if ((int64_t)steps > s->longest) s->longest = (int64_t)steps;
    return SNUG_OK;
}

/* ---- the source ------------------------------------------------------------------------------ */

static int64_t sample_number(const snug_source *s, snug_raw_part part, int64_t i)
{
    return part == RAW_MAIN ? i : s->n[RAW_MAIN] + i;
}

static snug_status series_read(snug_source *base, snug_raw_part part, int64_t first, int64_t n,
                               void *out)
{
    snug_series *s = (snug_series *)base;
    size_t step = (size_t)s->n_channels * sizeof(double);
    for (int64_t i = 0; i < n; i++) {
        int64_t at = sample_number(base, part, first + i);
        TRY(snug_file_read_at(s->scratch, s->start[at] * step,
                              (char *)out + (size_t)i * base->record_bytes,
                              (size_t)(s->start[at + 1] - s->start[at]) * step));
    }
    return SNUG_OK;
}

static snug_status series_labels(snug_source *base, snug_raw_part part, int64_t first, int64_t n,
                                 int32_t *out)
{
    const snug_series *s = (const snug_series *)base;
    memcpy(out, s->label_of + sample_number(base, part, first), (size_t)n * sizeof *out);
    return SNUG_OK;
}

static snug_status series_values(snug_source *base, snug_raw_part part, int64_t first, int64_t n,
                                 float *out)
{
    const snug_series *s = (const snug_series *)base;
    memcpy(out, s->value_of + sample_number(base, part, first), (size_t)n * sizeof *out);
    return SNUG_OK;
}

static snug_status series_lengths(snug_source *base, snug_raw_part part, int64_t first, int64_t n,
                                  int32_t *out)
{
    const snug_series *s = (const snug_series *)base;
    const uint64_t *start = s->start + sample_number(base, part, first);
    for (int64_t i = 0; i < n; i++) out[i] = (int32_t)(start[i + 1] - start[i]);
    return SNUG_OK;
}

void snug_series_close(snug_source *base)
{
    snug_series *s = (snug_series *)base;
    snug_file_close(s->scratch);
    snug_dict_free(&s->label);
    snug_bump_destroy(s->bump);
    snug_free(s->start);
    snug_free(s->label_of);
    snug_free(s->value_of);
    snug_free(s->block);
    snug_free(s->sample.value);
    snug_free(s->sample.end);
    snug_free(s);
}

snug_status snug_series_create(const snug_data_config *config, snug_series **out)
{
    snug_series *s = snug_alloc(TAG_DATA, sizeof *s);
    if (!s) return snug_error_status();
    s->base = (snug_source){.kind = SNUG_DATA_SERIES,
                            .dtype = SNUG_F64,
                            .read = series_read,
                            .close = snug_series_close};
    s->bump = snug_bump_create(TAG_DATA);
    snug_status status =
        s->bump ? snug_scratch_open(config->scratch_dir, &s->scratch) : snug_error_status();
    if (status != SNUG_OK) snug_series_close(&s->base);
    TRY(status);
    *out = s;
    return SNUG_OK;
}

/* Nothing of it is needed once all samples are written. */
static void drop_sample(snug_series *s)
{
    snug_free(s->block);
    snug_free(s->sample.value);
    snug_free(s->sample.end);
    s->block = NULL;
    s->sample = (snug_sample){0};
}

snug_status snug_series_finish(snug_series *s, snug_target_kind target)
{
    static const char *const value_name[] = {"value"};
    snug_source *b = &s->base;
    bool ragged = false;
    drop_sample(s);
    for (int64_t i = 0; i < s->n; i++)
        ragged |= s->start[i + 1] - s->start[i] != (uint64_t)s->longest;
    int64_t dim[] = {s->longest, s->n_channels};
    b->shape = snug_shape_make(2, dim);
    b->record_bytes = (size_t)(dim[0] * dim[1]) * sizeof(double);
    CHECK(b->record_bytes <= MAX_SAMPLE_VALUES * sizeof(double), SNUG_EUNSUPPORTED,
          "series of %" PRId64 " steps of %" PRId64 " channels are too large", dim[0], dim[1]);
    b->scratch_bytes = (size_t)snug_file_size(s->scratch);
    b->resident_bytes = sizeof *s + (size_t)s->capacity * 16;
    b->target = target;
    if (ragged) b->lengths = series_lengths;
    if (target == SNUG_TARGET_CLASS) {
        b->labels = series_labels;
        b->n_labels = s->label.n;
        b->label_names = s->label.text;
    } else if (target == SNUG_TARGET_VALUE) {
        b->values = series_values;
        b->n_values = 1;
        b->value_names = value_name;
    }
    return SNUG_OK;
}

/* ---- words ----------------------------------------------------------------------------------- */

const char *snug_plain_label(const char *text, char buffer[32])
{
    double v;
    if (!snug_field_number(text, &v) || v != floor(v) || fabs(v) > 1e15) return text;
    snprintf(buffer, 32, "%" PRId64, (int64_t)v);
    return buffer;
}

bool snug_series_number(const char *text, double *out)
{
    *out = NAN;
    return snug_field_missing(text) || snug_field_number(text, out);
}
