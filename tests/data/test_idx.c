/* SPDX-License-Identifier: Apache-2.0 */
/* IDX files: what they hold, plain and packed, and every way they may lie. */
#include "data/files.h"

#include <math.h>

#define N 12

static unsigned char pixel(size_t i)
{
    return (unsigned char)(i * 7);
}

static unsigned char label(size_t i)
{
    return (unsigned char)(i % 3);
}

static unsigned char images[4096], labels[64];

static size_t make_images(uint32_t n)
{
    return make_idx(images, 3, (const uint32_t[]){n, 4, 5}, pixel);
}

static size_t make_labels(uint32_t n)
{
    return make_idx(labels, 1, &n, label);
}

static void write_pair(const char *set)
{
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", set);
    write_file(name, images, make_images(N));
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", set);
    write_file(name, labels, make_labels(N));
}

static void check_content(snug_dataset *d, snug_part part)
{
    float x[20], mean = 0, square = 0;
    int32_t y;
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(snug_dataset_get(d, part, i, x, &y), SNUG_OK);
        assert_int_equal(y, i % 3);
        for (int k = 0; k < 20; k++) {
            mean += x[k] / (N * 20);
            square += x[k] * x[k] / (N * 20);
        }
    }
    assert_true(fabsf(mean) < 1e-5f && fabsf(square - 1) < 1e-5f);
}

static void plain_and_packed_hold_the_same(void **state)
{
    (void)state;
    write_pair("train");
    snug_dataset *a = open_path(path_of("train-images-idx3-ubyte"));
    const snug_data_info *info = snug_dataset_info(a);
    assert_string_equal(info->format, "idx");
    assert_int_equal(info->n[SNUG_PART_TRAIN], N);
    assert_int_equal(info->n_classes, 3);
    assert_string_equal(info->class_names[2], "2");
    assert_int_equal(info->class_counts[1], N / 3);
    assert_int_equal(info->sample.n_dims, 3);
    assert_int_equal(info->sample.dim[1], 5);
    assert_int_equal(info->scratch_bytes, 0);
    check_content(a, SNUG_PART_TRAIN);

    write_packed("p-images-idx3-ubyte.gz", images, make_images(N));
    write_packed("p-labels-idx1-ubyte.gz", labels, make_labels(N));
    snug_dataset *b = open_path(path_of("p-images-idx3-ubyte.gz"));
    assert_int_equal(snug_dataset_info(b)->scratch_bytes, N * 20);
    check_content(b, SNUG_PART_TRAIN);
    assert_string_equal(snug_dataset_spec(a), snug_dataset_spec(b));
    snug_dataset_close(a);
    snug_dataset_close(b);
}

static void folders_are_paired(void **state)
{
    (void)state;
    mkdir(path_of("set"), 0700);
    write_pair("set/train");
    write_packed("set/train-images-idx3-ubyte.gz", images, make_images(N)); /* the plain one wins */
    write_file("set/t10k-images.idx3-ubyte", images, make_images(6));
    write_packed("set/t10k-labels.idx1-ubyte.gz", labels, make_labels(6));
    snug_dataset *d = open_path(path_of("set"));
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->n[SNUG_PART_TRAIN], N);
    assert_int_equal(info->n[SNUG_PART_TEST], 6);
    assert_int_equal(info->scratch_bytes, 0);
    check_content(d, SNUG_PART_TRAIN);
    float x[20];
    assert_int_equal(snug_dataset_get(d, SNUG_PART_TEST, 6, x, NULL), SNUG_EINVAL);
    snug_error_clear();
    snug_dataset_close(d);
}

static void colour_images_have_a_mean_a_channel(void **state)
{
    (void)state;
    size_t n = make_idx(images, 4, (const uint32_t[]){6, 2, 2, 3}, pixel);
    write_file("rgb-images-idx4-ubyte", images, n);
    write_file("rgb-labels-idx1-ubyte", labels, make_labels(6));
    snug_dataset *d = open_path(path_of("rgb-images-idx4-ubyte"));
    assert_int_equal(snug_dataset_info(d)->sample.dim[2], 3);
    float x[12];
    assert_int_equal(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, NULL), SNUG_OK);
    assert_true(isfinite(x[11]));
    snug_dataset_close(d);
}

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    size_t n = make_images(N);
    write_file("x-labels-idx1-ubyte", labels, make_labels(N));
    const char *x = write_file("x-images-idx3-ubyte", images, n - 1);
    refuses(x, SNUG_EFORMAT, "declares 12 samples");
    write_file("x-images-idx3-ubyte", images, n + 1);
    refuses(x, SNUG_EFORMAT, "declares 12 samples");
    write_file("x-images-idx3-ubyte", images, 10);
    refuses(x, SNUG_EFORMAT, "cut short inside its header");
    memset(images + 4, 0xff, 12); /* (2^32 - 1)^3 bytes */
    write_file("x-images-idx3-ubyte", images, n);
    refuses(x, SNUG_EFORMAT, "beyond reason");
    make_images(N);
    memset(images + 4, 0xff, 4); /* 2^32 - 1 images */
    write_file("x-images-idx3-ubyte", images, n);
    refuses(x, SNUG_EFORMAT, "declares 4294967295 samples");
    make_images(0);
    write_file("x-images-idx3-ubyte", images, 16);
    refuses(x, SNUG_EFORMAT, "is 0");
}

