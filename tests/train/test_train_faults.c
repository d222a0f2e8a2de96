/* SPDX-License-Identifier: Apache-2.0 */
/* Each n-th allocation, read, write, rename, sync, open and thread of a short training fails: it
 * ends with a clear message or does without, leaks nothing (under ASan), and what was saved before
 * is whole: the run can be gone on with and ends in the same bits. */
#include "base/fault.h"
#include "base/memory.h"
#include "train/trained.h"

static const char *const keys[] = {"data.path",
                                   "glyphs:n=160",
                                   "train.batch",
                                   "64",
                                   "train.epochs",
                                   "2",
                                   "train.patience",
                                   "3",
                                   "train.checkpoint_steps",
                                   "1",
                                   NULL};

static snug_recipe *of_all;
static char whole[65];

/* Train, evaluate, predict: everything that touches memory and files. */
static snug_status work(snug_context *ctx, const snug_train_config *config, bool use)
{
    snug_train_result r = {0};
    snug_metrics metrics;
    snug_model *m = NULL;
    snug_dataset *d = NULL;
    snug_status s = train_recipe(ctx, config->resume ? NULL : of_all, config, &r);
    if (s == SNUG_OK && use) {
        s = snug_model_open(ctx, r.run ? config->out_dir : "", &m);
        const snug_data_config data = {.path = "glyphs:n=160",
                                       .spec = m ? snug_model_spec(m) : NULL};
        if (s == SNUG_OK) s = snug_dataset_open(ctx, &data, &d);
        if (s == SNUG_OK) s = snug_model_eval(m, d, SNUG_PART_TEST, 16, &metrics);
        snug_dataset_close(d);
        snug_model_close(m);
    }
    if (s == SNUG_OK) memcpy(whole, r.state_sha256, sizeof whole);
    return s;
}

/* What a failure left behind can be gone on with, if anything was begun. */
static void go_on(snug_context *ctx, const char *run)
{
    char recipe_file[160], want[65];
    snprintf(recipe_file, sizeof recipe_file, "%s/recipe.yaml", run);
    if (!snug_path_exists(recipe_file)) return;
    memcpy(want, whole, sizeof want);
    ok(work(ctx, &(snug_train_config){.resume = run}, false));
    assert_string_equal(whole, want);
}

static size_t in_use(void)
{
    size_t sum = 0;
    for (int tag = 0; tag < N_TAGS; tag++) sum += snug_tag_bytes((snug_tag)tag);
    return sum;
}

/* About `tries` of the calls of this kind, spread over all of them. */
static void fail_some(void **state, snug_fault kind, int64_t tries)
{
    char path[128];
    snug_context *ctx = context(2);
    const snug_train_config config = {.out_dir = in_folder(state, "faulty", path)};
    snug_fault_arm(kind, 0);
    ok(work(ctx, &config, true));
    const int64_t calls = snug_fault_count(kind);
    const int64_t stride = calls / tries + 1;
    const size_t before = in_use();
    remove_tree(path);
    for (int64_t n = 1; n <= calls; n += stride) {
        snug_fault_arm(kind, n);
        const snug_status s = work(ctx, &config, true);
        snug_fault_arm(kind, 0);
        if (s != SNUG_OK) assert_true(snug_error_message()[0] != '\0');
        assert_int_equal(s, snug_error_status());
        snug_error_clear();
        assert_int_equal(in_use(), before);
        go_on(ctx, path);
        if (snug_path_is_dir(path)) remove_tree(path);
    }
    snug_context_destroy(ctx);
}

static void allocations(void **state)
{
    fail_some(state, FAULT_ALLOC, 60);
}

static void reads(void **state)
{
    fail_some(state, FAULT_READ, 30);
}

static void writes(void **state)
{
    fail_some(state, FAULT_WRITE, 30);
}

static void renames(void **state)
{
    fail_some(state, FAULT_RENAME, 30);
}

static void syncs(void **state)
{
    fail_some(state, FAULT_SYNC, 30);
}

static void opens(void **state)
{
    fail_some(state, FAULT_OPEN, 40);
}

static void threads(void **state)
{
    fail_some(state, FAULT_THREAD, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations), cmocka_unit_test(reads), cmocka_unit_test(writes),
        cmocka_unit_test(renames),     cmocka_unit_test(syncs), cmocka_unit_test(opens),
        cmocka_unit_test(threads),
    };
    of_all = recipe(keys);
    int failed = cmocka_run_group_tests(tests, folder_make, folder_drop);
    snug_recipe_destroy(of_all);
    return failed;
}
