/* SPDX-License-Identifier: Apache-2.0 */
/* Series of the UCR and UEA archives: lengths, missing values, labels, pairs of files. */
#include "data/files.h"

#include <math.h>

static const char header[] = "#about\n@problemName p\n@timeStamps false\n@missing true\n"
                             "@univariate false\n@classLabel true a b\n@data\n";

static const char *write_ts(const char *name, const char *lines)
{
    char text[1024];
    snprintf(text, sizeof text, "%s%s", header, lines);
    return write_text(name, text);
}

static void ragged_series_of_several_channels(void **state)
{
    (void)state;
    write_ts("p_TEST.ts", "5,6,7:8,9,10:b\n");
    const char *path = write_ts("p_TRAIN.ts", "1,2:3,4:a\n3,?,2,4:1,2,3,?:b\r\n1:3:a\n");
    snug_dataset *d = open_path(path);
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->kind, SNUG_DATA_SERIES);
    assert_int_equal(info->n[SNUG_PART_TRAIN], 3);
    assert_int_equal(info->n[SNUG_PART_TEST], 1);
    assert_int_equal(info->sample.dim[0], 4);
    assert_int_equal(info->sample.dim[1], 2);
    assert_true(info->ragged);
    assert_true(has_problem(d, "series have 1 to 4 steps"));
    assert_true(has_problem(d, "2 numbers are missing"));
    float x[8];
    int32_t y[3], length[3];
    static const int64_t all[] = {0, 1, 2};
    ok(snug_dataset_get_lengths(d, SNUG_PART_TRAIN, 3, all, length));
    assert_int_equal(length[0], 2);
    assert_int_equal(length[1], 4);
    assert_int_equal(length[2], 1);
    /* channel 0 has 1 2 3 2 4 1, mean 13/6; channel 1 has 3 4 1 2 3 3, mean 16/6 */
    double std0 = sqrt(35.0 / 6 - 169.0 / 36), std1 = sqrt(48.0 / 6 - 256.0 / 36);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 1, x, y));
    assert_float_equal(x[0], (3 - 13.0 / 6) / std0, 1e-5);
    assert_float_equal(x[1], (1 - 16.0 / 6) / std1, 1e-5);
    assert_float_equal(x[2], 0, 0); /* missing */
    assert_float_equal(x[7], 0, 0);
    assert_int_equal(y[0], 1);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, x, y));
    for (int i = 2; i < 8; i++) assert_float_equal(x[i], 0, 0);
    snug_dataset_close(d);
    d = open_path(path_of("p_TEST.ts")); /* either file opens both */
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 3);
    snug_dataset_close(d);
}

static void a_spec_bounds_lengths(void **state)
{
    (void)state;
    snug_dataset *d = open_path(write_ts("q.ts", "1,2:3,4:a\n3,1,2,4:1,2,3,1:b\n"));
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    snug_data_config c = {.path = write_ts("r.ts", "1,2,3:3,4,5:b\n"), .spec = spec};
    d = open_config(&c);
    int32_t length = 0;
    static const int64_t first = 0;
    assert_int_equal(snug_dataset_info(d)->sample.dim[0], 4);
    ok(snug_dataset_get_lengths(d, SNUG_PART_TRAIN, 1, &first, &length));
    assert_int_equal(length, 3);
    snug_dataset_close(d);
    c.path = write_ts("s.ts", "1,2,3,4,5:3,4,5,6,7:b\n");
    refuses_config(&c, SNUG_ESHAPE, "series of [5, 2]; the model was trained on up to [4, 2]");
    c.path = write_ts("t.ts", "1,2,3:b\n");
    refuses_config(&c, SNUG_ESHAPE, "series of [3, 1]");
    free(spec);
}

static void ts_files_with_values(void **state)
{
    (void)state;
    snug_dataset *d = open_path(write_text(
        "v.ts", "@targetLabel true\n@data\n1,2,3:0.5\n2,3,4:1.5\n4,5,6:2.5\n3,4,5:3.5\n"));
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->target, SNUG_TARGET_VALUE);
    assert_false(info->ragged);
    float x[3], y = 0;
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, x, &y));
    assert_float_equal(y, 2.5, 0);
    assert_non_null(strstr(snug_dataset_spec(d), "\"target_mean\":[2.0]"));
    snug_dataset_close(d);
}

