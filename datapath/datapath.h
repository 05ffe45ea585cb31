/* SPDX-License-Identifier: Apache-2.0 */
/* datapath.h - the switch without its control: bridges of ports and tables, the workers that carry frames through them,
 * and the version by which changes become visible.
 * Flow: port rx -> parse -> cache or tables -> program -> port tx; frames for the controller leave by the event ring.
 *
 * Thread: C for everything here unless said otherwise.  Numbers are host order. */
#ifndef DATAPATH_DATAPATH_H
#define DATAPATH_DATAPATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "datapath/drop.h"
#include "datapath/learn.h"
#include "datapath/rule.h"
#include "datapath/stat.h"

struct bridge;
struct clock;
struct datapath;
struct mac_table;
struct port;
struct rte_mbuf;
struct rte_mempool;
struct shaper_conf;
struct shaper_stats;

enum { DP_WORKERS_MAX = 16, DP_PORTS_MAX = 1024, DP_BRIDGES_MAX = 64, DP_TABLES = 254, DP_INDEX_NONE = 0xffff };

struct datapath_conf {
    unsigned n_workers;        /* 1..DP_WORKERS_MAX */
    int cpu[DP_WORKERS_MAX];   /* where each runs; -1: anywhere */
    bool is_manual;            /* no threads: the caller runs datapath_poll() (unit tests) */
    uint32_t conns_max;        /* connections tracked at once; 0: default (2^18) */
    size_t cache_bytes;        /* of a worker's cache; 0: default (8 MiB) */
    struct rte_mempool *pool;  /* for packet-outs and copies; borrowed */
    const struct clock *clock; /* borrowed */
};

int datapath_open(struct datapath **out, const struct datapath_conf *conf, struct errbuf *e);
void datapath_close(struct datapath *dp); /* stops the workers; bridges and ports must be gone */
/* Frees what no worker can hold any more; call it from the loop, a few times a second and after changes. */
void datapath_reclaim(struct datapath *dp);
/* Runs worker `w` once over its queues (is_manual only); returns how many frames it took in. */
unsigned datapath_poll(struct datapath *dp, unsigned w);

/* --- bridges --- */
int bridge_open(struct bridge **out, struct datapath *dp, struct errbuf *e);
void bridge_close(struct bridge *b); /* its ports and rules must be gone */
/* On: every frame is handled as if by NORMAL, whatever the tables say (fail-standalone, OpenFlow 1.3.5, 6.4). */
void bridge_set_standalone(struct bridge *b, bool is_on);
/* What becomes of IP fragments that come in.  Those that are put together (reassembly.c) go through the tables as one
 * frame, and are cut again at a port with a smaller MTU. */
enum fragment_mode { FRAGMENTS_NORMAL, FRAGMENTS_DROP, FRAGMENTS_JOIN }; /* values of OpenFlow 1.3.5, 7.3.2 */
int bridge_set_fragments(struct bridge *b, enum fragment_mode mode);     /* -ENOMEM, -EBUSY: nothing has changed */
struct mac_table *bridge_macs(struct bridge *b);

/* --- ports --- */
/* How NORMAL treats a port's tags (IEEE 802.1Q). */
enum vlan_mode { VLAN_TRUNK, VLAN_ACCESS, VLAN_NATIVE_TAGGED, VLAN_NATIVE_UNTAGGED };
struct vlan_conf {
    enum vlan_mode mode;
    uint16_t vid;        /* access or native VLAN, 1..4094 */
    bool is_all;         /* trunk and native: every VLAN */
    uint64_t trunks[64]; /* else those whose bit is set */
};

enum port_flag { /* values of OpenFlow 1.3.5, 7.2.1, enum ofp_port_config; NO_FLOOD is 1.0's */
                 PORT_FLAG_DOWN = 1 << 0,
                 PORT_FLAG_NO_RECV = 1 << 2,
                 PORT_FLAG_NO_FLOOD = 1 << 4,
                 PORT_FLAG_NO_FWD = 1 << 5,
                 PORT_FLAG_NO_PACKET_IN = 1 << 6,
};

/* Puts an open port on a bridge as OpenFlow port `number`; borrows `p` until datapath_port_remove.  Gives the index by which the
 * datapath knows it.  -EEXIST: the number is taken. */
int datapath_port_add(struct bridge *b, struct port *p, uint32_t number, const struct vlan_conf *vlan, uint16_t *index,
                      struct errbuf *e);
