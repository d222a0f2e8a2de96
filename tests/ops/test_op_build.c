/* SPDX-License-Identifier: Apache-2.0 */
/* The builder functions: parameters and names they make, shapes they give, what they refuse. */
#include "support/context.h"

#include "graph/graph.h"
#include "ops/ops.h"

static snug_graph *graph(snug_mode mode)
{
    snug_graph *g;
    ok(snug_graph_create(ctx, mode, &g));
    return g;
}

/* An f32 input whose first axis is the batch. */
static snug_value *input(snug_graph *g, int n_dims, const int64_t *dim)
{
    snug_type t = {.shape = snug_shape_make(n_dims, dim), .dtype = SNUG_F32};
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    return snug_input(g, "x", t);
}

#define INPUT(g, ...)                                                                              \
    input(g, sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

static void has_shape(const snug_value *v, const char *want)
{
    char text[SNUG_SHAPE_TEXT];
    if (!v) fail_msg("no value: %s", snug_error_message());
    snug_shape s = snug_value_type(v).shape;
    assert_string_equal(snug_shape_text(&s, text, sizeof text), want);
}

static void param_has(const snug_graph *g, const char *name, snug_role role, const char *shape,
                      snug_init_kind init)
{
    snug_value *v = snug_graph_find_value(g, name);
    if (!v) {
        fail_msg("there is no '%s'", name);
        return;
    }
    assert_int_equal(v->role, role);
    assert_int_equal(v->init.kind, init);
    has_shape(v, shape);
}

static void linear_keeps_leading_axes(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *y = snug_linear(g, INPUT(g, 7, 3, 5), 4, "fc");
    has_shape(y, "[7, 3, 4]");
    assert_string_equal(snug_value_name(y), "fc");
    assert_int_equal(snug_value_type(y).shape.kind[0], SNUG_AXIS_BATCH);
    param_has(g, "fc.weight", SNUG_ROLE_PARAM, "[5, 4]", SNUG_INIT_HE_UNIFORM);
    param_has(g, "fc.bias", SNUG_ROLE_PARAM, "[4]", SNUG_INIT_ZERO);
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

static void conv2d_pads_to_the_same_size(void **state)
{
    (void)state;
    static const struct same {
        int64_t size, kernel, stride;
        const char *out;
        int64_t before, after;
    } rows[] = {{32, 3, 1, "[2, 32, 32, 8]", 1, 1}, {32, 3, 2, "[2, 16, 16, 8]", 0, 1},
                {31, 3, 2, "[2, 16, 16, 8]", 1, 1}, {28, 5, 1, "[2, 28, 28, 8]", 2, 2},
                {7, 1, 3, "[2, 3, 3, 8]", 0, 0},    {5, 2, 1, "[2, 5, 5, 8]", 0, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snug_graph *g = graph(SNUG_MODE_TRAIN);
        int64_t k = rows[i].kernel, s = rows[i].stride;
        snug_conv2d_config c = {.filters = 8, .kernel = {k, k}, .stride = {s, s}, .same = true};
        snug_value *y = snug_conv2d(g, INPUT(g, 2, rows[i].size, rows[i].size, 3), &c, "conv");
        has_shape(y, rows[i].out);
        const snug_conv2d_attrs *a = y->producer->attrs;
        assert_int_equal(a->pad_top, rows[i].before);
        assert_int_equal(a->pad_right, rows[i].after);
        snug_graph_destroy(g);
    }
}

static void conv2d_defaults_and_groups(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 2, 8, 8, 6);
    snug_value *y = snug_conv2d(g, x, &(snug_conv2d_config){.filters = 4}, "a");
    has_shape(y, "[2, 6, 6, 4]");
    param_has(g, "a.weight", SNUG_ROLE_PARAM, "[3, 3, 6, 4]", SNUG_INIT_HE_NORMAL);
    param_has(g, "a.bias", SNUG_ROLE_PARAM, "[4]", SNUG_INIT_ZERO);
    snug_conv2d_config c = {
        .filters = 6, .groups = 6, .no_bias = true, .kernel = {3, 5}, .pad = {1, 0, 2, 2}};
    has_shape(snug_conv2d(g, x, &c, "b"), "[2, 7, 8, 6]");
    param_has(g, "b.weight", SNUG_ROLE_PARAM, "[3, 5, 1, 6]", SNUG_INIT_HE_NORMAL);
    assert_null(snug_graph_find_value(g, "b.bias"));
    snug_graph_destroy(g);
}

static void batch_norm_follows_the_mode(void **state)
{
    (void)state;
    for (int mode = SNUG_MODE_TRAIN; mode <= SNUG_MODE_EVAL; mode++) {
        snug_graph *g = graph((snug_mode)mode);
        snug_value *y = snug_batch_norm(g, INPUT(g, 2, 4, 4, 3), "norm");
        has_shape(y, "[2, 4, 4, 3]");
        param_has(g, "norm.weight", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ONE);
        param_has(g, "norm.bias", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ZERO);
        param_has(g, "norm.running_mean", SNUG_ROLE_BUFFER, "[3]", SNUG_INIT_ZERO);
        param_has(g, "norm.running_var", SNUG_ROLE_BUFFER, "[3]", SNUG_INIT_ONE);
        bool train = mode == SNUG_MODE_TRAIN;
        const char *op = train ? "batch_norm" : "batch_norm_inference";
        assert_string_equal(y->producer->op->name, op);
        snug_value *running = snug_graph_find_value(g, "norm.running_mean");
        assert_int_equal(running->assigned_by != NULL, train);
        ok(snug_graph_check(g));
        snug_graph_destroy(g);
    }
}

static void norms_of_rows_have_what_is_asked(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 2, 4, 3);
    snug_norm_config bare = {.epsilon = 1e-6, .no_weight = true}, unbiased = {.no_bias = true};
    has_shape(snug_layer_norm(g, x, "a"), "[2, 4, 3]");
    param_has(g, "a.weight", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ONE);
    param_has(g, "a.bias", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ZERO);
    has_shape(snug_layer_norm_with(g, x, &unbiased, "b"), "[2, 4, 3]");
    param_has(g, "b.weight", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ONE);
    assert_null(snug_graph_find_value(g, "b.bias"));
    has_shape(snug_rms_norm(g, x, "c"), "[2, 4, 3]");
    param_has(g, "c.weight", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ONE);
    assert_null(snug_graph_find_value(g, "c.bias"));
    snug_value *y = snug_rms_norm_with(g, x, &bare, "d");
    assert_null(snug_graph_find_value(g, "d.weight"));
    assert_true(((const snug_layer_norm_attrs *)y->producer->attrs)->epsilon == 1e-6);
    has_shape(snug_group_norm(g, x, 3, "e"), "[2, 4, 3]");
    param_has(g, "e.bias", SNUG_ROLE_PARAM, "[3]", SNUG_INIT_ZERO);
    has_shape(snug_linear_no_bias(g, x, 5, "f"), "[2, 4, 5]");
    assert_null(snug_graph_find_value(g, "f.bias"));
    ok(snug_graph_check(g));
    assert_null(snug_group_norm(g, x, 2, "h"));
    fails(snug_graph_check(g), SNUG_ESHAPE, "2 groups do not divide the 3 channels");
    snug_graph_destroy(g);
}

static void losses_are_scalars(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 4, 3);
    snug_type like = snug_value_type(x), labels = like;
    labels.shape.n_dims = 1, labels.dtype = SNUG_I32;
    snug_value *t = snug_input(g, "t", like), *y = snug_input(g, "y", labels), *p;
    snug_value *w = snug_param(g, "w", (snug_type){.shape = snug_shape_make(1, (int64_t[]){3})},
                               (snug_init){.kind = SNUG_INIT_ONE});
    snug_cross_entropy_config config = {.label_smoothing = 0.1, .weights = w};
    has_shape(snug_mse(g, x, t), "[]");
    has_shape(snug_mae(g, x, t), "[]");
    has_shape(snug_huber(g, x, t, 0.5), "[]");
    has_shape(snug_bce_with_logits(g, x, t, NULL), "[]");
    has_shape(snug_bce_with_logits(g, x, t, w), "[]");
    has_shape(snug_sigmoid_focal(g, x, t, 2, 0.25), "[]");
    has_shape(snug_hinge(g, x, t, 1), "[]");
    has_shape(snug_kl_divergence(g, x, t), "[]");
    has_shape(snug_cosine_embedding(g, x, t, y, 0), "[]");
    has_shape(snug_triplet_margin(g, x, t, x, 1), "[]");
    has_shape(snug_softmax_cross_entropy_with(g, x, y, &config, &p), "[]");
    has_shape(p, "[4, 3]");
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

static void dropout_has_a_key_of_its_own(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 2, 8);
    snug_value *a = snug_dropout(g, x, 0.5), *b = snug_dropout(g, x, 0.5);
    const snug_dropout_attrs *ka = a->producer->attrs, *kb = b->producer->attrs;
    assert_true(ka->key != kb->key && ka->key >= 0 && kb->key >= 0);
    assert_ptr_equal(snug_dropout(g, x, 0), x);
    assert_null(snug_dropout(g, x, 1.5));
    fails(snug_graph_check(g), SNUG_EINVAL, "rate is 1.5");
    snug_graph_destroy(g);
    g = graph(SNUG_MODE_EVAL);
    x = INPUT(g, 2, 8);
    assert_ptr_equal(snug_dropout(g, x, 0.5), x);
    snug_graph_destroy(g);
}

