/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions over samples: a batch run whole and run as 2 or 4 micro-batches, summed by accumulate,
 * gives the same bits; whatever follows the batch is the same row by row; no samples give zeros. */
#include "support/check.h"

#include <math.h>

#include "support/op_case.h"

/* Whether output o sums over the batch. */
static bool sums_batch(const op_run *r, int o)
{
    snug_axis_use uses[SNUG_MAX_AXIS_USES];
    snug_sig s = op_sig(r);
    int n = r->op->axes(&s, uses);
    for (int i = 0; i < n; i++)
        if (uses[i].out == o && uses[i].how == SNUG_FOLLOW_REDUCED &&
            s.in[uses[i].in].shape.kind[uses[i].in_axis] == SNUG_AXIS_BATCH)
            return true;
    return false;
}

/* Micro-batch m of n_micro of the whole run, ready to go. */
static void micro_run(const op_run *whole, int64_t m, int64_t n_micro, op_run *r)
{
    *r = *whole;
    r->attrs = op_attrs(r->op, whole->attrs);
    snug_step *s = &r->step;
    s->leaves_here = OP_LEAVES / n_micro, s->n_micro = n_micro, s->micro = m;
    int64_t per = s->leaves_here * s->leaf_samples, begin = m * per, end = begin + per;
    if (begin > s->n_step) begin = s->n_step;
    if (end > s->n_step) end = s->n_step;
    s->first_here = begin, s->n_here = end - begin;
    for (int i = 0; i < r->n_in; i++) {
        bool batch = r->kase->in[i].batch;
        int64_t all = r->in_type[i].shape.n_dims ? r->in_type[i].shape.dim[0] : 0;
        if (r->in_type[i].shape.n_dims == 0) {
            r->in[i] = op_tensor(&r->in_type[i]);
            memcpy(r->in[i].data, whole->in[i].data, snug_type_bytes(&r->in_type[i]));
            continue;
        }
        r->in[i] = op_slice(&whole->in[i], 0, batch ? begin : 0, batch ? end : all);
        r->in_type[i] = r->in[i].type;
    }
    assert_int_equal(op_infer(r), SNUG_OK);
    for (int o = 0; o < r->n_out; o++) r->out[o] = op_tensor(&r->out_type[o]);
}

/* Sums what micro-batches give, through the operator that plans use. */
typedef struct total {
    snug_accumulate_attrs attrs;
    snug_tensor out[2];
} total;

static void total_create(total *t, const snug_type *type, int64_t n_micro)
{
    t->attrs.n_micro = n_micro;
    snug_type out[2];
    snug_infer f = {"total", &t->attrs, 1, 2, type, out};
    assert_int_equal(snug_op_accumulate.shape(&f), SNUG_OK);
    for (int o = 0; o < 2; o++) t->out[o] = op_tensor(&out[o]);
}

static void total_add(total *t, const snug_tensor *g, const snug_step *step)
{
    snug_call c = {.attrs = &t->attrs, .in = g, .out = t->out, .n_in = 1, .n_out = 2, .step = step};
    snug_op_accumulate.ref(&c);
}

static void check_micro(const op_run *whole, int64_t n_micro)
{
    const snug_op *op = whole->op;
    total sum[SNUG_MAX_OUT];
    bool summed[SNUG_MAX_OUT];
    size_t seen[SNUG_MAX_OUT] = {0};
    for (int o = 0; o < whole->n_out; o++)
        if ((summed[o] = sums_batch(whole, o))) total_create(&sum[o], &whole->out_type[o], n_micro);
    for (int64_t m = 0; m < n_micro; m++) {
        op_run r;
        micro_run(whole, m, n_micro, &r);
        op_run_go(&r);
        for (int o = 0; o < whole->n_out; o++) {
            size_t bytes = snug_type_bytes(&r.out_type[o]);
            if (summed[o]) total_add(&sum[o], &r.out[o], &r.step);
            if (summed[o]) continue;
            if (memcmp((char *)whole->out[o].data + seen[o], r.out[o].data, bytes) != 0)
                fail_msg("%s, case '%s': output %d differs in micro-batch %d of %d", op->name,
                         whole->kase->name, o, (int)m, (int)n_micro);
            seen[o] += bytes;
        }
        op_run_free(&r);
    }
    for (int o = 0; o < whole->n_out; o++) {
        if (!summed[o]) continue;
        if (!op_same_bits(&sum[o].out[0], &whole->out[o]))
            fail_msg("%s, case '%s': the sum of output %d differs in %d micro-batches", op->name,
                     whole->kase->name, o, (int)n_micro);
        snug_free(sum[o].out[0].data);
        snug_free(sum[o].out[1].data);
    }
}

static void for_each_batch_case(void (*each)(op_run *whole))
{
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    for (int i = 0; i < n; i++)
        for (const snug_case *k = ops[i]->cases; k->name; k++) {
            if (k->bench || op_case_batch(k) == 0) continue;
            op_run whole;
            assert_int_equal(op_run_make(&whole, ops[i], k, SNUG_F32), SNUG_OK);
            op_run_go(&whole);
            each(&whole);
            op_run_free(&whole);
        }
}

static void split_case(op_run *whole)
{
    if (whole->op->flags & SNUG_OP_BATCH_STATS) return;
    check_micro(whole, 2);
    check_micro(whole, 4);
}

static void micro_batches_give_the_same_bits(void **state)
{
    (void)state;
    for_each_batch_case(split_case);
}

static void empty_case(op_run *whole)
{
    op_run r = *whole;
    r.step.n_here = 0;
    for (int i = 0; i < r.n_in; i++)
        if (r.kase->in[i].batch) r.in[i].type.shape.dim[0] = r.in_type[i].shape.dim[0] = 0;
    assert_int_equal(op_infer(&r), SNUG_OK);
    for (int o = 0; o < r.n_out; o++) {
        r.out[o] = op_tensor(&r.out_type[o]);
        memset(r.out[o].data, 0xff, snug_type_bytes(&r.out_type[o])); /* NaN */
    }
    op_run_go(&r);
    for (int o = 0; o < r.n_out; o++) {
        bool zero = sums_batch(&r, o);
        for (int64_t i = 0; i < snug_shape_elements(&r.out_type[o].shape); i++) {
            double v = snug_load(&r.out[o], i);
            if (!isfinite(v) || (zero && v != 0))
                fail_msg("%s, case '%s': output %d is %g without samples", r.op->name, r.kase->name,
                         o, v);
        }
        snug_free(r.out[o].data);
    }
}

static void no_samples_give_zeros(void **state)
{
    (void)state;
    for_each_batch_case(empty_case);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(micro_batches_give_the_same_bits),
        cmocka_unit_test(no_samples_give_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
