/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page, from the same tables that parse the command line. */
#include "cli/cli.h"
#include <string.h>

/* Text with what roff would take for its own made harmless. */
static void print_roff(const char *text)
{
    for (bool line_start = true; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
        line_start = *text == '\n';
    }
}

static void print_option(void *arg, const char *name, bool has_value, const char *help)
{
    (void)arg;
    fputs(".TP\n.B \\-\\-", stdout);
    print_roff(name);
    if (has_value) fputs(" \\fIVALUE\\fR", stdout);
    putchar('\n');
    print_roff(help);
    putchar('\n');
}

/* Paragraphs are filled; examples, which are indented, are not. */
static void print_details(const char *text)
{
    bool example = false;
    for (size_t n; *text; text += n + (text[n] != '\0')) {
        char line[1024];
        n = strcspn(text, "\n");
        if (n == 0) continue;
        if (example != (*text == ' ')) fputs(example ? ".fi\n" : ".PP\n.nf\n", stdout);
        if (!example && *text != ' ') fputs(".PP\n", stdout);
        example = *text == ' ';
        snprintf(line, sizeof line, "%.*s\n", (int)n, text);
        print_roff(line);
    }
    if (example) fputs(".fi\n", stdout);
}

static void print_command(const cli_command *m)
{
    printf(".SS snug %s\n", m->name);
    print_roff(m->doc);
    fputs(".\n.PP\n.nf\n", stdout);
    for (const char *line = m->usage; *line;) {
        size_t n = strcspn(line, "\n");
        char text[256];
        snprintf(text, sizeof text, "snug %s %.*s", m->name, (int)n, line);
        print_roff(text);
        putchar('\n');
        line += n + (line[n] != '\0');
    }
    fputs(".fi\n", stdout);
    cli_each_option(m, false, print_option, NULL);
    if (m->recipe) fputs(".PP\nTakes the keys of a recipe too, see \\fBKEYS\\fR.\n", stdout);
    print_details(m->details ? m->details : "");
}

static void print_keys(void)
{
    fputs(".SH KEYS\nOf a recipe, as options of \\fBtrain\\fR and \\fBplan\\fR, or as "
          "\\fB\\-\\-set\\fR \\fIKEY=VALUE\\fR.\n",
          stdout);
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++) {
        fputs(".TP\n.B ", stdout);
        print_roff(o->key);
        if (o->flag) {
            fputs(", \\-\\-", stdout);
            print_roff(o->flag);
        }
        putchar('\n');
        print_roff(o->help);
        if (o->initial && o->initial[0]) {
            fputs(" [", stdout);
            print_roff(o->initial);
            putchar(']');
        }
        putchar('\n');
    }
}

void cli_print_man(void)
{
    printf(".\\\" Made by 'snug help man'; do not edit.\n"
           ".TH SNUG 1 \"\" \"snug %s\"\n.SH NAME\n"
           "snug \\- trains neural networks on the hardware you have, in the memory you say\n"
           ".SH SYNOPSIS\n.B snug\n.I COMMAND\n"
           "[\\fIARGUMENT\\fR...] [\\fB\\-\\-option\\fR \\fIVALUE\\fR...]\n.SH COMMANDS\n",
           snug_version());
    const cli_command *m;
    for (int i = 0; (m = cli_command_get(i)); i++) print_command(m);
    print_keys();
    fputs(".SH EXIT STATUS\n"
          "0 done; 1 failed while running; 2 bad usage or input; 3 the budget cannot be met;\n"
          "130 interrupted, with a checkpoint saved.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B NO_COLOR\nno colour, even on a terminal\n"
          ".TP\n.B COLUMNS\nwidth to print for\n"
          ".TP\n.B SNUG_TRACE\nafter a failure, tell where in the program it came from\n"
          ".TP\n.B TMPDIR\nwhere data that is unpacked goes\n",
          stdout);
}
