/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the training part, for the spec. Pixels are summed as integers over a fixed sample
 * of images; columns in doubles, row by row in order: the same numbers everywhere. */
#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_IMAGES 4096                /* at most so many images */
#define SAMPLE_PIXELS ((int64_t)32 << 20) /* and about so many elements */

/* ---- images ---------------------------------------------------------------------------------- */

typedef struct channel {
    uint64_t sum, squares;
} channel;

static void add_pixels(const uint8_t *p, int64_t n, int64_t channels, channel *c)
{
    for (int64_t k = 0; k < channels; k++) {
        uint64_t sum = 0, squares = 0;
        for (int64_t i = k; i < n; i += channels) {
            sum += p[i];
            squares += (uint64_t)p[i] * p[i];
        }
        c[k].sum += sum;
        c[k].squares += squares;
    }
}

static snug_status learn_image(snug_dataset *d)
{
    snug_spec *s = &d->spec;
    int64_t n = d->part[SNUG_PART_TRAIN].n, elements = snug_shape_elements(&s->sample);
    int64_t channels = s->sample.dim[2], most = SAMPLE_PIXELS / elements + 1;
    int64_t take = n < SAMPLE_IMAGES ? n : SAMPLE_IMAGES;
    take = take < most ? take : most;
    channel c[SNUG_MAX_CHANNELS] = {{0}};
    for (int64_t i = 0; i < take; i++) {
        int64_t at = (int64_t)((double)i * ((double)n / (double)take));
        TRY(snug_dataset_raw(d, SNUG_PART_TRAIN, at, 1, d->buffer));
        add_pixels(d->buffer, elements, channels, c);
    }
    s->mean = snug_bump_alloc(d->bump, (size_t)channels * sizeof *s->mean);
    s->std = snug_bump_alloc(d->bump, (size_t)channels * sizeof *s->std);
    if (!s->mean || !s->std) return snug_error_status();
    int64_t count_each = elements / channels;
    double count = (double)take * (double)count_each;
    for (int64_t k = 0; k < channels; k++) {
        s->mean[k] = (double)c[k].sum / count;
        double variance = (double)c[k].squares / count - s->mean[k] * s->mean[k];
        s->std[k] = variance > 1e-6 ? sqrt(variance) : 1;
    }
    return SNUG_OK;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* One slot while it is learned. */
typedef struct tally {
    double first, sum, squares; /* sums of (value - first) */
    int64_t n, missing, other;
    int64_t *count; /* texts: by code; NULL for numbers */
} tally;

static void add_cell(tally *t, double cell)
{
    if (isnan(cell)) {
        t->missing++;
    } else if (t->count) {
        if (cell < 0)
            t->other++;
        else
            t->count[(int32_t)cell]++;
    } else {
        if (t->n++ == 0) t->first = cell;
        double v = cell - t->first;
        t->sum += v;
        t->squares += v * v;
    }
}

static snug_status tally_rows(snug_dataset *d, tally *tallies)
{
    int64_t n = d->part[SNUG_PART_TRAIN].n, at_once = snug_dataset_capacity(d);
    int slots = d->source->table->n_slots;
    for (int64_t i = 0; i < n; i += at_once) {
        int64_t rows = n - i < at_once ? n - i : at_once;
        TRY(snug_dataset_raw(d, SNUG_PART_TRAIN, i, rows, d->buffer));
        const double *cell = d->buffer;
        for (int64_t r = 0; r < rows; r++)
            for (int k = 0; k < slots; k++) add_cell(&tallies[k], *cell++);
    }
    return SNUG_OK;
}

/* Mean and deviation; a deviation lost in rounding is a constant, which becomes 0 everywhere. */
static snug_status moments(const tally *t, const char *name, double *mean, double *std)
{
    double m = t->n ? t->sum / (double)t->n : 0;
    double variance = t->n ? t->squares / (double)t->n - m * m : 0;
    *mean = t->first + m;
    *std = variance > 0 ? sqrt(variance) : 0;
    CHECK(isfinite(*mean) && isfinite(variance), SNUG_EFORMAT,
          "column '%s': its numbers are too large for a mean and deviation; "
          "scale it, or leave it out (data.ignore)",
          name);
    if (*std <= fabs(*mean) * 1e-12 || *std < 1e-150) *std = 1;
    return SNUG_OK;
}

typedef struct ranked {
    int64_t count;
    const char *text;
} ranked;

static int most_frequent_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return snug_natural_compare(x->text, y->text);
}

