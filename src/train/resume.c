/* SPDX-License-Identifier: Apache-2.0 */
/* Going on with a run: its own recipe counts. What does not touch the result may be given anew; a
 * key that would change it is refused, by name. */
#include "train/optimizer.h"
#include "train/trainer.h"
#include <string.h>

/* Where the work is done and how long, how often it is saved; where the data lies now (that it is
 * the same data is checked against the checkpoint). */
static const char *const neutral[] = {
    "budget.memory",
    "budget.threads",
    "budget.time",
    "train.micro_batches",
    "train.checkpoint_steps",
    "train.checkpoint_time",
    "train.keep_checkpoints",
    "data.path",
    "data.test",
};

static bool is_neutral(const char *key)
{
    for (size_t i = 0; i < sizeof neutral / sizeof neutral[0]; i++)
        if (strcmp(neutral[i], key) == 0) return true;
    return false;
}

static snug_status take_key(snug_recipe *stored, snug_recipe *given, const char *key,
                            const char *run)
{
    const char *want = snug_recipe_get(given, key), *have = snug_recipe_get(stored, key);
    if (!want || !have) return SNUG_ENOMEM;
    if (strcmp(want, have) == 0) return SNUG_OK;
    CHECK(is_neutral(key), SNUG_EINVAL,
          "the run %s was begun with %s %s; going on with %s would make it another run: leave the "
          "option out, or train anew",
          run, key, have, want);
    return snug_recipe_set(stored, key, want);
}

static snug_status merge(snug_recipe *stored, const snug_recipe *given, const char *run)
{
    snug_recipe *copy;
    snug_status s = SNUG_OK;
    const snug_option_info *o;
    TRY(snug_recipe_copy(given, &copy));
    for (int i = 0; s == SNUG_OK && (o = snug_recipe_option(i)); i++)
        if (snug_recipe_given(given, o->key)) s = take_key(stored, copy, o->key, run);
    snug_recipe_destroy(copy);
    return s;
}

snug_status snug_trainer_take_recipe(snug_trainer *t, const snug_recipe *given)
{
    if (!t->config.resume) {
        TRY(snug_recipe_copy(given, &t->recipe));
        return snug_optimizer_settle(t->recipe);
    }
    snug_str path = {0};
    snug_str_printf(&path, "%s/recipe.yaml", t->config.resume);
    snug_status s = snug_str_check(&path);
    if (s == SNUG_OK) s = snug_recipe_load(path.text, &t->recipe);
    snug_str_free(&path);
    TRY(s);
    return given ? merge(t->recipe, given, t->config.resume) : SNUG_OK;
}
