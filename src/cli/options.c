/* SPDX-License-Identifier: Apache-2.0 */
/* Options: --name VALUE, --name=VALUE, -- ends them. A command's own table comes first, then what
 * every command takes, then (for commands that take a recipe) the recipe's own table of keys. */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>

static const cli_option common[] = {
    {"json", NULL, CLI_SWITCH, offsetof(cli, json), 0, 0,
     "one JSON object on standard output; everything for people goes to standard error"},
    {"quiet", NULL, CLI_SWITCH, offsetof(cli, quiet), 0, 0, "results and errors only"},
    {"threads", "N", CLI_INT, offsetof(cli, threads), 0, 1024,
     "compute threads (0: one for each core)"},
    {"tier", "NAME", CLI_TEXT, offsetof(cli, tier), 0, 0,
     "use the CPU as one of tier scalar, neon, avx2 or avx512 [the highest it has]"},
    {"help", NULL, CLI_SWITCH, offsetof(cli, help), 0, 0, "this text"},
};

enum { N_COMMON = sizeof common / sizeof common[0], MAX_NAMES = 160 };

static bool takes_common(const cli_command *command, const cli_option *o)
{
    bool of_machine = o->offset == offsetof(cli, threads) || o->offset == offsetof(cli, tier);
    return command->machine || !of_machine;
}

const cli_option *cli_common_option(const cli_command *command, int i)
{
    for (int k = 0; k < N_COMMON; k++)
        if (takes_common(command, &common[k]) && i-- == 0) return &common[k];
    return NULL;
}

/* An argument split at its '='. */
typedef struct option_text {
    char name[64];
    char *value; /* NULL: none attached */
} option_text;

static snug_status split(char *arg, option_text *out)
{
    char *equals = strchr(arg, '=');
    size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    SNUG_CHECK(n < sizeof out->name, SNUG_EINVAL, "unknown option '--%.40s...'", arg);
    memcpy(out->name, arg, n);
    out->name[n] = '\0';
    out->value = equals ? equals + 1 : NULL;
    return SNUG_OK;
}

static snug_status check_range(const cli_option *o, double v)
{
    SNUG_CHECK(v >= o->min && v <= o->max, SNUG_EINVAL, "--%s is %g; it must lie between %g and %g",
               o->name, v, o->min, o->max);
    return SNUG_OK;
}

static snug_status parse_number(const cli_option *o, const char *text, void *field)
{
    double v = 0;
    if (o->kind == CLI_TIME) {
        SNUG_TRY(snug_parse_time(text, &v));
        SNUG_TRY(check_range(o, v));
        *(double *)field = v;
        return SNUG_OK;
    }
    int64_t i = 0;
    if (snug_parse_int(text, &i) != SNUG_OK) {
        snug_error_clear();
        return SNUG_FAIL(SNUG_EINVAL, "--%s wants a whole number, not '%s'", o->name, text);
    }
    SNUG_TRY(check_range(o, (double)i));
    *(int64_t *)field = i;
    return SNUG_OK;
}

static snug_status store(const cli_option *o, const char *text, void *base)
{
    void *field = (char *)base + o->offset;
    switch (o->kind) {
    case CLI_SWITCH:
        SNUG_CHECK(!text, SNUG_EINVAL, "--%s takes no value", o->name);
        *(bool *)field = true;
        return SNUG_OK;
    case CLI_TEXT:
        *(const char **)field = text;
        return SNUG_OK;
    default:
        return parse_number(o, text, field);
    }
}

static const cli_option *find(const cli *c, const char *name, bool *own)
{
    *own = true;
    for (const cli_option *o = c->command->options; o && o->name; o++)
        if (strcmp(o->name, name) == 0) return o;
    *own = false;
    for (int i = 0; i < N_COMMON; i++)
        if (strcmp(common[i].name, name) == 0 && takes_common(c->command, &common[i]))
            return &common[i];
    return NULL;
}

static const snug_option_info *find_recipe(const cli *c, const char *name)
{
    if (!c->command->recipe) return NULL;
    const snug_option_info *o;
    for (int i = 0; (o = snug_recipe_option(i)); i++)
        if (o->flag && strcmp(o->flag, name) == 0) return o;
    return NULL;
}

