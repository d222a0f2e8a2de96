/* SPDX-License-Identifier: Apache-2.0 */
/* Recipes: defaults, bad files and values with their messages, there and back, docs/recipes.md.
 * With SNUG_REWRITE=1 in the environment the documentation is written instead of compared. */
#include "support/check.h"
#include "support/faults.h"

#include "base/file.h"
#include "train/recipe.h"

#include <stdlib.h>

static snug_status parse(const char *text, snug_recipe **out)
{
    return snug_recipe_parse("recipe.yaml", text, strlen(text), out);
}

/* ---- the table ---- */

static void defaults_are_written_as_they_are_documented(void **state)
{
    (void)state;
    snug_recipe *r;
    ok(snug_recipe_create(&r));
    const snug_option_info *o;
    int n = 0;
    for (; (o = snug_recipe_option(n)); n++) {
        assert_string_equal(snug_recipe_get(r, o->key), o->initial);
        assert_false(snug_recipe_given(r, o->key));
        assert_true(o->help[0] != 0);
        if (o->kind != SNUG_OPTION_MODEL) ok(snug_recipe_set(r, o->key, o->initial));
    }
    assert_true(n > 35);
    assert_null(snug_recipe_option(-1));
    assert_null(snug_recipe_get(r, "no.such.key"));
    assert_int_equal(r->train.epochs, 10);
    assert_int_equal(r->train.batch, 64);
    assert_int_equal(r->train.optimizer, 3);
    snug_recipe_destroy(r);
    snug_recipe_destroy(NULL);
}

static void promised_flags_exist(void **state)
{
    (void)state;
    static const char *const flags[] = {"model",     "epochs",    "steps",     "batch",   "lr",
                                        "optimizer", "schedule",  "seed",      "threads", "memory",
                                        "time",      "precision", "validation"};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const snug_option_info *o;
        bool found = false;
        for (int k = 0; (o = snug_recipe_option(k)); k++)
            found |= o->flag && !strcmp(o->flag, flags[i]);
        if (!found) fail_msg("no key has the flag --%s", flags[i]);
    }
}

static void sets_and_tells_each_kind(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *text;
    } cases[] = {
        {"train.epochs", "3", "3"},
        {"train.learning_rate", "1e-2", "0.01"},
        {"train.optimizer", "sgd", "sgd"},
        {"budget.memory", "1.5G", "1536M"},
        {"budget.memory", "65536", "64K"},
        {"budget.memory", "100001", "100001"},
        {"budget.time", "90", "90s"},
        {"budget.time", "20m", "20m"},
        {"budget.time", "5400s", "90m"},
        {"budget.time", "2h", "2h"},
        {"budget.time", "0.5s", "0.5s"},
        {"train.allow_batch_norm_micro", "yes", "true"},
        {"data.path", "a b/c.csv", "a b/c.csv"},
        {"data.path", "", ""},
        {"data.header", "no", "no"},
        {"train.seed", "9007199254740992", "9007199254740992"},
        {"model", "lenet", "lenet"},
        {"model", "", ""},
        {"model", "[flatten, linear: outputs]",
         "- flatten\n- linear: {name: linear1, units: outputs, bias: true, std: 0}\n"},
    };
    snug_recipe *r;
    ok(snug_recipe_create(&r));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ok(snug_recipe_set(r, cases[i].key, cases[i].value));
        assert_true(snug_recipe_given(r, cases[i].key));
        assert_string_equal(snug_recipe_get(r, cases[i].key), cases[i].text);
    }
    snug_recipe_destroy(r);
}

