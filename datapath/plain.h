/* SPDX-License-Identifier: Apache-2.0 */
/* plain.h - a burst of frames, and of its frames those that most traffic is made of: IPv4 without options or fragments,
 * TCP or UDP, with one VLAN tag or none, whose headers lie where a glance shows them.
 * Flow: port rx -> [plain] -> cache -> quick; every other frame goes by pkt.h. */
#ifndef DATAPATH_PLAIN_H
#define DATAPATH_PLAIN_H

#include "datapath/cache.h"

struct rte_mbuf;

/* Frames that came in together by one port, and what is known of each. */
struct burst {
    unsigned n;
    uint32_t in_port;    /* OpenFlow number */
    bool is_looked_over; /* l3_ofs is valid */
    struct rte_mbuf *m[PORT_BURST];
    uint8_t *p[PORT_BURST];     /* its first byte */
    uint8_t l3_ofs[PORT_BURST]; /* of its IPv4 header; 0: it is not plain */
    struct program *program[PORT_BURST];
    struct key_columns keys;
};

/* Finds out which frames are plain, once.  Returns how many are not. */
unsigned plain_look_over(struct burst *b);
/* Fills in what of a mask concerns plain frames. */
void plain_choose(struct entry_mask *m);
/* Makes the masked keys of the plain frames, of the columns that were chosen, and their hashes, which begin with `basis`; the
 * others' mean nothing. */
void plain_keys(struct burst *b, const struct entry_mask *m, uint64_t basis);
/* Word `word` of every plain frame's key, under the mask; of one that plain frames do not differ in, what they all have. */
void plain_word(const struct burst *b, unsigned word, uint64_t mask, uint64_t *out);
/* The masked keys of the frames `which`, whose columns were made: every word of the mask is written, and no other. */
void plain_whole_keys(const struct burst *b, const struct entry_mask *m, const uint8_t *which, unsigned n,
                      struct key *keys);

#endif
