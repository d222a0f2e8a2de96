/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded set: the same bytes on every machine, for ever; its knobs. */
#include "base/sha256.h"
#include "data/files.h"
#include "data/format.h"

extern const snug_format snug_format_glyphs;

/* SHA-256 over pixels and label of every sample of both parts. */
static void digest(const char *path, char hex[65])
{
    const snug_data_config config = {.path = path};
    snug_source *s = NULL;
    snug_sha256 h;
    ok(snug_format_glyphs.open(&config, NULL, &s));
    snug_sha256_begin(&h);
    for (snug_raw_part p = RAW_MAIN; p < N_RAW_PARTS; p++)
        for (int64_t i = 0; i < s->n[p]; i++) {
            unsigned char record[28 * 28 + 1];
            int32_t label;
            ok(s->read(s, p, i, 1, record));
            ok(s->labels(s, p, i, 1, &label));
            record[28 * 28] = (unsigned char)label;
            snug_sha256_add(&h, record, sizeof record);
        }
    snug_sha256_end(&h, hex);
    s->close(s);
}

static void bytes_are_pinned(void **state)
{
    (void)state;
    static const char *const pinned[][2] = {
        {"glyphs:n=1000", "80d9b505dacf9235a15b13b69e72baf55645ffe3edb8e45dc96194c5554ae30f"},
        {"glyphs:n=500,seed=7,noise=0.5,shift=4,drift=1",
         "8e37de94609641f473256cfad301b10a603babfa410f5dd7c785ea23fbb0022a"},
    };
    char hex[65];
    for (int i = 0; i < 2; i++) {
        digest(pinned[i][0], hex);
        assert_string_equal(hex, pinned[i][1]);
    }
}

static void a_sample_depends_on_its_number_alone(void **state)
{
    (void)state;
    const snug_data_config small = {.path = "glyphs:n=50"}, large = {.path = "glyphs:n=60"};
    snug_source *a = NULL, *b = NULL;
    ok(snug_format_glyphs.open(&small, NULL, &a));
    ok(snug_format_glyphs.open(&large, NULL, &b));
    unsigned char x[28 * 28], y[28 * 28];
    for (int i = 0; i < 50; i++) {
        ok(a->read(a, RAW_MAIN, i, 1, x));
        ok(b->read(b, RAW_MAIN, i, 1, y));
        assert_memory_equal(x, y, sizeof x);
    }
    ok(a->read(a, RAW_TEST, 0, 1, x));
    ok(a->read(a, RAW_MAIN, 0, 1, y));
    assert_memory_not_equal(x, y, sizeof x);
    a->close(a);
    b->close(b);
}

static void defaults_are_as_documented(void **state)
{
    (void)state;
    snug_dataset *d = open_path("glyphs");
    const snug_data_info *info = snug_dataset_info(d);
    assert_int_equal(info->n[SNUG_PART_TRAIN], 20000);
    assert_int_equal(info->n[SNUG_PART_TEST], 4000);
    assert_int_equal(info->n_classes, 28);
    assert_int_equal(info->n_problems, 0);
    for (int64_t c = 0; c < info->n_classes; c++) assert_true(info->class_counts[c] > 600);
    snug_dataset_close(d);
}

static void wrong_knobs_are_named(void **state)
{
    (void)state;
    refuses("glyphs:nois=0.1", SNUG_EINVAL, "no knob 'nois', did you mean 'noise'");
    refuses("glyphs:n=0", SNUG_EINVAL, "n=0 must be a whole number from 1 to");
    refuses("glyphs:n=1000001", SNUG_EINVAL, "a whole number from 1 to 1000000");
    refuses("glyphs:n=1.5", SNUG_EINVAL, "whole number");
    refuses("glyphs:noise=2", SNUG_EINVAL, "a number from 0 to 1");
    refuses("glyphs:noise=x", SNUG_EINVAL, "noise=x must be a number");
    refuses("glyphs:n", SNUG_EINVAL, "knob=value");
    const snug_data_config test = {.path = "glyphs", .test_path = "glyphs"};
    refuses_config(&test, SNUG_EINVAL, "its own test part");
}

static void folds_that_would_be_empty_are_refused(void **state)
{
    (void)state;
    snug_data_config config = {.path = "glyphs:n=40", .folds = 40, .fold = 39};
    snug_dataset *d = open_config(&config);
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TEST], 1);
    snug_dataset_close(d);
    config.folds = 41;
    refuses_config(&config, SNUG_EINVAL, "41 folds (data.folds) of 40 samples");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_pinned),
        cmocka_unit_test(a_sample_depends_on_its_number_alone),
        cmocka_unit_test(defaults_are_as_documented),
        cmocka_unit_test(wrong_knobs_are_named),
        cmocka_unit_test(folds_that_would_be_empty_are_refused),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
