/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: everything a run depends on, as keys of one table. The table parses YAML files and
 * options, writes the complete recipe back, and makes the help and docs/recipes.md.
 *
 *     snug_recipe_create(&r);
 *     snug_recipe_set(r, "data.path", "glyphs");
 *     snug_recipe_set(r, "train.epochs", "3");
 */
#ifndef SNUG_RECIPE_H
#define SNUG_RECIPE_H

#include <snug/status.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct snug_recipe snug_recipe;

typedef enum snug_option_kind {
    SNUG_OPTION_INT,
    SNUG_OPTION_FLOAT,
    SNUG_OPTION_BOOL,
    SNUG_OPTION_TEXT,
    SNUG_OPTION_ENUM,
    SNUG_OPTION_SIZE, /* bytes: 64M */
    SNUG_OPTION_TIME, /* seconds: 20m */
    SNUG_OPTION_MODEL /* a zoo name or a list of layers */
} snug_option_kind;

/* One key, as help and documentation show it. */
typedef struct snug_option_info {
    const char *key;  /* "train.epochs" */
    const char *flag; /* "epochs" for --epochs; NULL: only through --set */
    snug_option_kind kind;
    const char *initial;      /* default as text */
    double min, max;          /* of numbers */
    const char *const *names; /* of an ENUM, ends with NULL */
    const char *unit;         /* NULL: none */
    const char *help;
} snug_option_info;

/* The i-th key; NULL past the end. */
SNUG_API const snug_option_info *snug_recipe_option(int i);

SNUG_API snug_status snug_recipe_create(snug_recipe **out) SNUG_MUST_USE; /* all defaults */
SNUG_API snug_status snug_recipe_load(const char *path, snug_recipe **out)
    SNUG_MUST_USE; /* YAML; messages say path:line */
SNUG_API void snug_recipe_destroy(snug_recipe *r);
/* Unknown keys fail with the nearest known name, values outside the range with the range. */
SNUG_API snug_status snug_recipe_set(snug_recipe *r, const char *key,
                                     const char *value) SNUG_MUST_USE;
/* Value as text, as it would be written; NULL for an unknown key. Valid until the next call on r.
 */
SNUG_API const char *snug_recipe_get(snug_recipe *r, const char *key);
/* Whether the key was given rather than left at its default. */
SNUG_API bool snug_recipe_given(const snug_recipe *r, const char *key);
/* The complete recipe, every default written out, as YAML; malloc'ed, the caller frees it. */
SNUG_API snug_status snug_recipe_yaml(const snug_recipe *r, char **out) SNUG_MUST_USE;
/* Every key, layer and zoo model with kinds, defaults, ranges and units, from the tables that parse
 * them: for a terminal, or as the Markdown of docs/recipes.md. malloc'ed, the caller frees it. */
SNUG_API snug_status snug_recipe_help(bool markdown, char **out) SNUG_MUST_USE;

/* Zoo models: the i-th name with one line about it; NULL past the end. */
typedef struct snug_zoo_info {
    const char *name, *doc;
} snug_zoo_info;
SNUG_API const snug_zoo_info *snug_zoo(int i);
/* What the i-th model's knobs are, a line each: "width (0.05 to 4; default 1): of all layers"; ""
 * for a model without knobs. malloc'ed, the caller frees it. */
SNUG_API snug_status snug_zoo_knobs(int i, char **out) SNUG_MUST_USE;
/* A zoo model as the list of layers it stands for (YAML), malloc'ed. Knobs follow the name:
 * "mobilenetv1:width=0.25". */
SNUG_API snug_status snug_zoo_layers(const char *name, char **out) SNUG_MUST_USE;

/* Layers that a recipe's list may use: the i-th with one line about it; false past the end. */
typedef struct snug_layer_info {
    const char *name, *doc;
} snug_layer_info;
SNUG_API bool snug_layer(int i, snug_layer_info *out);
/* What the i-th layer's keys are, a line each: "units (1 to 1048576 or `outputs`): features of the
 * result"; "" for a layer without keys. malloc'ed, the caller frees it. */
SNUG_API snug_status snug_layer_keys(int i, char **out) SNUG_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
