/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the training part, for the spec. Pixels are summed as integers over a fixed sample
 * of images; columns in doubles, row by row in order: the same numbers everywhere. */
#include "data/dataset.h"
#include "data/spec_names.h"
#include "data/utf8.h"

#include <math.h>
#include <stdio.h>
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

/* Every how many-th record makes a sample of `take` of n. */
static int64_t sample_at(int64_t i, int64_t n, int64_t take)
{
    return (int64_t)((double)i * ((double)n / (double)take));
}

static snug_status make_channels(snug_dataset *d)
{
    snug_spec *s = &d->spec;
    size_t channels = (size_t)s->sample.dim[s->sample.n_dims - 1];
    s->mean = snug_bump_alloc(d->bump, channels * sizeof *s->mean);
    s->std = snug_bump_alloc(d->bump, channels * sizeof *s->std);
    return s->mean && s->std ? SNUG_OK : snug_error_status();
}

static snug_status learn_pixels(snug_dataset *d)
{
    snug_spec *s = &d->spec;
    int64_t n = d->part[SNUG_PART_TRAIN].n, elements = snug_shape_elements(&s->sample);
    int64_t channels = s->sample.dim[2], most = SAMPLE_PIXELS / elements + 1;
    int64_t take = n < SAMPLE_IMAGES ? n : SAMPLE_IMAGES;
    take = take < most ? take : most;
    channel c[SNUG_MAX_CHANNELS] = {{0}};
    for (int64_t i = 0; i < take; i++) {
        TRY(snug_dataset_raw(d, SNUG_PART_TRAIN, sample_at(i, n, take), 1, d->buffer));
        add_pixels(d->buffer, elements, channels, c);
    }
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
    int64_t n = snug_dataset_records(d, SNUG_PART_TRAIN), at_once = snug_dataset_capacity(d);
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

/* Moments of the values that lie in columns, into each of `steps` steps ahead. */
static snug_status learn_values(snug_dataset *d, const tally *tallies)
{
    snug_spec *s = &d->spec;
    const snug_table *t = d->source->table;
    int64_t steps = s->horizon ? s->horizon : 1, k = 0;
    TRY(snug_make_targets(d, t->n_targets * steps));
    const char **name = snug_bump_alloc(d->bump, (size_t)s->n_targets * sizeof *name);
    if (!name) return snug_error_status();
    s->target_names = name;
    for (int64_t step = 1; step <= steps; step++)
        for (int i = 0; i < t->n_targets; i++, k++) {
            const snug_column *c = &t->column[t->target[i]];
            name[k] =
                s->horizon ? snug_bump_printf(d->bump, "%s+%" PRId64, c->name, step) : c->name;
            if (!name[k]) return snug_error_status();
            TRY(moments(&tallies[c->slot], c->name, &s->target_mean[k], &s->target_std[k]));
        }
    return SNUG_OK;
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
        features += snug_spec_width(c);
    }
    CHECK(features > 0, SNUG_EINVAL, "no column is left to learn from");
    if (s->kind == SNUG_DATA_TABLE) s->sample.n_dims = 1;
    s->sample.dim[s->sample.n_dims - 1] = features;
    bool values = s->target == SNUG_TARGET_VALUE && table->n_targets > 0;
    return values ? learn_values(d, tallies) : SNUG_OK;
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

/* ---- other numbers --------------------------------------------------------------------------- */

/* Steps of a record that are there. */
static snug_status steps_of(snug_dataset *d, int64_t i, int32_t *steps)
{
    snug_source *s = d->source;
    const snug_index *x = &d->part[SNUG_PART_TRAIN];
    *steps = (int32_t)(s->kind == SNUG_DATA_SERIES ? s->shape.dim[0] : 0);
    if (!s->lengths) return SNUG_OK;
    return s->lengths(s, (snug_raw_part)x->raw, snug_index_at(x, i), 1, steps);
}

static snug_status tally_numbers(snug_dataset *d, tally *tallies)
{
    double (*const load)(const void *base, int64_t i) = snug_dtype_get(d->source->dtype)->load;
    int64_t elements = snug_shape_elements(&d->source->shape);
    int64_t n = d->part[SNUG_PART_TRAIN].n, take = SAMPLE_PIXELS / elements + 1;
    int64_t channels = d->spec.sample.dim[d->spec.sample.n_dims - 1];
    if (take > n) take = n;
    for (int64_t i = 0; i < take; i++) {
        int64_t at = sample_at(i, n, take), there = elements;
        int32_t steps;
        TRY(steps_of(d, at, &steps));
        if (steps) there = steps * channels;
        TRY(snug_dataset_raw(d, SNUG_PART_TRAIN, at, 1, d->buffer));
        for (int64_t k = 0; k < there; k++) {
            double v = load(d->buffer, k);
            CHECK(!isinf(v), SNUG_ENUMERIC,
                  "training sample %" PRId64 " holds an infinite number, at element %" PRId64, at,
                  k);
            add_cell(&tallies[k % channels], v);
        }
    }
    return SNUG_OK;
}

static snug_status learn_tallied_numbers(snug_dataset *d, tally *tallies)
{
    snug_spec *s = &d->spec;
    char name[32];
    TRY(tally_numbers(d, tallies));
    for (int64_t c = 0; c < s->sample.dim[s->sample.n_dims - 1]; c++) {
        const tally *t = &tallies[c];
        snprintf(name, sizeof name, "channel %" PRId64, c);
        TRY(moments(t, name, &s->mean[c], &s->std[c]));
        d->info.n_missing += t->missing;
        if (t->squares == 0)
            TRY(snug_dataset_problem(d, "channel %" PRId64 " is %s", c,
                                     t->n ? "the same in every training sample"
                                          : "missing in every training sample"));
    }
    return SNUG_OK;
}

static snug_status learn_numbers(snug_dataset *d)
{
    const snug_spec *s = &d->spec;
    size_t channels = (size_t)s->sample.dim[s->sample.n_dims - 1];
    tally *tallies = snug_alloc_array(TAG_DATA, channels, sizeof *tallies);
    if (!tallies) return snug_error_status();
    snug_status status = learn_tallied_numbers(d, tallies);
    snug_free(tallies);
    return status;
}

/* ---- text ------------------------------------------------------------------------------------ */

#define SYMBOL_WORDS (SNUG_N_CODEPOINTS / 64)

static snug_status mark_symbols(snug_dataset *d, uint64_t *seen)
{
    int64_t n = snug_dataset_records(d, SNUG_PART_TRAIN), at_once = snug_dataset_capacity(d);
    for (int64_t i = 0; i < n; i += at_once) {
        int64_t count = n - i < at_once ? n - i : at_once;
        TRY(snug_dataset_raw(d, SNUG_PART_TRAIN, i, count, d->buffer));
        for (int64_t k = 0; k < count; k++) {
            uint32_t c = snug_symbol(d->buffer, d->source->dtype, k);
            seen[c / 64] |= (uint64_t)1 << c % 64;
        }
    }
    return SNUG_OK;
}

static snug_status list_symbols(snug_dataset *d, const uint64_t *seen)
{
    snug_spec *s = &d->spec;
    int64_t n = 0;
    for (uint32_t c = 0; c < SNUG_N_CODEPOINTS; c++) n += seen[c / 64] >> c % 64 & 1;
    CHECK(n <= SNUG_MAX_TOKENS, SNUG_EUNSUPPORTED,
          "a text of %" PRId64 " different characters; at most %d can be", n, SNUG_MAX_TOKENS);
    uint32_t *token = snug_bump_alloc(d->bump, ((size_t)n + 1) * sizeof *token);
    if (!token) return snug_error_status();
    for (uint32_t c = 0; c < SNUG_N_CODEPOINTS; c++)
        if (seen[c / 64] >> c % 64 & 1) token[s->n_classes++] = c;
    s->token = token;
    s->bytes = d->source->bytes;
    return snug_spec_name_tokens(s, d->bump);
}

static snug_status learn_vocabulary(snug_dataset *d)
{
    uint64_t *seen = snug_alloc_array(TAG_DATA, SYMBOL_WORDS, sizeof *seen);
    if (!seen) return snug_error_status();
    snug_status status = mark_symbols(d, seen);
    if (status == SNUG_OK) status = list_symbols(d, seen);
    snug_free(seen);
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------- */

snug_status snug_make_targets(snug_dataset *d, int64_t n)
{
    snug_spec *s = &d->spec;
    CHECK(n <= SNUG_MAX_TARGETS, SNUG_EUNSUPPORTED,
          "%" PRId64 " values to predict of one sample; at most %d can be", n, SNUG_MAX_TARGETS);
    s->n_targets = (int)n;
    s->target_mean = snug_bump_alloc(d->bump, (size_t)n * sizeof *s->target_mean);
    s->target_std = snug_bump_alloc(d->bump, (size_t)n * sizeof *s->target_std);
    return s->target_mean && s->target_std ? SNUG_OK : snug_error_status();
}

snug_status snug_learn_statistics(snug_dataset *d)
{
    const snug_source *s = d->source;
    if (s->kind == SNUG_DATA_TEXT) return learn_vocabulary(d);
    if (s->table) return learn_table(d);
    TRY(make_channels(d));
    return s->kind == SNUG_DATA_IMAGE && s->dtype == SNUG_U8 ? learn_pixels(d) : learn_numbers(d);
}
