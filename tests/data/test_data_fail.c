/* SPDX-License-Identifier: Apache-2.0 */
/* Each n-th allocation, open, read, write and thread made to fail while data sets are opened and
 * loaded: a clear status, nothing leaked, and the same work succeeds afterwards. */
#include "data/loader.h"
#include "data/npy_files.h"
#include "support/faults.h"

/* One epoch through the loader. */
static snug_status load(snug_dataset *d)
{
    float x[2][4 * 28 * 28];
    int32_t y[2][4 * 8];
    const snug_loader_config config = {
        .batch = 4, .n_slots = 2, .x = {x[0], x[1]}, .y = {y[0], y[1]}};
    const snug_pass pass = {.part = SNUG_PART_TRAIN, .shuffle = true};
    snug_loader *l = NULL;
    SNUG_TRY(snug_loader_create(d, &config, &l));
    snug_status s = snug_loader_begin(l, &pass);
    int64_t n = 1;
    for (int slot; s == SNUG_OK && n > 0;) {
        s = snug_loader_wait(l, &slot, &n);
        if (s == SNUG_OK && n > 0) snug_loader_release(l, slot);
    }
    snug_loader_destroy(l);
    return s;
}

static snug_status open_and_load(void *config)
{
    snug_dataset *d = NULL;
    SNUG_TRY(snug_dataset_open(ctx, config, &d));
    snug_status s = load(d);
    snug_dataset_close(d);
    return s;
}

static void every_failure_is_told(const snug_data_config *config)
{
    static const snug_fault kinds[] = {FAULT_ALLOC, FAULT_OPEN, FAULT_READ, FAULT_WRITE,
                                       FAULT_THREAD};
    snug_data_config copy = *config;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        fail_each(kinds[k], open_and_load, &copy);
}

static void csv(void **state)
{
    (void)state;
    char text[2048], *p = text;
    p += sprintf(p, "n,colour,kind\n");
    for (int i = 0; i < 40; i++) p += sprintf(p, "%d,c%d,%c\n", i * 3, i % 5, "ab"[i % 2]);
    const snug_data_config config = {
        .path = write_text("f.csv", text), .test_path = path_of("f.csv"), .validation = 0.2};
    every_failure_is_told(&config);
}

static unsigned char any(size_t i)
{
    return (unsigned char)(i % 7);
}

static void idx(void **state)
{
    (void)state;
    unsigned char file[2048];
    size_t n = make_idx(file, 3, (const uint32_t[]){20, 4, 4}, any);
    write_packed("f-images-idx3-ubyte.gz", file, n);
    n = make_idx(file, 1, (const uint32_t[]){20}, any);
    write_packed("f-labels-idx1-ubyte.gz", file, n);
    snug_data_config config = {.path = path_of("f-images-idx3-ubyte.gz"), .folds = 3};
    every_failure_is_told(&config);
    config.path = folder; /* the only set in it */
    every_failure_is_told(&config);
}

static void text(void **state)
{
    (void)state;
    static const char words[] = "\xc3\xa4hnlich wie jedes andere, \xc3\xa4hnlich wie jedes andere.";
    snug_data_config config = {.path = write_text("f.txt", words), .validation = 0.3, .context = 5};
    every_failure_is_told(&config);
    config.path = write_packed("g.txt.gz", words, strlen(words));
    every_failure_is_told(&config);
}

static void series(void **state)
{
    (void)state;
    char lines[2048], *p = lines;
    for (int i = 0; i < 30; i++) p += sprintf(p, "%d,%d,%d,?,%d\n", i % 2, i, i * i % 7, i + 1);
    snug_data_config config = {.path = write_text("f_TRAIN.txt", lines), .validation = 0.2};
    write_text("f_TEST.txt", lines);
    every_failure_is_told(&config);
    p = lines + sprintf(lines, "@classLabel true a b\n@data\n");
    for (int i = 0; i < 30; i++) p += sprintf(p, "%d,%d:1,2,%d:%c\n", i, i % 3, i, "ab"[i % 2]);
    config.path = write_text("f_TRAIN.ts", lines);
    every_failure_is_told(&config);
}

static void arrays(void **state)
{
    (void)state;
    static zip_writer z;
    static const float x[24];
    zip_add_npy(&z, "train_labels.npy", "|u1", "(4, 1)", "\0\1\0\1", 4);
    zip_add_npy(&z, "train_images.npy", "<f4", "(4, 3, 2)", x, sizeof x);
    zip_add_npy(&z, "test_images.npy", "<f4", "(4, 3, 2)", x, sizeof x);
    zip_add_npy(&z, "test_labels.npy", "|u1", "(4, 1)", "\0\1\0\1", 4);
    size_t n = zip_end(&z);
    snug_data_config config = {.path = write_file("f.npz", z.file, n)};
    every_failure_is_told(&config);
    write_npy("f_y.npy", "<f4", "(4,)", x, 16);
    config.path = write_npy("f_x.npy", "<f4", "(4, 6)", x, sizeof x);
    every_failure_is_told(&config);
}

static void forecast(void **state)
{
    (void)state;
    char rows[2048], *p = rows;
    p += sprintf(p, "date,a,b\n");
    for (int i = 0; i < 60; i++) p += sprintf(p, "2020-%d,%d,%d\n", i, i % 7, i * 3);
    const snug_data_config config = {.path = write_text("h.csv", rows),
                                     .task = "forecast",
                                     .context = 6,
                                     .horizon = 2,
                                     .validation = 0.3};
    every_failure_is_told(&config);
}

static void anomalies(void **state)
{
    (void)state;
    const snug_data_config config = {
        .path = "glyphs:n=20", .task = "reconstruct", .anomalies = "glyphs:n=10,noise=0.9"};
    every_failure_is_told(&config);
    const snug_data_config normal = {.path = "glyphs:n=60", .task = "reconstruct", .normal = "A"};
    every_failure_is_told(&normal);
}

static void glyphs(void **state)
{
    (void)state;
    const snug_data_config config = {.path = "glyphs:n=40", .limit = 20};
    every_failure_is_told(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv),       cmocka_unit_test(idx),    cmocka_unit_test(text),
        cmocka_unit_test(series),    cmocka_unit_test(arrays), cmocka_unit_test(forecast),
        cmocka_unit_test(anomalies), cmocka_unit_test(glyphs),
    };
    return cmocka_run_group_tests(tests, files_setup, files_teardown);
}
