/* SPDX-License-Identifier: Apache-2.0 */
/* Passes: graph to graph, one file each, one row in passes.def, in the order in which they run
 * within a phase. The checker validates the graph after each. */
#ifndef PASSES_PASS_H
#define PASSES_PASS_H

#include "graph/graph.h"

typedef enum snug_phase {
    PHASE_CANONICALISE,
    PHASE_FORWARD,  /* transforms of the model: masks, fake quantization, adapters */
    PHASE_AUTODIFF, /* where snug_gradients stands among the phases; no pass runs here */
    PHASE_JOINT, /* over forward and backward: accumulation, precision, recomputation, sharding */
    PHASE_LOWER, /* fusion, order, bytes shared */
    N_PHASES
} snug_phase;

#define SNUG_LARGE_MAP (64 << 10) /* bytes of a sample from which a batch norm is in parts */

/* What a pass may depend on besides the graph. */
typedef struct snug_pass_config {
    int64_t n_micro;    /* micro-batches of a step; 0 means 1 */
    size_t chain_bytes; /* what a chain's members pass on at least; 0: what pays (passes/chain.c) */
    uint64_t disabled;  /* bit i: leave out the i-th pass (tests, ablations) */
    /* called after each pass, for printing; NULL: not */
    void (*after)(void *arg, const char *pass, const snug_graph *g);
    void *arg;
} snug_pass_config;

typedef struct snug_graph_pass {
    const char *name, *doc;
    uint32_t phases; /* bit p: runs in phase p */
    bool same_bits;  /* results keep every bit whether it runs or not */
    snug_status (*run)(snug_graph *g, const snug_pass_config *config);
} snug_graph_pass;

const snug_graph_pass *snug_pass_get(int i); /* NULL past the end */
/* All passes of phases [from, to], in order, validating after each. */
snug_status snug_passes_run(snug_graph *g, const snug_pass_config *config, snug_phase from,
                            snug_phase to) SNUG_MUST_USE;

#endif