static int compare_texts(const void *a, const void *b)
{
    return snug_natural_compare(*(const char *const *)a, *(const char *const *)b);
}

static snug_status learn_category(snug_dataset *d, const tally *t, const snug_dict *dict,
                                  snug_spec_column *c)
{
    ranked *rank = snug_alloc_array(TAG_DATA, (size_t)dict->n + 1, sizeof *rank);
    if (!rank) return snug_error_status();
    int n = 0;
    for (int i = 0; i < dict->n; i++)
        if (t->count[i] > 0) rank[n++] = (ranked){t->count[i], dict->text[i]};
    qsort(rank, (size_t)n, sizeof *rank, most_frequent_first);
    int keep = n < SNUG_MAX_CATEGORIES ? n : SNUG_MAX_CATEGORIES;
    const char **names = snug_bump_alloc(d->bump, ((size_t)keep + 1) * sizeof *names);
    for (int i = 0; i < keep && names; i++) names[i] = rank[i].text;
    snug_free(rank);
    if (!names) return snug_error_status();
    qsort(names, (size_t)keep, sizeof *names, compare_texts);
    c->category = names;
    c->n_categories = keep;
    c->other = n > keep || t->other > 0;
    c->missing = t->missing > 0;
    return SNUG_OK;
}

static snug_status learn_target(snug_dataset *d, const tally *t, const char *name)
{
    snug_spec *s = &d->spec;
    const char **names = snug_bump_alloc(d->bump, sizeof *names);
    s->target_mean = snug_bump_alloc(d->bump, sizeof *s->target_mean);
    s->target_std = snug_bump_alloc(d->bump, sizeof *s->target_std);
    if (!names || !s->target_mean || !s->target_std) return snug_error_status();
    names[0] = name;
    s->target_names = names;
    s->n_targets = 1;
    return moments(t, name, &s->target_mean[0], &s->target_std[0]);
}

static snug_status learn_columns(snug_dataset *d, const tally *tallies)
{
    snug_spec *s = &d->spec;
    const snug_table *table = d->source->table;
    int64_t features = 0;
    for (int i = 0; i < s->n_columns; i++) {
        snug_spec_column *c = &s->column[i];
        const snug_column *from = &table->column[i];
        if (c->kind == COLUMN_IGNORED) continue;
        const tally *t = &tallies[from->slot];
        if (c->kind == COLUMN_NUMBER) TRY(moments(t, c->name, &c->mean, &c->std));
        if (c->kind == COLUMN_CATEGORY) TRY(learn_category(d, t, &from->dict, c));
        if (c->kind == COLUMN_TARGET && s->target == SNUG_TARGET_VALUE)
            TRY(learn_target(d, t, c->name));
        features += snug_spec_width(c);
    }
    CHECK(features > 0, SNUG_EINVAL, "no column is left to learn from");
    s->sample = snug_shape_make(1, &features);
    return SNUG_OK;
}

static snug_status learn_tallied(snug_dataset *d, tally *tallies)
{
    const snug_table *table = d->source->table;
    for (int k = 0; k < table->n_slots; k++) {
        const snug_column *c = &table->column[table->slot_column[k]];
        if (!c->text) continue;
        tallies[k].count = snug_alloc_array(TAG_DATA, (size_t)c->dict.n + 1, sizeof(int64_t));
        if (!tallies[k].count) return snug_error_status();
    }
    TRY(tally_rows(d, tallies));
    return learn_columns(d, tallies);
}

static snug_status learn_table(snug_dataset *d)
{
    int slots = d->source->table->n_slots;
    tally *tallies = snug_alloc_array(TAG_DATA, (size_t)slots + 1, sizeof *tallies);
    if (!tallies) return snug_error_status();
    snug_status status = learn_tallied(d, tallies);
    for (int k = 0; k < slots; k++) snug_free(tallies[k].count);
    snug_free(tallies);
    return status;
}

snug_status snug_learn_statistics(snug_dataset *d)
{
    return d->spec.kind == SNUG_DATA_IMAGE ? learn_image(d) : learn_table(d);
}
