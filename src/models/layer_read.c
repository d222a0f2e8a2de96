/* SPDX-License-Identifier: Apache-2.0 */
/* One layer from YAML, by its descriptor's table of keys. Nothing here knows a kind of layer. */
#include "models/layer.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 256, MAX_NAME_LENGTH = 64 };

/* A value on its way into a layer: where it stands and which key it is for. */
typedef struct slot {
    const snug_layer_list *list;
    const snug_layer_kind *kind;
    const snug_layer_key *key;
    const snug_tree *value;
} slot;

static snug_status wrong_value(const slot *s, const char *wanted)
{
    const snug_tree *v = s->value;
    if (v->kind != TREE_SCALAR)
        return FAIL(SNUG_EINVAL, "%s:%d: %s: '%s' must be %s, not %s", s->list->name, v->line,
                    s->kind->info.name, s->key->name, wanted, snug_tree_kind_name(v->kind));
    return FAIL(SNUG_EINVAL, "%s:%d: %s: '%s' must be %s, not '%.80s'", s->list->name, v->line,
                s->kind->info.name, s->key->name, wanted, v->text);
}

/* "a whole number from 1 to 255, or one of: same valid" */
static snug_status wrong_int(const slot *s)
{
    char wanted[160];
    int n = snprintf(wanted, sizeof wanted, "a whole number from %.0f to %.0f", s->key->min,
                     s->key->max);
    for (int i = 0; s->key->words && s->key->words[i] && n < (int)sizeof wanted; i++)
        n += snprintf(wanted + n, sizeof wanted - (size_t)n, " or `%s`", s->key->words[i]);
    return wrong_value(s, wanted);
}

static snug_status read_int(const slot *s, const snug_tree *v, int64_t *out)
{
    int64_t n;
    if (v->kind != TREE_SCALAR) return wrong_int(s);
    for (int i = 0; s->key->words && s->key->words[i]; i++)
        if (!strcmp(v->text, s->key->words[i])) {
            *out = -1 - i;
            return SNUG_OK;
        }
    if (snug_parse_int(v->text, &n) != SNUG_OK) {
        snug_error_clear();
        return wrong_int(s);
    }
    if ((double)n < s->key->min || (double)n > s->key->max) return wrong_int(s);
    *out = n;
    return SNUG_OK;
}

static snug_status read_enum(const slot *s, int64_t *out)
{
    char wanted[160] = "one of:";
    size_t n = strlen(wanted);
    for (int i = 0; s->key->words[i]; i++) {
        if (s->value->kind == TREE_SCALAR && !strcmp(s->value->text, s->key->words[i])) {
            *out = i;
            return SNUG_OK;
        }
        if (n < sizeof wanted)
            n += (size_t)snprintf(wanted + n, sizeof wanted - n, " %s", s->key->words[i]);
    }
    return wrong_value(s, wanted);
}

static snug_status read_pair(const slot *s, int64_t out[2])
{
    const snug_tree *v = s->value;
    if (v->kind == TREE_SCALAR) {
        TRY(read_int(s, v, &out[0]));
        out[1] = out[0];
        return SNUG_OK;
    }
    if (v->kind != TREE_LIST || v->n_children != 2)
        return wrong_value(s, "one number or [height, width]");
    TRY(read_int(s, v->child, &out[0]));
    return read_int(s, v->child->next, &out[1]);
}

static snug_status read_dims(const slot *s, snug_layer_dims *out)
{
    const snug_tree *v = s->value;
    const int most = sizeof out->dim / sizeof *out->dim;
    if (v->kind != TREE_LIST || v->n_children < 1 || v->n_children > most)
        return wrong_value(s, "a list of 1 to 5 lengths");
    out->n = 0;
    for (const snug_tree *t = v->child; t; t = t->next) TRY(read_int(s, t, &out->dim[out->n++]));
    return SNUG_OK;
}

static snug_status read_float(const slot *s, double *out)
{
    double x;
    char wanted[80];
    snprintf(wanted, sizeof wanted, "a number from %g to %g", s->key->min, s->key->max);
    if (s->value->kind != TREE_SCALAR) return wrong_value(s, wanted);
    if (snug_parse_double(s->value->text, &x) != SNUG_OK) {
        snug_error_clear();
        return wrong_value(s, wanted);
    }
    if (!(x >= s->key->min && x <= s->key->max)) return wrong_value(s, wanted);
    *out = x;
    return SNUG_OK;
}

