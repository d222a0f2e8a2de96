/* SPDX-License-Identifier: Apache-2.0 */
/* residual: y = body(x) + shortcut(x), He et al. 2016. An activation after the sum is a layer of
 * its own. */
#include "graph/graph.h"
#include "models/layer.h"

typedef struct residual_attrs {
    snug_layer_seq body, shortcut;
} residual_attrs;

static snug_value *refuse_sum(const snug_layer_build *b, const snug_value *y, const snug_value *s)
{
    char to[SNUG_SHAPE_TEXT], from[SNUG_SHAPE_TEXT];
    snug_type ty = snug_value_type(y), ts = snug_value_type(s);
    snug_graph_fail(b->graph,
                    FAIL(SNUG_ESHAPE,
                         "%s:%d: residual: the body makes %s but the shortcut %s; give a "
                         "`shortcut` that fits, such as [conv2d: {filters: F, kernel: 1, stride: "
                         "S}]",
                         b->list, b->line, snug_shape_text(&ty.shape, to, sizeof to),
                         snug_shape_text(&ts.shape, from, sizeof from)));
    return NULL;
}

static snug_value *build(const snug_layer_build *b, const void *attrs, snug_value *x)
{
    const residual_attrs *a = attrs;
    snug_value *y = snug_layer_seq_build(b, &a->body, x);
    snug_value *s = snug_layer_seq_build(b, &a->shortcut, x);
    if (!y || !s) return NULL;
    snug_type ty = snug_value_type(y), ts = snug_value_type(s);
    if (!snug_shape_equal(&ty.shape, &ts.shape)) return refuse_sum(b, y, s);
    return snug_add(b->graph, y, s);
}

static const snug_layer_key keys[] = {
    {"body", LAYER_LIST, offsetof(residual_attrs, body), 1, 0, NULL, NULL, "layers of the branch"},
    {"shortcut", LAYER_LIST, offsetof(residual_attrs, shortcut), 0, 0, NULL, "[]",
     "layers beside it; none: the input as it is"},
    {0}};

const snug_layer_kind snug_layer_residual = {
    .info.name = "residual",
    .info.doc = "body(x) + shortcut(x)",
    .keys = keys,
    .attrs_bytes = sizeof(residual_attrs),
    .build = build,
    .grows = snug_layer_grows_always,
};
