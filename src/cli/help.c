/* SPDX-License-Identifier: Apache-2.0 */
/* Help: made from the tables of commands and options. */
#include "cli/cli.h"
#include <string.h>

enum { HELP_COLUMNS = 80, NAME_COLUMNS = 24 };

static const char heading[] =
    "snug: trains neural networks on the hardware you have, in the memory you say.\n";

void cli_print_overview(FILE *f)
{
    fprintf(f, "%s\nusage: snug COMMAND [ARGUMENT...] [--OPTION VALUE...]\n\n", heading);
    const cli_command *m;
    for (int i = 0; (m = cli_command_get(i)); i++) fprintf(f, "  %-9s %s\n", m->name, m->doc);
    fprintf(f,
            "\n'snug help COMMAND' says more; 'snug help recipe', 'formats', 'models', 'layers'\n"
            "and 'ops' list what a recipe may say. First steps: 'snug plan glyphs', 'snug\n"
            "train glyphs'.\n");
}

/* Words of `text` filled to `columns`, every line after the first indented; '\n' in it is kept. */
void cli_print_wrapped(FILE *f, const char *text, int indent, int columns)
{
    int at = indent;
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (at > indent && at + 1 + (int)word > columns) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', f);
            at++;
        }
        fwrite(text, 1, word, f);
        at += (int)word;
        text += word;
        if (*text == '\n') {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
        }
        if (*text) text++;
    }
    fputc('\n', f);
}

void cli_print_paragraphs(FILE *f, const char *text, int columns)
{
    while (*text) {
        const int n = (int)strcspn(text, "\n");
        char line[1024];
        snprintf(line, sizeof line, "%.*s", n, text);
        if (line[0] == ' ')
            fprintf(f, "%s\n", line);
        else
            cli_print_wrapped(f, line, 0, columns);
        text += n + (text[n] != '\0');
    }
}

static void print_option(FILE *f, const char *name, const char *value, const char *help)
{
    char left[64];
    snprintf(left, sizeof left, "--%s%s%s", name, value ? " " : "", value ? value : "");
    fprintf(f, "  %-*s", NAME_COLUMNS - 2, left);
    if (strlen(left) > NAME_COLUMNS - 3) fprintf(f, "\n%*s", NAME_COLUMNS, "");
    cli_print_wrapped(f, help, NAME_COLUMNS, HELP_COLUMNS);
}

static void print_usage(FILE *f, const cli_command *m)
{
    const char *line = m->usage, *lead = "usage: ";
    while (*line) {
        int n = (int)strcspn(line, "\n");
        fprintf(f, "%ssnug %s %.*s\n", lead, m->name, n, line);
        lead = "       ";
        line += n;
        if (*line) line++;
    }
}

static void print_recipe_flags(FILE *f)
{
    fprintf(f, "\nkeys of the recipe ('snug help recipe' lists them all):\n");
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++) {
        if (!o->flag) continue;
        char help[512];
        snprintf(help, sizeof help, "%s%s%s%s", o->help, o->initial && o->initial[0] ? " [" : "",
                 o->initial ? o->initial : "", o->initial && o->initial[0] ? "]" : "");
        print_option(f, o->flag, o->kind == SNUG_OPTION_BOOL ? NULL : "VALUE", help);
    }
    print_option(f, "set", "KEY=VALUE", "any key of the recipe");
}

void cli_print_command(FILE *f, const cli_command *m)
{
    print_usage(f, m);
    fputc('\n', f);
    cli_print_wrapped(f, m->doc, 0, HELP_COLUMNS);
    fprintf(f, "\noptions:\n");
    for (const cli_option *o = m->options; o && o->name; o++)
        print_option(f, o->name, o->value, o->help);
    const cli_option *o;
    for (int i = 0; (o = cli_common_option(m, i)); i++) print_option(f, o->name, o->value, o->help);
    if (m->recipe) print_recipe_flags(f);
    if (!m->details) return;
    fputc('\n', f);
    cli_print_paragraphs(f, m->details, HELP_COLUMNS);
}
