/* SPDX-License-Identifier: Apache-2.0 */
/* Each pass: what it does to a graph, and that passes which claim to keep the bits do. */
#include "support/net.h"
#include <math.h>

static int count(const snug_graph *g, const snug_op *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++) n += g->nodes[i]->op == op;
    return n;
}

static unsigned pass_index(const char *name)
{
    unsigned i = 0;
    while (snug_pass_get((int)i) && strcmp(snug_pass_get((int)i)->name, name) != 0) i++;
    assert_non_null(snug_pass_get((int)i));
    return i;
}

static uint64_t train(net_config c)
{
    net n;
    net_open(&n, c, 1);
    for (uint64_t s = 0; s < 3; s++) ok(net_step(&n, s, s == 2 ? c.batch - 5 : c.batch));
    uint64_t digest = net_digest(&n);
    net_close(&n);
    return digest;
}

static void check_bits(net_config c)
{
    uint64_t want = train(c);
    for (int i = 0; snug_pass_get(i); i++) {
        const snug_graph_pass *p = snug_pass_get(i);
        /* without these a step of two micro-batches is not runnable, or means another thing */
        bool needed = strcmp(p->name, "accumulate") == 0 || strcmp(p->name, "schedule") == 0 ||
                      strcmp(p->name, "inplace") == 0;
        c.disabled = 1ULL << i;
        if (p->same_bits && !needed && train(c) != want)
            fail_msg("pass %s changes the bits", p->name);
        assert_non_null(p->doc);
    }
}

static void bits_stay_where_promised(void **state)
{
    (void)state;
    net_config c = {.batch = 24, .leaves = 4, .n_micro = 2, .dropout = true, .classes = 4};
    check_bits(c);
    c.batch_norm = c.twice = true;
    check_bits(c);
}

/* What the gradient of the next layer reads is made again behind the forward pass. */
static void batch_norms_are_made_again(void **state)
{
    (void)state;
    net_config c = {.batch = 8, .leaves = 1, .n_micro = 1, .classes = 4};
    c.batch_norm = c.twice = true;
    net n;
    net_open(&n, c, 1);
    int made = 0;
    for (int i = 0; i < n.graph->n_nodes; i++) {
        const snug_node *norm = n.graph->nodes[i];
        if (norm->op != &snug_op_batch_norm) continue;
        for (int k = i; k < n.graph->n_nodes; k++) {
            const snug_node *node = n.graph->nodes[k];
            made += node->op == &snug_op_batch_norm_again;
            for (int j = 0; j < node->n_in && node->gradient; j++)
                assert_ptr_not_equal(node->in[j], norm->out[0]);
        }
    }
    assert_int_equal(made, 1);
    net_close(&n);
}

static void training_graph_is_fused(void **state)
{
    (void)state;
    net n;
    net_open(&n,
             (net_config){.batch = 8, .leaves = 1, .n_micro = 1, .batch_norm = true, .classes = 4},
             1);
    assert_int_equal(count(n.graph, &snug_op_bias_add), 0);
    assert_int_equal(count(n.graph, &snug_op_relu), 0);
    assert_int_equal(count(n.graph, &snug_op_relu_grad),
                     1); /* the hidden layer's; the batch norm's is recomputed */
    net_close(&n);
    unsigned fuse = pass_index("fuse");
    net_open(&n,
             (net_config){.batch = 8,
                          .leaves = 1,
                          .n_micro = 1,
                          .batch_norm = true,
                          .classes = 4,
                          .disabled = 1ULL << fuse},
             1);
    assert_int_equal(count(n.graph, &snug_op_relu), 2);
    assert_int_equal(count(n.graph, &snug_op_bias_add), 2); /* conv2d has its own */
    net_close(&n);
}

/* A batch norm takes the bias before it away: its gradient is not computed, and it stays. */
static void biases_before_batch_norms_stay(void **state)
{
    (void)state;
    const snug_op *sum = &snug_op_sum_rows;
    net_config c = {.batch = 8, .leaves = 1, .n_micro = 1, .batch_norm = true, .classes = 4};
    net n;
    net_open(&n, c, 1);
    int sums = count(n.graph, sum);
    for (uint64_t s = 0; s < 3; s++) ok(net_step(&n, s, c.batch));
    snug_tensor bias = snug_arena_tensor(&n.arena, "conv1.bias");
    for (int64_t i = 0; i < snug_shape_elements(&bias.type.shape); i++)
        assert_true(snug_load(&bias, i) == 0);
    net_close(&n);
    c.disabled = 1ULL << pass_index("cancel");
    net_open(&n, c, 1);
    assert_int_equal(count(n.graph, sum), sums + 1);
    net_close(&n);
}

