/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient clipping from a recipe: how far one step of plain descent at rate 1 moves the weights.
 */
#include "formats/safetensors.h"
#include "train/trained.h"
#include <math.h>
#include <stdlib.h>

enum { MOST = 1 << 20 };

typedef struct weights {
    float *at;
    int64_t n;
} weights;

/* The weights after one step of descent at this rate, in the order of the file. */
static weights after_step(void **state, const char *rate, const char *key, const char *value)
{
    char path[128], file[160];
    snug_context *ctx = context(1);
    snug_train_result r = {0};
    weights w = {calloc(MOST, sizeof *w.at), 0};
    const char *keys[] = {"model",
                          SMALL_MODEL,
                          "train.steps",
                          "1",
                          "train.optimizer",
                          "sgd",
                          "train.schedule",
                          "constant",
                          "train.learning_rate",
                          rate,
                          key,
                          value,
                          NULL};
    ok(train_with(ctx, keys, &(snug_train_config){.out_dir = in_folder(state, "clip", path)}, &r));
    snprintf(file, sizeof file, "%s/model.safetensors", path);
    snug_safetensors *s;
    ok(snug_safetensors_open(file, &s));
    for (int i = 0; i < snug_safetensors_count(s); i++) {
        snug_tensor t = {w.at + w.n, snug_safetensors_type(s, i)};
        assert_in_range(w.n + snug_shape_elements(&t.type.shape), 1, MOST);
        ok(snug_safetensors_read(s, snug_safetensors_name(s, i), &t));
        w.n += snug_shape_elements(&t.type.shape);
    }
    snug_safetensors_close(s);
    snug_context_destroy(ctx);
    remove_tree(path);
    return w;
}

typedef struct moved {
    double norm, largest;
} moved;

/* How far a step with this key moves the weights: at rate 1 that is the clipped gradient. */
static moved move(void **state, const char *key, const char *value)
{
    weights before = after_step(state, "1e-30", key, value),
            after = after_step(state, "1", key, value);
    moved m = {0};
    assert_int_equal(before.n, after.n);
    for (int64_t i = 0; i < after.n; i++) {
        double d = fabs((double)after.at[i] - (double)before.at[i]);
        m.norm += d * d;
        if (d > m.largest) m.largest = d;
    }
    m.norm = sqrt(m.norm);
    free(before.at);
    free(after.at);
    return m;
}

static void norm_is_clipped_to_what_is_asked(void **state)
{
    moved all = move(state, "train.clip_norm", "0");
    assert_true(all.norm > 0.1);
    moved clipped = move(state, "train.clip_norm", "0.05");
    assert_true(fabs(clipped.norm - 0.05) < 1e-4);
    /* the direction stays: everything shrinks alike */
    assert_true(fabs(clipped.largest / all.largest - 0.05 / all.norm) < 1e-4);
    moved loose = move(state, "train.clip_norm", "1000");
    assert_true(loose.norm == all.norm);
}

static void values_are_clamped_to_what_is_asked(void **state)
{
    moved all = move(state, "train.clip_value", "0");
    assert_true(all.largest > 0.004);
    moved clipped = move(state, "train.clip_value", "0.002");
    assert_true(fabs(clipped.largest - 0.002) < 1e-6);
    assert_true(clipped.norm < all.norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_is_clipped_to_what_is_asked),
        cmocka_unit_test(values_are_clamped_to_what_is_asked),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_drop);
}
