/* SPDX-License-Identifier: Apache-2.0 */
/* The zoo: every model has the published number of parameters, and is the same thing as its own
 * list; knobs. */
#include "support/context.h"
#include "support/faults.h"

#include "graph/graph.h"
#include "models/layers.h"

#include <stdlib.h>

/* ---- sizes ---- */

#define SELF (-1) /* outputs: the sample again */
#define GREY28                                                                                     \
    3,                                                                                             \
    {                                                                                              \
        28, 28, 1                                                                                  \
    }
#define COLOUR32                                                                                   \
    3,                                                                                             \
    {                                                                                              \
        32, 32, 3                                                                                  \
    }
#define COLOUR224                                                                                  \
    3,                                                                                             \
    {                                                                                              \
        224, 224, 3                                                                                \
    }

/* A model on samples of a shape: numbers that are trained, and running statistics. outputs 0: of
 * the model's own making. Each model of the zoo has at least one row. */
typedef struct size_case {
    const char *name;
    int n_dims;
    int64_t sample[SNUG_MAX_DIMS - 1];
    int64_t outputs, parameters, buffers;
} size_case;

static const size_case sizes[] = {
    {"linear", GREY28, 10, 7850, 0},
    {"mlp", GREY28, 10, 669706, 0},
    {"mlp", 1, {30}, 10, 283658, 0},
    {"mlp-256-128-64", GREY28, 10, 242762, 0},
    {"mlp-1200", GREY28, 10, 2395210, 0},
    {"lenet-300-100", GREY28, 10, 266610, 0},
    {"lenet", GREY28, 10, 61706, 0},
    {"lenet5-caffe", GREY28, 10, 431080, 0},
    {"cnn", GREY28, 10, 50282, 192},
    {"resnet8", COLOUR32, 10, 78186, 480}, /* 78,666 together, as in the reference */
    {"resnet20", COLOUR32, 10, 272474, 1568},
    {"resnet18", COLOUR32, 10, 11173962, 9600},
    {"resnet18-imagenet", COLOUR224, 1000, 11689512, 9600},
    {"vgg11", COLOUR224, 1000, 132863336, 0},
    {"vgg11-bn", COLOUR224, 1000, 132868840, 5504},
    {"vgg11-bn", COLOUR32, 10, 28149514, 5504},
    {"mobilenetv1", COLOUR224, 1000, 4231976, 21888}, /* 4,253,864 together, as in Keras */
    {"mobilenetv1:width=0.25,bias=1", 3, {96, 96, 3}, 2, 216322, 5472}, /* 221,794 together */
    {"mobilenetv2", COLOUR224, 1000, 3504872, 34112},
    {"mobilenetv2:width=0.35", COLOUR224, 1000, 1677128, 14080},
    {"squeezenet", COLOUR224, 1000, 1235496, 0},
    {"autoencoder", 1, {640}, SELF, 267928, 2064},
    {"conv-autoencoder", GREY28, SELF, 11909, 0},
    {"dscnn", 3, {49, 10, 1}, 12, 23756, 1152}, /* 24,908 together, as in the reference */
    {"lstm", 2, {29, 12}, 9, 73353, 0},
    {"lstm:units=64,layers=2,bidirectional=1", 2, {29, 12}, 9, 139401, 0},
    {"gru", 2, {29, 12}, 9, 55433, 0},
    {"rnn:units=100", 2, {29, 12}, 9, 12209, 0},
    {"char-lstm", 1, {64}, 65, 242945, 0},
    {"fcn", 2, {140, 1}, 5, 264837, 1024},
    {"tcn", 2, {140, 1}, 5, 88197, 0},
    {"vit-tiny", COLOUR224, 1000, 5717416, 0},
    {"vit-tiny:patch=4,depth=6", COLOUR32, 10, 2693578, 0},
    {"gpt", 1, {64}, 65, 804096, 0}, /* 0.80 M by nanoGPT, without the 8,192 of positions */
    {"gpt:context=256,bias=1", 1, {64}, 65, 834432, 0},
    {"gpt2", 1, {64}, 50257, 124439808, 0},
    {"llama", 1, {64}, 65, 755072, 0},
};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

/* Whether the row is of this model, knobs apart. */
static bool is_of(const size_case *c, const char *name)
{
    size_t n = strcspn(c->name, ":");
    return strlen(name) == n && !strncmp(c->name, name, n);
}

/* The sample is tokens, of which each has outputs. */
static bool reads_text(const size_case *c)
{
    static const char *const names[] = {"gpt", "gpt2", "llama", "char-lstm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_of(c, names[i])) return true;
    return false;
}

static snug_type batch_of(const size_case *c)
{
    snug_type t = {.dtype = reads_text(c) ? SNUG_I32 : SNUG_F32};
    t.shape.n_dims = c->n_dims + 1;
    t.shape.dim[0] = 4;
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    memcpy(t.shape.dim + 1, c->sample, (size_t)c->n_dims * sizeof *c->sample);
    return t;
}

static snug_graph *build(const snug_layer_list *l, const size_case *c)
{
    snug_graph *g;
    ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
    snug_shape result = {.n_dims = 1, .dim = {c->outputs}};
    if (reads_text(c)) result = snug_shape_make(2, (int64_t[]){c->sample[0], c->outputs});
    if (c->outputs == SELF) result = snug_shape_make(c->n_dims, c->sample);
    const snug_layers_use use = {.outputs = &result};
    (void)snug_layers_build(l, g, snug_input(g, "x", batch_of(c)), &use);
    ok(snug_graph_check(g));
    return g;
}

static snug_graph *zoo_graph(const size_case *c)
{
    snug_layer_list *l;
    ok(snug_layers_from_zoo(c->name, &l));
    snug_graph *g = build(l, c);
    snug_layers_free(l);
    return g;
}

static int64_t count(const snug_graph *g, snug_role role)
{
    int64_t n = 0;
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->role == role) n += snug_shape_elements(&g->values[i]->type.shape);
    return n;
}