static void refuses_bad_values(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"train.epoch", "3", "unknown key 'train.epoch'; did you mean 'train.epochs'?"},
        {"epochs", "3", "did you mean 'train.epochs'?"},
        {"lr", "3", "did you mean 'train.learning_rate'?"},
        {"zzzzzzzzzzzz", "3", "`snug help recipe` lists all keys"},
        {"train.epochs", "ten", "train.epochs must be a whole number from 1 to 1000000, not 'ten'"},
        {"train.epochs", "", "not ''"},
        {"train.epochs", "0", "from 1 to 1000000"},
        {"train.epochs", "1000001", "from 1 to 1000000"},
        {"train.epochs", "2.5", "a whole number"},
        {"train.epochs", "99999999999999999999999", "a whole number"},
        {"train.learning_rate", "nan", "a number from 0 to 1000, not 'nan'"},
        {"train.learning_rate", "inf", "a number from 0 to 1000"},
        {"train.learning_rate", "-1e-3", "a number from 0 to 1000"},
        {"train.learning_rate", "1e999", "a number from 0 to 1000"},
        {"train.learning_rate", "1e-3x", "a number from 0 to 1000"},
        {"data.validation", "0.95", "from 0 to 0.9"},
        {"budget.memory", "64Q", "a size such as 64M, up to 1024T, not '64Q'"},
        {"budget.memory", "-1M", "a size"},
        {"budget.memory", "9999999999T", "a size"},
        {"budget.time", "20 parsecs", "a time such as 90s or 20m, up to 8760h"},
        {"train.optimizer", "adamx", "did you mean 'adam'?"},
        {"train.optimizer", "zzz", "must be sgd, momentum, "},
        {"train.optimizer", "zzz", ", not 'zzz'"},
        {"train.allow_batch_norm_micro", "maybe", "true or false"},
        {"data.header", "maybe", "must be yes or no"},
        {"data.path", "\xff", "not UTF-8"},
        {"model", "lenett", "unknown model 'lenett'; did you mean 'lenet'?"},
        {"model", "zzzzzzz", "there are linear, mlp"},
        {"model", "[relux]", "model:1: unknown layer 'relux'; did you mean 'relu'?"},
        {"model", "[]", "at least one layer"},
    };
    snug_recipe *r;
    char *before, *after;
    ok(snug_recipe_create(&r));
    ok(snug_recipe_set(r, "model", "mlp"));
    ok(snug_recipe_yaml(r, &before));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fails(snug_recipe_set(r, cases[i].key, cases[i].value), SNUG_EINVAL, cases[i].message);
    ok(snug_recipe_yaml(r, &after));
    assert_string_equal(before, after);
    free(before);
    free(after);
    snug_recipe_destroy(r);
}

/* ---- files ---- */

static void reads_sections_dots_and_short_forms(void **state)
{
    (void)state;
    snug_recipe *r;
    ok(parse("data: glyphs\nmodel: lenet\ntrain:\n  epochs: 3\n  optimizer: sgd\n"
             "budget: {memory: 64M}\ntrain.batch: 32\n",
             &r));
    assert_string_equal(r->data.path, "glyphs");
    assert_string_equal(r->model.name, "lenet");
    assert_non_null(r->model.layers);
    assert_int_equal(r->train.epochs, 3);
    assert_int_equal(r->train.batch, 32);
    assert_int_equal(r->train.optimizer, 0);
    assert_int_equal(r->budget.memory, 64 << 20);
    assert_true(snug_recipe_given(r, "train.batch"));
    assert_false(snug_recipe_given(r, "train.steps"));
    snug_recipe_destroy(r);
    ok(parse("data:\n  path: x\n  test:\ntrain:\n", &r)); /* an empty value and an empty section */
    assert_null(r->data.test);
    snug_recipe_destroy(r);
}

