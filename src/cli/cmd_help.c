/* SPDX-License-Identifier: Apache-2.0 */
/* snug help: commands, and what a recipe may say. */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

typedef struct help_options {
    bool markdown;
} help_options;

static const cli_option options[] = {
    {"markdown", NULL, CLI_SWITCH, offsetof(help_options, markdown), 0, 0,
     "'recipe' and 'ops' as the Markdown of the manual"},
    {0},
};

static snug_status help_recipe(cli *c)
{
    const help_options *o = c->values;
    char *text = NULL;
    SNUG_TRY(snug_recipe_help(o->markdown, &text));
    fputs(text, stdout);
    free(text);
    return SNUG_OK;
}

/* Lines of `text`, each wrapped, the lines after its first indented by two more. */
static void print_lines(const cli *c, char *text, int indent)
{
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        printf("%*s", indent, "");
        cli_print_wrapped(stdout, at, indent + 2, c->columns - 2);
    }
}

/* A name in a column, or on a line of its own where it is too long for that. */
static void print_name(const char *name, int columns)
{
    printf("%-*s", columns - 1, name);
    printf(strlen(name) < (size_t)columns ? " " : "\n%*s", columns, "");
}

static snug_status help_models(cli *c)
{
    if (c->n_args > 1) {
        char *yaml = NULL;
        SNUG_TRY(snug_zoo_layers(c->args[1], &yaml));
        fputs(yaml, stdout);
        free(yaml);
        return SNUG_OK;
    }
    const snug_zoo_info *z;
    for (int i = 0; (z = snug_zoo(i)); i++) {
        print_name(z->name, 16);
        cli_print_wrapped(stdout, z->doc, 16, c->columns);
        char *knobs = NULL;
        SNUG_TRY(snug_zoo_knobs(i, &knobs));
        print_lines(c, knobs, 18);
        free(knobs);
    }
    putchar('\n');
    cli_print_wrapped(stdout,
                      "Knobs follow the name, as in NAME:knob=value. 'snug help models NAME' "
                      "prints the list of layers that a name stands for.",
                      0, c->columns);
    return SNUG_OK;
}

static snug_status help_formats(cli *c)
{
    snug_data_format_info f;
    for (int i = 0; snug_data_format(i, &f); i++) {
        print_name(f.name, 8);
        cli_print_wrapped(stdout, f.doc, 8, c->columns);
    }
    return SNUG_OK;
}

static snug_status help_layers(cli *c)
{
    bool found = false;
    snug_layer_info l;
    for (int i = 0; snug_layer(i, &l); i++) {
        if (c->n_args > 1 && strcmp(l.name, c->args[1]) != 0) continue;
        char *keys = NULL;
        SNUG_TRY(snug_layer_keys(i, &keys));
        printf("%s%s%s\n  ", cli_paint(c, STYLE_BOLD), l.name, cli_paint(c, STYLE_PLAIN));
        cli_print_wrapped(stdout, l.doc, 2, c->columns);
        print_lines(c, keys, 4);
        free(keys);
        found = true;
    }
    SNUG_CHECK(found, SNUG_ENOENT, "there is no layer '%s'; 'snug help layers' lists them",
               c->args[1]);
    return SNUG_OK;
}

/* Whether a line of an operator's doc goes on with the sentence of the `n` characters before it:
 * they fill a line, and what comes is neither a formula nor the gradient. */
static bool goes_on(size_t n, const char *next)
{
    enum { FILLED = 70 };
    const size_t word = strcspn(next, " \n");
    return n > FILLED && strncmp(next, "Gradient", 8) != 0 && strncmp(next + word, " = ", 3) != 0;
}

static void print_doc(const cli *c, const char *doc, int indent)
{
    char text[4096];
    size_t n = 0, line = 0;
    for (const char *at = doc; *at && n + 1 < sizeof text; at++, line++) {
        const bool end = *at == '\n', joins = end && goes_on(line, at + 1);
        text[n++] = joins ? ' ' : *at;
        if (end) line = (size_t)-1;
    }
    text[n] = '\0';
    cli_print_wrapped(stdout, text, indent, c->columns);
}

static void print_op(const cli *c, const snug_op *op)
{
    printf("%s%s%s\n    ", cli_paint(c, STYLE_BOLD), op->name, cli_paint(c, STYLE_PLAIN));
    print_doc(c, op->doc, 4);
    for (const snug_attr *a = op->attrs; a && a->name; a++) {
        char initial[32];
        snprintf(initial, sizeof initial, "[%g]", a->initial);
        printf("    %-15s %-8s", a->name, initial);
        cli_print_wrapped(stdout, a->help ? a->help : "", 28, c->columns);
    }
}

static snug_status help_ops(cli *c)
{
    SNUG_TRY(cli_context(c));
    bool found = false;
    const snug_op *op;
    for (int i = 0; (op = snug_context_op(c->ctx, i)); i++) {
        if (c->n_args > 1 && strcmp(op->name, c->args[1]) != 0) continue;
        print_op(c, op);
        found = true;
    }
    SNUG_CHECK(found, SNUG_ENOENT, "there is no operator '%s'; 'snug help ops' lists them",
               c->args[1]);
    return SNUG_OK;
}

static snug_status help_completions(cli *c)
{
    SNUG_CHECK(c->n_args == 2, SNUG_EINVAL,
               "for which shell? usage: snug help completions bash|zsh|fish");
    return cli_print_completions(c->args[1]);
}

static snug_status help_man(cli *c)
{
    (void)c;
    cli_print_man();
    return SNUG_OK;
}

typedef struct topic {
    const char *name;
    snug_status (*print)(cli *c);
} topic;

static const topic topics[] = {
    {"recipe", help_recipe}, {"formats", help_formats}, {"models", help_models},
    {"layers", help_layers}, {"ops", help_ops},         {"completions", help_completions},
    {"man", help_man},
};

enum { N_TOPICS = sizeof topics / sizeof topics[0] };

/* Neither a topic nor a command: the nearest of the topics, else what was said of commands. */
static snug_status unknown_topic(const char *name)
{
    const char *names[N_TOPICS];
    for (int i = 0; i < N_TOPICS; i++) names[i] = topics[i].name;
    int near = snug_nearest(name, N_TOPICS, names);
    bool command = strstr(snug_error_message(), "did you mean") != NULL;
    if (near < 0 && command) return snug_error_status();
    snug_error_clear();
    SNUG_CHECK(near >= 0, SNUG_EINVAL,
               "there is no help on '%s'; there is on recipe, formats, models, layers, ops, "
               "completions, man and each command",
               name);
    return SNUG_FAIL(SNUG_EINVAL, "there is no help on '%s'; did you mean '%s'?", name,
                     names[near]);
}

static snug_status run(cli *c)
{
    if (c->n_args == 0) {
        cli_print_overview(stdout);
        return SNUG_OK;
    }
    for (int i = 0; i < N_TOPICS; i++)
        if (strcmp(c->args[0], topics[i].name) == 0) return topics[i].print(c);
    const cli_command *m = NULL;
    if (cli_command_find(c->args[0], &m) != SNUG_OK) return unknown_topic(c->args[0]);
    cli_print_command(stdout, m);
    return SNUG_OK;
}

const cli_command cli_command_help = {
    .name = "help",
    .doc = "this, or more about a command and what recipes may say",
    .usage = "[COMMAND]\nrecipe\nformats\nmodels [NAME]\nlayers [NAME]\nops [NAME]\ncompletions "
             "bash|zsh|fish\nman",
    .options = options,
    .values_bytes = sizeof(help_options),
    .max_args = 2,
    .run = run,
};
