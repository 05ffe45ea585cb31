/* SPDX-License-Identifier: Apache-2.0 */
/* lab_gateway.h - what hosts of a lab need to use routers: default routes, the MTU of their network, or a DHCP client that
 * gets all of it.   Flow: lab_up -> [lab_gateway] -> namespaces of hosts. */
#ifndef TOOLS_LAB_GATEWAY_H
#define TOOLS_LAB_GATEWAY_H

#include "tools/lab.h"

/* Hosts in a network outside get no route: to them the lab is the Internet's other end.  The network works already. */
int lab_gateway_start(const struct lab *lab, struct errbuf *e);
/* Whether a host of the network reaches other networks by its router. */
bool lab_gateway_leads_out(const struct net_doc *doc, int network, uint8_t family);

#endif
