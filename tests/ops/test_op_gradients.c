/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient rules against finite differences, in double: every differentiable operator, every case.
 * The loss is mse(output, a fixed random target), or the output itself where it is a scalar. */
#include "support/check.h"

#include <math.h>

#include "support/interp.h"
#include "support/op_case.h"

#define STEP      1e-5 /* of the central difference */
#define TOLERANCE 1e-6
#define MAX_TRIED 150 /* elements of an input that are moved */

typedef struct trial {
    const snug_op *op;
    const snug_case *k;
    op_run run;
    snug_graph *g;
    snug_value *in[SNUG_MAX_IN], *target, *loss, *grad[SNUG_MAX_IN];
    int forward_nodes;
} trial;

static bool has_gradient(const trial *t, int i)
{
    return snug_dtype_get(t->run.in_type[i].dtype)->is_float && !t->k->in[i].given;
}

static void build(trial *t)
{
    char name[16];
    for (int i = 0; i < t->k->n_in; i++) {
        snprintf(name, sizeof name, "in%d", i);
        t->in[i] = snug_input(t->g, name, t->run.in_type[i]);
    }
    snug_value *out[SNUG_MAX_OUT];
    assert_int_equal(snug_apply_all(t->g, t->op, "tested", t->k->attrs, t->k->n_in, t->in, out),
                     SNUG_OK);
    t->loss = out[0];
    if (out[0]->type.shape.n_dims > 0) {
        t->target = snug_input(t->g, "target", out[0]->type);
        t->loss = snug_mse(t->g, out[0], t->target);
    }
    t->forward_nodes = t->g->n_nodes;
    snug_value *wrt[SNUG_MAX_IN], *grads[SNUG_MAX_IN];
    int n = 0;
    for (int i = 0; i < t->k->n_in; i++)
        if (has_gradient(t, i)) wrt[n++] = t->in[i];
    assert_int_equal(snug_gradients(t->g, t->loss, n, wrt, grads), SNUG_OK);
    for (int i = 0, j = 0; i < t->k->n_in; i++)
        if (j < n && wrt[j] == t->in[i]) t->grad[i] = grads[j++];
    assert_int_equal(snug_graph_check(t->g), SNUG_OK);
}

static void fill(const trial *t, interp *it)
{
    for (int i = 0; i < t->k->n_in; i++)
        memcpy(interp_tensor(it, t->in[i])->data, t->run.in[i].data,
               snug_type_bytes(&t->run.in_type[i]));
    if (!t->target) return;
    snug_tensor *target = interp_tensor(it, t->target);
    snug_case_in normal = {.fill = SNUG_FILL_NORMAL};
    int64_t n = snug_shape_elements(&target->type.shape);
    for (int64_t i = 0; i < n; i++) snug_store(target, i, op_fill(&normal, n, i, 99));
}

static double loss_with(const trial *t, interp *it, snug_tensor *x, int64_t i, double v)
{
    double old = snug_load(x, i);
    snug_store(x, i, v);
    interp_run(it, t->forward_nodes);
    snug_store(x, i, old);
    return snug_load(interp_tensor(it, t->loss), 0);
}

static void check_input(const trial *t, interp *it, int in)
{
    snug_tensor *x = interp_tensor(it, t->in[in]);
    int64_t n = snug_shape_elements(&x->type.shape), stride = (n + MAX_TRIED - 1) / MAX_TRIED;
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n; i += stride) {
        double v = snug_load(x, i);
        double up = loss_with(t, it, x, i, v + STEP), down = loss_with(t, it, x, i, v - STEP);
        double want = (up - down) / (2 * STEP);
        double have = t->grad[in] ? snug_load(interp_tensor(it, t->grad[in]), i) : 0;
        worst = fmax(worst, fabs(want - have));
        largest = fmax(largest, fabs(want));
    }
    if (worst > TOLERANCE * fmax(largest, 1e-3)) {
        print_error("%s, case '%s': gradient of input %d is wrong by %g of %g\n", t->op->name,
                    t->k->name, in, worst, largest);
        fail();
    }
}

static void check_case(snug_context *ctx, const snug_op *op, const snug_case *k)
{
    trial t = {.op = op, .k = k};
    assert_int_equal(op_run_make(&t.run, op, k, SNUG_F64), SNUG_OK);
    assert_int_equal(snug_graph_create(ctx, SNUG_MODE_TRAIN, &t.g), SNUG_OK);
    build(&t);
    interp it;
    interp_create(&it, t.g, t.run.step);
    fill(&t, &it);
    interp_run(&it, t.g->n_nodes);
    for (int i = 0; i < k->n_in; i++)
        if (has_gradient(&t, i)) check_input(&t, &it, i);
    interp_destroy(&it);
    snug_graph_destroy(t.g);
    op_run_free(&t.run);
}

static void gradients_are_slopes(void **state)
{
    int n;
    const snug_op *const *ops = snug_builtin_ops(&n);
    for (int i = 0; i < n; i++)
        for (const snug_case *k = ops[i]->cases; k->name; k++)
            if (ops[i]->grad && !k->no_grad && !k->bench) check_case(*state, ops[i], k);
}

/* Rules that do not know fused activations refuse them. */
static void fused_operators_have_no_gradient(void **state)
{
    snug_graph *g;
    int64_t dim[] = {3, 3};
    snug_type type = {.shape = snug_shape_make(2, dim), .dtype = SNUG_F32};
    assert_int_equal(snug_graph_create(*state, SNUG_MODE_TRAIN, &g), SNUG_OK);
    snug_value *x = snug_input(g, "x", type), *target = snug_input(g, "target", type);
    snug_matmul_attrs relu = {.act = ACT_RELU};
    snug_value *y = snug_apply(g, &snug_op_matmul, "fused", &relu, 2, (snug_value *[]){x, x});
    snug_value *grad, *loss = snug_mse(g, y, target);
    assert_int_equal(snug_gradients(g, loss, 1, &x, &grad), SNUG_EUNSUPPORTED);
    snug_error_clear();
    snug_graph_destroy(g);
}

static int setup(void **state)
{
    return snug_context_create(&(snug_context_config){.threads = 1}, (snug_context **)state);
}

static int teardown(void **state)
{
    snug_context_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(fused_operators_have_no_gradient),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
