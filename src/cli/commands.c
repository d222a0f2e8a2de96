/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. */
#include "cli/cli.h"
#include <string.h>

#define CLI_COMMAND(id) extern const cli_command cli_command_##id;
#include "cli/commands.def"
#undef CLI_COMMAND

static const cli_command *const commands[] = {
#define CLI_COMMAND(id) &cli_command_##id,
#include "cli/commands.def"
#undef CLI_COMMAND
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

const cli_command *cli_command_get(int i)
{
    return i >= 0 && i < N_COMMANDS ? commands[i] : NULL;
}

snug_status cli_command_find(const char *name, const cli_command **out)
{
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++) {
        names[i] = commands[i]->name;
        if (strcmp(name, names[i]) == 0) {
            *out = commands[i];
            return SNUG_OK;
        }
    }
    int near = snug_nearest(name, N_COMMANDS, names);
    SNUG_CHECK(near < 0, SNUG_EINVAL, "there is no command '%s'; did you mean '%s'?", name,
               names[near]);
    return SNUG_FAIL(SNUG_EINVAL, "there is no command '%s'; 'snug help' lists them", name);
}
