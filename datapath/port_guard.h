/* SPDX-License-Identifier: Apache-2.0 */
/* port_guard.h - keeps what an interface receives from the host's own stack, while packet sockets still get it.
 * Spec: nftables' netlink interface (linux/netfilter/nf_tables.h).
 * Thread: C, or a visit to a namespace (netns_call). */
#ifndef DATAPATH_PORT_GUARD_H
#define DATAPATH_PORT_GUARD_H

#include "base/errbuf.h"

/* Gives a descriptor; the guard stands as long as any copy of it is open, so it ends with the process, however that ends.
 * `port` is for the sentence.  -EEXIST: this process guards the interface already; -EOPNOTSUPP: the kernel has no nftables. */
int guard_open(const char *ifname, int ifindex, const char *port, struct errbuf *e);

#endif