static void shapes_of_the_others(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 6, 9, 9, 4), *probabilities;
    has_shape(snug_max_pool2d(g, x, 3, 2), "[6, 4, 4, 4]");
    has_shape(snug_global_avg_pool(g, x), "[6, 4]");
    has_shape(snug_flatten(g, x), "[6, 324]");
    has_shape(snug_reshape(g, x, 2, (int64_t[]){81, 4}), "[6, 81, 4]");
    has_shape(snug_gelu(g, snug_relu(g, snug_mul(g, x, snug_add(g, x, x)))), "[6, 9, 9, 4]");
    snug_type labels = {.shape = snug_shape_make(1, (int64_t[]){6}), .dtype = SNUG_I32};
    labels.shape.kind[0] = SNUG_AXIS_BATCH;
    snug_value *y = snug_input(g, "y", labels),
               *logits = snug_linear(g, snug_flatten(g, x), 3, "fc");
    has_shape(snug_softmax_cross_entropy(g, logits, y, &probabilities), "[]");
    has_shape(probabilities, "[6, 3]");
    has_shape(snug_mse(g, logits, probabilities), "[]");
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

static void operators_by_name(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 6, 9, 9, 4), *out[SNUG_MAX_OUT] = {NULL};
    snug_value *y = snug_apply_named(g, "clip", " max = 2.5 , min=-1", 1, &x);
    const snug_unary_attrs *clip = y->producer->attrs;
    assert_true(clip->min == -1 && clip->max == 2.5);
    y = snug_apply_named(g, "leaky_relu", NULL, 1, &x);
    assert_true(((const snug_unary_attrs *)y->producer->attrs)->slope == 0.01);
    snug_value *in[] = {x, x, x};
    has_shape(snug_apply_named(g, "add", "", 2, in), "[6, 9, 9, 4]");
    ok(snug_apply_named_all(g, "max_pool2d", "kernel_h=3,kernel_w=3,stride_h=2,stride_w=2", 1, &x,
                            out));
    has_shape(out[0], "[6, 4, 4, 4]");
    assert_int_equal(snug_value_type(out[1]).dtype, SNUG_U8);
    snug_value *flat = snug_flatten(g, x);
    y = snug_apply_named(g, "matmul", "trans_a=true, act=relu", 2, (snug_value *[]){flat, flat});
    const snug_matmul_attrs *m = y->producer->attrs;
    assert_true(m->trans_a == 1 && m->trans_b == 0 && m->act == ACT_RELU);
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

