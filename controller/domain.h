/* SPDX-License-Identifier: Apache-2.0 */
/* domain.h - a document with the state of its switches and links, and the view of it that the compiler takes.
 * Private to controller.c and its kin.   Thread: C. */
#ifndef CONTROLLER_DOMAIN_H
#define CONTROLLER_DOMAIN_H

#include "controller/controller.h"

/* Reads the text; takes over from `old` (NULL: none) what is known of switches and links that both have. */
int domain_new(struct domain **out, const struct domain *old, const char *file, const char *text, size_t len,
               uint64_t now_ns, struct errbuf *e);
void domain_free(struct domain *d);

/* A view of the domain, with memory of its own; sessions' ports are borrowed. */
struct domain_view {
    struct view view;
    struct view_switch *switches;
    bool *link_is_up;
    struct view_host *hosts;
    struct view_neighbor *neighbors;
};
int domain_view_init(struct domain_view *v, const struct domain *d, const struct hosts *hosts,
                     const struct neighbors *neighbors);
void domain_view_fini(struct domain_view *v);

/* Makes the plan anew.  0 or -ENOMEM (the old plan is gone then). */
int domain_compile(struct domain *d, const struct hosts *hosts, const struct neighbors *neighbors);

/* Every switch that forwards holds the plan: no older tree is followed any more. */
void domain_trees_are_held(struct domain *d);
/* A switch came with flows that an earlier controller, or an earlier connection, gave it: the links that its floods use are
 * in force, and links that it does not use at all are down until they are heard. */
void domain_recall(struct domain *d, int sw, const struct flow_set *held);

/* What the switches are known to be: updates members' is_live; returns whether one changed. */
bool domain_set_live(struct domain *d, uint64_t now_ns, uint64_t start_ns);
/* Looks at the ports of a switch that is ready, or gone, and sets its ends of links.  Returns whether a link changed. */
bool domain_set_ends(struct domain *d, int sw, uint64_t now_ns);
/* The link and the end of it that a port of a switch is; link NET_NONE: it is none. */
struct link_end {
    int link, end;
};
struct link_end domain_find_end(const struct domain *d, int sw, uint32_t port);
/* The number of the port at an end, 0: not known. */
uint32_t domain_end_port(const struct domain *d, int link, int end);
/* The network that hosts at a port are in, NET_NONE: none. */
int domain_port_network(const struct domain *d, int sw, uint32_t port);
bool domain_is_connected(const struct domain *d, int sw); /* and ready */
int domain_network_of_vlan(const struct domain *d, uint16_t vlan);

#endif
