/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be learned: several values, labels, forecasts, the sample itself and anomalies. */
#include "data/files.h"

#include <math.h>

static const char table[] = "a,b,c,d\n1,0,10,1\n2,1,20,0\n3,1,30,1\n4,0,40,1\n";

static void several_values_of_a_table(void **state)
{
    (void)state;
    snug_data_config c = {.path = write_text("v.csv", table), .target = "c, a"};
    snug_dataset *d = open_config(&c);
    const snug_data_info *info = snug_dataset_info(d);
    float x[2], y[2];
    assert_int_equal(info->target, SNUG_TARGET_VALUE);
    assert_int_equal(info->outputs.dim[0], 2);
    assert_string_equal(info->value_names[0], "a"); /* in the order of columns */
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, x, y));
    assert_float_equal(y[0], 3, 0);
    assert_float_equal(y[1], 30, 0);
    char *spec = strdup(snug_dataset_spec(d));
    assert_non_null(strstr(spec, "\"target_mean\":[2.5,25.0]"));
    snug_dataset_close(d);
    c = (snug_data_config){.path = write_text("v2.csv", "d,c,b,a\n1,50,0,7\n"), .spec = spec};
    d = open_config(&c);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, y));
    assert_float_equal(y[0], 7, 0);
    assert_float_equal(y[1], 50, 0);
    snug_dataset_close(d);
    c = (snug_data_config){
        .path = write_text("v3.csv", "d,b\n1,0\n"), .spec = spec, .no_target = true};
    d = open_config(&c);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, NULL));
    snug_dataset_close(d);
    free(spec);
    c = (snug_data_config){.path = path_of("v.csv"), .target = "a,a"};
    refuses_config(&c, SNUG_EINVAL, "'a' is named twice");
    c.target = "a,e";
    refuses_config(&c, SNUG_EINVAL, "no column 'e' to be the target");
    c.target = "a,c";
    c.task = "class";
    refuses_config(&c, SNUG_EINVAL, "one column tells the class, not 2");
    c.task = NULL;
    c.path = write_text("v4.csv", "a,b,c\n1,2,x\n3,4,y\n");
    refuses_config(&c, SNUG_EINVAL, "line 2: the target 'c' is to be a value, but here it is 'x'");
}

static void labels_of_a_table(void **state)
{
    (void)state;
    snug_data_config c = {.path = write_text("l.csv", table), .target = "b,d", .task = "labels"};
    snug_dataset *d = open_config(&c);
    const snug_data_info *info = snug_dataset_info(d);
    float y[2];
    assert_int_equal(info->target, SNUG_TARGET_LABELS);
    assert_int_equal(info->n_classes, 2);
    assert_string_equal(info->class_names[1], "d");
    assert_int_equal(info->class_counts[0], 2);
    assert_int_equal(info->class_counts[1], 3);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 1, (float[2]){0}, y));
    assert_float_equal(y[0], 1, 0);
    assert_float_equal(y[1], 0, 0);
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    const snug_data_config again = {.path = c.path, .spec = spec};
    d = open_config(&again);
    assert_string_equal(snug_dataset_spec(d), spec);
    snug_dataset_close(d);
    free(spec);
    c.task = NULL; /* several columns that hold nothing but 0 and 1 */
    d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->target, SNUG_TARGET_LABELS);
    snug_dataset_close(d);
    c.target = "b,a";
    d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->target, SNUG_TARGET_VALUE);
    snug_dataset_close(d);
    c.task = "labels";
    refuses_config(&c, SNUG_EFORMAT, "training sample 1: label 'a' is 2; labels are 0 or 1");
}

/* 40 rows: t, 2t, and a date. */
static const char *write_rows(void)
{
    char rows[2048], *p = rows;
    p += sprintf(p, "date,a,b\n");
    for (int i = 0; i < 40; i++) p += sprintf(p, "2020-01-%d,%d,%d\n", i, i, 2 * i);
    return write_text("rows.csv", rows);
}

static void forecasts_of_a_table(void **state)
{
    (void)state;
    snug_data_config c = {.path = write_rows(),
                          .task = "forecast",
                          .target = "b",
                          .context = 5,
                          .horizon = 3,
                          .validation = 0.25};
    snug_dataset *d = open_config(&c);
    const snug_data_info *info = snug_dataset_info(d);
    float x[10], y[3];
    assert_int_equal(info->kind, SNUG_DATA_SERIES);
    assert_int_equal(info->sample.dim[0], 5);
    assert_int_equal(info->sample.dim[1], 2);
    assert_int_equal(info->outputs.dim[0], 3);
    assert_string_equal(info->value_names[2], "b+3");
    assert_true(has_problem(d, "column 'date' holds text, such as '2020-01-0',"));
    assert_int_equal(info->n[SNUG_PART_TRAIN], 30 - 8 + 1);
    assert_int_equal(info->n[SNUG_PART_VALIDATION], 3); /* rows 30 to 38, three by three */
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 4, x, y));
    assert_float_equal(y[0], 18, 0); /* rows 4 to 8 are seen, 9 to 11 come */
    assert_float_equal(y[2], 22, 0);
    double std = sqrt((30.0 * 30 - 1) / 12); /* of 0 .. 29 */
    assert_float_equal(x[0], (4 - 14.5) / std, 1e-5);
    assert_float_equal(x[1], x[0], 1e-5);
    ok(snug_dataset_get(d, SNUG_PART_VALIDATION, 0, x, y));
    assert_float_equal(y[0], 60, 0);
    ok(snug_dataset_get(d, SNUG_PART_VALIDATION, 2, x, y));
    assert_float_equal(y[2], 76, 0);
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    const snug_data_config future = {.path = c.path, .spec = spec, .no_target = true};
    d = open_config(&future);
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 36); /* the last sees row 39 */
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 35, x, NULL));
    assert_float_equal(x[8], (39 - 14.5) / std, 1e-5);
    snug_dataset_close(d);
    free(spec);
    c.target = "date";
    refuses_config(&c, SNUG_EINVAL, "the target 'date' is to be forecast");
    c.target = NULL;
    d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->outputs.dim[0], 6);
    snug_dataset_close(d);
    c.context = 40;
    refuses_config(&c, SNUG_EINVAL, "30 rows to train on are fewer than one window needs, 43");
    c.context = 5;
    c.path = write_text("holes.csv", "a,b\n1,2\n,3\n2,4\n3,5\n4,6\n5,7\n6,8\n7,9\n8,1\n9,1\n");
    c.horizon = 1;
    refuses_config(&c, SNUG_EFORMAT, "line 3: no value in the target column 'a'");
    c.path = "glyphs:n=10";
    refuses_config(&c, SNUG_EUNSUPPORTED, "made from a table");
}

