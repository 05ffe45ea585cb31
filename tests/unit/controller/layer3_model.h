/* SPDX-License-Identifier: Apache-2.0 */
/* layer3_model.h - what docs/trama-net.yaml.5 says becomes of the first packet of a conversation, told from the document alone:
 * no tables, no flows, no switches. */
#ifndef TESTS_UNIT_CONTROLLER_LAYER3_MODEL_H
#define TESTS_UNIT_CONTROLLER_LAYER3_MODEL_H

#include "packet_net.h"

enum { IP_TCP = 6, IP_UDP = 17, IP_SCTP = 132, IP_ICMP = 1, IP_ICMPV6 = 58, ETH_IP4 = 0x0800, ETH_IP6 = 0x86dd };

struct said {
    int from;        /* host */
    net_mac dst_mac; /* a host's of its network, or its router's */
    struct tuple t;  /* ICMP: an echo request */
    uint8_t ttl;
    uint16_t size; /* of the IP packet */
};

enum verdict_kind {
    VERDICT_DROPPED,
    VERDICT_DELIVERED,
    VERDICT_ASKED, /* the controller was */
    VERDICT_ECHOED /* the router answered the ping */
};
struct verdict {
    enum verdict_kind kind;
    enum flow_kind asked;
    int host; /* whom it was given to */
    bool is_routed;
    struct tuple t;              /* as it arrived, but for */
    struct value src_last;       /* its source: one from t.src to this */
    uint16_t port_min, port_max; /* 0: t.src_port as it is; else one from here to there, or (is_any_port) any */
    bool is_any_port;
};

struct verdict model_verdict(const struct net_doc *doc, const struct said *p);
bool model_has_address(const struct net_host *h, const struct tuple *t); /* the source is its own */
/* Who is outside and uses an address inside that NPTv6 hides hears from another: it remembers nothing. */
bool model_answers_differ(const struct net_doc *doc, const struct said *p);
struct value model_value(const struct ip_addr *ip);

#endif
