/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.c - the growing half of the cursors; reading is inline in bytes.h. */
#include "base/bytes.h"

#include <stdlib.h>

enum { WR_FIRST = 256 };

void wr_init(struct wr *w)
{
    *w = (struct wr){ 0 };
}

void wr_fini(struct wr *w)
{
    if (!w)
        return;
    free(w->p);
    *w = (struct wr){ 0 };
}

uint8_t *wr_room(struct wr *w, size_t n)
{
    if (w->bad)
        return NULL;
    if (n > w->size - w->len) {
        size_t size = w->size ? w->size : WR_FIRST;

        while (size - w->len < n)
            size *= 2;

        uint8_t *p = realloc(w->p, size);

        if (!p) {
            w->bad = true;
            return NULL;
        }
        w->p = p;
        w->size = size;
    }
    w->len += n;
    return w->p + w->len - n;
}

uint8_t *wr_take(struct wr *w, size_t *len)
{
    uint8_t *p = w->p;

    *len = w->len;
    *w = (struct wr){ 0 };
    return p;
}
