/* SPDX-License-Identifier: Apache-2.0 */
/* exec.c - runs a program on a frame.
 * Flow: pipeline -> [exec] -> worker_send.
 * A frame that is sent and then changed is not copied at once: the copy sent shares its buffer, and pkt_writable() makes
 * a private one before the first byte changes. */
#include "base/nptv6.h"
#include "datapath/conn_track.h"
#include "datapath/datapath_impl.h"
#include "datapath/flow_hash.h"
#include "datapath/fragment.h"
#include "datapath/meter.h"
#include "datapath/pause.h"
#include "datapath/pkt.h"
#include "datapath/shaper.h"

#include <errno.h>
#include <rte_mbuf.h>
#include <string.h>

/* One more holder of every segment of the frame. */
static void share(struct rte_mbuf *m)
{
    for (; m; m = m->next)
        rte_mbuf_refcnt_update(m, 1);
}

void exec_output(struct worker *w, struct pkt *p, struct dp_port *dp, bool is_last)
{
    unsigned flags = dp ? atomic_load_explicit(&dp->flags, memory_order_relaxed) : 0;

    if (!dp)
        worker_drop(w, DROP_NO_SUCH_PORT);
    else if (flags & PORT_FLAG_DOWN)
        worker_drop(w, DROP_PORT_DOWN);
    else if (flags & PORT_FLAG_NO_FWD)
        worker_drop(w, DROP_NO_FWD);
    else {
        if (!is_last)
            share(p->m);
        worker_send(w, dp, p->m, p->queue);
        if (is_last)
            p->m = NULL;
    }
}

void exec_output_all(struct worker *w, const struct bridge *b, uint32_t in_port, uint16_t index,
                     struct rte_mbuf **frames, unsigned n)
{
    struct dp_port *dp = datapath_port(w->dp, index);
    unsigned flags = dp ? atomic_load_explicit(&dp->flags, memory_order_relaxed) : 0;
    bool is_busy = dp && (joins_fragments(b) || atomic_load_explicit(&dp->snaplen, memory_order_relaxed) ||
                          atomic_load_explicit(&dp->shaper, memory_order_relaxed));
    enum drop why = !dp                                        ? DROP_NO_SUCH_PORT
                    : dp->number == in_port && dp->bridge == b ? DROP_TO_IN_PORT
                    : flags & PORT_FLAG_DOWN                   ? DROP_PORT_DOWN
                    : flags & PORT_FLAG_NO_FWD                 ? DROP_NO_FWD
                                                               : DROP_NONE;

    if (unlikely(why != DROP_NONE)) {
        counter_add(&w->drops[why], n);
        rte_pktmbuf_free_bulk(frames, n);
        return;
    }
    if (likely(!is_busy))
        worker_send_all(w, dp, frames, n);
    for (unsigned i = 0; is_busy && i < n; i++)
        worker_send(w, dp, frames[i], SHAPER_QUEUE_NONE);
}

static void output_in_port(struct worker *w, const struct bridge *b, struct pkt *p)
{
    uint16_t index = bridge_port_index(b, p->in_port);

    exec_output(w, p, datapath_port(w->dp, index), false);
}

static void output_all(struct worker *w, const struct bridge *b, struct pkt *p, unsigned without)
{
    const struct port_map *map = atomic_load_explicit(&b->ports, memory_order_acquire);

    for (unsigned i = 0; i < map->n; i++) {
        struct dp_port *dp = datapath_port(w->dp, map->at[i].index);

        if (!dp || dp->number == p->in_port || atomic_load_explicit(&dp->flags, memory_order_relaxed) & without)
            continue;
        exec_output(w, p, dp, false);
    }
}

static void output_port(struct worker *w, const struct bridge *b, struct pkt *p, uint16_t index, bool is_last)
{
    struct dp_port *dp = datapath_port(w->dp, index);

    if (dp && dp->number == p->in_port && dp->bridge == b)
        worker_drop(w, DROP_TO_IN_PORT);
    else
        exec_output(w, p, dp, is_last);
}

