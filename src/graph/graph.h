/* SPDX-License-Identifier: Apache-2.0 */
/* The graph as passes see it: values in SSA form, nodes in an order in which they can run.
 * Always holds after snug_graph_validate: producers stand before users, names are unique, every
 * type is what the operator's shape rule says, an assigned value is persistent and assigned once.
 */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/context.h"
#include "graph/names.h"
#include <snug/graph.h>

#define SNUG_MAX_SCOPES 32 /* one in another */

/* When a node runs within a step. */
typedef enum snug_section { SECTION_PROLOGUE, SECTION_BODY, SECTION_EPILOGUE } snug_section;

struct snug_value {
    const char *name;
    const char *output; /* name under which it is kept to the end of the step; NULL: it is not */
    snug_type type;
    snug_node *producer;     /* NULL: input, parameter, state or constant */
    snug_value *assigns;     /* the persistent value that this one replaces; NULL: none */
    snug_value *assigned_by; /* of a persistent value: what replaces it; NULL: nothing */
    snug_value *shares;      /* whose bytes this lives in (a view, or in place); NULL: its own */
    const void *data;        /* of a constant */
    snug_init init;
    uint32_t id;
    uint8_t role, out_index;
    bool frozen, expect_finite;
    int32_t n_uses; /* as of the last snug_graph_count_uses */
};

struct snug_node {
    const char *name;
    const snug_op *op;
    void *attrs; /* op->attrs_bytes, owned by the graph */
    snug_value *in[SNUG_MAX_IN], *out[SNUG_MAX_OUT];
    uint32_t id;
    uint8_t n_in, n_out, section;
    bool gradient; /* appended by a gradient rule */
    int32_t chain; /* consecutive nodes of one number run piece by piece; 0: none */
};

struct snug_graph {
    snug_context *ctx;
    snug_bump *bump;
    snug_node **nodes; /* in running order */
    snug_value **values;
    int32_t n_nodes, n_values, cap_nodes, cap_values;
    uint32_t next_node_id;
    snug_mode mode;
    bool failed; /* sticky: the first error is in `error` */
    snug_error_copy error;
    char scope[256];
    uint8_t scope_begin[SNUG_MAX_SCOPES]; /* where each open scope's name begins in `scope` */
    int32_t n_scopes;
    const char *naming; /* what names made up start with, instead of the operator's: NULL, or the
                           node whose gradient is being built */
    snug_names names;
};

static inline bool snug_value_persistent(const snug_value *v)
{
    return v->role >= SNUG_ROLE_PARAM && v->role <= SNUG_ROLE_STATE;
}

/* Batch samples that the bound of a batch axis stands for: the graph's own bound (0: no batch
 * input). */
int64_t snug_graph_batch(const snug_graph *g);
bool snug_value_bounded(const snug_value *v); /* has a batch axis */
snug_value *snug_value_root(snug_value *v);   /* whose bytes it lives in */
snug_value *snug_graph_find_value(const snug_graph *g, const char *name);
snug_status snug_graph_validate(snug_graph *g) SNUG_MUST_USE;
void snug_node_sig(const snug_node *n, snug_type *in, snug_type *out,
                   snug_sig *sig); /* fills the caller's arrays */
/* Whether this node sums over samples: its axis rule reduces a batch axis. */
bool snug_node_reduces_batch(const snug_node *n);
/* Replace every use of `from` (as input of nodes, output name, assignment) by `to`. */
void snug_graph_replace(snug_graph *g, snug_value *from, snug_value *to);
/* Moves the nodes that were added since there were `n_before` to place `to` on, in their order,
 * as parts of the gradient or of what comes before it. */
void snug_graph_move_new(snug_graph *g, int32_t n_before, int32_t to, bool gradient);
/* Put nodes back into an order in which producers stand before users, keeping the present order
 * where it is free; EINVAL on a cycle. Readers of a persistent value stand before its update. */
snug_status snug_graph_sort(snug_graph *g) SNUG_MUST_USE;
/* Count the uses of every value: node inputs, assignments and outputs. */
void snug_graph_count_uses(snug_graph *g);

/* Keep an error in the graph, unless it has one. Returns the graph's status. */
snug_status snug_graph_fail(snug_graph *g, snug_status s);
/* A value without a producer's help; NULL after an error. `name` is final and must be free. */
snug_value *snug_graph_add_value(snug_graph *g, const char *name, snug_type type, snug_role role);
/* A name like `wanted` that is free: itself, or with _2, _3, ... */
const char *snug_graph_free_name(snug_graph *g, const char *wanted);

/* A field of an operator's attributes; all of them as they are where nothing is given. */
void snug_attr_set(void *attrs, const snug_attr *a, double x);
void snug_attrs_default(const snug_op *op, void *attrs);

#endif
