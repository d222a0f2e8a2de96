/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of recipes, made from the tables that parse them: for a terminal, and as the
 * Markdown of docs/recipes.md. */
#include "models/layer.h"
#include "models/zoo.h"
#include "train/loss.h"
#include "train/optimizer.h"
#include "train/recipe_row.h"

#include <string.h>

enum { TEXT_COLUMNS = 80 };

/* Words of a paragraph, broken at TEXT_COLUMNS: the first line is indented by `indent`, the others
 * by two more with `hanging`. */
static void wrap(snug_str *s, const char *text, int indent, bool hanging)
{
    int column = 0, first = indent;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column && column + 1 + n > TEXT_COLUMNS) {
            snug_str_add(s, "\n");
            column = 0;
            first = indent + (hanging ? 2 : 0);
        }
        snug_str_printf(s, "%*s%.*s", column ? 1 : first, "", n, text);
        column += n + (column ? 1 : first);
        text += n;
        text += *text == ' ';
    }
    snug_str_add(s, "\n");
}

/* A table's cell: no bar may end it. */
static void cell(snug_str *s, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') snug_str_add(s, "\\");
        snug_str_addn(s, text, 1);
    }
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static void domain(snug_str *s, const snug_recipe_row *row)
{
    bool said = row->info.kind == SNUG_OPTION_SIZE || row->info.kind == SNUG_OPTION_TIME;
    snug_recipe_row_domain(row, s);
    if (row->info.unit && !said) snug_str_printf(s, " (%s)", row->info.unit);
}

static void key_markdown(snug_str *s, const snug_recipe_row *row)
{
    const snug_option_info *o = &row->info;
    snug_str_printf(s, "| `%s` | ", o->key);
    if (o->flag) snug_str_printf(s, "`--%s`", o->flag);
    snug_str_add(s, " | ");
    domain(s, row);
    snug_str_printf(s, *o->initial ? " | `%s` | " : " | %s| ", o->initial);
    cell(s, o->help);
    snug_str_add(s, " |\n");
}

static void key_text(snug_str *s, const snug_recipe_row *row)
{
    const snug_option_info *o = &row->info;
    snug_str line = {0};
    snug_str_printf(&line, "%s: ", o->key);
    domain(&line, row);
    if (*o->initial) snug_str_printf(&line, "; default %s", o->initial);
    if (o->flag) snug_str_printf(&line, "; --%s", o->flag);
    wrap(s, line.text ? line.text : "", 2, true);
    wrap(s, o->help, 4, false);
    snug_str_free(&line);
}

static void keys(snug_str *s, bool markdown)
{
    snug_str_add(s, markdown ? "## Keys\n\n| Key | Option | Value | Default | Meaning |\n"
                               "| --- | --- | --- | --- | --- |\n"
                             : "KEYS\n");
    for (int i = 0; i < snug_recipe_row_count(); i++) {
        if (markdown)
            key_markdown(s, snug_recipe_row_get(i));
        else
            key_text(s, snug_recipe_row_get(i));
    }
}

/* ---- optimizers -------------------------------------------------------------------------------
 */

/* "train.learning_rate 0.1, train.momentum 0.9": keys with what they are where they are not given.
 */
static void optimizer_keys(snug_str *s, const snug_optimizer *o, const char *quote)
{
    for (const snug_optimizer_key *k = o->keys; k->key; k++) {
        const char *initial = snug_recipe_row_get(snug_recipe_row_find(k->key))->info.initial;
        snug_str_printf(s, "%s%s%s%s %s", k == o->keys ? "" : ", ", quote, k->key, quote,
                        k->usual ? k->usual : initial);
    }
}

static const char head_optimizers[] =
    "\n## Optimizers\n\nKeys that an optimizer reads, with their values where the recipe does not "
    "give them.\n\n| Name | What it does | Keys |\n| --- | --- | --- |\n";