static void refuses_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "recipe.yaml: is empty"},
        {"just words\n", "recipe.yaml:1: a recipe is a map of keys"},
        {"- a\n", "recipe.yaml:1: a recipe is a map of keys"},
        {"data: x\ntrain:\n  epoch: 3\n",
         "recipe.yaml:3: unknown key 'train.epoch'; did you mean 'train.epochs'?"},
        {"trian:\n  epochs: 3\n", "recipe.yaml:1: unknown key 'trian'; did you mean 'train'?"},
        {"train:\n  batch: {size: 3}\n", "recipe.yaml:2: 'train.batch' needs a single value, not"},
        {"train:\n  batch: [3]\n", "not a list"},
        {"train: 3\n", "recipe.yaml:1: 'train' is a section"},
        {"train: [3]\n", "recipe.yaml:1: 'train' is a section"},
        {"train:\n  epochs: 3\n  epochs: 4\n", "recipe.yaml:3: key 'epochs' was already given"},
        {"train:\n  epochs: 3\ntrain.epochs: 4\n", "recipe.yaml:3: key 'train.epochs' is given"},
        {"train:\n  epochs: many\n", "recipe.yaml:2: train.epochs must be a whole number"},
        {"a: &x 1\n", "recipe.yaml:1: anchors"},
        {"model: lenett\n", "recipe.yaml:1: unknown model 'lenett'; did you mean 'lenet'?"},
        {"model:\n  - flatten\n  - liner: 3\n", "recipe.yaml:3: unknown layer 'liner'"},
        {"model: {a: b}\n", "recipe.yaml:1: 'model' needs a single value, not a map"},
        {"data:\n  folds: 1\n", "recipe.yaml: data.folds is 1"},
        {"data: {folds: 3, fold: 3}\n", "folds are numbered from 0"},
        {"train: {leaves: 3}\n", "not a power of two"},
        {"train: {micro_batches: 6}\n", "not a power of two"},
        {"train: {leaves: 2, micro_batches: 4}\n", "more than train.leaves"},
        {"\x89PNG\r\n\x1a\n", "recipe.yaml:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snug_recipe *r;
        snug_status s = parse(cases[i].text, &r);
        assert_true(s == SNUG_EINVAL || s == SNUG_EFORMAT);
        fails(s, s, cases[i].message);
    }
}

static void check_round_trip(const char *text)
{
    snug_recipe *r, *again;
    char *once, *twice;
    ok(parse(text, &r));
    ok(snug_recipe_yaml(r, &once));
    ok(parse(once, &again));
    ok(snug_recipe_yaml(again, &twice));
    assert_string_equal(once, twice);
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++) {
        char *value = snug_strdup(TAG_TEST, snug_recipe_get(r, o->key));
        assert_string_equal(value, snug_recipe_get(again, o->key));
        assert_true(snug_recipe_given(again, o->key));
        snug_free(value);
    }
    snug_recipe_destroy(r);
    snug_recipe_destroy(again);
    free(once);
    free(twice);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    check_round_trip("data: glyphs\n");
    check_round_trip("data: {path: 'it''s: a # \"path\"', target: 'null', ignore: '0,1'}\n"
                     "model: resnet8\n"
                     "train: {learning_rate: 0.1234567890123456789, epsilon: 3e-11}\n"
                     "budget: {time: 1.5s, memory: 12345}\n");
    check_round_trip("model:\n- conv2d: {filters: 6, kernel: [5, 3], padding: valid}\n"
                     "- residual: {body: [conv2d: 6, residual: {body: [relu]}]}\n"
                     "- dropout: 0.1\n- flatten\n- linear: outputs\n");
}

static void copies_are_equal_and_apart(void **state)
{
    (void)state;
    snug_recipe *r, *copy;
    char *a, *b;
    ok(parse("data: {path: x, target: y}\nmodel: [flatten, linear: 3]\ntrain: {epochs: 4}\n", &r));
    ok(snug_recipe_copy(r, &copy));
    assert_true(snug_recipe_given(copy, "train.epochs"));
    assert_false(snug_recipe_given(copy, "train.batch"));
    ok(snug_recipe_yaml(r, &a));
    ok(snug_recipe_set(r, "data.path", "z"));
    ok(snug_recipe_set(r, "model", "mlp"));
    snug_recipe_destroy(r);
    ok(snug_recipe_yaml(copy, &b));
    assert_string_equal(a, b);
    snug_recipe_destroy(copy);
    free(a);
    free(b);
}

static snug_status load_and_drop(void *path)
{
    snug_recipe *r;
    snug_status s = snug_recipe_load(path, &r);
    if (s == SNUG_OK) snug_recipe_destroy(r);
    return s;
}

