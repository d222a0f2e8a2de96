/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a data set and reading its samples. */
#include "data/dataset.h"

#include "base/context.h"
#include "data/target.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* ---- reading --------------------------------------------------------------------------------- */

int64_t snug_dataset_capacity(const snug_dataset *d)
{
    size_t fit = SNUG_READ_BYTES / d->source->record_bytes;
    return fit < 1 ? 1 : fit > SNUG_READ_AT_ONCE ? SNUG_READ_AT_ONCE : (int64_t)fit;
}

size_t snug_dataset_buffer_bytes(const snug_dataset *d)
{
    return (size_t)snug_dataset_capacity(d) * d->source->record_bytes;
}

snug_status snug_dataset_raw(snug_dataset *d, snug_part part, int64_t first, int64_t n,
                             void *buffer)
{
    const snug_index *x = &d->part[part];
    snug_source *s = d->source;
    for (int64_t i = 0, run; i < n; i += run) {
        int64_t at = snug_index_at(x, first + i);
        for (run = 1; i + run < n && snug_index_at(x, first + i + run) == at + run;) run++;
        TRY(s->read(s, (snug_raw_part)x->raw, at, run,
                    (unsigned char *)buffer + (size_t)i * s->record_bytes));
    }
    return SNUG_OK;
}

/* Targets of n neighbouring samples whose records are in `records`, into y from `i` on. */
static snug_status fill_targets(snug_dataset *d, const snug_index *x, int64_t at, int64_t n,
                                const unsigned char *records, void *y)
{
    const snug_encoder *e = &d->encoder;
    int32_t label[SNUG_READ_AT_ONCE];
    if (d->spec.kind == SNUG_DATA_IMAGE) {
        TRY(d->source->labels(d->source, (snug_raw_part)x->raw, at, n, label));
        for (int64_t k = 0; k < n; k++) ((int32_t *)y)[k] = e->class_of[label[k]];
        return SNUG_OK;
    }
    for (int64_t k = 0; k < n; k++) {
        double cell = ((const double *)records)[k * e->n_slots + e->target_slot];
        if (e->target == SNUG_TARGET_CLASS)
            ((int32_t *)y)[k] = e->class_of[(int32_t)cell];
        else
            ((float *)y)[k] = (float)cell;
    }
    return SNUG_OK;
}

/* How many of the n samples asked for lie one after the other, up to `most`. */
static int64_t run_length(const snug_index *x, const int64_t *index, int64_t n, int64_t most)
{
    int64_t at = snug_index_at(x, index[0]), run = 1;
    while (run < n && run < most && index[run] >= 0 && index[run] < x->n &&
           snug_index_at(x, index[run]) == at + run)
        run++;
    return run;
}

snug_status snug_dataset_fill(snug_dataset *d, snug_part part, int64_t n, const int64_t *index,
                              const snug_batch *out)
{
    const snug_index *from = &d->part[part];
    int64_t most = snug_dataset_capacity(d), elements = d->encoder.n_elements;
    size_t bytes = d->source->record_bytes;
    bool targets = out->y && d->info.target != SNUG_TARGET_NONE;
    for (int64_t i = 0, run; i < n; i += run) {
        CHECK(index[i] >= 0 && index[i] < from->n, SNUG_EINVAL,
              "sample %" PRId64 " of a part of %" PRId64, index[i], from->n);
        run = run_length(from, index + i, n - i, most);
        int64_t at = snug_index_at(from, index[i]);
        TRY(d->source->read(d->source, (snug_raw_part)from->raw, at, run, out->buffer));
        for (int64_t k = 0; k < run && out->x; k++)
            snug_encode(&d->encoder, (unsigned char *)out->buffer + (size_t)k * bytes,
                        (float *)out->x + (i + k) * elements);
        for (int64_t k = 0; k < run && out->lengths; k++)
            out->lengths[i + k] = (int32_t)d->info.sample.dim[0];
        if (targets) TRY(fill_targets(d, from, at, run, out->buffer, (char *)out->y + i * 4));
    }
    return SNUG_OK;
}

snug_status snug_dataset_get_many(snug_dataset *d, snug_part part, int64_t n, const int64_t *index,
                                  void *x, void *y)
{
    CHECK((unsigned)part < SNUG_N_PARTS, SNUG_EINVAL, "part %d of a data set", (int)part);
    const snug_batch out = {.buffer = d->buffer, .x = x, .y = y};
    TRY(snug_dataset_fill(d, part, n, index, &out));
    return SNUG_OK;
}

snug_status snug_dataset_get(snug_dataset *d, snug_part part, int64_t index, void *x, void *y)
{
    return snug_dataset_get_many(d, part, 1, &index, x, y);
}

snug_status snug_dataset_get_lengths(snug_dataset *d, snug_part part, int64_t n,
                                     const int64_t *index, int32_t *lengths)
{
    CHECK((unsigned)part < SNUG_N_PARTS, SNUG_EINVAL, "part %d of a data set", (int)part);
    const snug_batch out = {.buffer = d->buffer, .lengths = lengths};
    TRY(snug_dataset_fill(d, part, n, index, &out));
    return SNUG_OK;
}

