/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of every tier that this machine runs, on the cases of its operator: close to the
 * reference, inside its buffers, and the same bits whatever the threads, the micro-batches and the
 * other samples. Driven by the tables: a new kernel is checked without an edit here.
 *
 *     check_kernels [--seed N] [--shapes N]    as a test; N random shapes a case
 *     check_kernels --small ...                without the shapes of the zoo
 *     check_kernels --bench [OPERATOR]         how fast each case of the zoo runs */
#include "base/cpu.h"
#include "base/os.h"
#include "kernels/trial.h"
#include <setjmp.h>
#include <snug/leaves.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka.h needs some of those above */
#include <cmocka.h>

#define LEAVES    4
#define MAX_BATCH 4 /* samples of a case that is as large as the zoo's layers */

static const int pool_threads[] = {1, 2, 3, 7};
enum { N_POOLS = sizeof pool_threads / sizeof pool_threads[0] };
static snug_pool *pools[N_POOLS];
static uint64_t seed = 1;
static int n_shapes = 3;
static bool only_small;

/* What a check is about, and how many have gone wrong in this test. */
typedef struct subject {
    const snug_op *op;
    const snug_case *c;
    snug_tier tier;
    int *failures;
} subject;

static void complain(const subject *s, const char *what, double error, double bound)
{
    char text[SNUG_SHAPE_TEXT];
    ++*s->failures;
    print_error("%s %s '%s', way %d: %s", snug_tier_name(s->tier), s->op->name, s->c->name,
                trial_way, what);
    if (bound > 0) print_error(" (%.3g, allowed %.3g)", error, bound);
    for (int i = 0; i < s->c->n_in; i++) {
        const snug_type t = snug_case_type(&s->c->in[i], SNUG_F32);
        print_error(" %s", snug_shape_text(&t.shape, text, sizeof text));
    }
    print_error("\n");
}

static int64_t case_samples(const snug_case *c)
{
    for (int i = 0; i < c->n_in; i++) {
        if (!c->in[i].batch) continue;
        return c->bench && c->in[i].dim[0] > MAX_BATCH ? MAX_BATCH : c->in[i].dim[0];
    }
    return 0;
}

static bool case_has_batch(const snug_case *c)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].batch) return true;
    return false;
}

/* A batch in LEAVES slots, as a step cuts it. */
static snug_step whole_step(int64_t samples)
{
    int64_t leaf = samples > 0 ? (samples + LEAVES - 1) / LEAVES : 1;
    return (snug_step){.seed = 3,
                       .step = 5,
                       .n_step = samples,
                       .n_here = samples,
                       .leaf_samples = leaf,
                       .leaves_here = LEAVES,
                       .n_micro = 1};
}

static bool same_bits(const snug_tensor *a, const snug_tensor *b)
{
    return memcmp(a->data, b->data, snug_type_bytes(&a->type)) == 0;
}

/* ---- against the reference ---------------------------------------------------------------------
 */

/* Largest difference over the largest magnitude; infinite when one is a number and the other not.
 */
static double largest_error(const snug_tensor *got, const snug_tensor *want)
{
    double error = 0, magnitude = 0;
    for (int64_t i = 0; i < snug_shape_elements(&want->type.shape); i++) {
        double a = snug_load(got, i), b = snug_load(want, i);
        if (isnan(a) != isnan(b)) return INFINITY;
        if (fabs(a - b) > error) error = fabs(a - b);
        if (fabs(b) > magnitude) magnitude = fabs(b);
    }
    return magnitude > 0 ? error / magnitude : error;
}

static void compare(const subject *s, const trial *got, const trial *want, const char *what)
{
    /* a way that does not suit the shape may be less exact there */
    double bound = (s->c->tolerance > 0 ? s->c->tolerance : 2e-6) * (trial_way ? 10 : 1);
    for (int i = 0; i < got->n_out; i++) {
        if (!trial_guards_whole(&got->out[i], true)) complain(s, "writes outside an output", 0, 0);
        if (!snug_dtype_get(got->out[i].type.dtype)->is_float) {
            if (!same_bits(&got->out[i], &want->out[i])) complain(s, what, 0, 0);
            continue;
        }
        double error = largest_error(&got->out[i], &want->out[i]);
        if (!(error <= bound)) complain(s, what, error, bound);
    }
    for (int i = 0; i < got->n_in; i++)
        if (!trial_guards_whole(&got->in[i], false)) complain(s, "writes before an input", 0, 0);
}

