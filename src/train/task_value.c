/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: learned in units of the training part's deviations, whatever the units of the values, so
 * that learning rates and initial values fit. */
#include "data/spec.h"
#include "graph/graph.h"
#include "train/loss.h"

/* Each of n values times its scale, plus its shift. */
typedef struct affine {
    int64_t n;
    float *scale, *shift;
} affine;

static snug_status affine_create(snug_graph *g, int64_t n, affine *out)
{
    *out = (affine){.n = n,
                    .scale = snug_bump_alloc(g->bump, (size_t)n * sizeof(float)),
                    .shift = snug_bump_alloc(g->bump, (size_t)n * sizeof(float))};
    return out->scale && out->shift ? SNUG_OK : SNUG_ENOMEM;
}

static void affine_set(const affine *a, int64_t i, double scale, double shift)
{
    a->scale[i] = (float)scale;
    a->shift[i] = (float)shift;
}

/* v f32 [N, n]. */
static snug_value *apply(snug_graph *g, snug_value *v, const affine *a, const char *name)
{
    const snug_type each = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {a->n}}};
    snug_graph_push_scope(g, name);
    v = snug_mul(g, v, snug_constant(g, "scale", each, a->scale));
    v = snug_add(g, v, snug_constant(g, "shift", each, a->shift));
    snug_graph_pop_scope(g);
    return v;
}

static snug_status build(const snug_head *h, snug_value **outputs, snug_value **loss)
{
    const int64_t n = snug_model_outputs(h->model);
    snug_spec spec;
    affine to, of;
    TRY(snug_spec_read(h->model->spec, h->graph->bump, &spec));
    CHECK(spec.n_targets == n, SNUG_EFORMAT,
          "the model makes %" PRId64 " values, the data's spec tells of %d", n, spec.n_targets);
    TRY(affine_create(h->graph, n, &to));
    TRY(affine_create(h->graph, n, &of));
    for (int64_t i = 0; i < n; i++) {
        const double mean = spec.target_mean[i], std = spec.target_std[i];
        affine_set(&to, i, std, mean);
        affine_set(&of, i, 1 / std, -mean / std);
    }
    *outputs = apply(h->graph, h->result, &to, "to_unit");
    if (h->y) *loss = snug_loss_build(h, h->result, apply(h->graph, h->y, &of, "of_unit"), NULL);
    return SNUG_OK;
}

const snug_task snug_task_value = {.target = SNUG_TARGET_VALUE, .build = build};