/* After it returns no worker touches the port: the caller may close it. */
void datapath_port_remove(struct datapath *dp, uint16_t index);
void datapath_port_set_flags(struct datapath *dp, uint16_t index, unsigned flags);
/* Whether the port's link is up, as control sees it (it is, to begin with): buckets of groups that watch it are live.  Like
 * PORT_FLAG_DOWN, and adding or removing a port, a change publishes a version: not amid changes that wait for a commit. */
void datapath_port_set_link(struct datapath *dp, uint16_t index, bool is_up);
/* What the port's device takes: bytes of an IP packet; 0, as to begin with: not known. */
void datapath_port_set_mtu(struct datapath *dp, uint16_t index, uint16_t mtu);
int datapath_port_set_vlan(struct datapath *dp, uint16_t index, const struct vlan_conf *vlan);
/* Has the workers wait again for descriptors that they left because of an error, as when the device went down; nothing
 * otherwise.  To be called now and then while the device is up: it may go down and come back unseen. */
void datapath_port_rearm(struct datapath *dp, uint16_t index);
/* Gives the port these queues in place of those it has (shaper.h; NULL: none); frames that wait are lost.
 * -EINVAL, -ENOMEM: nothing has changed. */
int datapath_port_set_queues(struct datapath *dp, uint16_t index, const struct shaper_conf *conf);
int datapath_port_queue_stats(const struct datapath *dp, uint16_t index, uint32_t queue,
                              struct shaper_stats *out); /* -ENOENT */
/* Copies every frame that the port takes in or sends, up to `snaplen` bytes, to the event ring; 0: stops. */
void datapath_port_capture(struct datapath *dp, uint16_t index, uint32_t snaplen);

/* --- receive queues: each is polled by one worker.  A new port's are spread over the workers in turn --- */
struct queue_info {
    unsigned worker;
    bool is_pinned; /* datapath_balance() leaves it where it is */
    float
        cpu_part; /* that its frames took of a CPU, when it was looked at last; 0 in a datapath that nobody balances */
};
int datapath_queue_info(const struct datapath *dp, uint16_t port, unsigned queue, struct queue_info *out); /* -ENOENT */
/* From now on that worker polls the queue, and goes on to until it is told otherwise.  No frame is lost, and none of a flow
 * overtakes another.  -ENOENT; -ENOMEM: it stays where it was. */
int datapath_queue_move(struct datapath *dp, uint16_t port, unsigned queue, unsigned worker);
int datapath_queue_free(struct datapath *dp, uint16_t port, unsigned queue); /* it is not pinned any more; -ENOENT */
/* Looks once a second at what queues cost, and moves one when their workers are far from even; to be called as
 * datapath_reclaim() is. */
void datapath_balance(struct datapath *dp);
uint64_t datapath_queues_moved(const struct datapath *dp);

/* --- rules (and group.h, meter.h): nothing is visible before datapath_commit, then everything at once --- */
struct rule_conf {
    uint8_t table_id;
    uint16_t priority;
    const struct match *match;
    const struct rule_code *code;
    uint64_t cookie;
    const struct rule *replaces;         /* whose statistics slot it takes over, or NULL */
    const struct compact_match *compact; /* instead of `match`, from who has it; else NULL */
};
/* Copies match and code. */
int rule_new(struct rule **out, struct bridge *b, const struct rule_conf *conf);
/* A rule with that match will be added soon: asks memory for what that reads. */
void bridge_rule_expect(const struct bridge *b, uint8_t table_id, const struct compact_match *match);
/* Adds / removes in the version being made.  A removed rule is freed after the grace period; a rule that replaces it must
 * have been added before. */
int bridge_rule_add(struct bridge *b, struct rule *r); /* takes the rule, also when it fails: -ENOMEM */
void bridge_rule_remove(struct bridge *b, struct rule *r);
/* Takes back what was added and removed since the last commit. */
void datapath_abort(struct datapath *dp);
/* Publishes.  A frame that a port takes in after this returns meets the new rules (what a barrier promises). */
void datapath_commit(struct datapath *dp);
uint64_t datapath_version(const struct datapath *dp);

/* learn.h, rooms: how many flows there are; and what a worker asked for was answered. */
void bridge_learn_room_set(struct bridge *b, uint16_t room, uint32_t n_flows);
void bridge_learn_room_answer(struct bridge *b, uint16_t room);

