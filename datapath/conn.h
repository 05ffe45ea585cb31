/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - the connections that the switch tracks, one table for all workers.
 * Flow: conn_packet_read -> [conn_find ... conn_unlock] or [conn_insert] -> the frame's ct fields.
 * Spec: design in ARCHITECTURE.md; timeouts RFC 5382 (TCP), RFC 4787 and 7857 (UDP), RFC 5508 (ICMP).
 *
 * A connection has two tuples: the one of who began, and the one of the answers, which is the inverse of the first after
 * translation, of the other family even (nat64.h).  Both are in the table, and no two connections of a table share one.
 * Entries that are no connections, but are held by some (conn_holder.h), are in it too.
 *
 * Thread: W, several at once, unless said otherwise.  Nothing is allocated after conn_table_new(). */
#ifndef DATAPATH_CONN_H
#define DATAPATH_CONN_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include "datapath/conn_tcp.h"
#include "datapath/conn_tuple.h"

struct conn_table;
struct port_pools;

enum conn_dir { CONN_ORIGINAL, CONN_REPLY, CONN_DIRS };

/* Bits of the field ct_state, values of Open vSwitch's. */
enum {
    CT_NEW = 1 << 0,
    CT_EST = 1 << 1,
    CT_REL = 1 << 2,
    CT_RPL = 1 << 3,
    CT_INV = 1 << 4,
    CT_TRK = 1 << 5,
    CT_SNAT = 1 << 6,
    CT_DNAT = 1 << 7,
};

/* Whose time it is that a connection waits for its next frame. */
enum conn_timer {
    CONN_TCP_SYN_SENT,
    CONN_TCP_SYN_RECV,
    CONN_TCP_ESTABLISHED,
    CONN_TCP_FIN_WAIT,
    CONN_TCP_TIME_WAIT,
    CONN_TCP_CLOSE,
    CONN_UDP_FIRST,  /* nothing came back yet */
    CONN_UDP_SINGLE, /* only one side has sent more than once */
    CONN_UDP_STREAM,
    CONN_ICMP_FIRST,
    CONN_ICMP_REPLY,
    CONN_SCTP_FIRST,
    CONN_SCTP_ESTABLISHED,
    CONN_SCTP_CLOSE,
    CONN_OTHER_FIRST,
    CONN_OTHER_STREAM,
    CONN_TIMERS
};
extern const uint32_t conn_timer_default_s[CONN_TIMERS];
const char *conn_timer_name(enum conn_timer t);

enum conn_helper { CONN_HELPER_NONE, CONN_HELPER_FTP, CONN_HELPER_TFTP };

/* By how much a helper has shifted the sequence numbers of one side that are behind `at`, and how much of that those up to it do
 * not have yet (conn_helper.h).  A line grows by tens of bytes at most: 24 bits are half a million such lines. */
struct conn_shift {
    uint32_t at;
    int32_t after : 24, last : 8;
};

/* Under `lock`, but for what says otherwise.  In lines of the cache, of which the first two are touched for each frame, the
 * third for one in COUNTED_LATER of each side and those with labels, the fourth for TCP. */
enum { COUNTED_LATER = 64 };
struct conn {
    alignas(64) struct conn_tuple original;
    _Atomic uint32_t lock;   /* odd: held */
    _Atomic uint32_t doomed; /* C: the serial of the connection that is to be thrown out */
    uint32_t serial;         /* another each time that this place is taken */
    uint32_t expiry;         /* what the table has as its time, in ticks */
    uint8_t timer;           /* enum conn_timer */
    uint8_t nat;             /* CT_SNAT | CT_DNAT, of the original direction */
    uint8_t helper;          /* enum conn_helper; of a mapping: enum nat_filtering */
    bool is_dead : 1;        /* out of the table, or on its way */
    bool is_answered : 1;    /* frames have come from both sides */
    bool is_repeated : 1;    /* more than one has, from who began */
    bool is_weak : 1;        /* as the table has it: may be pushed out */
    bool is_related : 1;     /* of a master connection */
    bool has_label : 1;      /* it is not zero */
    uint32_t holder;         /* index of the entry that it holds; 0: none */
    alignas(64) struct conn_tuple reply;
    uint32_t index; /* constant */
    union {
        uint32_t mark;
        uint32_t n_held; /* of an entry that others hold: how many */
    };
    uint32_t new_bytes[CONN_DIRS]; /* not counted below yet */
    uint16_t new_packets[CONN_DIRS];
    uint8_t prefix_len; /* of NAT64's prefix, in the IPv6 side's dst; 0: both sides are of one family */
    alignas(64) uint64_t packets[CONN_DIRS];
    uint64_t bytes[CONN_DIRS];
    struct value label;
    uint64_t created_ns;
    _Atomic uint32_t counted; /* its serial, as long as it counts as a connection of the table and its zone */
    alignas(64) union {
        struct conn_tcp tcp; /* of TCP only */
        struct {
            uint32_t host_limit; /* of a host's entry: as whoever held it last had it (conn_holder.h) */
            uint32_t n_making;   /* ... how many of those that hold it are mappings that are not in the table yet */
        };
        uint32_t sctp_tag[CONN_DIRS]; /* of SCTP: what each side's frames bear (RFC 9260, 8.5); 0: not known */
        struct {
            uint32_t master, master_serial;
            bool has_source;     /* who begins is to be translated too: */
            struct value source; /* ... to this address */
        } expected;              /* of an entry for a connection that is expected (conn_expect.h) */
    };
    struct conn_shift shift[CONN_DIRS];       /* of a TCP connection with a helper */
    uint32_t expectation, expectation_serial; /* the entry that it made last; 0: none */
};
static_assert(sizeof(struct conn) <= 256, "a million connections take 256 MB");

