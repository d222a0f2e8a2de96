/* SPDX-License-Identifier: Apache-2.0 */
/* snug: finds the command, parses its options, runs it, and turns what came of it into an exit code
 * and, after a failure, one message. */
#include "cli/cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was printed must have arrived: a full disk or a closed pipe is a failure too. */
static snug_status flush_output(void)
{
    errno = 0;
    bool bad = fflush(stdout) != 0;
    bad |= ferror(stdout) != 0;
    SNUG_CHECK(!bad, SNUG_EIO, "cannot write to standard output: %s",
               errno ? strerror(errno) : "an earlier write failed");
    return SNUG_OK;
}

/* One line, which a terminal gets filled. */
static void complain(const cli *c)
{
    const char *message = snug_error_message();
    const int columns = snug_terminal_columns(2);
    char text[1024];
    snprintf(text, sizeof text, "snug%s%s: %s", c->command ? " " : "",
             c->command ? c->command->name : "",
             message[0] ? message : "failed without saying why");
    if (columns > 0)
        cli_print_wrapped(stderr, text, 2, columns);
    else
        fprintf(stderr, "%s\n", text);
    if (!getenv("SNUG_TRACE")) return;
    for (int i = 0; i < snug_error_frame_count(); i++)
        fprintf(stderr, "    %s\n", snug_error_frame(i));
}

static snug_status run(cli *c, int argc, char **argv)
{
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0) {
        printf("snug %s\n", snug_version());
        return SNUG_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    SNUG_TRY(cli_command_find(name, &c->command));
    SNUG_TRY(cli_parse(c, argc - 2, argv + 2));
    if (c->help) {
        cli_print_command(stdout, c->command);
        return SNUG_OK;
    }
    cli_console_open(c);
    return c->command->run(c);
}

int main(int argc, char **argv)
{
    cli c = {.people = stdout};
    if (argc < 2) {
        cli_print_overview(stderr);
        return 2;
    }
    snug_status status = run(&c, argc, argv);
    if (status == SNUG_OK) status = flush_output();
    if (status != SNUG_OK && status != SNUG_EINTERRUPTED) complain(&c);
    int code = status == SNUG_OK ? c.exit_code : snug_status_exit_code(status);
    snug_context_destroy(c.ctx);
    free(c.values);
    free(c.args);
    free(c.sets);
    return code;
}
