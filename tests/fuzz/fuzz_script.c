/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_script.c - see fuzz_script.h. */
#include "tests/fuzz/fuzz_script.h"

bool script_read(struct rd *r, struct script_step *s)
{
    *s = (struct script_step){ .what = (enum script_what)(rd_u8(r) % SCRIPT_N), .where = rd_u8(r), .n = rd_u16(r) };
    if (r->bad)
        return false;
    if (s->n > r->left)
        s->n = r->left;
    s->p = rd_bytes(r, s->n);
    return true;
}

void script_write(struct wr *w, const struct script_step *s)
{
    wr_u8(w, (uint8_t)s->what);
    wr_u8(w, s->where);
    wr_u16(w, (uint16_t)s->n);
    wr_bytes(w, s->p, s->n);
}

bool script_is_message(enum script_what what)
{
    return what <= SCRIPT_MESSAGE_AGAIN;
}
