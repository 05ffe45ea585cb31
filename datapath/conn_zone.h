/* SPDX-License-Identifier: Apache-2.0 */
/* conn_zone.h - what is set for the zones of a table of connections: timeouts and limits.
 * Thread: C sets, W asks, at any time. */
#ifndef DATAPATH_CONN_ZONE_H
#define DATAPATH_CONN_ZONE_H

#include "datapath/conn.h"

struct conn_zones;

struct conn_zones *conn_zones_new(void);                                                    /* NULL: no memory */
void conn_zones_free(struct conn_zones *z);                                                 /* NULL is fine */
int conn_zones_set(struct conn_zones *z, uint16_t zone, const struct conn_zone_conf *conf); /* -ENOMEM */
void conn_zones_get(const struct conn_zones *z, uint16_t zone, struct conn_zone_conf *out);

/* UINT32_MAX: there is no limit. */
uint32_t conn_zones_limit(const struct conn_zones *z, uint16_t zone);
uint32_t conn_zones_host_limit(const struct conn_zones *z, uint16_t zone);
uint32_t conn_zones_timeout_s(const struct conn_zones *z, uint16_t zone, enum conn_timer timer);

#endif