/* Behind a batch norm both an activation and its mask disappear. */
static void activations_fuse_both_ways(void **state)
{
    (void)state;
    const struct {
        const snug_op *op, *grad;
        int64_t act;
    } all[] = {{&snug_op_relu, &snug_op_relu_grad, ACT_RELU},
               {&snug_op_relu6, &snug_op_relu6_grad, ACT_RELU6}};
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 2, .dim = {4, 3}}};
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    for (int i = 0; i < 2; i++) {
        snug_context *ctx;
        snug_graph *g;
        ok(snug_context_create(NULL, &ctx));
        ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
        snug_value *x = snug_param(g, "x", t, (snug_init){0}), *grad;
        snug_value *norm = snug_batch_norm(g, x, "norm");
        snug_value *y = snug_apply(g, all[i].op, NULL, NULL, 1, &norm);
        ok(snug_gradients(g, snug_mse(g, y, snug_input(g, "target", t)), 1, &x, &grad));
        snug_output(g, "grad", grad);
        ok(snug_passes_run(g, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE, PHASE_LOWER));
        assert_int_equal(count(g, all[i].op) + count(g, all[i].grad), 0);
        const snug_batch_norm_attrs *a = grad->producer->attrs;
        assert_true(grad->producer->op == &snug_op_batch_norm_grad && a->act == all[i].act);
        snug_graph_destroy(g);
        snug_context_destroy(ctx);
    }
}

/* Of a map of 64 KiB a sample, and not of one that is smaller. */
static void large_batch_norms_are_split(void **state)
{
    (void)state;
    static const snug_op *const parts[] = {
        &snug_op_batch_norm_partials, &snug_op_batch_norm_merge, &snug_op_batch_norm_grad_partials,
        &snug_op_batch_norm_grad_merge, &snug_op_batch_norm_grad_apply};
    for (int large = 0; large < 2; large++) {
        snug_context *ctx;
        snug_graph *g;
        snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 3, .dim = {4, 512, 31 + large}}};
        t.shape.kind[0] = SNUG_AXIS_BATCH;
        ok(snug_context_create(NULL, &ctx));
        ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
        snug_value *x = snug_param(g, "x", t, (snug_init){0}), *grad;
        snug_value *y = snug_relu(g, snug_batch_norm(g, x, "norm"));
        ok(snug_gradients(g, snug_mse(g, y, snug_input(g, "target", t)), 1, &x, &grad));
        snug_output(g, "grad", grad);
        ok(snug_passes_run(g, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE, PHASE_LOWER));
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            assert_int_equal(count(g, parts[i]), large);
        /* of the result only the loss's gradient is wanted, for which it is made again */
        assert_int_equal(count(g, &snug_op_batch_norm_again), 1);
        assert_int_equal(count(g, &snug_op_batch_norm), !large);
        assert_int_equal(count(g, &snug_op_batch_norm_grad), !large);
        const snug_value *mean = snug_graph_find_value(g, "norm.running_mean");
        assert_ptr_equal(mean->assigned_by->assigns, mean);
        snug_graph_destroy(g);
        snug_context_destroy(ctx);
    }
}

/* Where the maps are large and the weights small beside them; chains then have them and what only
 * they read. */
static void gradients_of_small_weights_are_split(void **state)
{
    (void)state;
    for (int large = 0; large < 2; large++) {
        snug_context *ctx;
        snug_graph *g;
        snug_type t = {.dtype = SNUG_F32,
                       .shape = {.n_dims = 4, .dim = {16, 8 << 2 * large, 128, 8}}};
        t.shape.kind[0] = SNUG_AXIS_BATCH;
        ok(snug_context_create(NULL, &ctx));
        ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
        const snug_conv2d_config conv = {.filters = 8 << large, .kernel = {3, 3}, .same = true};
        snug_value *x = snug_conv2d(g, snug_input(g, "x", t), &conv, "conv");
        snug_value *y = snug_relu(g, snug_batch_norm(g, x, "norm")), *grad;
        snug_value *w = snug_graph_find_value(g, "conv.weight");
        t = snug_value_type(y);
        ok(snug_gradients(g, snug_mse(g, y, snug_input(g, "target", t)), 1, &w, &grad));
        snug_output(g, "grad", grad);
        ok(snug_passes_run(g, &(snug_pass_config){.n_micro = 1, .chain_bytes = 1},
                           PHASE_CANONICALISE, PHASE_LOWER));
        assert_int_equal(count(g, &snug_op_conv2d_grad_weight), !large);
        assert_int_equal(count(g, &snug_op_conv2d_grad_weight_each), large);
        for (int i = 0; i < g->n_nodes; i++)
            if (g->nodes[i]->op == &snug_op_conv2d_grad_weight_each)
                assert_true(g->nodes[i]->chain > 0 && g->nodes[i]->gradient);
        for (int i = 0; i < g->n_nodes && large; i++)
            if (g->nodes[i]->op == &snug_op_sum_rows || g->nodes[i]->op == &snug_op_reshape)
                assert_true(g->nodes[i]->gradient);
        snug_graph_destroy(g);
        snug_context_destroy(ctx);
    }
}

