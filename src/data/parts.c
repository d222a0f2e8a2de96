/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a data set: cut by class from the main part, or in order of time where samples are
 * windows; the files' own test and validation parts; anomalies. */
#include "data/dataset.h"

/* Classes of the samples of a raw part, in out; of the main part they are learned first. */
static snug_status classes_of(snug_dataset *d, snug_raw_part part, int32_t *out)
{
    int64_t n = d->source->n[part];
    if (n == 0) return SNUG_OK;
    TRY(snug_dataset_labels(d, part, out));
    if (part == RAW_MAIN && !d->spec.classes) TRY(snug_learn_classes(d, out, n));
    return snug_labels_to_classes(d, part, out, n);
}

static snug_status count_classes(snug_dataset *d, const int32_t *class_of)
{
    d->class_counts = snug_bump_alloc(d->bump, (size_t)d->spec.n_classes * sizeof(int64_t));
    if (!d->class_counts) return snug_error_status();
    for (int p = 0; p <= SNUG_PART_VALIDATION; p++)
        for (int64_t i = 0; i < d->part[p].n && d->part[p].raw == RAW_MAIN; i++)
            d->class_counts[class_of[snug_index_at(&d->part[p], i)]]++;
    return SNUG_OK;
}

/* The set's own validation part serves where no share was asked for. */
static void take_validation(snug_dataset *d, const snug_data_config *config)
{
    int64_t n = d->source->n[RAW_VALIDATION];
    if (n > 0 && config->validation <= 0)
        d->part[SNUG_PART_VALIDATION] = (snug_index){.raw = RAW_VALIDATION, .n = n};
}

static snug_status split(snug_dataset *d, const snug_data_config *config, const int32_t *class_of,
                         int n_classes)
{
    const int64_t *n = d->source->n;
    const snug_split s = {.n = n[RAW_MAIN],
                          .n_classes = class_of ? n_classes : 1,
                          .class_of = class_of,
                          .validation = config->validation,
                          .folds = config->folds,
                          .fold = config->fold,
                          .limit = config->limit,
                          .seed = config->seed};
    CHECK(config->folds <= n[RAW_MAIN], SNUG_EINVAL,
          "%s: %" PRId64 " folds (data.folds) of %" PRId64
          " samples leave folds empty; take at most as many folds as samples",
          config->path, config->folds, n[RAW_MAIN]);
    d->part[SNUG_PART_TEST] = (snug_index){.raw = RAW_TEST, .n = n[RAW_TEST]};
    TRY(snug_split_make(&s, d->part));
    take_validation(d, config);
    CHECK(d->part[SNUG_PART_TRAIN].n > 0, SNUG_EINVAL, "no sample is left to train on of %" PRId64,
          n[RAW_MAIN]);
    return SNUG_OK;
}

/* ---- by class -------------------------------------------------------------------------------- */

static snug_status cut_by_class(snug_dataset *d, const snug_data_config *config, int32_t *class_of)
{
    const int64_t *n = d->source->n;
    int32_t *of = class_of;
    for (int p = 0; p < N_RAW_PARTS; of += n[p], p++) /* are all known? */
        TRY(classes_of(d, (snug_raw_part)p, of));
    TRY(split(d, config, class_of, d->spec.n_classes));
    return count_classes(d, class_of);
}

/* ---- normal samples alone -------------------------------------------------------------------- */

/* Keep of a part what is normal. */
static snug_status keep_normal(snug_index *x, const int32_t *anomaly)
{
    int64_t kept = 0;
    if (!x->at) {
        x->at = snug_alloc_array(TAG_DATA, (size_t)x->n + 1, sizeof *x->at);
        if (!x->at) return snug_error_status();
        for (int64_t i = 0; i < x->n; i++) x->at[i] = (uint32_t)i;
    }
    for (int64_t i = 0; i < x->n; i++)
        if (!anomaly[x->at[i]]) x->at[kept++] = x->at[i];
    x->n = kept;
    return SNUG_OK;
}

