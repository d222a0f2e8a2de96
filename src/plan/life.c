/* SPDX-License-Identifier: Apache-2.0 */
/* Lifetimes. Bytes live from the instruction that makes them to the last that reads them, with what
 * a repeated body adds: what the prologue made is read in every repetition, sums over repetitions
 * live through all of them, and an output with a batch axis keeps the rows of every repetition. */
#include "plan/lower.h"

static void touch(snug_life *life, int32_t at)
{
    if (at < life->first) life->first = at;
    if (at > life->last) life->last = at;
}

static void live_made(snug_lowering *l, const snug_node *n)
{
    const snug_program *p = &l->plan->program;
    for (int i = 0; i < n->n_out; i++) {
        snug_life *life = &l->life[snug_value_root(n->out[i])->id];
        touch(life, l->at[n->id]);
        if (n->op->flags & SNUG_OP_ACROSS) {
            touch(life, p->body_begin);
            touch(life, p->epilogue_begin - 1);
        }
        if (n->out[i]->expect_finite) touch(life, l->at[n->id] + 1);
        if (!n->out[i]->output) continue;
        life->kept = true;
        if (n->section == SECTION_BODY && snug_value_bounded(n->out[i]) &&
            l->plan->config.n_micro > 1) {
            life->whole_step = true;
            touch(life, p->body_begin);
        }
    }
}

/* A kernel that keeps what it made of in[1] reads it once, there. */
static void live_read(snug_lowering *l, const snug_node *n)
{
    const snug_program *p = &l->plan->program;
    for (int i = 0; i < n->n_in; i++) {
        snug_value *v = n->in[i];
        snug_life *life = &l->life[snug_value_root(v)->id];
        if (i == 1 && l->keep[n->id].bytes > 0) {
            touch(life, l->keep[n->id].at);
            continue;
        }
        touch(life, l->at[n->id]);
        if (n->section != SECTION_PROLOGUE && v->producer &&
            v->producer->section == SECTION_PROLOGUE)
            touch(life, l->plan->steady ? p->n_instr : p->epilogue_begin - 1);
    }
}

void snug_lower_lives(snug_lowering *l)
{
    snug_graph *g = l->graph;
    int32_t end = l->plan->program.n_instr;
    for (int i = 0; i < g->n_values; i++) l->life[i] = (snug_life){.first = INT32_MAX, .last = -1};
    for (int i = 0; i < g->n_nodes; i++) {
        live_made(l, g->nodes[i]);
        live_read(l, g->nodes[i]);
    }
    for (int i = 0; i < g->n_values; i++) {
        snug_life *life = &l->life[i];
        const snug_value *v = g->values[i];
        /* an input is filled before the step */
        if (v->role == SNUG_ROLE_INPUT && (life->last >= 0 || v->output))
            *life = (snug_life){.first = 0, .last = end, .kept = true};
        if (v->role == SNUG_ROLE_CONSTANT && v->output) life->kept = true;
        if (life->kept) life->last = end;
    }
}
