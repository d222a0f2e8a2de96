/* SPDX-License-Identifier: Apache-2.0 */
/* The recipe's table and the calls on it. A recipe always holds valid values: whatever sets one
 * goes through its row. */
#include "train/recipe.h"

#include "train/recipe_row.h"

#include <stdio.h>
#include <string.h>

static const char *const optimizer_names[] = {
#define SNUG_OPTIMIZER(id) #id,
#include "train/optimizers.def"
#undef SNUG_OPTIMIZER
    NULL};
static const char *const schedule_names[] = {
#define SNUG_SCHEDULE(id) #id,
#include "train/schedules.def"
#undef SNUG_SCHEDULE
    NULL};
static const char *const loss_names[] = {"auto",
#define SNUG_LOSS_ROW(id) #id,
#include "train/losses.def"
#undef SNUG_LOSS_ROW
                                         NULL};
static const char *const weight_names[] = {"none", "balanced", NULL};
static const char *const precision_names[] = {"f32", NULL};
static const char *const tier_names[] = {"auto", "scalar", "neon", "avx2", "avx512", NULL};
static const char *const header_names[] = {"yes", "no", NULL};
static const char *const task_names[] = {"class",       "value",    "labels",
                                         "reconstruct", "forecast", NULL};
static const char *const kind_names[] = {"image", "series", "table", "text", NULL};

#define SNUG_KEY(field, flag, kind, initial, min, max, names, unit, help)                          \
    {{#field, flag, SNUG_OPTION_##kind, initial, min, max, names, unit, help},                     \
     offsetof(struct snug_recipe, field)},
static const snug_recipe_row rows[] = {
#include "train/recipe.def"
};
#undef SNUG_KEY
enum { N_ROWS = sizeof rows / sizeof *rows, MAX_SECTION = 32 };
_Static_assert(N_ROWS <= 128, "snug_recipe.given has a bit a row");

int snug_recipe_row_count(void)
{
    return N_ROWS;
}

const snug_recipe_row *snug_recipe_row_get(int row)
{
    return &rows[row];
}

int snug_recipe_row_find(const char *key)
{
    for (int i = 0; i < N_ROWS; i++)
        if (!strcmp(rows[i].info.key, key)) return i;
    return -1;
}

bool snug_recipe_is_group(const char *key)
{
    size_t n = strlen(key);
    for (int i = 0; i < N_ROWS; i++)
        if (!strncmp(rows[i].info.key, key, n) && rows[i].info.key[n] == '.') return true;
    return false;
}

/* The key whose last part this is, so that `epochs` finds train.epochs; NULL: none. */
static const char *key_ending_in(const char *part)
{
    for (int i = 0; i < N_ROWS; i++) {
        const char *dot = strrchr(rows[i].info.key, '.');
        bool flag = rows[i].info.flag && !strcmp(rows[i].info.flag, part);
        if (flag || (dot && !strcmp(dot + 1, part))) return rows[i].info.key;
    }
    return NULL;
}

/* "train" of "train.epochs" into buf. */
static const char *section_of(const char *key, char buf[MAX_SECTION])
{
    snprintf(buf, MAX_SECTION, "%.*s", (int)strcspn(key, "."), key);
    return buf;
}

/* The key or section that was meant; NULL: none is near. */
static const char *nearest_key(const char *key, char buf[MAX_SECTION])
{
    const char *names[N_ROWS], *dot = strrchr(key, '.');
    const char *same = key_ending_in(dot ? dot + 1 : key);
    if (same) return same;
    for (int i = 0; i < N_ROWS; i++) names[i] = rows[i].info.key;
    int near = snug_nearest(key, N_ROWS, names);
    if (near >= 0) return names[near];
    for (int i = 0; i < N_ROWS; i++) {
        const char *section = section_of(rows[i].info.key, buf);
        if (snug_nearest(key, 1, &section) == 0) return section;
    }
    return NULL;
}

snug_status snug_recipe_unknown(const char *where, const char *key)
{
    char buf[MAX_SECTION];
    const char *near = nearest_key(key, buf);
    if (near)
        return FAIL(SNUG_EINVAL, "%sunknown key '%.80s'; did you mean '%s'?", where, key, near);
    return FAIL(SNUG_EINVAL, "%sunknown key '%.80s'; `snug help recipe` lists all keys", where,
                key);
}

const snug_option_info *snug_recipe_option(int i)
{
    return i >= 0 && i < N_ROWS ? &rows[i].info : NULL;
}

/* ---- recipes ----------------------------------------------------------------------------------
 */

/* The texts that a recipe owns, the model's name too. */
static int text_fields(snug_recipe *r, char **fields[N_ROWS])
{
    int n = 0;
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].info.kind == SNUG_OPTION_TEXT)
            fields[n++] = (char **)(void *)((char *)r + rows[i].offset);
    fields[n++] = &r->model.name;
    return n;
}