static inline const struct conn_tuple *conn_tuple_of(const struct conn *c, enum conn_dir dir)
{
    return dir == CONN_ORIGINAL ? &c->original : &c->reply;
}

/* What is set for a zone; 0 in a timer or limit: the default. */
struct conn_zone_conf {
    uint32_t timeout_s[CONN_TIMERS];
    uint32_t limit; /* of connections */
    /* Of those that one host began, or of its mappings; not of those whose destination is translated. */
    uint32_t host_limit;
};

struct conn_table_conf {
    uint32_t max; /* connections in all, 1..CONN_MAX */
    unsigned n_workers;
    uint64_t seed; /* of the hash: hosts must not know it */
};
enum { CONN_MAX = 1 << 22, CONN_ZONES = 65536 };

int conn_table_new(struct conn_table **out, const struct conn_table_conf *conf); /* -ENOMEM, -EINVAL */
void conn_table_free(struct conn_table *t);                                      /* no worker uses it; NULL is fine */

/* The connection that the tuple belongs to, locked, and which side sends like that; NULL: there is none. */
struct conn *conn_find(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple, uint64_t now_ns,
                       enum conn_dir *dir);
/* The same in steps, for many at once: the hash, what is asked of memory for the bucket, then for the connection, then as
 * conn_find(). */
uint64_t conn_hash(const struct conn_table *t, const struct conn_tuple *tuple);
void conn_expect_bucket(const struct conn_table *t, uint64_t hash);
bool conn_expect(const struct conn_table *t, uint64_t hash); /* false: it is likely that there is no such connection */
void conn_expect_none(const struct conn_table *t,
                      uint64_t hash); /* it will be asked for, and is likely not to be there */
/* A connection will be made, after `n_before` others. */
void conn_expect_place(const struct conn_table *t, unsigned worker, unsigned n_before);
struct conn *conn_find_hashed(struct conn_table *t, unsigned worker, const struct conn_tuple *tuple, uint64_t hash,
                              uint64_t now_ns, enum conn_dir *dir);
void conn_unlock(struct conn *c);
/* Counts a frame of a connection that is locked, or not in the table yet. */
static inline void conn_count_frame(struct conn *c, enum conn_dir dir, uint32_t n_bytes)
{
    c->is_repeated |= dir == CONN_ORIGINAL && (c->new_packets[dir] || c->is_repeated);
    c->new_bytes[dir] += n_bytes;
    if (++c->new_packets[dir] < COUNTED_LATER && c->new_bytes[dir] < UINT32_C(1) << 31)
        return;
    c->packets[dir] += c->new_packets[dir];
    c->bytes[dir] += c->new_bytes[dir];
    c->new_packets[dir] = 0;
    c->new_bytes[dir] = 0;
}
/* Takes a connection, which is locked, out of the table, and unlocks it. */
void conn_remove(struct conn_table *t, unsigned worker, struct conn *c);

/* A new connection, not locked, which nobody else knows yet.  NULL: there is no room, in all or in its zone, not even by pushing
 * one out (conn_table.c, Theory). */
