/* SPDX-License-Identifier: Apache-2.0 */
/* The truths of a data set, looked at once when it is opened: what cannot be is refused with its
 * place, labels and tokens are counted, values get their means and deviations. */
#include "data/dataset.h"

#include <math.h>
#include <string.h>

#define BLOCK_FLOATS 16384

static const char *const part_names[SNUG_N_PARTS] = {"training", "validation", "test"};

/* ---- values and labels ----------------------------------------------------------------------- */

typedef struct moment {
    double first, sum, squares; /* sums of (value - first) */
    int64_t n;
} moment;

/* One pass over the truths of the parts. */
typedef struct look {
    snug_dataset *d;
    float *y;
    int64_t *index;
    moment *moment; /* NULL: nothing to learn */
    int64_t values, at_once;
} look;

static snug_status check_value(const look *l, snug_part part, int64_t sample, int64_t k, float v)
{
    const snug_data_info *info = &l->d->info;
    bool labels = info->target == SNUG_TARGET_LABELS;
    CHECK(isfinite(v), SNUG_ENUMERIC,
          "%s sample %" PRId64 ": its %s '%.60s' is missing or not finite", part_names[part],
          sample, labels ? "label" : "value", labels ? info->class_names[k] : info->value_names[k]);
    CHECK(!labels || v == 0 || v == 1, SNUG_EFORMAT,
          "%s sample %" PRId64 ": label '%.60s' is %g; labels are 0 or 1", part_names[part], sample,
          info->class_names[k], (double)v);
    return SNUG_OK;
}

static void add_value(look *l, snug_part part, int64_t k, float v)
{
    if (l->d->class_counts && part != SNUG_PART_TEST) l->d->class_counts[k] += v != 0;
    if (!l->moment || part != SNUG_PART_TRAIN) return;
    moment *m = &l->moment[k];
    if (m->n++ == 0) m->first = (double)v;
    double difference = (double)v - m->first;
    m->sum += difference;
    m->squares += difference * difference;
}

static snug_status look_at_part(look *l, snug_part part)
{
    snug_dataset *d = l->d;
    const snug_batch to = {.buffer = d->buffer, .y = l->y};
    for (int64_t i = 0, n; i < d->part[part].n; i += n) {
        n = d->part[part].n - i < l->at_once ? d->part[part].n - i : l->at_once;
        for (int64_t k = 0; k < n; k++) l->index[k] = i + k;
        TRY(snug_dataset_fill(d, part, n, l->index, &to));
        for (int64_t k = 0; k < n * l->values; k++) {
            TRY(check_value(l, part, i + k / l->values, k % l->values, l->y[k]));
            add_value(l, part, k % l->values, l->y[k]);
        }
    }
    return SNUG_OK;
}

static void finish_moments(const look *l)
{
    snug_spec *s = &l->d->spec;
    for (int64_t k = 0; k < l->values && l->moment; k++) {
        const moment *m = &l->moment[k];
        double mean = m->sum / (double)m->n;
        double variance = m->squares / (double)m->n - mean * mean;
        s->target_mean[k] = m->first + mean;
        s->target_std[k] = variance > 0 ? sqrt(variance) : 0;
        if (s->target_std[k] <= fabs(s->target_mean[k]) * 1e-7) s->target_std[k] = 1;
    }
}

static snug_status make_room(look *l, bool learn)
{
    l->y = snug_alloc_array(TAG_DATA, (size_t)(l->at_once * l->values), sizeof *l->y);
    l->index = snug_alloc_array(TAG_DATA, (size_t)l->at_once, sizeof *l->index);
    if (!l->y || !l->index) return SNUG_ENOMEM;
    if (!learn) return SNUG_OK;
    l->moment = snug_alloc_array(TAG_DATA, (size_t)l->values, sizeof *l->moment);
    return l->moment ? SNUG_OK : SNUG_ENOMEM;
}

static snug_status look_at_values(snug_dataset *d, bool learn)
{
    look l = {.d = d, .values = snug_shape_elements(&d->info.truth.shape)};
    l.at_once = BLOCK_FLOATS / l.values + 1;
    snug_status status = make_room(&l, learn);
    for (int p = 0; p < SNUG_N_PARTS && status == SNUG_OK; p++)
        status = look_at_part(&l, (snug_part)p);
    if (status == SNUG_OK) finish_moments(&l);
    snug_free(l.y);
    snug_free(l.index);
    snug_free(l.moment);
    return status;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* Tokens of a raw part, and the first symbol that is none. */
static snug_status count_tokens(snug_dataset *d, snug_raw_part part, int64_t *unknown,
                                uint32_t *first)
{
    snug_source *s = d->source;
    int64_t at_once = snug_dataset_capacity(d);
    for (int64_t i = 0, n; i < s->n[part]; i += n) {
        n = s->n[part] - i < at_once ? s->n[part] - i : at_once;
        TRY(s->read(s, part, i, n, d->buffer));
        for (int64_t k = 0; k < n; k++) {
            uint32_t symbol = snug_symbol(d->buffer, s->dtype, k);
            int32_t token = snug_encoder_token(&d->encoder, symbol);
            if (token >= 0) d->class_counts[token]++;
            if (token < 0 && (*unknown)++ == 0) *first = symbol;
        }
    }
    return SNUG_OK;
}

static snug_status look_at_tokens(snug_dataset *d)
{
    int64_t unknown = 0;
    uint32_t first = 0;
    for (int p = 0; p < N_RAW_PARTS; p++) TRY(count_tokens(d, (snug_raw_part)p, &unknown, &first));
    if (unknown == 0) return SNUG_OK;
    return snug_dataset_problem(d,
                                "%" PRId64 " %s (the first is U+%04" PRIX32
                                ") do not occur in the text to train on: they are read as another, "
                                "and nobody has to predict them",
                                unknown, d->spec.bytes ? "bytes" : "characters", first);
}

snug_status snug_dataset_look_at_truths(snug_dataset *d, bool learn)
{
    const snug_data_info *info = &d->info;
    bool labels = info->target == SNUG_TARGET_LABELS, tokens = d->spec.kind == SNUG_DATA_TEXT;
    if (labels || tokens) {
        d->class_counts = snug_bump_alloc(d->bump, (size_t)info->n_classes * sizeof(int64_t));
        if (!d->class_counts) return snug_error_status();
        d->info.class_counts = d->class_counts;
    }
    if (tokens) return look_at_tokens(d);
    bool apart = info->target == SNUG_TARGET_VALUE && d->source->values;
    return labels || apart ? look_at_values(d, learn && apart) : SNUG_OK;
}
