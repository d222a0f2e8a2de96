/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics, as rows, and the tally they are read from.
 *
 * Of classes: precision = TP / (TP + FP), recall = TP / (TP + FN), f1 = 2 TP / (2 TP + FP + FN), 0
 * where the denominator is 0; the averages are over the classes that occur among the true or the
 * predicted ones (macro averages, as scikit-learn has them). Of values: r2 = 1 - sum (y - p)^2 /
 * sum (y - mean y)^2. Sums are in double in the order of the samples, so they have the same bits at
 * any number of threads.
 */
#include "train/metrics.h"
#include <math.h>
#include <string.h>

static double per_sample(const snug_tally *t, int sum)
{
    return t->samples > 0 ? t->sum[sum] / (double)t->samples : NAN;
}

static double loss_value(const snug_tally *t)
{
    return per_sample(t, SUM_LOSS);
}

static double accuracy_value(const snug_tally *t)
{
    int64_t right = 0;
    for (int64_t c = 0; c < t->n_classes; c++) right += t->confusion[c * t->n_classes + c];
    return t->samples > 0 ? (double)right / (double)t->samples : NAN;
}

/* Mean of one field of by_class over the classes that occur. */
static double macro(const snug_tally *t, size_t field)
{
    double sum = 0;
    int64_t n = 0;
    for (int64_t c = 0; c < t->n_classes; c++) {
        bool occurs = t->by_class[c].support > 0;
        for (int64_t k = 0; !occurs && k < t->n_classes; k++)
            occurs = t->confusion[k * t->n_classes + c] > 0;
        if (!occurs) continue;
        sum += *(const double *)((const char *)&t->by_class[c] + field);
        n++;
    }
    return n > 0 ? sum / (double)n : NAN;
}

static double precision_value(const snug_tally *t)
{
    return macro(t, offsetof(snug_class_metrics, precision));
}

static double recall_value(const snug_tally *t)
{
    return macro(t, offsetof(snug_class_metrics, recall));
}

static double f1_value(const snug_tally *t)
{
    return macro(t, offsetof(snug_class_metrics, f1));
}

static double mse_value(const snug_tally *t)
{
    return per_sample(t, SUM_SQUARED);
}

static double mae_value(const snug_tally *t)
{
    return per_sample(t, SUM_ABSOLUTE);
}

static double r2_value(const snug_tally *t)
{
    return t->sum[SUM_SPREAD] > 0 ? 1.0 - t->sum[SUM_SQUARED] / t->sum[SUM_SPREAD] : NAN;
}

static const snug_metric_info metric_loss = {
    .name = "loss",
    .doc = "mean of what training makes small: cross-entropy, or the mse in units of the variance",
    .value = loss_value};
static const snug_metric_info metric_accuracy = {.name = "accuracy",
                                                 .doc = "share of samples classified rightly",
                                                 .target = SNUG_TARGET_CLASS,
                                                 .value = accuracy_value};
static const snug_metric_info metric_precision = {.name = "precision",
                                                  .doc = "TP / (TP + FP), mean over classes",
                                                  .target = SNUG_TARGET_CLASS,
                                                  .value = precision_value};
static const snug_metric_info metric_recall = {.name = "recall",
                                               .doc = "TP / (TP + FN), mean over classes",
                                               .target = SNUG_TARGET_CLASS,
                                               .value = recall_value};
static const snug_metric_info metric_f1 = {.name = "f1",
                                           .doc = "harmonic mean of precision and recall, mean "
                                                  "over classes",
                                           .target = SNUG_TARGET_CLASS,
                                           .value = f1_value};
static const snug_metric_info metric_mse = {
    .name = "mse", .doc = "mean squared error", .target = SNUG_TARGET_VALUE, .value = mse_value};
static const snug_metric_info metric_mae = {
    .name = "mae", .doc = "mean absolute error", .target = SNUG_TARGET_VALUE, .value = mae_value};
static const snug_metric_info metric_r2 = {.name = "r2",
                                           .doc = "share of the variance that is explained",
                                           .target = SNUG_TARGET_VALUE,
                                           .value = r2_value};

const snug_metric_info *snug_metric_get(int i)
{
    static const snug_metric_info *const table[] = {
#define SNUG_METRIC(id) &metric_##id,
#include "train/metrics.def"
#undef SNUG_METRIC
    };
    const int n = (int)(sizeof table / sizeof table[0]);
    return i >= 0 && i < n ? table[i] : NULL;
}

