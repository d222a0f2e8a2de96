/* SPDX-License-Identifier: Apache-2.0 */
/* A layer list as YAML, every name and default written out: one flow map a layer, and indented
 * lists for layers inside others. Reading it gives the same list. */
#include "models/layer.h"

#include <string.h>

static void write_seq(snug_str *s, const snug_layer_seq *seq, int indent);

static void write_int(snug_str *s, const snug_layer_key *k, int64_t n)
{
    if (n < 0 && k->words)
        snug_str_add(s, k->words[-1 - n]);
    else
        snug_str_printf(s, "%" PRId64, n);
}

static void write_pair(snug_str *s, const snug_layer_key *k, const int64_t pair[2])
{
    if (pair[0] == pair[1]) {
        write_int(s, k, pair[0]);
        return;
    }
    snug_str_add(s, "[");
    write_int(s, k, pair[0]);
    snug_str_add(s, ", ");
    write_int(s, k, pair[1]);
    snug_str_add(s, "]");
}

static void write_dims(snug_str *s, const snug_layer_dims *d)
{
    for (int i = 0; i < d->n; i++) snug_str_printf(s, "%s%" PRId64, i ? ", " : "[", d->dim[i]);
    snug_str_add(s, "]");
}

static void write_value(snug_str *s, const snug_layer_key *k, const void *field)
{
    char number[SNUG_DOUBLE_TEXT];
    switch (k->kind) {
    case LAYER_INT:
        write_int(s, k, *(const int64_t *)field);
        return;
    case LAYER_ENUM:
        snug_str_add(s, k->words[*(const int64_t *)field]);
        return;
    case LAYER_PAIR:
        write_pair(s, k, field);
        return;
    case LAYER_FLOAT:
        snug_str_add(s, snug_format_double(*(const double *)field, number, sizeof number));
        return;
    case LAYER_BOOL:
        snug_str_add(s, *(const bool *)field ? "true" : "false");
        return;
    case LAYER_NAME:
        snug_tree_write_text(s, *(const char *const *)field);
        return;
    case LAYER_DIMS:
        write_dims(s, field);
        return;
    case LAYER_LIST:
        return; /* write_lists */
    }
}

/* {name: conv1, filters: 6, kernel: 5} */
static void write_flow(snug_str *s, const snug_layer_node *layer)
{
    const char *before = "{";
    if (layer->name) {
        snug_str_printf(s, "%sname: ", before);
        snug_tree_write_text(s, layer->name);
        before = ", ";
    }
    snug_layer_key_at k;
    for (int i = 0; snug_layer_key_get(layer->kind, i, &k); i++) {
        snug_str_printf(s, "%s%s: ", before, k.key.name);
        write_value(s, &k.key, (const char *)layer->attrs + k.key.offset);
        before = ", ";
    }
    snug_str_add(s, "}");
}

static bool has_lists(const snug_layer_kind *kind)
{
    snug_layer_key_at k;
    for (int i = 0; snug_layer_key_get(kind, i, &k); i++)
        if (k.key.kind == LAYER_LIST) return true;
    return false;
}

/* Layers inside a layer, one list a key, indented below it. A layer that has lists has no other
 * keys. */
static void write_lists(snug_str *s, const snug_layer_node *layer, int indent)
{
    snug_layer_key_at k;
    for (int i = 0; snug_layer_key_get(layer->kind, i, &k); i++) {
        const snug_layer_seq *seq =
            (const snug_layer_seq *)((const char *)layer->attrs + k.key.offset);
        snug_str_printf(s, "%*s%s:%s\n", indent, "", k.key.name, seq->n ? "" : " []");
        write_seq(s, seq, indent + 2);
    }
}

static void write_layer(snug_str *s, const snug_layer_node *layer, int indent)
{
    snug_str_printf(s, "%*s- %s", indent, "", layer->kind->info.name);
    if (has_lists(layer->kind)) {
        snug_str_add(s, ":\n");
        write_lists(s, layer, indent + 4);
        return;
    }
    snug_layer_key_at first;
    if (layer->name || snug_layer_key_get(layer->kind, 0, &first)) {
        snug_str_add(s, ": ");
        write_flow(s, layer);
    }
    snug_str_add(s, "\n");
}

static void write_seq(snug_str *s, const snug_layer_seq *seq, int indent)
{
    for (int i = 0; i < seq->n; i++) write_layer(s, &seq->layer[i], indent);
}

void snug_layers_write(const snug_layer_list *l, int indent, snug_str *s)
{
    write_seq(s, &l->seq, indent);
}

snug_status snug_layers_yaml(const snug_layer_list *l, char **out)
{
    snug_str s = {0};
    snug_layers_write(l, 0, &s);
    snug_status status = snug_str_check(&s);
    if (status != SNUG_OK) {
        snug_str_free(&s);
        return status;
    }
    *out = s.text;
    return SNUG_OK;
}
