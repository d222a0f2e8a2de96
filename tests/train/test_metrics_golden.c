/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics against scikit-learn: tests/golden/metrics.safetensors, made by make_metrics.py beside
 * it. And scores: exact and as histograms, anomalies, thresholds. */
#include "formats/safetensors.h"
#include "support/check.h"
#include "train/metrics.h"
#include <math.h>

static snug_safetensors *golden;

static snug_tensor read_tensor(const char *name)
{
    for (int i = 0; i < snug_safetensors_count(golden); i++) {
        if (strcmp(snug_safetensors_name(golden, i), name) != 0) continue;
        snug_tensor t = {.type = snug_safetensors_type(golden, i)};
        t.data = snug_alloc(TAG_TRAIN, snug_type_bytes(&t.type));
        assert_non_null(t.data);
        ok(snug_safetensors_read(golden, name, &t));
        return t;
    }
    fail_msg("there is no tensor %s", name);
    return (snug_tensor){0};
}

static void near(const char *name, double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
        fail_msg("%s is %.17g, not %.17g", name, got, want);
}

/* What a file's tensor CASE/want.METRIC or CASE/classes.METRIC says against the metrics. */
static void compare(const char *tensor, const char *prefix, const snug_metrics *m)
{
    const size_t n = strlen(prefix);
    if (strncmp(tensor, prefix, n) != 0) return;
    const char *what = tensor + n;
    const snug_tensor want = read_tensor(tensor);
    if (strncmp(what, "want.", 5) == 0)
        near(tensor, snug_metrics_get(m, what + 5), snug_load(&want, 0));
    for (int64_t c = 0; strncmp(what, "classes.", 8) == 0 && c < m->n_classes; c++) {
        const snug_class_metrics *k = &m->by_class[c];
        near(tensor, strcmp(what, "classes.auc") == 0 ? k->auc : k->auc_pr, snug_load(&want, c));
    }
    snug_free(want.data);
}

static const struct {
    const char *prefix;
    snug_target_kind target;
} kinds[] = {
    {"class:", SNUG_TARGET_CLASS}, {"labels:", SNUG_TARGET_LABELS}, {"value:", SNUG_TARGET_VALUE}};

static snug_data_info info_of(const char *name, const snug_tensor *p)
{
    snug_data_info info = {.outputs = {.n_dims = 1, .dim = {p->type.shape.dim[1]}},
                           .n_classes = p->type.shape.dim[1]};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            info.target = kinds[i].target;
    return info;
}

static const char *sample_at(const snug_tensor *t, int64_t at)
{
    size_t each = snug_type_bytes(&t->type) / (size_t)t->type.shape.dim[0];
    return (const char *)t->data + (size_t)at * each;
}

/* In batches of seven samples. */
static void fill(snug_tally *t, const snug_tensor *p, const snug_tensor *y)
{
    const int64_t n = p->type.shape.dim[0];
    for (int64_t at = 0; at < n; at += 7) {
        const snug_tally_batch b = {
            .n = n - at < 7 ? n - at : 7, .outputs = sample_at(p, at), .y = sample_at(y, at)};
        snug_tally_add(t, &b);
    }
}

static void check_case(const char *name)
{
    char prefix[96], part[112];
    snprintf(prefix, sizeof prefix, "%.*s/", (int)strcspn(name, "/"), name);
    snprintf(part, sizeof part, "%sp", prefix);
    const snug_tensor p = read_tensor(part);
    snprintf(part, sizeof part, "%sy", prefix);
    const snug_tensor y = read_tensor(part);
    const snug_data_info info = info_of(name, &p);
    snug_tally *t;
    snug_scores *scores;
    snug_metrics m;
    ok(snug_tally_scores(&info, p.type.shape.dim[0], &scores));
    ok(snug_tally_create(&info, scores, &t));
    for (int again = 0; again < 2; again++) {
        snug_tally_reset(t);
        fill(t, &p, &y);
        snug_tally_metrics(t, 0, &m);
        for (int i = 0; i < snug_safetensors_count(golden); i++)
            compare(snug_safetensors_name(golden, i), prefix, &m);
    }
    snug_tally_destroy(t);
    snug_scores_destroy(scores);
    snug_free(p.data);
    snug_free(y.data);
}

static void as_scikit_learn_has_them(void **state)
{
    (void)state;
    int cases = 0;
    ok(snug_safetensors_open("tests/golden/metrics.safetensors", &golden));
    for (int i = 0; i < snug_safetensors_count(golden); i++) {
        const char *name = snug_safetensors_name(golden, i), *slash = strchr(name, '/');
        if (!slash || strcmp(slash, "/y") != 0) continue;
        check_case(name);
        cases++;
    }
    snug_safetensors_close(golden);
    assert_true(cases >= 7);
}

/* ---- scores ---- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static snug_areas areas_of(int64_t columns, int64_t n)
{
    snug_scores *s;
    uint32_t seed = 5;
    ok(snug_scores_create(columns, n, &s));
    const int64_t fill = n < 20000 ? n : 20000;
    for (int64_t i = 0; i < fill; i++) {
        const bool positive = next_random(&seed) % 4 == 0;
        const double u = (double)next_random(&seed) / (1 << 24);
        snug_scores_put(s, 0, i, (float)(positive ? sqrt(u) : u), positive);
    }
    const snug_areas a = snug_scores_areas(s, 0, fill);
    snug_scores_destroy(s);
    return a;
}

/* The same scores, kept whole and in bins. */
static void histograms_come_near(void **state)
{
    (void)state;
    const snug_areas exact = areas_of(1, 20000), fine = areas_of(1, 1 << 20);
    const snug_areas coarse = areas_of(2000, 20000);
    assert_true(fabs(exact.roc - 2.0 / 3) < 0.02);
    assert_true(fabs(exact.roc - fine.roc) < 1e-4 && fabs(exact.precision - fine.precision) < 1e-3);
    assert_true(fabs(exact.roc - coarse.roc) < 0.05);
}

