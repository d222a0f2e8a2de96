/* SPDX-License-Identifier: Apache-2.0 */
/* Layer lists: reading, naming and building. Names are unique over the whole list, with the layers
 * inside others, so that a parameter's name does not depend on how lists are nested. */
#include "models/layers.h"

#include "graph/graph.h"
#include "models/layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- every layer, those inside others too ------------------------------------------------------
 */

typedef struct visit {
    int n;
    snug_layer_node *layer[SNUG_MAX_LAYERS];
} visit;

static snug_status collect(const snug_layer_list *l, const snug_layer_seq *seq, visit *v)
{
    for (int i = 0; i < seq->n; i++) {
        snug_layer_node *layer = &seq->layer[i];
        CHECK(v->n < SNUG_MAX_LAYERS, SNUG_EINVAL, "%s:%d: more than %d layers", l->name,
              layer->line, SNUG_MAX_LAYERS);
        v->layer[v->n++] = layer;
        snug_layer_key_at k;
        for (int j = 0; snug_layer_key_get(layer->kind, j, &k); j++)
            if (k.key.kind == LAYER_LIST)
                TRY(collect(l, (snug_layer_seq *)((char *)layer->attrs + k.key.offset), v));
    }
    return SNUG_OK;
}

/* ---- names ------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    const snug_layer_node *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x)->line - (*y)->line;
}

/* The layers that a recipe named, sorted, each once. */
static snug_status sort_given(const snug_layer_list *l, const visit *all, visit *given)
{
    for (int i = 0; i < all->n; i++)
        if (all->layer[i]->name) given->layer[given->n++] = all->layer[i];
    qsort(given->layer, (size_t)given->n, sizeof(snug_layer_node *), by_name);
    for (int i = 1; i < given->n; i++)
        CHECK(strcmp(given->layer[i - 1]->name, given->layer[i]->name) != 0, SNUG_EINVAL,
              "%s:%d: the name '%s' is already that of the layer in line %d", l->name,
              given->layer[i]->line, given->layer[i]->name, given->layer[i - 1]->line);
    return SNUG_OK;
}

