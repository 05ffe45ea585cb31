/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.h - hosts that the document does not have, as they were last seen.  They are forgotten when the switch says that
 * their flow was idle, or when their port goes.
 * Flow: packet-in, flow-removed -> [hosts] -> view -> compiler.   Thread: C. */
#ifndef CONTROLLER_HOSTS_H
#define CONTROLLER_HOSTS_H

#include "base/hmap.h"
#include "net/net_doc.h"

enum { HOSTS_MAX = 65536, HOSTS_PER_PORT_MAX = 256, HOSTS_MOVE_MS = 200 };

struct host {
    struct hmap_link link;
    net_mac mac;
    uint16_t vlan;
    uint64_t datapath_id;
    uint32_t port;
    uint64_t since_ns; /* at this port */
    uint32_t n_moves;
};

struct host_place {
    uint64_t datapath_id;
    uint32_t port;
};

struct hosts {
    struct hmap map;   /* by (vlan, mac) */
    struct hmap ports; /* those that have some */
};

enum hosts_news { HOSTS_SAME, HOSTS_NEW, HOSTS_MOVED, HOSTS_REFUSED };

void hosts_init(struct hosts *h);
void hosts_fini(struct hosts *h);
/* A frame from `mac` came in there.  Refused: HOSTS_MAX are known, or HOSTS_PER_PORT_MAX there; it moved less than
 * HOSTS_MOVE_MS ago (a loop, or two with one address); or memory ran out. */
enum hosts_news hosts_see(struct hosts *h, uint16_t vlan, net_mac mac, struct host_place at, uint64_t now_ns);
size_t hosts_at(const struct hosts *h, struct host_place at); /* how many are known there */
/* Forgets it if it is still there. */
bool hosts_forget(struct hosts *h, uint16_t vlan, net_mac mac, struct host_place at);
/* Forgets all at a port that is gone; port 0: of the whole switch.  Returns how many. */
size_t hosts_forget_place(struct hosts *h, struct host_place at);

#define for_each_host(h_, hosts_) for_each_hmap (struct host, h_, &(hosts_)->map, link)

#endif
