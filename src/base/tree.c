/* SPDX-License-Identifier: Apache-2.0 */
/* Reads YAML into a plain tree. libyaml's events are turned into nodes with an explicit stack of
 * fixed depth: hostile nesting ends in a message, not in a deep recursion. */
#include "base/tree.h"

#include <string.h>
#include <yaml.h>

typedef struct parse {
    const char *name;
    yaml_parser_t parser;
    snug_bump *bump;
    snug_tree *root;
    int n_nodes, depth;
    struct open_node {
        snug_tree *node, *last;
        const char *key; /* of a map: read, its value is still to come */
        int key_line;
    } open[SNUG_TREE_DEPTH];
} parse;

static int line_of(const yaml_event_t *e)
{
    return (int)e->start_mark.line + 1;
}

/* The reader's errors (bad UTF-8, control characters) come with a byte offset only. */
static int line_of_offset(const char *text, size_t bytes, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset && i < bytes; i++) line += text[i] == '\n';
    return line;
}

static snug_status syntax_error(const parse *p, const char *text, size_t bytes)
{
    const yaml_parser_t *y = &p->parser;
    const char *problem = y->problem ? y->problem : "malformed YAML";
    if (y->error == YAML_MEMORY_ERROR)
        return FAIL(SNUG_ENOMEM, "%s: out of memory while reading YAML", p->name);
    if (y->error == YAML_READER_ERROR)
        return FAIL(SNUG_EFORMAT, "%s:%d: %s (a recipe is UTF-8 text)", p->name,
                    line_of_offset(text, bytes, y->problem_offset), problem);
    if (y->context)
        return FAIL(SNUG_EFORMAT, "%s:%d: %s %s", p->name, (int)y->problem_mark.line + 1, problem,
                    y->context);
    return FAIL(SNUG_EFORMAT, "%s:%d: %s", p->name, (int)y->problem_mark.line + 1, problem);
}

static snug_status refuse_extras(const parse *p, const yaml_event_t *e, const yaml_char_t *anchor,
                                 const yaml_char_t *tag)
{
    CHECK(!anchor, SNUG_EFORMAT, "%s:%d: anchors such as '&%.40s' are not used here: write it out",
          p->name, line_of(e), (const char *)anchor);
    CHECK(!tag, SNUG_EFORMAT, "%s:%d: tags such as '%.40s' are not used here: remove it", p->name,
          line_of(e), (const char *)tag);
    return SNUG_OK;
}

/* A scalar in the place of a key: remember it until its value comes. */
static snug_status take_key(parse *p, const yaml_event_t *e, const char *text)
{
    struct open_node *o = &p->open[p->depth - 1];
    const snug_tree *earlier = snug_tree_get(o->node, text);
    CHECK(!earlier, SNUG_EFORMAT, "%s:%d: key '%.80s' was already given in line %d", p->name,
          line_of(e), text, earlier->line);
    CHECK(o->node->n_children < SNUG_TREE_KEYS, SNUG_EFORMAT, "%s:%d: a map holds at most %d keys",
          p->name, line_of(e), SNUG_TREE_KEYS);
    o->key = text;
    o->key_line = line_of(e);
    return SNUG_OK;
}

/* A new node under the innermost open list or map, or the root. */
static snug_status add_node(parse *p, const yaml_event_t *e, snug_tree_kind kind, snug_tree **out)
{
    CHECK(++p->n_nodes <= SNUG_TREE_NODES, SNUG_EFORMAT, "%s:%d: more than %d values", p->name,
          line_of(e), SNUG_TREE_NODES);
    snug_tree *node = snug_bump_alloc(p->bump, sizeof *node);
    if (!node) return SNUG_ENOMEM;
    node->kind = kind;
    node->line = line_of(e);
    *out = node;
    if (p->depth == 0) {
        p->root = node;
        return SNUG_OK;
    }
    struct open_node *o = &p->open[p->depth - 1];
    CHECK(o->node->kind == TREE_LIST || o->key, SNUG_EFORMAT, "%s:%d: a key must be a plain word",
          p->name, line_of(e));
    if (o->key) node->line = o->key_line;
    node->key = o->key;
    o->key = NULL;
    if (o->last)
        o->last->next = node;
    else
        o->node->child = node;
    o->last = node;
    o->node->n_children++;
    return SNUG_OK;
}

