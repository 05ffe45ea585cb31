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

struct raw_network {
    const char *name;
    const struct doc_node *node;
    uint16_t vlan;
    struct doc_array subnets; /* struct ip_addr */
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

struct raw_address {
    const struct doc_node *node;
    struct ip_addr ip;
    bool has_prefix;
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
};

struct raw_expect {
    const struct doc_node *node;
    struct raw_word ping, tcp, udp, flood;
    struct doc_array from, to;     /* struct raw_word */
    struct doc_array cut, restore; /* struct raw_end; two, or none */
    struct raw_word port_word, family_word;
    uint16_t port;
    uint8_t family;
    uint64_t within_ns;
    bool has_within;
};

struct raw_doc {
    const char *name, *description;
    int controller; /* 0: trama, 1: none */
    struct doc_array networks, switches, links, hosts, expects;
};

int net_doc_read(const struct doc *d, struct raw_doc *out, struct errbuf *e);

#endif