static void loads_files(void **state)
{
    (void)state;
    char path[] = "/tmp/snug-recipe-XXXXXX";
    snug_recipe *r;
    assert_true(mkdtemp(path) != NULL);
    char file[64];
    snprintf(file, sizeof file, "%s/r.yaml", path);
    fails(snug_recipe_load(file, &r), SNUG_ENOENT, file);
    ok(snug_file_write_text(file, "train:\n  epoch: 1\n"));
    fails(snug_recipe_load(file, &r), SNUG_EINVAL, "r.yaml:2: unknown key 'train.epoch'");
    ok(snug_file_write_text(file, "train:\n  epochs: 1\n"));
    ok(load_and_drop(file));
    assert_true(fail_each(FAULT_ALLOC, load_and_drop, file) > 0);
    assert_true(fail_each(FAULT_OPEN, load_and_drop, file) > 0);
    assert_true(fail_each(FAULT_READ, load_and_drop, file) > 0);
    ok(snug_remove_file(file));
    assert_int_equal(remove(path), 0);
}

/* ---- refused memory ---- */

static snug_status there_and_back(void *arg)
{
    (void)arg;
    snug_recipe *r;
    char *yaml;
    snug_status s = parse("data: x\nmodel: [flatten, linear: outputs]\n", &r);
    if (s != SNUG_OK) return s;
    s = snug_recipe_set(r, "data.path", "another");
    if (s == SNUG_OK) s = snug_recipe_set(r, "model", "mlp");
    snug_recipe *copy;
    if (s == SNUG_OK) s = snug_recipe_copy(r, &copy);
    if (s == SNUG_OK) snug_recipe_destroy(copy);
    if (s == SNUG_OK) s = snug_recipe_yaml(r, &yaml);
    if (s == SNUG_OK) free(yaml);
    snug_recipe_destroy(r);
    return s;
}

static void survives_failing_allocations(void **state)
{
    (void)state;
    assert_true(fail_each(FAULT_ALLOC, there_and_back, NULL) > 20);
    assert_int_equal(snug_tag_bytes(TAG_RECIPE), 0);
}

/* ---- documentation ---- */

static void documentation_is_up_to_date(void **state)
{
    (void)state;
    const char *path = "docs/recipes.md";
    char *want, *have;
    size_t bytes;
    ok(snug_recipe_help(true, &want));
    if (getenv("SNUG_REWRITE")) {
        ok(snug_make_dirs("docs"));
        ok(snug_file_write_text(path, want));
    }
    ok(snug_file_slurp(path, 1 << 20, &have, &bytes));
    if (strcmp(want, have) != 0)
        fail_msg("%s is stale: run this test once with SNUG_REWRITE=1 in the environment", path);
    snug_free(have);
    free(want);
    ok(snug_recipe_help(false, &want));
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++) assert_non_null(strstr(want, o->key));
    free(want);
}

static void documented_examples_are_recipes(void **state)
{
    (void)state;
    char *text, **names, path[256];
    int n;
    snug_recipe *r;
    ok(snug_recipe_help(true, &text));
    char *begin = strstr(text, "```yaml\n"), *end = begin ? strstr(begin + 8, "```") : NULL;
    assert_true(begin && end);
    ok(snug_recipe_parse("docs", begin + 8, (size_t)(end - begin - 8), &r));
    snug_recipe_destroy(r);
    free(text);
    ok(snug_list_dir("examples/recipes", &names, &n));
    assert_true(n >= 5);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "examples/recipes/%s", names[i]);
        ok(load_and_drop(path));
    }
    snug_free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_written_as_they_are_documented),
        cmocka_unit_test(promised_flags_exist),
        cmocka_unit_test(sets_and_tells_each_kind),
        cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(reads_sections_dots_and_short_forms),
        cmocka_unit_test(refuses_bad_files),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(copies_are_equal_and_apart),
        cmocka_unit_test(loads_files),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(documentation_is_up_to_date),
        cmocka_unit_test(documented_examples_are_recipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
