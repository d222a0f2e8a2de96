/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. A command is one file, one const descriptor, one row in commands.def; it sees
 * the public API only. What a command was asked stands in a cli, which lives as long as the
 * process's one command. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <snug/snug.h>
#include <stdio.h>

typedef enum cli_option_kind {
    CLI_SWITCH, /* bool */
    CLI_TEXT,   /* const char * */
    CLI_INT,    /* int64_t */
    CLI_TIME    /* double, seconds */
} cli_option_kind;

/* One option: a field of the command's own struct. */
typedef struct cli_option {
    const char *name;  /* without its dashes; NULL ends a list */
    const char *value; /* what stands for its value in help; NULL for a switch */
    cli_option_kind kind;
    size_t offset;
    double min, max; /* of numbers */
    const char *help;
} cli_option;

typedef struct cli cli;

typedef struct cli_command {
    const char *name, *doc;
    const char *usage; /* lines after "snug NAME ", separated by '\n' */
    /* What help says below the options: paragraphs of a line each, to be wrapped, and examples,
     * which are indented and stay as they are. */
    const char *details;
    const cli_option *options;
    size_t values_bytes; /* of the struct that options fill, zero at first */
    int min_args, max_args;
    bool recipe;  /* takes the flags of the recipe's table and --set */
    bool machine; /* takes --threads and --tier of its own */
    snug_status (*run)(cli *c);
} cli_command;

/* A recipe key given on the command line. */
typedef struct cli_set {
    const char *key, *value;
} cli_set;

struct cli {
    const cli_command *command;
    void *values;
    const char **args; /* what is no option */
    int n_args;
    cli_set *sets;
    int n_sets;
    bool json, quiet, help;
    int64_t threads;  /* 0: one a core */
    const char *tier; /* NULL, "" or "auto": the highest */
    FILE *people;     /* standard output, or standard error beside JSON */
    bool terminal, colour, utf8;
    int columns;
    int exit_code; /* when a command that succeeded still has something to tell: 3, 130 */
    snug_context *ctx;
};

/* commands.c */
const cli_command *cli_command_get(int i); /* NULL past the end */
snug_status cli_command_find(const char *name, const cli_command **out) SNUG_MUST_USE;

/* options.c */
/* The i-th option of every command that this one takes too; NULL past the end. */
const cli_option *cli_common_option(const cli_command *command, int i);
snug_status cli_parse(cli *c, int argc, char **argv) SNUG_MUST_USE;

/* help.c */
void cli_print_overview(FILE *f);
void cli_print_command(FILE *f, const cli_command *command);

/* completions.c, man.c */
typedef void cli_option_visitor(void *arg, const char *name, bool has_value, const char *help);
/* The options of a command; recipe: with the recipe's flags, where it takes them. */
void cli_each_option(const cli_command *m, bool recipe, cli_option_visitor *visit, void *arg);
snug_status cli_print_completions(const char *shell) SNUG_MUST_USE;
void cli_print_man(void);

void cli_print_wrapped(FILE *f, const char *text, int indent, int columns);
/* Lines of text: those that begin with a space as they are, the others wrapped. */
void cli_print_paragraphs(FILE *f, const char *text, int columns);

/* console.c */
typedef enum cli_style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_WARN } cli_style;
void cli_console_open(cli *c);
const char *cli_paint(const cli *c, cli_style style);               /* "" without colour */
void cli_say(const cli *c, const char *fmt, ...) SNUG_PRINTF(2, 3); /* nothing with --quiet */
/* "####....", exactly `width` columns; buf holds 4 * width + 1 bytes. */
const char *cli_bar(const cli *c, double share, int width, char *buf);
/* A size or a time in a buffer of the ring: several may stand in one printf. */
const char *cli_size(double bytes);
const char *cli_time(double seconds);
const char *cli_count(int64_t n); /* "60,000" */

/* names.c */
int cli_name_columns(const char *name); /* on a terminal */
/* The first `most` columns of a name, padded to `columns`: on the right, or, below 0, on the left.
 */
void cli_put_name(FILE *f, const char *name, int columns, int most);

/* json.c */
json_t *cli_number(double v);                                            /* null unless finite */
snug_status cli_json_print(json_t *object, bool one_line) SNUG_MUST_USE; /* frees object */
snug_status cli_print_plan_json(const snug_plan_report *p) SNUG_MUST_USE;
snug_status cli_print_result_json(const snug_train_result *r) SNUG_MUST_USE;
snug_status cli_metrics_json(const snug_metrics *m, json_t **out) SNUG_MUST_USE;
json_t *cli_shape_json(const snug_shape *s);

/* open.c: what a command's argument names */
snug_status cli_context(cli *c) SNUG_MUST_USE; /* creates c->ctx unless there is one */
bool cli_path_exists(const char *path);
/* PATH/NAME when it exists, else NULL; the caller frees it. */
char *cli_file_in(const char *path, const char *name);
/* A recipe file, a run's folder, or data for which a recipe is chosen; --set applied, context
 * created with the recipe's threads. */
snug_status cli_open_recipe(cli *c, const char *path, snug_recipe **out) SNUG_MUST_USE;
/* model_data.c */
/* Calls `use` with the model that the first argument names, and closes it. */
snug_status cli_with_model(cli *c, snug_status (*use)(cli *c, snug_model *m)) SNUG_MUST_USE;
const char *cli_part_name(snug_part part);
/* The part called `name`; NULL: test when there is one, else train. It must have samples. */
snug_status cli_choose_part(const char *name, const snug_data_info *info,
                            snug_part *out) SNUG_MUST_USE;
/* The data to evaluate m on; path NULL: what it was trained on, split as it was then. */
snug_status cli_open_data_for(cli *c, snug_model *m, const char *path, const char *test,
                              snug_dataset **out) SNUG_MUST_USE;
/* Rows to predict. */
snug_status cli_open_rows_for(cli *c, snug_model *m, const char *path,
                              snug_dataset **out) SNUG_MUST_USE;

/* generate.c: how `predict --prompt` goes on with a text */
typedef struct cli_generate_options {
    const char *prompt, *temperature, *top_p; /* numbers as text: 0 is not the same as not given */
    int64_t tokens, top_k, seed;
} cli_generate_options;
snug_status cli_generate(cli *c, snug_model *m, const cli_generate_options *o) SNUG_MUST_USE;

/* choose.c */
snug_status cli_choose_recipe(cli *c, snug_recipe *r) SNUG_MUST_USE;

/* show_plan.c, show_metrics.c, show_samples.c */
void cli_show_plan(const cli *c, const snug_plan_report *p, bool full);
void cli_show_data(const cli *c, const snug_data_info *d);
void cli_show_metrics(const cli *c, int n, const char *const *part, const snug_metrics *const *m);
void cli_show_by_class(const cli *c, const snug_metrics *m);
void cli_show_confusion(const cli *c, const snug_metrics *m);
snug_status cli_show_samples(const cli *c, snug_dataset *d, int64_t n) SNUG_MUST_USE;

/* progress.c */
typedef struct cli_progress {
    const cli *cli;
    double started, shown, said;
    bool drawn;
} cli_progress;
void cli_progress_start(cli_progress *p, const cli *c);
void cli_progress_step(cli_progress *p, int64_t step, int64_t n_steps, double loss, double rate);
void cli_progress_clear(cli_progress *p); /* before a line is printed */

#endif
