/* SPDX-License-Identifier: Apache-2.0 */
/* An open-addressing table keyed by name; entries and names live in the graph's bump arena. */
#include "graph/names.h"
#include "base/rng.h"
#include <string.h>

static snug_name_entry *probe(const snug_names *t, const char *name)
{
    uint32_t mask = t->capacity - 1, i = (uint32_t)snug_hash_name(name) & mask;
    while (t->entry[i].name && strcmp(t->entry[i].name, name) != 0) i = (i + 1) & mask;
    return &t->entry[i];
}

static bool grow(snug_names *t, snug_bump *bump)
{
    snug_names old = *t;
    t->capacity = old.capacity ? old.capacity * 2 : 64;
    t->entry = snug_bump_alloc(bump, t->capacity * sizeof *t->entry);
    if (!t->entry) {
        *t = old;
        return false;
    }
    for (uint32_t i = 0; i < old.capacity; i++)
        if (old.entry[i].name) *probe(t, old.entry[i].name) = old.entry[i];
    return true;
}

snug_name_entry *snug_names_find(const snug_names *t, const char *name)
{
    if (t->capacity == 0) return NULL;
    snug_name_entry *e = probe(t, name);
    return e->name ? e : NULL;
}

snug_name_entry *snug_names_at(snug_names *t, snug_bump *bump, const char *name)
{
    snug_name_entry *e = snug_names_find(t, name);
    if (e) return e;
    if ((t->n + 1) * 2 > t->capacity && !grow(t, bump)) return NULL;
    e = probe(t, name);
    if (!(e->name = snug_bump_strdup(bump, name))) return NULL;
    t->n++;
    return e;
}
