/* SPDX-License-Identifier: Apache-2.0 */
/* net_router.h - the part of a network document that is about layer 3: routers between networks and to the outside, what
 * they translate, who may talk to whom, and the addresses that are handed out.
 *
 *   networks:
 *     office:
 *       vlan: 10
 *       subnet: [10.0.10.0/24, "fd00:10::/64"]
 *       mtu: 1400                                       # 1280..9000; default 1500; told to hosts by DHCP and RA
 *       dhcp: {range: [10.0.10.100, 10.0.10.199], lease: 1h, dns: 9.9.9.9, domain: office.example,
 *              range6: ["fd00:10::1000", "fd00:10::1fff"]}
 *   routers:
 *     edge:
 *       gateway: s1                                     # the switch that translates; needed with `outside`
 *       networks: {office: [10.0.10.254, "fd00:10::fe"], world: 198.51.100.1}
 *       outside: world                                  # one or a list; new connections from there need a rule
 *       routes: [{to: 0.0.0.0/0, via: 198.51.100.254}]
 *       source_nat:                                     # the first that fits
 *         - {from: office}                              # default `to`: the router's own address in the outside network
 *         - {from: lab, to: [198.51.100.8, 198.51.100.11], ports: [1024, 65535]}
 *         - {from: games, mapping: endpoint-independent, filtering: address-dependent, host_limit: 500}
 *         - {from: farm, per_switch: 4096}              # each switch translates, with so many ports of its own
 *       forwards:
 *         - {protocol: tcp, port: 8080, to: web, to_port: 80}     # default `at`: the router's own address outside
 *       one_to_one:
 *         - {outside: 198.51.100.10, inside: web}
 *       nat64: {prefix: "64:ff9b::/96"}                 # IPv6 hosts reach IPv4 outside; `to`, `ports` as of source_nat
 *       nptv6: [{inside: "fd00:10::/48", outside: "2001:db8:1::/48"}]   # one prefix for another, which is routed to the gateway
 *       mss: auto                                       # of TCP through it, at most; or a number
 *       helpers: [ftp, tftp]                            # of what is translated
 *       dns: {forward: [9.9.9.9, 1.1.1.1], domain: lab.example}         # it answers at its addresses inside
 *   policies:                                           # the first that fits; `any`, outside, a network, host, or prefix
 *     - {name: dns, from: guests, to: [ns1, ns2], protocol: udp, port: 53, action: allow}
 *     - {name: no-guests, from: guests, to: office, action: deny}
 *
 * A policy is about who begins: what belongs to a connection that was allowed passes in both directions.  What no policy
 * names is allowed, except what begins outside and is not meant for a forward or a one-to-one address.
 * A network has one router at most.  Thread: constant, as all of a document. */
#ifndef NET_NET_ROUTER_H
#define NET_NET_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/addr.h"

enum { NET_SPREAD_PORT_MIN = 16384 }; /* of source_nat with per_switch, where it says nothing */
enum { NET_MTU = 1500, NET_MTU_MIN = 1280, NET_MTU_MAX = 9000 };
enum { NET_NAT_ADDRESSES_MAX = 256, NET_DHCP_ADDRESSES_MAX = 65536, NET_DNS_MAX = 8 }; /* of one range */

/* An Ethernet address as a number: the first byte on the wire is bits 47..40. */
typedef uint64_t net_mac;

/* DHCP in a network: the server is the network's router. */
struct net_dhcp {
    unsigned line;
    struct ip_addr first, last; /* family 0: only declared hosts get an address */
    struct ip_addr first6, last6;
    uint32_t lease_s;
    size_t n_dns;
    const struct ip_addr *dns;
    const char *domain; /* "": none */
};

/* A router in a network. */
struct net_leg {
    int network;
    bool is_outside;
    size_t n_addresses; /* at most one in each subnet */
    const struct ip_addr *addresses;
};

struct net_route {
    unsigned line;
    struct ip_addr to; /* the prefix; bits behind it are zero */
    struct ip_addr via;
    int leg; /* that `via` is in */
};

