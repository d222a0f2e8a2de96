/* SPDX-License-Identifier: Apache-2.0 */
/* Ten steps of every zoo model against PyTorch's ten steps from the same weights:
 * tests/golden/curves.json, made by make_curves.py beside it, holds what a model is trained on and
 * the losses. Initial values, inputs and truths follow from names and positions by one rule. */
#include "base/rng.h"
#include "data/target.h"
#include "plan/plan.h"
#include "run/exec.h"
#include "support/check.h"
#include "train/model_graph.h"
#include "train/optimizer.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define GOLDEN    "tests/golden/curves.json"
#define TOLERANCE 1e-4 /* of a loss, or of 1 where it is below */

typedef struct net {
    snug_layer_list *layers;
    snug_recipe *recipe;
    snug_model_shape shape;
    snug_persistent persistent;
    snug_built built;
    snug_arena arena;
    snug_exec *exec;
    int64_t batch, vocabulary;
    double rate;
} net;

static snug_context *ctx;
static snug_device device;
static json_t *golden;

/* ---- numbers by name and position --------------------------------------------------------------
 */

/* splitmix64 from the hash of a name. */
static uint64_t bits(uint64_t hash, int64_t i)
{
    uint64_t z = hash + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void uniform(const char *name, int64_t n, double low, double high, float *out)
{
    const uint64_t hash = snug_hash_name(name);
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(low + (high - low) * (double)(bits(hash, i) >> 40) * 0x1p-24);
}

static void below(const char *name, int64_t n, int64_t bound, int32_t *out)
{
    const uint64_t hash = snug_hash_name(name);
    for (int64_t i = 0; i < n; i++) out[i] = (int32_t)(bits(hash, i) % (uint64_t)bound);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static void initial(const char *name, const snug_tensor *t)
{
    const snug_shape *s = &t->type.shape;
    const int64_t n = snug_shape_elements(s);
    const double middle = s->n_dims == 1 && ends_with(name, ".weight") ? 1 : 0;
    const double wide = s->n_dims == 1 ? 0.1 : sqrt(3 * (double)s->dim[s->n_dims - 1] / (double)n);
    uniform(name, n, middle - wide, middle + wide, t->data);
}

/* ---- a model of the file -----------------------------------------------------------------------
 */

static snug_shape shape_of(const json_t *dims)
{
    snug_shape s = {.n_dims = (int32_t)json_array_size(dims)};
    for (int i = 0; i < s.n_dims; i++)
        s.dim[i] = json_integer_value(json_array_get(dims, (size_t)i));
    return s;
}

/* Random numbers of dropout are each library's own: there is none. */
static void without_dropout(char *yaml)
{
    for (char *at = yaml; (at = strstr(at, "rate: ")); at++)
        for (at += strlen("rate: "); *at && !strchr(",}\n", *at); at++) *at = '0';
}

static void read_layers(const char *name, net *n)
{
    char *yaml;
    ok(snug_zoo_layers(name, &yaml));
    without_dropout(yaml);
    ok(snug_layers_parse(name, yaml, &n->layers));
    free(yaml);
}

static void open_net(const char *name, const json_t *model, net *n)
{
    const char *target = json_string_value(json_object_get(model, "target"));
    *n = (net){.batch = json_integer_value(json_object_get(golden, "batch"))};
    n->vocabulary = json_integer_value(json_object_get(model, "vocabulary"));
    n->rate = json_real_value(json_object_get(model, "rate"));
    read_layers(name, n);
    n->shape = (snug_model_shape){
        .layers = n->layers,
        .sample = {.shape = shape_of(json_object_get(model, "sample")),
                   .dtype = n->vocabulary ? SNUG_I32 : SNUG_F32},
        .outputs = shape_of(json_object_get(model, "outputs")),
        .ragged = json_is_true(json_object_get(model, "ragged")),
        .target = snug_target_find(target),

    };
    ok(snug_recipe_create(&n->recipe));
    ok(snug_recipe_set(n->recipe, "train.optimizer", "momentum"));
    const snug_plan_config config = {
        .batch = n->batch, .leaves = 1, .n_micro = 1, .threads = 2, .device = &device};
    ok(snug_build(&n->shape, n->recipe, USE_TRAIN, &config, &n->persistent, &n->built));
    ok(snug_arena_create(&n->persistent, 1, &n->built.plan, &n->arena));
    snug_arena_init(&n->arena, 1);
    ok(snug_exec_create(ctx, n->built.plan, &n->arena, 0, NULL, &n->exec));
}

static void close_net(net *n)
{
    snug_exec_destroy(n->exec);
    snug_arena_destroy(&n->arena);
    snug_built_free(&n->built);
    snug_persistent_free(&n->persistent);
    snug_layers_free(n->layers);
    snug_recipe_destroy(n->recipe);
}

static void fill_params(const net *n)
{
    for (int32_t i = 0; i < n->persistent.n; i++) {
        const snug_persistent_entry *e = &n->persistent.entry[i];
        if (e->role != SNUG_ROLE_PARAM) continue;
        const snug_tensor t = snug_arena_tensor(&n->arena, e->name);
        initial(e->name, &t);
    }
}

/* Steps at and beyond a sample's length are 0. */
static void cut(const net *n, const int32_t *lengths, float *x)
{
    const int64_t steps = n->shape.sample.shape.dim[0];
    const int64_t each = snug_shape_elements(&n->shape.sample.shape) / steps;
    for (int64_t i = 0; i < n->batch; i++)
        memset(x + (i * steps + lengths[i]) * each, 0,
               (size_t)((steps - lengths[i]) * each) * sizeof *x);
}

static void fill_inputs(const net *n)
{
    const snug_type truth = snug_target_truth(n->shape.target, &n->shape.outputs);
    const int64_t n_x = n->batch * snug_shape_elements(&n->shape.sample.shape);
    void *x = snug_arena_stream(&n->arena, n->built.plan, SNUG_X, 0);
    int32_t *y = snug_arena_stream(&n->arena, n->built.plan, SNUG_Y, 0);
    int32_t *lengths = snug_arena_stream(&n->arena, n->built.plan, SNUG_LENGTHS, 0);
    if (n->vocabulary)
        below("x", n_x, n->vocabulary, x);
    else
        uniform("x", n_x, -1.7, 1.7, x);
    if (y && n->shape.target != SNUG_TARGET_SELF)
        below("y", n->batch * snug_shape_elements(&truth.shape), snug_model_outputs(&n->shape), y);
    if (!lengths) return;
    below("lengths", n->batch, n->shape.sample.shape.dim[0], lengths);
    for (int64_t i = 0; i < n->batch; i++) lengths[i]++;
    cut(n, lengths, x);
}

static double step(const net *n, int64_t number)
{
    snug_optimizer_hyper(n->recipe, number, n->rate, snug_exec_tensor(n->exec, SNUG_HYPER).data);
    const snug_exec_step s = {.step = (uint64_t)number, .n = n->batch};
    ok(snug_exec_run(n->exec, &s, NULL));
    const snug_tensor loss = snug_exec_tensor(n->exec, SNUG_LOSS);
    return snug_load(&loss, 0);
}

static void follow(const char *name, const json_t *model)
{
    const json_t *losses = json_object_get(model, "losses");
    double worst = 0;
    net n;
    open_net(name, model, &n);
    fill_params(&n);
    fill_inputs(&n);
    for (size_t i = 0; i < json_array_size(losses); i++) {
        const double want = json_real_value(json_array_get(losses, i));
        const double error = fabs(step(&n, (int64_t)i) - want) / fmax(1, want);
        if (!(error <= TOLERANCE)) fail_msg("%s: the loss of step %zu is %g off", name, i, error);
        worst = fmax(worst, error);
    }
    print_message("%-24s %zu losses, at most %.1e off\n", name, json_array_size(losses), worst);
    close_net(&n);
}

static void losses_follow_pytorch(void **state)
{
    (void)state;
    const char *name;
    json_t *model;
    json_object_foreach(json_object_get(golden, "models"), name, model) follow(name, model);
}

static void every_model_has_a_curve(void **state)
{
    (void)state;
    const snug_zoo_info *zoo;
    for (int i = 0; (zoo = snug_zoo(i)); i++) {
        bool found = false;
        const char *name;
        json_t *model;
        json_object_foreach(json_object_get(golden, "models"), name, model)
        {
            const size_t n = strlen(zoo->name);
            found = found || (strncmp(name, zoo->name, n) == 0 && (!name[n] || name[n] == ':'));
        }
        if (!found) fail_msg("no losses of %s: add a row to make_curves.py", zoo->name);
    }
}

static int setup(void **state)
{
    (void)state;
    json_error_t e;
    golden = json_load_file(GOLDEN, JSON_REJECT_DUPLICATES, &e);
    ok(snug_context_create(&(snug_context_config){.threads = 2}, &ctx));
    ok(snug_device_find("cpu")->open(ctx, 0, &device));
    return golden ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(golden);
    device.driver->close(&device);
    snug_context_destroy(ctx);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_follow_pytorch),
        cmocka_unit_test(every_model_has_a_curve),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
