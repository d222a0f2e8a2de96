/* SPDX-License-Identifier: Apache-2.0 */
/* snug eval: how good a model is on data. */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

typedef struct eval_options {
    const char *part, *test;
    int64_t batch;
} eval_options;

static const cli_option options[] = {
    {"part", "PART", CLI_TEXT, offsetof(eval_options, part), 0, 0,
     "train, validation or test [test when there is one]"},
    {"test", "PATH", CLI_TEXT, offsetof(eval_options, test), 0, 0, "test part from another file"},
    {"batch", "N", CLI_INT, offsetof(eval_options, batch), 1, 65536, "samples at once [64]"},
    {0},
};

static snug_status print_json(const snug_model *m, const char *part, const snug_metrics *x)
{
    json_t *j = NULL, *names = json_array();
    SNUG_TRY(cli_metrics_json(x, &j));
    for (int64_t i = 0; x->confusion && i < x->n_classes; i++)
        json_array_append_new(names, json_string(x->class_names[i]));
    json_t *more = json_pack("{ss sI ss so}", "model", snug_model_name(m), "parameters",
                             (json_int_t)snug_model_parameters(m), "part", part, "classes", names);
    if (more) json_object_update(j, more);
    json_decref(more);
    return cli_json_print(j, false);
}

static snug_status evaluate(cli *c, snug_model *m, snug_dataset *d)
{
    const eval_options *o = c->values;
    snug_part part;
    SNUG_TRY(cli_choose_part(o->part, snug_dataset_info(d), &part));
    const char *name = cli_part_name(part);
    snug_metrics x = {0};
    SNUG_TRY(snug_model_eval(m, d, part, o->batch ? o->batch : 64, &x));
    cli_show_data(c, snug_dataset_info(d));
    const snug_metrics *const parts[] = {&x};
    const char *const names[] = {name};
    cli_say(c, "\n");
    if (c->quiet && !c->json) {
        cli loud = *c;
        loud.quiet = false;
        cli_show_metrics(&loud, 1, names, parts);
    }
    cli_show_metrics(c, 1, names, parts);
    cli_show_by_class(c, &x);
    cli_show_confusion(c, &x);
    return c->json ? print_json(m, name, &x) : SNUG_OK;
}

static snug_status evaluate_data(cli *c, snug_model *m)
{
    const eval_options *o = c->values;
    snug_dataset *d = NULL;
    SNUG_TRY(cli_open_data_for(c, m, c->n_args > 1 ? c->args[1] : NULL, o->test, &d));
    snug_status status = evaluate(c, m, d);
    snug_dataset_close(d);
    return status;
}

static snug_status run(cli *c)
{
    return cli_with_model(c, evaluate_data);
}

const cli_command cli_command_eval = {
    .name = "eval",
    .doc = "how good a model is: loss, accuracy, F1, confusion matrix, errors",
    .usage = "MODEL [DATA] [--part test]",
    .details = "MODEL is a run's folder or a model.safetensors file. Without DATA it is what the "
               "model was trained on, split as it was then.\n\n    snug eval runs/mnist --part "
               "validation\n    snug eval runs/iris new.csv --json\n",
    .options = options,
    .values_bytes = sizeof(eval_options),
    .min_args = 1,
    .max_args = 2,
    .machine = true,
    .run = run,
};
