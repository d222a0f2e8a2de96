/* SPDX-License-Identifier: Apache-2.0 */
/* Every operator of the table, from its own cases: the row is whole, the shape rule accepts the
 * cases and refuses changed ones with a message that names what is wrong, the axis rule tells the
 * truth, f32 agrees with f64, and working in place changes nothing. A new operator needs no edit.
 */
#include "support/check.h"

#include <math.h>

#include "ops/broadcast.h"
#include "support/op_case.h"

/* Call `each` for every case of every operator; bench cases are large and only typed. */
static void for_each_case(bool with_bench, void (*each)(const snug_op *op, const snug_case *k))
{
    int n_ops;
    const snug_op *const *ops = snug_builtin_ops(&n_ops);
    for (int i = 0; i < n_ops; i++)
        for (const snug_case *k = ops[i]->cases; k && k->name; k++)
            if (with_bench || !k->bench) each(ops[i], k);
}

#define EXPECT(cond, op, k, ...)                                                                   \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            print_error("%s, case '%s': ", (op)->name, (k)->name);                                 \
            print_error(__VA_ARGS__);                                                              \
            print_error("\n");                                                                     \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static void check_attr_rows(const snug_op *op)
{
    for (const snug_attr *a = op->attrs; a && a->name; a++) {
        assert_true(a->offset + sizeof(int64_t) <= op->attrs_bytes);
        assert_true(a->min <= a->initial && a->initial <= a->max);
        assert_true(a->help && *a->help);
        assert_true(a->kind != SNUG_ATTR_ENUM || a->names);
    }
}

static void rows_are_whole(void **state)
{
    (void)state;
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    for (int i = 0; i < n; i++) {
        const snug_op *op = ops[i];

        assert_non_null(op->shape);
        assert_non_null(op->axes);
        assert_non_null(op->cost);
        assert_non_null(op->ref);
        assert_non_null(op->cases);
        assert_true(op->n_in_min >= 1 && op->n_in_min <= op->n_in_max);
        assert_true(op->n_in_max <= SNUG_MAX_IN && op->n_out >= 1 && op->n_out <= SNUG_MAX_OUT);
        size_t length = strlen(op->name);
        assert_true(strncmp(op->doc, op->name, length) == 0 && op->doc[length] == '(');
        bool says = op->flags & SNUG_OP_BACKWARD || strstr(op->doc, "No gradient");
        assert_true(op->grad ? strstr(op->doc, "Gradient:") != NULL : says);
        for (int o = 0; o < op->n_out; o++) assert_true(op->inplace[o] <= op->n_in_min);
        for (int j = 0; j < i; j++) assert_string_not_equal(op->name, ops[j]->name);
        check_attr_rows(op);
    }
}

static void type_case(const snug_op *op, const snug_case *k)
{
    op_run r;
    EXPECT(op_run_types(&r, op, k, SNUG_F32) == SNUG_OK, op, k, "%s", snug_error_message());
    EXPECT(k->n_in >= op->n_in_min && k->n_in <= op->n_in_max, op, k, "%d inputs", k->n_in);
    snug_sig s = op_sig(&r);
    snug_cost c = op->cost(&s);
    EXPECT(isfinite(c.flops) && c.flops >= 0 && c.bytes_read >= 0 && c.bytes_written >= 0, op, k,
           "cost");
    for (int o = 0; o < r.n_out; o++)
        if (op->inplace[o])
            EXPECT(op_may_share(&r, o) || op->axes == snug_axes_broadcast, op, k,
                   "output %d cannot live in input %d: sizes differ", o, op->inplace[o] - 1);
    for (const snug_attr *a = op->attrs; a && a->name && k->attrs; a++) {
        double x;
        int64_t i;
        memcpy(&x, (const char *)k->attrs + a->offset, sizeof x);
        memcpy(&i, (const char *)k->attrs + a->offset, sizeof i);
        if (a->kind != SNUG_ATTR_FLOAT) x = (double)i;
        EXPECT(x >= a->min && x <= a->max, op, k, "%s is %g", a->name, x);
    }
    snug_free(r.attrs);
}

static void cases_have_types(void **state)
{
    (void)state;
    for_each_case(true, type_case);
}

