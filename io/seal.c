/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - see seal.h. */
#include "io/seal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

int seal_init(struct seal *s)
{
    return RAND_bytes(s->key, sizeof s->key) == 1 ? 0 : -EIO;
}

int seal_make(const struct seal *s, const void *p, size_t n, uint8_t mark[SEAL_SIZE])
{
    uint8_t whole[EVP_MAX_MD_SIZE];

    if (!HMAC(EVP_sha256(), s->key, sizeof s->key, p, n, whole, NULL))
        return -ENOMEM;
    memcpy(mark, whole, SEAL_SIZE);
    return 0;
}

bool seal_is_good(const struct seal *s, const void *p, size_t n, const uint8_t mark[SEAL_SIZE])
{
    uint8_t right[SEAL_SIZE];

    return !seal_make(s, p, n, right) && !CRYPTO_memcmp(right, mark, SEAL_SIZE);
}
