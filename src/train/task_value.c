/* SPDX-License-Identifier: Apache-2.0 */
/* A number: learned in units of the training part's deviation, whatever the unit of the value, so
 * that learning rates and initial values fit; loss by mean squared error. */
#include "train/task.h"

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

static void build(const snug_head *h, snug_value **outputs, snug_value **loss)
{
    const double mean = h->model->mean, std = h->model->std;
    *outputs = affine(h->graph, h->result, std, mean, "to_unit");
    if (h->y)
        *loss =
            snug_mse(h->graph, h->result, affine(h->graph, h->y, 1 / std, -mean / std, "of_unit"));
}

const snug_task snug_task_value = {.target = SNUG_TARGET_VALUE, .build = build};
