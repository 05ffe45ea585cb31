/* SPDX-License-Identifier: Apache-2.0 */
/* compiler_impl.h - what the parts of the compiler share.  Private to compiler.c and compile_*.c. */
#ifndef CONTROLLER_COMPILER_IMPL_H
#define CONTROLLER_COMPILER_IMPL_H

#include "controller/compiler.h"

/* OpenFlow 1.3.5: 7.2.3.7 (VLAN), 7.2.5.1 (controller port), 7.3.4.1 (flags). */
enum { VID_PRESENT = 0x1000, SEND_FLOW_REM = 1 << 0, ETH_TYPE_LLDP = 0x88cc, ETH_TYPE_VLAN = 0x8100 };
#define PORT_CONTROLLER UINT32_C(0xfffffffd)

enum priority {
    PRIO_FLOOD = 100,
    PRIO_LEARN = 100,
    PRIO_SPOOF = 150,
    PRIO_HOST = 200,
    PRIO_SOURCE = 200,
    PRIO_INGRESS = 200,
    PRIO_GUARD = 290,
    PRIO_LOCAL_ROUTER = 300,
    PRIO_LLDP = 300,
};

/* What a port of one switch is for. */
enum role { ROLE_ACCESS, ROLE_LINK };
struct role_port {
    uint32_t number;
    enum role role;
    int of;           /* access: network, link: its index */
    size_t n_learned; /* hosts */
};

/* A port of the switch at hand, to be found by name and by number. */
struct port_entry {
    struct hmap_link by_name, by_number;
    const struct view_port *port;
    struct role_port *role; /* NULL: none */
};

struct compiler {
    const struct net_doc *doc;
    const struct view *view;
    const bool *tree;
    struct plan *plan;
    int *next;               /* [to * n_switches + at]: link from `at` toward `to`, GRAPH_NONE */
    struct role_port *ports; /* of the switch at hand */
    size_t n_ports;
    struct hmap names, numbers; /* of struct port_entry */
    struct port_entry *entries;
    const struct view_neighbor **by_mac; /* the view's neighbors, by network and MAC address */
    struct flow_act *acts;               /* scratch: room for every port */
    bool *network_is_used;               /* has a port somewhere */
    bool *is_undeclared;                 /* of each learned host: the document does not have it */
    int sw;
    int err; /* the first failure */
};

