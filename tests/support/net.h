/* SPDX-License-Identifier: Apache-2.0 */
/* A small training graph for tests, planned and bound, with inputs filled by hand. */
#ifndef SUPPORT_NET_H
#define SUPPORT_NET_H

#include "base/rng.h"
#include "ops/ops.h"
#include "passes/pass.h"
#include "run/exec.h"
#include "support/check.h"
#include <string.h>

typedef struct net_config {
    int64_t batch, leaves, n_micro;
    uint64_t disabled; /* passes left out */
    bool batch_norm, dropout, eval;
    bool twice; /* a second convolution behind the first, its batch norm and ReLU */
    int64_t classes;
} net_config;

typedef struct net {
    snug_context *ctx;
    snug_device device;
    snug_graph *graph;
    snug_plan *plan;
    snug_persistent persistent;
    snug_arena arena;
    snug_exec *exec;
    net_config config;
} net;

static inline snug_value *net_logits(const net_config *c, snug_graph *g, snug_value *x)
{
    snug_conv2d_config conv = {.filters = 5, .kernel = {3, 3}, .same = true};
    snug_value *h = snug_conv2d(g, x, &conv, "conv1");
    if (c->batch_norm) h = snug_batch_norm(g, h, "bn1");
    if (c->twice) h = snug_conv2d(g, snug_relu(g, h), &conv, "conv2");
    h = snug_max_pool2d(g, snug_relu(g, h), 2, 2);
    h = snug_relu(g, snug_linear(g, snug_flatten(g, h), 17, "hidden"));
    if (c->dropout) h = snug_dropout(g, h, 0.3);
    return snug_linear(g, h, c->classes, "out");
}

static inline void net_update(snug_graph *g, snug_value *loss)
{
    snug_value *wrt[16], *grad[16];
    int n = 0;
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i]->role == SNUG_ROLE_PARAM) wrt[n++] = g->values[i];
    ok(snug_gradients(g, loss, n, wrt, grad));
    snug_type t = {.dtype = SNUG_F32, .shape = {.n_dims = 1, .dim = {4}}};
    snug_value *hyper = snug_input(g, "hyper", t);
    snug_update_attrs a = {.momentum = 0.9};
    for (int i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.momentum", wrt[i]->name);
        snug_value *m = snug_state(g, name, wrt[i]->type, (snug_init){0});
        snug_value *in[] = {wrt[i], grad[i], m, hyper}, *out[SNUG_MAX_OUT];
        ok(snug_apply_all(g, &snug_op_momentum_update, NULL, &a, 4, in, out));
        snug_assign(g, wrt[i], out[0]);
        snug_assign(g, m, out[1]);
    }
}

static inline void net_build(net *n)
{
    const net_config *c = &n->config;
    snug_pass_config passes = {.n_micro = c->n_micro, .chain_bytes = 1, .disabled = c->disabled};
    int64_t bound = snug_micro_batch(c->batch, c->leaves, c->n_micro);
    snug_graph *g;
    ok(snug_graph_create(n->ctx, c->eval ? SNUG_MODE_EVAL : SNUG_MODE_TRAIN, &g));
    n->graph = g;
    snug_type xt = {.dtype = SNUG_F32,
                    .shape = {.n_dims = 4, .dim = {bound, 8, 6, 3}, .kind = {SNUG_AXIS_BATCH}}};
    snug_type yt = {.dtype = SNUG_I32,
                    .shape = {.n_dims = 1, .dim = {bound}, .kind = {SNUG_AXIS_BATCH}}};
    snug_value *x = snug_input(g, "x", xt), *y = snug_input(g, "y", yt), *p;
    snug_value *loss = snug_softmax_cross_entropy(g, net_logits(c, g, x), y, &p);
    snug_output(g, "loss", loss);
    snug_output(g, "probabilities", p);
    snug_expect_finite(g, loss);
    ok(snug_passes_run(g, &passes, PHASE_CANONICALISE, PHASE_FORWARD));
    if (!c->eval) net_update(g, loss);
    ok(snug_passes_run(g, &passes, PHASE_AUTODIFF, PHASE_LOWER));
    snug_plan_config pc = {.batch = c->batch,
                           .leaves = c->leaves,
                           .n_micro = c->n_micro,
                           .threads = snug_context_threads(n->ctx),
                           .device = &n->device};
    ok(snug_plan_build(g, &pc, &n->persistent, &n->plan));
}

static inline void net_open(net *n, net_config c, int threads)
{
    *n = (net){.config = c};
    ok(snug_context_create(&(snug_context_config){.threads = threads}, &n->ctx));
    ok(snug_device_find("cpu")->open(n->ctx, 0, &n->device));
    net_build(n);
    ok(snug_arena_create(&n->persistent, 1, &n->plan, &n->arena));
    snug_arena_init(&n->arena, 1);
    ok(snug_exec_create(n->ctx, n->plan, &n->arena, 0, NULL, &n->exec));
}

static inline void net_close(net *n)
{
    snug_exec_destroy(n->exec);
    snug_arena_destroy(&n->arena);
    snug_plan_destroy(n->plan);
    snug_graph_destroy(n->graph);
    snug_persistent_free(&n->persistent);
    snug_context_destroy(n->ctx);
}

/* One step on `samples` made-up samples. */
static inline snug_status net_step(net *n, uint64_t step, int64_t samples)
{
    float *x = snug_arena_stream(&n->arena, n->plan, "x", 0);
    int32_t *y = snug_arena_stream(&n->arena, n->plan, "y", 0);
    uint32_t u[4];
    for (int64_t i = 0; i < samples * 8 * 6 * 3; i++) {
        snug_rng(7, RNG_TEST, step, (uint64_t)i, u);
        x[i] = snug_rng_float(u[0]) * 2 - 1;
    }
    for (int64_t i = 0; i < samples; i++) {
        snug_rng(8, RNG_TEST, step, (uint64_t)i, u);
        y[i] = (int32_t)(u[0] % (uint32_t)n->config.classes);
    }
    snug_tensor hyper = snug_exec_tensor(n->exec, "hyper");
    if (hyper.data) ((float *)hyper.data)[0] = 0.1F;
    return snug_exec_run(n->exec, &(snug_exec_step){.seed = 3, .step = step, .n = samples}, NULL);
}

/* A digest of parameters, buffers and states. */
static inline uint64_t net_digest(const net *n)
{
    uint64_t h = 1469598103934665603U;
    for (int32_t i = 0; i < n->persistent.n; i++) {
        const snug_persistent_entry *e = &n->persistent.entry[i];
        const unsigned char *b = (unsigned char *)n->arena.base + e->offset;
        for (size_t k = 0; k < snug_type_bytes(&e->type); k++) h = (h ^ b[k]) * 1099511628211U;
    }
    return h;
}

#endif
