/* SPDX-License-Identifier: Apache-2.0 */
/* snug data: look at a data set without training on it. */
#include "cli/cli.h"
#include <inttypes.h>
#include <string.h>

typedef struct data_options {
    const char *test, *target, *ignore, *header, *task, *kind;
    int64_t show, context, horizon;
} data_options;

static const cli_option options[] = {
    {"show", "N", CLI_INT, offsetof(data_options, show), 0, 1000,
     "draw the first N training samples"},
    {"test", "PATH", CLI_TEXT, offsetof(data_options, test), 0, 0, "test part from another file"},
    {"target", "COLUMN", CLI_TEXT, offsetof(data_options, target), 0, 0,
     "tables: column to predict, by name, by number from 0, or 'last'"},
    {"ignore", "COLUMNS", CLI_TEXT, offsetof(data_options, ignore), 0, 0,
     "tables: columns to leave out, separated by commas"},
    {"header", "yes|no", CLI_TEXT, offsetof(data_options, header), 0, 0,
     "tables: whether the first line names the columns"},
    {"task", "TASK", CLI_TEXT, offsetof(data_options, task), 0, 0,
     "class, value, labels, reconstruct or forecast"},
    {"context", "N", CLI_INT, offsetof(data_options, context), 1, 1048576,
     "text and forecasts: characters or rows that a model sees [64]"},
    {"horizon", "N", CLI_INT, offsetof(data_options, horizon), 1, 65536,
     "forecasts: rows ahead that are predicted [1]"},
    {"kind", "KIND", CLI_TEXT, offsetof(data_options, kind), 0, 0,
     "image, series, table or text, where axes of arrays or commas of a text mislead"},
    {0},
};

static const char *const kinds[] = {"image", "table", "series", "text"};
static const char *const targets[] = {"none", "class", "value", "labels", "tokens", "self"};

static json_t *classes_json(const snug_data_info *d)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < d->n_classes; i++)
        json_array_append_new(list, json_pack("{ss sI}", "class", d->class_names[i], "count",
                                              (json_int_t)d->class_counts[i]));
    return list;
}

static json_t *values_json(const snug_data_info *d)
{
    json_t *list = json_array();
    int64_t n = d->target == SNUG_TARGET_VALUE ? snug_shape_elements(&d->outputs) : 0;
    for (int64_t i = 0; i < n; i++) json_array_append_new(list, json_string(d->value_names[i]));
    return list;
}

static json_t *data_json(const cli *c, const snug_data_info *d)
{
    json_t *problems = json_array();
    for (int i = 0; i < d->n_problems; i++)
        json_array_append_new(problems, json_string(d->problems[i]));
    return json_pack(
        "{ss ss ss ss s{sI sI sI} so so sb sI so so sI sI so sI sI}", "path", c->args[0], "format",
        d->format, "kind", kinds[d->kind], "target", targets[d->target], "samples", "train",
        (json_int_t)d->n[SNUG_PART_TRAIN], "validation", (json_int_t)d->n[SNUG_PART_VALIDATION],
        "test", (json_int_t)d->n[SNUG_PART_TEST], "shape", cli_shape_json(&d->sample), "outputs",
        cli_shape_json(&d->outputs), "ragged", d->ragged, "n_classes", (json_int_t)d->n_classes,
        "classes", classes_json(d), "values", values_json(d), "columns", (json_int_t)d->n_columns,
        "missing", (json_int_t)d->n_missing, "problems", problems, "resident_bytes",
        (json_int_t)d->resident_bytes, "scratch_bytes", (json_int_t)d->scratch_bytes);
}

static void show_classes(const cli *c, const snug_data_info *d)
{
    enum { BAR = 24, MOST = 40, NAME = 16 };
    char bar[4 * BAR + 1];
    int64_t largest = 1, n = d->n_classes < MOST ? d->n_classes : MOST;
    for (int64_t i = 0; i < d->n_classes; i++)
        if (d->class_counts[i] > largest) largest = d->class_counts[i];
    for (int64_t i = 0; i < n; i++) {
        cli_say(c, "  ");
        cli_put_name(c->people, d->class_names[i], NAME, NAME);
        cli_say(c, " %9s  %s%s%s\n", cli_count(d->class_counts[i]), cli_paint(c, STYLE_GOOD),
                cli_bar(c, (double)d->class_counts[i] / (double)largest, BAR, bar),
                cli_paint(c, STYLE_PLAIN));
    }
    if (n < d->n_classes) cli_say(c, "  and %s more\n", cli_count(d->n_classes - n));
}

/* The vocabulary, in its order. */
static void show_characters(const cli *c, const snug_data_info *d)
{
    int column = 2;
    cli_say(c, "  ");
    for (int64_t i = 0; i < d->n_classes; i++) {
        const char *name = d->class_names[i], *shown = name;
        char control[8];
        if (strcmp(name, "\n") == 0)
            shown = "\\n";
        else if (strcmp(name, "\t") == 0)
            shown = "\\t";
        else if ((unsigned char)name[0] < 32)
            snprintf(control, sizeof control, "\\x%02x", name[0]), shown = control;
        column += cli_name_columns(shown);
        if (column >= c->columns) {
            cli_say(c, "\n  ");
            column = 2 + cli_name_columns(shown);
        }
        cli_say(c, "%s", shown);
    }
    cli_say(c, "\n");
}

static snug_status report(cli *c, snug_dataset *d)
{
    const data_options *o = c->values;
    const snug_data_info *info = snug_dataset_info(d);
    cli_show_data(c, info);
    if (info->kind == SNUG_DATA_TABLE)
        cli_say(c, "  %" PRId64 " column%s used, %s missing field%s\n", info->n_columns,
                info->n_columns == 1 ? "" : "s", cli_count(info->n_missing),
                info->n_missing == 1 ? "" : "s");
    bool counted = info->target == SNUG_TARGET_CLASS || info->target == SNUG_TARGET_LABELS;
    if (counted && !c->quiet) show_classes(c, info);
    if (info->target == SNUG_TARGET_TOKENS && !c->quiet) show_characters(c, info);
    if (o->show > 0) SNUG_TRY(cli_show_samples(c, d, o->show));
    return c->json ? cli_json_print(data_json(c, info), false) : SNUG_OK;
}

static snug_status run(cli *c)
{
    const data_options *o = c->values;
    SNUG_TRY(cli_context(c));
    snug_data_config config = {.path = c->args[0],
                               .test_path = o->test,
                               .target = o->target,
                               .ignore = o->ignore,
                               .header = o->header,
                               .task = o->task,
                               .context = o->context,
                               .horizon = o->horizon,
                               .kind = o->kind,
                               .seed = 1};
    snug_dataset *d = NULL;
    SNUG_TRY(snug_dataset_open(c->ctx, &config, &d));
    snug_status status = report(c, d);
    snug_dataset_close(d);
    return status;
}

const cli_command cli_command_data = {
    .name = "data",
    .doc = "look at a data set: kind, counts, shapes, classes, problems found",
    .usage = "PATH [--show N]",
    .details = "PATH is recognised by looking: IDX files, a CSV file, NumPy arrays (.npy, .npz), "
               "series (.ts, NAME_TRAIN.txt), plain text, a folder of one of them, or 'glyphs', "
               "the embedded set, with its knobs: glyphs:n=20000,seed=1,noise=0.2,shift=2. 'snug "
               "help formats' says how each is known.\n\n    snug data glyphs --show 6\n    snug "
               "data houses.csv --target price --task value\n",
    .options = options,
    .values_bytes = sizeof(data_options),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
