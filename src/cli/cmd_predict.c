/* SPDX-License-Identifier: Apache-2.0 */
/* snug predict: one line a row; or a text that goes on. */
#include "cli/cli.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOP = 16, MAX_FILES = 65536 };

typedef struct predict_options {
    const char *part;
    int64_t batch, top;
    cli_generate_options text;
} predict_options;

static const cli_option options[] = {
    {"top", "N", CLI_INT, offsetof(predict_options, top), 1, MAX_TOP, "classes told for a row [5]"},
    {"part", "PART", CLI_TEXT, offsetof(predict_options, part), 0, 0,
     "of a set with parts: train, validation or test"},
    {"batch", "N", CLI_INT, offsetof(predict_options, batch), 1, 65536, "samples at once [64]"},
    {"prompt", "TEXT", CLI_TEXT, offsetof(predict_options, text.prompt), 0, 0,
     "models of text: go on with this"},
    {"tokens", "N", CLI_INT, offsetof(predict_options, text.tokens), 1, 1e9,
     "with --prompt: tokens to make [200]"},
    {"temperature", "X", CLI_TEXT, offsetof(predict_options, text.temperature), 0, 0,
     "with --prompt: 0 takes the likeliest token each time, 1 is as the model has it [0.8]"},
    {"top-k", "N", CLI_INT, offsetof(predict_options, text.top_k), 1, 1e9,
     "with --prompt: draw among so many of the likeliest [all]"},
    {"top-p", "X", CLI_TEXT, offsetof(predict_options, text.top_p), 0, 0,
     "with --prompt: draw among the likeliest that together have this probability [1]"},
    {"seed", "N", CLI_INT, offsetof(predict_options, text.seed), 1, 9007199254740992,
     "with --prompt: the same seed makes the same text [1]"},
    {0},
};

typedef struct printer {
    const cli *cli;
    const char *file;
    int64_t top;
    bool failed;
} printer;

/* The most probable classes, first the best; of equals the earlier. */
static int64_t find_top(const snug_prediction *p, int64_t want, int64_t *best)
{
    int64_t n = 0;
    for (int64_t k = 0; k < p->n_outputs; k++) {
        int64_t at = n;
        while (at > 0 && p->outputs[best[at - 1]] < p->outputs[k]) at--;
        if (at == want) continue;
        int64_t last = n < want ? n++ : want - 1;
        for (int64_t i = last; i > at; i--) best[i] = best[i - 1];
        best[at] = k;
    }
    return n;
}

static json_t *class_json(const printer *o, const snug_prediction *p)
{
    int64_t best[MAX_TOP], n = find_top(p, o->top, best);
    json_t *top = json_array();
    for (int64_t i = 0; i < n; i++)
        json_array_append_new(top, json_pack("{ss so}", "class", p->names[best[i]], "probability",
                                             cli_number((double)p->outputs[best[i]])));
    return json_pack("{ss sI ss so so}", "file", o->file, "row", (json_int_t)p->row, "class",
                     p->class_name, "probability", cli_number(p->value), "top", top);
}

/* Values and labels by name: a list of {key, value}. */
static json_t *list_json(const printer *o, const snug_prediction *p, const char *list,
                         const char *key, const char *value)
{
    json_t *all = json_array();
    for (int64_t i = 0; i < p->n_outputs; i++)
        json_array_append_new(
            all, json_pack("{so so}", key,
                           p->names ? json_string(p->names[i]) : json_integer((json_int_t)i), value,
                           cli_number((double)p->outputs[i])));
    return json_pack("{ss sI so}", "file", o->file, "row", (json_int_t)p->row, list, all);
}

static json_t *value_json(const printer *o, const snug_prediction *p)
{
    if (p->n_outputs > 1) return list_json(o, p, "values", "name", "value");
    return json_pack("{ss sI so}", "file", o->file, "row", (json_int_t)p->row, "value",
                     cli_number(p->value));
}

static json_t *labels_json(const printer *o, const snug_prediction *p)
{
    return list_json(o, p, "labels", "label", "probability");
}

static json_t *anomaly_json(const printer *o, const snug_prediction *p)
{
    json_t *anomaly = isnan(p->threshold) ? json_null() : json_boolean(p->value > p->threshold);
    return json_pack("{ss sI so so so}", "file", o->file, "row", (json_int_t)p->row, "error",
                     cli_number(p->value), "threshold", cli_number(p->threshold), "anomaly",
                     anomaly);
}

