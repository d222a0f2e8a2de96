/* SPDX-License-Identifier: Apache-2.0 */
/* The three graphs of a model. Inputs come in the same order in all of them (x, then y), so that
 * their places in a stream slot are the same and one loader serves training and evaluation.
 */
#include "train/model_graph.h"
#include "data/target.h"
#include "passes/pass.h"
#include "train/optimizer.h"
#include "train/task.h"
#include <string.h>

/* A batch of what one sample has the type of. */
static snug_value *input(snug_graph *g, const char *name, const snug_type *one, int64_t batch)
{
    snug_type t = {.dtype = one->dtype, .shape = {.n_dims = one->shape.n_dims + 1}};
    t.shape.dim[0] = batch;
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    for (int i = 0; i < one->shape.n_dims; i++) t.shape.dim[i + 1] = one->shape.dim[i];
    return snug_input(g, name, t);
}

static snug_value *input_lengths(snug_graph *g, const snug_model_shape *m, int64_t batch)
{
    const snug_type length = {.dtype = SNUG_I32};
    return m->ragged ? input(g, SNUG_LENGTHS, &length, batch) : NULL;
}

/* context: of a text that grows; 0: all of x is there. */
static snug_value *build_model(snug_graph *g, const snug_model_shape *m, snug_value *x,
                               int64_t batch, int64_t context)
{
    snug_layers_use use = {
        .outputs = &m->outputs, .lengths = input_lengths(g, m, batch), .frozen = m->frozen};
    if (context > 0) {
        use.position = snug_input(g, SNUG_POSITION, (snug_type){.dtype = SNUG_I32});
        use.context = context;
    }
    if (!m->build) return snug_layers_build(m->layers, g, x, &use);
    return m->build(m->build_arg, g, x, snug_model_outputs(m));
}

static snug_status check_result(const snug_model_shape *m, const snug_value *result)
{
    char have[SNUG_SHAPE_TEXT], want[SNUG_SHAPE_TEXT];
    CHECK(result, SNUG_EINVAL, "the program's model made no output");
    const snug_shape s = snug_value_type(result).shape;
    snug_shape rest = s;
    rest.n_dims = s.n_dims > 0 ? s.n_dims - 1 : 0;
    for (int i = 0; i < rest.n_dims; i++) rest.dim[i] = s.dim[i + 1], rest.kind[i] = s.kind[i + 1];
    snug_shape_text(&m->outputs, want, sizeof want);
    CHECK(
        snug_shape_equal(&rest, &m->outputs), SNUG_ESHAPE,
        "the model ends in shape %s, but the data needs [batch, %s; end it with a linear layer of "
        "%" PRId64 " units",
        snug_shape_text(&s, have, sizeof have), want + 1, snug_model_outputs(m));
    return SNUG_OK;
}

/* The model with one place of its text at a time; *context becomes how many there were. */
static snug_status one_place(snug_model_shape *m, int64_t *context)
{
    CHECK(m->layers && m->target == SNUG_TARGET_TOKENS && snug_layers_grow(m->layers),
          SNUG_EUNSUPPORTED, "the model's layers read a text as a whole: it cannot grow");
    *context = m->sample.shape.dim[0];
    m->sample.shape.dim[0] = m->outputs.dim[0] = 1;
    return SNUG_OK;
}

/* Inputs, model, outputs, and the loss where there is a truth to compare with. */
static snug_status build_forward(snug_graph *g, const snug_model_shape *model, snug_use use,
                                 int64_t batch)
{
    snug_model_shape shape = *model;
    const snug_model_shape *m = &shape;
    int64_t context = 0;
    if (use == USE_GROW) TRY(one_place(&shape, &context));
    const snug_task *task = snug_task_find(m->target);
    CHECK(task, SNUG_EUNSUPPORTED, "nothing is known to learn of a target of kind '%s'",
          snug_target_name(m->target));
    const snug_type truth = snug_target_truth(m->target, &m->outputs);
    snug_head head = {.graph = g,
                      .model = m,
                      .x = input(g, SNUG_X, &m->sample, batch),
                      .training = use == USE_TRAIN};
    if (use == USE_TRAIN || use == USE_EVAL) head.y = input(g, SNUG_Y, &truth, batch);
    head.result = build_model(g, m, head.x, batch, context);
    TRY(snug_graph_check(g));
    TRY(check_result(m, head.result));
    snug_value *outputs = NULL, *loss = NULL;
    TRY(task->build(&head, &outputs, &loss));
    TRY(snug_graph_check(g));
    if (outputs) snug_output(g, SNUG_OUTPUTS, outputs);
    if (loss) snug_output(g, SNUG_LOSS, loss);
    if (use == USE_TRAIN) snug_expect_finite(g, loss);
    return snug_graph_check(g);
}

static snug_value *find_output(const snug_graph *g, const char *name)
{
    for (int32_t i = 0; i < g->n_values; i++)
        if (g->values[i]->output && strcmp(g->values[i]->output, name) == 0) return g->values[i];
    return NULL;
}

static snug_status build_graph(snug_graph *g, const snug_model_shape *m, const snug_recipe *recipe,
                               snug_use use, const snug_plan_config *config)
{
    const snug_pass_config passes = {.n_micro = config->n_micro};
    TRY(build_forward(g, m, use, snug_micro_batch(config->batch, config->leaves, config->n_micro)));
    TRY(snug_passes_run(g, &passes, PHASE_CANONICALISE, PHASE_FORWARD));
    if (use == USE_TRAIN) TRY(snug_optimizer_append(g, recipe, find_output(g, SNUG_LOSS)));
    return snug_passes_run(g, &passes, PHASE_AUTODIFF, PHASE_LOWER);
}

snug_status snug_build(const snug_model_shape *model, const snug_recipe *recipe, snug_use use,
                       const snug_plan_config *config, snug_persistent *persistent, snug_built *out)
{
    snug_built b = {0};
    const snug_mode mode = use == USE_TRAIN ? SNUG_MODE_TRAIN : SNUG_MODE_EVAL;
    snug_plan_config planned = *config;
    planned.ways = model->ways;
    TRY(snug_graph_create(config->device->ctx, mode, &b.graph));
    snug_status s = build_graph(b.graph, model, recipe, use, config);
    if (s == SNUG_OK) s = snug_plan_build(b.graph, &planned, persistent, &b.plan);
    if (s != SNUG_OK) {
        snug_built_free(&b);
        TRY(s);
    }
    *out = b;
    return SNUG_OK;
}

void snug_built_free(snug_built *b)
{
    snug_plan_destroy(b->plan);
    snug_graph_destroy(b->graph);
    *b = (snug_built){0};
}

bool snug_built_batch_stats(const snug_built *b)
{
    for (int32_t i = 0; i < b->graph->n_nodes; i++)
        if (b->graph->nodes[i]->op->flags & SNUG_OP_BATCH_STATS) return true;
    return false;
}
