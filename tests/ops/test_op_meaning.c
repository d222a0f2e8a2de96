/* SPDX-License-Identifier: Apache-2.0 */
/* What operators mean where random inputs do not reach: ties, NaN, labels that are no class, one
 * row, masks of dropout, the statistics of an empty batch, the binary counter of accumulate. */
#include "support/check.h"

#include <math.h>

#include "support/small_op.h"

static void max_pool_breaks_ties_by_place(void **state)
{
    (void)state;
    small s = {.step = op_step(0)};
    snug_pool2d_attrs a = {2, 2, 2, 2, 0, 0};
    small_in(&s, SNUG_F32, VALUES(1, 1, 0, NAN, 1, 1, 5, NAN), DIMS(1, 2, 4, 1));
    small_run(&s, &snug_op_max_pool2d, &a);
    assert_true(snug_load(&s.out[0], 0) == 1 && snug_load(&s.out[1], 0) == 0);
    assert_true(isnan(snug_load(&s.out[0], 1)) && snug_load(&s.out[1], 1) == 1);
    small_free(&s);
}

static void labels_that_are_no_class_count_nothing(void **state)
{
    (void)state;
    small s = {.step = op_step(4)};
    small_in(&s, SNUG_F64, VALUES(1, 2, 3, 4, 5, 6, 7, 8), DIMS(4, 2));
    small_in(&s, SNUG_I32, VALUES(-1, 2, 0, 2147483647), DIMS(4));
    small_batch(&s, 0), small_batch(&s, 1);
    small_run(&s, &snug_op_softmax_cross_entropy, &(snug_cross_entropy_attrs){0});
    double want = log(1 + exp(1)) / 4, have = snug_load(&s.out[0], 0);
    assert_true(fabs(have - want) < 1e-12);
    snug_free(s.in[0].data);
    s.in[0] = s.out[1], s.out[1] = (snug_tensor){0}; /* the probabilities */
    snug_free(s.out[0].data), s.out[0] = (snug_tensor){0};
    small_scalar(&s, SNUG_F64, 1);
    small_run(&s, &snug_op_softmax_cross_entropy_grad, &(snug_cross_entropy_attrs){0});
    for (int i = 0; i < 8; i++) assert_true((snug_load(&s.out[0], i) != 0) == (i == 4 || i == 5));
    small_free(&s);
}

static void cross_entropy_of_certainty_is_finite(void **state)
{
    (void)state;
    small s = {.step = op_step(2)};
    small_in(&s, SNUG_F32, VALUES(1e30, -1e30, 1000, -1000), DIMS(2, 2));
    small_in(&s, SNUG_I32, VALUES(0, 1), DIMS(2));
    small_batch(&s, 0), small_batch(&s, 1);
    small_run(&s, &snug_op_softmax_cross_entropy, &(snug_cross_entropy_attrs){0});
    assert_true(snug_load(&s.out[0], 0) == 1000);
    small_free(&s);
}

static void batch_norm_without_rows_keeps_statistics(void **state)
{
    (void)state;
    small s = {.step = op_step(4)};
    s.step.n_here = 0;
    snug_batch_norm_attrs a = {.momentum = 0.1, .epsilon = 1e-5};
    small_in(&s, SNUG_F32, NULL, DIMS(0, 1));
    for (int i = 0; i < 4; i++) small_in(&s, SNUG_F32, VALUES(i + 1), DIMS(1));
    small_batch(&s, 0);
    small_run(&s, &snug_op_batch_norm, &a);
    assert_true(snug_load(&s.out[3], 0) == 3 && snug_load(&s.out[4], 0) == 4);
    small_free(&s);
}

static double mask_share(double rate, uint64_t step, snug_tensor *kept)
{
    static double ones[64 * 64];
    for (int i = 0; i < 64 * 64; i++) ones[i] = 1;
    small s = {.step = op_step(64)};
    s.step.step = step;
    snug_dropout_attrs a = {.rate = rate, .key = 5};
    small_in(&s, SNUG_F64, ones, DIMS(64, 64));
    small_batch(&s, 0);
    small_run(&s, &snug_op_dropout, &a);
    double sum = 0;
    for (int i = 0; i < 64 * 64; i++) {
        double v = snug_load(&s.out[0], i);
        assert_true(v == 0 || fabs(v - 1 / (1 - rate)) < 1e-12);
        sum += v != 0;
    }
    *kept = s.out[0];
    s.out[0] = (snug_tensor){0};
    small_free(&s);
    return sum / (64 * 64);
}

static void dropout_keeps_its_share(void **state)
{
    (void)state;
    snug_tensor a, b;
    for (int tenths = 0; tenths < 10; tenths++) {
        double rate = tenths / 10.0;
        double share = mask_share(rate, 1, &a), spread = sqrt(rate * (1 - rate)) / 64;
        assert_true(fabs(share - (1 - rate)) < 4 * spread + 1e-12);
        mask_share(rate, 2, &b);
        if (rate > 0) assert_false(op_same_bits(&a, &b));
        snug_free(a.data), snug_free(b.data);
    }
}