static void ts_files_that_are_refused(void **state)
{
    (void)state;
    refuses(write_text("1.ts", "1,2,3:a\n"), SNUG_EFORMAT, "line 1: before @data");
    refuses(write_text("2.ts", "@classLabel true a\n"), SNUG_EFORMAT, "no @data line");
    refuses(write_text("3.ts", "@timestamps true\n@data\n"), SNUG_EUNSUPPORTED, "time stamps");
    refuses(write_ts("4.ts", ""), SNUG_EFORMAT, "no series below @data");
    refuses(write_ts("5.ts", "1,2,3\n"), SNUG_EFORMAT, "line 8: no class behind the last colon");
    refuses(write_ts("6.ts", "1,x,3:1,2,3:a\n"), SNUG_EFORMAT, "'x' is not a number");
    refuses(write_ts("7.ts", "1,2:1,2:a\n1,2:b\n"), SNUG_EFORMAT,
            "line 9: 1 channels, where others have 2");
    refuses(write_ts("8.ts", "?,?:a\n"), SNUG_EFORMAT, "without a single number");
    refuses(write_ts("9.ts", "1,2:a\n1e999,2:b\n"), SNUG_ENUMERIC, "line 9: an infinite number");
    refuses(write_ts("10.ts", "1 2,3:a\n"), SNUG_EFORMAT, "a blank inside");
    refuses(write_text("11.ts", "@targetLabel true\n@data\n1,2:a\n"), SNUG_EFORMAT,
            "to be a value");
}

static void ucr_files(void **state)
{
    (void)state;
    const char *path =
        write_text("u_TRAIN.txt", "  1.0e+00  5.0 6.0\t7.5 \n\n-1 1 2 NaN\n1 3 2 1\n");
    write_text("u_TEST.txt", "1,2,3,4\n-1,5,6,7\n");
    snug_dataset *d = open_path(path);
    const snug_data_info *info = snug_dataset_info(d);
    assert_string_equal(info->format, "ucr");
    assert_int_equal(info->n[SNUG_PART_TRAIN], 3);
    assert_int_equal(info->n[SNUG_PART_TEST], 2);
    assert_string_equal(info->class_names[0], "-1");
    assert_string_equal(info->class_names[1], "1");
    assert_int_equal(info->sample.dim[0], 3);
    assert_true(info->ragged); /* a missing end is no end */
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    snug_data_config c = {.path = write_text("w_TEST.tsv", "1\t2\t3\t4\n"), .spec = spec};
    d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 1);
    snug_dataset_close(d);
    free(spec);
    refuses(write_text("x_TRAIN.csv", "1,2,3\n1,2,x\n"), SNUG_EFORMAT,
            "line 2: 'x' is not a number");
}

static void ucr_rows_without_classes(void **state)
{
    (void)state;
    snug_dataset *d = open_path(write_text("y_TRAIN.tsv", "1\t5\t6\t7\n2\t1\t2\t3\n1\t3\t2\t1\n"));
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    const snug_data_config c = {
        .path = write_text("z_TEST.tsv", "5\t6\t7\n"), .spec = spec, .no_target = true};
    d = open_config(&c);
    float x[3], again[3];
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, NULL));
    snug_dataset_close(d);
    d = open_path(path_of("y_TRAIN.tsv"));
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, again, NULL));
    assert_memory_equal(x, again, sizeof x);
    snug_dataset_close(d);
    free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ragged_series_of_several_channels),
        cmocka_unit_test(a_spec_bounds_lengths),
        cmocka_unit_test(ts_files_with_values),
        cmocka_unit_test(ts_files_that_are_refused),
        cmocka_unit_test(ucr_files),
        cmocka_unit_test(ucr_rows_without_classes),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
