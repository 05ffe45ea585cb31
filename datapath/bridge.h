/* SPDX-License-Identifier: Apache-2.0 */
/* bridge.h - inside the datapath: what a bridge is, and how its ports look to a worker.
 * C writes, W reads under RCU; datapath.h is the outside. */
#ifndef DATAPATH_BRIDGE_H
#define DATAPATH_BRIDGE_H

#include <assert.h>
#include <stdatomic.h>

#include "base/match.h"
#include "datapath/change_log.h"
#include "datapath/datapath.h"
#include "datapath/mask_close.h"
#include "datapath/object.h"
#include "datapath/port.h"
#include "datapath/table.h"

/* The words of a key that differ between plain frames. */
enum plain_column { PLAIN_DST, PLAIN_SRC, PLAIN_TPID, PLAIN_IP, PLAIN_IPV4, PLAIN_L4, PLAIN_COLUMNS };

/* What a lookup at an entry point of a bridge reads: the key words in use, and the mask of each. */
struct entry_mask {
    uint64_t serial; /* changes with every new mask, of whatever bridge */
    struct key_map map;
    unsigned layers;    /* what must be parsed for it */
    uint16_t n, n_meta; /* words; of these, the first ones, of LAYER_META */
    uint8_t word[KEY_WORDS];
    uint64_t mask[KEY_WORDS];
    /* what of it can differ between plain frames of one port (plain.h) */
    uint16_t n_plain;
    uint8_t plain[PLAIN_COLUMNS]; /* enum plain_column */
    uint64_t plain_mask[PLAIN_COLUMNS];
    uint8_t plain_place[KEY_WORDS]; /* which of these a key word is; ENTRY_NO_PLACE */
    uint8_t place[KEY_WORDS];       /* where in `word` each key word is; ENTRY_NO_PLACE */
};
enum { ENTRY_NO_PLACE = UINT8_MAX };
static_assert(KEY_WORDS <= UINT8_MAX, "key words are numbered by a byte");

static inline bool entry_reads_in_port(const struct entry_mask *m)
{
    return m->n_meta && m->word[0] == field_place[FIELD_IN_PORT].word;
}

struct shaper;

/* A port as workers see it. */
struct dp_port {
    struct port *port;
    struct bridge *bridge;
    uint32_t number;          /* OpenFlow's */
    uint16_t index;           /* the datapath's */
    uint32_t serial;          /* no other port, before or after, has it */
    _Atomic unsigned flags;   /* enum port_flag */
    atomic_bool is_link_down; /* as control last saw it; for the liveness of buckets */
    atomic_bool
        is_unwatched; /* a worker met an error of a descriptor and waits for it no longer (datapath_port_rearm) */
    _Atomic uint32_t snaplen; /* of a capture; 0: none */
    _Atomic uint16_t mtu;     /* of the device; 0: not known */
    _Atomic(const struct vlan_conf *) vlan;
    _Atomic(struct shaper *) shaper;  /* NULL: frames are sent at once; shaped.c */
    int16_t tx_queue[DP_WORKERS_MAX]; /* the queue a worker may send by; -1: it hands frames to tx_owner */
    uint8_t tx_owner[DP_WORKERS_MAX];
    uint8_t rx_owner[PORT_QUEUES_MAX];           /* by queue: which worker polls it; QUEUE_NOBODY: none just now */
    _Atomic uint64_t rx_cycles[PORT_QUEUES_MAX]; /* W: that its frames cost, of one burst in TIMED_PART */
    /* C only */
    uint16_t pinned; /* by queue: it stays where it is */
    struct queue_load {
        uint64_t cycles; /* rx_cycles when it was looked at last */
        float part;      /* of a CPU that it took, from the look before to that one */
    } load[PORT_QUEUES_MAX];
};

/* The ports of a bridge, by OpenFlow number. */
struct port_map {
    uint16_t n;
    struct {
        uint32_t number;
        uint16_t index;
    } at[];
};

/* A worker's counts for one table. */
struct table_counter {
    _Atomic uint64_t lookups, matched;
};

struct bridge {
    struct datapath *dp;
    uint16_t index;
    atomic_bool is_standalone;
    _Atomic enum fragment_mode fragments;
    _Atomic(struct table *) tables[DP_TABLES];
    _Atomic(const struct entry_mask *) entry;
    _Atomic(const struct port_map *) ports;
    struct mac_table *macs;
    struct object_table groups, meters;
    struct learn_room learn_rooms[LEARN_ROOMS];
    struct change_log changes;                      /* of rules, groups, meters and ports */
    struct table_counter *counters[DP_WORKERS_MAX]; /* DP_TABLES each; W `i` writes [i] */
    /* C only */
    uint64_t mask_serial[DP_TABLES];
    uint64_t narrow_ns; /* when the entry mask may become narrower; UINT64_MAX: it is as narrow as may be */
    struct act_counts acts;
};

static inline const struct table *bridge_table(const struct bridge *b, uint8_t table_id)
{
    return atomic_load_explicit(&b->tables[table_id], memory_order_acquire);
}

/* W: then worker->reassembly is there. */
static inline bool joins_fragments(const struct bridge *b)
{
    return atomic_load_explicit(&b->fragments, memory_order_acquire) == FRAGMENTS_JOIN;
}

/* The datapath index of an OpenFlow port, DP_INDEX_NONE when the bridge has none of that number. */
uint16_t bridge_port_index(const struct bridge *b, uint32_t number);

/* C: table_tend() for all tables. */
void bridge_tend(struct bridge *b);

/* C: makes the bridge's entry mask anew when its rules' masks or actions have changed. */
int bridge_update_mask(struct bridge *b);
/* C: makes it as narrow as it may be, some time after that has become possible.  To be called now and then. */
void bridge_narrow_mask(struct bridge *b);

#endif
