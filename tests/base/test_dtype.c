/* SPDX-License-Identifier: Apache-2.0 */
/* Element types against PyTorch's conversions, round trips of every code, saturation; shapes. */
#include "support/check.h"
#include <math.h>
#include <snug/tensor.h>

#include "golden_dtype.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t stored(snug_dtype t, double v)
{
    uint32_t code = 0;
    snug_dtype_get(t)->store(&code, 0, v);
    return code;
}

static double loaded(snug_dtype t, uint32_t code)
{
    return snug_dtype_get(t)->load(&code, 0);
}

static void check_golden(snug_dtype t, const uint16_t *golden)
{
    for (int i = 0; i < COUNT(golden_f32); i++) {
        uint32_t code = stored(t, (double)from_bits(golden_f32[i]));
        if (code != golden[i])
            fail_msg("%s of %a is 0x%x, not 0x%x", snug_dtype_get(t)->name,
                     (double)from_bits(golden_f32[i]), code, golden[i]);
    }
}

static void test_conversions_match_pytorch(void **state)
{
    (void)state;
    check_golden(SNUG_BF16, golden_bf16);
    check_golden(SNUG_F16, golden_f16);
    check_golden(SNUG_F8E4M3, golden_f8e4m3);
    check_golden(SNUG_F8E5M2, golden_f8e5m2);
}

static void check_codes(snug_dtype t, const uint32_t *golden)
{
    for (uint32_t code = 0; code < 256; code++) {
        double want = (double)from_bits(golden[code]), got = loaded(t, code);
        assert_true(isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want));
    }
}

static void test_f8_codes_match_pytorch(void **state)
{
    (void)state;
    check_codes(SNUG_F8E4M3, golden_f8e4m3_codes);
    check_codes(SNUG_F8E5M2, golden_f8e5m2_codes);
}

/* Every number of a narrow type comes back as its own code; NaN stays NaN. */
static void check_round_trip(snug_dtype t, uint32_t n_codes)
{
    for (uint32_t code = 0; code < n_codes; code++) {
        double v = loaded(t, code);
        if (isnan(v))
            assert_true(isnan(loaded(t, stored(t, v))));
        else
            assert_int_equal(stored(t, v), isinf(v) && t == SNUG_F8E4M3 ? 0x7e : code);
    }
}

static void test_round_trips(void **state)
{
    (void)state;
    check_round_trip(SNUG_BF16, 1 << 16);
    check_round_trip(SNUG_F16, 1 << 16);
    check_round_trip(SNUG_F8E4M3, 1 << 8);
    check_round_trip(SNUG_F8E5M2, 1 << 8);
}

/* Between two neighbours the nearer one is chosen, and the even one half-way. */
static void check_rounding(snug_dtype t, uint32_t last)
{
    for (uint32_t code = 0; code < last; code++) {
        double low = loaded(t, code), high = loaded(t, code + 1), half = low + (high - low) / 2;
        assert_int_equal(stored(t, half), code % 2 ? code + 1 : code);
        assert_int_equal(stored(t, nextafter(half, 0)), code);
        assert_int_equal(stored(t, nextafter(half, INFINITY)), code + 1);
    }
}

static void test_rounding(void **state)
{
    (void)state;
    check_rounding(SNUG_BF16, 0x7f7f);
    check_rounding(SNUG_F16, 0x7bff);
    check_rounding(SNUG_F8E4M3, 0x7e);
    check_rounding(SNUG_F8E5M2, 0x7b);
}

static void test_integers_saturate(void **state)
{
    (void)state;
    assert_int_equal((int8_t)stored(SNUG_I8, 200), 127);
    assert_int_equal((int8_t)stored(SNUG_I8, -1e30), -128);
    assert_int_equal(stored(SNUG_U8, -3), 0);
    assert_int_equal(stored(SNUG_U8, INFINITY), 255);
    assert_int_equal(stored(SNUG_U8, NAN), 0);
    assert_int_equal(stored(SNUG_U8, 2.5), 2);
    assert_int_equal(stored(SNUG_U8, 3.5), 4);
    assert_int_equal((int16_t)stored(SNUG_I16, 40000), INT16_MAX);
    assert_int_equal((int32_t)stored(SNUG_I32, -3e9), INT32_MIN);
    assert_int_equal(stored(SNUG_BOOL, 0.1), 1);
    int64_t wide;
    snug_dtype_get(SNUG_I64)->store(&wide, 0, 1e30);
    assert_true(wide == INT64_MAX);
    snug_dtype_get(SNUG_I64)->store(&wide, 0, -1e30);
    assert_true(wide == INT64_MIN);
}

static void test_rows_are_complete(void **state)
{
    (void)state;
    for (int t = 0; t < SNUG_N_DTYPES; t++) {
        const snug_dtype_info *info = snug_dtype_get((snug_dtype)t);
        assert_non_null(info->name);
        assert_non_null(info->safetensors);
        assert_true(info->block_bytes > 0 && info->block_elements > 0);
        char two[16];
        info->store(two, 0, 0);
        info->store(two, 1, 1);
        assert_true(info->load(two, 0) == 0 && info->load(two, 1) == 1);
    }
}

static void test_shapes(void **state)
{
    (void)state;
    char text[SNUG_SHAPE_TEXT];
    snug_type t = {snug_shape_make(4, (int64_t[]){64, 28, 28, 3}), SNUG_F16};
    assert_int_equal(snug_shape_elements(&t.shape), 64 * 28 * 28 * 3);
    assert_int_equal(snug_type_bytes(&t), 64 * 28 * 28 * 3 * 2);
    assert_string_equal(snug_shape_text(&t.shape, text, sizeof text), "[64, 28, 28, 3]");
    snug_shape scalar = snug_shape_make(0, NULL), other = t.shape;
    assert_int_equal(snug_shape_elements(&scalar), 1);
    assert_string_equal(snug_shape_text(&scalar, text, sizeof text), "[]");
    assert_true(snug_shape_equal(&t.shape, &other));
    other.dim[3] = 1;
    assert_false(snug_shape_equal(&t.shape, &other));
    assert_false(snug_shape_equal(&t.shape, &scalar));
    assert_string_equal(snug_shape_text(&t.shape, text, 8), "[64, 28");
    int64_t huge[] = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
    snug_shape longest = snug_shape_make(6, huge);
    snug_shape_text(&longest, text, sizeof text);
    assert_int_equal(text[strlen(text) - 1], ']');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions_match_pytorch),
        cmocka_unit_test(test_f8_codes_match_pytorch),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_integers_saturate),
        cmocka_unit_test(test_rows_are_complete),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
