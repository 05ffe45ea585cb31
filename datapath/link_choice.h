/* SPDX-License-Identifier: Apache-2.0 */
/* link_choice.h - one of several links by a hash of the frame: the actions multipath, bundle and bundle_load.
 * Flow: translate (when a later lookup reads what was chosen), exec -> [link_choice].   Spec: ovs-actions(7).   Thread: any. */
#ifndef DATAPATH_LINK_CHOICE_H
#define DATAPATH_LINK_CHOICE_H

#include <stdint.h>

#include "base/match.h"

/* Values of Nicira's enum nx_hash_fields. */
enum link_fields {
    LINK_ETH_SRC,
    LINK_SYMMETRIC_L4,
    LINK_SYMMETRIC_L3L4,
    LINK_SYMMETRIC_L3L4_UDP,
    LINK_NW_SRC,
    LINK_NW_DST,
    LINK_SYMMETRIC_L3
};
/* Values of Nicira's enum nx_mp_algorithm. */
enum link_algorithm { LINK_MODULO_N, LINK_HASH_THRESHOLD, LINK_HRW, LINK_ITER_HASH, LINK_FIRST };
enum { LINK_HRW_MAX = 1024, LINK_NO_DST = -1 };

struct link_choice {
    uint8_t fields, algorithm;
    uint16_t basis;
    uint32_t arg;
    uint32_t n_links; /* 1 or more */
    uint32_t dst;     /* packed subfield that tells the choice; 0xffffffff: none, it is sent there (LINK_NO_DST) */
};

enum { LINK_FIELDS = 11 };
extern const enum field_id link_fields[LINK_FIELDS]; /* what any of the hashes may read */

/* 0 to n_links - 1.  The key's words of `link_fields` are valid.  `names`: of each link, for LINK_HRW to keep a link's flows
 * with it whatever its place; NULL: its place. */
uint32_t link_choose(const struct link_choice *c, const struct key *key, const uint64_t *names);

#endif
