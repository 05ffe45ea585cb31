/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c - `trama complete`, what the shell's completion asks: the words that could stand where the last one is, one a
 * line; ":file" when it is a file's name.  All of it comes from the tables of commands, and what there is from the daemons
 * and the kernel; whatever cannot be asked is left out in silence. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/netlink.h"
#include "io/rpc.h"
#include "tools/commands.h"
#include "tools/lab.h"
#include "tools/reply.h"

enum { ASK_MS = 500 };

struct completion {
    struct cli *cli;
    const char *start; /* what is there of the word */
};

static void offer(const struct completion *p, const char *word)
{
    if (!strncmp(word, p->start, strlen(p->start)))
        puts(word);
}

/* --- what there is --- */

static void offer_names(const struct completion *p, enum cli_daemon daemon, const char *method, const char *list)
{
    char path[CLI_PATH_SIZE];
    json_t *result, *o;
    size_t i;

    if (rpc_call(cli_socket(p->cli, daemon, path), method, json_object(), ASK_MS, &result, NULL))
        return;
    json_array_foreach(list ? json_object_get(result, list) : result, i, o) offer(p, reply_text(o, "name"));
    json_decref(result);
}

static void offer_entries(const struct completion *p, const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            offer(p, entry->d_name);
    if (dir)
        closedir(dir);
}

static void offer_bridges(const struct completion *p)
{
    offer_names(p, CLI_SWITCHD, "switch/show", "bridges");
}

static void offer_ports(const struct completion *p)
{
    offer_names(p, CLI_SWITCHD, "port/list", NULL);
}

static void offer_switches(const struct completion *p)
{
    offer_names(p, CLI_CONTROLLER, "net/show", "switches");
}

static void offer_netns(const struct completion *p)
{
    offer_entries(p, "/run/netns");
}

static void offer_devices(const struct completion *p)
{
    struct netlink *nl;
    struct netlink_link *links;
    size_t n;

    if (netlink_open(&nl, NULL, NULL))
        return;
    if (!netlink_links(nl, &links, &n, NULL)) {
        for (size_t i = 0; i < n; i++)
            offer(p, links[i].name);
        free(links);
    }
    netlink_close(nl);
}

static void offer_labs(const struct completion *p)
{
    offer_entries(p, LAB_ROOT);
}

static void offer_files(const struct completion *p)
{
    puts(":file");
}

static void offer_orders(const struct completion *p)
{
    offer(p, "priority");
    offer(p, "packets");
    offer(p, "bytes");
}

/* --- what may stand there --- */

/* By the names of arguments and of options' values. */
static const struct {
    const char *name;
    void (*offer)(const struct completion *p);
} kinds[] = {
    { "BRIDGE", offer_bridges }, { "PORT", offer_ports },     { "SWITCH", offer_switches },
    { "NETNS", offer_netns },    { "DEVICE", offer_devices }, { "LAB", offer_labs },
    { "FILE", offer_files },     { "DIR", offer_files },      { "ORDER", offer_orders },
};

/* `usage`: "[BRIDGE]", "DEVICE|NETNS", "PORT". */
static void offer_kinds(const struct completion *p, const char *usage, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].name);
        const char *at = memmem(usage, len, kinds[i].name, n);

        if (at && (at == usage || strchr("[|", at[-1])) && (at + n == usage + len || strchr("]|.", at[n])))
            kinds[i].offer(p);
    }
}

static const struct cli_option *find_option(const struct cli_command *cmd, const char *word)
{
    static const struct cli_option run_dir = { "run-dir", 0, "DIR", "" };
    bool is_long = !strncmp(word, "--", 2);

    if (!strcmp(word, "--run-dir"))
        return &run_dir;
    for (const struct cli_option *o = cmd->options; o && o->name; o++)
        if (is_long ? !strcmp(word + 2, o->name) : word[0] == '-' && word[1] == o->letter && !word[2])
            return o;
    return NULL;
}

static void offer_options(const struct completion *p, const struct cli_command *cmd)
{
    char word[64];

    for (const struct cli_option *o = cmd->options; o && o->name; o++) {
        snprintf(word, sizeof word, "--%s", o->name);
        offer(p, word);
    }
    offer(p, "--json");
    offer(p, "--run-dir");
    offer(p, "--help");
}

/* The words behind a command's name, the last of which is to be completed. */
static void complete_argument(const struct completion *p, const struct cli_command *cmd, char **words, int n)
{
    const char *usage = cmd->usage;
    int place = 0;

    for (int i = 0; i + 1 < n; i++) {
        const struct cli_option *o = find_option(cmd, words[i]);

        if (o && o->value && i + 2 == n) {
            offer_kinds(p, o->value, strlen(o->value));
            return;
        }
        if (o && o->value)
            i++;
        else if (words[i][0] != '-')
            place++;
    }
    if (p->start[0] == '-') {
        offer_options(p, cmd);
        return;
    }
    while (place-- && strchr(usage, ' '))
        usage = strchr(usage, ' ') + 1;
    offer_kinds(p, usage, strcspn(usage, " "));
}

/* The next words of the names that begin as `words`; each once. */
static void complete_name(const struct completion *p, char **words, int n)
{
    char word[64], probe[72];
    struct str seen = { 0 };
    const struct cli_command *cmd;

    for (int i = 0; (cmd = cli_each(p->cli->groups, i)); i++) {
        const char *name = cmd->name;
        int k = 0;

        while (cmd->help && k + 1 < n && !strncmp(name, words[k], strlen(words[k])) && name[strlen(words[k])] == ' ') {
            name += strlen(words[k]) + 1;
            k++;
        }
        if (!cmd->help || k + 1 < n)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(name, " "), name);
        snprintf(probe, sizeof probe, " %s ", word);
        if (strstr(str_text(&seen), probe))
            continue;
        str_add(&seen, probe);
        offer(p, word);
    }
    str_fini(&seen);
}

static int run_complete(struct cli *c)
{
    struct completion p = { .cli = c, .start = c->n_args ? c->args[c->n_args - 1] : "" };
    char **words = c->args;
    int n = c->n_args, n_used;
    const struct cli_command *cmd;

    for (int i = 0; i + 2 < c->n_args; i++)
        if (!strcmp(c->args[i], "--run-dir"))
            c->run_dir = c->args[i + 1];
    while (n > 1 && words[0][0] == '-') { /* options before the command */
        int skip = !strcmp(words[0], "--run-dir") && n > 2 ? 2 : 1;

        words += skip;
        n -= skip;
    }
    if (!n)
        return CLI_OK;
    cmd = cli_find(c->groups, words, n - 1, &n_used);
    if (cmd)
        complete_argument(&p, cmd, words + n_used, n - n_used);
    else
        complete_name(&p, words, n);
    return CLI_OK;
}

const struct cli_command complete_commands[] = {
    { "complete", "[WORD]...", NULL, run_complete, 0, -1, .flags = CLI_STOP_AT_ARG },
    { 0 },
};
