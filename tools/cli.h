/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - what every command of `trama` shares: its description in a table, its options and arguments, how it asks a
 * daemon, how it answers and how it fails.
 * Flow: main -> cli_main finds the row, parses what was typed -> the row's `run` -> exit code.
 *
 * A command is a row of a `const struct cli_command []` in the file that implements it (the last row is all zeros); the tables
 * are declared in tools/commands.h, and tools/trama.c has one line for each.  A command
 * - writes its result to stdout, as text for people, or with -j as one JSON value (cli_json);
 * - says what is wrong as one sentence on stderr, "trama: SENTENCE" (cli_fail and what calls it), also with -j;
 * - returns an exit code below, usually by `return cli_fail(...)`.
 * Thread: one. */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"

/* Exit codes, the same for every command. */
enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,      /* asked, and refused; or the input (a file, a flow, a filter) is wrong; or a test failed */
    CLI_USAGE = 2,       /* the command line is wrong: command, option, value of an option, number of arguments */
    CLI_UNREACHABLE = 3, /* no daemon there, or it did not answer */
    CLI_DIFFERS = 4,     /* only where a command is asked to tell a difference by its exit code */
};

enum { CLI_OPTIONS_MAX = 16, CLI_PATH_SIZE = 256 };

/* Options beside the ones that every command has: -j/--json, --run-dir DIR, -h/--help. */
struct cli_option {
    const char *name;  /* long, without "--"; NULL ends the table */
    char letter;       /* 0: none */
    const char *value; /* what its value is called, such as "FILE" (see `usage` below); NULL: it takes none */
    const char *help;
};

struct cli;

enum cli_flag {
    CLI_STOP_AT_ARG = 1 << 0, /* options end at the first argument: the rest is somebody else's command line */
};

struct cli_command {
    const char *name; /* its words: "switch port add" */
    /* Its arguments: "NAME SETTINGS", "[FILE]", "[WORD]...".  The names BRIDGE, PORT, NETNS, DEVICE, FILE, DIR, HOST and
     * SWITCH are also what completion goes by. */
    const char *usage;
    const char *help;                 /* one line, without a full stop; NULL: not for people, and not in the help */
    int (*run)(struct cli *c);        /* returns an enum cli_exit */
    int n_min, n_max;                 /* arguments; n_max -1: any number */
    const struct cli_option *options; /* NULL: none of its own */
    const char *more;                 /* further lines for -h: details, examples; may be NULL */
    unsigned flags;                   /* enum cli_flag */
};

/* A noun and its commands.  Two groups may have one name. */
struct cli_group {
    const char *name; /* NULL ends the table */
    const char *help; /* one line; NULL: said by another group of this name */
    const struct cli_command *commands;
};

/* One command as it was typed. */
struct cli {
    const struct cli_group *groups;
    const struct cli_command *command;
    const char *run_dir; /* --run-dir, else $TRAMA_RUN_DIR, else /run/trama */
    bool is_json;
    char **args; /* behind the command's words, without options; ends with NULL */
    int n_args;
    int timeout_ms;                      /* of cli_call; 30 s unless the command sets another */
    const char *values[CLI_OPTIONS_MAX]; /* of command->options; "" for one without a value; NULL: not said */
};

/* Runs what argv says.  Returns the process's exit code. */
int cli_main(const struct cli_group *groups, int argc, char **argv);
/* Prints the help of all, of one group, or of one command: what the words name.  CLI_OK or CLI_USAGE. */
int cli_help(const struct cli_group *groups, char **words, int n_words);
/* The command that the first words are the name of, NULL when there is none; *n_used: how many words. */
const struct cli_command *cli_find(const struct cli_group *groups, char **words, int n_words, int *n_used);
/* Every command of every group: for (i = 0; (cmd = cli_each(groups, i)); i++). */
const struct cli_command *cli_each(const struct cli_group *groups, int i);

/* The i-th argument; NULL when there are fewer. */
const char *cli_arg(const struct cli *c, int i);
/* The value of an own option, by its long name; "" when it takes none; NULL when it was not said. */
const char *cli_value(const struct cli *c, const char *name);
bool cli_has(const struct cli *c, const char *name);
/* The same as a number.  Not said: *out is left alone.  CLI_OK, or CLI_USAGE with the sentence said. */
int cli_number(const struct cli *c, const char *name, uint64_t min, uint64_t max, uint64_t *out);

/* Says "trama: SENTENCE" on stderr and returns `code`. */
int cli_fail(enum cli_exit code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with "Try 'trama COMMAND -h'." behind it; CLI_USAGE. */
int cli_usage_fail(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The whole of a text file, for the caller to free; "-": of the standard input.  CLI_OK, or the sentence is said. */
int cli_read_file(const char *path, char **text);
const char *cli_file_name(const char *path); /* for sentences: "standard input" for "-" */

/* Writes `v` (taken) to stdout as one JSON value with a newline.  CLI_OK. */
int cli_json(json_t *v);

enum cli_daemon { CLI_SWITCHD, CLI_CONTROLLER };

/* The control socket of a daemon: RUN_DIR/trama-switchd.ctl, RUN_DIR/trama-controller.ctl. */
const char *cli_socket(const struct cli *c, enum cli_daemon daemon, char path[CLI_PATH_SIZE]);
/* Asks a daemon: `params` (an object; taken; NULL: none) to `method`.  CLI_OK: *result is the caller's (json_decref).
 * CLI_FAILED: it refused; CLI_UNREACHABLE: it did not answer within c->timeout_ms; the sentence is said. */
int cli_call(const struct cli *c, enum cli_daemon daemon, const char *method, json_t *params, json_t **result);
/* For a command whose work is one call without an answer worth showing: with -j the answer is shown all the same. */
int cli_call_quiet(const struct cli *c, enum cli_daemon daemon, const char *method, json_t *params);

#endif