/* Samples in another order make the same bits. */
static void order_does_not_matter(void **state)
{
    (void)state;
    enum { N = 1000 };
    snug_areas a[2];
    for (int turn = 0; turn < 2; turn++) {
        snug_scores *s;
        ok(snug_scores_create(1, N, &s));
        for (int64_t i = 0; i < N; i++) {
            const int64_t k = turn ? N - 1 - i : i;
            snug_scores_put(s, 0, i, (float)(k * k % 101) / 101.0f, k % 3 == 0);
        }
        a[turn] = snug_scores_areas(s, 0, N);
        snug_scores_destroy(s);
    }
    assert_true(a[0].roc == a[1].roc && a[0].precision == a[1].precision);
}

static void odd_scores(void **state)
{
    (void)state;
    snug_scores *s;
    ok(snug_scores_create(1, 4, &s));
    snug_scores_put(s, 0, 0, NAN, true); /* the highest */
    snug_scores_put(s, 0, 1, -1.0f, false);
    snug_scores_put(s, 0, 2, 0.0f, false);
    snug_scores_put(s, 0, 3, 1e30f, false);
    assert_true(snug_scores_areas(s, 0, 4).roc == 1.0);
    assert_true(isnan(snug_scores_areas(s, 0, 1).roc)); /* no negative */
    snug_scores_destroy(s);
    snug_scores_destroy(NULL);
}

/* ---- anomalies ---- */

/* Ten samples of two numbers, reconstructed as zeros; the last three are anomalies. */
static void anomalies(void **state)
{
    (void)state;
    const snug_data_info info = {.target = SNUG_TARGET_SELF,
                                 .sample = {.n_dims = 1, .dim = {2}},
                                 .outputs = {.n_dims = 1, .dim = {2}}};
    float x[20], made[20] = {0};
    int32_t y[10];
    for (int i = 0; i < 10; i++) {
        x[2 * i] = x[2 * i + 1] = (float)i;
        y[i] = i >= 7;
    }
    snug_tally *t;
    snug_scores *scores;
    snug_metrics m;
    ok(snug_tally_scores(&info, 10, &scores));
    ok(snug_tally_create(&info, scores, &t));
    const snug_tally_batch b = {.n = 10, .x = x, .y = y, .outputs = made};
    snug_tally_add(t, &b);
    near("quantile", snug_scores_quantile(scores, 0, 10, 1.0), 36);
    near("quantile", snug_scores_quantile(scores, 0, 10, 0.5), 9);
    near("quantile", snug_scores_quantile(scores, 0, 10, 0), 0);
    snug_tally_metrics(t, 0, &m);
    near("mse", snug_metrics_get(&m, "mse"), 28.5);
    near("auc", snug_metrics_get(&m, "auc"), 1);
    assert_true(isnan(snug_metrics_get(&m, "f1"))); /* no threshold yet */
    t->threshold = 25;
    snug_tally_metrics(t, 0, &m);
    near("accuracy", snug_metrics_get(&m, "accuracy"), 0.9);
    near("precision", snug_metrics_get(&m, "precision"), 0.75);
    near("recall", snug_metrics_get(&m, "recall"), 1);
    near("threshold", snug_metrics_get(&m, "threshold"), 25);
    snug_tally_destroy(t);
    snug_scores_destroy(scores);
}

/* ---- tokens ---- */

static void tokens(void **state)
{
    (void)state;
    const snug_data_info info = {.target = SNUG_TARGET_TOKENS,
                                 .sample = {.n_dims = 1, .dim = {4}},
                                 .outputs = {.n_dims = 2, .dim = {4, 9}}};
    const int32_t y[] = {1, 2, 3, 4, 5, 6, -1, -1}, guess[] = {1, 2, 0, 4, 5, 0, -1, 3};
    snug_tally *t;
    snug_metrics m;
    ok(snug_tally_create(&info, NULL, &t));
    snug_tally_batch b = {.n = 2, .loss = 1.5, .y = y, .outputs = guess};
    snug_tally_add(t, &b);
    b = (snug_tally_batch){.n = 1, .loss = 0.5, .y = y + 4}; /* a batch without guesses */
    snug_tally_add(t, &b);
    snug_tally_metrics(t, 0, &m);
    const double loss = (8 * 1.5 + 4 * 0.5) / 8;
    near("loss", snug_metrics_get(&m, "loss"), loss);
    near("perplexity", snug_metrics_get(&m, "perplexity"), exp(loss));
    near("bits_per_char", snug_metrics_get(&m, "bits_per_char"), loss / log(2));
    near("accuracy", snug_metrics_get(&m, "accuracy"), 4.0 / 6);
    assert_true(snug_tally_sound(t));
    snug_tally_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_scikit_learn_has_them),
        cmocka_unit_test(histograms_come_near),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(odd_scores),
        cmocka_unit_test(anomalies),
        cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
