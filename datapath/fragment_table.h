/* SPDX-License-Identifier: Apache-2.0 */
/* fragment_table.h - IP datagrams that come in pieces: holds their fragments, in order, until the last is there.
 * Flow: fragment_read -> [fragment_table] -> fragment_join.   Spec: RFC 791, 3.2; RFC 8200, 4.5; RFC 5722 (overlaps).
 * What becomes of a whole datagram is the caller's affair: to make one frame of it, or to let its fragments pass one by one
 * once it is known what they belong to.
 *
 * Thread: one; time is passed in.  Allocates when it is made, not later. */
#ifndef DATAPATH_FRAGMENT_TABLE_H
#define DATAPATH_FRAGMENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/drop.h"

struct fragment_table;
struct rte_mbuf;

enum { FRAGMENTS_MAX = 128 }; /* of a datagram: 64 KiB in pieces of 512 bytes */

/* What the fragments of a datagram have in common: addresses, identification, and what else tells datagrams apart. */
struct fragment_key {
    uint64_t w[6];
};

struct fragment {
    struct rte_mbuf *m;
    uint32_t start, size; /* of what it carries, in the datagram's payload; not more than 65535 together */
    uint16_t headers;     /* bytes of `m` before that */
    uint16_t ip_size;     /* bytes of its IP packet */
    bool is_last;
    uint8_t ecn;
};

struct fragment_table_conf {
    unsigned datagrams;  /* held at once, at most; when there are more, or more mbufs, the oldest is lost */
    unsigned mbufs;      /* of frames held, at most */
    uint64_t timeout_ns; /* from the fragment that came first */
    /* Takes a fragment that is not to be held any longer. */
    void (*lose)(void *arg, struct rte_mbuf *m, enum drop why);
    void *arg;
};

int fragment_table_new(struct fragment_table **out, const struct fragment_table_conf *conf); /* -ENOMEM */
void fragment_table_free(struct fragment_table *t); /* and the frames that it holds; NULL is fine */

uint32_t fragment_hash(const struct fragment_key *key, uint32_t seed);
/* Takes the fragment: holds it, or loses it, alone (DROP_FRAGMENT_TWICE) or with its datagram (DROP_FRAGMENT_OVERLAP,
 * _NO_ROOM).  When the datagram is whole it gives all `parts` of it, in order (FRAGMENTS_MAX have room), and returns how
 * many: the frames are the caller's again.  Else 0.  `hash`: fragment_hash(), of one seed for all. */
unsigned fragment_table_add(struct fragment_table *t, const struct fragment_key *key, uint32_t hash,
                            const struct fragment *f, uint64_t now_ns, struct fragment *parts);
/* Loses what has waited for too long. */
void fragment_table_expire(struct fragment_table *t, uint64_t now_ns);
uint64_t fragment_table_next_ns(const struct fragment_table *t); /* when that will be; UINT64_MAX: it is empty */
unsigned fragment_table_length(const struct fragment_table *t);  /* datagrams that it holds */

#endif
