/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - see file.h.  The size is not asked for: that of a pipe is 0, and a file may grow. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_SIZE = 1 << 16 };

/* Returns the bytes read, all there are; a negative errno. */
static ssize_t read_all(int fd, char **text)
{
    size_t len = 0, size = 0;

    for (;;) {
        if (len == size) {
            size = size ? size * 2 : FIRST_SIZE;

            char *more = len < FILE_SIZE_MAX ? realloc(*text, size + 1) : NULL;

            if (!more)
                return len < FILE_SIZE_MAX ? -ENOMEM : -E2BIG;
            *text = more;
        }

        ssize_t n = read(fd, *text + len, size - len);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (!n)
            return (ssize_t)len;
        len += n > 0 ? (size_t)n : 0;
    }
}

int file_read_fd(char **text, size_t *len, int fd, const char *name, struct errbuf *e)
{
    ssize_t n;

    *text = NULL;
    *len = 0;
    n = read_all(fd, text);
    if (n >= 0) {
        (*text)[n] = '\0';
        *len = (size_t)n;
        return 0;
    }
    free(*text);
    *text = NULL;
    if (n == -E2BIG)
        return errbuf_set(e, -E2BIG, "%s: the file has %d bytes or more", name, FILE_SIZE_MAX);
    return errbuf_set(e, (int)n, "%s: %s", name, strerror((int)-n));
}

int file_read(char **text, size_t *len, const char *path, struct errbuf *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), err;

    *text = NULL;
    *len = 0;
    if (fd < 0)
        return errbuf_set(e, -errno, "%s: %s", *path ? path : "''", strerror(errno));
    err = file_read_fd(text, len, fd, path, e);
    close(fd);
    return err;
}
