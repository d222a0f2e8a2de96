/* SPDX-License-Identifier: Apache-2.0 */
/* Series with lengths of their own: what lies behind a sample's last step changes nothing, and a
 * short sample gives what it gives alone. Layers of series refuse what is none. */
#include "support/net.h"

#include "graph/graph.h"
#include "models/layers.h"

#include <math.h>

enum { SAMPLES = 5, STEPS = 9, CHANNELS = 3, OUTPUTS = 4 };
static const int32_t lengths[SAMPLES] = {9, 1, 4, 9, 6};

static const char *const lists[] = {
    "[lstm: {units: 6, layers: 2, bidirectional: true, sequence: false}, linear: outputs]",
    "[lstm: {units: 6, bidirectional: true}, mean_over_time, linear: outputs]",
    "[gru: {units: 17, layers: 2}, max_over_time, linear: outputs]",
    "[rnn: {units: 5, activation: relu, sequence: false}, linear: outputs]",
    "[conv1d: {filters: 7, padding: causal}, relu, last_step, linear: outputs]",
    "[mask_padding, conv1d: {filters: 7, kernel: 5}, mean_over_time, linear: outputs]",
};
enum { N_LISTS = sizeof lists / sizeof *lists };

static snug_type series_of(int64_t samples, int64_t steps)
{
    return (snug_type){
        .dtype = SNUG_F32,
        .shape = {.n_dims = 3, .dim = {samples, steps, CHANNELS}, .kind = {SNUG_AXIS_BATCH}}};
}

/* A list planned for inference on so many samples, with an input of lengths or without. */
static void open_net(net *n, const char *yaml, int64_t samples, int64_t steps, bool ragged)
{
    *n = (net){.config = {.batch = samples, .leaves = 1, .n_micro = 1}};
    ok(snug_context_create(&(snug_context_config){.threads = 2}, &n->ctx));
    ok(snug_device_find("cpu")->open(n->ctx, 0, &n->device));
    ok(snug_graph_create(n->ctx, SNUG_MODE_EVAL, &n->graph));
    snug_layer_list *l;
    ok(snug_layers_parse("m", yaml, &l));
    snug_value *x = snug_input(n->graph, "x", series_of(samples, steps));
    snug_type counts = {.dtype = SNUG_I32,
                        .shape = {.n_dims = 1, .dim = {samples}, .kind = {SNUG_AXIS_BATCH}}};
    const snug_shape outputs = {.n_dims = 1, .dim = {OUTPUTS}};
    snug_layers_use use = {.outputs = &outputs};
    if (ragged) use.lengths = snug_input(n->graph, "lengths", counts);
    snug_output(n->graph, "result", snug_layers_build(l, n->graph, x, &use));
    ok(snug_passes_run(n->graph, &(snug_pass_config){.n_micro = 1}, PHASE_CANONICALISE,
                       PHASE_LOWER));
    snug_plan_config plan = {
        .batch = samples, .leaves = 1, .n_micro = 1, .threads = 2, .device = &n->device};
    ok(snug_plan_build(n->graph, &plan, &n->persistent, &n->plan));
    ok(snug_arena_create(&n->persistent, 1, &n->plan, &n->arena));
    snug_arena_init(&n->arena, 1);
    ok(snug_exec_create(n->ctx, n->plan, &n->arena, 0, NULL, &n->exec));
    snug_layers_free(l);
}

static float value_at(int64_t sample, int64_t step, int64_t channel)
{
    return sinf((float)(sample * 31 + step * 7 + channel * 3));
}

static void run(net *n, int64_t samples)
{
    ok(snug_exec_run(n->exec, &(snug_exec_step){.n = samples}, NULL));
}

