/* SPDX-License-Identifier: Apache-2.0 */
/* errbuf.h - one sentence for the user who typed something wrong; the sentence names the input. */
#ifndef BASE_ERRBUF_H
#define BASE_ERRBUF_H

struct errbuf {
    char text[512];
};

/* Stores the sentence unless there is one already (the first failure is the cause).  `e` may be NULL.
 * Returns `err`, a negative errno, so that a caller can write `return errbuf_set(e, -EINVAL, ...)`. */
int errbuf_set(struct errbuf *e, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the sentence, as in "net.yaml:12: ...". */
void errbuf_prefix(struct errbuf *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
