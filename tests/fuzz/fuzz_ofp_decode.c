/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ofp_decode.c - any bytes: decode, print, encode.  What was understood must survive: decoding what the encoder made
 * of it gives the same text, and encoding that again the same bytes. */
#include "openflow/ofp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_stable(const struct ofp_msg *m, struct arena *a)
{
    struct wr first, second;
    struct str before, after;
    struct ofp_msg again;
    struct ofp_err e;

    wr_init(&first);
    wr_init(&second);
    str_init(&before);
    str_init(&after);
    ofp_print(&before, m);
    ofp_encode(&first, m);
    /* The encoder's padding and its choice of class may make a message longer than one can be. */
    if (!first.bad) {
        if (ofp_decode(&again, a, first.p, first.len, &e))
            abort();
        ofp_print(&after, &again);
        ofp_encode(&second, &again);
        if (second.len != first.len || memcmp(first.p, second.p, first.len))
            abort();
        if (strcmp(str_text(&before), str_text(&after)))
            abort();
    }
    str_fini(&before);
    str_fini(&after);
    wr_fini(&first);
    wr_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena a;
    struct ofp_msg m;
    struct ofp_err e;
    char name[64];

    arena_init(&a);
    if (!ofp_decode(&m, &a, p, n, &e))
        check_stable(&m, &a);
    else if (!ofp_err_name(e.type, e.code, name))
        abort();
    arena_fini(&a);
    return 0;
}
