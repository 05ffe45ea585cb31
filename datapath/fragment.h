/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.h - one IP fragment: what it says of itself, how a frame is made of all of them, and how that is cut again.
 * Flow: rx -> [fragment_read] -> fragment_table -> [fragment_join] -> pipeline -> [fragment_cut] -> tx.
 * Spec: RFC 791, 2.3 and 3.2; RFC 8200, 4.5; RFC 3168, 5.3.   Thread: W. */
#ifndef DATAPATH_FRAGMENT_H
#define DATAPATH_FRAGMENT_H

#include <rte_mbuf.h>

#include "datapath/fragment_table.h"

struct pkt;
struct rte_mempool;

/* Reads the fragment that `p` is (is_fragment; LAYER_L3 is parsed).  The key tells apart what came by different ports
 * (`port`: any number) and VLANs: nobody can add to a datagram of another.  False: its lengths are no fragment's. */
bool fragment_read(const struct pkt *p, uint32_t port, struct fragment_key *key, struct fragment *f);

/* Makes one frame of all fragments of a datagram; takes them, also when it fails: NULL, and why. */
struct rte_mbuf *fragment_join(struct fragment *parts, unsigned n, struct pkt *scratch, enum drop *why);

/* A frame that was joined carries, until it is sent, the size of the largest IP packet that it came in (tso_segsz), and the
 * identification of its fragments (hash.usr), by this flag of its ol_flags. */
#define FRAGMENT_JOINED (UINT64_C(1) << 40)
/* Makes sure that the flag is nobody else's.  Once, before the first fragment_join; C.  -EBUSY: it is. */
int fragment_init(void);
static inline bool is_joined(const struct rte_mbuf *m)
{
    return m->ol_flags & FRAGMENT_JOINED;
}

/* How a frame is to be cut. */
struct fragment_cut {
    const struct rte_mbuf *m;
    uint32_t headers, l3_ofs; /* bytes copied to every piece; where the IP header begins */
    uint32_t type_at, size;   /* IPv6: of the byte before which the fragment header's type stands; bytes to be cut */
    uint32_t step;            /* bytes in a piece */
    uint32_t id;
    bool is_ipv6;
    uint8_t bytes[512]; /* the headers */
};
enum fragment_fit { FRAGMENT_FITS, FRAGMENT_CUT, FRAGMENT_TOO_BIG };
/* What a joined frame must become for a link of that MTU: cut to pieces no larger than those that it came in, and, if it is
 * IPv4 without DF, than the MTU; as a router must not do that to other packets (RFC 8200, 5; RFC 791, 3.2), they are too big.
 * It stays whole where it fits the link, but for IPv6 in pieces of the smallest MTU: no larger one is known of the way.
 * `scratch` is overwritten. */
enum fragment_fit fragment_fit(struct fragment_cut *c, struct rte_mbuf *m, uint16_t mtu, struct pkt *scratch);
/* The piece that begins at `start`, a multiple of c->step below c->size; NULL: no mbuf. */
struct rte_mbuf *fragment_piece(const struct fragment_cut *c, uint32_t start, struct rte_mempool *pool);

#endif
