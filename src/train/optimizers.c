/* SPDX-License-Identifier: Apache-2.0 */
/* The optimizers, as rows, and how their updates are appended to a graph.
 *
 * An update reads a parameter, its gradient and its states and replaces parameter and states.
 * Weight decay applies to parameters of two axes or more: biases, and the scales and shifts of
 * normalisation, are left alone. Clipping by norm multiplies every gradient by min(1, max_norm /
 * |all gradients|); the squares are added in the order of the parameters, so the sum has one order.
 */
#include "graph/graph.h"
#include "train/optimizer.h"
#include "train/schedule.h"

static const snug_optimizer optimizer_sgd = {
    .name = "sgd",
    .doc = "w -= lr g",
    .update = "sgd_update",
};
static const snug_optimizer optimizer_momentum = {
    .name = "momentum",
    .doc = "m = momentum m + g, w -= lr m (Polyak 1964)",
    .update = "momentum_update",
    .n_states = 1,
    .state = {"momentum"},
};
static const snug_optimizer optimizer_adam = {
    .name = "adam",
    .doc = "Kingma and Ba 2015; weight decay is added to the gradient",
    .update = "adam_update",
    .n_states = 2,
    .state = {"adam_m", "adam_v"},
};
static const snug_optimizer optimizer_adamw = {
    .name = "adamw",
    .doc = "Adam with decoupled weight decay (Loshchilov and Hutter 2019)",
    .update = "adam_update",
    .n_states = 2,
    .state = {"adam_m", "adam_v"},
    .decoupled = true,
};

static const snug_optimizer optimizer_nesterov = {
    .name = "nesterov",
    .doc = "m = momentum m + g, w -= lr (g + momentum m) (Nesterov 1983)",
    .update = "momentum_update",
    .n_states = 1,
    .state = {"momentum"},
    .nesterov = true,
};
static const snug_optimizer optimizer_rmsprop = {
    .name = "rmsprop",
    .doc = "gradients over the root of their mean square (Tieleman and Hinton 2012)",
    .update = "rmsprop_update",
    .n_states = 1,
    .state = {"rmsprop_v"},
};
static const snug_optimizer optimizer_adagrad = {
    .name = "adagrad",
    .doc = "gradients over the root of the sum of their squares (Duchi, Hazan and Singer 2011)",
    .update = "adagrad_update",
    .n_states = 1,
    .state = {"adagrad_v"},
};
static const snug_optimizer optimizer_adadelta = {
    .name = "adadelta",
    .doc = "steps in the size of earlier steps (Zeiler 2012)",
    .update = "adadelta_update",
    .n_states = 2,
    .state = {"adadelta_v", "adadelta_u"},
};
static const snug_optimizer optimizer_lion = {
    .name = "lion",
    .doc = "the sign of a mean of gradients, with decoupled weight decay (Chen et al. 2023)",
    .update = "lion_update",
    .n_states = 1,
    .state = {"lion_m"},
    .decoupled = true,
};

const snug_optimizer *snug_optimizer_get(int64_t i)
{
    static const snug_optimizer *const table[] = {
#define SNUG_OPTIMIZER(id) &optimizer_##id,
#include "train/optimizers.def"
#undef SNUG_OPTIMIZER
    };
    const int64_t n = (int64_t)(sizeof table / sizeof table[0]);
    return i >= 0 && i < n ? table[i] : NULL;
}

void snug_optimizer_hyper(const snug_recipe *r, int64_t step, double rate,
                          float hyper[SNUG_HYPER_COUNT])
{
    hyper[0] = (float)rate;
    hyper[1] = (float)(1.0 - snug_power(r->train.beta1, step + 1));
    hyper[2] = (float)(1.0 - snug_power(r->train.beta2, step + 1));
    hyper[3] = 0.0f;
}