static int set_field(struct pkt *p, uint64_t head, const uint64_t *payload)
{
    enum field_id id = (enum field_id)op_arg(head);

    if (op_payload(head) == 2)
        return pkt_set_field(p, id, value_of(payload[0]), value_of(payload[1]));
    return pkt_set_field(p, id, (struct value){ payload[0], payload[1] }, (struct value){ payload[2], payload[3] });
}

static bool is_of_frame(enum field_id id)
{
    enum layer layer = field_table[id].layer;

    return layer != LAYER_META && layer != LAYER_TUNNEL && layer != LAYER_CT;
}

/* Does the operation change bytes, or only the key? */
static bool touches_frame(uint64_t head)
{
    if (op_code(head) == OP_METER)
        return false; /* that sees to it itself */
    return op_code(head) != OP_SET_FIELD || is_of_frame((enum field_id)op_arg(head));
}

static int pass_meter(struct worker *w, struct pkt *p, uint64_t slot)
{
    struct meter *m = atomic_load_explicit(&w->dp->meters[slot], memory_order_acquire);

    return m ? meter_frame(w, p, m) : 0;
}

static int set_prefix(struct pkt *p, uint64_t is_in, const uint64_t *payload)
{
    struct nptv6 t;

    memcpy(&t, payload, sizeof t);
    return pkt_set_prefix(p, &t, is_in);
}

/* The operations that change the frame.  What the frame has no header for is left undone. */
static int edit(struct worker *w, struct pkt *p, uint64_t head, const uint64_t *payload)
{
    uint64_t arg = op_arg(head);
    int err = touches_frame(head) ? pkt_writable(p) : 0;

    if (err)
        return err;
    switch (op_code(head)) {
    case OP_SET_FIELD:
        return set_field(p, head, payload);
    case OP_METER:
        return pass_meter(w, p, arg);
    case OP_PUSH_VLAN:
        return pkt_push_vlan(p, (uint16_t)arg);
    case OP_POP_VLAN:
        return pkt_pop_vlan(p);
    case OP_PUSH_MPLS:
        return pkt_push_mpls(p, (uint16_t)arg);
    case OP_POP_MPLS:
        return pkt_pop_mpls(p, (uint16_t)arg);
    case OP_PUSH_PBB:
        return pkt_push_pbb(p, (uint16_t)arg);
    case OP_POP_PBB:
        return pkt_pop_pbb(p);
    case OP_SET_IP_TTL:
        return pkt_set_ip_ttl(p, (uint8_t)arg);
    case OP_DEC_IP_TTL:
        return pkt_dec_ip_ttl(p);
    case OP_SET_MPLS_TTL:
        return pkt_set_mpls_ttl(p, (uint8_t)arg);
    case OP_DEC_MPLS_TTL:
        return pkt_dec_mpls_ttl(p);
    case OP_COPY_TTL_OUT:
        return pkt_copy_ttl_out(p);
    case OP_COPY_TTL_IN:
        return pkt_copy_ttl_in(p);
    case OP_NPTV6:
        return set_prefix(p, arg, payload);
    case OP_CLAMP_MSS:
        return pkt_clamp_mss(p, (uint16_t)arg);
    default:
        return -EOPNOTSUPP;
    }
}

static void tell_invalid_ttl(struct worker *w, const struct bridge *b, struct pkt *p, uint64_t head,
                             const uint64_t *payload)
{
    struct packet_in in = {
        .reason = EVENT_INVALID_TTL, .table_id = (uint8_t)op_arg(head), .cookie = payload[0], .max_len = UINT16_MAX
    };
    uint16_t ids[1 + ACT_TTL_IDS];

    memcpy(ids, payload + 1, sizeof ids); /* the number of them first */
    for (unsigned i = 0; i < ids[0] || i == 0; i++) {
        in.controller_id = ids[0] ? ids[1 + i] : 0;
        event_packet_in(w, b, p, &in);
    }
}

/* OP_CONTROLLER's argument and the first word of its payload. */
static struct packet_in packet_in_of(uint64_t arg, const uint64_t *payload)
{
    return (struct packet_in){ .reason = (enum event_reason)(arg >> 16 & 0xff),
                               .table_id = (uint8_t)(arg >> 24),
                               .max_len = (uint16_t)arg,
                               .cookie = payload[0] };
}

