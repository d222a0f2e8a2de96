/* SPDX-License-Identifier: Apache-2.0 */
/* Graph building: sticky errors, names, order, gradients that are summed, printing. */
#include "graph/graph.h"
#include "ops/ops.h"
#include "support/check.h"
#include <stdlib.h>

static snug_context *ctx;

static snug_graph *new_graph(void)
{
    snug_graph *g;
    ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
    return g;
}

static snug_type f32(int n_dims, int64_t a, int64_t b)
{
    return (snug_type){.dtype = SNUG_F32, .shape = {.n_dims = n_dims, .dim = {a, b}}};
}

static snug_type batch_of(int64_t n, int64_t features)
{
    snug_type t = f32(2, n, features);
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    return t;
}

static void first_error_stays(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *a = snug_input(g, "a", f32(2, 3, 4)), *b = snug_input(g, "b", f32(2, 5, 6));
    assert_null(snug_matmul(g, a, b));
    assert_null(snug_relu(g, snug_linear(g, NULL, 10, "later")));
    snug_status s = snug_graph_check(g);
    assert_int_equal(s, SNUG_ESHAPE);
    assert_non_null(strstr(snug_error_message(), "[3, 4]"));
    fails(s, SNUG_ESHAPE, "[5, 6]");
    fails(snug_graph_check(g), SNUG_ESHAPE, "matmul");
    snug_graph_destroy(g);
}

static void names_are_unique(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3));
    snug_value *r1 = snug_relu(g, x), *r2 = snug_relu(g, x);
    assert_string_not_equal(snug_value_name(r1), snug_value_name(r2));
    snug_graph_push_scope(g, "block");
    snug_graph_push_scope(g, "inner");
    snug_linear(g, x, 4, "fc");
    snug_graph_pop_scope(g);
    snug_linear(g, x, 4, "fc");
    snug_graph_pop_scope(g);
    assert_non_null(snug_graph_find_value(g, "block.inner.fc.weight"));
    assert_non_null(snug_graph_find_value(g, "block.fc.weight"));
    ok(snug_graph_check(g));
    snug_param(g, "block.fc.weight", f32(1, 1, 0), (snug_init){0});
    fails(snug_graph_check(g), SNUG_EINVAL, "'block.fc.weight'");
    snug_graph_destroy(g);
}

static void bad_types_are_refused(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_input(g, "x", f32(2, INT64_MAX / 2, 8));
    fails(snug_graph_check(g), SNUG_ESHAPE, "too large");
    snug_graph_destroy(g);
    g = new_graph();
    snug_input(g, "x", f32(2, -1, 8));
    fails(snug_graph_check(g), SNUG_ESHAPE, "must be 1 or more");
    snug_graph_destroy(g);
}

static void empty_axes_are_refused(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    assert_null(snug_input(g, "x", batch_of(0, 3)));
    fails(snug_graph_check(g), SNUG_ESHAPE, "axis 0 of");
    snug_graph_destroy(g);
    g = new_graph();
    snug_apply(g, &snug_op_softmax, NULL, NULL, 1,
               (snug_value *[]){snug_input(g, "x", f32(2, 4, 0))});
    fails(snug_graph_check(g), SNUG_ESHAPE, "must be 1 or more");
    snug_graph_destroy(g);
}

/* A scope's own name may have dots. */
static void scopes_end_where_they_began(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_graph_push_scope(g, "a.b");
    snug_graph_push_scope(g, "c");
    snug_graph_pop_scope(g);
    snug_graph_pop_scope(g);
    snug_graph_pop_scope(g); /* one too many does nothing */
    assert_non_null(snug_param(g, "w", f32(1, 1, 0), (snug_init){0}));
    assert_non_null(snug_graph_find_value(g, "w"));
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

static void attributes_are_checked(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3));
    snug_dropout(g, x, 1.5);
    fails(snug_graph_check(g), SNUG_EINVAL, "rate");
    snug_graph_destroy(g);
}

static void gradients_of_shared_values_are_summed(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3));
    snug_value *h = snug_linear(g, x, 3, "fc");
    snug_value *y = snug_add(g, snug_mul(g, h, h), h);
    snug_value *loss = snug_mse(g, y, x), *w = snug_graph_find_value(g, "fc.weight"), *dw;
    int before = g->n_nodes;
    ok(snug_gradients(g, loss, 1, &w, &dw));
    assert_non_null(dw);
    assert_int_equal(dw->role, SNUG_ROLE_GRADIENT);
    int adds = 0;
    for (int i = before; i < g->n_nodes; i++) adds += g->nodes[i]->op == &snug_op_add;
    assert_int_equal(adds, 2); /* h is read three times */
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

static void gradient_needs_a_scalar(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3)), *h = snug_linear(g, x, 3, "fc"), *dw;
    snug_value *w = snug_graph_find_value(g, "fc.weight");
    fails(snug_gradients(g, h, 1, &w, &dw), SNUG_ESHAPE, "scalar");
    snug_graph_destroy(g);
}

static void unused_parameter_has_no_gradient(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3));
    snug_value *p = snug_param(g, "lonely", f32(1, 3, 0), (snug_init){0}), *d = p;
    snug_value *loss = snug_mse(g, snug_linear(g, x, 3, "fc"), x);
    ok(snug_gradients(g, loss, 1, &p, &d));
    assert_null(d);
    snug_graph_destroy(g);
}

static void sort_restores_order(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3));
    for (int i = 0; i < 50; i++) x = snug_relu(g, x);
    snug_output(g, "out", x);
    for (int i = 0, j = g->n_nodes - 1; i < j; i++, j--) {
        snug_node *t = g->nodes[i];
        g->nodes[i] = g->nodes[j];
        g->nodes[j] = t;
    }
    fails(snug_graph_validate(g), SNUG_EINVAL, "before it is made");
    ok(snug_graph_sort(g));
    ok(snug_graph_validate(g));
    g->nodes[0]->in[0] = x; /* a cycle */
    fails(snug_graph_sort(g), SNUG_EINVAL, "cycle");
    snug_graph_destroy(g);
}

static void prints_text_and_dot(void **state)
{
    (void)state;
    snug_graph *g = new_graph();
    snug_value *x = snug_input(g, "x", batch_of(2, 3));
    snug_output(g, "result", snug_linear(g, x, 4, "fc"));
    char *text, *dot;
    ok(snug_graph_print(g, false, &text));
    ok(snug_graph_print(g, true, &dot));
    assert_non_null(strstr(text, "fc.weight: f32[3, 4] parameter"));
    assert_non_null(strstr(text, "=> output result"));
    assert_memory_equal(dot, "digraph", 7);
    free(text);
    free(dot);
    snug_graph_destroy(g);
}

static int open_context(void **state)
{
    (void)state;
    return snug_context_create(&(snug_context_config){.threads = 1}, &ctx) != SNUG_OK;
}

static int close_context(void **state)
{
    (void)state;
    snug_context_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(bad_types_are_refused),
        cmocka_unit_test(attributes_are_checked),
        cmocka_unit_test(empty_axes_are_refused),
        cmocka_unit_test(scopes_end_where_they_began),
        cmocka_unit_test(gradients_of_shared_values_are_summed),
        cmocka_unit_test(gradient_needs_a_scalar),
        cmocka_unit_test(unused_parameter_has_no_gradient),
        cmocka_unit_test(sort_restores_order),
        cmocka_unit_test(prints_text_and_dot),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