/* min(1, max_norm / |g|) as a value of the graph. */
static snug_value *norm_scale(snug_graph *g, double max_norm, int n, snug_value *const *grads)
{
    const snug_op *squares = snug_graph_find_op(g, "sum_squares");
    const snug_op *clip = snug_graph_find_op(g, "clip_scale");
    snug_value *sum = NULL;
    for (int i = 0; i < n; i++) {
        if (!grads[i]) continue;
        snug_value *one = snug_apply(g, squares, NULL, NULL, 1, &grads[i]);
        sum = sum ? snug_add(g, sum, one) : one;
    }
    const snug_clip_attrs attrs = {.max_norm = max_norm};
    return sum ? snug_apply(g, clip, "clip_scale", &attrs, 1, &sum) : NULL;
}

/* What every update of one graph shares. */
typedef struct update_context {
    snug_graph *g;
    const snug_recipe *r;
    const snug_optimizer *optimizer;
    snug_value *hyper, *scale; /* scale NULL: no clipping by norm */
} update_context;

static snug_status append_update(const update_context *c, snug_value *w, snug_value *grad)
{
    const snug_optimizer *o = c->optimizer;
    snug_value *in[SNUG_MAX_IN] = {w, grad}, *out[SNUG_MAX_OUT];
    int n_in = 2;
    for (int s = 0; s < o->n_states; s++) {
        char *name = snug_bump_printf(c->g->bump, "%s.%s", w->name, o->state[s]);
        if (!name) return SNUG_ENOMEM;
        in[n_in++] = snug_state(c->g, name, w->type, (snug_init){.kind = SNUG_INIT_ZERO});
    }
    in[n_in++] = c->hyper;
    if (c->scale) in[n_in++] = c->scale;
    const bool decays = w->type.shape.n_dims >= 2;
    const snug_update_attrs attrs = {
        .momentum = c->r->train.momentum,
        .beta1 = c->r->train.beta1,
        .beta2 = c->r->train.beta2,
        .alpha = c->r->train.alpha,
        .rho = c->r->train.rho,
        .epsilon = c->r->train.epsilon,
        .weight_decay = decays ? c->r->train.weight_decay : 0.0,
        .decoupled = o->decoupled,
        .nesterov = o->nesterov,
        .clip_value = c->r->train.clip_value,
    };
    const snug_op *update = snug_graph_find_op(c->g, o->update);
    TRY(snug_apply_all(c->g, update, NULL, &attrs, n_in, in, out));
    snug_assign(c->g, w, out[0]);
    for (int s = 0; s < o->n_states; s++) snug_assign(c->g, in[2 + s], out[1 + s]);
    return SNUG_OK;
}

/* Trainable parameters of the graph, into its own memory. */
static snug_value **trainable(snug_graph *g, int *n)
{
    snug_value **list = snug_bump_alloc(g->bump, (size_t)g->n_values * sizeof *list);
    *n = 0;
    for (int32_t i = 0; list && i < g->n_values; i++) {
        snug_value *v = g->values[i];
        if (v->role == SNUG_ROLE_PARAM && !v->frozen) list[(*n)++] = v;
    }
    return list;
}

snug_status snug_optimizer_append(snug_graph *g, const snug_recipe *r, snug_value *loss)
{
    int n;
    snug_value **params = trainable(g, &n);
    if (!params) return SNUG_ENOMEM;
    CHECK(n > 0, SNUG_EINVAL, "the model has no parameter to train");
    snug_value **grads = snug_bump_alloc(g->bump, (size_t)n * sizeof *grads);
    if (!grads) return SNUG_ENOMEM;
    TRY(snug_gradients(g, loss, n, params, grads));

    const snug_type hyper = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {SNUG_HYPER_COUNT}}};
    update_context c = {.g = g,
                        .r = r,
                        .optimizer = snug_optimizer_get(r->train.optimizer),
                        .hyper = snug_input(g, SNUG_HYPER, hyper)};
    CHECK(c.optimizer, SNUG_EINVAL, "there is no optimizer number %" PRId64, r->train.optimizer);
    if (r->train.clip_norm > 0) c.scale = norm_scale(g, r->train.clip_norm, n, grads);
    for (int i = 0; i < n; i++)
        if (grads[i]) TRY(append_update(&c, params[i], grads[i]));
    return snug_graph_check(g);
}
