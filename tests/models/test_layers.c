/* SPDX-License-Identifier: Apache-2.0 */
/* Layer lists: reading, names, messages with their line, there and back, building. */
#include "support/context.h"
#include "support/faults.h"

#include "graph/graph.h"
#include "models/layer.h"
#include "ops/ops.h"

#include <stdlib.h>

static snug_type batch_of(int n_dims, const int64_t *sample)
{
    snug_type t = {.dtype = SNUG_F32};
    t.shape.n_dims = n_dims + 1;
    t.shape.dim[0] = 4;
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    memcpy(t.shape.dim + 1, sample, (size_t)n_dims * sizeof *sample);
    return t;
}

static const int64_t grey28[] = {28, 28, 1};

static snug_graph *build(const snug_layer_list *l, snug_type input, int64_t outputs)
{
    snug_graph *g;
    ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
    snug_value *x = snug_input(g, "x", input);
    const snug_shape result = {.n_dims = 1, .dim = {outputs}};
    const snug_layers_use use = {.outputs = outputs > 0 ? &result : NULL};
    (void)snug_layers_build(l, g, x, &use);
    return g;
}

/* ---- reading ---- */

static void names_layers_over_the_whole_list(void **state)
{
    (void)state;
    const char *yaml = "- conv2d: 4\n"
                       "- batch_norm\n"
                       "- residual:\n"
                       "    body: [conv2d: {filters: 4, name: conv3}, batch_norm, relu]\n"
                       "    shortcut: [conv2d: {filters: 4, kernel: 1}]\n"
                       "- conv2d: 4\n"
                       "- flatten\n"
                       "- linear: outputs\n";
    const char *want = "- conv2d: {name: conv1, filters: 4, kernel: 3, stride: 1, padding: same, "
                       "dilation: 1, groups: 1, bias: "
                       "true}\n"
                       "- batch_norm: {name: bn1, momentum: 0.1, eps: 1.0e-05}\n"
                       "- residual:\n"
                       "    body:\n"
                       "      - conv2d: {name: conv3, filters: 4, kernel: 3, stride: 1, padding: "
                       "same, dilation: 1, groups: 1, "
                       "bias: true}\n"
                       "      - batch_norm: {name: bn2, momentum: 0.1, eps: 1.0e-05}\n"
                       "      - relu\n"
                       "    shortcut:\n"
                       "      - conv2d: {name: conv2, filters: 4, kernel: 1, stride: 1, padding: "
                       "same, dilation: 1, groups: 1, "
                       "bias: true}\n"
                       "- conv2d: {name: conv4, filters: 4, kernel: 3, stride: 1, padding: same, "
                       "dilation: 1, groups: 1, bias: "
                       "true}\n"
                       "- flatten\n"
                       "- linear: {name: linear1, units: outputs, bias: true, std: 0}\n";
    snug_layer_list *l, *again;
    char *text, *twice;
    ok(snug_layers_parse("m", yaml, &l));
    ok(snug_layers_yaml(l, &text));
    assert_string_equal(text, want);
    ok(snug_layers_parse("m", text, &again));
    ok(snug_layers_yaml(again, &twice));
    assert_string_equal(text, twice);
    snug_free(text);
    snug_free(twice);
    snug_layers_free(l);
    snug_layers_free(again);
    snug_layers_free(NULL);
}

static void short_forms_mean_the_first_key(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *text;
    } cases[] = {
        {"[relu]", "- relu\n"},
        {"[max_pool]", "- max_pool: {kernel: 2, stride: kernel}\n"},
        {"[max_pool: 3]", "- max_pool: {kernel: 3, stride: kernel}\n"},
        {"[max_pool: {stride: 1}]", "- max_pool: {kernel: 2, stride: 1}\n"},
        {"[dropout: 0.25]", "- dropout: {rate: 0.25}\n"},
        {"[reshape: [3, 4, 5]]", "- reshape: {shape: [3, 4, 5]}\n"},
        {"[linear: {units: 7, name: a.b}]",
         "- linear: {name: a.b, units: 7, bias: true, std: 0}\n"},
        {"[residual: [relu, gelu]]", "- residual:\n    body:\n      - relu\n      - gelu\n"
                                     "    shortcut: []\n"},
        {"[conv2d: {filters: 2, kernel: [1, 5], stride: [2, 2], padding: 3, bias: no}]",
         "- conv2d: {name: conv1, filters: 2, kernel: [1, 5], stride: 2, padding: 3, dilation: 1, "
         "groups: 1, "
         "bias: false}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_layer_list *l;
        char *text;
        ok(snug_layers_parse("m", cases[i].yaml, &l));
        ok(snug_layers_yaml(l, &text));
        assert_string_equal(text, cases[i].text);
        snug_free(text);
        snug_layers_free(l);
    }
}

