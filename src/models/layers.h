/* SPDX-License-Identifier: Apache-2.0 */
/* Layer lists: what recipes write and zoo models are made of. A zoo model is a list like any other,
 * so that it and its own list are the same thing. */
#ifndef MODELS_LAYERS_H
#define MODELS_LAYERS_H

#include "base/tree.h"
#include <snug/graph.h>

typedef struct snug_layer_list snug_layer_list;

/* From YAML text of a list of layers, such as snug_zoo_layers gives. Unknown layers and keys fail
 * with the nearest name and name:line. */
snug_status snug_layers_parse(const char *name, const char *yaml,
                              snug_layer_list **out) SNUG_MUST_USE;
snug_status snug_layers_from_tree(const char *name, const snug_tree *list,
                                  snug_layer_list **out) SNUG_MUST_USE;
snug_status snug_layers_from_zoo(const char *zoo_name, snug_layer_list **out) SNUG_MUST_USE;
/* Back to YAML, every default written out; freed with snug_free. */
snug_status snug_layers_yaml(const snug_layer_list *l, char **out) SNUG_MUST_USE;
/* The same, appended to s and indented. */
void snug_layers_write(const snug_layer_list *l, int indent, snug_str *s);
/* One more holder of a list, which never changes: freed when the last one frees it. Holders belong
 * to one thread. */
snug_layer_list *snug_layers_share(snug_layer_list *l);
void snug_layers_free(snug_layer_list *l);
/* What a list is built for. */
typedef struct snug_layers_use {
    const snug_shape *outputs; /* of one sample's result; NULL: whatever comes */
    snug_value *lengths;       /* i32 [N]: see snug_layer_build; NULL */
    /* For texts that grow: x [N, 1] is the token at this position, i32 [], and the layers keep what
     * they need of up to `context` earlier ones in states. NULL: x is all there is. */
    snug_value *position;
    int64_t context;
    /* So many layers from the front are built as for inference, and their parameters stay as they
     * are; negative: all but so many of the last. */
    int64_t frozen;
} snug_layers_use;

/* Whether the list can be built with a position: each layer looks at one position at a time or
 * keeps what it needs of those before. */
bool snug_layers_grow(const snug_layer_list *l);

/* Build the list on x. A unit count of `outputs` becomes the last of the outputs' lengths. Errors
 * are sticky in g and name list and line. */
snug_value *snug_layers_build(const snug_layer_list *l, snug_graph *g, snug_value *x,
                              const snug_layers_use *use);

#endif
