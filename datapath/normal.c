/* SPDX-License-Identifier: Apache-2.0 */
/* normal.c - the reserved port NORMAL: a VLAN-aware learning switch (IEEE 802.1Q, 8; OpenFlow 1.3.5, 4.5).
 * Flow: exec -> [normal] -> exec_output.
 * A port admits a frame into one VLAN, or not at all; every port that carries this VLAN may send it, tagged or not as its
 * mode says.  The frame is given back as it was. */
#include "datapath/datapath_impl.h"
#include "datapath/mac_table.h"
#include "datapath/pkt.h"

#include <rte_mbuf.h>

enum { VID_PRESENT = 0x1000, VID_MASK = 0xfff };
static const uint64_t RESERVED_MAC = UINT64_C(0x0180c2000000), RESERVED_MASK = UINT64_C(0xfffffffffff0);

/* A frame whose output may need a tag put on or taken off. */
struct normal {
    struct worker *w;
    struct pkt *p;
    uint16_t vlan;  /* 0: no VLAN, as on a bridge of trunk ports and untagged frames */
    uint16_t tag;   /* FIELD_VLAN_VID as it came */
    bool has_inner; /* and there is another tag behind that */
};

static bool carries(const struct vlan_conf *v, uint16_t vlan)
{
    switch (v->mode) {
    case VLAN_ACCESS:
        return vlan == v->vid;
    case VLAN_NATIVE_TAGGED:
    case VLAN_NATIVE_UNTAGGED:
        if (vlan == v->vid)
            return true;
        break;
    case VLAN_TRUNK:
        break;
    }
    return v->is_all || (v->trunks[vlan / 64] >> vlan % 64 & 1);
}

/* The VLAN a port puts a frame with that tag into, or -1. */
static int admit(const struct vlan_conf *v, uint16_t tag)
{
    uint16_t vid = tag & VID_MASK;
    bool is_tagged = tag & VID_PRESENT && vid; /* VID 0 is a priority tag: as if untagged */

    switch (v->mode) {
    case VLAN_ACCESS:
        return is_tagged ? -1 : v->vid;
    case VLAN_NATIVE_TAGGED:
    case VLAN_NATIVE_UNTAGGED:
        if (!is_tagged)
            return v->vid;
        break;
    case VLAN_TRUNK:
        if (!is_tagged)
            return v->is_all || v->trunks[0] & 1 ? 0 : -1;
        break;
    }
    return carries(v, vid) ? vid : -1;
}

static bool sends_tagged(const struct vlan_conf *v, uint16_t vlan)
{
    if (!vlan || v->mode == VLAN_ACCESS)
        return false;
    return v->mode != VLAN_NATIVE_UNTAGGED || vlan != v->vid;
}

/* May the frame leave by such a port?  No frame leaves an access port with a tag: who puts a second one behind the first would
 * reach into another VLAN. */
static bool takes(const struct vlan_conf *v, const struct normal *n)
{
    if (v->mode == VLAN_ACCESS && n->has_inner)
        return false;
    return n->vlan ? carries(v, n->vlan) : admit(v, 0) == 0;
}

static bool is_tagged(const struct normal *n)
{
    return key_get(&n->p->key, FIELD_VLAN_VID).lo & VID_PRESENT;
}

/* Gives the frame the tag, or takes it off, for the port at hand. */
static int retag(struct normal *n, bool want_tag)
{
    int err;

    if (want_tag == is_tagged(n)) {
        if (!want_tag || (key_get(&n->p->key, FIELD_VLAN_VID).lo & VID_MASK) == n->vlan)
            return 0;
    }
    err = pkt_writable(n->p);
    if (err)
        return err;
    if (!want_tag)
        return pkt_pop_vlan(n->p);
    if (!is_tagged(n)) {
        err = pkt_push_vlan(n->p, 0x8100);
        if (err)
            return err;
    }
    return pkt_set_field(n->p, FIELD_VLAN_VID, value_of(VID_PRESENT | n->vlan), field_ones(FIELD_VLAN_VID));
}

