/* SPDX-License-Identifier: Apache-2.0 */
/* Topological order. Nodes come out by section, updates as early as they can run (which frees their
 * gradients), otherwise in the order they had. Besides data, one kind of order counts: whoever
 * reads a persistent value, itself or through views, runs before the node that replaces it. */
#include "graph/graph.h"
#include <string.h>

typedef struct edge {
    int32_t to, next;
} edge;

typedef struct sorter {
    snug_graph *g;
    edge *edges;
    int32_t *first, *blocked; /* by place in the present order */
    int32_t *place;           /* by node id */
    int32_t *heap, n_heap, n_edges;
} sorter;

/* The smaller key runs first. */
static int64_t key(const sorter *s, int32_t i)
{
    const snug_node *n = s->g->nodes[i];
    int64_t late = (n->op->flags & SNUG_OP_UPDATE) ? 0 : 1;
    return ((int64_t)n->section * 2 + late) << 32 | i;
}

static void heap_push(sorter *s, int32_t i)
{
    int32_t at = s->n_heap++;
    for (; at > 0 && key(s, s->heap[(at - 1) / 2]) > key(s, i); at = (at - 1) / 2)
        s->heap[at] = s->heap[(at - 1) / 2];
    s->heap[at] = i;
}

static int32_t heap_pop(sorter *s)
{
    int32_t top = s->heap[0], last = s->heap[--s->n_heap], at = 0;
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= s->n_heap) break;
        if (child + 1 < s->n_heap && key(s, s->heap[child + 1]) < key(s, s->heap[child])) child++;
        if (key(s, s->heap[child]) >= key(s, last)) break;
        s->heap[at] = s->heap[child];
        at = child;
    }
    s->heap[at] = last;
    return top;
}

static void add_edge(sorter *s, const snug_node *from, const snug_node *to)
{
    int32_t a = s->place[from->id], b = s->place[to->id];
    s->edges[s->n_edges] = (edge){.to = b, .next = s->first[a]};
    s->first[a] = s->n_edges++;
    s->blocked[b]++;
}

/* The value whose bytes v shows. */
static const snug_value *behind_views(const snug_value *v)
{
    while (v->producer && (v->producer->op->flags & SNUG_OP_VIEW)) v = v->producer->in[0];
    return v;
}

static void add_edges(sorter *s)
{
    for (int32_t i = 0; i < s->g->n_nodes; i++) {
        const snug_node *n = s->g->nodes[i];
        for (int j = 0; j < n->n_in; j++) {
            const snug_value *v = n->in[j];
            if (v->producer) add_edge(s, v->producer, n);
            const snug_value *bytes = behind_views(v);
            if (bytes->assigned_by && bytes->assigned_by->producer != n)
                add_edge(s, n, bytes->assigned_by->producer);
        }
    }
}

static snug_status order(sorter *s, snug_node **out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < s->g->n_nodes; i++)
        if (s->blocked[i] == 0) heap_push(s, i);
    while (s->n_heap > 0) {
        int32_t i = heap_pop(s);
        out[n++] = s->g->nodes[i];
        for (int32_t e = s->first[i]; e >= 0; e = s->edges[e].next)
            if (--s->blocked[s->edges[e].to] == 0) heap_push(s, s->edges[e].to);
    }
    for (int32_t i = 0; i < s->g->n_nodes && n < s->g->n_nodes; i++)
        CHECK(s->blocked[i] == 0, SNUG_EINVAL, "node '%s' is part of a cycle",
              s->g->nodes[i]->name);
    return SNUG_OK;
}

static snug_status sort_with(sorter *s, snug_bump *bump)
{
    snug_graph *g = s->g;
    size_t n = (size_t)g->n_nodes;
    snug_node **out = snug_bump_alloc(bump, n * sizeof *out);
    s->edges = snug_bump_alloc(bump, n * 2 * SNUG_MAX_IN * sizeof *s->edges);
    s->first = snug_bump_alloc(bump, n * sizeof *s->first);
    s->blocked = snug_bump_alloc(bump, n * sizeof *s->blocked);
    s->heap = snug_bump_alloc(bump, n * sizeof *s->heap);
    s->place = snug_bump_alloc(bump, g->next_node_id * sizeof *s->place);
    if (!out || !s->edges || !s->first || !s->blocked || !s->heap || !s->place) return SNUG_ENOMEM;
    for (int32_t i = 0; i < g->n_nodes; i++) {
        s->first[i] = -1;
        s->place[g->nodes[i]->id] = i;
    }
    add_edges(s);
    TRY(order(s, out));
    memcpy(g->nodes, out, n * sizeof *out);
    return SNUG_OK;
}

snug_status snug_graph_sort(snug_graph *g)
{
    if (g->n_nodes == 0) return SNUG_OK;
    snug_bump *bump = snug_bump_create(TAG_GRAPH);
    if (!bump) return SNUG_ENOMEM;
    sorter s = {.g = g};
    snug_status status = sort_with(&s, bump);
    snug_bump_destroy(bump);
    return status;
}
