/* SPDX-License-Identifier: Apache-2.0 */
/* lease_store.h - DHCP leases on disk, so that a controller that starts anew gives nobody's address to another.
 * RFC 2131, 2.1, wants them in stable storage.  Times are kept by the wall clock.   Thread: C. */
#ifndef CONTROLLER_LEASE_STORE_H
#define CONTROLLER_LEASE_STORE_H

#include "base/errbuf.h"
#include "controller/dhcp6.h"

struct lease_store;

/* Makes the file when it is not there.  -EINVAL: it is none of ours; other errors as the sentence says. */
int lease_store_open(struct lease_store **out, const char *path, struct errbuf *e);
void lease_store_close(struct lease_store *s); /* NULL is fine */

/* Every lease that has not ended, as bound. */
int lease_store_load(struct lease_store *s, struct dhcp_server *server, uint64_t now_ns, struct errbuf *e);
int lease_store_load6(struct lease_store *s, struct dhcp6_server *server, uint64_t now_ns, struct errbuf *e);
/* A lease that was given or prolonged; one that was given back.  Errors are logged: the client has its address all the same. */
void lease_store_put(struct lease_store *s, const struct dhcp_lease *l, uint64_t now_ns);
void lease_store_remove(struct lease_store *s, uint16_t vlan, uint32_t address);
void lease_store_put6(struct lease_store *s, const struct dhcp6_lease *l, uint64_t now_ns);
void lease_store_remove6(struct lease_store *s, uint16_t vlan, const struct ip_addr *ip);

#endif