static void class_text(const printer *o, const snug_prediction *p)
{
    printf("%s\t%.4f", p->class_name, p->value);
    int64_t best[MAX_TOP], n = find_top(p, o->top, best);
    for (int64_t i = 1; i < n && !o->cli->quiet; i++)
        printf("\t%s\t%.4f", p->names[best[i]], (double)p->outputs[best[i]]);
}

static void value_text(const printer *o, const snug_prediction *p)
{
    (void)o;
    for (int64_t i = 0; i < p->n_outputs; i++)
        printf("%s%.9g", i ? "\t" : "", (double)p->outputs[i]);
}

static void labels_text(const printer *o, const snug_prediction *p)
{
    (void)o;
    for (int64_t i = 0; i < p->n_outputs; i++)
        printf("%s%s\t%.4f", i ? "\t" : "", p->names ? p->names[i] : cli_count(i),
               (double)p->outputs[i]);
}

static void anomaly_text(const printer *o, const snug_prediction *p)
{
    (void)o;
    printf("%.9g", p->value);
    if (!isnan(p->threshold)) printf("\t%s", p->value > p->threshold ? "anomaly" : "usual");
}

/* By kind of target; what is missing here cannot be predicted row by row. */
static const struct {
    void (*text)(const printer *o, const snug_prediction *p);
    json_t *(*json)(const printer *o, const snug_prediction *p);
} forms[SNUG_N_TARGETS] = {
    [SNUG_TARGET_CLASS] = {class_text, class_json},
    [SNUG_TARGET_VALUE] = {value_text, value_json},
    [SNUG_TARGET_LABELS] = {labels_text, labels_json},
    [SNUG_TARGET_SELF] = {anomaly_text, anomaly_json},
};

static void print_one(void *arg, const snug_prediction *p)
{
    printer *o = arg;
    if (o->failed || !forms[p->target].text) return;
    if (o->cli->json) {
        o->failed = cli_json_print(forms[p->target].json(o, p), true) != SNUG_OK;
        return;
    }
    if (o->cli->n_args > 2) printf("%s:", o->file);
    printf("%" PRId64 "\t", p->row);
    forms[p->target].text(o, p);
    putchar('\n');
}

static snug_status predict_set(cli *c, snug_model *m, snug_dataset *d, const char *file)
{
    const predict_options *o = c->values;
    const snug_data_info *info = snug_dataset_info(d);
    snug_part part;
    SNUG_TRY(cli_choose_part(o->part, info, &part));
    printer out = {.cli = c, .file = file, .top = o->top ? o->top : 5};
    SNUG_TRY(snug_model_predict(m, d, part, o->batch ? o->batch : 64, print_one, &out));
    SNUG_CHECK(!out.failed, SNUG_EIO, "cannot write to standard output");
    return SNUG_OK;
}

static snug_status predict_files(cli *c, snug_model *m)
{
    for (int i = 1; i < c->n_args; i++) {
        snug_dataset *d = NULL;
        SNUG_TRY(cli_open_rows_for(c, m, c->args[i], &d));
        snug_status status = predict_set(c, m, d, c->args[i]);
        snug_dataset_close(d);
        SNUG_TRY(status);
    }
    return SNUG_OK;
}

static snug_status go_on(cli *c, snug_model *m)
{
    return cli_generate(c, m, &((const predict_options *)c->values)->text);
}

static snug_status run(cli *c)
{
    const bool text = ((const predict_options *)c->values)->text.prompt != NULL;
    SNUG_CHECK(text || c->n_args > 1, SNUG_EINVAL,
               "what is to be predicted? usage: snug predict MODEL FILE..., or, for a model of "
               "text, snug predict MODEL --prompt TEXT");
    SNUG_CHECK(!text || c->n_args == 1, SNUG_EINVAL,
               "--prompt goes on with one text: leave '%s' out", c->args[1]);
    return cli_with_model(c, text ? go_on : predict_files);
}

const cli_command cli_command_predict = {
    .name = "predict",
    .doc = "what a model says of every row of files, or how a text goes on",
    .usage = "MODEL FILE... [--top N]\nMODEL --prompt TEXT [--tokens N]",
    .details = "A line is, separated by tabs: row, then of classes the likeliest, its probability "
               "and the next ones; of values the values; of labels each with its probability; of "
               "reconstructions the error, and 'anomaly' or 'usual'. --json prints one object a "
               "line. FILE is data of the kind the model was trained on; the column to predict may "
               "be there or not.\n\n    snug predict runs/iris new.csv --json\n    snug predict "
               "runs/shakespeare --prompt 'ROMEO:' --tokens 500\n",
    .options = options,
    .values_bytes = sizeof(predict_options),
    .min_args = 1,
    .max_args = MAX_FILES,
    .machine = true,
    .run = run,
};
