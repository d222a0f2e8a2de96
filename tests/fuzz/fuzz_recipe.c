/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a recipe: refused with a message, or read; and what was read is written and read
 * back to the same text. */
#include "train/recipe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *written(const char *text, size_t size)
{
    snug_recipe *r;
    char *out = NULL;
    snug_error_clear();
    if (snug_recipe_parse("fuzz.yaml", text, size, &r) != SNUG_OK) {
        if (!snug_error_message()[0]) abort();
        return NULL;
    }
    if (snug_recipe_yaml(r, &out) != SNUG_OK) abort();
    snug_recipe_destroy(r);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *once = written((const char *)data, size);
    if (!once) return 0;
    char *twice = written(once, strlen(once));
    if (!twice || strcmp(once, twice) != 0) abort();
    free(once);
    free(twice);
    return 0;
}