static snug_status unknown(const cli *c, const char *name)
{
    const char *names[MAX_NAMES];
    int n = 0;
    for (const cli_option *o = c->command->options; o && o->name; o++) names[n++] = o->name;
    for (int i = 0; i < N_COMMON; i++)
        if (takes_common(c->command, &common[i])) names[n++] = common[i].name;
    const snug_option_info *o;
    for (int i = 0; c->command->recipe && n < MAX_NAMES - 1 && (o = snug_recipe_option(i)); i++)
        if (o->flag) names[n++] = o->flag;
    if (c->command->recipe) names[n++] = "set";
    int near = snug_nearest(name, n, names);
    SNUG_CHECK(near < 0, SNUG_EINVAL, "unknown option '--%s'; did you mean '--%s'?", name,
               names[near]);
    return SNUG_FAIL(SNUG_EINVAL, "unknown option '--%s'; 'snug help %s' lists them", name,
                     c->command->name);
}

/* --set KEY=VALUE */
static snug_status add_set(cli *c, char *text)
{
    char *equals = strchr(text, '=');
    SNUG_CHECK(equals && equals != text, SNUG_EINVAL,
               "--set wants KEY=VALUE, such as train.epochs=3, not '%s'", text);
    *equals = '\0';
    c->sets[c->n_sets++] = (cli_set){text, equals + 1};
    return SNUG_OK;
}

/* The value of an option: attached with '=', or the next argument. */
static snug_status take_value(option_text *t, char **argv, int argc, int *i)
{
    if (t->value) return SNUG_OK;
    SNUG_CHECK(*i + 1 < argc, SNUG_EINVAL, "--%s wants a value", t->name);
    t->value = argv[++*i];
    return SNUG_OK;
}

static snug_status parse_option(cli *c, char **argv, int argc, int *i)
{
    option_text t;
    SNUG_TRY(split(argv[*i] + 2, &t));
    bool own;
    const cli_option *o = find(c, t.name, &own);
    if (o) {
        if (o->kind != CLI_SWITCH) SNUG_TRY(take_value(&t, argv, argc, i));
        return store(o, t.value, own ? c->values : c);
    }
    const snug_option_info *key = find_recipe(c, t.name);
    bool set = c->command->recipe && strcmp(t.name, "set") == 0;
    if (!key && !set) return unknown(c, t.name);
    if (key && key->kind == SNUG_OPTION_BOOL && !t.value) {
        c->sets[c->n_sets++] = (cli_set){key->key, "true"};
        return SNUG_OK;
    }
    SNUG_TRY(take_value(&t, argv, argc, i));
    if (set) return add_set(c, t.value);
    c->sets[c->n_sets++] = (cli_set){key->key, t.value};
    return SNUG_OK;
}

static snug_status check_arguments(const cli *c)
{
    const cli_command *m = c->command;
    SNUG_CHECK(c->help || c->n_args >= m->min_args, SNUG_EINVAL,
               "something is missing; usage: snug %s %.*s", m->name, (int)strcspn(m->usage, "\n"),
               m->usage);
    SNUG_CHECK(c->help || c->n_args <= m->max_args, SNUG_EINVAL,
               "'%s' is one argument too many; usage: snug %s %.*s", c->args[m->max_args], m->name,
               (int)strcspn(m->usage, "\n"), m->usage);
    return SNUG_OK;
}

snug_status cli_parse(cli *c, int argc, char **argv)
{
    size_t n = (size_t)argc + 1;
    c->values = calloc(1, c->command->values_bytes + 1);
    c->args = calloc(n, sizeof *c->args);
    c->sets = calloc(n, sizeof *c->sets);
    SNUG_CHECK(c->values && c->args && c->sets, SNUG_ENOMEM, "out of memory");
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strcmp(argv[i], "-h") == 0) {
            c->help = true;
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            SNUG_TRY(parse_option(c, argv, argc, &i));
        } else {
            SNUG_CHECK(!options || argv[i][0] != '-' || !argv[i][1], SNUG_EINVAL,
                       "unknown option '%s'; options begin with two dashes", argv[i]);
            c->args[c->n_args++] = argv[i];
        }
    }
    return check_arguments(c);
}
