/* SPDX-License-Identifier: Apache-2.0 */
/* The index of names in one graph: values and nodes by name, and a counter for making names unique.
 */
#ifndef GRAPH_NAMES_H
#define GRAPH_NAMES_H

#include "base/memory.h"

typedef struct snug_name_entry {
    const char *name; /* NULL: free slot */
    void *value, *node;
    uint32_t next; /* the number to try next for NAME_2, NAME_3, ... */
} snug_name_entry;

typedef struct snug_names {
    snug_name_entry *entry;
    uint32_t n, capacity; /* a power of two, never more than half full */
} snug_names;

/* The entry of a name, made when absent; NULL when memory ran out. */
snug_name_entry *snug_names_at(snug_names *t, snug_bump *bump, const char *name);
/* The entry of a name, NULL when absent. */
snug_name_entry *snug_names_find(const snug_names *t, const char *name);

#endif