static void names_and_attributes_are_checked(void **state)
{
    (void)state;
    static const struct wrong {
        const char *op, *attrs, *says;
        int n_in;
    } rows[] = {
        {"leaky_rleu", "", "no operator 'leaky_rleu'; did you mean 'leaky_relu'?", 1},
        {"", "", "no operator ''", 1},
        {"leaky_relu", "slop=1", "leaky_relu has no attribute 'slop'; did you mean 'slope'?", 1},
        {"relu", "slope=1", "relu has no attribute 'slope': it has none", 1},
        {"leaky_relu", "slope=-1", "'slope' must be from 0 to 100, not -1", 1},
        {"leaky_relu", "slope=nan", "'slope' must be", 1},
        {"leaky_relu", "slope=steep", "'slope' must be a number from 0 to 100, not 'steep'", 1},
        {"leaky_relu", "slope", "'slope' has no value", 1},
        {"leaky_relu", "slope=", "attributes are written", 1},
        {"leaky_relu", "=1", "attributes are written", 1},
        {"leaky_relu", "slope=0.1,,", "attributes are written", 1},
        {"matmul", "act=tanhh", "'act' must be a whole number", 2},
        {"matmul", "trans_a=1.5", "'trans_a' must be a whole number", 2},
        {"add", "", "add 'add' takes 2 to 2 inputs, not 1", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snug_graph *g = graph(SNUG_MODE_TRAIN);
        snug_value *x = INPUT(g, 6, 8), *in[] = {x, x};
        assert_null(snug_apply_named(g, rows[i].op, rows[i].attrs, rows[i].n_in, in));
        fails(snug_graph_check(g), SNUG_EINVAL, rows[i].says);
        snug_graph_destroy(g);
    }
}

/* An input of F32, none of whose axes is the batch. */
static snug_value *fixed_input(snug_graph *g, const char *name, int n_dims, const int64_t *dim)
{
    snug_type t = {.shape = snug_shape_make(n_dims, dim), .dtype = SNUG_F32};
    return snug_input(g, name, t);
}

static void inputs_are_broadcast(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 6, 5, 4),
               *b[] = {fixed_input(g, "a", 0, NULL), fixed_input(g, "b", 1, (int64_t[]){4}),
                       fixed_input(g, "c", 3, (int64_t[]){1, 5, 1})};
    for (int i = 0; i < 3; i++) {
        snug_value *y = snug_add(g, b[i], x);
        has_shape(y, "[6, 5, 4]");
        assert_int_equal(snug_value_type(y).shape.kind[0], SNUG_AXIS_BATCH);
    }
    has_shape(snug_mul(g, b[1], b[2]), "[1, 5, 4]");
    ok(snug_graph_check(g));
    snug_graph_destroy(g);
}

