/* SPDX-License-Identifier: Apache-2.0 */
/* What a command's argument names: a recipe, a run's folder, or data. */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

/* SNUG_N_TIERS: none is asked for. */
static snug_status tier_of(const cli *c, snug_tier *out)
{
    *out = SNUG_N_TIERS;
    if (!c->tier || strcmp(c->tier, "auto") == 0) return SNUG_OK;
    for (int t = 0; t < SNUG_N_TIERS; t++)
        if (strcmp(c->tier, snug_tier_name((snug_tier)t)) == 0) *out = (snug_tier)t;
    SNUG_CHECK(*out < SNUG_N_TIERS, SNUG_EINVAL,
               "--tier %s: tiers are scalar, neon, avx2, avx512, or auto", c->tier);
    return SNUG_OK;
}

snug_status cli_context(cli *c)
{
    if (c->ctx) return SNUG_OK;
    snug_tier tier = SNUG_N_TIERS;
    SNUG_TRY(tier_of(c, &tier));
    snug_context_config config = {.threads = (int)c->threads,
                                  .tier_mask = (2U << tier) - 1,
                                  .log_level = c->quiet ? SNUG_LOG_ERROR : SNUG_LOG_WARN};
    SNUG_TRY(snug_context_create(&config, &c->ctx));
    SNUG_CHECK(tier == SNUG_N_TIERS || snug_context_tier(c->ctx) == tier, SNUG_EINVAL,
               "--tier %s: this CPU, or this build of Snug, does not have it", c->tier);
    return SNUG_OK;
}

bool cli_path_exists(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f) fclose(f);
    return f != NULL;
}

char *cli_file_in(const char *path, const char *name)
{
    size_t n = strlen(path) + strlen(name) + 2;
    char *file = malloc(n);
    if (!file) return NULL;
    snprintf(file, n, "%s/%s", path, name);
    if (cli_path_exists(file)) return file;
    free(file);
    return NULL;
}

/* Keys are the program's own, so that a text which cannot be had means that there is no memory. */
static snug_status text_of(snug_recipe *r, const char *key, const char **out)
{
    *out = snug_recipe_get(r, key);
    SNUG_CHECK(*out, SNUG_ENOMEM, "no memory to read the recipe's %s", key);
    return SNUG_OK;
}

static snug_status int_of(snug_recipe *r, const char *key, int64_t *out)
{
    const char *text;
    SNUG_TRY(text_of(r, key, &text));
    return snug_parse_int(text, out);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static snug_status load_or_create(const char *path, bool *is_data, snug_recipe **out)
{
    *is_data = false;
    if (ends_with(path, ".yaml") || ends_with(path, ".yml")) return snug_recipe_load(path, out);
    char *of_run = cli_file_in(path, "recipe.yaml");
    if (of_run) {
        snug_status status = snug_recipe_load(of_run, out);
        free(of_run);
        return status;
    }
    *is_data = true;
    SNUG_TRY(snug_recipe_create(out));
    return snug_recipe_set(*out, "data.path", path);
}

static snug_status fill(cli *c, snug_recipe *r, bool is_data)
{
    for (int i = 0; i < c->n_sets; i++)
        SNUG_TRY(snug_recipe_set(r, c->sets[i].key, c->sets[i].value));
    SNUG_TRY(int_of(r, "budget.threads", &c->threads));
    SNUG_TRY(text_of(r, "budget.tier", &c->tier));
    SNUG_TRY(cli_context(c));
    if (is_data) SNUG_TRY(cli_choose_recipe(c, r));
    return SNUG_OK;
}

snug_status cli_open_recipe(cli *c, const char *path, snug_recipe **out)
{
    snug_recipe *r = NULL;
    bool is_data = false;
    snug_status status = load_or_create(path, &is_data, &r);
    if (status == SNUG_OK) status = fill(c, r, is_data);
    if (status != SNUG_OK) {
        snug_recipe_destroy(r);
        return snug_error_pass(status, __FILE__, __LINE__, __func__);
    }
    *out = r;
    return SNUG_OK;
}
