/* SPDX-License-Identifier: Apache-2.0 */
/* snug predict: one line a row. */
#include "cli/cli.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOP = 16, MAX_FILES = 65536 };

typedef struct predict_options {
    const char *part;
    int64_t batch, top;
} predict_options;

static const cli_option options[] = {
    {"top", "N", CLI_INT, offsetof(predict_options, top), 1, MAX_TOP, "classes told for a row [5]"},
    {"part", "PART", CLI_TEXT, offsetof(predict_options, part), 0, 0,
     "of a set with parts: train, validation or test"},
    {"batch", "N", CLI_INT, offsetof(predict_options, batch), 1, 65536, "samples at once [64]"},
    {0},
};

typedef struct printer {
    const cli *cli;
    const char *file;
    const snug_data_info *info;
    const char *const *class_names;
    int64_t top;
    bool failed;
} printer;

/* The most probable classes, first the best; of equals the earlier. */
static int64_t find_top(const snug_prediction *p, int64_t want, int64_t *best)
{
    int64_t n = 0;
    for (int64_t k = 0; k < p->n_classes; k++) {
        int64_t at = n;
        while (at > 0 && p->probability[best[at - 1]] < p->probability[k]) at--;
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
        json_array_append_new(top,
                              json_pack("{ss so}", "class", o->class_names[best[i]], "probability",
                                        cli_number((double)p->probability[best[i]])));
    return json_pack("{ss sI ss so so}", "file", o->file, "row", (json_int_t)p->row, "class",
                     p->class_name, "probability", cli_number(p->value), "top", top);
}

static void print_text(const printer *o, const snug_prediction *p)
{
    const cli *c = o->cli;
    if (c->n_args > 2) printf("%s:", o->file);
    printf("%" PRId64 "\t", p->row);
    if (p->class_index < 0) {
        printf("%.9g\n", p->value);
        return;
    }
    printf("%s\t%.4f", p->class_name, p->value);
    int64_t best[MAX_TOP], n = find_top(p, o->top, best);
    for (int64_t i = 1; i < n && !c->quiet; i++)
        printf("\t%s\t%.4f", o->class_names[best[i]], (double)p->probability[best[i]]);
    putchar('\n');
}

static void print_one(void *arg, const snug_prediction *p)
{
    printer *o = arg;
    if (o->failed) return;
    if (!o->cli->json) {
        print_text(o, p);
        return;
    }
    json_t *j = p->class_index >= 0 ? class_json(o, p)
                                    : json_pack("{ss sI so}", "file", o->file, "row",
                                                (json_int_t)p->row, "value", cli_number(p->value));
    o->failed = cli_json_print(j, true) != SNUG_OK;
}

static snug_status predict_set(cli *c, snug_model *m, snug_dataset *d, const char *file)
{
    const predict_options *o = c->values;
    const snug_data_info *info = snug_dataset_info(d);
    snug_part part;
    SNUG_TRY(cli_choose_part(o->part, info, &part));
    printer out = {.cli = c,
                   .file = file,
                   .info = info,
                   .class_names = info->class_names,
                   .top = o->top ? o->top : 5};
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

static snug_status run(cli *c)
{
    return cli_with_model(c, predict_files);
}

const cli_command cli_command_predict = {
    .name = "predict",
    .doc = "what a model says of every row of files: one line each",
    .usage = "MODEL FILE... [--top N]",
    .details = "A line is: row, class, its probability, then the next classes; for regression row "
               "and value.\nFields are separated by tabs. --json prints one object a line. FILE "
               "is data of the kind the\nmodel was trained on; the column to predict may be there "
               "or not.\n",
    .options = options,
    .values_bytes = sizeof(predict_options),
    .min_args = 2,
    .max_args = MAX_FILES,
    .threads = true,
    .run = run,
};