/* OP_CONTROLLER and OP_PAUSE. */
static void tell_controller(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *at)
{
    const uint64_t *payload = at + 1;
    struct packet_in in = packet_in_of(op_arg(*at), payload);
    struct pause_point pause;

    in.controller_id = (uint16_t)payload[1];
    in.n_userdata = (uint16_t)(payload[1] >> 16);
    in.meter_id = (uint32_t)(payload[1] >> 32);
    in.userdata = payload + 2;
    if (op_code(*at) == OP_PAUSE) {
        unsigned n_words = 2 + (in.n_userdata + 7u) / 8;

        pause.acts = (const struct act *)(const void *)(payload + n_words);
        pause.n_set = (unsigned)(op_arg(*at) >> 32);
        pause.n_todo = (unsigned)((op_payload(*at) - n_words) * sizeof *payload / sizeof(struct act)) - pause.n_set;
        in.pause = &pause;
    }
    event_packet_in(w, b, p, &in);
}

/* An edit that failed for good: the frame may not go on. */
static bool edit_failed(struct worker *w, const struct bridge *b, struct pkt *p, uint64_t head, const uint64_t *payload,
                        int err)
{
    switch (err) {
    case -ETIME:
        tell_invalid_ttl(w, b, p, head, payload);
        worker_drop(w, DROP_TTL);
        return true;
    case -EDQUOT:
        worker_drop(w, DROP_METER);
        return true;
    case -EADDRNOTAVAIL:
        worker_drop(w, DROP_NPTV6);
        return true;
    case -ENOMEM:
    case -ENOSPC:
        worker_drop(w, DROP_NO_ROOM);
        return true;
    default: /* no such header: OpenFlow says to leave the frame as it is */
        return false;
    }
}

/* Leaves in w->resume where the frame goes on, and makes it be parsed again. */
static void prepare_resume(struct worker *w, struct pkt *p, uint64_t head, const uint64_t *payload)
{
    struct resume *r = &w->resume;
    unsigned n = (unsigned)((op_payload(head) - 1) * sizeof *payload / sizeof(struct act));

    r->table_id = (uint8_t)op_arg(head);
    r->lookup = op_arg(head) >> 8 & 0xff;
    r->is_paused = false;
    r->port = (uint32_t)payload[0];
    r->set.n = (unsigned)(op_arg(head) >> 16);
    r->set.is_overflown = false;
    r->n_todo = n - r->set.n;
    memcpy(r->set.acts, payload + 1, r->set.n * sizeof(struct act));
    memcpy(r->todo, (const uint8_t *)(payload + 1) + r->set.n * sizeof(struct act), r->n_todo * sizeof(struct act));
    p->layers &= 1u << LAYER_META | 1u << LAYER_TUNNEL | 1u << LAYER_CT;
}

/* --- moves --- */

static int give(struct pkt *p, struct subfield s, struct value v)
{
    int err = is_of_frame(s.field) ? pkt_writable(p) : 0;

    return err ? err : pkt_set_field(p, s.field, subfield_place(s, v), subfield_mask(s));
}

static bool is_move(enum op op)
{
    return op == OP_MOVE || op == OP_STACK_PUSH || op == OP_STACK_POP;
}

static int move(struct worker *w, struct pkt *p, uint64_t head, const uint64_t *payload)
{
    struct resume *r = &w->resume;

    switch (op_code(head)) {
    case OP_MOVE:
        return give(p, subfield_unpack((uint32_t)(payload[0] >> 32)),
                    pkt_take(p, subfield_unpack((uint32_t)payload[0])));
    case OP_STACK_PUSH:
        r->stack[r->n_stack++] = pkt_take(p, subfield_unpack((uint32_t)op_arg(head)));
        return 0;
    case OP_STACK_POP:
        return give(p, subfield_unpack((uint32_t)op_arg(head)), r->stack[--r->n_stack]);
    default:
        return -EOPNOTSUPP;
    }
}

