/* SPDX-License-Identifier: Apache-2.0 */
/* lab_net.h - what a lab is made of in the kernel: namespaces, links, interfaces.
 * Flow: document -> [lab_net_build] -> switch daemons -> [lab_net_wait].   Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. */
#ifndef TOOLS_LAB_NET_H
#define TOOLS_LAB_NET_H

#include "tools/lab.h"

/* Makes the namespaces, the veth pairs of links and of hosts attached by `netdev` (up), the taps of VMs.  Taps of hosts are made
 * by the switch daemons.  On failure what was made stays, for lab_net_remove.  -EEXIST: a name is taken. */
int lab_net_build(const struct lab *lab, struct errbuf *e);
/* Waits until every interface of a host is up and has a carrier.  -ETIMEDOUT. */
int lab_net_wait(const struct lab *lab, struct errbuf *e);
/* Removes every namespace of the lab, and with them what is inside; processes must have ended. */
int lab_net_remove(const char *lab, struct errbuf *e);

#endif