static snug_status read_name(const snug_layer_list *l, const snug_tree *t, const char **out)
{
    static const char *const letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    bool good = t->kind == TREE_SCALAR && *t->text && strlen(t->text) <= MAX_NAME_LENGTH &&
                !t->text[strspn(t->text, letters)];
    CHECK(good, SNUG_EINVAL, "%s:%d: a layer's name is made of up to %d letters, digits, _ . -",
          l->name, t->line, MAX_NAME_LENGTH);
    *out = snug_bump_strdup(l->bump, t->text);
    return *out ? SNUG_OK : SNUG_ENOMEM;
}

static snug_status read_bool(const slot *s, bool *out)
{
    const snug_tree *v = s->value;
    bool yes = v->kind == TREE_SCALAR && (!strcmp(v->text, "true") || !strcmp(v->text, "yes"));
    bool no = v->kind == TREE_SCALAR && (!strcmp(v->text, "false") || !strcmp(v->text, "no"));
    if (!yes && !no) return wrong_value(s, "true or false");
    *out = yes;
    return SNUG_OK;
}

static snug_status read_layers(const slot *s, snug_layer_seq *out)
{
    if (s->value->kind != TREE_LIST) return wrong_value(s, "a list of layers");
    if ((double)s->value->n_children < s->key->min)
        return wrong_value(s, "a list of at least one layer");
    return snug_layer_seq_read(s->list, s->value, out);
}

static snug_status read_value(const slot *s, void *attrs)
{
    void *field = (char *)attrs + s->key->offset;
    switch (s->key->kind) {
    case LAYER_INT:
        return read_int(s, s->value, field);
    case LAYER_PAIR:
        return read_pair(s, field);
    case LAYER_ENUM:
        return read_enum(s, field);
    case LAYER_FLOAT:
        return read_float(s, field);
    case LAYER_BOOL:
        return read_bool(s, field);
    case LAYER_NAME:
        return read_name(s->list, s->value, field);
    case LAYER_DIMS:
        return read_dims(s, field);
    case LAYER_LIST:
        return read_layers(s, field);
    }
    return SNUG_OK;
}

static snug_status read_default(slot *s, int line, void *attrs)
{
    CHECK(s->key->initial, SNUG_EINVAL, "%s:%d: %s needs '%s': %s", s->list->name, line,
          s->kind->info.name, s->key->name, s->key->help);
    if (s->key->kind == LAYER_LIST) return SNUG_OK; /* an empty list */
    snug_tree initial = {.kind = TREE_SCALAR, .line = line, .text = s->key->initial};
    s->value = &initial;
    return read_value(s, attrs);
}

static snug_status unknown_layer(const snug_layer_list *l, const snug_tree *item, const char *name)
{
    const char *names[MAX_NAMES];
    int n = 0;
    for (; snug_layer_kind_get(n) && n < MAX_NAMES; n++)
        names[n] = snug_layer_kind_get(n)->info.name;
    int near = snug_nearest(name, n, names);
    if (near >= 0)
        return FAIL(SNUG_EINVAL, "%s:%d: unknown layer '%.80s'; did you mean '%s'?", l->name,
                    item->line, name, names[near]);
    return FAIL(SNUG_EINVAL, "%s:%d: unknown layer '%.80s'; `snug help recipe` lists them", l->name,
                item->line, name);
}

static snug_status unknown_key(const slot *s, const snug_tree *t)
{
    const char *names[MAX_NAMES];
    snug_layer_key_at k;
    int n = 0;
    for (; n < MAX_NAMES - 1 && snug_layer_key_get(s->kind, n, &k); n++) names[n] = k.key.name;
    if (s->kind->prefix) names[n++] = "name";
    int near = snug_nearest(t->key, n, names);
    if (near >= 0)
        return FAIL(SNUG_EINVAL, "%s:%d: unknown key '%.80s' of %s; did you mean '%s'?",
                    s->list->name, t->line, t->key, s->kind->info.name, names[near]);
    char list[200] = "";
    size_t used = 0;
    for (int i = 0; i < n && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, " %s", names[i]);
    return FAIL(SNUG_EINVAL, "%s:%d: unknown key '%.80s' of %s, which has%s", s->list->name,
                t->line, t->key, s->kind->info.name, n ? list : " none");
}