static void send_one(struct normal *n, struct dp_port *dp)
{
    const struct vlan_conf *v = atomic_load_explicit(&dp->vlan, memory_order_acquire);

    if (retag(n, sends_tagged(v, n->vlan)))
        worker_drop(n->w, DROP_NO_ROOM);
    else
        exec_output(n->w, n->p, dp, false);
}

/* Sends to every port that carries the VLAN: first those that want it as it is, then, with one change, the others. */
static void flood(struct normal *n, const struct bridge *b)
{
    const struct port_map *map = atomic_load_explicit(&b->ports, memory_order_acquire);
    bool first = is_tagged(n);

    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < map->n; i++) {
            struct dp_port *dp = datapath_port(n->w->dp, map->at[i].index);

            if (!dp || dp->number == n->p->in_port ||
                atomic_load_explicit(&dp->flags, memory_order_relaxed) & PORT_FLAG_NO_FLOOD)
                continue;

            const struct vlan_conf *v = atomic_load_explicit(&dp->vlan, memory_order_acquire);

            if (takes(v, n) && sends_tagged(v, n->vlan) == (pass ? !first : first))
                send_one(n, dp);
        }
    }
}

void normal_forward(struct worker *w, const struct bridge *b, struct pkt *p)
{
    static const struct vlan_conf every = { .mode = VLAN_TRUNK, .is_all = true };
    uint16_t in = bridge_port_index(b, p->in_port);
    struct dp_port *from = in == DP_INDEX_NONE ? NULL : datapath_port(w->dp, in);
    const struct vlan_conf *v = from ? atomic_load_explicit(&from->vlan, memory_order_acquire) : &every;

    pkt_parse(p, 1u << LAYER_L2);

    uint64_t dst = key_get(&p->key, FIELD_ETH_DST).lo, src = key_get(&p->key, FIELD_ETH_SRC).lo;
    struct normal n = { .w = w, .p = p, .tag = (uint16_t)key_get(&p->key, FIELD_VLAN_VID).lo };

    n.has_inner = key_get(&p->key, FIELD_VLAN2_VID).lo & VID_PRESENT;

    uint64_t pcp = key_get(&p->key, FIELD_VLAN_PCP).lo, tpid = key_get(&p->key, FIELD_VLAN_TPID).lo;
    int vlan = admit(v, n.tag);

    if (vlan < 0) {
        worker_drop(w, DROP_VLAN);
        return;
    }
    if ((dst & RESERVED_MASK) == RESERVED_MAC) {
        worker_drop(w, DROP_RESERVED_MAC);
        return;
    }
    n.vlan = (uint16_t)vlan;
    if (from)
        mac_table_learn(b->macs, src, n.vlan, in, w->now_ns / 1000000);

    uint16_t out = dst >> 40 & 1 ? MAC_PORT_NONE : mac_table_find(b->macs, dst, n.vlan, w->now_ns / 1000000);
    struct dp_port *to = out == MAC_PORT_NONE ? NULL : datapath_port(w->dp, out);

    if (!to || to->bridge != b)
        flood(&n, b);
    else if (to == from)
        worker_drop(w, DROP_HAIRPIN);
    else if (!takes(atomic_load_explicit(&to->vlan, memory_order_acquire), &n))
        worker_drop(w, DROP_VLAN);
    else
        send_one(&n, to);

    /* back to what it was, for the actions that follow */
    n.vlan = n.tag & VID_MASK;
    if (key_get(&p->key, FIELD_VLAN_VID).lo == n.tag || pkt_writable(p))
        return;
    if (!(n.tag & VID_PRESENT))
        pkt_pop_vlan(p);
    else if (is_tagged(&n) || !pkt_push_vlan(p, (uint16_t)tpid)) {
        pkt_set_field(p, FIELD_VLAN_VID, value_of(n.tag), field_ones(FIELD_VLAN_VID));
        pkt_set_field(p, FIELD_VLAN_PCP, value_of(pcp), field_ones(FIELD_VLAN_PCP));
    }
}