void compiler_problem(struct compiler *c, int sw, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void compiler_emit(struct compiler *c, struct flow_spec *spec, const struct match *m);
/* A port of the switch at hand, NULL: there is none. */
struct port_entry *compiler_port(const struct compiler *c, const struct net_port_ref *ref);
/* The first of the view's neighbors, in c->by_mac, with that MAC address or a later one. */
size_t compiler_neighbors(const struct compiler *c, int network, net_mac mac);
/* The port of this switch that a link ends at, 0: none that is there. */
uint32_t compiler_link_port(const struct compiler *c, int link);
/* Table forward, the way to a host.  `port`: on its own switch. */
void compiler_emit_host(struct compiler *c, net_mac mac, int network, int sw, uint32_t port);
/* Table source: nobody here has this address. */
void compiler_emit_spoof(struct compiler *c, net_mac mac, int network);

/* --- layer 3 --- */
/* Some frame of the network may meet a router or a policy. */
static inline bool compiler_is_routed(const struct compiler *c, int network)
{
    return c->doc->networks[network].router != NET_NONE;
}
bool compiler_is_policed(const struct compiler *c, int network);
/* Where frames of a network go on: from a host's port once its sender is known; from a link, or past the guard; after
 * routing. */
uint8_t compiler_entry(const struct compiler *c, int network);
uint8_t compiler_after_routing(const struct compiler *c, int network);
uint8_t table_after_routing(const struct net_doc *doc, int network); /* the same, also for others than compilers */
static inline uint8_t compiler_after_source(const struct compiler *c, int network)
{
    return c->doc->networks[network].has_guard ? TABLE_GUARD : compiler_entry(c, network);
}
/* The metadata that says where a frame came from; 0: nobody asks. */
uint64_t compiler_origin(const struct compiler *c, int network);

void ip_increment(struct ip_addr *ip); /* IPv4 */
/* The range of ports as the fewest value/mask pairs, since a match has no ranges. */
void compiler_port_range(struct compiler *c, uint16_t first, uint16_t last,
                         void (*f)(struct compiler *c, const void *arg, uint16_t port, uint16_t mask), const void *arg);

/* A flow in the making: `act_*` append. */
enum { DRAFT_ACTS = 16 };
struct draft {
    struct flow_spec spec;
    struct match m;
    struct flow_act acts[DRAFT_ACTS];
};
struct draft draft_new(uint8_t table, uint16_t priority, enum flow_kind kind, uint32_t cookie_low);
struct flow_act *draft_act(struct draft *d, enum flow_act_type type);
void draft_set(struct draft *d, enum field_id field, struct value v);
void draft_move(struct draft *d, enum field_id dst, enum field_id src);
void draft_show(struct draft *d); /* to the controller */
void draft_match_vlan(struct draft *d, uint16_t vlan);
void draft_match_metadata(struct draft *d, uint64_t value, uint64_t mask);
/* The Ethertype, and the address under its prefix as source or destination. */
enum draft_end { DRAFT_SRC, DRAFT_DST };
void draft_match_ip(struct draft *d, enum draft_end end, const struct ip_addr *ip, unsigned prefix_len);
void draft_match_family(struct draft *d, uint8_t family);
struct value ip_value(const struct ip_addr *ip);
/* ct(zone, table), with what the flags say; `nat_flags`: enum ct_nat_flag. */
struct flow_act *draft_ct(struct draft *d, uint16_t zone, uint8_t table, unsigned ct_flags, unsigned nat_flags);
void draft_emit(struct compiler *c, struct draft *d);

/* Connections are kept apart by domain: a router with its networks, or a network alone. */
enum zone_use { ZONE_POLICY, ZONE_NAT, ZONE_HAIRPIN };
uint16_t compiler_zone(const struct compiler *c, int network, enum zone_use use);

/* Register 0: what the translation on the way in found out. */
enum { WAY_HAIRPIN = 1, WAY_FORWARDED, WAY_HAIRPIN_REPLY, WAY_OWN, WAY_NAT64, WAY_NPTV6, WAY_HERE };
enum { CT_ON = 0xff }; /* ct without a table: the frame goes on as it is */
enum { CT_NEW = 1, CT_EST = 2, CT_REL = 4, CT_RPL = 8, CT_INV = 16, CT_TRK = 32, CT_DNAT = 128 };

/* Where the servers are whose connections announce others; by enum net_helper. */
struct helper_port {
    uint8_t protocol;
    uint16_t port, alg;
    enum field_id field;
};
extern const struct helper_port helper_ports[NET_HELPERS];

void compile_guards(struct compiler *c);                             /* of the switch at hand */
void compile_routers(struct compiler *c);                            /* of the switch at hand */
void compile_policies(struct compiler *c);                           /* of the switch at hand */
void compile_nat64(struct compiler *c, const struct net_router *r);  /* likewise, which is the router's gateway */
void compile_nptv6(struct compiler *c, const struct net_router *r);  /* likewise */
void compile_spread(struct compiler *c, const struct net_router *r); /* of a router that is spread */
void compile_mtu(struct compiler *c, const struct net_router *r);    /* of the switch at hand */
/* A flow of table route by which packets of the family leave, of `mtu` bytes at most.  Where some may be larger, it becomes two:
 * one that looks, and the flow itself in table fit. */
void router_emit_fit(struct compiler *c, const struct net_router *r, struct draft *d, uint16_t mtu, uint8_t family);
/* Bytes of a packet that a router sends to the network; `is_nat64`: it is IPv6, and becomes shorter on the way. */
uint16_t router_mtu(const struct net_doc *doc, int network, bool is_nat64);
uint16_t router_route_priority(const struct ip_addr *prefix); /* in table route; there is room for one more above it */
uint64_t router_metadata(const struct compiler *c, const struct net_router *r); /* in what is asked of it */
unsigned router_filtering(enum net_filtering f);                                /* of enum ct_nat_flag */
/* The leg outside whose network has the address; NET_NONE: none. */
int router_leg_with(const struct compiler *c, const struct net_router *r, const struct ip_addr *ip);

/* Where a router sends what goes to `ip`: the leg and the address of the next hop.  False: there is no route. */
bool router_next_hop(const struct net_doc *doc, const struct net_router *r, const struct ip_addr *ip, int *leg,
                     struct ip_addr *hop);

#endif