static void optimizers(snug_str *s, bool markdown)
{
    const snug_optimizer *o;
    snug_str_add(s, markdown ? head_optimizers : "\nOPTIMIZERS\n");
    for (int64_t i = 0; (o = snug_optimizer_get(i)); i++) {
        snug_str line = {0};
        snug_str_printf(&line, markdown ? "| `%s` | %s | " : "%s: %s; ", o->name, o->doc);
        optimizer_keys(&line, o, markdown ? "`" : "");
        if (markdown)
            snug_str_printf(s, "%s |\n", line.text ? line.text : "");
        else
            wrap(s, line.text ? line.text : "", 2, true);
        snug_str_free(&line);
    }
}

static const char head_losses[] = "\n## Losses\n\n| Name | What it is |\n| --- | --- |\n";

static void losses(snug_str *s, bool markdown)
{
    const snug_loss *loss;
    snug_str_add(s, markdown ? head_losses : "\nLOSSES\n");
    for (int64_t i = 0; (loss = snug_loss_get(i)); i++) {
        snug_str line = {0};
        snug_str_printf(&line, markdown ? "| `%s` | %s |\n" : "%s: %s", loss->name, loss->doc);
        if (markdown)
            snug_str_add(s, line.text ? line.text : "");
        else
            wrap(s, line.text ? line.text : "", 2, true);
        snug_str_free(&line);
    }
}

/* ---- layers -----------------------------------------------------------------------------------
 */

static void layer_key_domain(snug_str *s, const snug_layer_key *k)
{
    char a[SNUG_DOUBLE_TEXT], b[SNUG_DOUBLE_TEXT];
    const char *before = " or ";
    switch (k->kind) {
    case LAYER_ENUM:
        before = "";
        break;
    case LAYER_INT:
    case LAYER_PAIR:
        snug_str_printf(s, "%.0f to %.0f", k->min, k->max);
        break;
    case LAYER_FLOAT:
        snug_str_printf(s, "%s to %s", snug_format_double(k->min, a, sizeof a),
                        snug_format_double(k->max, b, sizeof b));
        break;
    case LAYER_BOOL:
        snug_str_add(s, "true or false");
        break;
    case LAYER_NAME:
        snug_str_add(s, "the name of a layer");
        break;
    case LAYER_DIMS:
        snug_str_add(s, "a list of lengths");
        break;
    case LAYER_LIST:
        snug_str_add(s, "a list of layers");
        break;
    }
    for (int i = 0; k->words && k->words[i]; i++, before = " or ")
        snug_str_printf(s, "%s`%s`", before, k->words[i]);
}

static void layer_key(snug_str *s, const snug_layer_key *k, const char *lead, const char *quote)
{
    snug_str_printf(s, "%s%s%s%s (", lead, quote, k->name, quote);
    layer_key_domain(s, k);
    if (k->initial) snug_str_printf(s, "; default %s", k->initial);
    snug_str_printf(s, "): %s\n", k->help);
}

/* All keys of a layer, a line each. quote: what stands around names. */
static void layer_keys(snug_str *s, const snug_layer_kind *kind, const char *lead,
                       const char *quote)
{
    snug_layer_key_at k;
    for (int i = 0; snug_layer_key_get(kind, i, &k); i++) layer_key(s, &k.key, lead, quote);
    if (kind->prefix)
        snug_str_printf(s, "%s%sname%s: of its parameters; default %s%s1%s, %s%s2%s, ...\n", lead,
                        quote, quote, quote, kind->prefix, quote, quote, kind->prefix, quote);
}

snug_status snug_layer_keys(int i, char **out)
{
    const snug_layer_kind *kind = snug_layer_kind_get(i);
    snug_str s = {0};
    CHECK(kind, SNUG_ENOENT, "there is no layer number %d", i);
    snug_str_add(&s, "");
    layer_keys(&s, kind, "", "");
    return snug_str_export(&s, out);
}

static const char intro_layers[] =
    "\nA list of layers runs from top to bottom. `- relu` is a layer as it is, `- linear: 128` "
    "sets its first key, `- conv2d: {filters: 16, kernel: 3}` sets any of them. Layers with "
    "parameters have names, from which the parameters' names are made: `conv1.weight`, "
    "`linear2.bias`.\n";

/* Every line of `lines`, which are cut at their ends. */
static void wrap_lines(snug_str *s, snug_str *lines, int indent)
{
    for (char *at = lines->text, *end; at && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        wrap(s, at, indent, true);
    }
}