static void probabilities(net_config c, float *out)
{
    net n;
    net_open(&n, c, 1);
    /* statistics that are not the identity */
    const char *names[] = {"bn1.running_mean", "bn1.running_var", "bn1.weight", "bn1.bias"};
    for (int k = 0; k < 4; k++) {
        snug_tensor t = snug_arena_tensor(&n.arena, names[k]);
        for (int64_t i = 0; i < snug_shape_elements(&t.type.shape); i++)
            snug_store(&t, i, 0.3 + 0.2 * (double)(i + k));
    }
    ok(net_step(&n, 0, 8));
    memcpy(out, snug_exec_tensor(n.exec, "probabilities").data, 8 * 4 * sizeof *out);
    bool folding = !(c.disabled >> pass_index("fold_batch_norm") & 1);
    assert_int_equal(count(n.graph, &snug_op_batch_norm_inference), folding ? 0 : 1);
    if (folding) assert_int_equal(n.graph->nodes[0]->section, SECTION_PROLOGUE);
    net_close(&n);
}

static void batch_norm_folds_at_inference(void **state)
{
    (void)state;
    net_config c = {
        .batch = 8, .leaves = 1, .n_micro = 1, .batch_norm = true, .eval = true, .classes = 4};
    float folded[32], plain[32];
    probabilities(c, folded);
    c.disabled = 1ULL << pass_index("fold_batch_norm");
    probabilities(c, plain);
    for (int i = 0; i < 32; i++) assert_true(fabsf(folded[i] - plain[i]) < 1e-5F);
}

static void constants_fold_and_dead_code_goes(void **state)
{
    (void)state;
    snug_context *ctx;
    snug_graph *g;
    ok(snug_context_create(NULL, &ctx));
    ok(snug_graph_create(ctx, SNUG_MODE_EVAL, &g));
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {3}}};
    float one[] = {1, 2, 3};
    snug_value *a = snug_constant(g, "a", t, one), *x = snug_input(g, "x", t);
    snug_value *sum = snug_add(g, a, snug_mul(g, a, a));
    snug_relu(g, x); /* nobody reads it */
    snug_output(g, "y", snug_add(g, x, sum));
    ok(snug_passes_run(g, &(snug_pass_config){0}, PHASE_CANONICALISE, PHASE_CANONICALISE));
    assert_int_equal(g->n_nodes, 1);
    const float *folded = g->nodes[0]->in[1]->data;
    assert_true(folded[0] == 2 && folded[1] == 6 && folded[2] == 12);
    snug_graph_destroy(g);
    snug_context_destroy(ctx);
}

/* An output that folds to a constant can still be fetched. */
static void folded_outputs_are_there(void **state)
{
    (void)state;
    net n = {.config = {.batch = 1, .leaves = 1, .n_micro = 1}};
    ok(snug_context_create(NULL, &n.ctx));
    ok(snug_device_find("cpu")->open(n.ctx, 0, &n.device));
    ok(snug_graph_create(n.ctx, SNUG_MODE_EVAL, &n.graph));
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {2}}};
    snug_value *a = snug_constant(n.graph, "a", t, (float[]){3, 4});
    snug_output(n.graph, "square", snug_mul(n.graph, a, a));
    ok(snug_passes_run(n.graph, &(snug_pass_config){0}, PHASE_CANONICALISE, PHASE_LOWER));
    snug_plan_config c = {.batch = 1, .leaves = 1, .n_micro = 1, .threads = 1, .device = &n.device};
    ok(snug_plan_build(n.graph, &c, &n.persistent, &n.plan));
    ok(snug_arena_create(&n.persistent, 1, &n.plan, &n.arena));
    ok(snug_exec_create(n.ctx, n.plan, &n.arena, 0, NULL, &n.exec));
    ok(snug_exec_run(n.exec, &(snug_exec_step){0}, NULL));
    snug_tensor y = snug_exec_tensor(n.exec, "square");
    assert_non_null(y.data);
    assert_true(snug_load(&y, 0) == 9 && snug_load(&y, 1) == 16);
    net_close(&n);
}

