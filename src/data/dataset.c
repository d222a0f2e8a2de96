/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a data set: source, spec, parts, what is known of them. */
#include "data/dataset.h"

#include "base/context.h"
#include "data/spec_names.h"
#include "data/target.h"

#include <float.h>
#include <math.h>
#include <string.h>

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

static snug_status start_columns(snug_dataset *d)
{
    const snug_table *t = d->source->table;
    snug_spec *spec = &d->spec;
    spec->named = t->named;
    spec->n_columns = t->n_columns;
    spec->column = snug_bump_alloc(d->bump, (size_t)t->n_columns * sizeof *spec->column);
    if (!spec->column) return snug_error_status();
    for (int i = 0; i < t->n_columns; i++) {
        const snug_column *c = &t->column[i];
        spec->column[i] =
            (snug_spec_column){.name = c->name, .kind = c->kind, .ahead = c->ahead, .std = 1};
    }
    return SNUG_OK;
}

/* Names of what is to be learned, where the source tells them apart from its records. */
static snug_status start_values(snug_dataset *d)
{
    const snug_source *s = d->source;
    const snug_table *t = s->table;
    bool columns = t && t->n_targets > 0;
    snug_spec *spec = &d->spec;
    if (spec->target == SNUG_TARGET_VALUE && !columns) {
        TRY(snug_make_targets(d, s->n_values));
        spec->target_names = s->value_names;
        for (int i = 0; i < s->n_values; i++) spec->target_std[i] = 1;
    }
    if (spec->target != SNUG_TARGET_LABELS) return SNUG_OK;
    spec->n_classes = columns ? t->n_targets : s->n_values;
    spec->classes = s->value_names;
    if (!columns) return SNUG_OK;
    const char **names = snug_bump_alloc(d->bump, (size_t)t->n_targets * sizeof *names);
    if (!names) return snug_error_status();
    for (int i = 0; i < t->n_targets; i++) names[i] = t->column[t->target[i]].name;
    spec->classes = names;
    return SNUG_OK;
}

/* What the source says of kind, shape and columns, to be completed by what is learned. */
static snug_status start_spec(snug_dataset *d, const snug_data_config *config)
{
    const snug_source *s = d->source;
    d->spec = (snug_spec){.kind = s->kind, .sample = s->shape, .ragged = s->lengths != NULL};
    TRY(snug_dataset_task(d, config));
    if (s->table) TRY(start_columns(d));
    return start_values(d);
}

static const char *const kind_words[SNUG_N_DATA_KINDS] = {"images", "a table", "series", "text"};

/* Whether records of this shape can be seen through the spec. */
static bool shape_fits(const snug_source *s, const snug_spec *spec)
{
    bool shorter = s->kind == SNUG_DATA_SERIES && spec->ragged;
    if (!shorter) return snug_shape_equal(&s->shape, &spec->sample) && !s->lengths;
    return s->shape.dim[0] <= spec->sample.dim[0] && s->shape.dim[1] == spec->sample.dim[1];
}

/* The truths that the spec is about must be there, unless nobody asks for them. */
static snug_status check_truth(const snug_dataset *d, const snug_data_config *config)
{
    const snug_source *s = d->source;
    const snug_spec *spec = &d->spec;
    bool columns = s->table && s->table->n_targets > 0;
    bool own = spec->target == SNUG_TARGET_CLASS || spec->target == SNUG_TARGET_VALUE ||
               spec->target == SNUG_TARGET_LABELS;
    if (config->no_target || !own || columns) return SNUG_OK;
    CHECK(s->target == spec->target, SNUG_ESHAPE,
          "the model predicts targets of kind %s, these data have %s",
          snug_target_name(spec->target), s->target ? snug_target_name(s->target) : "none");
    int want = spec->target == SNUG_TARGET_VALUE ? spec->n_targets : spec->n_classes;
    CHECK(spec->target == SNUG_TARGET_CLASS || s->n_values == want, SNUG_ESHAPE,
          "the model predicts %d numbers a sample, these data have %d", want, s->n_values);
    return SNUG_OK;
}

static snug_status check_fits(const snug_dataset *d, const snug_data_config *config)
{
    const snug_source *s = d->source;
    const snug_spec *spec = &d->spec;
    bool rows = spec->n_columns > 0; /* columns were fitted on opening */
    CHECK(rows ? s->table != NULL : s->kind == spec->kind, SNUG_ESHAPE,
          "the model was trained on %s, these data are %s",
          rows ? "a table" : kind_words[spec->kind], kind_words[s->kind]);
    CHECK(s->kind != SNUG_DATA_TEXT || s->bytes == spec->bytes, SNUG_ESHAPE,
          "the model was trained on %s, this text is read by %s",
          spec->bytes ? "bytes" : "characters", s->bytes ? "bytes: it is no UTF-8" : "characters");
    TRY(check_truth(d, config));
    if (rows || s->kind == SNUG_DATA_TEXT) return SNUG_OK;
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    CHECK(shape_fits(s, spec), SNUG_ESHAPE, "%s of %s%s; the model was trained on %s%s",
          kind_words[s->kind], s->lengths ? "up to " : "", snug_shape_text(&s->shape, a, sizeof a),
          spec->ragged ? "up to " : "", snug_shape_text(&spec->sample, b, sizeof b));
    return SNUG_OK;
}