/* ---- opening --------------------------------------------------------------------------------- */

static snug_status check_config(const snug_data_config *c)
{
    CHECK(c->path && *c->path, SNUG_EINVAL, "no data set given");
    CHECK(c->validation >= 0 && c->validation <= 0.9, SNUG_EINVAL,
          "validation is a share of the training part, 0 to 0.9, not %g", c->validation);
    CHECK(c->folds == 0 || c->folds >= 2, SNUG_EINVAL, "folds must be 2 or more, not %" PRId64,
          c->folds);
    CHECK(c->folds == 0 || (c->fold >= 0 && c->fold < c->folds), SNUG_EINVAL,
          "fold %" PRId64 " of %" PRId64 "; folds count from 0", c->fold, c->folds);
    CHECK(c->limit >= 0, SNUG_EINVAL, "a limit of %" PRId64 " samples", c->limit);
    CHECK(!c->no_target || c->spec, SNUG_EINVAL, "data without a target need a model's spec");
    return SNUG_OK;
}

/* What the source says of kind, shape and columns, to be completed by what is learned. */
static snug_status start_spec(snug_dataset *d)
{
    const snug_source *s = d->source;
    snug_spec *spec = &d->spec;
    *spec = (snug_spec){.kind = s->kind, .sample = s->shape};
    if (s->kind == SNUG_DATA_IMAGE) {
        spec->target = s->n_labels > 0 ? SNUG_TARGET_CLASS : SNUG_TARGET_NONE;
        return SNUG_OK;
    }
    const snug_table *t = s->table;
    spec->named = t->named;
    spec->target = t->target_kind;
    spec->n_columns = t->n_columns;
    spec->column = snug_bump_alloc(d->bump, (size_t)t->n_columns * sizeof *spec->column);
    if (!spec->column) return snug_error_status();
    for (int i = 0; i < t->n_columns; i++)
        spec->column[i] =
            (snug_spec_column){.name = t->column[i].name, .kind = t->column[i].kind, .std = 1};
    return SNUG_OK;
}

static snug_status check_fits(const snug_dataset *d)
{
    const snug_source *s = d->source;
    static const char *const kinds[] = {"images", "a table"};
    CHECK(s->kind == d->spec.kind, SNUG_ESHAPE, "the model was trained on %s, these data are %s",
          kinds[d->spec.kind], kinds[s->kind]);
    if (s->kind != SNUG_DATA_IMAGE) return SNUG_OK; /* columns were fitted on opening */
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(snug_shape_equal(&s->shape, &d->spec.sample), SNUG_ESHAPE,
          "images of %s; the model was trained on %s", snug_shape_text(&s->shape, a, sizeof a),
          snug_shape_text(&d->spec.sample, b, sizeof b));
    return SNUG_OK;
}

static snug_status open_source(snug_dataset *d, const snug_data_config *config)
{
    if (config->spec) TRY(snug_spec_read(config->spec, d->bump, &d->spec));
    TRY(snug_format_find(config->path, &d->format));
    TRY(d->format->open(config, config->spec ? &d->spec : NULL, &d->source));
    const snug_source *s = d->source;
    for (int p = 0; p < N_RAW_PARTS; p++)
        CHECK(s->n[p] <= SNUG_MAX_SAMPLES, SNUG_EUNSUPPORTED,
              "%s: %" PRId64 " samples; at most %" PRId64 " can be", config->path, s->n[p],
              SNUG_MAX_SAMPLES);
    CHECK(s->n[RAW_MAIN] > 0, SNUG_EFORMAT, "%s: no samples", config->path);
    d->buffer = snug_alloc(TAG_DATA, snug_dataset_buffer_bytes(d));
    if (!d->buffer) return snug_error_status();
    return config->spec ? check_fits(d) : start_spec(d);
}

static bool has_classes(const snug_dataset *d)
{
    const char *const *names;
    return d->spec.target == SNUG_TARGET_CLASS && snug_source_labels(d->source, &names) > 0;
}

/* Classes of the samples of a raw part. */
static snug_status classes_of(snug_dataset *d, snug_raw_part part, int32_t *out)
{
    int64_t n = d->source->n[part];
    TRY(snug_dataset_labels(d, part, out));
    if (part == RAW_MAIN && !d->spec.classes) TRY(snug_learn_classes(d, out, n));
    return snug_labels_to_classes(d, part, out, n);
}

static void count_classes(snug_dataset *d, const int32_t *class_of)
{
    for (int p = 0; p <= SNUG_PART_VALIDATION; p++)
        for (int64_t i = 0; i < d->part[p].n; i++)
            d->class_counts[class_of[snug_index_at(&d->part[p], i)]]++;
}