/* Make one axis of one input longer, or an input of another type: refused clearly, or accepted. */
static void perturb_case(const snug_op *op, const snug_case *k)
{
    op_run r;
    assert_int_equal(op_run_types(&r, op, k, SNUG_F32), SNUG_OK);
    for (int i = 0; i < r.n_in; i++)
        for (int d = 0; d < r.in_type[i].shape.n_dims; d++) {
            char text[SNUG_SHAPE_TEXT];
            r.in_type[i].shape.dim[d] += 1;
            snug_shape_text(&r.in_type[i].shape, text, sizeof text);
            if (op_infer(&r) != SNUG_OK) {
                const char *said = snug_error_message();
                const char *shape = strstr(said, text);
                EXPECT(strstr(said, "node under test"), op, k, "no name in: %s", said);
                EXPECT(shape, op, k, "no %s in: %s", text, said);
                EXPECT(strchr(said, '[') != strrchr(said, '[') || r.n_in == 1, op, k,
                       "only one shape in: %s", said);
            }
            snug_error_clear();
            r.in_type[i].shape.dim[d] -= 1;
        }
    snug_free(r.attrs);
}

static void wrong_shapes_are_told(void **state)
{
    (void)state;
    for_each_case(false, perturb_case);
}

/* The longest that an axis of the shape may be, as far as a graph takes tensors. */
static int64_t longest(const snug_shape *s, int axis)
{
    int64_t extent = INT64_MAX / 64 - 1;
    for (int d = 0; d < s->n_dims; d++)
        if (d != axis && s->dim[d] > 1) extent /= s->dim[d];
    return extent;
}

/* Extents near the limits are refused instead of overflowing. */
static void huge_case(const snug_op *op, const snug_case *k)
{
    op_run r;
    assert_int_equal(op_run_types(&r, op, k, SNUG_F32), SNUG_OK);
    for (int i = 0; i < r.n_in; i++)
        for (int d = 0; d < r.in_type[i].shape.n_dims; d++) {
            int64_t old = r.in_type[i].shape.dim[d];
            r.in_type[i].shape.dim[d] = longest(&r.in_type[i].shape, d);
            snug_status s = op_infer(&r);
            for (int o = 0; o < r.n_out && s == SNUG_OK; o++)
                for (int e = 0; e < r.out_type[o].shape.n_dims; e++)
                    EXPECT(r.out_type[o].shape.dim[e] >= 0, op, k, "negative extent");
            snug_error_clear();
            r.in_type[i].shape.dim[d] = old;
        }
    snug_free(r.attrs);
}

static void huge_shapes_do_not_overflow(void **state)
{
    (void)state;
    for_each_case(false, huge_case);
}

static void compare_types(const snug_op *op, const snug_case *k)
{
    op_run single, exact;
    assert_int_equal(op_run_make(&single, op, k, SNUG_F32), SNUG_OK);
    assert_int_equal(op_run_make(&exact, op, k, SNUG_F64), SNUG_OK);
    op_run_go(&single);
    op_run_go(&exact);
    for (int o = 0; o < single.n_out; o++) {
        double e = op_error(&single.out[o], &exact.out[o]);
        EXPECT(e < 1e-6, op, k, "output %d of f32 differs from f64 by %g", o, e);
    }
    op_run_free(&single);
    op_run_free(&exact);
}

static void f32_agrees_with_f64(void **state)
{
    (void)state;
    for_each_case(false, compare_types);
}

static void compare_inplace(const snug_op *op, const snug_case *k)
{
    op_run apart, together;
    assert_int_equal(op_run_make(&apart, op, k, SNUG_F32), SNUG_OK);
    op_run_go(&apart);
    for (int o = 0; o < apart.n_out; o++) {
        if (!op_may_share(&apart, o)) continue;
        assert_int_equal(op_run_make(&together, op, k, SNUG_F32), SNUG_OK);
        void *own = together.out[o].data;
        together.out[o].data = together.in[op->inplace[o] - 1].data;
        op_run_go(&together);
        for (int p = 0; p < apart.n_out; p++)
            EXPECT(op_same_bits(&apart.out[p], &together.out[p]), op, k,
                   "output %d differs when output %d is in place", p, o);
        together.out[o].data = own;
        op_run_free(&together);
    }
    op_run_free(&apart);
}

static void in_place_gives_the_same(void **state)
{
    (void)state;
    for_each_case(false, compare_inplace);
}

