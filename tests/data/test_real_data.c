/* SPDX-License-Identifier: Apache-2.0 */
/* Published data sets, where they lie beside the repository: counts, shapes, classes. */
#include "data/files.h"

#define DATA "../shared/data/"

typedef struct expected {
    const char *path, *ignore;
    int64_t train, test, n_classes;
    int64_t sample[3];        /* {features} of a table, {steps, channels} of series */
    const char *first, *last; /* class */
    int64_t first_count;
} expected;

static const expected sets[] = {
    {DATA "mnist", NULL, 60000, 10000, 10, {28, 28, 1}, "0", "9", 5923},
    {DATA "fashion-mnist", NULL, 60000, 10000, 10, {28, 28, 1}, "0", "9", 6000},
    {DATA "tab-iris", NULL, 150, 0, 3, {4}, "Iris-setosa", "Iris-virginica", 50},
    {DATA "tab-adult", NULL, 32561, 16281, 2, {108}, "<=50K", ">50K", 24720},
    {DATA "tab-wdbc", "0", 569, 0, 2, {30}, "B", "M", 357},
    {DATA "tab-winequality/winequality-red.csv", NULL, 1599, 0, 6, {11}, "3", "8", 10},
    {DATA "tab-winequality/winequality-white.csv", NULL, 4898, 0, 7, {11}, "3", "9", 20},
    {DATA "tab-optdigits", NULL, 3823, 1797, 10, {64}, "0", "9", 376},
    {DATA "ts-japanesevowels", NULL, 270, 370, 9, {29, 12}, "1", "9", 30},
    {DATA "ts-basicmotions", NULL, 40, 40, 4, {100, 6}, "Badminton", "Walking", 10},
    {DATA "ts-italypowerdemand", NULL, 67, 1029, 2, {24, 1}, "1", "2", 34},
    {DATA "ts-ecg5000-train", NULL, 500, 0, 5, {140, 1}, "1", "5", 292},
    {DATA "med-pneumoniamnist", NULL, 3882, 624, 2, {28, 28, 1}, "0", "1", 388},
    {DATA "drift-elec2", NULL, 45312, 0, 2, {6}, "0", "1", 26075},
};

static void every_sample_is_read(snug_dataset *d)
{
    const snug_data_info *info = snug_dataset_info(d);
    size_t elements = (size_t)snug_shape_elements(&info->sample);
    float *x = malloc(64 * elements * sizeof *x);
    int32_t y[64];
    int64_t index[64], *count = calloc((size_t)info->n_classes, sizeof *count);
    for (int64_t i = 0; i < info->n[SNUG_PART_TRAIN]; i += 64) {
        int64_t n = info->n[SNUG_PART_TRAIN] - i < 64 ? info->n[SNUG_PART_TRAIN] - i : 64;
        for (int64_t k = 0; k < n; k++) index[k] = i + k;
        ok(snug_dataset_get_many(d, SNUG_PART_TRAIN, n, index, x, y));
        for (int64_t k = 0; k < n; k++) count[y[k]]++;
    }
    for (int64_t c = 0; c < info->n_classes; c++) assert_int_equal(count[c], info->class_counts[c]);
    free(count);
    free(x);
}

static void published_sets_are_as_described(void **state)
{
    (void)state;
    if (access(DATA "README.md", R_OK) != 0) skip();
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        const expected *e = &sets[i];
        const snug_data_config config = {.path = e->path, .ignore = e->ignore};
        snug_dataset *d = open_config(&config);
        const snug_data_info *info = snug_dataset_info(d);
        assert_int_equal(info->n[SNUG_PART_TRAIN], e->train);
        assert_int_equal(info->n[SNUG_PART_TEST], e->test);
        assert_int_equal(info->n_classes, e->n_classes);
        for (int k = 0; k < info->sample.n_dims; k++)
            assert_int_equal(info->sample.dim[k], e->sample[k]);
        assert_string_equal(info->class_names[0], e->first);
        assert_string_equal(info->class_names[e->n_classes - 1], e->last);
        assert_int_equal(info->class_counts[0], e->first_count);
        every_sample_is_read(d);
        snug_dataset_close(d);
    }
}

static void wdbc_has_an_id(void **state)
{
    (void)state;
    if (access(DATA "README.md", R_OK) != 0) skip();
    snug_dataset *d = open_path(DATA "tab-wdbc");
    assert_true(has_problem(d, "data.ignore: 0"));
    assert_true(has_problem(d, "column 'column 1' is taken as the target, a class"));
    snug_dataset_close(d);
    refuses(DATA "tab-winequality", SNUG_EINVAL, "holds 2 tables");
    refuses(DATA "img-hymenoptera", SNUG_EFORMAT, "it holds train, val");
}

/* As it is cut in nanoGPT: the first nine tenths, a window at every character. */
static void shakespeare_is_characters(void **state)
{
    (void)state;
    if (access(DATA "README.md", R_OK) != 0) skip();
    const snug_data_config config = {.path = DATA "text-tinyshakespeare/input.txt",
                                     .validation = 0.1,
                                     .context = 64,
                                     .stride = 1};
    snug_dataset *d = open_config(&config);
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->n_classes, 65);
    assert_int_equal(info->n[SNUG_PART_TRAIN], 1003854 - 64);
    assert_int_equal(info->n[SNUG_PART_VALIDATION], (111540 - 1 + 63) / 64);
    int32_t x[64], y[64];
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, y));
    static const char start[] = "First Citizen:";
    for (int i = 0; start[i + 1]; i++) {
        assert_int_equal(info->class_names[x[i]][0], start[i]);
        assert_int_equal(info->class_names[y[i]][0], start[i + 1]);
    }
    snug_dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_sets_are_as_described),
        cmocka_unit_test(wdbc_has_an_id),
        cmocka_unit_test(shakespeare_is_characters),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
