/* SPDX-License-Identifier: Apache-2.0 */
/* Text as characters or bytes: vocabulary, windows, parts; every token is the truth once. */
#include "data/files.h"
#include "data/spec.h"

enum { T = 8 };

static snug_dataset *open_text(const char *path, double validation, int64_t stride)
{
    const snug_data_config config = {
        .path = path, .validation = validation, .context = T, .stride = stride};
    return open_config(&config);
}

/* What the truths of a part spell, each of them once; '.' for what is none. */
static void spell(snug_dataset *d, snug_part part, char *out)
{
    const snug_data_info *info = snug_dataset_info(d);
    int32_t x[T], y[T];
    for (int64_t i = 0; i < info->n[part]; i++) {
        ok(snug_dataset_get(d, part, i, x, y));
        for (int k = 0; k < T; k++) {
            assert_in_range(x[k], 0, info->n_classes - 1);
            if (y[k] >= 0) *out++ = info->class_names[y[k]][0];
            if (k + 1 < T && y[k] >= 0) assert_int_equal(x[k + 1], y[k]);
        }
    }
    *out = '\0';
}

static void windows_cover_what_is_evaluated(void **state)
{
    (void)state;
    static const char text[] =
        "the quick brown fox jumps over the lazy dog. the lazy dog jumps over the quick brown fox.";
    char spelled[256];
    const char *path = write_text("a.txt", text);
    snug_dataset *d = open_text(path, 0.45, 0);
    const snug_data_info *info = snug_dataset_info(d);
    int cut = (int)((double)strlen(text) * (1 - 0.45)); /* 48 characters to train on */
    assert_int_equal(info->n[SNUG_PART_TRAIN], 5);
    assert_int_equal(info->kind, SNUG_DATA_TEXT);
    assert_int_equal(info->target, SNUG_TARGET_TOKENS);
    assert_int_equal(info->sample_dtype, SNUG_I32);
    assert_int_equal(info->outputs.dim[0], T);
    assert_int_equal(info->outputs.dim[1], info->n_classes);
    spell(d, SNUG_PART_TRAIN, spelled);
    assert_int_equal(strncmp(spelled, text + 1, 40), 0);
    spell(d, SNUG_PART_VALIDATION, spelled);
    assert_string_equal(spelled, text + cut + 1);
    assert_int_equal(info->n[SNUG_PART_VALIDATION], 5); /* 39 truths */
    snug_dataset_close(d);
}

static void training_may_start_anywhere(void **state)
{
    (void)state;
    char text[101];
    for (int i = 0; i < 100; i++) text[i] = (char)('a' + i % 26);
    text[100] = '\0';
    snug_dataset *d = open_text(write_text("b.txt", text), 0, 1);
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 100 - T);
    int32_t x[T], y[T];
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 100 - T - 1, x, y));
    assert_int_equal(y[T - 1], 99 % 26);
    snug_dataset_close(d);
    d = open_text(path_of("b.txt"), 0, 30);
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 4);
    snug_dataset_close(d);
}

static void characters_are_code_points(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbfgr\xc3\xbc\xc3\x9f dich, \xe2\x82\xac 5 \xf0\x9f\x98\x80";
    snug_dataset *d = open_text(write_text("c.txt", text), 0, 0);
    const snug_data_info *info = snug_dataset_info(d);
    assert_string_equal(info->class_names[info->n_classes - 1], "\xf0\x9f\x98\x80");
    assert_int_equal(info->class_counts[0], 4); /* blanks; the mark is none of the text */
    int32_t x[T], y[T];
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, y));
    assert_string_equal(info->class_names[x[2]], "\xc3\xbc");
    snug_dataset_close(d);
    d = open_text(write_packed("d.txt.gz", text, strlen(text)), 0, 0);
    info = snug_dataset_info(d);
    assert_string_equal(info->class_names[info->n_classes - 1], "\xf0\x9f\x98\x80");
    snug_dataset_close(d);
}

static void other_files_are_bytes(void **state)
{
    (void)state;
    snug_dataset *d = open_text(write_file("e.txt", "a\xff z\xfe\0 abcdefgh", 15), 0, 0);
    const snug_data_info *info = snug_dataset_info(d);
    assert_string_equal(info->class_names[info->n_classes - 1], "\\xff");
    assert_int_equal(info->class_counts[0], 1);
    snug_dataset_close(d);
}

