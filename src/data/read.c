/* SPDX-License-Identifier: Apache-2.0 */
/* Reading samples: records that lie one after the other are read together, then encoded one by
 * one. A window is many records that make one sample. */
#include "data/dataset.h"

#include <string.h>

/* Samples that are read at once. */
typedef struct run {
    const snug_index *from;
    int64_t at, n;   /* raw records [at, at + n), a sample each; or one window of n records */
    int64_t samples; /* n, or 1 */
    int64_t known;   /* first records of a window that another window has as its truth */
} run;

/* ---- raw records ----------------------------------------------------------------------------- */

int64_t snug_dataset_capacity(const snug_dataset *d)
{
    size_t fit = SNUG_READ_BYTES / d->source->record_bytes;
    size_t most = d->span > 1 ? SNUG_SCAN_AT_ONCE : SNUG_READ_AT_ONCE;
    fit = fit < most ? fit : most;
    return fit < (size_t)d->span ? d->span : (int64_t)fit;
}

size_t snug_dataset_buffer_bytes(const snug_dataset *d)
{
    size_t mine = (size_t)snug_dataset_capacity(d) * d->source->record_bytes;
    size_t other = d->anomalies ? snug_dataset_buffer_bytes(d->anomalies) : 0;
    return mine > other ? mine : other;
}

int64_t snug_dataset_records(const snug_dataset *d, snug_part part)
{
    const snug_index *x = &d->part[part];
    return x->step ? x->end - x->first : x->n;
}

snug_status snug_dataset_raw(snug_dataset *d, snug_part part, int64_t first, int64_t n,
                             void *buffer)
{
    const snug_index *x = &d->part[part];
    snug_source *s = d->source;
    if (x->step) return s->read(s, (snug_raw_part)x->raw, x->first + first, n, buffer);
    for (int64_t i = 0, together; i < n; i += together) {
        int64_t at = snug_index_at(x, first + i);
        for (together = 1;
             i + together < n && snug_index_at(x, first + i + together) == at + together;)
            together++;
        TRY(s->read(s, (snug_raw_part)x->raw, at, together,
                    (unsigned char *)buffer + (size_t)i * s->record_bytes));
    }
    return SNUG_OK;
}

/* ---- truth ----------------------------------------------------------------------------------- */

/* Labels, or the codes of texts in the target's cells, of neighbouring records. */
static snug_status read_labels(snug_dataset *d, const run *r, const void *records, int32_t *label)
{
    snug_source *s = d->source;
    const snug_encoder *e = &d->encoder;
    if (s->labels) return s->labels(s, (snug_raw_part)r->from->raw, r->at, r->n, label);
    for (int64_t i = 0; i < r->n; i++)
        label[i] = (int32_t)((const double *)records)[i * e->n_slots + e->target_slot[0]];
    return SNUG_OK;
}

static snug_status fill_classes(snug_dataset *d, const run *r, const void *records, int32_t *y)
{
    const int32_t *class_of = d->encoder.class_of;
    if (!class_of || r->from->step) { /* no sample of the set's own is an anomaly */
        memset(y, 0, (size_t)r->samples * sizeof *y);
        return SNUG_OK;
    }
    TRY(read_labels(d, r, records, y));
    for (int64_t i = 0; i < r->n; i++) y[i] = class_of[y[i]];
    return SNUG_OK;
}

static snug_status fill_values(snug_dataset *d, const run *r, const void *records, float *y)
{
    snug_source *s = d->source;
    const snug_encoder *e = &d->encoder;
    if (s->values) return s->values(s, (snug_raw_part)r->from->raw, r->at, r->n, y);
    for (int64_t i = 0; i < r->samples; i++)
        snug_encode_cells(e, (const char *)records + (size_t)i * s->record_bytes,
                          y + i * e->n_targets);
    return SNUG_OK;
}

static snug_status fill_truth(snug_dataset *d, const run *r, const void *records, void *y)
{
    switch (d->info.target) {
    case SNUG_TARGET_CLASS:
    case SNUG_TARGET_SELF:
        return fill_classes(d, r, records, y);
    case SNUG_TARGET_TOKENS:
        snug_encode_next(&d->encoder, records, r->n, r->known, y);
        return SNUG_OK;
    case SNUG_TARGET_VALUE:
    case SNUG_TARGET_LABELS:
        if (d->encoder.horizon == 0) return fill_values(d, r, records, y);
        snug_encode_ahead(&d->encoder, records, y);
        return SNUG_OK;
    default:
        return SNUG_OK;
    }
}

/* ---- samples --------------------------------------------------------------------------------- */

/* How many of the n samples asked for lie one after the other, up to `most`. */
static int64_t run_length(const snug_index *x, const int64_t *index, int64_t n, int64_t most)
{
    int64_t at = snug_index_at(x, index[0]), length = 1;
    while (length < n && length < most && index[length] >= 0 && index[length] < x->n &&
           snug_index_at(x, index[length]) == at + length)
        length++;
    return length;
}

