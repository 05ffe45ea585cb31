/* SPDX-License-Identifier: Apache-2.0 */
/* port.h - where frames come in and go out: one small ops table per kind, the same for a tap, a kernel interface, a DPDK
 * device and the arrays of a unit test.
 * Flow: [port rx] -> parse -> classify -> act -> [port tx].
 *
 * Frames are rte_mbufs.  Offloads travel with the frame as DPDK transmit flags, whatever port it came from:
 *   RTE_MBUF_F_TX_TCP_CKSUM / _UDP_CKSUM / _SCTP_CKSUM   the L4 checksum is still to be done; for TCP and UDP its field
 *       holds the pseudo-header sum, L4 length included (the kernel's CHECKSUM_PARTIAL convention, also with TSO)
 *   RTE_MBUF_F_TX_TCP_SEG, _UDP_SEG                      still to be cut into tso_segsz bytes of payload
 *   RTE_MBUF_F_TX_IPV4 / _IPV6                           set with either; l2_len, l3_len, l4_len are then valid
 * Whoever inserts or removes header bytes keeps l2_len/l3_len true.  A port does in software what its device cannot. */
#ifndef DATAPATH_PORT_H
#define DATAPATH_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"

struct rte_mbuf;
struct rte_mempool;
struct port;

enum port_type { PORT_TAP, PORT_NETDEV, PORT_DPDK, PORT_MEM, PORT_TYPES };
enum { PORT_QUEUES_MAX = 16, PORT_NAME_SIZE = 32, PORT_BURST = 32 };

/* What the configuration says of a port; strings are borrowed during the call. */
struct port_conf {
    const char *name; /* unique in the daemon; also the interface's name for a tap (at most 15 bytes) */
    enum port_type type;
    const char *device;       /* netdev: interface name; NULL: `name` */
    const char *devargs;      /* dpdk: what EAL takes */
    const char *netns;        /* tap, netdev: a name below /var/run/netns, or a path; NULL: the daemon's own */
    const char *addresses[8]; /* tap: "10.0.0.1/24", "fd00::1/64" given to the interface inside `netns`; NULL ends */
    const char *gateway;      /* tap: default route inside `netns`, or NULL */
    uint8_t mac[6];           /* tap: of the host's side; all zero: the kernel chooses */
    uint16_t mtu;             /* 0: the device's own */
    uint16_t n_queues;        /* 0: one */
    bool is_xdp;              /* netdev: AF_XDP through net_af_xdp instead of AF_PACKET */
};

/* Counters that a port keeps itself.  Writers: the workers, each its own queue's; read by anyone, relaxed. */
struct port_stats {
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes;
    uint64_t rx_dropped; /* the device had them, we could not take them (no mbuf) */
    uint64_t tx_dropped; /* the device did not take them */
    uint64_t rx_errors, tx_errors;
    uint64_t tx_too_big; /* of tx_errors or tx_dropped: larger than the device takes, not to be cut (DROP_TOO_BIG) */
    uint64_t rx_frame_err, rx_over_err, rx_crc_err, collisions;
};

/* What the control thread reports of a port. */
struct port_status {
    bool is_link_up; /* carrier */
    bool is_admin_up;
    bool is_gone;   /* the device vanished; the port gives and takes nothing more */
    uint8_t mac[6]; /* of the switch's side where there is one, else of the interface */
    uint16_t mtu;
    uint32_t speed_mbps; /* 0: unknown */
    bool is_full_duplex;
};

struct port_ops {
    const char *type_name;
    /* Takes up to `n` received frames of a queue; returns how many.  The caller owns them.  Thread: the W that owns the queue. */
    uint16_t (*rx)(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
    /* Sends, or frees and counts, every frame; takes them all.  Thread: the W that owns the queue. */
    void (*tx)(struct port *p, unsigned queue, struct rte_mbuf **frames, uint16_t n);
    /* The rest: thread C. */
    void (*status)(struct port *p, struct port_status *out);
    int (*set_admin_up)(struct port *p, bool is_up);
    void (*stats)(struct port *p, struct port_stats *out); /* all queues summed */
    void (*close)(struct port *p);
};

/* What every kind begins with; the kind's own state follows. */
struct port {
    const struct port_ops *ops;
    char name[PORT_NAME_SIZE];
    enum port_type type;
    uint16_t n_queues;
    int rx_fd[PORT_QUEUES_MAX]; /* readable when frames wait in that queue; -1: must be polled */
};

/* Which namespace a name led to when the port was opened. */
struct netns_mark {
    char path[256]; /* "": the daemon's own */
    uint64_t device, inode;
};

/* Opening is two steps, so that a privileged process can do the first for one that is not (design, section 7):
 * `port_acquire` creates or finds the device and fills `h` with descriptors (nothing for dpdk and mem);
 * `port_open` makes a port of them.  port_open takes the descriptors, also when it fails. */
struct port_handle {
    int n_fds;
    int fds[PORT_QUEUES_MAX + 2];
    char ifname[16];
    int ifindex;
    int netns_fd; /* the namespace the device lives in, -1: the daemon's own */
    struct netns_mark netns;
};

int port_acquire(struct port_handle *h, const struct port_conf *conf, struct errbuf *e);
void port_handle_release(struct port_handle *h);
/* `pool` is where received frames come from; borrowed until port_close. */
int port_open(struct port **out, const struct port_conf *conf, struct port_handle *h, struct rte_mempool *pool,
              struct errbuf *e);
void port_close(struct port *p); /* no worker may hold it any more; NULL is fine */

const char *port_type_name(enum port_type t);
int port_type_by_name(const char *name); /* enum port_type, or -ENOENT */

#endif
