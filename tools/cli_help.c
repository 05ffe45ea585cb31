/* SPDX-License-Identifier: Apache-2.0 */
/* cli_help.c - help, made of the tables of commands. */
#include <stdio.h>
#include <string.h>

#include "tools/cli.h"

static const struct cli_option common[] = {
    { "json", 'j', NULL, "the result as JSON" },
    { "run-dir", 0, "DIR", "where the daemons' sockets are; default $TRAMA_RUN_DIR, else /run/trama" },
    { "help", 'h', NULL, "this" },
    { 0 },
};

static void print_options(const struct cli_option *o)
{
    for (; o && o->name; o++) {
        char left[64], letter[8] = "    ";

        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-26s %s\n", left, o->help);
    }
}

static void print_rows(const struct cli_command *cmd)
{
    for (; cmd->name; cmd++) {
        char left[96];

        if (!cmd->help)
            continue;
        snprintf(left, sizeof left, "%s%s%s", cmd->name, *cmd->usage ? " " : "", cmd->usage);
        printf("  %-40s%s%s\n", left, strlen(left) >= 40 ? "\n                                          " : "",
               cmd->help);
    }
}

static int help_command(const struct cli_command *cmd)
{
    printf("Usage: trama %s [OPTION]...%s%s\n%s.\n\n", cmd->name, *cmd->usage ? " " : "", cmd->usage, cmd->help);
    if (cmd->more)
        printf("%s\n", cmd->more);
    print_options(cmd->options);
    print_options(common);
    return CLI_OK;
}

static int help_group(const struct cli_group *groups, const char *name)
{
    bool is_found = false;

    for (const struct cli_group *g = groups; g->name; g++) {
        if (strcmp(g->name, name))
            continue;
        if (g->help)
            printf("trama %s: %s.\n\n", g->name, g->help);
        is_found = true;
        print_rows(g->commands);
    }
    if (is_found)
        printf("\n'trama %s COMMAND -h' says more.\n", name);
    return is_found ? CLI_OK : CLI_USAGE;
}

static int help_all(const struct cli_group *groups)
{
    puts("Usage: trama [-j] [--run-dir DIR] COMMAND [OPTION]... [ARGUMENT]...\n"
         "The command line of trama, a virtual network.\n");
    for (const struct cli_group *g = groups; g->name; g++)
        print_rows(g->commands);
    puts("\nOptions of every command:");
    print_options(common);
    puts("\nExit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 no daemon answers, 4 it differs (net diff "
         "--exit-code).\n'trama COMMAND -h' says more of a command, the manual page trama(1) of all.");
    return CLI_OK;
}

int cli_help(const struct cli_group *groups, char **words, int n_words)
{
    const struct cli_command *cmd;
    int n_used;

    if (!n_words)
        return help_all(groups);
    for (int i = 0; (cmd = cli_each(groups, i)); i++)
        if (!strcmp(cmd->name, words[0]) && strchr(cmd->name, ' '))
            return help_command(cmd); /* the whole name as one word */
    cmd = cli_find(groups, words, n_words, &n_used);
    if (cmd && n_used == n_words)
        return help_command(cmd);
    if (n_words == 1 && help_group(groups, words[0]) == CLI_OK)
        return CLI_OK;
    return cli_usage_fail(&(struct cli){ .groups = groups }, "there is no command '%s%s%s'", words[0],
                          n_words > 1 ? " " : "", n_words > 1 ? words[1] : "");
}