static snug_status check_kind(const char *kind)
{
    bool known = !kind;
    for (int i = 0; i < SNUG_N_DATA_KINDS; i++)
        known = known || strcmp(kind, snug_kind_names[i]) == 0;
    CHECK(known, SNUG_EINVAL, "data.kind is image, series, table or text, not '%.40s'", kind);
    return SNUG_OK;
}

static snug_status open_source(snug_dataset *d, const snug_data_config *config)
{
    if (config->spec) TRY(snug_spec_read(config->spec, d->bump, &d->spec));
    TRY(check_kind(config->kind));
    const bool text = config->spec ? d->spec.kind == SNUG_DATA_TEXT
                                   : config->kind && strcmp(config->kind, "text") == 0;
    TRY(snug_format_find(config->path, text, &d->format));
    TRY(d->format->open(config, config->spec ? &d->spec : NULL, &d->source));
    const snug_source *s = d->source;
    CHECK(!config->kind || strcmp(config->kind, snug_kind_names[s->kind]) == 0, SNUG_EINVAL,
          "%s: data.kind is %s, but this is %s data (format %s)", config->path, config->kind,
          snug_kind_names[s->kind], d->format->name);
    for (int p = 0; p < N_RAW_PARTS; p++)
        CHECK(s->n[p] <= SNUG_MAX_SAMPLES, SNUG_EUNSUPPORTED,
              "%s: %" PRId64 " samples; at most %" PRId64 " can be", config->path, s->n[p],
              SNUG_MAX_SAMPLES);
    CHECK(s->n[RAW_MAIN] > 0, SNUG_EFORMAT, "%s: no samples", config->path);
    if (config->spec) TRY(check_fits(d, config));
    TRY(config->spec ? snug_dataset_task(d, config) : start_spec(d, config));
    d->buffer = snug_alloc(TAG_DATA, snug_dataset_buffer_bytes(d));
    return d->buffer ? SNUG_OK : snug_error_status();
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
    info->value_names = d->spec.target_names;
    info->sample_dtype = d->spec.kind == SNUG_DATA_TEXT ? SNUG_I32 : SNUG_F32;
    info->outputs = snug_spec_outputs(&d->spec);
    info->truth = snug_target_truth(info->target, &info->outputs);
    info->ragged = d->spec.ragged;
    info->problems = d->problems;
    info->scratch_bytes = s->scratch_bytes;
    info->resident_bytes = sizeof *d + s->resident_bytes + snug_dataset_buffer_bytes(d);
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

/* Anomalies join the test part. */
static snug_status add_anomalies(snug_dataset *d, snug_context *ctx, const snug_data_config *config)
{
    if (!config->anomalies) return SNUG_OK;
    TRY(snug_dataset_open_anomalies(d, ctx, config));
    const snug_data_info *other = &d->anomalies->info;
    d->info.n[SNUG_PART_TEST] += other->n[snug_anomalies_part(d->anomalies)];
    d->info.resident_bytes += other->resident_bytes;
    d->info.scratch_bytes += other->scratch_bytes;
    size_t bytes = snug_dataset_buffer_bytes(d); /* of the larger one */
    snug_free(d->buffer);
    d->buffer = snug_alloc(TAG_DATA, bytes);
    return d->buffer ? SNUG_OK : snug_error_status();
}

static snug_status open_all(snug_dataset *d, snug_context *ctx, const snug_data_config *config)
{
    TRY(check_config(config));
    d->bump = snug_bump_create(TAG_DATA);
    if (!d->bump) return snug_error_status();
    TRY(open_source(d, config));
    TRY(snug_dataset_cut(d, config));
    if (!config->spec) TRY(snug_learn_statistics(d));
    TRY(snug_encoder_make(&d->spec, d->source, config->normal, d->bump, &d->encoder));
    describe(d, config);
    TRY(snug_dataset_look_at_truths(d, !config->spec));
    TRY(snug_spec_write(&d->spec, &d->spec_json));
    d->info.resident_bytes += strlen(d->spec_json);
    TRY(add_anomalies(d, ctx, config));
    return snug_find_problems(d, config);
}

snug_status snug_dataset_open(snug_context *ctx, const snug_data_config *config, snug_dataset **out)
{
    snug_dataset *d = snug_alloc(TAG_DATA, sizeof *d);
    if (!d) return snug_error_status();
    snug_status status = open_all(d, ctx, config);
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
    snug_dataset_close(d->anomalies);
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
