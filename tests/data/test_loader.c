/* SPDX-License-Identifier: Apache-2.0 */
/* The loader: batches in order, whatever the slots; passes begun anywhere; errors handed over. */
#include "base/fault.h"
#include "data/files.h"
#include "data/loader.h"

#define MOST  200
#define WIDTH 2

static snug_dataset *data;
static snug_loader *loader;
static float x[SNUG_LOADER_MAX_SLOTS][MOST * WIDTH];
static int32_t y[SNUG_LOADER_MAX_SLOTS][MOST];

/* A table of 103 rows whose second feature tells the row. */
static int setup(void **state)
{
    char text[4096], *p = text;
    if (files_setup(state)) return 1;
    for (int i = 0; i < 103; i++) p += sprintf(p, "%d.5,%d,%d\n", i % 7, i, i % 5);
    data = open_path(write_text("rows.csv", text));
    return 0;
}

static int teardown(void **state)
{
    snug_dataset_close(data);
    return files_teardown(state);
}

static void start(int64_t batch, int slots)
{
    snug_loader_config config = {.batch = batch, .n_slots = slots};
    for (int i = 0; i < slots; i++) {
        config.x[i] = x[i];
        config.y[i] = y[i];
    }
    ok(snug_loader_create(data, &config, &loader));
}

/* The samples of a pass, by class number and in order; how many. */
static int64_t run(const snug_pass *pass, float *rows, int64_t *n_batches)
{
    int64_t total = 0, n = 0;
    int slot;
    ok(snug_loader_begin(loader, pass));
    for (*n_batches = 0;; ++*n_batches) {
        ok(snug_loader_wait(loader, &slot, &n));
        if (n == 0) return total;
        for (int64_t i = 0; i < n; i++) rows[total++] = x[slot][i * WIDTH + 1];
        snug_loader_release(loader, slot);
    }
}

static void passes_hold_every_sample_once(void **state)
{
    (void)state;
    float expected[103], rows[MOST], sorted[103];
    for (int64_t i = 0; i < 103; i++) {
        float sample[WIDTH];
        ok(snug_dataset_get(data, SNUG_PART_TRAIN, i, sample, NULL));
        expected[i] = sample[1];
    }
    for (int slots = 1; slots <= SNUG_LOADER_MAX_SLOTS; slots += 3) {
        int64_t batches;
        start(10, slots);
        snug_pass pass = {.part = SNUG_PART_TRAIN};
        assert_int_equal(run(&pass, rows, &batches), 103);
        assert_int_equal(batches, 11);
        assert_int_equal(snug_loader_batches(loader, &pass), 11);
        assert_memory_equal(rows, expected, sizeof expected);
        pass.drop_last = true;
        assert_int_equal(run(&pass, rows, &batches), 100);
        pass = (snug_pass){.part = SNUG_PART_TRAIN, .shuffle = true, .seed = 3, .epoch = 2};
        assert_int_equal(run(&pass, rows, &batches), 103);
        assert_memory_not_equal(rows, expected, sizeof expected);
        memset(sorted, 0, sizeof sorted);
        for (int i = 0; i < 103; i++)
            for (int k = 0; k < 103; k++) sorted[k] += rows[i] == expected[k];
        for (int k = 0; k < 103; k++) assert_true(sorted[k] == 1);
        snug_loader_destroy(loader);
    }
}

static void a_pass_begins_anywhere(void **state)
{
    (void)state;
    float all[MOST], rest[MOST];
    int64_t batches;
    int slot;
    start(10, 3);
    snug_pass pass = {.part = SNUG_PART_TRAIN, .shuffle = true, .seed = 9};
    run(&pass, all, &batches);
    pass.epoch = 1;
    ok(snug_loader_begin(loader, &pass)); /* dropped at once */
    pass.epoch = 0;
    pass.first_batch = 4;
    assert_int_equal(run(&pass, rest, &batches), 63);
    assert_int_equal(batches, 7);
    assert_memory_equal(all + 40, rest, 63 * sizeof *rest);
    pass.first_batch = 11;
    assert_int_equal(run(&pass, rest, &batches), 0);
    pass = (snug_pass){.part = SNUG_PART_TEST}; /* an empty part */
    assert_int_equal(run(&pass, rest, &batches), 0);
    for (int i = 0; i < 50; i++) { /* slots held when a pass is dropped */
        int64_t n;
        pass = (snug_pass){.part = SNUG_PART_TRAIN, .first_batch = i % 11};
        ok(snug_loader_begin(loader, &pass));
        ok(snug_loader_wait(loader, &slot, &n));
        assert_int_equal(n, i % 11 == 10 ? 3 : 10);
    }
    snug_loader_destroy(loader);
}

static void one_batch_of_everything(void **state)
{
    (void)state;
    float rows[MOST];
    int64_t batches;
    start(MOST, 2);
    const snug_pass pass = {.part = SNUG_PART_TRAIN};
    assert_int_equal(run(&pass, rows, &batches), 103);
    assert_int_equal(batches, 1);
    snug_loader_destroy(loader);
}

static void read_errors_come_out_of_wait(void **state)
{
    (void)state;
    int slot;
    int64_t n;
    start(10, 2);
    const snug_pass pass = {.part = SNUG_PART_TRAIN};
    snug_fault_arm(FAULT_READ, 3);
    ok(snug_loader_begin(loader, &pass));
    for (int i = 0; i < 2; i++) {
        ok(snug_loader_wait(loader, &slot, &n));
        snug_loader_release(loader, slot);
    }
    fails(snug_loader_wait(loader, &slot, &n), SNUG_EIO, "read");
    snug_fault_arm(FAULT_READ, 0);
    float rows[MOST];
    assert_int_equal(run(&pass, rows, &n), 103); /* and it goes on with the next pass */
    snug_loader_destroy(loader);
    const snug_loader_config wrong = {.batch = 0, .n_slots = 1};
    fails(snug_loader_create(data, &wrong, &loader), SNUG_EINVAL, "0 samples");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_hold_every_sample_once),
        cmocka_unit_test(a_pass_begins_anywhere),
        cmocka_unit_test(one_batch_of_everything),
        cmocka_unit_test(read_errors_come_out_of_wait),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
