/* SPDX-License-Identifier: Apache-2.0 */
/* seal.h - a mark on bytes that are given to a peer and come back: only who has the key can make it.
 * Spec: RFC 2104, HMAC with SHA-256, of which the first SEAL_SIZE bytes are the mark.   Thread: any. */
#ifndef IO_SEAL_H
#define IO_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEAL_KEY = 32, SEAL_SIZE = 16 };

struct seal {
    uint8_t key[SEAL_KEY];
};

int seal_init(struct seal *s); /* a key of its own; -EIO: the system has no random numbers */
/* -ENOMEM */
int seal_make(const struct seal *s, const void *p, size_t n, uint8_t mark[SEAL_SIZE]);
/* Takes as long whatever is wrong with the mark. */
bool seal_is_good(const struct seal *s, const void *p, size_t n, const uint8_t mark[SEAL_SIZE]);

#endif
