/* SPDX-License-Identifier: Apache-2.0 */
/* Where a step's time goes: the executor's times of instructions, summed over those of one operator
 * at one shape, the longest first. */
#include "watch/bench_ops.h"
#include "base/memory.h"
#include "base/status.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPES_SHOWN = 2 };

typedef struct group {
    snug_op_time time;
    double flops, bytes; /* of all its instructions, a step */
} group;

/* "32x8x8x64 3x3x64x64". */
static void describe(const snug_node *n, char *text, size_t bytes)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < n->n_in && i < SHAPES_SHOWN; i++) {
        const snug_shape *s = &n->in[i]->type.shape;
        for (int d = 0; d < s->n_dims && at < bytes; d++)
            at += (size_t)snprintf(text + at, bytes - at, "%s%" PRId64,
                                   d   ? "x"
                                   : i ? " "
                                       : "",
                                   s->dim[d]);
    }
}

static group *find(group *groups, int *n, const char *op, const char *shapes)
{
    for (int i = 0; i < *n; i++)
        if (strcmp(groups[i].time.op, op) == 0 && strcmp(groups[i].time.shapes, shapes) == 0)
            return &groups[i];
    group *g = &groups[(*n)++];
    *g = (group){.time = {.op = op}};
    snprintf(g->time.shapes, sizeof g->time.shapes, "%s", shapes);
    return g;
}

static void add_instr(group *groups, int *n, const snug_exec *e, const snug_plan *p, int i)
{
    const snug_instr *in = &p->program.instr[i];
    int64_t calls;
    double seconds = snug_exec_node_seconds(e, i, &calls);
    if (in->kind != INSTR_COMPUTE || calls == 0) return;
    bool body = i >= p->program.body_begin && i < p->program.epilogue_begin;
    double a_step = body ? (double)p->config.n_micro : 1;
    char shapes[sizeof groups->time.shapes];
    describe(in->node, shapes, sizeof shapes);
    group *g = find(groups, n, in->node->op->name, shapes);
    g->time.instructions++;
    g->time.reference |= in->kernel == NULL;
    g->time.seconds += seconds / (double)calls * a_step;
    if (!in->node->op->cost) return;
    snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
    snug_sig sig;
    snug_node_sig(in->node, in_type, out_type, &sig);
    snug_cost cost = in->node->op->cost(&sig);
    g->flops += cost.flops * a_step;
    g->bytes += (cost.bytes_read + cost.bytes_written) * a_step;
}

static int longest_first(const void *a, const void *b)
{
    double x = ((const group *)a)->time.seconds, y = ((const group *)b)->time.seconds;
    return (x < y) - (x > y);
}

snug_status snug_bench_ops(const snug_exec *e, const snug_plan *p, const snug_bench_config *config,
                           const char *phase)
{
    group *groups = snug_alloc_array(TAG_PLAN, (size_t)p->program.n_instr + 1, sizeof *groups);
    if (!groups) return SNUG_ENOMEM;
    int n = 0;
    double total = 0;
    for (int i = 0; i < p->program.n_instr; i++) add_instr(groups, &n, e, p, i);
    qsort(groups, (size_t)n, sizeof *groups, longest_first);
    for (int i = 0; i < n; i++) total += groups[i].time.seconds;
    for (int i = 0; i < n; i++) {
        snug_op_time *t = &groups[i].time;
        t->phase = phase;
        t->share = t->seconds / total;
        t->gflops = groups[i].flops / t->seconds * 1e-9;
        t->gbytes_per_s = groups[i].bytes / t->seconds * 1e-9;
        config->each_op(config->arg, t);
    }
    snug_free(groups);
    return SNUG_OK;
}