snug_status snug_tally_create(const snug_data_info *info, snug_tally **out)
{
    snug_tally *t = snug_alloc(TAG_TRAIN, sizeof *t);
    if (!t) return SNUG_ENOMEM;
    t->target = info->target;
    if (info->target == SNUG_TARGET_CLASS) {
        const size_t n = (size_t)info->n_classes;
        t->n_classes = info->n_classes;
        t->class_names = info->class_names;
        t->confusion = snug_alloc_array(TAG_TRAIN, n * n, sizeof *t->confusion);
        t->by_class = snug_alloc_array(TAG_TRAIN, n, sizeof *t->by_class);
        if (!t->confusion || !t->by_class) {
            snug_tally_destroy(t);
            return SNUG_ENOMEM;
        }
    }
    snug_tally_reset(t); /* touches every page: the plan measures what is resident */
    *out = t;
    return SNUG_OK;
}

void snug_tally_destroy(snug_tally *t)
{
    if (!t) return;
    snug_free(t->confusion);
    snug_free(t->by_class);
    snug_free(t);
}

void snug_tally_reset(snug_tally *t)
{
    t->samples = 0;
    memset(t->sum, 0, sizeof t->sum);
    const size_t n = (size_t)t->n_classes;
    if (n == 0) return;
    memset(t->confusion, 0, n * n * sizeof *t->confusion);
    memset(t->by_class, 0, n * sizeof *t->by_class);
}

static void add_classes(snug_tally *t, int64_t n, const float *outputs, const int32_t *y)
{
    const int64_t c = t->n_classes;
    for (int64_t i = 0; i < n; i++, outputs += c) {
        int64_t best = 0;
        for (int64_t k = 1; k < c; k++)
            if (outputs[k] > outputs[best]) best = k;
        if (y[i] >= 0 && y[i] < c) t->confusion[y[i] * c + best]++;
    }
}

static void add_values(snug_tally *t, int64_t n, const float *outputs, const float *y)
{
    for (int64_t i = 0; i < n; i++) {
        const double truth = y[i], error = truth - outputs[i];
        const double off = truth - t->sum[SUM_MEAN];
        t->sum[SUM_SQUARED] += error * error;
        t->sum[SUM_ABSOLUTE] += fabs(error);
        t->sum[SUM_MEAN] += off / (double)(t->samples + i + 1);
        t->sum[SUM_SPREAD] += off * (truth - t->sum[SUM_MEAN]);
    }
}

void snug_tally_add(snug_tally *t, double loss, int64_t n, const float *outputs, const void *y)
{
    t->sum[SUM_LOSS] += loss * (double)n;
    if (t->target == SNUG_TARGET_CLASS)
        add_classes(t, n, outputs, y);
    else
        add_values(t, n, outputs, y);
    t->samples += n;
}

bool snug_tally_sound(const snug_tally *t)
{
    int64_t left = t->samples;
    for (int64_t i = 0; i < t->n_classes * t->n_classes; i++) {
        if (t->confusion[i] < 0 || t->confusion[i] > left) return false;
        left -= t->confusion[i];
    }
    return true;
}

static double ratio(int64_t a, int64_t b)
{
    return b > 0 ? (double)a / (double)b : 0.0;
}

static void fill_classes(snug_tally *t)
{
    const int64_t n = t->n_classes;
    for (int64_t c = 0; c < n; c++) {
        int64_t truth = 0, guessed = 0, right = t->confusion[c * n + c];
        for (int64_t k = 0; k < n; k++) {
            truth += t->confusion[c * n + k];
            guessed += t->confusion[k * n + c];
        }
        t->by_class[c] = (snug_class_metrics){.precision = ratio(right, guessed),
                                              .recall = ratio(right, truth),
                                              .f1 = ratio(2 * right, truth + guessed),
                                              .support = truth};
    }
}

void snug_tally_metrics(snug_tally *t, double seconds, snug_metrics *out)
{
    fill_classes(t);
    *out = (snug_metrics){.samples = t->samples,
                          .seconds = seconds,
                          .n_classes = t->n_classes,
                          .class_names = t->class_names,
                          .confusion = t->confusion,
                          .by_class = t->by_class};
    const snug_metric_info *m;
    for (int i = 0; (m = snug_metric_get(i)); i++)
        if (m->target == SNUG_TARGET_NONE || m->target == t->target)
            out->metric[out->n++] = (snug_metric){.name = m->name, .value = m->value(t)};
}

double snug_metrics_get(const snug_metrics *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->metric[i].name, name) == 0) return m->metric[i].value;
    return NAN;
}

int snug_tally_tensors(snug_tally *t, snug_named_tensor out[SNUG_TALLY_TENSORS])
{
    out[0] = (snug_named_tensor){
        .name = "snug.tally.sums",
        .tensor = {.data = t->sum,
                   .type = {.dtype = SNUG_F64, .shape = {.n_dims = 1, .dim = {N_SUMS}}}}};
    if (!t->confusion) return 1;
    out[1] = (snug_named_tensor){
        .name = "snug.tally.confusion",
        .tensor = {.data = t->confusion,
                   .type = {.dtype = SNUG_I64,
                            .shape = {.n_dims = 2, .dim = {t->n_classes, t->n_classes}}}}};
    return 2;
}
