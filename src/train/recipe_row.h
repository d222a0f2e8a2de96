/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the recipe's files: a row of the table, and values by row. `where` starts messages
 * ("recipe.yaml:7: ", or "" outside a file). */
#ifndef TRAIN_RECIPE_ROW_H
#define TRAIN_RECIPE_ROW_H

#include "train/recipe.h"

typedef struct snug_recipe_row {
    snug_option_info info;
    size_t offset; /* of the field in snug_recipe */
} snug_recipe_row;

int snug_recipe_row_count(void);
const snug_recipe_row *snug_recipe_row_get(int row);
int snug_recipe_row_find(const char *key);  /* -1: there is none */
bool snug_recipe_is_group(const char *key); /* "train": keys start with it and a dot */
snug_status snug_recipe_unknown(const char *where, const char *key) SNUG_MUST_USE;

/* Parse text into a field; nothing changes when it fails. */
snug_status snug_recipe_row_set(snug_recipe *r, int row, const char *where,
                                const char *text) SNUG_MUST_USE;
/* Use this list of layers as the model; the recipe owns it from now on, whatever the status. */
snug_status snug_recipe_take_layers(snug_recipe *r, snug_layer_list *layers) SNUG_MUST_USE;
/* Append a field as text that snug_recipe_row_set reads back. */
void snug_recipe_row_text(const snug_recipe *r, int row, snug_str *out);
/* Append "a whole number from 1 to 10", "one of sgd, momentum, adam, adamw". */
void snug_recipe_row_domain(const snug_recipe_row *row, snug_str *out);

#endif