static void a_spec_reads_other_text(void **state)
{
    (void)state;
    const char *path = write_text("f.txt", "abcabcabcabcabcabcabc");
    snug_dataset *d = open_text(path, 0, 0);
    char *spec = strdup(snug_dataset_spec(d));
    snug_dataset_close(d);
    snug_data_config c = {.path = write_text("g.txt", "cbadcb"), .spec = spec};
    d = open_config(&c);
    assert_true(has_problem(d, "1 characters (the first is U+0064) do not occur"));
    assert_int_equal(snug_dataset_info(d)->n[SNUG_PART_TRAIN], 1);
    int32_t x[T], y[T];
    static const int32_t truth[T] = {1, 0, -1, 2, 1, -1, -1, -1};
    ok(snug_dataset_get(d, SNUG_PART_TRAIN, 0, x, y));
    assert_memory_equal(y, truth, sizeof truth);
    snug_dataset_close(d);
    c.path = write_file("h.txt", "abc\xff", 4);
    refuses_config(&c, SNUG_ESHAPE, "trained on characters, not on bytes");
    c.path = "glyphs:n=10";
    refuses_config(&c, SNUG_ESHAPE, "trained on text, these data are images");
    free(spec);
}

static void folders_have_parts(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/parts", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    write_text("parts/wiki.train.txt", "abcabcabcabcabcabcabcabc");
    write_text("parts/wiki.valid.txt", "aabbccaabbccaabbcc");
    write_text("parts/wiki.test.txt", "cbacbacba");
    snug_dataset *d = open_text(path, 0, 0);
    char spelled[64];
    spell(d, SNUG_PART_VALIDATION, spelled);
    assert_string_equal(spelled, "abbccaabbccaabbcc");
    spell(d, SNUG_PART_TEST, spelled);
    assert_string_equal(spelled, "bacbacba");
    snug_dataset_close(d);
}

/* Lines of one comma each pass for a table, but not when a text is asked for or was learned from.
 */
static void a_text_may_look_like_a_table(void **state)
{
    (void)state;
    snug_data_config c = {.path = write_text("k.txt", "a, b\na, c\na, b\na, c\n"), .context = T};
    snug_dataset *d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->kind, SNUG_DATA_TABLE);
    snug_dataset_close(d);
    c.kind = "text";
    d = open_config(&c);
    assert_int_equal(snug_dataset_info(d)->kind, SNUG_DATA_TEXT);
    const snug_data_config again = {.path = c.path, .spec = snug_dataset_spec(d)};
    snug_dataset *same = open_config(&again);
    assert_int_equal(snug_dataset_info(same)->kind, SNUG_DATA_TEXT);
    snug_dataset_close(same);
    snug_dataset_close(d);
    c.kind = "image";
    refuses_config(&c, SNUG_EINVAL, "data.kind is image, but this is table data");
    c.kind = "sound";
    refuses_config(&c, SNUG_EINVAL, "data.kind is image, series, table or text, not 'sound'");
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuses(write_text("i.txt", ""), SNUG_EFORMAT, "empty, no text");
    const snug_data_config short_text = {.path = write_text("j.txt", "short"), .context = T};
    refuses_config(&short_text, SNUG_EINVAL, "5 tokens to train on are fewer than one window");
    const snug_data_config folds = {.path = path_of("a.txt"), .folds = 3};
    refuses_config(&folds, SNUG_EUNSUPPORTED, "not cut into folds");
    const snug_data_config task = {.path = path_of("a.txt"), .task = "class"};
    refuses_config(&task, SNUG_EINVAL, "leave out data.task");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_cover_what_is_evaluated),
        cmocka_unit_test(training_may_start_anywhere),
        cmocka_unit_test(characters_are_code_points),
        cmocka_unit_test(other_files_are_bytes),
        cmocka_unit_test(a_spec_reads_other_text),
        cmocka_unit_test(folders_have_parts),
        cmocka_unit_test(a_text_may_look_like_a_table),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
