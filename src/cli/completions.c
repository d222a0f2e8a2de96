/* SPDX-License-Identifier: Apache-2.0 */
/* Completions for shells, from the same tables that parse the command line. */
#include "cli/cli.h"
#include <string.h>

void cli_each_option(const cli_command *m, bool recipe, cli_option_visitor *visit, void *arg)
{
    for (const cli_option *o = m->options; o && o->name; o++)
        visit(arg, o->name, o->value != NULL, o->help);
    const cli_option *common;
    for (int i = 0; (common = cli_common_option(m, i)); i++)
        visit(arg, common->name, common->value != NULL, common->help);
    if (!m->recipe || !recipe) return;
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++)
        if (o->flag) visit(arg, o->flag, o->kind != SNUG_OPTION_BOOL, o->help);
    visit(arg, "set", true, "any key of the recipe: KEY=VALUE");
}

static void print_word(void *arg, const char *name, bool has_value, const char *help)
{
    (void)arg, (void)has_value, (void)help;
    printf(" --%s", name);
}

static void bash(void)
{
    const cli_command *m;
    printf("# bash completion for snug; 'snug help completions bash' prints it\n"
           "_snug() {\n    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "    if ((COMP_CWORD == 1)); then words='");
    for (int i = 0; (m = cli_command_get(i)); i++) printf("%s%s", i ? " " : "", m->name);
    printf("'; else\n        case ${COMP_WORDS[1]} in\n");
    for (int i = 0; (m = cli_command_get(i)); i++) {
        printf("        %s) words='", m->name);
        cli_each_option(m, true, print_word, NULL);
        printf("' ;;\n");
    }
    printf("        esac\n    fi\n"
           "    if [[ $word == -* || $COMP_CWORD == 1 ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "    else\n        COMPREPLY=($(compgen -f -- \"$word\"))\n    fi\n}\n"
           "complete -o filenames -F _snug snug\n");
}

/* Text inside single quotes, with what zsh's _arguments gives a meaning made harmless. */
static void print_quoted(const char *text, const char *escape)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr(escape, *text))
            printf("\\%c", *text);
        else
            putchar(*text == '\n' ? ' ' : *text);
    }
}

static void zsh_option(void *arg, const char *name, bool has_value, const char *help)
{
    (void)arg;
    printf("        '--%s%s[", name, has_value ? "=" : "");
    print_quoted(help, "[]:\\");
    printf("]%s' \\\n", has_value ? ":value:_files" : "");
}

static void zsh(void)
{
    const cli_command *m;
    printf("#compdef snug\n# zsh completion for snug; 'snug help completions zsh' prints it\n"
           "_snug() {\n    if ((CURRENT == 2)); then\n        local -a commands=(\n");
    for (int i = 0; (m = cli_command_get(i)); i++) {
        printf("            '%s:", m->name);
        print_quoted(m->doc, ":\\");
        printf("'\n");
    }
    printf("        )\n        _describe command commands\n        return\n    fi\n"
           "    local command=${words[2]}\n    shift words\n    ((CURRENT--))\n"
           "    case $command in\n");
    for (int i = 0; (m = cli_command_get(i)); i++) {
        printf("    %s) _arguments \\\n", m->name);
        cli_each_option(m, true, zsh_option, NULL);
        printf("        '*:file:_files' ;;\n");
    }
    printf("    esac\n}\n_snug \"$@\"\n");
}

static void fish_option(void *arg, const char *name, bool has_value, const char *help)
{
    const cli_command *m = arg;
    printf("complete -c snug -n '__fish_seen_subcommand_from %s' -l %s%s -d '", m->name, name,
           has_value ? " -r" : "");
    for (; *help; help++) {
        if (*help == '\'' || *help == '\\') putchar('\\');
        putchar(*help == '\n' ? ' ' : *help);
    }
    printf("'\n");
}

static void fish(void)
{
    const cli_command *m;
    printf("# fish completion for snug; 'snug help completions fish' prints it\n");
    for (int i = 0; (m = cli_command_get(i)); i++) {
        printf("complete -c snug -n __fish_use_subcommand -a %s -d '%s'\n", m->name, m->doc);
        cli_each_option(m, true, fish_option, (void *)m);
    }
}

snug_status cli_print_completions(const char *shell)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].print();
            return SNUG_OK;
        }
    return SNUG_FAIL(SNUG_EINVAL, "completions are there for bash, zsh and fish, not '%s'", shell);
}
