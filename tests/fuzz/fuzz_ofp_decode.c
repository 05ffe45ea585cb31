/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ofp_decode.c - any bytes: decode, print, encode.  What was understood must survive: decoding what the encoder made
 * of it gives the same text, and encoding that again the same bytes.  What a switch tells is also read as a controller and
 * the command line do.  FUZZ_KIND: fuzz_pin.c. */
#include "openflow/ofp.h"

#include <stdlib.h>
#include <string.h>

#include "controller/flow.h"
#include "controller/flow_wire.h"
#include "openflow/flow_text.h"
#include "openflow/group_text.h"
#include "openflow/meter_text.h"
#include "openflow/semantics.h"

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

static void read_flow(struct str *s, const struct ofp_flow_stats *x)
{
    struct flow *f = NULL;

    flow_text_print_stats(s, x, NULL);
    if (!flow_from_stats(&f, x))
        flow_free(f);
}

/* What the match of a switch comes to is what it says of it. */
static void read_match(struct arena *a, const struct ofp_match *in)
{
    struct match match, again;
    struct ofp_match out;
    struct ofp_err err;

    if (ofp_match_to_match(&match, in, &err) || match_to_ofp_match(&out, a, &match))
        return;
    if (ofp_match_to_match(&again, &out, &err) || !match_equal(&match, &again))
        abort();
}

static void read_reply(struct arena *a, const struct ofp_multipart_reply *r)
{
    struct str s;

    str_init(&s);
    if (r->type == OFPMP_FLOW)
        for (size_t i = 0; i < r->flow.n_flows; i++) {
            read_flow(&s, &r->flow.flows[i]);
            read_match(a, &r->flow.flows[i].match);
        }
    if (r->type == OFPMP_GROUP_DESC)
        for (size_t i = 0; i < r->group_desc.n_groups; i++)
            group_text_print_desc(&s, &r->group_desc.groups[i], NULL);
    if (r->type == OFPMP_METER_CONFIG)
        for (size_t i = 0; i < r->meter_config.n_meters; i++)
            meter_text_print_config(&s, &r->meter_config.meters[i]);
    str_fini(&s);
}

static void read_message(struct arena *a, const struct ofp_msg *m)
{
    if (m->type == OFPT_MULTIPART_REPLY)
        read_reply(a, &m->multipart_reply);
    if (m->type == OFPT_PACKET_IN)
        read_match(a, &m->packet_in.match);
    if (m->type == OFPT_FLOW_REMOVED)
        read_match(a, &m->flow_removed.match);
    if (m->type == OFPT_FLOW_MOD)
        read_match(a, &m->flow_mod.match);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena a;
    struct ofp_msg m;
    struct ofp_err e;
    char name[64];

    arena_init(&a);
    if (!ofp_decode(&m, &a, p, n, &e)) {
        check_stable(&m, &a);
        read_message(&a, &m);
    } else if (!ofp_err_name(e.type, e.code, name)) {
        abort();
    }
    arena_fini(&a);
    return 0;
}