static void updates_come_early(void **state)
{
    (void)state;
    net n;
    net_open(&n, (net_config){.batch = 8, .leaves = 1, .n_micro = 1, .classes = 4}, 1);
    int first_update = -1, last_backward = -1;
    for (int i = 0; i < n.graph->n_nodes; i++) {
        if (n.graph->nodes[i]->op == &snug_op_momentum_update && first_update < 0) first_update = i;
        if (n.graph->nodes[i]->op == &snug_op_conv2d_grad_weight) last_backward = i;
    }
    assert_in_range(first_update, 0, last_backward - 1);
    net_close(&n);
}

/* Batch norm's statistics are the micro-batch's, its parameters' gradients are the whole step's. */
static void updates_come_once_a_step(void **state)
{
    (void)state;
    net n;
    net_open(&n,
             (net_config){.batch = 16, .leaves = 4, .n_micro = 4, .batch_norm = true, .classes = 4},
             1);
    for (int i = 0; i < n.graph->n_nodes; i++)
        if (n.graph->nodes[i]->op->flags & SNUG_OP_UPDATE)
            assert_int_equal(n.graph->nodes[i]->section, SECTION_EPILOGUE);
    ok(net_step(&n, 0, 16));
    snug_tensor w = snug_arena_tensor(&n.arena, "bn1.weight");
    snug_tensor m = snug_arena_tensor(&n.arena, "bn1.weight.momentum");
    for (int64_t i = 0; i < 5; i++)
        assert_true(fabs(1 - 0.1 * snug_load(&m, i) - snug_load(&w, i)) < 1e-6);
    net_close(&n);
}

/* A parameter that is read through a view is replaced after that reading, too. */
static void views_are_read_before_updates(void **state)
{
    (void)state;
    snug_context *ctx;
    snug_graph *g;
    ok(snug_context_create(NULL, &ctx));
    ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
    snug_type xt = {.dtype = SNUG_F32,
                    .shape = {.n_dims = 2, .dim = {4, 3}, .kind = {SNUG_AXIS_BATCH}}};
    snug_type wt = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {9}}};
    snug_type ht = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {4}}};
    snug_value *x = snug_input(g, "x", xt), *w = snug_param(g, "w", wt, (snug_init){0}), *grad;
    snug_value *view = snug_reshape(g, w, 2, (int64_t[]){3, 3});
    ok(snug_gradients(g, snug_mse(g, snug_matmul(g, x, view), x), 1, &w, &grad));
    snug_value *in[] = {w, grad, snug_input(g, "hyper", ht)};
    snug_value *next = snug_apply(g, &snug_op_sgd_update, NULL, NULL, 3, in);
    snug_assign(g, w, next);
    snug_value *late = snug_matmul(g, snug_relu(g, x), view);
    snug_output(g, "late", late);
    ok(snug_passes_run(g, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE, PHASE_LOWER));
    int at = -1, updated = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i] == late->producer) at = i;
        if (g->nodes[i] == next->producer) updated = i;
    }
    assert_true(at >= 0 && at < updated);
    snug_graph_destroy(g);
    snug_context_destroy(ctx);
}

static void late_biases_are_fused(void **state)
{
    (void)state;
    snug_context *ctx;
    snug_graph *g;
    ok(snug_context_create(NULL, &ctx));
    ok(snug_graph_create(ctx, SNUG_MODE_EVAL, &g));
    snug_type xt = {.dtype = SNUG_F32,
                    .shape = {.n_dims = 2, .dim = {4, 3}, .kind = {SNUG_AXIS_BATCH}}};
    snug_type bt = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {3}}};
    snug_type wt = {.dtype = SNUG_F32, .shape = {.n_dims = 2, .dim = {3, 3}}};
    snug_value *x = snug_input(g, "x", xt), *b = snug_param(g, "b", bt, (snug_init){0});
    snug_value *y = snug_matmul(g, x, snug_param(g, "w", wt, (snug_init){0}));
    snug_output(g, "y", snug_bias_add(g, y, snug_relu(g, b))); /* made after the product */
    ok(snug_passes_run(g, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE, PHASE_LOWER));
    assert_int_equal(count(g, &snug_op_bias_add), 0);
    snug_graph_destroy(g);
    snug_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_stay_where_promised),
        cmocka_unit_test(batch_norms_are_made_again),
        cmocka_unit_test(training_graph_is_fused),
        cmocka_unit_test(biases_before_batch_norms_stay),
        cmocka_unit_test(activations_fuse_both_ways),
        cmocka_unit_test(large_batch_norms_are_split),
        cmocka_unit_test(gradients_of_small_weights_are_split),
        cmocka_unit_test(batch_norm_folds_at_inference),
        cmocka_unit_test(constants_fold_and_dead_code_goes),
        cmocka_unit_test(folded_outputs_are_there),
        cmocka_unit_test(updates_come_early),
        cmocka_unit_test(updates_come_once_a_step),
        cmocka_unit_test(views_are_read_before_updates),
        cmocka_unit_test(late_biases_are_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
