/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts side by side, tiers and their masks, operators by name, the log; SHA-256. */
#include "base/context.h"
#include "base/cpu.h"
#include "base/os.h"
#include "base/sha256.h"
#include "support/check.h"

static snug_status no_shape(snug_infer *in)
{
    (void)in;
    return SNUG_OK;
}

static void no_ref(const snug_call *c)
{
    (void)c;
}

static const snug_op first = {
    .name = "first", .n_in_max = 1, .n_out = 1, .shape = no_shape, .ref = no_ref};
static const snug_op second = {
    .name = "second", .n_in_max = 1, .n_out = 1, .shape = no_shape, .ref = no_ref};
static const snug_op *const builtin[] = {&first};

static void test_operators(void **state)
{
    (void)state;
    snug_context *a, *b;
    snug_context_config config = {.threads = 2};
    ok(snug_context_create_with(&config, builtin, 1, &a));
    ok(snug_context_create_with(&config, builtin, 1, &b));
    assert_ptr_equal(snug_context_find_op(a, "first"), &first);
    assert_null(snug_context_find_op(a, "second"));
    ok(snug_context_add_op(a, &second));
    assert_ptr_equal(snug_context_find_op(a, "second"), &second);
    assert_null(snug_context_find_op(b, "second"));
    assert_ptr_equal(snug_context_op(a, 1), &second);
    assert_null(snug_context_op(a, 2));
    assert_null(snug_context_op(a, -1));
    fails(snug_context_add_op(a, &second), SNUG_EINVAL, "'second' already");
    fails(snug_context_add_op(a, &first), SNUG_EINVAL, "'first' already");
    snug_op bad = second;
    bad.name = "bad";
    bad.n_out = 0;
    fails(snug_context_add_op(a, &bad), SNUG_EINVAL, "outputs");
    bad.shape = NULL;
    fails(snug_context_add_op(a, &bad), SNUG_EINVAL, "shape rule");
    bad.name = "";
    fails(snug_context_add_op(a, &bad), SNUG_EINVAL, "needs a name");
    snug_context_destroy(a);
    snug_context_destroy(b);
    snug_context_destroy(NULL);
}

static void test_threads_and_tiers(void **state)
{
    (void)state;
    snug_context *ctx;
    ok(snug_context_create_with(NULL, NULL, 0, &ctx));
    assert_int_equal(snug_context_threads(ctx), snug_os_cores());
    snug_tier best = snug_context_tier(ctx);
    assert_true(snug_cpu_tiers() >> best & 1);
    assert_int_equal(snug_cpu_tiers() >> (best + 1), 0);
    snug_context_destroy(ctx);
    snug_context_config config = {.threads = 1, .tier_mask = 1u << SNUG_TIER_SCALAR};
    ok(snug_context_create_with(&config, NULL, 0, &ctx));
    assert_int_equal(snug_context_tier(ctx), SNUG_TIER_SCALAR);
    snug_context_destroy(ctx);
    config.tier_mask = ~(1u << best) & 0xff; /* without the best: one below it */
    ok(snug_context_create_with(&config, NULL, 0, &ctx));
    assert_true(best == SNUG_TIER_SCALAR || snug_context_tier(ctx) < best);
    snug_context_destroy(ctx);
    config.threads = -1;
    fails(snug_context_create_with(&config, NULL, 0, &ctx), SNUG_EINVAL, "-1 threads");
    assert_string_equal(snug_tier_name(SNUG_TIER_AVX2), "avx2");
    assert_string_equal(snug_tier_name((snug_tier)77), "unknown");
    assert_true(strlen(snug_version()) >= 5);
}

static void test_interrupt(void **state)
{
    (void)state;
    snug_context *ctx;
    snug_context_config config = {.threads = 1};
    ok(snug_context_create_with(&config, NULL, 0, &ctx));
    assert_false(snug_context_interrupted(ctx));
    snug_context_interrupt(ctx);
    assert_true(snug_context_interrupted(ctx));
    snug_context_destroy(ctx);
}

static void keep_last(void *arg, snug_log_level level, const char *message)
{
    (void)level;
    strncpy(arg, message, 31);
}

static void test_log(void **state)
{
    (void)state;
    char last[32] = "";
    snug_context *ctx;
    snug_context_config config = {
        .threads = 1, .log_level = SNUG_LOG_WARN, .log = keep_last, .log_arg = last};
    ok(snug_context_create_with(&config, NULL, 0, &ctx));
    snug_log(ctx, SNUG_LOG_INFO, "unheard");
    assert_string_equal(last, "");
    snug_log(ctx, SNUG_LOG_WARN, "%d left", 3);
    assert_string_equal(last, "3 left");
    snug_context_destroy(ctx);
}

static void test_machine(void **state)
{
    (void)state;
    snug_cpu_info info;
    snug_cpu_describe(&info);
    assert_true(info.name[0] != '\0');
    assert_true(info.l1d_bytes >= 0 && info.l1d_bytes <= 1 << 20);
    assert_true(snug_os_cores() >= 1);
    assert_true(snug_os_memory() > 1 << 24);
    double t = snug_now();
    assert_true(snug_now() >= t && snug_wall_time() > 1.6e9);
    assert_true(snug_os_steal_seconds() >= 0);
}

static void test_sha256(void **state)
{
    (void)state;
    snug_sha256 h;
    char hex[65];
    snug_sha256_begin(&h);
    snug_sha256_end(&h, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    snug_sha256_begin(&h);
    snug_sha256_add(&h, "a", 1);
    snug_sha256_add(&h, "bc", 2);
    snug_sha256_end(&h, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators), cmocka_unit_test(test_threads_and_tiers),
        cmocka_unit_test(test_interrupt), cmocka_unit_test(test_log),
        cmocka_unit_test(test_machine),   cmocka_unit_test(test_sha256),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