/* To the port that the field says, by its number in OpenFlow 1.0. */
static void output_field(struct worker *w, const struct bridge *b, struct pkt *p, uint64_t arg, const uint64_t *payload)
{
    struct value v = pkt_take(p, subfield_unpack((uint32_t)arg));
    struct packet_in in;
    uint32_t port = v.lo >= 0xff00 && v.lo <= UINT16_MAX ? 0xffff0000u | (uint32_t)v.lo : (uint32_t)v.lo;

    if (v.hi || v.lo > UINT16_MAX) {
        worker_drop(w, DROP_NO_SUCH_PORT);
        return;
    }
    switch (port) {
    case DP_PORT_IN_PORT:
        output_in_port(w, b, p);
        return;
    case DP_PORT_ALL:
        output_all(w, b, p, 0);
        return;
    case DP_PORT_FLOOD:
        output_all(w, b, p, PORT_FLAG_NO_FLOOD);
        return;
    case DP_PORT_NORMAL:
        normal_forward(w, b, p);
        return;
    case DP_PORT_CONTROLLER:
        in = packet_in_of(payload[0], payload + 1);
        event_packet_in(w, b, p, &in);
        return;
    }
    output_port(w, b, p, bridge_port_index(b, port), false);
}

/* Chooses by the frame's hash, and tells the choice or sends the frame there. */
static int choose(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *payload, unsigned n_payload)
{
    const uint64_t *ports = payload + CHOICE_WORDS;
    struct link_choice c;
    uint64_t chosen;

    memcpy(&c, payload, sizeof c);
    pkt_parse(p, 1u << LAYER_L2 | 1u << LAYER_L3 | 1u << LAYER_L4);
    if (n_payload == CHOICE_WORDS)
        return give(p, subfield_unpack(c.dst), value_of(link_choose(&c, &p->key, NULL)));
    chosen = ports[link_choose(&c, &p->key, ports)];
    if (c.dst != (uint32_t)LINK_NO_DST)
        return give(p, subfield_unpack(c.dst), value_of(chosen & UINT16_MAX));
    output_port(w, b, p, bridge_port_index(b, (uint32_t)chosen), false);
    return 0;
}

/* Asks for a flow, and tells the frame whether there will be one. */
static int learn(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *payload)
{
    bool is_made = learn_frame(w, b, p, payload, payload + LEARN_HEAD_WORDS);
    struct learn_head head;

    memcpy(&head, payload, sizeof head);
    return head.result == LEARN_NO_RESULT ? 0 : give(p, subfield_unpack(head.result), value_of(is_made));
}

enum { VLAN_TAG = 4 };

/* As it will be on the wire, of what is still to be cut the largest piece; without the VLAN tag, as ovs-actions(7) has it. */
static uint32_t wire_size(struct pkt *p)
{
    const struct rte_mbuf *m = p->m;
    uint32_t n = m->pkt_len, headers = (uint32_t)m->l2_len + m->l3_len + m->l4_len;

    pkt_parse(p, 1u << LAYER_L2);
    if (is_joined(m))
        n = RTE_MIN(n, (uint32_t)p->l3_ofs + m->tso_segsz);
    else if (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG))
        n = RTE_MIN(n, headers + m->tso_segsz);
    return n - (p->n_vlans ? VLAN_TAG : 0);
}

/* The operations after which the frame, or what goes with it, is another. */
static int change(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *at)
{
    if (op_code(*at) == OP_LEARN)
        return learn(w, b, p, at + 1);
    if (op_code(*at) == OP_CHECK_SIZE)
        return give(p, subfield_unpack((uint32_t)op_arg(*at)), value_of(wire_size(p) > at[1]));
    if (op_code(*at) == OP_CHOOSE)
        return choose(w, b, p, at + 1, op_payload(*at));
    return is_move(op_code(*at)) ? move(w, p, *at, at + 1) : edit(w, p, *at, at + 1);
}

/* --- branches --- */

/* Runs the body on a copy of the frame; their bytes are shared until one of the two changes them. */
__attribute__((noinline)) static void run_clone(struct worker *w, const struct bridge *b, struct pkt *p,
                                                const uint64_t *body, bool edits)
{
    struct rte_mbuf *m = p->m;

    share(m);
    if (edits) {
        struct value stack[STACK_MAX];
        unsigned n_stack = w->resume.n_stack;
        struct pkt copy = *p;

        memcpy(stack, w->resume.stack, n_stack * sizeof stack[0]);
        if (exec_program(w, b, &copy, body))
            rte_pktmbuf_free(copy.m); /* no body leads back to the tables */
        memcpy(w->resume.stack, stack, n_stack * sizeof stack[0]);
        w->resume.n_stack = n_stack;
        return;
    }
    if (exec_program(w, b, p, body))
        rte_pktmbuf_free(p->m);
    p->m = m;
}