/* However long the batch is, a fixed axis does not stand beside it, nor may it move from the front.
 */
static void the_batch_is_never_repeated(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        snug_graph *g = graph(SNUG_MODE_TRAIN);
        snug_value *x = INPUT(g, 6, 4);
        snug_value *b =
            fixed_input(g, "b", k ? 3 : 2, k ? (int64_t[]){2, 1, 4} : (int64_t[]){6, 4});
        assert_null(snug_add(g, x, b));
        fails(snug_graph_check(g), SNUG_ESHAPE, "a batch axis goes with the batch");
        snug_graph_destroy(g);
    }
}

/* One mistake each; the message says what, where, and both shapes. */
typedef struct mistake {
    snug_value *(*make)(snug_graph *g, snug_value *x); /* x is [6, 8, 8, 4] */
    const char *says[3];
} mistake;

static snug_value *wrong_add(snug_graph *g, snug_value *x)
{
    return snug_add(g, x, snug_global_avg_pool(g, x));
}
static snug_value *wrong_matmul(snug_graph *g, snug_value *x)
{
    snug_type t = {.shape = snug_shape_make(2, (int64_t[]){5, 3}), .dtype = SNUG_F32};
    return snug_matmul(g, x, snug_param(g, "w", t, (snug_init){0}));
}
static snug_value *wrong_groups(snug_graph *g, snug_value *x)
{
    return snug_conv2d(g, x, &(snug_conv2d_config){.filters = 6, .groups = 3}, "c");
}
static snug_value *wrong_window(snug_graph *g, snug_value *x)
{
    return snug_conv2d(g, x, &(snug_conv2d_config){.filters = 6, .kernel = {9, 9}}, "c");
}
static snug_value *wrong_pool(snug_graph *g, snug_value *x)
{
    return snug_max_pool2d(g, x, 9, 2);
}
static snug_value *wrong_units(snug_graph *g, snug_value *x)
{
    return snug_linear(g, x, -3, "fc");
}
static snug_value *wrong_reshape(snug_graph *g, snug_value *x)
{
    return snug_reshape(g, x, 2, (int64_t[]){5, 5});
}
static snug_value *wrong_rank(snug_graph *g, snug_value *x)
{
    return snug_conv2d(g, snug_flatten(g, x), &(snug_conv2d_config){.filters = 6}, "c");
}

