/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of metrics and of tallies, and what tallies of all kinds share. */
#include "train/metrics.h"
#include <math.h>
#include <stddef.h>
#include <string.h>

#define SNUG_METRIC(id) extern const snug_metric_info snug_metric_##id;
#include "train/metrics.def"
#undef SNUG_METRIC
#define SNUG_TALLY(id) extern const snug_tally_kind snug_tally_##id;
#include "train/tallies.def"
#undef SNUG_TALLY

/* ---- tables -----------------------------------------------------------------------------------
 */

const snug_metric_info *snug_metric_get(int i)
{
    static const snug_metric_info *const table[] = {
#define SNUG_METRIC(id) &snug_metric_##id,
#include "train/metrics.def"
#undef SNUG_METRIC
    };
    const int n = (int)(sizeof table / sizeof(snug_metric_info *));
    return i >= 0 && i < n ? table[i] : NULL;
}

static const snug_tally_kind *find_kind(snug_target_kind target)
{
    static const snug_tally_kind *const table[] = {
#define SNUG_TALLY(id) &snug_tally_##id,
#include "train/tallies.def"
#undef SNUG_TALLY
    };
    for (size_t i = 0; i < sizeof table / sizeof(snug_tally_kind *); i++)
        if (table[i]->target == target) return table[i];
    return NULL;
}

static double loss_value(const snug_tally *t)
{
    const double *sum = snug_tally_sums(t, TALLY_LOSS);
    return sum[1] > 0 ? sum[0] / sum[1] : (double)NAN;
}

const snug_metric_info snug_metric_loss = {
    .name = "loss",
    .doc = "mean of what training makes small: cross-entropy, or the mse in units of the variance",
    .value = loss_value};

/* ---- life -------------------------------------------------------------------------------------
 */

snug_status snug_tally_scores(const snug_data_info *info, int64_t n, snug_scores **out)
{
    const snug_tally_kind *kind = find_kind(info->target);
    *out = NULL;
    if (!kind || !kind->columns || n <= 0) return SNUG_OK;
    return snug_scores_create(kind->columns(info), n, out);
}

snug_status snug_tally_add_block(snug_tally *t, const char *name, snug_dtype dtype, int64_t rows,
                                 int64_t columns)
{
    const snug_type type = {.dtype = dtype, .shape = {.n_dims = 2, .dim = {rows, columns}}};
    void *data = snug_alloc_array(TAG_TRAIN, (size_t)rows, (size_t)columns * sizeof(double));
    if (!data) return SNUG_ENOMEM;
    t->block[t->n_blocks++] = (snug_tally_block){name, {.data = data, .type = type}};
    return SNUG_OK;
}

snug_status snug_tally_add_classes(snug_tally *t, const snug_data_info *info)
{
    t->class_names = info->class_names;
    t->by_class = snug_alloc_array(TAG_TRAIN, (size_t)t->n_classes, sizeof *t->by_class);
    return t->by_class ? SNUG_OK : SNUG_ENOMEM;
}

static snug_status create(snug_tally *t, const snug_data_info *info)
{
    t->kind = find_kind(info->target);
    CHECK(t->kind, SNUG_EUNSUPPORTED, "there are no metrics for targets of this kind");
    TRY(snug_tally_add_block(t, "snug.tally.loss", SNUG_F64, 1, 2));
    return t->kind->create(t, info);
}

snug_status snug_tally_create(const snug_data_info *info, snug_scores *scores, snug_tally **out)
{
    snug_tally *t = snug_alloc(TAG_TRAIN, sizeof *t);
    if (!t) return SNUG_ENOMEM;
    t->scores = scores;
    t->threshold = (double)NAN;
    t->places = 1;
    t->sample_elements = snug_shape_elements(&info->sample);
    t->output_elements = snug_shape_elements(&info->outputs);
    const snug_status s = create(t, info);
    if (s != SNUG_OK) {
        snug_tally_destroy(t);
        return s;
    }
    snug_tally_reset(t); /* touches every page: the plan measures what is resident */
    *out = t;
    return SNUG_OK;
}

void snug_tally_destroy(snug_tally *t)
{
    if (!t) return;
    for (int i = 0; i < t->n_blocks; i++) snug_free(t->block[i].tensor.data);
    snug_free(t->by_class);
    snug_free(t);
}

void snug_tally_reset(snug_tally *t)
{
    t->samples = 0;
    for (int i = 0; i < t->n_blocks; i++)
        memset(t->block[i].tensor.data, 0, snug_type_bytes(&t->block[i].tensor.type));
    if (t->by_class) memset(t->by_class, 0, (size_t)t->n_classes * sizeof *t->by_class);
    if (t->scores) snug_scores_reset(t->scores);
}

void snug_tally_add(snug_tally *t, const snug_tally_batch *b)
{
    double *sum = snug_tally_sums(t, TALLY_LOSS);
    const double weight = t->kind->add(t, b);
    if (weight > 0) sum[0] += b->loss * (double)(b->n * t->places);
    sum[1] += weight;
    t->samples += b->n;
}

bool snug_tally_sound(const snug_tally *t)
{
    return !t->kind->sound || t->kind->sound(t);
}

int snug_tally_tensors(snug_tally *t, snug_named_tensor out[SNUG_TALLY_TENSORS])
{
    for (int i = 0; i < t->n_blocks; i++)
        out[i] = (snug_named_tensor){t->block[i].name, t->block[i].tensor};
    return t->n_blocks;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

double snug_tally_ratio(int64_t a, int64_t b)
{
    return b > 0 ? (double)a / (double)b : 0.0;
}

double snug_tally_macro(const snug_tally *t, size_t field)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t c = 0; c < t->n_classes; c++) {
        const double v = *(const double *)((const char *)&t->by_class[c] + field);
        if (!isfinite(v)) continue;
        sum += v;
        n++;
    }
    return n > 0 ? sum / (double)n : (double)NAN;
}

void snug_tally_fill_areas(snug_tally *t)
{
    for (int64_t c = 0; c < t->n_classes; c++) {
        snug_areas a = {(double)NAN, (double)NAN};
        if (t->scores) a = snug_scores_areas(t->scores, c, t->samples);
        t->by_class[c].auc = a.roc;
        t->by_class[c].auc_pr = a.precision;
    }
}

static bool applies(const snug_metric_info *m, const snug_tally *t)
{
    if (m->target != SNUG_TARGET_NONE && m->target != t->kind->target) return false;
    if (m->scored && !t->scores) return false;
    return !m->applies || m->applies(t);
}

void snug_tally_metrics(snug_tally *t, double seconds, snug_metrics *out)
{
    if (t->kind->finish) t->kind->finish(t);
    *out = (snug_metrics){.samples = t->samples,
                          .seconds = seconds,
                          .n_classes = t->by_class ? t->n_classes : 0,
                          .class_names = t->class_names,
                          .confusion = t->confusion,
                          .by_class = t->by_class};
    const snug_metric_info *m;
    for (int i = 0; (m = snug_metric_get(i)); i++)
        if (applies(m, t))
            out->metric[out->n++] =
                (snug_metric){.name = m->name, .value = m->value(t), .share = m->share};
}

double snug_metrics_get(const snug_metrics *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->metric[i].name, name) == 0) return m->metric[i].value;
    return (double)NAN;
}
