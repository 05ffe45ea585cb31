/* SPDX-License-Identifier: Apache-2.0 */
/* cli.c - see cli.h: running a command, options, errors, asking a daemon.  Help is in cli_help.c. */
#include "tools/cli.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "io/rpc.h"
#include "openflow/text_lex.h"

enum { CALL_TIMEOUT_MS = 30000, OPT_RUN_DIR = 256, OPT_OWN, N_COMMON = 3 };

static const char default_run_dir[] = "/run/trama";

static const struct option common_options[N_COMMON] = {
    { "json", no_argument, NULL, 'j' },
    { "run-dir", required_argument, NULL, OPT_RUN_DIR },
    { "help", no_argument, NULL, 'h' },
};

/* --- what went wrong --- */

static void say(const char *fmt, va_list args)
{
    fflush(stdout);
    fputs("trama: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

int cli_fail(enum cli_exit code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    return code;
}

int cli_usage_fail(const struct cli *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    if (c->command)
        fprintf(stderr, "Try 'trama %s -h'.\n", c->command->name);
    else
        fputs("Try 'trama help'.\n", stderr);
    return CLI_USAGE;
}

/* --- commands --- */

/* How many words of `name` the words begin with, all of its words or 0. */
static int name_match(const char *name, char **words, int n_words)
{
    int n = 0;

    while (*name) {
        size_t len = strcspn(name, " ");

        if (n == n_words || strlen(words[n]) != len || memcmp(words[n], name, len))
            return 0;
        n++;
        name += len;
        name += strspn(name, " ");
    }
    return n;
}

const struct cli_command *cli_each(const struct cli_group *groups, int i)
{
    for (; groups->name; groups++)
        for (const struct cli_command *cmd = groups->commands; cmd->name; cmd++)
            if (!i--)
                return cmd;
    return NULL;
}

const struct cli_command *cli_find(const struct cli_group *groups, char **words, int n_words, int *n_used)
{
    const struct cli_command *cmd, *found = NULL;

    *n_used = 0;
    for (int i = 0; (cmd = cli_each(groups, i)); i++) {
        int n = name_match(cmd->name, words, n_words);

        if (n > *n_used) {
            *n_used = n;
            found = cmd;
        }
    }
    return found;
}

static int say_no_command(const struct cli *c, char **words, int n_words)
{
    char list[256] = "";
    size_t len = 0;

    for (const struct cli_group *g = c->groups; g->name; g++) {
        if (strcmp(g->name, words[0]))
            continue;
        for (const struct cli_command *cmd = g->commands; cmd->name; cmd++) {
            const char *verb = cmd->name + strlen(g->name);
            int n = snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", verb + (*verb == ' '));

            if (n > 0 && len + (size_t)n < sizeof list)
                len += (size_t)n;
        }
    }
    if (!len)
        return cli_usage_fail(c, "there is no command '%s'", words[0]);
    if (n_words < 2)
        return cli_usage_fail(c, "'%s' needs one of: %s", words[0], list);
    return cli_usage_fail(c, "there is no command '%s %s'; '%s' has: %s", words[0], words[1], words[0], list);
}

/* --- options --- */

/* Sorts out what getopt found.  Returns -1 to go on, or an exit code. */
static int take_option(struct cli *c, int opt)
{
    const struct cli_option *own = c->command ? c->command->options : NULL;

    if (opt == 'j') {
        c->is_json = true;
        return -1;
    }
    if (opt == OPT_RUN_DIR) {
        if (!*optarg)
            return cli_usage_fail(c, "--run-dir: the directory's name is empty");
        c->run_dir = optarg;
        return -1;
    }
    for (int i = 0; own && own[i].name; i++) {
        if (opt != OPT_OWN + i && (!own[i].letter || opt != own[i].letter))
            continue;
        c->values[i] = own[i].value ? optarg : "";
        return -1;
    }
    return CLI_USAGE;
}

/* getopt's own messages would not begin with "trama: " in every libc, nor name the command. */
static int say_bad_option(const struct cli *c, int opt, char **argv)
{
    const char *typed = argv[optind > 1 ? optind - 1 : 1];

    if (opt == ':')
        return cli_usage_fail(c, "option '%s' needs a value", typed);
    if (optopt && !strncmp(typed, "--", 2))
        return cli_usage_fail(c, "option '%s' takes no value", typed);
    if (optopt)
        return cli_usage_fail(c, "there is no option '-%c'", optopt);
    return cli_usage_fail(c, "there is no option '%s', or it is cut too short", typed);
}

/* Reads options from argv[1] on: with `cmd` the common and its own ones wherever they stand, without it the common ones before
 * the first word.  Returns -1 with optind at the first argument, or an exit code. */
static int parse_options(struct cli *c, int argc, char **argv)
{
    const struct cli_option *own = c->command ? c->command->options : NULL;
    bool is_stop = !c->command || c->command->flags & CLI_STOP_AT_ARG;
    struct option longs[N_COMMON + CLI_OPTIONS_MAX + 1] = { 0 };
    char shorts[2 * CLI_OPTIONS_MAX + 8], *s = shorts;
    int opt, code = -1;

    if (is_stop)
        *s++ = '+';
    s = stpcpy(s, ":jh");
    memcpy(longs, common_options, sizeof common_options);
    for (int i = 0; own && own[i].name; i++) {
        assert(i < CLI_OPTIONS_MAX);
        longs[N_COMMON + i] =
            (struct option){ own[i].name, own[i].value ? required_argument : no_argument, NULL, OPT_OWN + i };
        if (own[i].letter) {
            *s++ = own[i].letter;
            s = stpcpy(s, own[i].value ? ":" : "");
        }
    }
    *s = '\0';
    optind = 0; /* begins anew, in glibc's way */
    opterr = 0;
    while (code < 0 && (opt = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (opt == 'h') {
            char *name = c->command ? strdup(c->command->name) : NULL; /* as one word: cli_help() knows it */

            code = cli_help(c->groups, &name, name ? 1 : 0);
            free(name);
        } else if (opt == '?' || opt == ':') {
            code = say_bad_option(c, opt, argv);
        } else {
            code = take_option(c, opt);
        }
    }
    return code;
}

/* --- running --- */

static int check_count(const struct cli *c)
{
    const struct cli_command *cmd = c->command;

    if (c->n_args < cmd->n_min)
        return cli_usage_fail(c, "'%s' needs %s", cmd->name, cmd->usage);
    if (cmd->n_max >= 0 && c->n_args > cmd->n_max)
        return cli_usage_fail(c, "'%s' has no use for '%s'; it takes %s", cmd->name, c->args[cmd->n_max],
                              *cmd->usage ? cmd->usage : "no arguments");
    return -1;
}

/* argv[0] is of no use any more: getopt skips it. */
static int run(struct cli *c, int argc, char **argv)
{
    int n_used, code = parse_options(c, argc, argv);

    if (code >= 0)
        return code;
    argc -= optind;
    argv += optind;
    if (!argc)
        return cli_usage_fail(c, "what shall be done? A command is missing");
    if (argc > 1 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")))
        return cli_help(c->groups, argv, 1);
    c->command = cli_find(c->groups, argv, argc, &n_used);
    if (!c->command)
        return say_no_command(c, argv, argc);
    argc -= n_used - 1; /* the last word of the name takes the place of the program's */
    argv += n_used - 1;
    code = parse_options(c, argc, argv);
    if (code >= 0)
        return code;
    c->args = argv + optind;
    c->n_args = argc - optind;
    code = check_count(c);
    return code >= 0 ? code : c->command->run(c);
}

int cli_main(const struct cli_group *groups, int argc, char **argv)
{
    const char *dir = getenv("TRAMA_RUN_DIR");
    struct cli c = { .groups = groups, .run_dir = dir && *dir ? dir : default_run_dir, .timeout_ms = CALL_TIMEOUT_MS };
    int code;

    signal(SIGPIPE, SIG_DFL); /* `trama flow dump | head` ends quietly */
    code = run(&c, argc, argv);
    if (fflush(stdout) && !code)
        code = cli_fail(CLI_FAILED, "the output could not be written: %s", strerror(errno));
    return code;
}

/* --- what a command asks for --- */

const char *cli_arg(const struct cli *c, int i)
{
    return i < c->n_args ? c->args[i] : NULL;
}

const char *cli_value(const struct cli *c, const char *name)
{
    const struct cli_option *own = c->command->options;

    for (int i = 0; own && own[i].name; i++)
        if (!strcmp(own[i].name, name))
            return c->values[i];
    assert(!"a command asks for an option that its table has not");
    return NULL;
}

bool cli_has(const struct cli *c, const char *name)
{
    return cli_value(c, name) != NULL;
}

int cli_number(const struct cli *c, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
    const char *text = cli_value(c, name);
    uint64_t v;

    if (!text)
        return CLI_OK;
    if (!span_number(span_of(text), max, &v) || v < min)
        return cli_usage_fail(c, "--%s: '%s' is not a number from %llu to %llu", name, text, (unsigned long long)min,
                              (unsigned long long)max);
    *out = v;
    return CLI_OK;
}

const char *cli_file_name(const char *path)
{
    return strcmp(path, "-") ? path : "standard input";
}

int cli_read_file(const char *path, char **text)
{
    struct errbuf e = { { 0 } };
    size_t len;
    int err = strcmp(path, "-") ? file_read(text, &len, path, &e)
                                : file_read_fd(text, &len, STDIN_FILENO, cli_file_name(path), &e);

    if (err)
        return cli_fail(CLI_FAILED, "%s", e.text);
    if (strlen(*text) == len)
        return CLI_OK;
    free(*text);
    *text = NULL;
    return cli_fail(CLI_FAILED, "%s: there is a zero byte in it; a text file is needed", cli_file_name(path));
}

int cli_json(json_t *v)
{
    json_dumpf(v, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(v);
    return CLI_OK;
}

/* --- daemons --- */

static const char *const daemon_names[] = { [CLI_SWITCHD] = "trama-switchd", [CLI_CONTROLLER] = "trama-controller" };

const char *cli_socket(const struct cli *c, enum cli_daemon daemon, char path[CLI_PATH_SIZE])
{
    snprintf(path, CLI_PATH_SIZE, "%s/%s.ctl", c->run_dir, daemon_names[daemon]);
    return path;
}

int cli_call(const struct cli *c, enum cli_daemon daemon, const char *method, json_t *params, json_t **result)
{
    char path[CLI_PATH_SIZE];
    struct errbuf e = { { 0 } };
    int err = rpc_call(cli_socket(c, daemon, path), method, params ? params : json_object(), c->timeout_ms, result, &e);

    if (!err)
        return CLI_OK;
    if (err == -ENOENT || err == -ECONNREFUSED)
        return cli_fail(CLI_UNREACHABLE, "no %s answers at %s: %s", daemon_names[daemon], path, strerror(-err));
    return cli_fail(err == -EREMOTEIO ? CLI_FAILED : CLI_UNREACHABLE, "%s", e.text);
}

int cli_call_quiet(const struct cli *c, enum cli_daemon daemon, const char *method, json_t *params)
{
    json_t *result;
    int code = cli_call(c, daemon, method, params, &result);

    if (code)
        return code;
    if (c->is_json)
        return cli_json(result);
    json_decref(result);
    return CLI_OK;
}
