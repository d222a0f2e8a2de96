/* SPDX-License-Identifier: Apache-2.0 */
/* NumPy arrays: kinds by axes, types of elements, truths, archives, and what is refused. */
#include "data/npy_files.h"
#include "data/numpy_names.h"

#include <math.h>

static const float floats[24] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

static void names_tell_what_arrays_are(void **state)
{
    (void)state;
    static const struct {
        const char *name, *set;
        snug_array_role role;
        snug_raw_part part;
    } cases[] = {
        {"x_train.npy", "", ROLE_SAMPLES, RAW_MAIN},
        {"Xtrain", "", ROLE_SAMPLES, RAW_MAIN},
        {"testX", "", ROLE_SAMPLES, RAW_TEST},
        {"train_images.npy", "", ROLE_SAMPLES, RAW_MAIN},
        {"val_labels.npy", "", ROLE_TRUTH, RAW_VALIDATION},
        {"y", "", ROLE_TRUTH, RAW_MAIN},
        {"digits-y-test.npy", "digits", ROLE_TRUTH, RAW_TEST},
        {"arr_0.npy", "", ROLE_SAMPLES, RAW_MAIN},
        {"arr_1.npy", "", ROLE_TRUTH, RAW_MAIN},
        {"weights.npy", "weights", ROLE_NONE, RAW_MAIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_array_name n = snug_array_name_read(cases[i].name);
        assert_int_equal(n.role, cases[i].role);
        assert_int_equal(n.part, cases[i].part);
        assert_string_equal(n.set, cases[i].set);
    }
}

static void axes_tell_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *descr, *shape, *ask;
        snug_data_kind kind;
        int64_t sample[3];
    } cases[] = {
        {"<f4", "(2, 3, 2, 2)", NULL, SNUG_DATA_IMAGE, {3, 2, 2}},
        {"|u1", "(2, 3, 4)", NULL, SNUG_DATA_IMAGE, {3, 4, 1}},
        {"<f4", "(2, 6, 2)", NULL, SNUG_DATA_SERIES, {6, 2}},
        {"<f4", "(2, 3, 4)", "image", SNUG_DATA_IMAGE, {3, 4, 1}},
        {"<f4", "(2, 12)", NULL, SNUG_DATA_TABLE, {12}},
        {"<f4", "(2, 12)", "series", SNUG_DATA_SERIES, {12, 1}},
    };
    write_npy("k_y.npy", "<i8", "(2,)", (const int64_t[]){3, 7}, 16);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const snug_data_config c = {
            .path = write_npy("k_x.npy", cases[i].descr, cases[i].shape, floats, sizeof floats),
            .kind = cases[i].ask};
        snug_dataset *d = open_config(&c);
        const snug_data_info *info = snug_dataset_info(d);
        assert_int_equal(info->kind, cases[i].kind);
        for (int k = 0; k < info->sample.n_dims; k++)
            assert_int_equal(info->sample.dim[k], cases[i].sample[k]);
        assert_string_equal(info->class_names[1], "7");
        snug_dataset_close(d);
    }
}

/* Bytes go through a table, floats one by one: to the same samples. */
static void float_images_are_byte_images(void **state)
{
    (void)state;
    enum { N = 4, SIDE = 5, EACH = SIDE * SIDE * 2 };
    static float number[N * EACH];
    static unsigned char byte[N * EACH];
    float a[EACH], b[EACH];
    for (int i = 0; i < N * EACH; i++) number[i] = byte[i] = (unsigned char)(i * i % 251);
    write_npy("i_y.npy", "<i4", "(4,)", (const int[]){1, 2, 1, 2}, 16);
    snug_dataset *d = open_path(write_npy("i_x.npy", "|u1", "(4, 5, 5, 2)", byte, sizeof byte));
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, a, NULL));
    snug_dataset_close(d);
    d = open_path(write_npy("i_x.npy", "<f4", "(4, 5, 5, 2)", number, sizeof number));
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, b, NULL));
    for (int i = 0; i < EACH; i++) assert_float_equal(a[i], b[i], 1e-5);
    snug_dataset_close(d);
}

/* The same numbers in every type give the same samples. */
static void types_are_read(void **state)
{
    (void)state;
    static const char *const types[] = {"|u1", "|i1", "<i2", ">i2", "<u2", "<i4", ">i4",
                                        "<u8", "<f2", "<f4", ">f4", "<f8", ">f8"};
    float x[2], first[2];
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int bytes = types[i][2] - '0';
        unsigned char data[64] = {0};
        for (int k = 0; k < 6; k++) {
            snug_dtype type = types[i][1] != 'f' ? SNUG_I64
                              : bytes == 2       ? SNUG_F16
                              : bytes == 4       ? SNUG_F32
                                                 : SNUG_F64;
            unsigned char number[8];
            snug_dtype_get(type)->store(number, 0, k * k + 1);
            for (int b = 0; b < bytes; b++)
                data[k * bytes + b] = number[types[i][0] == '>' ? bytes - 1 - b : b];
        }
        write_npy("t_y.npy", "<f4", "(3,)", floats, 12);
        const snug_data_config c = {
            .path = write_npy("t_x.npy", types[i], "(3, 2, 1)", data, (size_t)bytes * 6),
            .kind = "series"};
        snug_dataset *d = open_config(&c);
        ok(snug_dataset_get(d, SNUG_PART_TRAIN, 1, x, NULL));
        if (i == 0) memcpy(first, x, sizeof x);
        assert_memory_equal(x, first, sizeof x);
        snug_dataset_close(d);
    }
}

