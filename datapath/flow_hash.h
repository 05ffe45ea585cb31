/* SPDX-License-Identifier: Apache-2.0 */
/* flow_hash.h - a number by which the frames of one flow are kept together: what select groups share out.
 * Flow: exec (OP_SELECT) -> [flow_hash].   Thread: W. */
#ifndef DATAPATH_FLOW_HASH_H
#define DATAPATH_FLOW_HASH_H

#include <stdint.h>

struct pkt;

/* Hash of the addresses, VLAN, MPLS label, protocol and ports, as far as the frame has them; fragments are hashed without
 * ports, so that the parts of one datagram stay together.  `salt`: another one makes another choice.  Parses what it needs. */
uint32_t flow_hash(struct pkt *p, uint64_t salt);

#endif
