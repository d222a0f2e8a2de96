/* SPDX-License-Identifier: Apache-2.0 */
/* The table of optimizers, and how their updates are appended to a graph.
 *
 * An update reads a parameter, its gradient and its states and replaces parameter and states.
 * Weight decay applies to parameters of two axes or more: biases, and the scales and shifts of
 * normalisation, are left alone. Clipping by norm multiplies every gradient by min(1, max_norm /
 * |all gradients|); the squares are added in the order of the parameters, so the sum has one order.
 */
#include "graph/graph.h"
#include "train/average.h"
#include "train/optimizer.h"
#include "train/schedule.h"

#define SNUG_OPTIMIZER(id) extern const snug_optimizer snug_optimizer_##id;
#include "train/optimizers.def"
#undef SNUG_OPTIMIZER

const snug_optimizer *snug_optimizer_get(int64_t i)
{
    static const snug_optimizer *const table[] = {
#define SNUG_OPTIMIZER(id) &snug_optimizer_##id,
#include "train/optimizers.def"
#undef SNUG_OPTIMIZER
    };
    const int64_t n = (int64_t)(sizeof table / sizeof(snug_optimizer *));
    return i >= 0 && i < n ? table[i] : NULL;
}

int snug_optimizer_states(const snug_optimizer *o)
{
    int n = 0;
    while (n < SNUG_OPTIMIZER_STATES && o->state[n].name) n++;
    return n;
}

snug_status snug_optimizer_settle(snug_recipe *r)
{
    const snug_optimizer *o = snug_optimizer_get(r->train.optimizer);
    for (const snug_optimizer_key *k = o->keys; k->key; k++)
        if (k->usual) TRY(snug_recipe_set_default(r, k->key, k->usual));
    return SNUG_OK;
}

void snug_optimizer_hyper(const snug_recipe *r, int64_t step, double rate,
                          float hyper[SNUG_HYPER_COUNT])
{
    hyper[0] = (float)rate;
    hyper[1] = (float)(1.0 - snug_power(r->train.beta1, step + 1));
    hyper[2] = (float)(1.0 - snug_power(r->train.beta2, step + 1));
    hyper[3] = 0.0f;
    const snug_optimizer *o = snug_optimizer_get(r->train.optimizer);
    if (o->hyper) o->hyper(step, hyper);
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

static snug_update_attrs update_attrs(const update_context *c, const snug_value *w)
{
    const snug_recipe *r = c->r;
    snug_update_attrs a = c->optimizer->attrs;
    a.momentum = r->train.momentum;
    a.beta1 = r->train.beta1;
    a.beta2 = r->train.beta2;
    a.alpha = r->train.alpha;
    a.rho = r->train.rho;
    a.epsilon = r->train.epsilon;
    a.weight_decay = w->type.shape.n_dims >= 2 ? r->train.weight_decay : 0.0;
    a.clip_value = r->train.clip_value;
    return a;
}

static snug_value *add_state(const update_context *c, const snug_value *w,
                             const snug_optimizer_state *s)
{
    char *name = snug_bump_printf(c->g->bump, "%s.%s", w->name, s->name);
    snug_type type = w->type;
    if (s->shape) type.shape = s->shape(&w->type.shape);
    return name ? snug_state(c->g, name, type, (snug_init){.kind = SNUG_INIT_ZERO}) : NULL;
}

static snug_status append_update(const update_context *c, snug_value *w, snug_value *grad)
{
    const snug_optimizer *o = c->optimizer;
    const int n_states = snug_optimizer_states(o);
    snug_value *in[SNUG_MAX_IN] = {w, grad}, *out[SNUG_MAX_OUT];
    int n_in = 2;
    for (int s = 0; s < n_states; s++) {
        in[n_in] = add_state(c, w, &o->state[s]);
        if (!in[n_in++]) return SNUG_ENOMEM;
    }
    in[n_in++] = c->hyper;
    if (c->scale) in[n_in++] = c->scale;
    const snug_update_attrs attrs = update_attrs(c, w);
    const snug_op *update = snug_graph_find_op(c->g, o->update);
    TRY(snug_apply_all(c->g, update, NULL, &attrs, n_in, in, out));
    snug_assign(c->g, w, out[0]);
    for (int s = 0; s < n_states; s++) snug_assign(c->g, in[2 + s], out[1 + s]);
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
    if (snug_average_wanted(r)) TRY(snug_average_append(g));
    return snug_graph_check(g);
}
