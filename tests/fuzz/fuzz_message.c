/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_message.c - any one message, said to a switch that has flows, groups, meters and a bundle, and then some frames:
 * what must hold is in fuzz_world.h.  FUZZ_KIND: fuzz_pin.c.
 * Seeds: make_ofp_corpus.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/flow_text.h"
#include "openflow/group_text.h"
#include "openflow/meter_text.h"
#include "tests/fuzz/fuzz_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { FRAMES = 6, FRAME_STEP = 11, XID = 9 };

static const char *const groups[] = {
    "group_id=1,type=all,bucket=actions=output:7",
    "group_id=2,type=select,bucket=weight:1,actions=output:300,bucket=weight:2,actions=group:1",
    "group_id=3,type=ff,bucket=watch_port:7,actions=output:7",
};
static const char *const meters[] = {
    "meter=1,pktps,bands=type=drop,rate=5",
    "meter=2,kbps,stats,bands=type=dscp_remark,rate=5,prec_level=1",
};
static const char *const flows[] = {
    "priority=1,actions=resubmit(,1),controller:60",
    "table=1,priority=2,ip,actions=meter:1,group:2,goto_table:2",
    "table=1,priority=2,ipv6,actions=write_metadata:7,goto_table:2",
    "table=2,priority=3,tcp,in_port=7,actions=meter:2,write_actions(group:1),goto_table:3",
    "table=2,priority=4,send_flow_rem,idle_timeout=10,actions=learn(table=3,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]),goto_table:3",
    "table=3,send_flow_rem,hard_timeout=20,actions=NORMAL",
};

/* What is said before. */
struct prologue {
    struct wr said[16];
    size_t n;
};

static void add(struct prologue *p, const struct ofp_msg *m)
{
    if (p->n == sizeof p->said / sizeof *p->said)
        abort();
    wr_init(&p->said[p->n]);
    ofp_encode(&p->said[p->n], m);
    if (p->said[p->n++].bad)
        abort();
}

/* Bundle 1, with a flow in it. */
static void add_bundle(struct prologue *p, struct ofp_msg *flow)
{
    struct ofp_msg m = {
        .version = OFP_VERSION_13,
        .type = OFPT_EXPERIMENTER,
        .xid = XID,
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_BUNDLE_ADD_MESSAGE, .bundle_add_message = { .bundle_id = 1 } } },
    };
    struct wr w;

    wr_init(&w);
    flow->xid = XID;
    ofp_encode(&w, flow);
    m.experimenter.onf.bundle_add_message.message = w.p;
    m.experimenter.onf.bundle_add_message.n_message = w.len;
    add(p, &m);
    wr_fini(&w);
}

static void make_prologue(struct prologue *p)
{
    struct ofp_msg m = { .version = OFP_VERSION_13 };
    struct errbuf e = { { 0 } };
    struct arena a;
    int err = 0;

    arena_init(&a);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        m.type = OFPT_GROUP_MOD;
        err |= group_text_parse(&m.group_mod, &a, groups[i], OFPGC_ADD, NULL, &e);
        add(p, &m);
    }
    for (size_t i = 0; i < sizeof meters / sizeof *meters; i++) {
        m.type = OFPT_METER_MOD;
        err |= meter_text_parse(&m.meter_mod, &a, meters[i], OFPMC_ADD, &e);
        add(p, &m);
    }
    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
        m.type = OFPT_FLOW_MOD;
        err |= flow_text_parse(&m.flow_mod, &a, flows[i], FLOW_TEXT_ADD, NULL, &e);
        add(p, &m);
    }
    m.flow_mod.priority++;
    add_bundle(p, &m);
    arena_fini(&a);
    if (err) {
        fprintf(stderr, "%s\n", e.text);
        abort();
    }
}

static void prepare(struct fuzz_world *f)
{
    static struct prologue p; /* the same for every input */

    if (!p.n)
        make_prologue(&p);
    for (size_t i = 0; i < p.n; i++)
        if (!fuzz_say(f, SLOT_FIRST, p.said[i].p, p.said[i].len)) {
            fprintf(stderr, "the switch refuses what is said before, %zu\n", i);
            abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct fuzz_world f;

    fuzz_world_open(&f);
    prepare(&f);
    fuzz_frame(&f, 0, (const uint8_t[]){ 1 }, 1); /* leaves a buffer */
    f.one_of = 1;
    fuzz_say(&f, SLOT_FIRST, p, n);
    for (unsigned i = 0; i < FRAMES; i++)
        fuzz_frame(&f, i, (const uint8_t[]){ (uint8_t)(FRAME_STEP * i) }, 1);
    fuzz_warp(&f, 11 * (uint64_t)NSEC_PER_S);
    fuzz_world_close(&f);
    return 0;
}
