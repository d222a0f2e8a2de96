/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that lower a graph into a plan. */
#ifndef PLAN_LOWER_H
#define PLAN_LOWER_H

#include "plan/layout.h"
#include "plan/plan.h"

/* When a root value's bytes (and all values that share them) are alive. */
typedef struct snug_life {
    int32_t first, last; /* instructions; last -1: never touched */
    bool kept;           /* an output: to the step's end */
    bool whole_step;     /* rows of all micro-batches are kept: one part a repetition */
} snug_life;

typedef struct snug_lowering {
    snug_plan *plan;
    snug_graph *graph;
    snug_persistent *persistent;
    snug_life *life;  /* by value id, of roots */
    int32_t *at;      /* instruction of a node, by node id */
    snug_place **own; /* by value id, of roots: what values sharing it point to */
} snug_lowering;

snug_value *snug_value_root(snug_value *v);
/* Fill l->life. */
void snug_lower_lives(snug_lowering *l);
/* Offset of a persistent value, given at first sight. */
snug_status snug_persistent_add(snug_persistent *p, const snug_value *v,
                                size_t *offset) SNUG_MUST_USE;

#endif