static void wrong_types_are_named(void **state)
{
    (void)state;
    size_t n = make_images(N);
    images[2] = 0x0d;
    const char *x = write_file("x-images-idx3-ubyte", images, n);
    refuses(x, SNUG_EUNSUPPORTED, "f32");
    x = write_file("x-labels-idx1-ubyte", labels, make_labels(N));
    refuses(x, SNUG_EFORMAT, "holds labels");
    make_images(N);
    images[0] = 'P';
    x = write_file("x-images-idx3-ubyte", images, n);
    refuses(x, SNUG_EFORMAT, "no data set recognised");
}

static void labels_must_match(void **state)
{
    (void)state;
    const char *x = write_file("m-images-idx3-ubyte", images, make_images(N));
    refuses(x, SNUG_ENOENT, "no labels found beside it");
    write_file("m-labels-idx1-ubyte", labels, make_labels(N - 1));
    refuses(x, SNUG_EFORMAT, "11 labels for 12 images");
    size_t n = make_labels(N);
    memset(labels + 8, 4, N);
    write_file("m-labels-idx1-ubyte", labels, n);
    refuses(x, SNUG_EINVAL, "all 12 samples are of class '4'");
    write_file("m-labels-idx1-ubyte", labels, 8);
    refuses(x, SNUG_EFORMAT, "declares 12 samples");
    write_file("m-labels-idx1-ubyte", images, make_images(N));
    refuses(x, SNUG_EFORMAT, "labels have one");
}

static void packed_lies_are_found(void **state)
{
    (void)state;
    unsigned char packed[4096];
    size_t n = make_images(N);
    write_file("z-labels-idx1-ubyte", labels, make_labels(N));
    const char *z = write_packed("z-images-idx3-ubyte.gz", images, n - 1);
    refuses(z, SNUG_EFORMAT, "ends before");
    write_packed("z-images-idx3-ubyte.gz", images, n + 1);
    refuses(z, SNUG_EFORMAT, "more than the 12 samples");
    write_packed("z-images-idx3-ubyte.gz", images, n);
    FILE *f = fopen(z, "rb");
    size_t bytes = fread(packed, 1, sizeof packed, f);
    fclose(f);
    write_file("z-images-idx3-ubyte.gz", packed, bytes - 9);
    refuses(z, SNUG_EFORMAT, "cut short");
    packed[bytes - 6] ^= 1; /* the checksum */
    write_file("z-images-idx3-ubyte.gz", packed, bytes);
    refuses(z, SNUG_EFORMAT, "damaged gzip data");
    memset(images + 4, 0xff, 4);
    write_packed("z-images-idx3-ubyte.gz", images, n);
    refuses(z, SNUG_EFORMAT, "more than so small a file can hold");
}

static void a_test_part_must_fit(void **state)
{
    (void)state;
    mkdir(path_of("odd"), 0700);
    write_pair("odd/train");
    write_file("odd/t10k-labels-idx1-ubyte", labels, make_labels(N));
    write_file("odd/t10k-images-idx3-ubyte", images,
               make_idx(images, 3, (const uint32_t[]){N, 5, 4}, pixel));
    refuses(path_of("odd"), SNUG_ESHAPE, "[5, 4, 1], those to train on are [4, 5, 1]");
    write_file("odd/t10k-images-idx3-ubyte", images, make_images(N));
    make_labels(N);
    labels[8 + 5] = 9;
    write_file("odd/t10k-labels-idx1-ubyte", labels, 8 + N);
    refuses(path_of("odd"), SNUG_EINVAL, "sample 5 of the test part is of class '9'");
}

static void paths_that_hold_nothing(void **state)
{
    (void)state;
    mkdir(path_of("empty"), 0700);
    refuses(path_of("missing"), SNUG_ENOENT, "no such file");
    refuses(path_of("empty"), SNUG_EFORMAT, "it holds nothing");
    refuses(write_text("none-images-idx3-ubyte", ""), SNUG_EFORMAT, "it is empty");
    const char *locked = write_file("locked-images-idx3-ubyte", images, make_images(N));
    chmod(locked, 0);
    if (geteuid() != 0) refuses(locked, SNUG_EIO, "ermission");
    const snug_data_config nothing = {.path = ""};
    refuses_config(&nothing, SNUG_EINVAL, "no data set given");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_and_packed_hold_the_same),
        cmocka_unit_test(folders_are_paired),
        cmocka_unit_test(colour_images_have_a_mean_a_channel),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(labels_must_match),
        cmocka_unit_test(packed_lies_are_found),
        cmocka_unit_test(a_test_part_must_fit),
        cmocka_unit_test(paths_that_hold_nothing),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
