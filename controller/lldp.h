/* SPDX-License-Identifier: Apache-2.0 */
/* lldp.h - the frames by which the controller finds out which ports are wired to each other, and which only it can make:
 * each carries a keyed hash over what it says, with a key that never leaves this process.
 * Spec: IEEE 802.1AB, 8 (LLDPDU format); the hash is SipHash-2-4 (Aumasson, Bernstein, 2012).  Pure but for lldp_key_make. */
#ifndef CONTROLLER_LLDP_H
#define CONTROLLER_LLDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wr;

struct lldp_key {
    uint64_t k[2];
};

/* From the kernel's random numbers.  0 or a negative errno. */
int lldp_key_make(struct lldp_key *key);

/* "This left switch `datapath_id` by `port`, as number `serial` of the controller's frames." */
struct lldp {
    uint64_t datapath_id;
    uint32_t port;
    uint32_t serial;
};

enum lldp_verdict {
    LLDP_GOOD,
    LLDP_FOREIGN, /* another's LLDP, or no LLDP at all */
    LLDP_FORGED,  /* says that it is ours, and is not */
};

/* Appends the whole frame, Ethernet header included.  `src`: the port's address; `name`: the switch's, for people with a
 * sniffer. */
void lldp_write(struct wr *w, const struct lldp_key *key, const struct lldp *l, const uint8_t src[6], const char *name);
enum lldp_verdict lldp_read(struct lldp *out, const struct lldp_key *key, const uint8_t *frame, size_t n);

#endif
