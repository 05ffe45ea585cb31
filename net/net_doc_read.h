/* SPDX-License-Identifier: Apache-2.0 */
/* net_doc_read.h - the network document as it is written: keys and kinds of values are checked, names not looked up yet.
 * Flow: io/doc -> [net_doc_read] -> net_doc.  Private to net/.  Everything is borrowed from the document. */
#ifndef NET_NET_DOC_READ_H
#define NET_NET_DOC_READ_H

#include "io/doc_read.h"
#include "net/net_doc.h"

/* A word and where it stood; text NULL: not given. */
struct raw_word {
    const char *text;
    const struct doc_node *node;
};

struct raw_address {
    const struct doc_node *node;
    struct ip_addr ip;
    bool has_prefix;
};

struct raw_network {
    const char *name;
    const struct doc_node *node;
    uint16_t vlan;
    struct doc_array subnets; /* struct ip_addr */
    uint16_t mtu;
    bool has_guard;
    struct raw_dhcp {
        const struct doc_node *node;
        bool is_given;
        struct doc_array range, range6; /* struct raw_address; none or two */
        uint64_t lease_ns;
        struct doc_array dns; /* struct raw_address */
        const char *domain;
    } dhcp;
};

struct raw_port {
    struct net_port_ref port;
    const struct doc_node *node;
    struct raw_word network;
    bool is_shared;
};

struct raw_switch {
    const char *name;
    const struct doc_node *node;
    uint64_t datapath_id;
    int fail_mode;          /* enum net_fail_mode */
    struct doc_array ports; /* struct raw_port */
};

/* "s1:to2" */
struct raw_end {
    const char *sw;
    const struct doc_node *node;
    struct net_port_ref port;
};

struct raw_link {
    const struct doc_node *node;
    struct doc_array ends; /* struct raw_end; two */
    int kind;              /* enum net_link_kind */
};

struct raw_host {
    const char *name;
    const struct doc_node *node;
    struct raw_word network, sw;
    struct net_port_ref port;
    const struct doc_node *port_node; /* NULL: not given */
    struct doc_array addresses;       /* struct raw_address */
    uint8_t mac[6];
    int kind;   /* enum net_host_kind */
    int attach; /* enum net_attach; NET_NONE: not given */
    bool has_dhcp;
};

/* --- layer 3 --- */
struct raw_leg {
    struct doc_array addresses; /* struct raw_address */
    const char *network;
    const struct doc_node *node;
};

struct raw_route {
    struct ip_addr to;
    const struct doc_node *node;
    struct raw_address via;
};

struct raw_source_nat {
    struct doc_array from; /* struct raw_word */
    const struct doc_node *node;
    struct doc_array to;    /* struct raw_address; none, one or two */
    struct doc_array ports; /* uint16_t; none or two */
    int mapping;            /* 1: endpoint-independent */
    int filtering;          /* enum net_filtering */
    uint32_t host_limit;
    uint16_t per_switch; /* 0: not given */
};

struct raw_forward {
    int protocol; /* NET_PROTOCOL_* */
    const struct doc_node *node;
    uint16_t port, to_port;
    struct raw_address at;
    struct raw_word to; /* a host or an address */
};

struct raw_one_to_one {
    struct raw_address outside;
    const struct doc_node *node;
    struct raw_word inside;
};

struct raw_dns {
    const struct doc_node *node; /* NULL: not given */
    struct doc_array forward;    /* struct raw_address */
    const char *domain;          /* NULL: none */
};

struct raw_nat64 {
    struct raw_source_nat nat; /* its node NULL: not given */
    struct ip_addr prefix;     /* family 0: not given */
};

struct raw_nptv6 {
    struct ip_addr inside, outside;
    const struct doc_node *node;
};

struct raw_router {
    const char *name;
    const struct doc_node *node;
    struct raw_word gateway;
    struct raw_dns dns;
    struct raw_nat64 nat64;
    uint16_t mss;                                                                       /* 0: not given; NET_MSS_AUTO */
    struct doc_array helpers;                                                           /* int: enum net_helper */
    struct doc_array legs, outside, routes, source_nats, forwards, one_to_ones, nptv6s; /* outside: struct raw_word */
};

struct raw_policy {
    const char *name;
    const struct doc_node *node;
    struct doc_array from, to; /* struct raw_word */
    int protocol;              /* NET_PROTOCOL_* */
    struct doc_array ports;    /* uint16_t; none, one or two */
    int action;                /* 0: allow, 1: deny */
};

enum { NET_PROTOCOL_ANY, NET_PROTOCOL_TCP, NET_PROTOCOL_UDP, NET_PROTOCOL_SCTP, NET_PROTOCOL_ICMP };

struct raw_expect {
    const struct doc_node *node;
    struct raw_word ping, tcp, udp, flood;
    struct doc_array from, to;     /* struct raw_word */
    struct doc_array cut, restore; /* struct raw_end; two, or none */
    struct raw_word port_word, family_word;
    uint16_t port, listen;
    struct raw_address at;
    uint8_t family;
    uint64_t within_ns;
    bool has_within;
};

struct raw_doc {
    const char *name, *description;
    int controller; /* 0: trama, 1: none */
    struct doc_array networks, switches, links, hosts, routers, policies, expects;
};

/* Fields and readers that the schema's parts share. */
extern const struct doc_text net_name_rule;
extern const struct doc_items net_word_items, net_address_items, net_router_items, net_policy_items;
extern const struct doc_field net_dhcp_fields[];
doc_read_fn net_read_word, net_read_one_or_list, net_read_address;

int net_doc_read(const struct doc *d, struct raw_doc *out, struct errbuf *e);

#endif