static void layer_text(snug_str *s, const snug_layer_kind *kind)
{
    snug_str line = {0}, keys = {0};
    snug_str_printf(&line, "%s: %s", kind->info.name, snug_layer_kind_doc(kind));
    wrap(s, line.text ? line.text : "", 2, true);
    layer_keys(&keys, kind, "", "");
    wrap_lines(s, &keys, 4);
    snug_str_free(&line);
    snug_str_free(&keys);
}

static void layers(snug_str *s, bool markdown)
{
    const snug_layer_kind *kind;
    snug_str_add(s, markdown ? "\n## Layers\n" : "\nLAYERS\n");
    if (markdown) snug_str_add(s, intro_layers);
    for (int i = 0; (kind = snug_layer_kind_get(i)); i++) {
        if (!markdown) {
            layer_text(s, kind);
            continue;
        }
        snug_layer_key_at first;
        snug_str_printf(s, "\n### %s\n\n%s\n", kind->info.name, snug_layer_kind_doc(kind));
        if (snug_layer_key_get(kind, 0, &first) || kind->prefix) snug_str_add(s, "\n");
        layer_keys(s, kind, "- ", "`");
    }
}

/* ---- models -----------------------------------------------------------------------------------
 */

static void model_markdown(snug_str *s, int i)
{
    const snug_zoo_info *z = snug_zoo(i);
    snug_str_printf(s, "| `%s` | %s", z->name, z->doc);
    snug_zoo_write_knobs(i, "; knob `", "`", "", s);
    snug_str_add(s, " |\n");
}

static void model_text(snug_str *s, int i)
{
    const snug_zoo_info *z = snug_zoo(i);
    snug_str line = {0}, knobs = {0};
    snug_str_printf(&line, "%s: %s", z->name, z->doc);
    wrap(s, line.text ? line.text : "", 2, true);
    snug_zoo_write_knobs(i, "", "", "\n", &knobs);
    wrap_lines(s, &knobs, 4);
    snug_str_free(&line);
    snug_str_free(&knobs);
}

static void models(snug_str *s, bool markdown)
{
    snug_str_add(s,
                 markdown ? "\n## Models\n\n| Name | What it is |\n| --- | --- |\n" : "\nMODELS\n");
    for (int i = 0; snug_zoo(i); i++) {
        if (markdown)
            model_markdown(s, i);
        else
            model_text(s, i);
    }
}

static const char intro_markdown[] =
    "<!-- Made from the tables in src/train/recipe.def and src/models by "
    "`SNUG_REWRITE=1 ./dev test`; do not edit. -->\n"
    "# Recipes\n"
    "\n"
    "A recipe is a YAML file that says everything a run depends on. Keys stand in sections, or "
    "with dots: `train.epochs` is `epochs` under `train`. Any key can be given on the command "
    "line too, as `--set train.epochs=3`, and those with an option of their own as `--epochs 3`. "
    "An unknown key is an error. Sizes take K, M, G and T (powers of 1024), times s, m, h and d. "
    "Paths are relative to the folder in which `snug` runs. A run keeps its recipe, every "
    "default written out, as `recipe.yaml`.\n"
    "\n"
    "```yaml\n"
    "data:\n"
    "  path: fashion-mnist/\n"
    "  validation: 0.1\n"
    "model:\n"
    "  - conv2d: {filters: 16, kernel: 3}\n"
    "  - relu\n"
    "  - max_pool: 2\n"
    "  - flatten\n"
    "  - linear: outputs\n"
    "train:\n"
    "  epochs: 5\n"
    "budget:\n"
    "  memory: 64M\n"
    "```\n"
    "\n";

static const char intro_text[] =
    "A recipe is a YAML file of these keys; --set KEY=VALUE sets any of them. Sizes\n"
    "take K M G T, times s m h d.\n\n";

snug_status snug_recipe_help(bool markdown, char **out)
{
    snug_str s = {0};
    snug_str_add(&s, markdown ? intro_markdown : intro_text);
    keys(&s, markdown);
    losses(&s, markdown);
    optimizers(&s, markdown);
    models(&s, markdown);
    layers(&s, markdown);
    return snug_str_export(&s, out);
}
