/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c - base/log.h. */
#include "base/log.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char path[64];

static int make_file(void **state)
{
    snprintf(path, sizeof path, "/tmp/test_log.XXXXXX");

    int fd = mkstemp(path);

    if (fd < 0)
        return -1;
    close(fd);
    return log_open("prog", path);
}

static int remove_file(void **state)
{
    log_close();
    log_set_level(LOG_INFORM);
    unsetenv("JOURNAL_STREAM");
    return unlink(path);
}

static size_t file_read(char *text, size_t size)
{
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    size_t n = fread(text, 1, size - 1, f);
    fclose(f);
    text[n] = '\0';
    return n;
}

static void line_form(void **state)
{
    char text[4096];
    int year, month, day, hour, minute, end = 0;
    double second;

    log_warning("port %s: link down", "p7");
    log_debug("port p7: not shown");
    file_read(text, sizeof text);
    assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d:%lfZ%n", &year, &month, &day, &hour, &minute, &second, &end), 6);
    assert_string_equal(text + end, " warning prog: port p7: link down\n");
}

static void levels(void **state)
{
    char text[4096];

    log_set_level(LOG_DETAIL);
    log_debug("a b: c");
    file_read(text, sizeof text);
    assert_non_null(strstr(text, " debug prog: a b: c\n"));
    log_set_level(LOG_ERROR);
    log_warning("d e: f");
    file_read(text, sizeof text);
    assert_null(strstr(text, "d e"));
    for (int i = 0; i < LOG_LEVELS; i++)
        assert_int_equal(log_level_by_name(log_level_name((enum log_level)i)), i);
    assert_int_equal(log_level_by_name("loud"), -ENOENT);
}

static void journal_form(void **state)
{
    char text[4096], id[64];
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    snprintf(id, sizeof id, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", id, 1);
    log_error("bridge br3: gone");
    file_read(text, sizeof text);
    assert_string_equal(text, "<3>bridge br3: gone\n");
}

static void hostile_text(void **state)
{
    static char text[8192], big[5000];

    log_info("peer x: \x1b[2J\nforged");
    file_read(text, sizeof text);
    assert_non_null(strstr(text, "peer x: ?[2J?forged\n"));
    memset(big, 'y', sizeof big - 1);
    log_info("%s", big);
    assert_true(file_read(text, sizeof text) < 2200);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void reopen_after_move(void **state)
{
    char moved[80], text[4096];

    snprintf(moved, sizeof moved, "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(log_reopen(), 0);
    log_info("a a: after");
    file_read(text, sizeof text);
    assert_non_null(strstr(text, "after"));
    assert_int_equal(unlink(moved), 0);
    assert_int_equal(log_open("prog", "/nonexistent/dir/x.log"), -ENOENT);
    log_info("a a: still here");
    file_read(text, sizeof text);
    assert_non_null(strstr(text, "still here"));
}

static void limit(void **state)
{
    struct log_limit l = { 0 };
    uint64_t left_out = 99, now = 5 * (uint64_t)NSEC_PER_S;
    int passed = 0;

    for (int i = 0; i < 50; i++)
        passed += log_limit_pass(&l, now, &left_out);
    assert_int_equal(passed, LOG_LIMIT_BURST);
    assert_int_equal(left_out, 0);
    assert_false(log_limit_pass(&l, now + NSEC_PER_S / 2, &left_out));
    assert_true(log_limit_pass(&l, now + NSEC_PER_S, &left_out));
    assert_int_equal(left_out, 41);
    assert_false(log_limit_pass(&l, now + NSEC_PER_S, &left_out));
    passed = 0;
    for (int i = 0; i < 50; i++)
        passed += log_limit_pass(&l, now + 1000 * (uint64_t)NSEC_PER_S, &left_out);
    assert_int_equal(passed, LOG_LIMIT_BURST);
}

static void limited_call_site(void **state)
{
    char text[8192];
    int lines = 0;

    for (int i = 0; i < 100; i++)
        log_limited(LOG_WARNING, "conn c%d: garbage", 4);
    file_read(text, sizeof text);
    for (const char *s = text; (s = strchr(s, '\n')); s++)
        lines++;
    assert_in_range(lines, LOG_LIMIT_BURST, LOG_LIMIT_BURST + 2);
}

static void *log_lines(void *arg)
{
    for (int i = 0; i < 200; i++)
        log_info("thread %s: %s", (const char *)arg, "0123456789012345678901234567890123456789");
    return NULL;
}

static void many_threads(void **state)
{
    static char text[128 * 1024];
    static char names[4][2] = { "a", "b", "c", "d" };
    pthread_t threads[4];
    int lines = 0;

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_lines, names[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    file_read(text, sizeof text);
    for (char *s = strtok(text, "\n"); s; s = strtok(NULL, "\n"), lines++)
        assert_non_null(strstr(s, ": 0123456789012345678901234567890123456789"));
    assert_int_equal(lines, 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_form, make_file, remove_file),
        cmocka_unit_test_setup_teardown(levels, make_file, remove_file),
        cmocka_unit_test_setup_teardown(journal_form, make_file, remove_file),
        cmocka_unit_test_setup_teardown(hostile_text, make_file, remove_file),
        cmocka_unit_test_setup_teardown(reopen_after_move, make_file, remove_file),
        cmocka_unit_test(limit),
        cmocka_unit_test_setup_teardown(limited_call_site, make_file, remove_file),
        cmocka_unit_test_setup_teardown(many_threads, make_file, remove_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
