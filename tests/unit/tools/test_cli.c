/* SPDX-License-Identifier: Apache-2.0 */
/* test_cli.c - tools/cli.h: which command is found, what becomes of options and arguments, and the exit codes. */
#include "tools/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { RAN = 77 };

/* What the command that ran was given. */
static struct {
    const char *name, *run_dir, *word, *first;
    int n_args;
    bool is_json, has_flag;
    uint64_t number;
} got;

static int run_any(struct cli *c)
{
    bool has_options = c->command->options;

    got.name = c->command->name;
    got.run_dir = c->run_dir;
    got.first = cli_arg(c, 0);
    got.n_args = c->n_args;
    got.is_json = c->is_json;
    got.word = has_options ? cli_value(c, "word") : NULL;
    got.has_flag = has_options && cli_has(c, "flag");
    got.number = 5;
    if (has_options && cli_number(c, "number", 3, 900, &got.number))
        return CLI_USAGE;
    return RAN;
}

static const struct cli_option options[] = {
    { "word", 'w', "WORD", "a value" },
    { "flag", 0, NULL, "no value" },
    { "number", 'n', "N", "a number" },
    { 0 },
};
static const struct cli_command noun_commands[] = {
    { "noun verb", "A [B]", "Does it", run_any, 1, 2, options },
    { "noun verb more", "", "Three words", run_any },
    { "noun stop", "[WORD]...", "The rest is somebody else's", run_any, 0, -1, options, .flags = CLI_STOP_AT_ARG },
    { 0 },
};
static const struct cli_command other_commands[] = { { "other", "", "One word", run_any }, { 0 } };
static const struct cli_group groups[] = {
    { "noun", "Nouns", noun_commands },
    { "other", "Others", other_commands },
    { 0 },
};

/* Runs a line that is cut at blanks. */
static int run_line(const char *line)
{
    char text[256], *argv[32] = { "trama" }, *next = text;
    int argc = 1;

    memset(&got, 0, sizeof got);
    snprintf(text, sizeof text, "%s", line);
    while (*line && (argv[argc] = strsep(&next, " ")))
        argc++;
    argv[argc] = NULL;
    return cli_main(groups, argc, argv);
}

static void good_lines(void **state)
{
    assert_int_equal(run_line("noun verb x"), RAN);
    assert_string_equal(got.name, "noun verb");
    assert_string_equal(got.run_dir, "/run/trama");
    assert_int_equal(got.n_args, 1);
    assert_null(got.word);
    assert_int_equal(got.number, 5);
    assert_int_equal(run_line("-j --run-dir /a noun verb x --word=v y -n 17 --flag"), RAN);
    assert_true(got.is_json && got.has_flag);
    assert_string_equal(got.run_dir, "/a");
    assert_string_equal(got.word, "v");
    assert_int_equal(got.n_args, 2);
    assert_int_equal(got.number, 17);
    assert_int_equal(run_line("noun verb --run-dir=/b -j -- -x"), RAN);
    assert_string_equal(got.run_dir, "/b");
    assert_int_equal(got.n_args, 1);
    assert_int_equal(run_line("noun verb more"), RAN);
    assert_string_equal(got.name, "noun verb more");
    assert_int_equal(run_line("other"), RAN);
    assert_string_equal(got.name, "other");
}

/* Behind the first argument everything is an argument. */
static void stop_at_argument(void **state)
{
    assert_int_equal(run_line("noun stop -w 1 ls -l --json"), RAN);
    assert_string_equal(got.word, "1");
    assert_int_equal(got.n_args, 3);
    assert_string_equal(got.first, "ls");
    assert_false(got.is_json);
}

static void environment(void **state)
{
    setenv("TRAMA_RUN_DIR", "/e", 1);
    assert_int_equal(run_line("other"), RAN);
    assert_string_equal(got.run_dir, "/e");
    assert_int_equal(run_line("other --run-dir /f"), RAN);
    assert_string_equal(got.run_dir, "/f");
    setenv("TRAMA_RUN_DIR", "", 1);
    assert_int_equal(run_line("other"), RAN);
    assert_string_equal(got.run_dir, "/run/trama");
    unsetenv("TRAMA_RUN_DIR");
}

static void bad_lines(void **state)
{
    static const char *const lines[] = {
        "",
        "nix",
        "noun",
        "noun nix",
        "noun verb",
        "noun verb a b c",
        "noun verb a --nix",
        "noun verb a -x",
        "noun verb a -w",
        "noun verb a --word",
        "noun verb a --flag=1",
        "noun verb a -n 2",
        "noun verb a -n 901",
        "noun verb a -n 7x",
        "noun verb a -n -7",
        "noun verb a -n=",
        "other x",
        "--run-dir",
        "--run-dir= other",
        "--json=1 other",
        "-x other",
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (run_line(lines[i]) != CLI_USAGE)
            fail_msg("'%s' is not refused", lines[i]);
    }
}

static void help(void **state)
{
    static const char *const good[] = { "-h", "noun -h", "noun verb -h", "noun verb a b c --help", "other --help" };
    char *words[] = { "noun", "verb", "more", "nix" };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(run_line(good[i]), CLI_OK);
    assert_int_equal(cli_help(groups, words, 0), CLI_OK);
    assert_int_equal(cli_help(groups, words, 1), CLI_OK);
    assert_int_equal(cli_help(groups, words, 2), CLI_OK);
    assert_int_equal(cli_help(groups, words, 3), CLI_OK);
    assert_int_equal(cli_help(groups, words, 4), CLI_USAGE);
    assert_int_equal(cli_help(groups, words + 3, 1), CLI_USAGE);
    assert_int_equal(cli_help(groups, words + 1, 1), CLI_USAGE);
}

static void no_daemon(void **state)
{
    struct cli c = { .run_dir = "/nonexistent", .timeout_ms = 100 };
    char path[CLI_PATH_SIZE];
    json_t *result;

    assert_string_equal(cli_socket(&c, CLI_SWITCHD, path), "/nonexistent/trama-switchd.ctl");
    assert_string_equal(cli_socket(&c, CLI_CONTROLLER, path), "/nonexistent/trama-controller.ctl");
    assert_int_equal(cli_call(&c, CLI_SWITCHD, "version", json_pack("{s:i}", "x", 3), &result), CLI_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),  cmocka_unit_test(stop_at_argument),
        cmocka_unit_test(environment), cmocka_unit_test(bad_lines),
        cmocka_unit_test(help),        cmocka_unit_test(no_daemon),
    };

    unsetenv("TRAMA_RUN_DIR");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