static void truths_of_every_kind(void **state)
{
    (void)state;
    snug_data_config c = {.path = write_npy("v_x.npy", "<f4", "(4, 3)", floats, 48)};
    write_npy("v_y.npy", "<f8", "(4, 2)", (const double[]){1, 10, 2, 20, 3, 30, 4, 40}, 64);
    snug_dataset *d = open_config(&c);
    const snug_data_info *info = snug_dataset_info(d);
    float y[3];
    assert_int_equal(info->target, SNUG_TARGET_VALUE);
    assert_int_equal(info->outputs.dim[0], 2);
    assert_string_equal(info->value_names[1], "value 1");
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 2, (float[3]){0}, y));
    assert_float_equal(y[1], 30, 0);
    assert_non_null(strstr(snug_dataset_spec(d), "\"target_mean\":[2.5,25.0]"));
    snug_dataset_close(d);

    write_npy("v_y.npy", "|u1", "(4, 3)", "\1\0\0\1\1\0\0\0\0\1\0\1", 12);
    d = open_config(&c);
    info = snug_dataset_info(d);
    assert_int_equal(info->target, SNUG_TARGET_LABELS);
    assert_int_equal(info->n_classes, 3);
    assert_int_equal(info->class_counts[0], 3);
    assert_int_equal(info->class_counts[2], 1);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 3, (float[3]){0}, y));
    assert_float_equal(y[2], 1, 0);
    snug_dataset_close(d);

    write_npy("v_y.npy", "|u1", "(4, 3)", "\1\0\0\1\1\0\0\2\0\1\0\1", 12);
    refuses_config(&c, SNUG_EFORMAT, "training sample 2: label 'label 1' is 2");
    write_npy("v_y.npy", "<f4", "(4,)", (const float[]){1, 2, NAN, 1}, 16);
    refuses_config(&c, SNUG_ENUMERIC, "training sample 2: its value 'value' is missing");
    c.task = "class";
    write_npy("v_y.npy", "<f4", "(4, 1)", (const float[]){1, 2, 1, 1.5f}, 16);
    refuses_config(&c, SNUG_EFORMAT, "sample 3 is of class 1.5");
    write_npy("v_y.npy", "<i4", "(3,)", (const int[]){1, 2, 1}, 12);
    refuses_config(&c, SNUG_EFORMAT, "3 truths for 4 samples");
}

static void archives_with_parts(void **state)
{
    (void)state;
    static zip_writer z;
    const char *shape = "(2, 2, 3)";
    zip_add_npy(&z, "train_images.npy", "|u1", shape, "abcdefghijkl", 12);
    zip_add_npy(&z, "train_labels.npy", "|u1", "(2, 1)", "\0\1", 2);
    zip_add_npy(&z, "val_images.npy", "|u1", shape, "mnopqrstuvwx", 12);
    zip_add_npy(&z, "val_labels.npy", "|u1", "(2, 1)", "\1\0", 2);
    zip_add_npy(&z, "test_images.npy", "|u1", "(1, 2, 3)", "ABCDEF", 6);
    zip_add_npy(&z, "test_labels.npy", "|u1", "(1, 1)", "\1", 1);
    zip_add_npy(&z, "author.npy", "|u1", "(1,)", "?", 1);
    size_t n = zip_end(&z);
    snug_data_config c = {.path = write_file("set.npz", z.file, n)};
    snug_dataset *d = open_config(&c);
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->n[SNUG_PART_TRAIN], 2);
    assert_int_equal(info->n[SNUG_PART_VALIDATION], 2);
    assert_int_equal(info->n[SNUG_PART_TEST], 1);
    float x[6];
    int32_t y;
    ok(snug_dataset_get(d, SNUG_PART_VALIDATION, 0, x, &y));
    assert_int_equal(y, 1);
    snug_dataset_close(d);
    c.validation = 0.5; /* a share of the training part, when asked for: a class keeps its last */
    d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_VALIDATION], 0);
    snug_dataset_close(d);
    for (size_t cut = 0; cut < n; cut += 7) { /* nothing that is cut short opens */
        c.path = write_file("cut.npz", z.file, cut);
        refuses_config(&c, SNUG_EFORMAT, "cut.npz");
    }
    z.file[n - 22 + 16]--; /* where the directory lies */
    refuses(write_file("bad.npz", z.file, n), SNUG_EFORMAT, "damaged ZIP directory");
}