/* All samples together, the steps that they do not have filled with `padding`. */
static void run_together(const char *yaml, float padding, float result[SAMPLES * OUTPUTS])
{
    net n;
    open_net(&n, yaml, SAMPLES, STEPS, true);
    float *x = snug_arena_stream(&n.arena, n.plan, "x", 0);
    for (int64_t i = 0; i < SAMPLES * STEPS * CHANNELS; i++) {
        int64_t sample = i / (STEPS * CHANNELS), step = i / CHANNELS % STEPS;
        x[i] = step < lengths[sample] ? value_at(sample, step, i % CHANNELS) : padding;
    }
    memcpy(snug_arena_stream(&n.arena, n.plan, "lengths", 0), lengths, sizeof lengths);
    run(&n, SAMPLES);
    memcpy(result, snug_exec_tensor(n.exec, "result").data, SAMPLES * OUTPUTS * sizeof *result);
    net_close(&n);
}

/* One sample in a series as long as it is. */
static void run_alone(const char *yaml, int64_t sample, float result[OUTPUTS])
{
    net n;
    open_net(&n, yaml, 1, lengths[sample], false);
    float *x = snug_arena_stream(&n.arena, n.plan, "x", 0);
    for (int64_t i = 0; i < lengths[sample] * CHANNELS; i++)
        x[i] = value_at(sample, i / CHANNELS, i % CHANNELS);
    run(&n, 1);
    memcpy(result, snug_exec_tensor(n.exec, "result").data, OUTPUTS * sizeof *result);
    net_close(&n);
}

static void padding_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < N_LISTS; i++) {
        float zeros[SAMPLES * OUTPUTS], noise[SAMPLES * OUTPUTS];
        run_together(lists[i], 0, zeros);
        run_together(lists[i], 1e3f, noise);
        for (int o = 0; o < SAMPLES * OUTPUTS; o++)
            if (zeros[o] != noise[o]) fail_msg("%s sees the padding", lists[i]);
    }
}

static void short_samples_are_as_alone(void **state)
{
    (void)state;
    for (int i = 0; i < N_LISTS; i++) {
        float together[SAMPLES * OUTPUTS], alone[OUTPUTS];
        run_together(lists[i], 0, together);
        for (int64_t n = 0; n < SAMPLES; n++) {
            run_alone(lists[i], n, alone);
            for (int o = 0; o < OUTPUTS; o++)
                if (!(fabsf(alone[o] - together[n * OUTPUTS + o]) < 1e-5f))
                    fail_msg("%s: sample %d differs when alone", lists[i], (int)n);
        }
    }
}

/* The message that a list gets on a shape. */
static void expect_refusal(const char *yaml, snug_type input, bool ragged, const char *message)
{
    snug_context *ctx;
    snug_graph *g;
    snug_layer_list *l;
    ok(snug_context_create(&(snug_context_config){.threads = 1}, &ctx));
    ok(snug_graph_create(ctx, SNUG_MODE_TRAIN, &g));
    ok(snug_layers_parse("m", yaml, &l));
    snug_type counts = {.dtype = SNUG_I32, .shape = input.shape};
    counts.shape.n_dims = 1;
    snug_layers_use use = {0};
    if (ragged) use.lengths = snug_input(g, "lengths", counts);
    assert_null(snug_layers_build(l, g, snug_input(g, "x", input), &use));
    assert_int_not_equal(snug_graph_check(g), SNUG_OK);
    if (!strstr(snug_error_message(), message)) fail_msg("said: %s", snug_error_message());
    snug_error_clear();
    snug_layers_free(l);
    snug_graph_destroy(g);
    snug_context_destroy(ctx);
}

static void refuses_what_is_no_series(void **state)
{
    (void)state;
    snug_type table = {.dtype = SNUG_F32,
                       .shape = {.n_dims = 2, .dim = {4, 8}, .kind = {SNUG_AXIS_BATCH}}};
    snug_type series = series_of(4, 10);
    expect_refusal("[lstm: 8]", table, false,
                   "m:1: lstm lstm1 needs a series [N, steps, channels]");
    expect_refusal("[mean_over_time]", table, false, "needs a series");
    expect_refusal("[gru: {units: 8, sequence: false}, last_step]", series, false,
                   "need `sequence: true`");
    expect_refusal("[conv1d: {filters: 4, stride: 2}]", series, true, "a stride of 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_changes_nothing),
        cmocka_unit_test(short_samples_are_as_alone),
        cmocka_unit_test(refuses_what_is_no_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
