/* SPDX-License-Identifier: Apache-2.0 */
/* A graph as text, one node a line, or as a DOT file. */
#include "base/str.h"
#include "graph/graph.h"
#include <stdlib.h>
#include <string.h>

static const char *const role_names[SNUG_N_ROLES] = {"input",    "parameter",  "buffer",  "state",
                                                     "gradient", "activation", "constant"};
static const char *const section_names[] = {"prologue", "body", "epilogue"};

static void print_type(snug_str *s, const snug_type *t)
{
    char text[SNUG_SHAPE_TEXT];
    snug_str_printf(s, "%s%s", snug_dtype_get(t->dtype)->name,
                    snug_shape_text(&t->shape, text, sizeof text));
}

static void print_attrs(snug_str *s, const snug_node *n)
{
    for (const snug_attr *a = n->op->attrs; a && a->name; a++) {
        const char *at = (const char *)n->attrs + a->offset;
        double x;
        int64_t i;
        memcpy(&x, at, sizeof x);
        memcpy(&i, at, sizeof i);
        if (a->kind == SNUG_ATTR_FLOAT)
            snug_str_printf(s, " %s=%g", a->name, x);
        else if (a->kind == SNUG_ATTR_ENUM)
            snug_str_printf(s, " %s=%s", a->name, a->names[i]);
        else if ((double)i != a->initial)
            snug_str_printf(s, " %s=%" PRId64, a->name, i);
    }
}

static void text_node(snug_str *s, const snug_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        snug_str_printf(s, "%s%s: ", i ? ", " : "", n->out[i]->name);
        print_type(s, &n->out[i]->type);
    }
    snug_str_printf(s, " = %s(", n->op->name);
    for (int i = 0; i < n->n_in; i++) snug_str_printf(s, "%s%s", i ? ", " : "", n->in[i]->name);
    snug_str_add(s, ")");
    print_attrs(s, n);
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i]->assigns) snug_str_printf(s, " -> %s", n->out[i]->assigns->name);
        if (n->out[i]->output) snug_str_printf(s, " => output %s", n->out[i]->output);
        if (n->out[i]->shares) snug_str_printf(s, " @%s", n->out[i]->shares->name);
    }
    snug_str_add(s, "\n");
}

static void print_text(snug_str *s, const snug_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        const snug_value *v = g->values[i];
        if (v->producer || v->n_uses == 0) continue;
        snug_str_printf(s, "%s: ", v->name);
        print_type(s, &v->type);
        snug_str_printf(s, " %s%s\n", role_names[v->role], v->frozen ? " frozen" : "");
    }
    int section = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->section != section) {
            section = g->nodes[i]->section;
            snug_str_printf(s, "%s:\n", section_names[section]);
        }
        snug_str_add(s, "  ");
        text_node(s, g->nodes[i]);
    }
}

static void print_dot(snug_str *s, const snug_graph *g)
{
    snug_str_add(s, "digraph snug {\n  rankdir=TB; node [fontname=Helvetica, fontsize=10];\n");
    for (int i = 0; i < g->n_values; i++) {
        const snug_value *v = g->values[i];
        if (v->producer || v->n_uses == 0) continue;
        snug_str_printf(s, "  v%u [label=\"%s\\n", v->id, v->name);
        print_type(s, &v->type);
        snug_str_printf(s, "\", shape=%s];\n", v->role == SNUG_ROLE_INPUT ? "ellipse" : "note");
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const snug_node *n = g->nodes[i];
        snug_str_printf(s, "  n%u [label=\"%s\\n%s\", shape=box, style=filled, fillcolor=%s];\n",
                        n->id, n->op->name, n->name,
                        n->op->flags & SNUG_OP_UPDATE ? "khaki"
                        : n->gradient                 ? "lightpink"
                                                      : "lightblue");
        for (int j = 0; j < n->n_in; j++) {
            const snug_value *v = n->in[j];
            snug_str_printf(s, "  %c%u -> n%u [label=\"", v->producer ? 'n' : 'v',
                            v->producer ? v->producer->id : v->id, n->id);
            if (v->producer) print_type(s, &v->type);
            snug_str_add(s, "\", fontsize=8];\n");
        }
    }
    snug_str_add(s, "}\n");
}

snug_status snug_graph_print(const snug_graph *g, bool dot, char **out)
{
    snug_str s = {0};
    snug_graph_count_uses((snug_graph *)g); /* a cache of the graph's own */
    if (dot)
        print_dot(&s, g);
    else
        print_text(&s, g);
    snug_status status = snug_str_check(&s);
    char *copy = status == SNUG_OK ? malloc(s.length + 1) : NULL;
    if (copy) memcpy(copy, s.text ? s.text : "", s.length + 1);
    snug_str_free(&s);
    if (status != SNUG_OK) return status;
    CHECK(copy, SNUG_ENOMEM, "no memory for the graph's text");
    *out = copy;
    return SNUG_OK;
}
