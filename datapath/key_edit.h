/* SPDX-License-Identifier: Apache-2.0 */
/* key_edit.h - what the actions that change a frame do to its key alone: the pipeline follows a frame through its
 * tables with a copy of the key before any byte is touched; the rewrite functions of pkt.h use them for their key part.
 * The words of layers L2, MPLS, L3 and L4 must be valid, unless said otherwise.
 * Spec: OpenFlow 1.3.5, 5.12 and 7.2.5.
 *
 * Every function returns 0, or
 *   -ENOENT  the frame has no such header: the key is unchanged;
 *   -EINVAL  a field that may not be set, or an ethertype that does not suit: the key is unchanged;
 *   -ETIME   the TTL may not be decremented: the key is unchanged;
 *   -EAGAIN  done, but what comes to light is not in the key: it must be parsed from the changed frame before any
 *            word of these layers is read again.
 * A key does not tell a header that is there in full from one that is cut off: an edit may succeed here and give
 * -ENOENT on such a frame.  Thread: any. */
#ifndef DATAPATH_KEY_EDIT_H
#define DATAPATH_KEY_EDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/match.h"

/* The prerequisites of the field hold in this key, and theirs.  Layers up to the field's must be valid. */
bool key_meets_needs(const struct key *k, enum field_id id);
/* Sets the bits of `mask`.  Layers up to the field's must be valid. */
int key_set_field(struct key *k, enum field_id id, struct value v, struct value mask);

/* Swaps addresses, protocol and ports (of ICMP, type and code) with those of the original tuple of the connection.  False, and
 * the key is unchanged, when there is none, or one of another family.  LAYER_CT must be valid, too. */
bool key_swap_tuple(struct key *k);

int key_push_vlan(struct key *k, uint16_t tpid); /* LAYER_L2 */
int key_pop_vlan(struct key *k);                 /* LAYER_L2 */
int key_push_mpls(struct key *k, uint16_t ethertype);
int key_pop_mpls(struct key *k, uint16_t ethertype);
int key_push_pbb(struct key *k, uint16_t ethertype);
int key_pop_pbb(struct key *k);

int key_set_mpls_ttl(struct key *k, uint8_t ttl); /* to LAYER_MPLS */
int key_dec_mpls_ttl(struct key *k);              /* to LAYER_MPLS */
int key_set_ip_ttl(struct key *k, uint8_t ttl);   /* to LAYER_L3 */
int key_dec_ip_ttl(struct key *k);                /* to LAYER_L3 */
int key_copy_ttl_out(struct key *k);              /* to LAYER_MPLS */
int key_copy_ttl_in(struct key *k);               /* to LAYER_MPLS */

#endif
