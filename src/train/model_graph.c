/* SPDX-License-Identifier: Apache-2.0 */
/* The three graphs of a model. Inputs come in the same order in all of them (x, then y), so that
 * their places in a stream slot are the same and one loader serves training and evaluation.
 */
#include "train/model_graph.h"
#include "data/spec.h"
#include "passes/pass.h"
#include "train/optimizer.h"
#include <string.h>

snug_status snug_model_shape_scale(snug_model_shape *m, const char *spec)
{
    snug_spec read;
    snug_bump *bump = snug_bump_create(TAG_TRAIN);
    if (!bump) return SNUG_ENOMEM;
    const snug_status s = snug_spec_read(spec, bump, &read);
    snug_bump_destroy(bump);
    TRY(s);
    const bool value = m->target == SNUG_TARGET_VALUE;
    m->mean = value ? read.target_mean : 0;
    m->std = value ? read.target_std : 1;
    return SNUG_OK;
}

static snug_value *input_x(snug_graph *g, const snug_model_shape *m, int64_t batch)
{
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = m->sample.n_dims + 1}};
    t.shape.dim[0] = batch;
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    for (int i = 0; i < m->sample.n_dims; i++) t.shape.dim[i + 1] = m->sample.dim[i];
    return snug_input(g, SNUG_X, t);
}

/* Classes: i32 [N]. Values: f32 [N, 1], the same bytes as the loader's [N]. */
static snug_value *input_y(snug_graph *g, const snug_model_shape *m, int64_t batch)
{
    const bool classes = m->target == SNUG_TARGET_CLASS;
    snug_type t = {.dtype = classes ? SNUG_I32 : SNUG_F32,
                   .shape = {.n_dims = classes ? 1 : 2, .dim = {batch, 1}}};
    t.shape.kind[0] = SNUG_AXIS_BATCH;
    return snug_input(g, SNUG_Y, t);
}

/* v * scale + shift, v f32 [N, 1]. */
static snug_value *affine(snug_graph *g, snug_value *v, double scale, double shift,
                          const char *name)
{
    const snug_type weight = {.dtype = SNUG_F32, .shape = {.n_dims = 2, .dim = {1, 1}}};
    const snug_type bias = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {1}}};
    const float w = (float)scale, b = (float)shift;
    snug_graph_push_scope(g, name);
    v = snug_matmul(g, v, snug_constant(g, "scale", weight, &w));
    v = snug_bias_add(g, v, snug_constant(g, "shift", bias, &b));
    snug_graph_pop_scope(g);
    return v;
}

/* Inputs, model, outputs, and the loss where there is a truth to compare with. */
static snug_status build_forward(snug_graph *g, const snug_model_shape *m, snug_use use,
                                 int64_t batch)
{
    snug_value *x = input_x(g, m, batch);
    snug_value *y = use == USE_PREDICT ? NULL : input_y(g, m, batch);
    snug_value *result = m->build ? m->build(m->build_arg, g, x, m->outputs)
                                  : snug_layers_build(m->layers, g, x, m->outputs);
    TRY(snug_graph_check(g));
    CHECK(result, SNUG_EINVAL, "the program's model made no output");
    const snug_type t = snug_value_type(result);
    char text[SNUG_SHAPE_TEXT];
    CHECK(t.shape.n_dims == 2 && t.shape.dim[1] == m->outputs, SNUG_ESHAPE,
          "the model ends in shape %s, but the data needs [batch, %" PRId64 "]; end it with a "
          "linear layer of %" PRId64 " units",
          snug_shape_text(&t.shape, text, sizeof text), m->outputs, m->outputs);
    snug_value *outputs = result, *loss = NULL;
    if (m->target == SNUG_TARGET_CLASS) {
        if (y)
            loss = snug_softmax_cross_entropy(g, result, y, &outputs);
        else
            outputs = snug_apply(g, snug_graph_find_op(g, "softmax"), "softmax", NULL, 1, &result);
    } else {
        /* learned in units of the training part's deviation, whatever the unit of the value, so
         * that learning rates and initial values fit */
        outputs = affine(g, result, m->std, m->mean, "to_unit");
        if (y) loss = snug_mse(g, result, affine(g, y, 1 / m->std, -m->mean / m->std, "of_unit"));
    }
    snug_output(g, SNUG_OUTPUTS, outputs);
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
    TRY(snug_graph_create(config->device->ctx, mode, &b.graph));
    snug_status s = build_graph(b.graph, model, recipe, use, config);
    if (s == SNUG_OK) s = snug_plan_build(b.graph, config, persistent, &b.plan);
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
