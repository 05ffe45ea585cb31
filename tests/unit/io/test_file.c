/* SPDX-License-Identifier: Apache-2.0 */
/* test_file.c - io/file.h. */
#include "io/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { PIPE_HOLDS = 4096, N_LARGE = 3 * 65536 + 17 };

/* A pipe says that it has 0 bytes, as the file that a shell's <(...) is. */
static void test_pipe(void **state)
{
    struct errbuf e = { { 0 } };
    char *text, bytes[PIPE_HOLDS];
    size_t len;
    int fds[2];

    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], bytes, sizeof bytes), sizeof bytes);
    close(fds[1]);
    assert_int_equal(file_read_fd(&text, &len, fds[0], "it", &e), 0);
    close(fds[0]);
    assert_int_equal(len, sizeof bytes);
    assert_memory_equal(text, bytes, len);
    assert_int_equal(text[len], '\0');
    free(text);
}

/* Grown several times, and of nothing at all. */
static void test_sizes(void **state)
{
    static const size_t sizes[] = { 0, 1, 65536, N_LARGE };

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct errbuf e = { { 0 } };
        char path[] = "/tmp/test_file.XXXXXX", *text;
        int fd = mkstemp(path);
        size_t len;

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, (off_t)sizes[i]), 0);
        close(fd);
        assert_int_equal(file_read(&text, &len, path, &e), 0);
        assert_int_equal(len, sizes[i]);
        free(text);
        unlink(path);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *path;
        int err;
        const char *says;
    } cases[] = {
        { "/nowhere/x", -ENOENT, "/nowhere/x: No such file or directory" },
        { "", -ENOENT, "'': No such file or directory" },
        { "/tmp", -EISDIR, "/tmp: Is a directory" },
        { "/dev/zero", -E2BIG, "/dev/zero: the file has 268435456 bytes or more" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct errbuf e = { { 0 } };
        char *text;
        size_t len;

        assert_int_equal(file_read(&text, &len, cases[i].path, &e), cases[i].err);
        assert_string_equal(e.text, cases[i].says);
        assert_null(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
