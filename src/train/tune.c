/* SPDX-License-Identifier: Apache-2.0 */
/* train.tune_kernels: every kernel of a plan that can go several ways goes each of them a few times
 * on tensors of its shapes; the fastest is written into train.kernels. The tensors of one node at a
 * time are laid out, which the arena to come is larger than. */
#include "plan/ways.h"
#include "train/trainer.h"
#include <string.h>

enum { ROUNDS = 7, MAX_WAYS = 8 };
/* Long kernels need not go round so often. */
static const double ENOUGH_SECONDS = 0.05;

/* One node laid out on its own. */
typedef struct bench {
    snug_type type[SNUG_MAX_IN + SNUG_MAX_OUT];
    snug_tensor tensor[SNUG_MAX_IN + SNUG_MAX_OUT];
    snug_sig sig;
    const snug_kernel *kernel;
    snug_step step;
} bench;

static void unmap(const snug_tensor *t)
{
    if (t->data) snug_unmap(t->data, snug_type_bytes(&t->type));
}

/* Numbers of some size, none of them subnormal; indices are 0. */
static void fill(const snug_tensor *t)
{
    if (t->type.dtype != SNUG_F32) return;
    float *x = t->data;
    for (int64_t i = 0; i < snug_shape_elements(&t->type.shape); i++)
        x[i] = (float)(i % 31 - 15) * 0.0625F;
}

static snug_status lay_out(bench *b)
{
    for (int i = 0; i < b->sig.n_in + b->sig.n_out; i++) {
        snug_tensor *t = &b->tensor[i];
        t->type = i < b->sig.n_in ? b->sig.in[i] : b->sig.out[i - b->sig.n_in];
        TRY(snug_map(snug_type_bytes(&t->type), &t->data));
        fill(t);
    }
    return SNUG_OK;
}

static snug_status run_way(const snug_trainer *t, bench *b, int way, double *seconds)
{
    snug_call call = {.attrs = b->sig.attrs,
                      .in = b->tensor,
                      .out = b->tensor + b->sig.n_in,
                      .n_in = b->sig.n_in,
                      .n_out = b->sig.n_out,
                      .queue = t->device.queue,
                      .step = &b->step,
                      .way = way};
    b->sig.way = way;
    if (b->kernel->scratch)
        call.scratch_bytes = b->kernel->scratch(&b->sig, snug_context_threads(t->ctx));
    if (call.scratch_bytes) TRY(snug_map(call.scratch_bytes, &call.scratch));
    const double began = snug_now();
    b->kernel->run(&call);
    *seconds = snug_now() - began;
    if (call.scratch) snug_unmap(call.scratch, call.scratch_bytes);
    return SNUG_OK;
}

/* The way that took least, by turns, so that a disturbance strikes all. The first round warms. */
static snug_status fastest(const snug_trainer *t, bench *b, int *out)
{
    double least[MAX_WAYS + 1] = {0}, spent = 0;
    for (int round = 0; round < ROUNDS && spent < ENOUGH_SECONDS; round++)
        for (int way = 1; way <= MAX_WAYS && b->kernel->more->ways[way - 1]; way++) {
            double took;
            if (!b->kernel->more->can(&b->sig, way)) continue;
            TRY(run_way(t, b, way, &took));
            spent += took;
            if (round == 1 || (round > 1 && took < least[way]) || least[way] == 0)
                least[way] = took;
        }
    *out = 0;
    for (int way = 1; way <= MAX_WAYS; way++)
        if (least[way] > 0 && (*out == 0 || least[way] < least[*out])) *out = way;
    return SNUG_OK;
}

/* Whether there is anything to choose. */
static bool has_choice(const bench *b)
{
    int n = 0;
    for (int way = 1;
         b->kernel && snug_kernel_can(b->kernel)->ways && b->kernel->more->ways[way - 1]; way++)
        n += b->kernel->more->can(&b->sig, way);
    return n > 1;
}

static snug_status tune_instr(const snug_trainer *t, const snug_plan *p, const snug_instr *in,
                              snug_str *text)
{
    bench b = {.kernel = in->kernel};
    const int64_t leaves = p->config.leaves / p->config.n_micro, n = snug_graph_batch(p->graph);
    char key[SNUG_WAY_KEY];
    snug_node_sig(in->node, b.type, b.type + SNUG_MAX_IN, &b.sig);
    b.step = (snug_step){.seed = 1,
                         .n_step = n,
                         .n_here = n,
                         .leaf_samples = (n + leaves - 1) / leaves,
                         .leaves_here = leaves,
                         .n_micro = 1};
    if (!has_choice(&b)) return SNUG_OK;
    snug_way_key(in->node->op->name, &b.sig, key);
    if (text->text && strstr(text->text, key)) return SNUG_OK;
    int way = 0;
    snug_status s = lay_out(&b);
    if (s == SNUG_OK) s = fastest(t, &b, &way);
    for (int i = 0; i < b.sig.n_in + b.sig.n_out; i++) unmap(&b.tensor[i]);
    TRY(s);
    snug_str_printf(text, "%s%s=%s", text->length ? "; " : "", key, b.kernel->more->ways[way - 1]);
    return snug_str_check(text);
}

snug_status snug_trainer_tune(snug_trainer *t, const snug_plan *p)
{
    snug_str text = {0};
    snug_status s = SNUG_OK;
    for (int32_t i = 0; i < p->program.n_instr && s == SNUG_OK; i++)
        if (p->program.instr[i].kind == INSTR_COMPUTE)
            s = tune_instr(t, p, &p->program.instr[i], &text);
    if (s == SNUG_OK && text.text) s = snug_recipe_set(t->recipe, "train.kernels", text.text);
    snug_str_free(&text);
    TRY(s);
    t->model.ways = t->recipe->train.kernels;
    return SNUG_OK;
}