/* Where the frame goes on: at the first choice whose sum of weights is above the frame's place in them all. */
static const uint64_t *pick_choice(struct pkt *p, const uint64_t *op)
{
    const uint64_t *choice = op + 1;
    unsigned lo = 0, hi = op_payload(*op) - 1;
    uint64_t place = (flow_hash(p, op_arg(*op)) * (choice[hi] >> 32)) >> 32;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (choice[mid] >> 32 > place)
            hi = mid;
        else
            lo = mid + 1;
    }
    return op + (uint32_t)choice[lo];
}

/* What the group does, translated now: the words of a packet-out are not the worker's, so its scratch is free. */
static const uint64_t *group_program(struct worker *w, const struct bridge *b, uint32_t id)
{
    program_reset(&w->scratch);
    translate_group(&w->scratch, b, id, w->version);
    program_finish(&w->scratch);
    return w->scratch.w;
}

/* The operations that send the frame somewhere. */
static void output(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *at, bool is_last)
{
    const uint64_t *payload = at + 1;
    uint64_t arg = op_arg(*at);

    switch (op_code(*at)) {
    case OP_OUTPUT:
        output_port(w, b, p, (uint16_t)arg, is_last);
        break;
    case OP_IN_PORT:
        output_in_port(w, b, p);
        break;
    case OP_ALL:
        output_all(w, b, p, 0);
        break;
    case OP_FLOOD:
        output_all(w, b, p, PORT_FLAG_NO_FLOOD);
        break;
    case OP_NORMAL:
        normal_forward(w, b, p);
        break;
    case OP_OUTPUT_FIELD:
        output_field(w, b, p, arg, payload);
        break;
    case OP_OUTPUT_CUT:
        exec_output_cut(w, b, p, (uint32_t)payload[0], (uint32_t)arg);
        break;
    case OP_CONTROLLER:
    case OP_PAUSE:
        tell_controller(w, b, p, at);
        break;
    default:
        break;
    }
}

/* False: the frame may not go on, and is gone. */
/* A fragment is of no connection; its datagram is.  False: it waits for others, or is lost. */
static bool join(struct worker *w, struct pkt *p, const struct ct_action *a)
{
    uint16_t zone = a->zone_src ? (uint16_t)pkt_take(p, subfield_unpack(a->zone_src)).lo : a->zone;
    uint64_t among = hash_mix((uint64_t)p->in_port << 16 | zone);

    if (reassembly_join(w, p, (uint32_t)among | UINT32_C(1) << 31)) /* numbers of ports are lower */
        return true;
    p->m = NULL;
    return false;
}

__attribute__((noinline)) static bool track(struct worker *w, struct pkt *p, const uint64_t *payload)
{
    struct ct_action a;
    enum drop why;

    memcpy(&a, payload, sizeof a);
    pkt_parse(p, 1u << LAYER_L3);
    if (unlikely(p->is_fragment) && atomic_load_explicit(&w->reassembly, memory_order_acquire) && !join(w, p, &a))
        return false;
    why = conn_track(w, p, &a);
    if (likely(why == DROP_NONE))
        return true;
    worker_drop(w, why);
    rte_pktmbuf_free(p->m);
    p->m = NULL;
    return false;
}

static void fork_frame(struct worker *w, const struct bridge *b, struct pkt *p, uint64_t head, const uint64_t *payload)
{
    unsigned n_set = (unsigned)op_arg(head), n = (unsigned)(op_payload(head) * sizeof *payload / sizeof(struct act));

    pipeline_fork(w, b, p, (const struct act *)(const void *)payload, n_set, n - n_set);
}