static void refuses_bad_lists(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"[]", "m:1: a model needs at least one layer"},
        {"relu", "m:1: expected a list of layers, not a single value"},
        {"- flatten\n- liner: 3\n", "m:2: unknown layer 'liner'; did you mean 'linear'?"},
        {"- qqqqqqqqqq\n", "`snug help recipe` lists them"},
        {"- [relu]\n", "m:1: a list where a layer"},
        {"- conv2d:\n  filters: 3\n", "indent its keys below"},
        {"- relu: 3\n", "m:1: relu takes no value"},
        {"- relu: {name: a}\n", "unknown key 'name' of relu"},
        {"- linear\n", "m:1: linear needs 'units'"},
        {"- linear: {name: a}\n", "m:1: linear needs 'units'"},
        {"- linear: {unit: 3}\n", "m:1: unknown key 'unit' of linear; did you mean 'units'?"},
        {"- linear: {xyzzy: 3}\n", "unknown key 'xyzzy' of linear, which has units bias std name"},
        {"- linear: 0\n", "'units' must be a whole number from 1 to 1048576 or `outputs`, not '0'"},
        {"- linear: 1.5\n", "'units' must be a whole number"},
        {"- linear: [3]\n", "not a list"},
        {"- linear: 99999999999999999999\n", "a whole number"},
        {"- dropout: 1\n", "'rate' must be a number from 0 to 0.95, not '1'"},
        {"- dropout: nan\n", "a number from 0 to 0.95"},
        {"- dropout: {rate: [1]}\n", "not a list"},
        {"- conv2d: {filters: 3, bias: perhaps}\n", "'bias' must be true or false"},
        {"- conv2d: {filters: 3, kernel: [1, 2, 3]}\n", "one number or [height, width]"},
        {"- conv2d: {filters: 3, padding: sane}\n", "or `same` or `valid`, not 'sane'"},
        {"- reshape: []\n", "a list of 1 to 5 lengths"},
        {"- reshape: [1, 2, 3, 4, 5, 6]\n", "a list of 1 to 5 lengths"},
        {"- residual: {body: []}\n", "a list of at least one layer"},
        {"- residual:\n    body:\n      - relux\n", "m:3: unknown layer 'relux'"},
        {"- linear: {units: 3, name: 'a b'}\n", "letters, digits"},
        {"- linear: {units: 3, name: a}\n- batch_norm: {name: a}\n",
         "m:2: the name 'a' is already that of the layer in line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_layer_list *l;
        fails(snug_layers_parse("m", cases[i].yaml, &l), SNUG_EINVAL, cases[i].message);
    }
}

static void bounds_the_number_of_layers(void **state)
{
    (void)state;
    snug_str s = {0};
    snug_layer_list *l;
    for (int i = 0; i < 5; i++) {
        snug_str_add(&s, "- residual:\n    body: [relu");
        for (int k = 0; k < 1000; k++) snug_str_add(&s, ", relu");
        snug_str_add(&s, "]\n");
    }
    fails(snug_layers_parse("m", s.text, &l), SNUG_EINVAL, "more than 4096 layers");
    snug_str_free(&s);
}

/* ---- building ---- */