static void damaged_archives_are_refused(void **state)
{
    (void)state;
    static zip_writer z;
    zip_add_npy(&z, "y.npy", "|u1", "(2,)", "\0\1", 2);
    zip_add_npy(&z, "x.npy", "<f4", "(2, 6)", floats, 48);
    size_t n = zip_end(&z);
    unsigned char *entry = z.directory + 46 + strlen("y.npy");
    entry[16] ^= 1; /* of x: the checksum */
    memcpy(z.file + z.n, z.directory, z.n_directory);
    refuses(write_file("crc.npz", z.file, n), SNUG_EFORMAT, "'x.npy' is damaged: its checksum");
    entry[16] ^= 1;
    entry[24]--; /* its size */
    memcpy(z.file + z.n, z.directory, z.n_directory);
    refuses(write_file("size.npz", z.file, n), SNUG_EFORMAT, "unpacks to more than");
    entry[24]++;
    entry[10] = 9;
    memcpy(z.file + z.n, z.directory, z.n_directory);
    refuses(write_file("method.npz", z.file, n), SNUG_EUNSUPPORTED, "packed by method 9");
    entry[10] = 8;
    entry[43] = 0x7f;
    memcpy(z.file + z.n, z.directory, z.n_directory);
    refuses(write_file("place.npz", z.file, n), SNUG_EFORMAT, "lies outside of the file");
}

static void headers_are_checked(void **state)
{
    (void)state;
    refuses(write_npy("h.npy", "|O", "(2,)", floats, 16), SNUG_EUNSUPPORTED, "a pickle");
    refuses(write_npy("h.npy", "<c8", "(2,)", floats, 16), SNUG_EUNSUPPORTED, "type <c8'");
    refuses(write_npy("h.npy", "<U4", "(2,)", floats, 32), SNUG_EUNSUPPORTED, "type <U4'");
    refuses(write_npy("h.npy", "<f4", "()", floats, 4), SNUG_EFORMAT, "a single number");
    refuses(write_npy("h.npy", "<f4", "(0, 2)", floats, 4), SNUG_EFORMAT, "none or beyond reason");
    refuses(write_npy("h.npy", "<f4", "(9, 2)", floats, 4), SNUG_EFORMAT, "declares 72 bytes");
    refuses(write_npy("h.npy", "<f4", "(4294967296, 4294967296, 2)", floats, 4), SNUG_EFORMAT,
            "beyond reason");
    refuses(write_npy("h.npy", "<f4", "(1, 1, 1, 1, 1, 1)", floats, 4), SNUG_EUNSUPPORTED,
            "more than 5 axes");
    refuses(write_npy("h.npy", "<f4", "(2, -1)", floats, 4), SNUG_EFORMAT, "no shape");
    static const float zeros[96];
    refuses(write_npy("h.npy", "<f4", "(2, 3, 2, 8)", zeros, sizeof zeros), SNUG_ESHAPE,
            "channels first");
    refuses(write_file("h.npy", "\x93NUMPY\x01\x00\xff\xff{", 11), SNUG_EFORMAT, "cut short");
    refuses(write_text("h.npy", "no array at all"), SNUG_EFORMAT, "not a NumPy array");
    refuses(write_npy("a_y.npy", "<f4", "(2,)", floats, 8), SNUG_EINVAL, "holds truths");
    snug_dataset *d = open_path(write_npy("b_x.npy", "<f4", "(2, 2)", floats, 16));
    assert_int_equal(snug_dataset_info(d)->target, SNUG_TARGET_NONE);
    snug_dataset_close(d);
}

static void one_model_reads_arrays_and_tables(void **state)
{
    (void)state;
    write_npy("o_y.npy", "<f4", "(4,)", floats, 16);
    snug_dataset *d = open_path(write_npy("o_x.npy", "<f4", "(4, 2)", floats, 32));
    char *spec = strdup(snug_dataset_spec(d));
    float a[2], b[2];
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 1, a, NULL));
    snug_dataset_close(d);
    const snug_data_config c = {
        .path = write_text("o.csv", "1,2\n3,4\n"), .spec = spec, .no_target = true};
    d = open_config(&c);
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 1, b, NULL));
    assert_memory_equal(a, b, sizeof a);
    snug_dataset_close(d);
    free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tell_what_arrays_are),
        cmocka_unit_test(axes_tell_kinds),
        cmocka_unit_test(float_images_are_byte_images),
        cmocka_unit_test(types_are_read),
        cmocka_unit_test(truths_of_every_kind),
        cmocka_unit_test(archives_with_parts),
        cmocka_unit_test(damaged_archives_are_refused),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(one_model_reads_arrays_and_tables),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