/* Whole numbers, so that every order of summation gives the same; the places tell the order. */
static void accumulate_counts_in_binary(void **state)
{
    (void)state;
    for (int64_t n = 2; n <= 64; n *= 2) {
        small s = {.step = op_step(0)};
        snug_accumulate_attrs a = {n};
        double total = 0;
        small_in(&s, SNUG_F32, VALUES(0, 0), DIMS(2));
        s.step.n_micro = n;
        for (int64_t m = 0; m < n; m++) {
            s.step.micro = m;
            snug_store(&s.in[0], 0, (double)(m * m)), snug_store(&s.in[0], 1, 1);
            small_run(&s, &snug_op_accumulate, &a);
            total += (double)(m * m);
        }
        assert_true(snug_load(&s.out[0], 0) == total && snug_load(&s.out[0], 1) == (double)n);
        small_free(&s);
    }
}

static void clip_scale_of_nothing_is_one(void **state)
{
    (void)state;
    small s = {.step = op_step(0)};
    snug_clip_attrs a = {.max_norm = 1};
    small_scalar(&s, SNUG_F32, 0);
    small_run(&s, &snug_op_clip_scale, &a);
    assert_true(snug_load(&s.out[0], 0) == 1);
    small_free(&s);
}

static void relu_keeps_nan(void **state)
{
    (void)state;
    small s = {.step = op_step(0)};
    small_in(&s, SNUG_F32, VALUES(NAN, -INFINITY, INFINITY), DIMS(3));
    small_run(&s, &snug_op_relu, NULL);
    assert_true(isnan(snug_load(&s.out[0], 0)) && snug_load(&s.out[0], 1) == 0);
    assert_true(isinf(snug_load(&s.out[0], 2)));
    small_free(&s);
}

static double cast_one(double v, snug_dtype from, snug_dtype to)
{
    small s = {.step = op_step(0)};
    small_in(&s, from, &v, DIMS(1));
    small_run(&s, &snug_op_cast, &(snug_cast_attrs){to});
    assert_int_equal(s.out[0].type.dtype, to);
    double y = snug_load(&s.out[0], 0);
    small_free(&s);
    return y;
}

static void cast_goes_from_any_type_to_any(void **state)
{
    (void)state;
    for (int from = 0; from < SNUG_N_DTYPES; from++)
        for (int to = 0; to < SNUG_N_DTYPES; to++) {
            bool truth = from == SNUG_BOOL || to == SNUG_BOOL;
            for (int v = 0; v < 4; v++) assert_true(cast_one(v, from, to) == (truth ? v != 0 : v));
        }
    const snug_attr *a = snug_op_cast.attrs;
    for (int t = 0; t < SNUG_N_DTYPES; t++)
        assert_string_equal(a->names[t], snug_dtype_get((snug_dtype)t)->name);
    assert_null(a->names[SNUG_N_DTYPES]);
}

static void cast_cuts_fractions_and_stays_in_range(void **state)
{
    (void)state;
    assert_true(cast_one(2.9, SNUG_F32, SNUG_I32) == 2 && cast_one(-2.9, SNUG_F64, SNUG_I8) == -2);
    assert_true(cast_one(300, SNUG_F32, SNUG_U8) == 255 && cast_one(-1, SNUG_I32, SNUG_U8) == 0);
    assert_true(cast_one(-1e9, SNUG_F32, SNUG_I16) == -32768 &&
                cast_one(NAN, SNUG_F32, SNUG_I32) == 0);
    assert_true(cast_one(0.25, SNUG_F32, SNUG_BOOL) == 1 &&
                isnan(cast_one(NAN, SNUG_F32, SNUG_BF16)));
    assert_true(isinf(cast_one(1e9, SNUG_F32, SNUG_F16)));
}

static void chosen_by_any_type(void **state)
{
    (void)state;
    static const snug_dtype types[] = {SNUG_F64, SNUG_BF16, SNUG_I64, SNUG_I8, SNUG_U8, SNUG_BOOL};
    for (int t = 0; t < 6; t++) {
        small s = {.step = op_step(0)};
        small_in(&s, types[t], VALUES(1, 0), DIMS(2));
        small_in(&s, SNUG_F32, VALUES(5, 6), DIMS(2));
        small_in(&s, SNUG_F32, VALUES(7, 8), DIMS(2));
        small_run(&s, &snug_op_where, NULL);
        assert_true(snug_load(&s.out[0], 0) == 5 && snug_load(&s.out[0], 1) == 8);
        small_free(&s);
    }
}

/* Where the pieces of clip meet, its slope is 0. */
static void slopes_at_kinks(void **state)
{
    (void)state;
    small s = {.step = op_step(0)};
    snug_unary_attrs a = {.min = -1, .max = 1};
    small_in(&s, SNUG_F32, VALUES(1, 1, 1, 1), DIMS(4));
    small_in(&s, SNUG_F32, VALUES(-1, 0, 0.5, 1), DIMS(4));
    small_run(&s, &snug_op_clip_grad, &a);
    for (int i = 0; i < 4; i++) assert_true(snug_load(&s.out[0], i) == (i == 1 || i == 2));
    small_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_pool_breaks_ties_by_place),
        cmocka_unit_test(labels_that_are_no_class_count_nothing),
        cmocka_unit_test(cross_entropy_of_certainty_is_finite),
        cmocka_unit_test(batch_norm_without_rows_keeps_statistics),
        cmocka_unit_test(dropout_keeps_its_share),
        cmocka_unit_test(accumulate_counts_in_binary),
        cmocka_unit_test(clip_scale_of_nothing_is_one),
        cmocka_unit_test(relu_keeps_nan),
        cmocka_unit_test(cast_goes_from_any_type_to_any),
        cmocka_unit_test(cast_cuts_fractions_and_stays_in_range),
        cmocka_unit_test(chosen_by_any_type),
        cmocka_unit_test(slopes_at_kinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