static void build_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"- linear: 3\n",
         "m:1: linear linear1 needs [N, features] or [N, T, features] but is given [4, 28, 28, 1]: "
         "put `- flatten` before it"},
        {"- flatten\n- conv2d: 3\n", "m:2: conv2d conv1 needs images"},
        {"- flatten\n- max_pool: 2\n", "m:2: max_pool needs images"},
        {"- flatten\n- global_avg_pool\n", "m:2: global_avg_pool needs images"},
        {"- relu\n- conv2d: {filters: 3, kernel: 31, padding: valid}\n", "m:2: conv2d: "},
        {"- max_pool: 2\n- conv2d: {filters: 3, groups: 2}\n", "m:2: conv2d: 'conv1': 2 groups"},
        {"- residual:\n    body:\n      - conv2d: {filters: 4, stride: 2}\n",
         "m:1: residual: the body makes [4, 14, 14, 4] but the shortcut [4, 28, 28, 1]"},
        {"- residual:\n    body:\n      - flatten\n      - max_pool: 2\n", "m:4: max_pool needs"},
        {"- reshape: [3, 5]\n", "m:1: reshape: "},
        {"- relu\n- clip: {min: 1, max: -1}\n", "m:2: clip: 'clip': min 1 is above max -1"},
        {"- flatten\n- linear: 11\n",
         "m: the last layer makes [4, 11], but the data needs [N, 10]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_layer_list *l;
        ok(snug_layers_parse("m", cases[i].yaml, &l));
        snug_graph *g = build(l, batch_of(3, grey28), 10);
        snug_status s = snug_graph_check(g);
        assert_true(s != SNUG_OK);
        fails(s, s, cases[i].message);
        snug_graph_destroy(g);
        snug_layers_free(l);
    }
}

static void builds_every_layer(void **state)
{
    (void)state;
    const char *yaml =
        "- conv2d: {filters: 8, kernel: [3, 5], stride: [2, 1], padding: 1}\n"
        "- batch_norm\n"
        "- gelu\n"
        "- max_pool: {kernel: 3, stride: 1}\n"
        "- residual: [conv2d: {filters: 8, groups: 8, bias: false}, relu]\n"
        "- concat: [relu, sequential: [conv2d: {filters: 8, kernel: 1}, relu], sequential: []]\n"
        "- reshape: [288, 24]\n"
        "- conv1d: {filters: 8, padding: causal, dilation: 4, bias: false}\n"
        "- reshape: [12, 12, 16]\n"
        "- depthwise_conv2d: {kernel: 3, stride: 2, multiplier: 2}\n"
        "- avg_pool: {kernel: [2, 3], stride: [1, kernel], padding: same}\n"
        "- upsample: {scale: [1, 3], mode: bilinear}\n"
        "- conv_transpose2d: {filters: 4, kernel: 3, stride: 2, padding: 1}\n"
        "- zero_pad: [1, 2]\n"
        "- reshape: [195, 4]\n"
        "- max_pool1d: 3\n"
        "- avg_pool1d: {kernel: 4, stride: 2, count_padding: false}\n"
        "- reshape: [1, 31, 4]\n"
        "- dropout: 0.1\n"
        "- global_avg_pool\n"
        "- linear: 6\n"
        "- flatten\n";
    snug_layer_list *l;
    ok(snug_layers_parse("m", yaml, &l));
    snug_graph *g = build(l, batch_of(3, grey28), 0);
    ok(snug_graph_check(g));
    static const char *const params[] = {"conv1.weight",
                                         "conv1.bias",
                                         "bn1.weight",
                                         "bn1.bias",
                                         "conv2.weight",
                                         "linear1.weight",
                                         "linear1.bias",
                                         "bn1.running_mean",
                                         "conv1d_1.weight",
                                         "depthwise1.bias",
                                         "conv_transpose1.weight"};
    for (size_t i = 0; i < sizeof params / sizeof *params; i++)
        if (!snug_graph_find_value(g, params[i])) fail_msg("no value '%s'", params[i]);
    assert_null(snug_graph_find_value(g, "conv2.bias"));
    snug_graph_destroy(g);
    snug_layers_free(l);
}

