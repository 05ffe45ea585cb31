/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c - see codec.h. */
#include "openflow/codec.h"

#include <string.h>

int dec_fail(struct dec *d, uint16_t type, uint16_t code)
{
    *d->err = (struct ofp_err){ .type = type, .code = code };
    return -EBADMSG;
}

size_t dec_count(struct rd r, size_t offset, size_t padded)
{
    struct rd element;
    size_t n = 0;

    for (; r.left; n++)
        if (!dec_cut(&r, offset, 1, padded, &element))
            return SIZE_MAX;
    return n;
}

bool dec_str(struct dec *d, struct rd *r, size_t size, const char **out)
{
    const uint8_t *p = rd_bytes(r, size);

    *out = p ? arena_dup(d->arena, p, strnlen((const char *)p, size - 1)) : "";
    return *out != NULL;
}

void enc_match(struct wr *w, size_t length_at, const struct ofp_match *m, uint8_t version)
{
    size_t at = w->len;

    ofp_match_encode(w, m, version);
    if (!w->bad)
        wr_patch_u16(w, length_at, be16_load(w->p + at + 2)); /* without its padding */
}

void enc_str(struct wr *w, const char *text, size_t size)
{
    size_t len = text ? strnlen(text, size - 1) : 0;

    wr_bytes(w, text, len);
    wr_zero(w, size - len);
}

void enc_len(struct wr *w, size_t start, size_t offset)
{
    if (w->len - start > UINT16_MAX)
        w->bad = true;
    wr_patch_u16(w, offset, (uint16_t)(w->len - start));
}

void enc_align(struct wr *w, size_t start, size_t multiple)
{
    wr_zero(w, (multiple - (w->len - start) % multiple) % multiple);
}