static int same_name(const void *a, const void *b)
{
    const snug_layer_node *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* The next free one of conv1, conv2, ... */
static snug_status name_layer(const snug_layer_list *l, const visit *given, int *counter,
                              snug_layer_node *layer)
{
    char name[80];
    const snug_layer_node key = {.name = name}, *wanted = &key;
    do {
        snprintf(name, sizeof name, "%s%d", layer->kind->prefix, ++*counter);
    } while (
        bsearch(&wanted, given->layer, (size_t)given->n, sizeof(snug_layer_node *), same_name));
    layer->name = snug_bump_strdup(l->bump, name);
    return layer->name ? SNUG_OK : SNUG_ENOMEM;
}

static snug_status name_layers(const snug_layer_list *l, const visit *all, visit *given)
{
    const snug_layer_kind *kind;
    TRY(sort_given(l, all, given));
    for (int k = 0; (kind = snug_layer_kind_get(k)); k++) {
        int counter = 0;
        for (int i = 0; i < all->n && kind->prefix; i++) {
            snug_layer_node *layer = all->layer[i];
            if (layer->kind == kind && !layer->name) TRY(name_layer(l, given, &counter, layer));
        }
    }
    return SNUG_OK;
}

static snug_status finish(snug_layer_list *l)
{
    visit *v = snug_alloc_array(TAG_RECIPE, 2, sizeof *v);
    if (!v) return SNUG_ENOMEM;
    snug_status s = collect(l, &l->seq, &v[0]);
    if (s == SNUG_OK) s = name_layers(l, &v[0], &v[1]);
    snug_free(v);
    return s;
}

/* ---- making lists -----------------------------------------------------------------------------
 */

static snug_status read_list(const char *name, const snug_tree *items, snug_layer_list *l)
{
    l->bump = snug_bump_create(TAG_RECIPE);
    if (!l->bump) return SNUG_ENOMEM;
    l->name = snug_bump_strdup(l->bump, name);
    if (!l->name) return SNUG_ENOMEM;
    TRY(snug_layer_seq_read(l, items, &l->seq));
    CHECK(l->seq.n, SNUG_EINVAL, "%s:%d: a model needs at least one layer", name, items->line);
    return finish(l);
}

snug_status snug_layers_from_tree(const char *name, const snug_tree *list, snug_layer_list **out)
{
    snug_layer_list *l = snug_alloc(TAG_RECIPE, sizeof *l);
    if (!l) return SNUG_ENOMEM;
    l->holders = 1;
    snug_status s = read_list(name, list, l);
    if (s != SNUG_OK) {
        snug_layers_free(l);
        return s;
    }
    *out = l;
    return SNUG_OK;
}

snug_status snug_layers_parse(const char *name, const char *yaml, snug_layer_list **out)
{
    snug_tree *tree;
    snug_bump *bump = snug_bump_create(TAG_RECIPE);
    if (!bump) return SNUG_ENOMEM;
    snug_status s = snug_tree_parse(name, yaml, strlen(yaml), bump, &tree);
    if (s == SNUG_OK) s = snug_layers_from_tree(name, tree, out);
    snug_bump_destroy(bump);
    return s;
}

snug_layer_list *snug_layers_share(snug_layer_list *l)
{
    if (l) l->holders++;
    return l;
}

void snug_layers_free(snug_layer_list *l)
{
    if (!l || --l->holders > 0) return;
    snug_bump_destroy(l->bump);
    snug_free(l);
}

/* ---- building ---------------------------------------------------------------------------------
 */

snug_value *snug_layer_refuse(const snug_layer_build *b, const snug_value *x, const char *need,
                              const char *advice)
{
    char shape[SNUG_SHAPE_TEXT];
    snug_type t = snug_value_type(x);
    if (t.dtype == SNUG_I32 && strcmp(b->kind, "embedding") != 0)
        advice = "text begins with `- embedding`, as in gpt, llama and char-lstm";
    snug_graph_fail(b->graph,
                    FAIL(SNUG_ESHAPE, "%s:%d: %s%s%s needs %s but is given %s: %s", b->list,
                         b->line, b->kind, b->name ? " " : "", b->name ? b->name : "", need,
                         snug_shape_text(&t.shape, shape, sizeof shape), advice));
    return NULL;
}

snug_value *snug_layer_refuse_no_image(const snug_layer_build *b, const snug_value *x)
{
    return snug_layer_refuse(b, x, "images [N, height, width, channels]",
                             snug_layer_rank(x) == 3
                                 ? "series need layers such as conv1d and gru"
                                 : "it belongs before `- flatten`, and tables need linear layers");
}

/* An operator's own message knows its node; say which line of the list that was. */
static void locate(const snug_layer_build *b)
{
    snug_error_copy *e = &b->graph->error;
    char message[sizeof e->message];
    size_t n = strlen(b->list);
    bool located = !strncmp(e->message, b->list, n) && e->message[n] == ':';
    if (!b->graph->failed || located) return;
    int used = snprintf(message, sizeof message, "%s:%d: %s: ", b->list, b->line, b->kind);
    if (used < 0 || (size_t)used >= sizeof message) return;
    snprintf(message + used, sizeof message - (size_t)used, "%s", e->message);
    memcpy(e->message, message, sizeof message);
}

bool snug_layer_grows_always(const void *attrs)
{
    (void)attrs;
    return true;
}

static bool layer_grows(const snug_layer_node *layer)
{
    const snug_layer_kind *kind = layer->kind;
    if (kind->op) return kind->op->axes == snug_axes_same;
    return kind->grows && kind->grows(layer->attrs);
}

static bool seq_grows(const snug_layer_seq *seq)
{
    for (int i = 0; i < seq->n; i++) {
        const snug_layer_node *layer = &seq->layer[i];
        if (!layer_grows(layer)) return false;
        snug_layer_key_at k;
        for (int j = 0; snug_layer_key_get(layer->kind, j, &k); j++)
            if (k.key.kind == LAYER_LIST &&
                !seq_grows((const snug_layer_seq *)((const char *)layer->attrs + k.key.offset)))
                return false;
    }
    return true;
}

bool snug_layers_grow(const snug_layer_list *l)
{
    return seq_grows(&l->seq);
}

static snug_value *build_layer(const snug_layer_build *b, const snug_layer_node *layer,
                               snug_value *x)
{
    const snug_layer_kind *kind = layer->kind;
    if (b->position && !layer_grows(layer))
        return snug_layer_refuse(b, x, "all positions of a text at once",
                                 "it cannot go on from one position to the next");
    if (kind->op) return snug_apply(b->graph, kind->op, NULL, layer->attrs, 1, &x);
    return kind->build(b, layer->attrs, x);
}

snug_value *snug_layer_seq_build(const snug_layer_build *b, const snug_layer_seq *seq,
                                 snug_value *x)
{
    for (int i = 0; i < seq->n && x; i++) {
        const snug_layer_node *layer = &seq->layer[i];
        snug_layer_build here = *b;
        here.line = layer->line;
        here.kind = layer->kind->info.name;
        here.name = layer->name;
        x = build_layer(&here, layer, x);
        if (!x) locate(&here);
    }
    return x;
}

/* No dropout, batch norm by its running statistics, no parameter that training changes. */
static snug_value *build_frozen(const snug_layer_build *b, const snug_layer_seq *seq, snug_value *x)
{
    snug_graph *g = b->graph;
    const snug_mode mode = g->mode;
    const int32_t first = g->n_values;
    g->mode = SNUG_MODE_EVAL;
    snug_value *y = snug_layer_seq_build(b, seq, x);
    g->mode = mode;
    for (int32_t i = first; i < g->n_values; i++)
        if (g->values[i]->role == SNUG_ROLE_PARAM) snug_param_freeze(g->values[i], true);
    return y;
}

static snug_value *build_all(const snug_layer_build *b, const snug_layer_seq *seq, int64_t frozen,
                             snug_value *x)
{
    if (frozen < 0) frozen = seq->n + frozen > 0 ? seq->n + frozen : 0;
    const int n = frozen < seq->n ? (int)frozen : seq->n;
    const snug_layer_seq front = {.n = n, .layer = seq->layer};
    const snug_layer_seq rest = {.n = seq->n - n, .layer = seq->layer + n};
    if (n > 0) x = build_frozen(b, &front, x);
    return snug_layer_seq_build(b, &rest, x);
}

/* [N, outputs...] */
static bool result_fits(const snug_shape *have, const snug_shape *outputs)
{
    bool fits = have->n_dims == outputs->n_dims + 1;
    for (int i = 0; fits && i < outputs->n_dims; i++) fits = have->dim[i + 1] == outputs->dim[i];
    return fits;
}

static void refuse_result(const snug_layer_list *l, snug_graph *g, const snug_shape *have,
                          const snug_shape *outputs)
{
    char a[SNUG_SHAPE_TEXT], b[SNUG_SHAPE_TEXT];
    snug_shape_text(outputs, b, sizeof b);
    static const char *const advice[] = {
        "", ": end the list with `- linear: outputs`",
        ": text and forecasts need an output a place, as gpt has",
        ": images are made again by lists such as conv-autoencoder"};
    const int n = outputs->n_dims;
    snug_graph_fail(g, FAIL(SNUG_ESHAPE, "%s: the last layer makes %s, but the data needs [N, %s%s",
                            l->name, snug_shape_text(have, a, sizeof a), b + 1,
                            n >= 1 && n <= 3 ? advice[n] : ""));
}

snug_value *snug_layers_build(const snug_layer_list *l, snug_graph *g, snug_value *x,
                              const snug_layers_use *use)
{
    const snug_shape *outputs = use->outputs;
    snug_layer_build b = {.list = l->name, .lengths = use->lengths, .graph = g};
    b.position = use->position, b.context = use->context;
    if (outputs && outputs->n_dims > 0) b.outputs = outputs->dim[outputs->n_dims - 1];
    snug_value *y = build_all(&b, &l->seq, use->frozen, x);
    if (!y || !outputs) return y;
    snug_type t = snug_value_type(y);
    if (result_fits(&t.shape, outputs)) return y;
    refuse_result(l, g, &t.shape, outputs);
    return NULL;
}
