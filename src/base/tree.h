/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as a plain tree (libyaml behind it): scalars, lists and maps with the line each came from.
 * Aliases and anchors are refused, depth and size are bounded, duplicate keys are errors. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/memory.h"

typedef enum snug_tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP } snug_tree_kind;

typedef struct snug_tree {
    snug_tree_kind kind;
    int line;                /* from 1 */
    const char *key;         /* of a map's entry; NULL elsewhere */
    const char *text;        /* of a scalar */
    struct snug_tree *child; /* first entry of a list or map */
    struct snug_tree *next;  /* next sibling */
    int n_children;
} snug_tree;

/* Nodes live in `bump`. `name` is for messages ("recipe.yaml"). */
snug_status snug_tree_parse(const char *name, const char *text, size_t bytes, snug_bump *bump,
                            snug_tree **out) SNUG_MUST_USE;
const snug_tree *snug_tree_get(const snug_tree *map, const char *key); /* NULL: absent */

#endif