/* ---- axes -------------------------------------------------------------------------------------
 */

typedef struct part {
    const op_run *whole;
    const snug_axis_use *uses;
    int n_uses, begin, end;
    int8_t out; /* which output, as in a use */
} part;

/* The operator on slices [begin, end) of every input axis that `pick` marks. */
static void run_part(const part *p, const int8_t pick[SNUG_MAX_IN], snug_status *status, op_run *r)
{
    *r = *p->whole;
    r->attrs = op_attrs(r->op, p->whole->attrs);
    for (int i = 0; i < r->n_in; i++) {
        int axis = pick[i] >= 0 ? pick[i] : 0;
        int64_t end = r->in_type[i].shape.n_dims ? r->in_type[i].shape.dim[axis] : 1;
        if (r->in_type[i].shape.n_dims == 0) {
            r->in[i] = op_tensor(&r->in_type[i]);
            memcpy(r->in[i].data, p->whole->in[i].data, snug_type_bytes(&r->in_type[i]));
            continue;
        }
        r->in[i] = pick[i] >= 0 ? op_slice(&p->whole->in[i], axis, p->begin, p->end)
                                : op_slice(&p->whole->in[i], axis, 0, end);
        if (pick[i] == 0 && r->in_type[i].shape.kind[0] == SNUG_AXIS_BATCH) {
            r->step.first_here = p->begin;
            r->step.n_here = p->end - p->begin;
        }
        r->in_type[i] = r->in[i].type;
    }
    *status = op_infer(r);
    for (int o = 0; o < r->n_out; o++) {
        bool ok = *status == SNUG_OK;
        r->out[o] = ok ? op_tensor(&r->out_type[o]) : (snug_tensor){0};
    }
    if (*status == SNUG_OK) op_run_go(r);
}

/* Output axis `axis` of output p->out: its slice is the output of the inputs' slices. */
static void check_followed(const part *p, int axis)
{
    const snug_op *op = p->whole->op;
    const snug_case *k = p->whole->kase;
    int8_t pick[SNUG_MAX_IN];
    memset(pick, -1, sizeof pick);
    for (int i = 0; i < p->n_uses; i++) {
        const snug_axis_use *u = &p->uses[i];
        if (u->out != p->out || u->out_axis != axis) continue;
        if (u->how == SNUG_FOLLOW_WINDOW) return;
        pick[u->in] = u->in_axis;
        EXPECT(p->whole->in_type[u->in].shape.dim[u->in_axis] ==
                   p->whole->out_type[p->out].shape.dim[axis],
               op, k, "axis %d of output %d is not as long as what it follows", axis, p->out);
    }
    op_run r;
    snug_status s;
    run_part(p, pick, &s, &r);
    EXPECT(s == SNUG_OK, op, k, "slice refused: %s", snug_error_message());
    snug_tensor want = op_slice(&p->whole->out[p->out], axis, p->begin, p->end);
    double e = op_error(&r.out[p->out], &want);
    EXPECT(e < 1e-12, op, k, "output %d, axis %d: the slice differs by %g", p->out, axis, e);
    snug_free(want.data);
    op_run_free(&r);
}

/* The uses of one summed axis stand together: sums over its two halves add up to the whole. */
static void check_reduced(part *p, int first)
{
    const snug_op *op = p->whole->op;
    const snug_case *k = p->whole->kase;
    int8_t pick[SNUG_MAX_IN];
    memset(pick, -1, sizeof pick);
    int64_t length = 0;
    for (int i = first; i < p->n_uses; i++) {
        const snug_axis_use *u = &p->uses[i];
        if (u->how != SNUG_FOLLOW_REDUCED || u->out != p->uses[first].out || pick[u->in] >= 0)
            break;
        pick[u->in] = u->in_axis;
        length = p->whole->in_type[u->in].shape.dim[u->in_axis];
    }
    p->out = p->uses[first].out;
    if (length < 2 || op->flags & SNUG_OP_BATCH_STATS) return;
    op_run half[2];
    snug_status s;
    for (int h = 0; h < 2; h++) {
        p->begin = h ? (int)length / 2 : 0, p->end = h ? (int)length : (int)length / 2;
        run_part(p, pick, &s, &half[h]);
        EXPECT(s == SNUG_OK, op, k, "half refused: %s", snug_error_message());
    }
    const snug_tensor *whole = &p->whole->out[p->out];
    for (int64_t i = 0; i < snug_shape_elements(&whole->type.shape); i++)
        snug_store(&half[0].out[p->out], i,
                   snug_load(&half[0].out[p->out], i) + snug_load(&half[1].out[p->out], i));
    double e = op_error(&half[0].out[p->out], whole);
    EXPECT(e < 1e-12, op, k, "output %d: halves of a summed axis differ by %g", p->out, e);
    op_run_free(&half[0]);
    op_run_free(&half[1]);
}

