/* SPDX-License-Identifier: Apache-2.0 */
/* port_route.h - addresses and default route of a tap's interface, by rtnetlink.
 * Thread: C, or a visit to a namespace (netns_call). */
#ifndef DATAPATH_PORT_ROUTE_H
#define DATAPATH_PORT_ROUTE_H

#include "datapath/port.h"

/* Refuses addresses and a gateway that are none, before anything is made. */
int route_check(const struct port_conf *conf, struct errbuf *e);
/* Gives them to the interface, in the calling thread's namespace. */
int route_configure(int ifindex, const struct port_conf *conf, struct errbuf *e);

#endif