struct conn *conn_make(struct conn_table *t, unsigned worker, const struct conn_tuple *original, uint64_t now_ns);
/* Puts it into the table with these answers, and returns 0: it is locked now.  -EEXIST: a connection has the original
 * tuple; -EADDRINUSE: one has the answers: try others, or conn_drop().  -ENOSPC: no room. */
int conn_insert(struct conn_table *t, unsigned worker, struct conn *c, const struct conn_tuple *reply);
/* What is known of the ports that are taken. */
struct port_pools *conn_ports(const struct conn_table *t);
/* A random number. */
uint64_t conn_draw(struct conn_table *t, unsigned worker);
void conn_drop(struct conn_table *t, unsigned worker, struct conn *c);

/* Which of two connections, locked, is to give its port to another: the one with the lower rank, that both sides are done with,
 * else that has the least time left.  CONN_STAYS: one that is answered, and whose TCP handshake is done. */
#define CONN_STAYS UINT64_MAX
uint64_t conn_rank(const struct conn *c);
/* As conn_remove(), of one that gives way. */
void conn_push_out(struct conn_table *t, unsigned worker, struct conn *c);

/* Entries for connections that are expected. */
uint32_t conn_n_expected(const struct conn_table *t);
/* The connection, if it is still that one, locked; NULL: it is gone. */
struct conn *conn_lock_at(struct conn_table *t, uint32_t index, uint32_t serial);
/* conn_expect.c: the entry is over so long from now on. */
void conn_set_time(struct conn_table *t, struct conn *c, uint64_t now_ns, uint64_t ns);

/* conn_holder.c, conn_expect.c: as conn_make(), of an entry that is no connection: it counts for no limit, and never is over. */
struct conn *conn_make_holder(struct conn_table *t, unsigned worker, const struct conn_tuple *original);
/* An entry that the caller holds. */
const struct conn *conn_at(const struct conn_table *t, uint32_t index);
/* Holds the entry no more; who is last removes it.  0: nothing. */
void conn_let_go(struct conn_table *t, unsigned worker, uint32_t index);
void conn_count_refused(struct conn_table *t, unsigned worker); /* a connection of a host that has as many as it may */
uint32_t conn_host_limit(const struct conn_table *t, uint16_t zone);

/* The connection, locked, waits so long from now on, as its zone says. */
void conn_set_timer(struct conn_table *t, struct conn *c, enum conn_timer timer, uint64_t now_ns);

/* Throws out what has waited too long: some of it, so that no frame waits.
 * Each worker has its own part. */
void conn_sweep(struct conn_table *t, unsigned worker, uint64_t now_ns);
/* When conn_sweep() is to be called next; UINT64_MAX: there is no connection. */
uint64_t conn_sweep_next_ns(const struct conn_table *t, unsigned worker);

/* --- Thread: C --- */
struct conn_info {
    struct conn_tuple tuple[CONN_DIRS];
    uint32_t id, serial, mark, left_s;
    struct value label;
    uint8_t timer, nat, helper;
    bool is_answered;
    uint8_t tcp_state[CONN_DIRS]; /* enum tcp_state */
    uint64_t packets[CONN_DIRS], bytes[CONN_DIRS], created_ns;
};
/* Calls `fn` for each connection, as it is at that moment; stops when it returns false. */
void conn_for_each(const struct conn_table *t, uint64_t now_ns, bool (*fn)(void *arg, const struct conn_info *info),
                   void *arg);
/* Likewise entries that are held, of which conn_for_each() does not tell: tuples, and as `mark` how often they are held. */
void conn_for_each_holder(const struct conn_table *t, bool (*fn)(void *arg, const struct conn_info *info), void *arg);
/* The connection, as conn_for_each() found it, does not exist for any frame after this. */
void conn_doom(struct conn_table *t, const struct conn_info *info);

struct conn_stats {
    uint64_t made, removed, expired, pushed_out, no_room, limited; /* since the start */
    uint64_t host_limited;
    uint64_t tries; /* conn_insert() */
};
uint32_t conn_count(const struct conn_table *t);
uint32_t conn_zone_count(const struct conn_table *t, uint16_t zone);
uint32_t conn_max(const struct conn_table *t);
void conn_table_stats(const struct conn_table *t, struct conn_stats *out);
/* -ENOMEM. */
int conn_zone_set(struct conn_table *t, uint16_t zone, const struct conn_zone_conf *conf);
void conn_zone_get(const struct conn_table *t, uint16_t zone, struct conn_zone_conf *out);

#endif
