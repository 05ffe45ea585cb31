/* SPDX-License-Identifier: Apache-2.0 */
/* mac_table.h - remembers on which port each (vlan, mac) was last seen.
 * Flow: parse -> [mac_table] -> output (NORMAL).   Spec: IEEE 802.1Q, learning and filtering database.
 * One table a bridge, of fixed size, lock-free: several workers read and write it at once. */
#ifndef DATAPATH_MAC_TABLE_H
#define DATAPATH_MAC_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct mac_table;

enum { MAC_PORT_NONE = 0xffff };

int mac_table_new(struct mac_table **out, uint32_t n_entries); /* rounded up to a power of two */
void mac_table_free(struct mac_table *t);

/* mac: 48 bits in the low bits, host order (as FIELD_ETH_SRC).  vlan: 0..4095, 0 for untagged.  port: datapath index.
 * now_ms: monotonic milliseconds.  A group address or zero is not learned.  Thread: any W. */
void mac_table_learn(struct mac_table *t, uint64_t mac, uint16_t vlan, uint16_t port, uint64_t now_ms);
/* MAC_PORT_NONE when unknown or older than the aging time: the caller floods.  Thread: any. */
uint16_t mac_table_find(const struct mac_table *t, uint64_t mac, uint16_t vlan, uint64_t now_ms);

/* Thread: C.  A frame under way may learn after a flush: flush a port that goes away when no worker has it any more. */
void mac_table_set_aging(struct mac_table *t, uint32_t seconds); /* default 300 */
void mac_table_flush_port(struct mac_table *t, uint16_t port);
void mac_table_flush(struct mac_table *t);

struct mac_entry {
    uint64_t mac;
    uint16_t vlan, port;
    uint32_t age_s;
};
/* Walks the live entries: start with *at = 0; false at the end. */
bool mac_table_next(const struct mac_table *t, uint32_t *at, uint64_t now_ms, struct mac_entry *out);

#endif
