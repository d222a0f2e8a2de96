/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as a plain tree (libyaml behind it): scalars, lists and maps with the line each came from.
 * Aliases, anchors and tags are refused, depth and size are bounded, duplicate keys are errors, and
 * a file is one document. */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include "base/str.h"

#define SNUG_TREE_DEPTH 32     /* lists and maps inside each other */
#define SNUG_TREE_NODES 100000 /* of one document */
#define SNUG_TREE_KEYS  1024   /* of one map */

typedef enum snug_tree_kind { TREE_SCALAR, TREE_LIST, TREE_MAP } snug_tree_kind;

typedef struct snug_tree {
    snug_tree_kind kind;
    int line;                /* from 1; of its key where it has one */
    const char *key;         /* of a map's entry; NULL elsewhere */
    const char *text;        /* of a scalar; "" for nothing, a plain ~ and a plain null */
    struct snug_tree *child; /* first entry of a list or map */
    struct snug_tree *next;  /* next sibling */
    int n_children;
} snug_tree;

/* Nodes live in `bump`. `name` is for messages ("recipe.yaml"). */
snug_status snug_tree_parse(const char *name, const char *text, size_t bytes, snug_bump *bump,
                            snug_tree **out) SNUG_MUST_USE;
const snug_tree *snug_tree_get(const snug_tree *map, const char *key); /* NULL: absent */
const char *snug_tree_kind_name(snug_tree_kind kind); /* "a scalar", "a list", "a map" */

/* Append a YAML scalar that is read back as exactly this text (UTF-8), quoted where it must be. */
void snug_tree_write_text(snug_str *s, const char *text);
/* Whether text is well-formed UTF-8, so that YAML can carry it. */
bool snug_text_is_utf8(const char *text);

#endif