static snug_status cut_parts(snug_dataset *d, const snug_data_config *config, int32_t *class_of)
{
    int64_t *n = d->source->n;
    CHECK(config->folds <= n[RAW_MAIN], SNUG_EINVAL,
          "%s: %" PRId64 " folds (data.folds) of %" PRId64
          " samples leave folds empty; take at most as many folds as samples",
          config->path, config->folds, n[RAW_MAIN]);
    if (class_of) TRY(classes_of(d, RAW_MAIN, class_of));
    if (class_of) TRY(classes_of(d, RAW_TEST, class_of + n[RAW_MAIN])); /* all known? */
    snug_split split = {.n = n[RAW_MAIN],
                        .n_classes = class_of ? d->spec.n_classes : 1,
                        .class_of = class_of,
                        .validation = config->validation,
                        .folds = config->folds,
                        .fold = config->fold,
                        .limit = config->limit,
                        .seed = config->seed};
    d->part[SNUG_PART_TEST] = (snug_index){.raw = RAW_TEST, .n = n[RAW_TEST]};
    TRY(snug_split_make(&split, d->part));
    CHECK(d->part[SNUG_PART_TRAIN].n > 0, SNUG_EINVAL, "no sample is left to train on of %" PRId64,
          n[RAW_MAIN]);
    if (!class_of) return SNUG_OK;
    d->class_counts = snug_bump_alloc(d->bump, (size_t)split.n_classes * sizeof(int64_t));
    if (!d->class_counts) return snug_error_status();
    count_classes(d, class_of);
    return SNUG_OK;
}

static snug_status make_parts(snug_dataset *d, const snug_data_config *config)
{
    const int64_t *n = d->source->n;
    int32_t *class_of = NULL;
    if (has_classes(d)) {
        class_of =
            snug_alloc_array(TAG_DATA, (size_t)(n[RAW_MAIN] + n[RAW_TEST]), sizeof *class_of);
        if (!class_of) return snug_error_status();
    }
    snug_status status = cut_parts(d, config, class_of);
    snug_free(class_of);
    return status;
}

/* What a sample's truth is and what a model must make of it. */
static void describe_target(snug_data_info *info)
{
    const int64_t one = 1;
    info->sample_dtype = SNUG_F32;
    info->outputs = snug_shape_make(1, info->target == SNUG_TARGET_CLASS ? &info->n_classes : &one);
    info->truth = snug_target_truth(info->target, &info->outputs);
}

static void describe(snug_dataset *d, const snug_data_config *config)
{
    snug_data_info *info = &d->info;
    const snug_source *s = d->source;
    info->kind = d->spec.kind;
    info->target = config->no_target ? SNUG_TARGET_NONE : d->spec.target;
    info->format = d->format->name;
    info->sample = d->spec.sample;
    info->n_classes = d->spec.n_classes;
    info->class_names = d->spec.classes;
    info->class_counts = d->class_counts;
    describe_target(info);
    info->problems = d->problems;
    info->scratch_bytes = s->scratch_bytes;
    info->resident_bytes =
        sizeof *d + s->resident_bytes + snug_dataset_buffer_bytes(d) + strlen(d->spec_json);
    for (int p = 0; p < SNUG_N_PARTS; p++) {
        info->n[p] = d->part[p].n;
        if (d->part[p].at) info->resident_bytes += (size_t)d->part[p].n * sizeof(uint32_t);
    }
    if (!s->table) return;
    for (int i = 0; i < s->table->n_columns; i++) {
        const snug_column *c = &s->table->column[i];
        if (c->kind != COLUMN_NUMBER && c->kind != COLUMN_CATEGORY) continue;
        info->n_columns++;
        info->n_missing += c->n_missing;
    }
}

static snug_status open_all(snug_dataset *d, const snug_data_config *config)
{
    TRY(check_config(config));
    d->bump = snug_bump_create(TAG_DATA);
    if (!d->bump) return snug_error_status();
    TRY(open_source(d, config));
    TRY(make_parts(d, config));
    if (!config->spec) TRY(snug_learn_statistics(d));
    TRY(snug_encoder_make(&d->spec, d->source, d->bump, &d->encoder));
    TRY(snug_spec_write(&d->spec, &d->spec_json));
    describe(d, config);
    return snug_find_problems(d);
}

snug_status snug_dataset_open(snug_context *ctx, const snug_data_config *config, snug_dataset **out)
{
    snug_dataset *d = snug_alloc(TAG_DATA, sizeof *d);
    if (!d) return snug_error_status();
    snug_status status = open_all(d, config);
    if (status != SNUG_OK) snug_dataset_close(d);
    TRY(status);
    for (int i = 0; i < d->info.n_problems; i++)
        snug_log(ctx, SNUG_LOG_DEBUG, "%s: %s", config->path, d->problems[i]);
    *out = d;
    return SNUG_OK;
}

void snug_dataset_close(snug_dataset *d)
{
    if (!d) return;
    if (d->source) d->source->close(d->source);
    for (int p = 0; p < SNUG_N_PARTS; p++) snug_free(d->part[p].at);
    snug_free(d->buffer);
    snug_free(d->spec_json);
    snug_bump_destroy(d->bump);
    snug_free(d);
}

const snug_data_info *snug_dataset_info(const snug_dataset *d)
{
    return &d->info;
}

const char *snug_dataset_spec(const snug_dataset *d)
{
    return d->spec_json;
}