/* Who else is let in to a port that an endpoint-independent mapping has (RFC 4787, 5). */
enum net_filtering { NET_FILTERING_ADDRESS_AND_PORT, NET_FILTERING_ADDRESS, NET_FILTERING_ENDPOINT };

struct net_source_nat {
    unsigned line;
    size_t n_from;
    const int *from;             /* networks, none of them outside */
    struct ip_addr first, last;  /* family 0: the router's own */
    uint16_t port_min, port_max; /* 0: any */
    bool is_mapped;              /* TCP, UDP, ICMP queries: endpoint-independent mapping (RFC 4787, 4.1) */
    enum net_filtering filtering;
    uint32_t host_limit; /* connections, or mappings, of a host at once (RFC 6888, REQ-4); 0: any number */
    uint16_t
        per_switch; /* ports of each switch, in the order of the document, from port_min on; 0: the gateway translates */
};

struct net_forward {
    unsigned line;
    uint8_t protocol;  /* 6, 17 or 132 */
    uint16_t port;     /* outside */
    struct ip_addr at; /* family 0: the router's own address in each outside network */
    struct ip_addr to; /* inside */
    uint16_t to_port;
};

struct net_one_to_one {
    unsigned line;
    struct ip_addr outside, inside;
};

/* IPv6 from inside to addresses in the prefix goes out as IPv4 (RFC 6146, RFC 6052). */
struct net_nat64 {
    struct ip_addr prefix;
    struct net_source_nat nat; /* endpoint-independent mapping; `first` is given, `from` is nobody */
};

/* IPv6 from inside has another prefix outside (RFC 6296). */
struct net_nptv6 {
    unsigned line;
    struct ip_addr inside, outside; /* of at most 64 bits */
};

/* Names for the hosts inside: those of the document in all of the router's networks; the rest is asked of others. */
struct net_dns {
    unsigned line;
    const char *domain; /* "": declared hosts have their plain names only */
    size_t n_forward;
    const struct ip_addr *forward; /* whom the rest is asked of, in this order */
};

/* What the smallest MTU of the router's networks leaves, in place of a number of its own. */
enum { NET_MSS_MIN = 536, NET_MSS_MAX = 8960, NET_MSS_AUTO = UINT16_MAX };

/* Protocols whose connections announce others. */
enum net_helper { NET_HELPER_FTP, NET_HELPER_TFTP, NET_HELPERS };

struct net_router {
    const char *name;
    unsigned line;
    net_mac mac; /* in each of its networks; made from the name */
    int gateway; /* switch; NET_NONE: it has nothing outside */
    size_t n_legs, n_routes, n_source_nats, n_forwards, n_one_to_ones, n_nptv6s;
    const struct net_leg *legs;
    const struct net_route *routes;
    const struct net_source_nat *source_nats;
    const struct net_forward *forwards;
    const struct net_one_to_one *one_to_ones;
    const struct net_nptv6 *nptv6s;
    uint16_t mss, mss6;            /* what TCP through it announces at most, by IPv4 and IPv6; 0: as it does */
    unsigned helpers;              /* bit for each enum net_helper: what is translated is looked into */
    const struct net_nat64 *nat64; /* NULL: none */
    const struct net_dns *dns;     /* NULL: none */
};

/* One side of a policy. */
enum net_side_kind { NET_SIDE_ANY, NET_SIDE_OUTSIDE, NET_SIDE_NETWORK, NET_SIDE_PREFIX };
struct net_side {
    enum net_side_kind kind;
    int network;           /* network */
    struct ip_addr prefix; /* prefix; a host's address has its full length */
};

struct net_policy {
    const char *name;
    unsigned line;
    bool is_allowed;
    uint8_t protocol;            /* 0: any; 1 means ICMP and ICMPv6 */
    uint16_t port_min, port_max; /* of the destination; 0: any */
    size_t n_from, n_to;
    const struct net_side *from, *to;
};

#endif
