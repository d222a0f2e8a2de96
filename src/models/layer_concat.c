/* SPDX-License-Identifier: Apache-2.0 */
/* Branches: concat gives its input to several layers and puts their results one behind the other;
 * sequential is several layers where one is expected. */
#include "base/status.h"
#include "graph/graph.h"
#include "models/layer.h"

typedef struct concat_attrs {
    snug_layer_seq branches;
} concat_attrs;

static snug_value *build_concat(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const concat_attrs *a = attrs;
    snug_value *y[SNUG_MAX_IN];
    if (a->branches.n > SNUG_MAX_IN) {
        snug_graph_fail(b->graph, FAIL(SNUG_EINVAL, "%s:%d: concat takes up to %d branches, not %d",
                                       b->list, b->line, SNUG_MAX_IN, a->branches.n));
        return NULL;
    }
    for (int i = 0; i < a->branches.n; i++) {
        const snug_layer_seq branch = {.n = 1, .layer = &a->branches.layer[i]};
        y[i] = snug_layer_seq_build(b, &branch, x);
        if (!y[i]) return NULL;
    }
    return snug_concat(b->graph, a->branches.n, y, -1);
}

const snug_layer_kind snug_layer_concat = {
    .info.name = "concat",
    .info.doc = "the results of several layers, each on the same input, one behind the other along "
                "the channels",
    .keys = (const snug_layer_key[]){{"branches", LAYER_LIST, offsetof(concat_attrs, branches), 1,
                                      0, NULL, NULL, "a layer each; `- sequential` for several"},
                                     {0}},
    .attrs_bytes = sizeof(concat_attrs),
    .build = build_concat,
};

typedef struct sequential_attrs {
    snug_layer_seq layers;
} sequential_attrs;

static snug_value *build_sequential(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    return snug_layer_seq_build(b, &((const sequential_attrs *)attrs)->layers, x);
}

const snug_layer_kind snug_layer_sequential = {
    .info.name = "sequential",
    .info.doc = "layers one after the other, as one layer; none: the input as it is",
    .keys = (const snug_layer_key[]){{"layers", LAYER_LIST, offsetof(sequential_attrs, layers), 0,
                                      0, NULL, NULL, "from first to last"},
                                     {0}},
    .attrs_bytes = sizeof(sequential_attrs),
    .build = build_sequential,
};