static snug_status cut_normal(snug_dataset *d, const snug_data_config *config, int32_t *anomaly)
{
    const int64_t *n = d->source->n;
    const int32_t *map;
    int32_t *of = anomaly;
    TRY(snug_anomaly_map(d->source, config->normal, d->bump, &map));
    for (int p = 0; p < N_RAW_PARTS; of += n[p], p++) {
        if (n[p] == 0) continue;
        TRY(snug_dataset_labels(d, (snug_raw_part)p, of));
        for (int64_t i = 0; i < n[p]; i++) of[i] = map[of[i]];
    }
    TRY(split(d, config, anomaly, 2));
    for (int p = 0; p <= SNUG_PART_VALIDATION; p++) {
        int raw = d->part[p].raw;
        const int32_t *from = raw == RAW_MAIN ? anomaly : anomaly + n[RAW_MAIN] + n[RAW_TEST];
        TRY(keep_normal(&d->part[p], from));
    }
    CHECK(d->part[SNUG_PART_TRAIN].n > 0, SNUG_EINVAL,
          "no training sample is of class '%.60s' (data.normal)", config->normal);
    return SNUG_OK;
}

/* ---- in order of time ------------------------------------------------------------------------ */

static snug_status cut_in_time(snug_dataset *d, const snug_data_config *config)
{
    const snug_windows *w = &d->windows;
    const int64_t *n = d->source->n;
    bool own = n[RAW_VALIDATION] > 0 && config->validation <= 0;
    int64_t cut = (int64_t)((double)n[RAW_MAIN] * (1 - config->validation));
    /* data that only pass through a model are seen whole */
    bool pass = config->spec && config->stride == 0;
    d->part[SNUG_PART_TRAIN] =
        pass ? snug_windows_eval(w, RAW_MAIN, 0, cut) : snug_windows_train(w, RAW_MAIN, 0, cut);
    d->part[SNUG_PART_VALIDATION] = own ? snug_windows_eval(w, RAW_VALIDATION, 0, n[RAW_VALIDATION])
                                        : snug_windows_eval(w, RAW_MAIN, cut, n[RAW_MAIN]);
    d->part[SNUG_PART_TEST] = snug_windows_eval(w, RAW_TEST, 0, n[RAW_TEST]);
    snug_index *train = &d->part[SNUG_PART_TRAIN];
    if (config->limit > 0 && config->limit < train->n) train->n = config->limit;
    CHECK(train->n > 0, SNUG_EINVAL,
          "%s: %" PRId64 " %s to train on are fewer than one window needs, %" PRId64
          "; set a shorter data.context",
          config->path, cut, d->spec.kind == SNUG_DATA_TEXT ? "tokens" : "rows", d->span);
    return SNUG_OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

snug_status snug_dataset_cut(snug_dataset *d, const snug_data_config *config)
{
    const int64_t *n = d->source->n;
    const char *const *names;
    if (d->span > 1 || d->windows.step) return cut_in_time(d, config);
    bool normal = d->spec.target == SNUG_TARGET_SELF && config->normal;
    bool labels = snug_source_labels(d->source, &names) > 0;
    if (!normal && !(labels && d->spec.target == SNUG_TARGET_CLASS))
        return split(d, config, NULL, 1);
    size_t all = (size_t)n[RAW_MAIN] + (size_t)n[RAW_TEST] + (size_t)n[RAW_VALIDATION];
    int32_t *label = snug_alloc_array(TAG_DATA, all, sizeof *label);
    if (!label) return snug_error_status();
    snug_status status = normal ? cut_normal(d, config, label) : cut_by_class(d, config, label);
    snug_free(label);
    return status;
}

snug_part snug_anomalies_part(const snug_dataset *anomalies)
{
    return anomalies->info.n[SNUG_PART_TEST] > 0 ? SNUG_PART_TEST : SNUG_PART_TRAIN;
}

snug_status snug_dataset_open_anomalies(snug_dataset *d, snug_context *ctx,
                                        const snug_data_config *config)
{
    if (!config->anomalies) return SNUG_OK;
    const snug_data_config other = {.path = config->anomalies,
                                    .ignore = config->ignore,
                                    .header = config->header,
                                    .kind = config->kind,
                                    .spec = d->spec_json,
                                    .scratch_dir = config->scratch_dir,
                                    .no_target = true};
    return snug_dataset_open(ctx, &other, &d->anomalies);
}
