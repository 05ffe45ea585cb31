/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.h - from the network document and what was observed to the flows that every switch should hold.
 * A pure function: equal input, equal output, whatever was there before.
 * Flow: net_doc + view (sessions, links, hosts) -> [compiler] -> flow sets -> reconcile.
 *
 * The pipeline, OpenFlow 1.3 without groups.  Inside it every frame wears the 802.1Q tag of its network, so the VLAN id is
 * the network; ports of hosts are untagged members, links carry tags (with the priority bits that came with them).
 *   table 0, ingress   link-local frames (01:80:c2:00:00:0x) and group source addresses end here, but for LLDP of a link's
 *                      port, which goes to the controller.  A host's port: untagged and priority-tagged frames get the tag
 *                      -> 1.  A link that is up: frames of a known VLAN -> on, marked in the metadata when the link is not
 *                      in the network's tree.  Everything else ends here: a tag from a host, a link that is down.
 *   table 1, source    only from hosts' ports.  A known host at its port -> on.  A declared host's address at another port
 *                      ends here.  An unknown one is shown to the controller, and -> on.
 *   tables 2 to 11     what guards, routers and policies do (compile_guard.c, compile_router.c, compile_policy.c); where there
 *                      are none, no frame comes there.
 *   table 12, forward  (network, destination) -> to the host, or along the shortest way.  Broadcast, multicast and unknown
 *                      ones -> along the network's tree and to all of its ports; not if they came in off the tree.
 * "On" is table 12, or the first of tables 2 to 11 that the network needs.
 * A frame is never sent back to the port it came from (the rule of OFPP_IN_PORT), so one flood entry serves every port. */
#ifndef CONTROLLER_COMPILER_H
#define CONTROLLER_COMPILER_H

#include "controller/flow.h"
#include "controller/hosts.h"
#include "net/net_doc.h"

enum {
    TABLE_INGRESS,
    TABLE_SOURCE,
    TABLE_GUARD,
    TABLE_LOCAL,
    TABLE_UNNAT,
    TABLE_TRANSLATED,
    TABLE_ROUTE,
    TABLE_FIT,
    TABLE_NEIGHBOR,
    TABLE_STATE,
    TABLE_POLICY,
    TABLE_NAT,
    TABLE_FORWARD,
};
enum { PORT_NAME_SIZE = 16 };
enum { LEARN_IDLE_S = 300, LEARN_BYTES = 128, SERVICE_BYTES = 1600 };

/* What the metadata of a frame says. */
#define METADATA_OFF_TREE UINT64_C(1)
#define METADATA_TRUSTED UINT64_C(2) /* came by a link: another switch has held the policies against it */
#define METADATA_ORIGIN_SHIFT 16     /* VLAN id of the network that it came from */
#define METADATA_ORIGIN_MASK (UINT64_C(0xfff) << METADATA_ORIGIN_SHIFT)
#define METADATA_ROUTER_SHIFT 32 /* index of the router that has it, and one */
#define METADATA_ROUTER_MASK (UINT64_C(0xffff) << METADATA_ROUTER_SHIFT)

struct view_port {
    uint32_t number;
    char name[PORT_NAME_SIZE];
    bool is_up;
};

struct view_switch {
    bool is_live;   /* forwards frames, as far as is known; else ways go round it */
    bool has_ports; /* `ports` is known; else no flows are made for it */
    bool is_trama;  /* it has trama's own extensions (docs/extensions.md) */
    size_t n_ports;
    const struct view_port *ports;
};

/* A host that the document does not have. */
struct view_host {
    net_mac mac;
    int network, sw; /* indexes into the document */
    uint32_t port;   /* number */
};

/* A MAC address that was seen for an IP address; not of hosts that the document has with both. */
struct view_neighbor {
    int network;
    struct ip_addr ip;
    net_mac mac;
};

/* Everything but the document.  Borrowed. */
struct view {
    const struct view_switch *switches; /* one for each of the document's */
    const bool *link_is_up;             /* one for each of the document's links */
    size_t n_hosts;
    const struct view_host *hosts;
    size_t n_neighbors;
    const struct view_neighbor *neighbors;
};

/* What to do about a document that does not fit what is there: a sentence for the user. */
struct problem {
    int sw; /* NET_NONE: no one switch's */
    char text[200];
};

struct plan {
    size_t n_switches, n_networks, n_links;
    struct flow_set *flows; /* of each switch; empty when its ports are not known */
    bool *tree;             /* [network * n_links + link]: floods of the network use the link */
    struct problem *problems;
    size_t n_problems;
};

/* Trees for compile(): those that the graph asks for.  `tree`: n_networks * n_links places. */
int compile_trees(const struct net_doc *doc, const struct view *v, bool *tree);
/* Trees to use on the way from `before` to `want`, so that no frame circles while some switches have the new flows and
 * others the old: `want`, when the two together have no cycle over links that are up, else what they have in common.
 * `*is_final`: it is `want`. */
int compile_trees_toward(const struct net_doc *doc, const struct view *v, const bool *before, const bool *want,
                         bool *tree, bool *is_final);
/* `tree`: what floods may use.  0 (caller ends with plan_fini) or -ENOMEM. */
int compile(struct plan *out, const struct net_doc *doc, const struct view *v, const bool *tree);
void plan_fini(struct plan *p);

/* The number of a port, 0 when the switch has none such (or its ports are not known). */
uint32_t view_port_number(const struct view_switch *sw, const struct net_port_ref *ref);
bool view_port_is(const struct view_port *p, const struct net_port_ref *ref); /* that one */
const struct view_port *view_port_find(const struct view_switch *sw, uint32_t number);

#endif