static void mistakes_are_told_once(void **state)
{
    (void)state;
    static const mistake rows[] = {
        {wrong_add, {"'add'", "[6, 8, 8, 4]", "[6, 4]"}},
        {wrong_matmul, {"'matmul'", "[6, 8, 8, 4]", "[5, 3]"}},
        {wrong_groups, {"'c'", "3 groups", "[6, 8, 8, 4]"}},
        {wrong_window, {"'c'", "window of 9", "[6, 8, 8, 4]"}},
        {wrong_pool, {"'max_pool2d'", "9 x 9", "[6, 8, 8, 4]"}},
        {wrong_units, {"'fc'", "-3", "[6, 8, 8, 4]"}},
        {wrong_reshape, {"'reshape'", "[6, 8, 8, 4]", "[5, 5]"}},
        {wrong_rank, {"'c'", "[6, 256]", "4 axes"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snug_graph *g = graph(SNUG_MODE_TRAIN);
        snug_value *y = rows[i].make(g, INPUT(g, 6, 8, 8, 4));
        assert_null(y);
        assert_null(snug_relu(g, y));
        assert_null(snug_batch_norm(g, snug_linear(g, y, 3, "later"), "norm"));
        assert_null(snug_softmax_cross_entropy(g, y, y, NULL));
        assert_int_not_equal(snug_graph_check(g), SNUG_OK);
        for (int j = 0; j < 3; j++)
            if (!strstr(snug_error_message(), rows[i].says[j]))
                fail_msg("'%s' is not in: %s", rows[i].says[j], snug_error_message());
        snug_error_clear();
        snug_graph_destroy(g);
    }
}

static void moves_keep_the_batch_in_front(void **state)
{
    (void)state;
    snug_graph *g = graph(SNUG_MODE_TRAIN);
    snug_value *x = INPUT(g, 7, 3, 8), *part[2];
    has_shape(snug_transpose(g, x, (int[]){0, 2, 1}), "[7, 8, 3]");
    has_shape(snug_slice(g, x, -1, 2, -1), "[7, 3, 5]");
    snug_split_equal(g, x, 2, 2, part);
    has_shape(part[1], "[7, 3, 4]");
    has_shape(snug_concat(g, 2, (snug_value *[]){x, part[0]}, -1), "[7, 3, 12]");
    has_shape(snug_softmax(g, x, 1), "[7, 3, 8]");
    has_shape(snug_log_softmax(g, x, -1), "[7, 3, 8]");
    ok(snug_graph_check(g));
    snug_transpose(g, x, (int[]){1, 0, 2});
    fails(snug_graph_check(g), SNUG_ESHAPE, "counts samples and must stay in front");
    snug_graph_destroy(g);
    g = graph(SNUG_MODE_TRAIN);
    snug_slice(g, INPUT(g, 7, 3), 0, 1, 2);
    fails(snug_graph_check(g), SNUG_ESHAPE, "counts samples and can only be taken whole");
    snug_graph_destroy(g);
    g = graph(SNUG_MODE_TRAIN);
    snug_split_equal(g, INPUT(g, 7, 3), 1, 2, part);
    fails(snug_graph_check(g), SNUG_ESHAPE, "leave 1 elements over");
    assert_null(part[0]);
    snug_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_keeps_leading_axes),
        cmocka_unit_test(conv2d_pads_to_the_same_size),
        cmocka_unit_test(conv2d_defaults_and_groups),
        cmocka_unit_test(batch_norm_follows_the_mode),
        cmocka_unit_test(norms_of_rows_have_what_is_asked),
        cmocka_unit_test(losses_are_scalars),
        cmocka_unit_test(dropout_has_a_key_of_its_own),
        cmocka_unit_test(shapes_of_the_others),
        cmocka_unit_test(inputs_are_broadcast),
        cmocka_unit_test(the_batch_is_never_repeated),
        cmocka_unit_test(operators_by_name),
        cmocka_unit_test(names_and_attributes_are_checked),
        cmocka_unit_test(moves_keep_the_batch_in_front),
        cmocka_unit_test(mistakes_are_told_once),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
