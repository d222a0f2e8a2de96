/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest way to run a graph: every value has memory of its own, nodes run in their order on
 * reference kernels. */
#ifndef TESTS_INTERP_H
#define TESTS_INTERP_H

#include "graph/graph.h"
#include "support/op_case.h"
#include <string.h>

typedef struct interp {
    const snug_graph *g;
    snug_tensor *tensor; /* by value id */
    snug_step step;
} interp;

static inline snug_tensor *interp_tensor(const interp *it, const snug_value *v)
{
    return &it->tensor[v->id];
}

static inline void interp_create(interp *it, const snug_graph *g, snug_step step)
{
    *it = (interp){.g = g, .step = step};
    it->tensor = snug_alloc_array(TAG_TEST, (size_t)g->n_values, sizeof *it->tensor);
    for (int i = 0; i < g->n_values; i++) {
        const snug_value *v = g->values[i];
        size_t bytes = snug_type_bytes(&v->type);
        snug_tensor *t = interp_tensor(it, v);
        *t = (snug_tensor){snug_alloc(TAG_TEST, bytes + 16), v->type};
        if (v->data) memcpy(t->data, v->data, bytes);
    }
}

static inline void interp_destroy(interp *it)
{
    for (int i = 0; i < it->g->n_values; i++) snug_free(it->tensor[i].data);
    snug_free(it->tensor);
}

/* Run the first n nodes. */
static inline void interp_run(const interp *it, int n)
{
    for (int i = 0; i < n; i++) {
        const snug_node *node = it->g->nodes[i];
        snug_tensor in[SNUG_MAX_IN], out[SNUG_MAX_OUT];
        for (int j = 0; j < node->n_in; j++) in[j] = *interp_tensor(it, node->in[j]);
        for (int j = 0; j < node->n_out; j++) out[j] = *interp_tensor(it, node->out[j]);
        snug_call c = {.attrs = node->attrs,
                       .in = in,
                       .out = out,
                       .n_in = node->n_in,
                       .n_out = node->n_out,
                       .step = &it->step,
                       .node_key = node->id};
        snug_type in_type[SNUG_MAX_IN], out_type[SNUG_MAX_OUT];
        snug_sig sig;
        snug_node_sig(node, in_type, out_type, &sig);
        void *scratch = op_scratch(&c, node->op, &sig);
        node->op->ref(&c);
        snug_free(scratch);
    }
}

#endif