static bool is_null(const yaml_event_t *e, const char *text)
{
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!strcmp(text, "~") || !strcmp(text, "null"));
}

static snug_status on_scalar(parse *p, const yaml_event_t *e)
{
    TRY(refuse_extras(p, e, e->data.scalar.anchor, e->data.scalar.tag));
    const char *value = (const char *)e->data.scalar.value;
    CHECK(strlen(value) == e->data.scalar.length, SNUG_EFORMAT, "%s:%d: text with a NUL character",
          p->name, line_of(e));
    const char *text = snug_bump_strdup(p->bump, is_null(e, value) ? "" : value);
    if (!text) return SNUG_ENOMEM;
    struct open_node *o = p->depth ? &p->open[p->depth - 1] : NULL;
    if (o && o->node->kind == TREE_MAP && !o->key) return take_key(p, e, text);
    snug_tree *node;
    TRY(add_node(p, e, TREE_SCALAR, &node));
    node->text = text;
    return SNUG_OK;
}

static snug_status on_open(parse *p, const yaml_event_t *e, snug_tree_kind kind)
{
    if (kind == TREE_LIST)
        TRY(refuse_extras(p, e, e->data.sequence_start.anchor, e->data.sequence_start.tag));
    else
        TRY(refuse_extras(p, e, e->data.mapping_start.anchor, e->data.mapping_start.tag));
    CHECK(p->depth < SNUG_TREE_DEPTH, SNUG_EFORMAT,
          "%s:%d: lists and maps are nested deeper than %d", p->name, line_of(e), SNUG_TREE_DEPTH);
    snug_tree *node;
    TRY(add_node(p, e, kind, &node));
    p->open[p->depth++] = (struct open_node){.node = node};
    return SNUG_OK;
}

static snug_status on_event(parse *p, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        CHECK(!p->root, SNUG_EFORMAT, "%s:%d: a second document starts here; one is allowed",
              p->name, line_of(e));
        return SNUG_OK;
    case YAML_ALIAS_EVENT:
        return FAIL(SNUG_EFORMAT, "%s:%d: aliases such as '*%.40s' are not used here: write it out",
                    p->name, line_of(e), (const char *)e->data.alias.anchor);
    case YAML_SCALAR_EVENT:
        return on_scalar(p, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(p, e, TREE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_open(p, e, TREE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        p->depth--;
        return SNUG_OK;
    default:
        return SNUG_OK;
    }
}

static snug_status read_events(parse *p, const char *text, size_t bytes)
{
    for (bool more = true; more;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&p->parser, &e)) return syntax_error(p, text, bytes);
        snug_status s = on_event(p, &e);
        more = e.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&e);
        TRY(s);
    }
    CHECK(p->root, SNUG_EFORMAT, "%s: is empty", p->name);
    return SNUG_OK;
}

snug_status snug_tree_parse(const char *name, const char *text, size_t bytes, snug_bump *bump,
                            snug_tree **out)
{
    parse p = {.name = name, .bump = bump};
    CHECK(yaml_parser_initialize(&p.parser), SNUG_ENOMEM, "%s: out of memory while reading YAML",
          name);
    yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, bytes);
    snug_status s = read_events(&p, text, bytes);
    yaml_parser_delete(&p.parser);
    TRY(s);
    *out = p.root;
    return SNUG_OK;
}

const snug_tree *snug_tree_get(const snug_tree *map, const char *key)
{
    if (map->kind != TREE_MAP) return NULL;
    for (const snug_tree *t = map->child; t; t = t->next)
        if (!strcmp(t->key, key)) return t;
    return NULL;
}

const char *snug_tree_kind_name(snug_tree_kind kind)
{
    static const char *const names[] = {"a single value", "a list", "a map"};
    return names[kind];
}
