/* SPDX-License-Identifier: Apache-2.0 */
/* packet_net.h - a network of model switches that carry packets: each executes the flows that were compiled for it, with a table
 * of connections of its own, and what leaves at ports without a link is noted.  A packet is its flow key.  Written from what
 * ovs-actions(7) and docs/extensions.md say about the actions; shares no code with the datapath. */
#ifndef TESTS_UNIT_CONTROLLER_PACKET_NET_H
#define TESTS_UNIT_CONTROLLER_PACKET_NET_H

#include "controller/compiler.h"

enum { PACKET_OUT_MAX = 64, PACKET_TABLES = 16, CONNS_MAX = 4096 };

struct packet {
    struct key k;
    uint16_t id;   /* of ICMP echo */
    uint16_t size; /* of the frame, without a tag */
};

struct packet_out {
    int sw;
    uint32_t port; /* OFPP_CONTROLLER: shown to the controller */
    struct packet p;
    uint64_t cookie; /* of the flow that sent it */
};

/* Who talks to whom, as the packets of one direction have it. */
struct tuple {
    struct value src, dst;
    uint16_t eth_type, src_port, dst_port; /* ICMP: both are its id */
    uint8_t proto;
};

struct packet_conn {
    int sw;
    uint16_t zone;
    struct tuple orig, reply;
};

struct packet_net {
    const struct net_doc *doc;
    const struct view *view;
    const struct flow **flows[8]; /* of each switch: by table, then by priority downwards */
    size_t first[8][PACKET_TABLES + 1];
    struct packet_conn conns[CONNS_MAX];
    size_t n_conns;
    struct packet_out out[PACKET_OUT_MAX]; /* what left the network by the last packet_send() */
    size_t n_out, n_steps;
};

void packet_net_init(struct packet_net *net, const struct net_doc *doc, const struct view *view,
                     const struct plan *plan);
void packet_net_fini(struct packet_net *net);
/* A packet comes in at a port: fills `out`. */
void packet_send(struct packet_net *net, int sw, uint32_t port, const struct packet *p);
struct tuple packet_tuple(const struct packet *p);

#endif