void rule_stats(const struct bridge *b, const struct rule *r, struct rule_stat *out);
struct table_stats {
    uint64_t lookups, matched;
};
void bridge_table_stats(const struct bridge *b, uint8_t table_id, struct table_stats *out);

/* --- counters --- */
void datapath_drops(const struct datapath *dp, uint64_t out[DROP_N]);
/* Counts a frame that control drops. */
void datapath_lose(struct datapath *dp, enum drop why);
struct worker_stats {
    uint64_t frames, cache_hits, cache_misses, polls, sleeps;
    uint64_t joined, cut; /* datagrams put together of fragments, and cut again */
};
void datapath_worker_stats(const struct datapath *dp, unsigned w, struct worker_stats *out);
/* Where the cycles of frames that came in by ports go: taking them in, making keys, finding programs (or making them), running
 * these, sending.  Sums since the start, of the bursts that were timed. */
enum stage { STAGE_RX, STAGE_KEY, STAGE_LOOKUP, STAGE_RUN, STAGE_TX, STAGES };
struct worker_times {
    uint64_t frames, cycles[STAGES];
    uint64_t hz; /* cycles a second */
};
void datapath_worker_times(const struct datapath *dp, unsigned w, struct worker_times *out);
/* The longest times that worker `w` did not look at its queues since this was asked last, sleep excepted; less than some
 * 20 us are 0. */
struct worker_gap {
    uint64_t own_ns;    /* for what it did itself (or an interrupt) */
    uint64_t absent_ns; /* the kernel had given its CPU to another thread */
};
void datapath_worker_gap(struct datapath *dp, unsigned w, struct worker_gap *out);

/* --- frames to and from the control thread --- */
enum event_type { EVENT_PACKET_IN, EVENT_LEARN, EVENT_FIN, EVENT_CAPTURE_RX, EVENT_CAPTURE_TX };
enum event_reason { /* values of OpenFlow 1.3.5, 7.4.1 */
                    EVENT_NO_MATCH,
                    EVENT_ACTION,
                    EVENT_INVALID_TTL,
};
enum { EVENT_FIELDS = 29 };
extern const enum field_id event_fields[EVENT_FIELDS]; /* what a frame carries beside its bytes, but for its port */
struct event {
    enum event_type type;
    enum event_reason reason;
    struct bridge *bridge; /* packet-in */
    uint32_t in_port;      /* packet-in: OpenFlow number */
    uint16_t port;         /* capture: datapath index */
    uint8_t table_id;
    uint16_t max_len; /* bytes asked for; 0xffff: all */
    uint16_t controller_id;
    uint16_t n_userdata;
    union {
        uint8_t userdata[ACT_USERDATA_MAX];
        struct learned learned; /* EVENT_LEARN: has no frame */
        struct {
            uint32_t stat; /* of the rule */
            struct fin_timeout to;
        } fin; /* EVENT_FIN: has no frame, but table_id and cookie of the rule */
    };
    struct value fields[EVENT_FIELDS]; /* of event_fields */
    uint64_t cookie;
    uint64_t time_ns;
    uint32_t frame_len;     /* of the whole frame */
    struct rte_mbuf *frame; /* shared, read only; may have checksums to be done (port.h) */
    struct rte_mbuf *state; /* packet-in: what datapath_resume() needs to go on with the frame; NULL: nothing waits */
};
/* Readable when events wait. */
int datapath_event_fd(const struct datapath *dp);
/* Calls `fn` for up to `max` waiting events; the frame is freed when it returns.  Returns how many. */
unsigned datapath_events(struct datapath *dp, unsigned max, void (*fn)(void *arg, const struct event *ev), void *arg);

/* Has a worker do `acts` on a frame as if it had come in by `in_port` (packet-out, OpenFlow 1.3.5, 7.3.7).  Copies the frame.
 * -ENOBUFS: no mbuf or the ring is full; -E2BIG: the actions do not fit. */
int datapath_send(struct bridge *b, uint32_t in_port, const struct act *acts, size_t n_acts, const void *frame,
                  size_t len);

/* A frame that waited for the controller. */
struct paused {
    uint32_t in_port;
    struct value fields[EVENT_FIELDS];
    const void *state; /* the bytes of event.state, as they were: they are trusted */
    size_t n_state;
    const void *frame;
    size_t len;
};
/* Has a worker go on with it.  Copies everything.  -EINVAL: no such state; -ENOBUFS: no mbuf or the ring is full. */
int datapath_resume(struct bridge *b, const struct paused *p);

#endif
