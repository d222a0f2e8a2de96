/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that grow: a model that is given one token at a time, and keeps keys and values of those
 * before, says what it says of the whole text. */
#include "support/context.h"

#include <math.h>

#include "base/rng.h"
#include "models/layers.h"
#include "passes/pass.h"
#include "run/exec.h"

enum { N = 2, CONTEXT = 70, TOKENS = 23 };

typedef struct machine {
    snug_graph *graph;
    snug_plan *plan;
    snug_exec *exec;
} machine;

static snug_device device;

static void build(const snug_layer_list *l, bool grows, snug_persistent *persistent, machine *m)
{
    int64_t steps = grows ? 1 : CONTEXT;
    snug_shape outputs = snug_shape_make(2, (int64_t[]){steps, TOKENS});
    snug_type x = {.dtype = SNUG_I32, .shape = snug_shape_make(2, (int64_t[]){N, steps})};
    x.shape.kind[0] = SNUG_AXIS_BATCH;
    ok(snug_graph_create(ctx, SNUG_MODE_EVAL, &m->graph));
    snug_value *tokens = snug_input(m->graph, "x", x);
    snug_layers_use use = {.outputs = &outputs, .context = CONTEXT};
    if (grows) use.position = snug_input(m->graph, "position", (snug_type){.dtype = SNUG_I32});
    snug_output(m->graph, "logits", snug_layers_build(l, m->graph, tokens, &use));
    ok(snug_graph_check(m->graph));
    ok(snug_passes_run(m->graph, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE,
                       PHASE_LOWER));
    const snug_plan_config config = {
        .batch = N, .leaves = 1, .n_micro = 1, .threads = 2, .device = &device};
    ok(snug_plan_build(m->graph, &config, persistent, &m->plan));
}

static void close_machine(machine *m)
{
    snug_exec_destroy(m->exec);
    snug_plan_destroy(m->plan);
    snug_graph_destroy(m->graph);
}

static int32_t token(int sample, int64_t t)
{
    uint32_t u[4];
    snug_rng(5, RNG_TEST, (uint64_t)sample, (uint64_t)t, u);
    return (int32_t)(u[0] % TOKENS);
}

static snug_tensor run(machine *m, snug_arena *arena, int64_t first, int64_t steps)
{
    int32_t *x = snug_arena_stream(arena, m->plan, "x", 0);
    for (int i = 0; i < N; i++)
        for (int64_t t = 0; t < steps; t++) x[i * steps + t] = token(i, first + t);
    snug_tensor position = snug_exec_tensor(m->exec, "position");
    if (position.data) *(int32_t *)position.data = (int32_t)first;
    ok(snug_exec_run(m->exec, &(snug_exec_step){.n = N}, NULL));
    return snug_exec_tensor(m->exec, "logits");
}

/* The largest difference between what both say of position t, of the largest score. */
static double difference(const snug_tensor *all, const snug_tensor *one, int64_t t)
{
    const float *a = all->data, *b = one->data;
    double worst = 0, largest = 0;
    for (int i = 0; i < N; i++)
        for (int v = 0; v < TOKENS; v++) {
            double want = (double)a[(i * CONTEXT + t) * TOKENS + v];
            worst = fmax(worst, fabs(want - (double)b[i * TOKENS + v]));
            largest = fmax(largest, fabs(want));
        }
    assert_true(largest > 0);
    return worst / largest;
}

static void check_model(const char *name)
{
    snug_layer_list *l;
    snug_persistent persistent = {0};
    snug_arena arena;
    machine whole = {0}, growing = {0};
    ok(snug_layers_from_zoo(name, &l));
    assert_true(snug_layers_grow(l));
    build(l, false, &persistent, &whole);
    build(l, true, &persistent, &growing);
    ok(snug_arena_create(&persistent, 2, (snug_plan *[]){whole.plan, growing.plan}, &arena));
    snug_arena_init(&arena, 1);
    ok(snug_exec_create(ctx, whole.plan, &arena, 0, NULL, &whole.exec));
    ok(snug_exec_create(ctx, growing.plan, &arena, 0, NULL, &growing.exec));
    static float kept[N * CONTEXT * TOKENS];
    snug_tensor all = run(&whole, &arena, 0, CONTEXT);
    memcpy(kept, all.data, sizeof kept); /* the plans share their transient bytes */
    all.data = kept;
    for (int64_t t = 0; t < CONTEXT; t++) {
        snug_tensor one = run(&growing, &arena, t, 1);
        double d = difference(&all, &one, t);
        if (!(d < 1e-5)) fail_msg("%s: position %d differs by %g", name, (int)t, d);
    }
    close_machine(&whole), close_machine(&growing);
    snug_arena_destroy(&arena);
    snug_persistent_free(&persistent);
    snug_layers_free(l);
}

static void growing_is_the_whole(void **state)
{
    (void)state;
    check_model("gpt:layers=2,heads=2,width=32");
    check_model("gpt:layers=2,heads=2,width=32,context=90,bias=1");
    check_model("llama:layers=2,heads=4,width=32,kv_heads=2");
}

/* A layer that reads positions together, or looks ahead, is refused by name. */
static void what_cannot_grow_is_refused(void **state)
{
    (void)state;
    static const char *const lists[] = {"- embedding: 8\n- self_attention: 2\n",
                                        "- embedding: 8\n- residual:\n    body: [flatten]\n"};
    for (int i = 0; i < 2; i++) {
        snug_layer_list *l;
        snug_graph *g;
        ok(snug_layers_parse("m", lists[i], &l));
        assert_false(snug_layers_grow(l));
        ok(snug_graph_create(ctx, SNUG_MODE_EVAL, &g));
        snug_type x = {.dtype = SNUG_I32, .shape = snug_shape_make(2, (int64_t[]){N, 1})};
        const snug_shape outputs = snug_shape_make(2, (int64_t[]){1, TOKENS});
        const snug_layers_use use = {.outputs = &outputs,
                                     .position =
                                         snug_input(g, "position", (snug_type){.dtype = SNUG_I32}),
                                     .context = CONTEXT};
        assert_null(snug_layers_build(l, g, snug_input(g, "x", x), &use));
        fails(snug_graph_check(g), SNUG_ESHAPE, "cannot go on from one position to the next");
        snug_graph_destroy(g);
        snug_layers_free(l);
    }
}

static int setup(void **state)
{
    open_context(state);
    ok(snug_device_find("cpu")->open(ctx, 0, &device));
    return 0;
}

static int teardown(void **state)
{
    device.driver->close(&device);
    return close_context(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(growing_is_the_whole),
        cmocka_unit_test(what_cannot_grow_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