static bool has_key(const snug_layer_kind *kind, const char *name)
{
    snug_layer_key_at k;
    for (int i = 0; snug_layer_key_get(kind, i, &k); i++)
        if (!strcmp(k.key.name, name)) return true;
    return false;
}

static snug_status check_keys(slot *s, const snug_tree *map)
{
    for (const snug_tree *t = map->child; t; t = t->next) {
        bool known = has_key(s->kind, t->key) || (s->kind->prefix && !strcmp(t->key, "name"));
        if (!known) return unknown_key(s, t);
    }
    return SNUG_OK;
}

/* value: a map of keys, or what stands for the first key; NULL: nothing given. */
static snug_status read_keys(const snug_layer_list *l, const snug_tree *value, int line,
                             snug_layer_node *out)
{
    snug_layer_key_at at;
    slot s = {.list = l, .kind = out->kind, .key = &at.key};
    const snug_tree *map = value && value->kind == TREE_MAP ? value : NULL;
    if (map) TRY(check_keys(&s, map));
    CHECK(!value || map || snug_layer_key_get(out->kind, 0, &at), SNUG_EINVAL,
          "%s:%d: %s takes no value: write `- %s`", l->name, line, out->kind->info.name,
          out->kind->info.name);
    for (int i = 0; snug_layer_key_get(out->kind, i, &at); i++) {
        s.value = map ? snug_tree_get(map, at.key.name) : i == 0 ? value : NULL;
        if (s.value)
            TRY(read_value(&s, out->attrs));
        else
            TRY(read_default(&s, line, out->attrs));
    }
    const snug_tree *name = map ? snug_tree_get(map, "name") : NULL;
    return name ? read_name(l, name, &out->name) : SNUG_OK;
}

snug_status snug_layer_read(const snug_layer_list *l, const snug_tree *item, snug_layer_node *out)
{
    CHECK(item->kind != TREE_LIST, SNUG_EINVAL,
          "%s:%d: a list where a layer such as `- relu` is expected", l->name, item->line);
    CHECK(item->kind == TREE_SCALAR || item->n_children == 1, SNUG_EINVAL,
          "%s:%d: a layer is one `- kind: {key: value, ...}`; indent its keys below the kind",
          l->name, item->line);
    const char *name = item->kind == TREE_SCALAR ? item->text : item->child->key;
    const snug_tree *value = item->kind == TREE_SCALAR ? NULL : item->child;
    if (value && value->kind == TREE_SCALAR && !*value->text) value = NULL;
    *out = (snug_layer_node){.line = item->line};
    const snug_layer_kind *kind;
    for (int i = 0; (kind = snug_layer_kind_get(i)); i++)
        if (!strcmp(kind->info.name, name)) out->kind = kind;
    if (!out->kind) return unknown_layer(l, item, name);
    const snug_op *op = out->kind->op;
    out->attrs = snug_bump_alloc(l->bump, (op ? op->attrs_bytes : out->kind->attrs_bytes) + 1);
    if (!out->attrs) return SNUG_ENOMEM;
    return read_keys(l, value, item->line, out);
}

snug_status snug_layer_seq_read(const snug_layer_list *l, const snug_tree *items,
                                snug_layer_seq *out)
{
    CHECK(items->kind == TREE_LIST, SNUG_EINVAL, "%s:%d: expected a list of layers, not %s",
          l->name, items->line, snug_tree_kind_name(items->kind));
    CHECK(items->n_children <= SNUG_MAX_LAYERS, SNUG_EINVAL, "%s:%d: more than %d layers", l->name,
          items->line, SNUG_MAX_LAYERS);
    snug_layer_node *layer =
        snug_bump_alloc(l->bump, ((size_t)items->n_children + 1) * sizeof *layer);
    if (!layer) return SNUG_ENOMEM;
    int n = 0;
    for (const snug_tree *t = items->child; t; t = t->next) TRY(snug_layer_read(l, t, &layer[n++]));
    *out = (snug_layer_seq){.n = n, .layer = layer};
    return SNUG_OK;
}