snug_status snug_recipe_create(snug_recipe **out)
{
    snug_recipe *r = snug_alloc(TAG_RECIPE, sizeof *r);
    if (!r) return SNUG_ENOMEM;
    snug_status s = SNUG_OK;
    for (int i = 0; i < N_ROWS && s == SNUG_OK; i++)
        s = snug_recipe_row_set(r, i, "", rows[i].info.initial);
    if (s != SNUG_OK) {
        snug_recipe_destroy(r);
        return s;
    }
    memset(r->given, 0, sizeof r->given);
    *out = r;
    return SNUG_OK;
}

void snug_recipe_destroy(snug_recipe *r)
{
    if (!r) return;
    char **fields[N_ROWS];
    for (int n = text_fields(r, fields) - 1; n >= 0; n--) snug_free(*fields[n]);
    snug_layers_free(r->model.layers);
    snug_free(r->scratch);
    snug_free(r);
}

snug_status snug_recipe_copy(const snug_recipe *r, snug_recipe **out)
{
    snug_recipe *copy = snug_alloc(TAG_RECIPE, sizeof *copy);
    if (!copy) return SNUG_ENOMEM;
    *copy = *r;
    copy->scratch = NULL;
    copy->model.layers = snug_layers_share(r->model.layers);
    char **fields[N_ROWS];
    bool failed = false;
    for (int n = text_fields(copy, fields) - 1; n >= 0; n--) {
        const char *text = *fields[n];
        *fields[n] = text ? snug_strdup(TAG_RECIPE, text) : NULL;
        failed |= text && !*fields[n];
    }
    if (failed) {
        snug_recipe_destroy(copy);
        return SNUG_ENOMEM;
    }
    *out = copy;
    return SNUG_OK;
}

snug_status snug_recipe_set(snug_recipe *r, const char *key, const char *value)
{
    int row = snug_recipe_row_find(key);
    if (row < 0) return snug_recipe_unknown("", key);
    return snug_recipe_row_set(r, row, "", value);
}

snug_status snug_recipe_set_default(snug_recipe *r, const char *key, const char *value)
{
    const int row = snug_recipe_row_find(key);
    CHECK(row >= 0, SNUG_EINVAL, "there is no key '%s'", key);
    const uint64_t bit = (uint64_t)1 << row % 64;
    if (r->given[row / 64] & bit) return SNUG_OK;
    TRY(snug_recipe_row_set(r, row, "", value));
    r->given[row / 64] &= ~bit;
    return SNUG_OK;
}

const char *snug_recipe_get(snug_recipe *r, const char *key)
{
    int row = snug_recipe_row_find(key);
    if (row < 0) return NULL;
    snug_str s = {0};
    snug_str_add(&s, "");
    snug_recipe_row_text(r, row, &s);
    if (s.failed) {
        snug_str_free(&s);
        return NULL;
    }
    snug_free(r->scratch);
    r->scratch = s.text;
    return r->scratch;
}

bool snug_recipe_given(const snug_recipe *r, const char *key)
{
    int row = snug_recipe_row_find(key);
    return row >= 0 && (r->given[row / 64] >> row % 64 & 1);
}

static bool power_of_two(int64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

snug_status snug_recipe_check(const snug_recipe *r)
{
    int64_t folds = r->data.folds, leaves = r->train.leaves, micro = r->train.micro_batches;
    CHECK(folds != 1, SNUG_EINVAL, "data.folds is 1: cross-validation needs at least 2 (0: none)");
    CHECK(r->data.fold == 0 || r->data.fold < folds, SNUG_EINVAL,
          "data.fold is %" PRId64 ", but data.folds is %" PRId64 ": folds are numbered from 0",
          r->data.fold, folds);
    CHECK(leaves == 0 || power_of_two(leaves), SNUG_EINVAL,
          "train.leaves is %" PRId64 ", which is not a power of two", leaves);
    CHECK(micro == 0 || power_of_two(micro), SNUG_EINVAL,
          "train.micro_batches is %" PRId64 ", which is not a power of two", micro);
    CHECK(!(r->train.ema > 0 && r->train.swa_start > 0), SNUG_EINVAL,
          "train.ema and train.swa_start are two averages of the weights: set one of them");
    CHECK(leaves == 0 || micro <= leaves, SNUG_EINVAL,
          "train.micro_batches is %" PRId64 ", more than train.leaves, %" PRId64, micro, leaves);
    return SNUG_OK;
}