static bool starts_group(const snug_axis_use *uses, int i)
{
    bool seen[SNUG_MAX_IN] = {false};
    for (int j = i - 1; j >= 0 && uses[j].how == SNUG_FOLLOW_REDUCED && uses[j].out == uses[i].out;
         j--)
        seen[uses[j].in] = true;
    /* the first use of a group is of the lowest input */
    return i == 0 || uses[i - 1].how != SNUG_FOLLOW_REDUCED || uses[i - 1].out != uses[i].out ||
           (seen[uses[i].in] && uses[i].in <= uses[i - 1].in);
}

static void check_axes(const snug_op *op, const snug_case *k)
{
    op_run whole;
    snug_axis_use uses[SNUG_MAX_AXIS_USES];
    assert_int_equal(op_run_make(&whole, op, k, SNUG_F64), SNUG_OK);
    op_run_go(&whole);
    snug_sig s = op_sig(&whole);
    part p = {.whole = &whole, .uses = uses, .n_uses = op->axes(&s, uses)};
    assert_true(p.n_uses <= SNUG_MAX_AXIS_USES);
    for (int i = 0; i < p.n_uses; i++) {
        const snug_axis_use *u = &uses[i];
        EXPECT((u->how == SNUG_FOLLOW_REDUCED) == (u->out_axis < 0), op, k, "use %d", i);
        EXPECT(u->in < whole.n_in && u->in_axis < whole.in_type[u->in].shape.n_dims &&
                   u->out_axis < whole.out_type[u->out].shape.n_dims,
               op, k, "use %d names an axis that is not there", i);
        if (u->how == SNUG_FOLLOW_REDUCED && starts_group(uses, i)) check_reduced(&p, i);
        if (u->out_axis < 0) continue;
        int64_t length = whole.out_type[u->out].shape.dim[u->out_axis];
        p.out = u->out, p.begin = length > 2 ? 1 : 0, p.end = (int)(length > 2 ? length - 1 : 1);
        if (length > 0) check_followed(&p, u->out_axis);
    }
    op_run_free(&whole);
}

static void axis_rules_tell_the_truth(void **state)
{
    (void)state;
    for_each_case(false, check_axes);
}

/* A batch axis of an input is the batch axis of whatever follows it. */
static void check_kinds(const snug_op *op, const snug_case *k)
{
    op_run r;
    snug_axis_use uses[SNUG_MAX_AXIS_USES];
    assert_int_equal(op_run_types(&r, op, k, SNUG_F32), SNUG_OK);
    snug_sig s = op_sig(&r);
    int n = op->axes(&s, uses);
    for (int i = 0; i < n; i++) {
        if (uses[i].out_axis < 0) continue;
        int in_kind = r.in_type[uses[i].in].shape.kind[uses[i].in_axis];
        int out_kind = r.out_type[uses[i].out].shape.kind[uses[i].out_axis];
        EXPECT(in_kind == out_kind, op, k, "use %d changes the kind of the axis", i);
        EXPECT((uses[i].how == SNUG_FOLLOW_BATCH) == (in_kind == SNUG_AXIS_BATCH), op, k,
               "use %d: batch axes follow as batch, others do not", i);
    }
    snug_free(r.attrs);
}

static void kinds_of_axes_are_kept(void **state)
{
    (void)state;
    for_each_case(true, check_kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole),
        cmocka_unit_test(cases_have_types),
        cmocka_unit_test(wrong_shapes_are_told),
        cmocka_unit_test(huge_shapes_do_not_overflow),
        cmocka_unit_test(f32_agrees_with_f64),
        cmocka_unit_test(in_place_gives_the_same),
        cmocka_unit_test(axis_rules_tell_the_truth),
        cmocka_unit_test(kinds_of_axes_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
