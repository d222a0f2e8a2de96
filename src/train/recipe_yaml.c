/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes as YAML files: nested maps stand for dotted keys. What is written is complete, and
 * reading it gives the same recipe. */
#include "base/file.h"
#include "train/recipe_row.h"

#include <stdio.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20, MAX_PLACE = 160, MAX_KEY = 128 };

typedef struct load {
    const char *path;
    snug_recipe *recipe;
    char place[MAX_PLACE]; /* "recipe.yaml:7: " of the value at hand */
} load;

static void set_place(load *l, int line)
{
    int n = (int)strlen(l->path), shown = n < 120 ? n : 120;
    snprintf(l->place, sizeof l->place, "%s:%d: ", l->path + n - shown, line);
}

static snug_status load_value(load *l, int row, const snug_tree *t)
{
    const snug_option_info *o = &snug_recipe_row_get(row)->info;
    CHECK(!snug_recipe_given(l->recipe, o->key), SNUG_EINVAL, "%skey '%s' is given twice", l->place,
          o->key);
    if (o->kind == SNUG_OPTION_MODEL && t->kind == TREE_LIST) {
        snug_layer_list *layers;
        TRY(snug_layers_from_tree(l->path, t, &layers));
        return snug_recipe_take_layers(l->recipe, layers);
    }
    CHECK(t->kind == TREE_SCALAR, SNUG_EINVAL, "%s'%s' needs a single value, not %s", l->place,
          o->key, snug_tree_kind_name(t->kind));
    return snug_recipe_row_set(l->recipe, row, l->place, t->text);
}

static snug_status load_group(load *l, const char *prefix, const snug_tree *map);

static snug_status load_entry(load *l, const char *prefix, const snug_tree *t)
{
    char key[MAX_KEY];
    snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", t->key);
    set_place(l, t->line);
    int row = snug_recipe_row_find(key);
    if (row >= 0) return load_value(l, row, t);
    if (!snug_recipe_is_group(key)) return snug_recipe_unknown(l->place, key);
    if (t->kind == TREE_MAP) return load_group(l, key, t);
    if (t->kind == TREE_SCALAR && !*t->text) return SNUG_OK; /* an empty section */
    if (t->kind == TREE_SCALAR && !strcmp(key, "data"))
        return load_value(l, snug_recipe_row_find("data.path"), t);
    return FAIL(SNUG_EINVAL, "%s'%s' is a section: indent its keys below it", l->place, key);
}

static snug_status load_group(load *l, const char *prefix, const snug_tree *map)
{
    for (const snug_tree *t = map->child; t; t = t->next) TRY(load_entry(l, prefix, t));
    return SNUG_OK;
}

static snug_status load_tree(load *l, const snug_tree *root)
{
    CHECK(root->kind == TREE_MAP, SNUG_EFORMAT,
          "%s:%d: a recipe is a map of keys such as `data: PATH`, not %s", l->path, root->line,
          snug_tree_kind_name(root->kind));
    TRY(load_group(l, "", root));
    if (snug_recipe_check(l->recipe) == SNUG_OK) return SNUG_OK;
    snug_error_copy e;
    snug_error_take(&e);
    return FAIL(e.status, "%s: %s", l->path, e.message);
}

static snug_status load_text(load *l, const char *text, size_t bytes)
{
    snug_tree *root;
    snug_bump *bump = snug_bump_create(TAG_RECIPE);
    if (!bump) return SNUG_ENOMEM;
    snug_status s = snug_tree_parse(l->path, text, bytes, bump, &root);
    if (s == SNUG_OK) s = load_tree(l, root);
    snug_bump_destroy(bump);
    return s;
}

snug_status snug_recipe_parse(const char *name, const char *text, size_t bytes, snug_recipe **out)
{
    load l = {.path = name};
    TRY(snug_recipe_create(&l.recipe));
    snug_status s = load_text(&l, text, bytes);
    if (s != SNUG_OK) {
        snug_recipe_destroy(l.recipe);
        return s;
    }
    *out = l.recipe;
    return SNUG_OK;
}

snug_status snug_recipe_load(const char *path, snug_recipe **out)
{
    char *text;
    size_t bytes;
    TRY(snug_file_slurp(path, MAX_BYTES, &text, &bytes));
    snug_status s = snug_recipe_parse(path, text, bytes, out);
    snug_free(text);
    return s;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static bool is_text(const snug_option_info *o)
{
    return o->kind == SNUG_OPTION_TEXT;
}

static void write_value(const snug_recipe *r, int row, snug_str *s)
{
    const snug_option_info *o = &snug_recipe_row_get(row)->info;
    if (o->kind == SNUG_OPTION_MODEL && r->model.name && !strcmp(r->model.name, "layers")) {
        snug_str_add(s, "\n");
        snug_layers_write(r->model.layers, 2, s);
        return;
    }
    snug_str text = {0};
    snug_str_add(&text, "");
    snug_recipe_row_text(r, row, &text);
    s->failed |= text.failed;
    snug_str_add(s, " ");
    if (is_text(o) || !text.length)
        snug_tree_write_text(s, text.failed ? "" : text.text);
    else
        snug_str_add(s, text.text);
    snug_str_add(s, "\n");
    snug_str_free(&text);
}

/* "train" of "train.epochs"; 0 characters of a key without a section. */
static int section_length(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot ? (int)(dot - key) : 0;
}

snug_status snug_recipe_yaml(const snug_recipe *r, char **out)
{
    snug_str s = {0};
    const char *section = "";
    for (int i = 0; i < snug_recipe_row_count(); i++) {
        const char *key = snug_recipe_row_get(i)->info.key;
        int n = section_length(key);
        if (n && strncmp(section, key, (size_t)n + 1) != 0) snug_str_printf(&s, "%.*s:\n", n, key);
        section = key;
        snug_str_printf(&s, "%s%s:", n ? "  " : "", n ? key + n + 1 : key);
        write_value(r, i, &s);
    }
    return snug_str_export(&s, out);
}
