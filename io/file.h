/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - reads a file that a user names: a document, a list of flows.  It may be a pipe as well. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include <stddef.h>

#include "base/errbuf.h"

enum { FILE_SIZE_MAX = 256 << 20 }; /* bytes; a file of as many is refused */

/* Gives all of it, with a NUL behind that `*len` does not count; the caller frees.  Returns 0 or a negative errno, with a
 * sentence that begins with the file's name, and then *text is NULL. */
int file_read(char **text, size_t *len, const char *path, struct errbuf *e);
/* The same of what is open already; borrows `fd`.  `name` is for the sentence. */
int file_read_fd(char **text, size_t *len, int fd, const char *name, struct errbuf *e);

#endif