/* What is neither sent nor changed by it. */
static void note(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *at)
{
    const uint64_t *payload = at + 1;
    uint64_t arg = op_arg(*at);

    switch (op_code(*at)) {
    case OP_MISS:
        counter_add(&b->counters[w->id][arg].lookups, 1);
        break;
    case OP_FIN_TIMEOUT:
        fin_frame(w, b, p, (struct fin_timeout){ (uint16_t)arg, (uint16_t)(arg >> 16) }, payload[0], payload[1]);
        break;
    case OP_COUNT:
        stat_add(w->stats, (uint32_t)arg, 1, rte_pktmbuf_pkt_len(p->m), w->now_ns);
        break;
    case OP_CT_CLEAR:
        conn_track_clear(p);
        break;
    case OP_FORK:
        fork_frame(w, b, p, *at, payload);
        break;
    case OP_SET_QUEUE:
        p->queue = (uint32_t)arg;
        break;
    case OP_DROP:
        worker_drop(w, (enum drop)arg);
        break;
    default:
        break;
    }
}

/* --- the program --- */

bool exec_program(struct worker *w, const struct bridge *b, struct pkt *p, const uint64_t *words)
{
    uint32_t bytes = rte_pktmbuf_pkt_len(p->m);

    for (const uint64_t *at = words, *next; p->m; at = next) {
        uint64_t head = *at, arg = op_arg(head);
        const uint64_t *payload = at + 1;
        int err;

        next = payload + op_payload(head);
        switch (op_code(head)) {
        case OP_END:
            rte_pktmbuf_free(p->m);
            p->m = NULL;
            return false;
        case OP_HIT:
            count_hit(w, b, arg, 1, bytes);
            break;
        case OP_GROUP:
            if (op_code(*next) == OP_END)
                next = group_program(w, b, (uint32_t)arg);
            else
                run_clone(w, b, p, group_program(w, b, (uint32_t)arg), true);
            break;
        case OP_CLONE:
            if (op_code(next[(uint32_t)arg]) == OP_END)
                break; /* nothing goes on behind the body: the frame itself runs it */
            run_clone(w, b, p, next, arg & CLONE_EDITS);
            next += (uint32_t)arg;
            break;
        case OP_SELECT:
            next = pick_choice(p, at);
            break;
        case OP_OUTPUT:
        case OP_IN_PORT:
        case OP_ALL:
        case OP_FLOOD:
        case OP_NORMAL:
        case OP_OUTPUT_FIELD:
        case OP_OUTPUT_CUT:
        case OP_CONTROLLER:
        case OP_PAUSE:
            output(w, b, p, at, op_code(*next) == OP_END);
            break;
        case OP_PIPELINE:
            if (op_code(*next) == OP_END) {
                resume_begin(&w->resume);
                return true;
            }
            pipeline_copy(w, b, p);
            break;
        case OP_CONTINUE:
            prepare_resume(w, p, head, payload);
            return true;
        case OP_CT:
            if (!track(w, p, payload))
                return false;
            break;
        case OP_MISS:
        case OP_FIN_TIMEOUT:
        case OP_COUNT:
        case OP_CT_CLEAR:
        case OP_FORK:
        case OP_SET_QUEUE:
        case OP_DROP:
        case OP_N:
            note(w, b, p, at);
            break;
        case OP_METER:
        case OP_SET_FIELD:
        case OP_PUSH_VLAN:
        case OP_POP_VLAN:
        case OP_PUSH_MPLS:
        case OP_POP_MPLS:
        case OP_PUSH_PBB:
        case OP_POP_PBB:
        case OP_SET_IP_TTL:
        case OP_DEC_IP_TTL:
        case OP_SET_MPLS_TTL:
        case OP_DEC_MPLS_TTL:
        case OP_COPY_TTL_OUT:
        case OP_COPY_TTL_IN:
        case OP_NPTV6:
        case OP_CLAMP_MSS:
        case OP_LEARN:
        case OP_CHECK_SIZE:
        case OP_CHOOSE:
        case OP_MOVE:
        case OP_STACK_PUSH:
        case OP_STACK_POP:
            err = change(w, b, p, at);
            if (err && edit_failed(w, b, p, head, payload, err)) {
                rte_pktmbuf_free(p->m);
                p->m = NULL;
                return false;
            }
            break;
        }
    }
    return false;
}