static void every_layer_says_what_it_is(void **state)
{
    (void)state;
    int i = 0;
    snug_layer_info info;
    for (; snug_layer(i, &info); i++) assert_true(info.doc[0] != 0);
    assert_true(i > 10);
    assert_false(snug_layer(1000, &info));
}

/* Operators that are layers need no file here: keys, defaults and messages are the operator's. */
static void operators_are_layers(void **state)
{
    (void)state;
    const char *yaml = "- tanh\n- leaky_relu\n- leaky_relu: 0.2\n- clip: {max: 2.5, min: -1}\n";
    const char *whole = "- tanh\n- leaky_relu: {slope: 0.01}\n- leaky_relu: {slope: 0.2}\n"
                        "- clip: {min: -1, max: 2.5}\n";
    snug_layer_list *l;
    char *text;
    ok(snug_layers_parse("m", yaml, &l));
    ok(snug_layers_yaml(l, &text));
    assert_string_equal(text, whole);
    snug_graph *g = build(l, batch_of(3, grey28), 0);
    ok(snug_graph_check(g));
    assert_int_equal(g->n_nodes, 4);
    for (int i = 1; i < 3; i++) {
        const snug_unary_attrs *a = g->nodes[i]->attrs;
        assert_string_equal(g->nodes[i]->op->name, "leaky_relu");
        assert_true(a->slope == (i == 1 ? 0.01 : 0.2));
    }
    snug_graph_destroy(g);
    snug_free(text);
    snug_layers_free(l);
}

/* By itself, with its keys' defaults where it has them. */
static void every_operator_layer_builds(void **state)
{
    (void)state;
    const snug_layer_kind *kind;
    for (int i = 0; (kind = snug_layer_kind_get(i)); i++) {
        char yaml[80];
        snug_layer_list *l;
        if (!kind->op) continue;
        snprintf(yaml, sizeof yaml, "- %s\n", kind->info.name);
        assert_string_equal(kind->info.name, kind->op->name);
        ok(snug_layers_parse("m", yaml, &l));
        snug_graph *g = build(l, batch_of(3, grey28), 0);
        ok(snug_graph_check(g));
        snug_graph_destroy(g);
        snug_layers_free(l);
    }
}

/* ---- refused memory ---- */

static snug_status there_and_back(void *arg)
{
    (void)arg;
    snug_layer_list *l;
    char *text;
    snug_status s = snug_layers_from_zoo("resnet8", &l);
    if (s != SNUG_OK) return s;
    s = snug_layers_yaml(l, &text);
    if (s == SNUG_OK) snug_free(text);
    snug_layers_free(l);
    if (s == SNUG_OK) s = snug_zoo_layers("lenet", &text);
    if (s == SNUG_OK) free(text);
    return s;
}

static snug_status build_lenet(void *arg)
{
    (void)arg;
    snug_layer_list *l;
    snug_graph *g;
    snug_status s = snug_layers_from_zoo("lenet", &l);
    if (s != SNUG_OK) return s;
    s = snug_graph_create(ctx, SNUG_MODE_TRAIN, &g);
    if (s == SNUG_OK) {
        snug_value *x = snug_input(g, "x", batch_of(3, grey28));
        const snug_shape result = {.n_dims = 1, .dim = {10}};
        (void)snug_layers_build(l, g, x, &(snug_layers_use){.outputs = &result});
        s = snug_graph_check(g);
        snug_graph_destroy(g);
    }
    snug_layers_free(l);
    return s;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(fail_each(FAULT_ALLOC, there_and_back, NULL) > 5);
    assert_true(fail_each(FAULT_ALLOC, build_lenet, NULL) > 5);
    assert_int_equal(snug_tag_bytes(TAG_RECIPE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_layers_over_the_whole_list),
        cmocka_unit_test(short_forms_mean_the_first_key),
        cmocka_unit_test(refuses_bad_lists),
        cmocka_unit_test(bounds_the_number_of_layers),
        cmocka_unit_test(build_errors_name_the_line),
        cmocka_unit_test(builds_every_layer),
        cmocka_unit_test(every_layer_says_what_it_is),
        cmocka_unit_test(operators_are_layers),
        cmocka_unit_test(every_operator_layer_builds),
        cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