static run next_run(const snug_dataset *d, const snug_index *from, const int64_t *index, int64_t n)
{
    run r = {.from = from, .at = snug_index_at(from, index[0])};
    if (from->step) {
        int64_t left = from->end - r.at;
        r.n = left < d->span ? left : d->span;
        r.samples = 1;
        r.known = from->first + index[0] * from->step - r.at;
    } else {
        r.n = run_length(from, index, n, snug_dataset_capacity(d));
        r.samples = r.n;
    }
    return r;
}

/* How many steps (or records of a window) the samples of a run have. */
static snug_status read_lengths(snug_dataset *d, const run *r, int32_t length[SNUG_READ_AT_ONCE])
{
    snug_source *s = d->source;
    if (s->lengths) return s->lengths(s, (snug_raw_part)r->from->raw, r->at, r->n, length);
    bool series = s->kind == SNUG_DATA_SERIES;
    int64_t same = r->from->step ? r->n : series ? s->shape.dim[0] : d->info.sample.dim[0];
    for (int64_t i = 0; i < r->samples; i++) length[i] = (int32_t)same;
    return SNUG_OK;
}

static snug_status fill_run(snug_dataset *d, const run *r, const snug_batch *out)
{
    snug_source *s = d->source;
    int32_t length[SNUG_READ_AT_ONCE];
    size_t x_bytes = (size_t)d->encoder.n_elements * 4; /* f32 and i32 alike */
    TRY(s->read(s, (snug_raw_part)r->from->raw, r->at, r->n, out->buffer));
    TRY(read_lengths(d, r, length));
    for (int64_t i = 0; i < r->samples && out->x; i++)
        d->encoder.encode(&d->encoder, (char *)out->buffer + (size_t)i * s->record_bytes, length[i],
                          (char *)out->x + (size_t)i * x_bytes);
    for (int64_t i = 0; i < r->samples && out->lengths; i++)
        out->lengths[i] = d->info.ragged ? length[i] : (int32_t)d->info.sample.dim[0];
    return out->y ? fill_truth(d, r, out->buffer, out->y) : SNUG_OK;
}

/* Sample `index` of the anomalies, which the test part ends with. */
static snug_status fill_anomaly(snug_dataset *d, int64_t index, const snug_batch *out)
{
    const snug_batch without_truth = {.buffer = out->buffer, .x = out->x, .lengths = out->lengths};
    snug_dataset *other = d->anomalies;
    TRY(snug_dataset_fill(other, snug_anomalies_part(other), 1, &index, &without_truth));
    if (out->y) *(int32_t *)out->y = 1;
    return SNUG_OK;
}

snug_status snug_dataset_fill(snug_dataset *d, snug_part part, int64_t n, const int64_t *index,
                              const snug_batch *out)
{
    const snug_index *from = &d->part[part];
    size_t x_bytes = (size_t)d->encoder.n_elements * 4, y_bytes = snug_type_bytes(&d->info.truth);
    for (int64_t i = 0, samples; i < n; i += samples) {
        CHECK(index[i] >= 0 && index[i] < d->info.n[part], SNUG_EINVAL,
              "sample %" PRId64 " of a part of %" PRId64, index[i], d->info.n[part]);
        const snug_batch to = {.buffer = out->buffer,
                               .x = out->x ? (char *)out->x + (size_t)i * x_bytes : NULL,
                               .y = out->y ? (char *)out->y + (size_t)i * y_bytes : NULL,
                               .lengths = out->lengths ? out->lengths + i : NULL};
        samples = 1;
        if (index[i] >= from->n) {
            TRY(fill_anomaly(d, index[i] - from->n, &to));
            continue;
        }
        const run r = next_run(d, from, index + i, n - i);
        samples = r.samples;
        TRY(fill_run(d, &r, &to));
    }
    return SNUG_OK;
}

static snug_status get(snug_dataset *d, snug_part part, int64_t n, const int64_t *index,
                       const snug_batch *out)
{
    CHECK((unsigned)part < SNUG_N_PARTS, SNUG_EINVAL, "part %d of a data set", (int)part);
    return snug_dataset_fill(d, part, n, index, out);
}

snug_status snug_dataset_get_many(snug_dataset *d, snug_part part, int64_t n, const int64_t *index,
                                  void *x, void *y)
{
    const snug_batch out = {.buffer = d->buffer, .x = x, .y = y};
    return get(d, part, n, index, &out);
}

snug_status snug_dataset_get(snug_dataset *d, snug_part part, int64_t index, void *x, void *y)
{
    return snug_dataset_get_many(d, part, 1, &index, x, y);
}

snug_status snug_dataset_get_lengths(snug_dataset *d, snug_part part, int64_t n,
                                     const int64_t *index, int32_t *lengths)
{
    const snug_batch out = {.buffer = d->buffer, .lengths = lengths};
    return get(d, part, n, index, &out);
}