static void check_reference(const subject *s)
{
    snug_step step = whole_step(s->c->bench ? case_samples(s->c) > 2 ? 2 : case_samples(s->c)
                                            : case_samples(s->c));
    trial got, want;
    if (!trial_make(&got, s->op, s->c, &step) || !trial_make(&want, s->op, s->c, &step)) {
        complain(s, snug_error_message(), 0, 0);
        return;
    }
    const snug_kernel *k = trial_kernel(&got, s->tier);
    if (k) {
        trial_run(&want, NULL, pools[0]);
        trial_run(&got, k, pools[1]);
        compare(s, &got, &want, "differs from the reference");
    }
    trial_close(&got), trial_close(&want);
}

/* Outputs that may share the bytes of an input, in its place. */
static void check_in_place(const subject *s)
{
    snug_step step = whole_step(case_samples(s->c));
    trial got, want;
    bool any = false;
    if (!trial_make(&got, s->op, s->c, &step) || !trial_make(&want, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&got, s->tier);
    for (int i = 0; i < got.n_out; i++) {
        if (!s->op->inplace[i]) continue;
        const snug_tensor *in = &got.in[s->op->inplace[i] - 1];
        if (snug_type_bytes(&in->type) != snug_type_bytes(&got.out[i].type)) continue;
        got.out[i].data = in->data;
        any = true;
    }
    if (k && any) {
        trial_run(&want, k, pools[1]);
        trial_run(&got, k, pools[1]);
        for (int i = 0; i < got.n_out; i++)
            if (!same_bits(&got.out[i], &want.out[i])) complain(s, "differs in place", 0, 0);
    }
    trial_close(&got), trial_close(&want);
}

/* Outputs after the first that nobody wants. */
static void check_first_only(const subject *s)
{
    snug_step step = whole_step(case_samples(s->c));
    trial got, want;
    if (s->op->n_out < 2 || s->op->flags & (SNUG_OP_UPDATE | SNUG_OP_ACROSS)) return;
    if (!trial_make(&got, s->op, s->c, &step) || !trial_make(&want, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&got, s->tier);
    if (k) {
        trial_run(&want, k, pools[1]);
        for (int i = 1; i < got.n_out; i++) got.out[i].data = NULL;
        trial_run(&got, k, pools[1]);
        if (!same_bits(&got.out[0], &want.out[0]))
            complain(s, "differs when only its first output is wanted", 0, 0);
    }
    trial_close(&got), trial_close(&want);
}

/* ---- the same bits -----------------------------------------------------------------------------
 */

static void check_threads(const subject *s)
{
    snug_step step = whole_step(case_samples(s->c));
    trial one, more;
    if (!trial_make(&one, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&one, s->tier);
    if (k) trial_run(&one, k, pools[0]);
    for (int p = 1; p < N_POOLS && k; p++) {
        if (!trial_make(&more, s->op, s->c, &step)) break;
        trial_run(&more, k, pools[p]);
        for (int i = 0; i < one.n_out; i++)
            if (!same_bits(&one.out[i], &more.out[i])) complain(s, "depends on the threads", 0, 0);
        trial_close(&more);
    }
    trial_close(&one);
}

/* What a kernel makes of in[1] once serves as in[1] does. */
static void check_kept(const subject *s)
{
    snug_step step = whole_step(case_samples(s->c));
    trial plain, kept;
    if (!trial_make(&plain, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&plain, s->tier);
    if (k && snug_kernel_can(k)->keep_bytes) trial_run(&plain, k, pools[0]);
    for (int p = 0; p < N_POOLS && k && snug_kernel_can(k)->keep_bytes; p++) {
        if (!trial_make(&kept, s->op, s->c, &step)) break;
        const bool ran = trial_run_kept(&kept, k, pools[p]);
        for (int i = 0; i < plain.n_out && ran; i++)
            if (!same_bits(&plain.out[i], &kept.out[i]))
                complain(s, "differs with what it keeps", 0, 0);
        trial_close(&kept);
    }
    trial_close(&plain);
}

/* Some rows of a sum over rows of in[0], made alone. */
static void check_rows(const subject *s)
{
    snug_step step = whole_step(case_samples(s->c));
    trial whole, part;
    if (!trial_make(&whole, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&whole, s->tier);
    const bool asked = k && snug_kernel_can(k)->rows && whole.n_in == 2 &&
                       trial_attr(&whole, "trans_a", 0) && !trial_attr(&whole, "trans_b", 0);
    if (asked) trial_run(&whole, k, pools[1]);
    const int64_t all = whole.out[0].type.shape.dim[0];
    for (int64_t n = 1; n <= all && asked; n = 3 * n + 2) {
        if (!trial_make(&part, s->op, s->c, &step)) break;
        snug_tensor *out = &part.out[0];
        const size_t row = snug_type_bytes(&out->type) / (size_t)all;
        char *begin = out->data;
        for (part.row = 0; part.row < all; part.row += n) {
            part.n_rows = all - part.row < n ? all - part.row : n;
            out->type.shape.dim[0] = part.n_rows;
            out->data = begin + (size_t)part.row * row;
            trial_run(&part, k, pools[0]);
        }
        out->data = begin, out->type.shape.dim[0] = all;
        if (!same_bits(&whole.out[0], out)) complain(s, "depends on the rows in a call", 0, 0);
        trial_close(&part);
    }
    trial_close(&whole);
}

/* Bytes of rows [first, first + n of part) of `whole` against `part`. */
static bool same_rows(const snug_tensor *whole, const snug_tensor *part, int64_t first)
{
    int64_t rows = whole->type.shape.dim[0];
    size_t row = rows > 0 ? snug_type_bytes(&whole->type) / (size_t)rows : 0;
    return memcmp((char *)whole->data + (size_t)first * row, part->data,
                  snug_type_bytes(&part->type)) == 0;
}

/* Sums of micro-batches, combined by the tree, against the whole batch's. */
static bool same_sum(const snug_tensor *whole, const trial *parts, int n, int out)
{
    int64_t elements = snug_shape_elements(&whole->type.shape);
    if (whole->type.dtype != SNUG_F32) return true;
    for (int64_t e = 0; e < elements; e++) {
        float sum[LEAVES];
        uint32_t got, want;
        for (int p = 0; p < n; p++)
            memcpy(&sum[p], (float *)parts[p].out[out].data + e, sizeof sum[p]);
        for (int d = 1; d < n; d *= 2)
            for (int p = 0; p < n; p += 2 * d) sum[p] += sum[p + d];
        memcpy(&got, sum, sizeof got);
        memcpy(&want, (float *)whole->data + e, sizeof want);
        if (got != want) return false;
    }
    return true;
}

static void check_cut(const subject *s, const trial *whole, const snug_kernel *k, int n)
{
    trial part[LEAVES];
    for (int m = 0; m < n; m++) {
        snug_step step = whole->step;
        step.leaves_here = LEAVES / n, step.micro = m, step.n_micro = n;
        int64_t slots = step.leaves_here * step.leaf_samples, left = step.n_step - m * slots;
        step.first_here = m * slots;
        step.n_here = left < 0 ? 0 : left < slots ? left : slots;
        if (left < 0) step.first_here = step.n_step;
        if (!trial_make(&part[m], s->op, s->c, &step)) abort();
        trial_run(&part[m], k, pools[1]);
    }
    for (int i = 0; i < whole->n_out; i++) {
        const snug_tensor *w = &whole->out[i];
        bool same = trial_has_batch(&w->type) || same_sum(w, part, n, i);
        for (int m = 0; m < n && trial_has_batch(&w->type); m++)
            same = same && same_rows(w, &part[m].out[i], part[m].step.first_here);
        if (!same) complain(s, "depends on the micro-batches", 0, 0);
    }
    for (int m = 0; m < n; m++) trial_close(&part[m]);
}

static void check_micro_batches(const subject *s)
{
    if (!case_has_batch(s->c) || s->op->flags & SNUG_OP_BATCH_STATS) return;
    snug_step step = whole_step(case_samples(s->c));
    trial whole;
    if (!trial_make(&whole, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&whole, s->tier);
    if (k) trial_run(&whole, k, pools[0]);
    for (int n = 1; n <= LEAVES && k; n *= 2) check_cut(s, &whole, k, n);
    trial_close(&whole);
}

/* Each sample alone gives what it gives within the batch. */
static void check_alone(const subject *s)
{
    if (!case_has_batch(s->c) || s->op->flags & SNUG_OP_BATCH_STATS) return;
    snug_step step = whole_step(case_samples(s->c));
    trial whole, one;
    if (!trial_make(&whole, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&whole, s->tier);
    if (k) trial_run(&whole, k, pools[0]);
    for (int64_t n = 0; n < step.n_here && k; n += 1 + n) {
        snug_step alone = step;
        alone.first_here = n, alone.n_here = 1, alone.leaves_here = 1;
        if (!trial_make(&one, s->op, s->c, &alone)) break;
        trial_run(&one, k, pools[0]);
        for (int i = 0; i < one.n_out; i++)
            if (trial_has_batch(&one.out[i].type) && !same_rows(&whole.out[i], &one.out[i], n))
                complain(s, "depends on the other samples", 0, 0);
        trial_close(&one);
    }
    trial_close(&whole);
}

/* ---- random shapes -----------------------------------------------------------------------------
 */

/* The case with some of its lengths replaced, equal ones alike, so that what must agree still may;
 * its inputs are in `in`. */
static snug_case vary(const snug_case *c, uint64_t number, snug_case_in in[SNUG_MAX_IN])
{
    snug_case out = *c;
    out.name = "random", out.bench = false, out.in = in;
    for (int i = 0; i < c->n_in; i++) in[i] = c->in[i];
    for (int i = 0; i < c->n_in; i++) {
        for (int d = 0; d < c->in[i].n_dims; d++) {
            uint32_t u[4];
            uint64_t what = (uint64_t)c->in[i].dim[d] * 2 + (d == 0 && c->in[i].batch);
            snug_rng(seed, RNG_TEST, number, what, u);
            if (u[0] % 2) continue;
            int64_t length = 1 + (int64_t)(u[1] % (u[2] % 4 ? 20 : 150));
            if (d == 0 && c->in[i].batch) length = 1 + u[1] % 9;
            in[i].dim[d] = (int32_t)length;
        }
        const int last = c->in[0].n_dims - 1;
        if (in[i].n_dims && last >= 0 && c->in[i].index_below == c->in[0].dim[last])
            in[i].index_below = in[0].dim[last];
    }
    return out;
}

static double elements_of(const snug_case *c)
{
    double most = 0;
    for (int i = 0; i < c->n_in; i++) {
        double n = 1;
        for (int d = 0; d < c->in[i].n_dims; d++) n *= (double)c->in[i].dim[d];
        most = n > most ? n : most;
    }
    return most;
}

static void check_random(const subject *s)
{
    if (s->c->bench) return;
    int made = 0;
    for (uint64_t i = 0; i < 40 && made < n_shapes; i++) {
        snug_case_in in[SNUG_MAX_IN] = {{.n_dims = 0}};
        snug_case c = vary(s->c, i, in);
        subject varied = {s->op, &c, s->tier, s->failures};
        trial t;
        bool fits = elements_of(&c) < 2e4 && trial_open(&t, s->op, &c, case_samples(&c));
        snug_error_clear();
        if (!fits) continue;
        trial_close(&t);
        made++;
        check_reference(&varied);
        check_micro_batches(&varied);
        check_kept(&varied);
    }
}

/* ---- all of them -------------------------------------------------------------------------------
 */

/* Ways of the operator's kernel with the most of them. */
static int n_ways(snug_tier tier, const char *op)
{
    const snug_kernel *k;
    int most = 0;
    for (int i = 0; (k = snug_kernel_row(tier, i)); i++) {
        int n = 0;
        while (strcmp(k->op, op) == 0 && snug_kernel_can(k)->ways && k->more->ways[n]) n++;
        if (n > most) most = n;
    }
    return most;
}

/* Each case of each operator, on each tier, in each way. */
static void each_kernel(void (*check)(const subject *))
{
    int n_ops, failures = 0;
    const snug_op *const *ops = snug_builtin_ops(&n_ops);
    for (int tier = 0; tier < SNUG_N_TIERS; tier++) {
        if (!(snug_cpu_tiers() >> tier & 1)) continue;
        for (int i = 0; i < n_ops; i++)
            for (const snug_case *c = ops[i]->cases; c && c->name; c++)
                for (int way = n_ways((snug_tier)tier, ops[i]->name); way >= 0; way--) {
                    trial_way = way;
                    if (!only_small || !c->bench)
                        check(&(subject){ops[i], c, (snug_tier)tier, &failures});
                }
    }
    assert_int_equal(failures, 0);
}

/* clang-format off */
static void test_reference(void **state) { (void)state; each_kernel(check_reference); }
static void test_in_place(void **state) { (void)state; each_kernel(check_in_place); }
static void test_first_only(void **state) { (void)state; each_kernel(check_first_only); }
static void test_threads(void **state) { (void)state; each_kernel(check_threads); }
static void test_micro_batches(void **state) { (void)state; each_kernel(check_micro_batches); }
static void test_alone(void **state) { (void)state; each_kernel(check_alone); }
static void test_kept(void **state) { (void)state; each_kernel(check_kept); }
static void test_rows(void **state) { (void)state; each_kernel(check_rows); }
static void test_random(void **state) { (void)state; each_kernel(check_random); }
/* clang-format on */

/* ---- speed -------------------------------------------------------------------------------------
 */

static double seconds_a_run(trial *t, const snug_kernel *k, snug_pool *pool)
{
    double best = INFINITY, end = snug_now() + 0.05;
    do {
        double start = snug_now();
        trial_run(t, k, pool);
        double took = snug_now() - start;
        if (took < best) best = took;
    } while (snug_now() < end);
    return best;
}

static void bench_case(const subject *s)
{
    int64_t samples = 0;
    for (int i = 0; i < s->c->n_in; i++)
        if (s->c->in[i].batch) samples = s->c->in[i].dim[0];
    snug_step step = whole_step(samples);
    trial t;
    if (!trial_make(&t, s->op, s->c, &step)) return;
    const snug_kernel *k = trial_kernel(&t, s->tier);
    if (k) {
        snug_type in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
        snug_sig sig = trial_sig(&t, in, out);
        snug_cost cost = s->op->cost(&sig);
        double one = seconds_a_run(&t, k, pools[0]), two = seconds_a_run(&t, k, pools[1]);
        printf("%-7s %-22s %-24s %9.1f us %7.1f GFLOP/s %6.1f GB/s   2 threads %.2fx\n",
               snug_tier_name(s->tier), s->op->name, s->c->name, one * 1e6, cost.flops / one * 1e-9,
               (cost.bytes_read + cost.bytes_written) / one * 1e-9, one / two);
    }
    trial_close(&t);
}

static void bench(const char *only)
{
    int n_ops, failures = 0;
    const snug_op *const *ops = snug_builtin_ops(&n_ops);
    for (int i = 0; i < n_ops; i++) {
        if (only && strcmp(only, ops[i]->name) != 0) continue;
        for (const snug_case *c = ops[i]->cases; c && c->name; c++)
            for (int tier = 0; tier < SNUG_N_TIERS && c->bench; tier++)
                if (snug_cpu_tiers() >> tier & 1)
                    bench_case(&(subject){ops[i], c, (snug_tier)tier, &failures});
    }
}

int main(int argc, char **argv)
{
    for (int p = 0; p < N_POOLS; p++)
        if (snug_pool_create(pool_threads[p], &pools[p]) != SNUG_OK) return 1;
    int failed = 0;
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) {
        bench(argc > 2 ? argv[2] : NULL);
    } else {
        for (int i = 1; i < argc; i++) only_small |= strcmp(argv[i], "--small") == 0;
        for (int i = 1; i + 1 < argc; i += 2) {
            if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
            if (strcmp(argv[i], "--shapes") == 0) n_shapes = atoi(argv[i + 1]);
        }
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_reference),     cmocka_unit_test(test_in_place),
            cmocka_unit_test(test_first_only),    cmocka_unit_test(test_threads),
            cmocka_unit_test(test_micro_batches), cmocka_unit_test(test_alone),
            cmocka_unit_test(test_kept),          cmocka_unit_test(test_rows),
            cmocka_unit_test(test_random),
        };
        failed = cmocka_run_group_tests(tests, NULL, NULL);
    }
    for (int p = 0; p < N_POOLS; p++) snug_pool_destroy(pools[p]);
    return failed;
}