static void models_have_their_sizes(void **state)
{
    (void)state;
    for (int i = 0; i < N_SIZES; i++) {
        snug_graph *g = zoo_graph(&sizes[i]);
        int64_t parameters = count(g, SNUG_ROLE_PARAM), buffers = count(g, SNUG_ROLE_BUFFER);
        if (parameters != sizes[i].parameters || buffers != sizes[i].buffers)
            fail_msg("%s has %lld parameters and %lld buffers", sizes[i].name,
                     (long long)parameters, (long long)buffers);
        snug_graph_destroy(g);
    }
}

static void every_model_has_a_size(void **state)
{
    (void)state;
    const snug_zoo_info *z;
    for (int i = 0; (z = snug_zoo(i)); i++) {
        int row = 0;
        assert_true(z->doc[0] != 0);
        while (row < N_SIZES && !is_of(&sizes[row], z->name)) row++;
        if (row == N_SIZES) fail_msg("%s has no row in `sizes`", z->name);
    }
    assert_null(snug_zoo(-1));
}

/* ---- lists ---- */

/* The same persistent values, name by name, and as many nodes. */
static void same_graph(const snug_graph *a, const snug_graph *b)
{
    assert_int_equal(a->n_nodes, b->n_nodes);
    assert_int_equal(a->n_values, b->n_values);
    for (int i = 0; i < a->n_values; i++) {
        const snug_value *v = a->values[i], *w = b->values[i];
        assert_string_equal(v->name, w->name);
        assert_int_equal(v->role, w->role);
        assert_int_equal(v->type.dtype, w->type.dtype);
        assert_true(snug_shape_equal(&v->type.shape, &w->type.shape));
        assert_int_equal(v->init.kind, w->init.kind);
    }
    for (int i = 0; i < a->n_nodes; i++)
        assert_string_equal(a->nodes[i]->op->name, b->nodes[i]->op->name);
}

static void a_model_is_its_own_list(void **state)
{
    (void)state;
    for (int i = 0; i < N_SIZES; i++) {
        char *yaml;
        snug_layer_list *l;
        ok(snug_zoo_layers(sizes[i].name, &yaml));
        ok(snug_layers_parse("list", yaml, &l));
        snug_graph *a = zoo_graph(&sizes[i]), *b = build(l, &sizes[i]);
        same_graph(a, b);
        snug_graph_destroy(a);
        snug_graph_destroy(b);
        snug_layers_free(l);
        free(yaml);
    }
}

static void knobs_are_documented(void **state)
{
    (void)state;
    for (int i = 0; snug_zoo(i); i++) {
        char *text;
        ok(snug_zoo_knobs(i, &text));
        if (!strcmp(snug_zoo(i)->name, "mobilenetv1"))
            assert_non_null(strstr(text, "width (0.03125 to 4; default 1): multiplies"));
        if (!strcmp(snug_zoo(i)->name, "lenet")) assert_string_equal(text, "");
        free(text);
    }
}

static void wrong_names_are_told(void **state)
{
    (void)state;
    char *none;
    fails(snug_zoo_layers("resnet9", &none), SNUG_EINVAL, "did you mean 'resnet8'?");
    fails(snug_zoo_layers("resnet8:width=2", &none), SNUG_EINVAL, "'resnet8' has no knobs");
    fails(snug_zoo_layers("resnet8:", &none), SNUG_EINVAL, "'resnet8' has no knobs");
    fails(snug_zoo_knobs(-1, &none), SNUG_ENOENT, "no model number -1");
    fails(snug_zoo_layers("mobilenetv1:depth=2", &none), SNUG_EINVAL, "no knob 'depth'");
    fails(snug_zoo_layers("gpt:heads=3", &none), SNUG_EINVAL,
          "3 heads do not divide a width of 128");
    fails(snug_zoo_layers("llama:kv_heads=3", &none), SNUG_EINVAL, "cannot share 3 heads");
    fails(snug_zoo_layers("mobilenetv1:width=9", &none), SNUG_EINVAL, "from 0.03125 to 4");
}

/* ---- refused memory ---- */

static snug_status list_them(void *arg)
{
    (void)arg;
    static const char *const names[] = {"lenet", "mobilenetv1:width=0.5"};
    for (int i = 0; i < 2; i++) {
        char *text;
        snug_status s = snug_zoo_layers(names[i], &text);
        if (s != SNUG_OK) return s;
        free(text);
    }
    return SNUG_OK;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(fail_each(FAULT_ALLOC, list_them, NULL) > 5);
    assert_int_equal(snug_tag_bytes(TAG_RECIPE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_have_their_sizes), cmocka_unit_test(every_model_has_a_size),
        cmocka_unit_test(a_model_is_its_own_list), cmocka_unit_test(knobs_are_documented),
        cmocka_unit_test(wrong_names_are_told),    cmocka_unit_test(survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
