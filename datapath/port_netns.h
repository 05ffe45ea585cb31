/* SPDX-License-Identifier: Apache-2.0 */
/* port_netns.h - work done inside another network namespace, and interfaces there by way of a control socket.
 * A socket stays in the namespace it was made in, so only making it needs the detour.
 * Thread: C. */
#ifndef DATAPATH_PORT_NETNS_H
#define DATAPATH_PORT_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/port.h"

/* Opens a namespace by name (below /var/run/netns) or path into h->netns_fd; conf->netns NULL: leaves -1. */
int port_netns_open(struct port_handle *h, const struct port_conf *conf, struct errbuf *e);
/* Does the name lead to that namespace still?  One that was deleted lives on while we hold sockets in it, out of everybody's
 * sight: a port in it is as good as gone. */
bool netns_is_there(const struct netns_mark *m);
/* Runs `fn` in the namespace in a thread of its own, and returns what it returns; netns_fd -1: just calls it. */
int netns_call(int netns_fd, int (*fn)(void *arg), void *arg);

/* Interfaces, through any socket made in their namespace.  -ENODEV: there is none (any more). */
int iface_index(int fd, const char *name);
int iface_set_up(int fd, int ifindex, bool is_up);
int iface_set_mtu(int fd, int ifindex, uint16_t mtu);
int iface_set_mac(int fd, int ifindex, const uint8_t mac[6]);
/* Fills in all of `out`; a vanished interface is reported as gone. */
void iface_status(int fd, int ifindex, struct port_status *out);

#endif