static void samples_of_themselves(void **state)
{
    (void)state;
    snug_data_config c = {
        .path = "glyphs:n=50", .task = "reconstruct", .anomalies = "glyphs:n=40,noise=0.9,seed=9"};
    snug_dataset *d = open_config(&c);
    const snug_data_info *info = snug_dataset_info(d);
    static float x[28 * 28], other[28 * 28];
    int32_t y;
    assert_int_equal(info->target, SNUG_TARGET_SELF);
    assert_true(snug_shape_equal(&info->outputs, &info->sample));
    assert_int_equal(info->truth.dtype, SNUG_I32);
    assert_int_equal(info->n[SNUG_PART_TEST], 10 + 8); /* the test parts of both */
    ok(snug_dataset_get(d, SNUG_PART_TEST, 9, x, &y));
    assert_int_equal(y, 0);
    ok(snug_dataset_get(d, SNUG_PART_TEST, 12, x, &y));
    assert_int_equal(y, 1);
    static const int64_t mixed[] = {9, 12, 0};
    int32_t truths[3];
    static float many[3 * 28 * 28];
    ok(snug_dataset_get_many(d, SNUG_PART_TEST, 3, mixed, many, truths));
    assert_int_equal(truths[0] + 2 * truths[1] + 4 * truths[2], 2);
    assert_memory_equal(many + 28 * 28, x, sizeof x);
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    const snug_data_config alone = {.path = c.anomalies, .spec = spec};
    d = open_config(&alone); /* seen through the same spec */
    ok(snug_dataset_get(d, SNUG_PART_TEST, 2, other, &y));
    assert_memory_equal(x, other, sizeof x);
    snug_dataset_close(d);
    free(spec);
    c.anomalies = write_text("other.csv", table);
    refuses_config(&c, SNUG_ESHAPE, "the model was trained on images");
    c.task = NULL;
    refuses_config(&c, SNUG_EINVAL, "go with data.task: reconstruct");
}

static void one_class_is_normal(void **state)
{
    (void)state;
    snug_data_config c = {
        .path = "glyphs:n=600", .task = "reconstruct", .normal = "7", .validation = 0.2};
    snug_dataset *d = open_config(&c);
    snug_data_config classes = {.path = c.path};
    snug_dataset *all = open_config(&classes);
    const snug_data_info *info = snug_dataset_info(d), *of_all = snug_dataset_info(all);
    static float x[28 * 28], same[28 * 28];
    int32_t y, class;
    int seven = 0;
    while (strcmp(of_all->class_names[seven], "7") != 0) seven++;
    assert_int_equal(info->n[SNUG_PART_TRAIN] + info->n[SNUG_PART_VALIDATION],
                     of_all->class_counts[seven]);
    for (int64_t i = 0; i < info->n[SNUG_PART_TRAIN]; i++) {
        ok(snug_dataset_get(d, SNUG_PART_TRAIN, i, x, &y));
        assert_int_equal(y, 0);
    }
    for (int64_t i = 0; i < info->n[SNUG_PART_TEST]; i++) {
        ok(snug_dataset_get(d, SNUG_PART_TEST, i, x, &y));
        ok(snug_dataset_get(all, SNUG_PART_TEST, i, same, &class));
        assert_int_equal(y, class != seven);
    }
    snug_dataset_close(all);
    snug_dataset_close(d);
    c.normal = "Q";
    refuses_config(&c, SNUG_EINVAL, "no class is called 'Q' (data.normal)");
    const snug_data_config rows = {.path = write_text("n.csv", "v,kind\n1,a\n2,a\n3,b\n2,a\n"),
                                   .task = "reconstruct",
                                   .normal = "a",
                                   .folds = 2};
    d = open_config(&rows); /* the class is no feature */
    assert_int_equal(snug_dataset_info(d)->sample.dim[0], 1);
    snug_dataset_close(d);
    const snug_data_config plain = {.path = path_of("n.csv"), .task = "reconstruct"};
    d = open_config(&plain); /* everything is */
    assert_int_equal(snug_dataset_info(d)->sample.dim[0], 3);
    snug_dataset_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_values_of_a_table), cmocka_unit_test(labels_of_a_table),
        cmocka_unit_test(forecasts_of_a_table),      cmocka_unit_test(samples_of_themselves),
        cmocka_unit_test(one_class_is_normal),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
