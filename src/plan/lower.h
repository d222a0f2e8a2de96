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
    size_t piece; /* seen by one chain only: bytes that a thread needs of it; 0: it is whole */
} snug_life;

/* What a node's kernel keeps of its in[1]. */
typedef struct snug_keep {
    size_t bytes; /* 0: nothing */
    const snug_kernel *kernel;
    int way;         /* that it goes */
    int32_t at;      /* the instruction that makes it */
    snug_node *next; /* the next node that keeps something of the same maker's output */
} snug_keep;

typedef struct snug_lowering {
    snug_plan *plan;
    snug_graph *graph;
    snug_persistent *persistent;
    snug_life *life;          /* by value id, of roots */
    int32_t *at;              /* instruction of a node, by node id */
    snug_place **own;         /* by value id, of roots: what values sharing it point to */
    snug_keep *keep;          /* by node id */
    snug_node **first_keeper; /* by id of the node that makes in[1]; the last: of those without */
} snug_lowering;

/* Whether the prologue makes the same in every step of a plan. */
bool snug_lower_steady(const snug_graph *g);
/* Fill l->keep and l->first_keeper. */
snug_status snug_lower_keeps(snug_lowering *l, snug_bump *work) SNUG_MUST_USE;
/* Fill the program's chains, from its instructions. */
snug_status snug_lower_chains(snug_lowering *l) SNUG_MUST_USE;
/* Values of chains live through them; those that only one sees become pieces. After l->life. */
void snug_chain_lives(snug_lowering *l);
/* Fill l->life. */
void snug_lower_lives(snug_lowering *l);
/* The kernel for an operator; sig->way is set to the way it was told to go. *out NULL: none. */
snug_status snug_lower_kernel(const snug_lowering *l, const char *op, snug_sig *sig,
                              const snug_kernel **out) SNUG_MUST_USE;
/* Offset of a persistent value, given at first sight. */
snug_status snug_persistent_add(snug_persistent *p, const snug_value *v,
                                size_t *offset) SNUG_MUST_USE;

#endif
