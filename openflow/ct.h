/* SPDX-License-Identifier: Apache-2.0 */
/* ct.h - the parts of the action ct that the wire form leaves as bytes: where its zone is, and what it translates to.
 * Spec: Open vSwitch's ovs-actions(7), ct and nat, whose wire form this is.   Thread: any. */
#ifndef OPENFLOW_CT_H
#define OPENFLOW_CT_H

#include "base/bytes.h"
#include "base/subfield.h"
#include "openflow/ofp.h"

enum { CT_NO_TABLE = 0xff, CT_ALG_NONE = 0, CT_ALG_FTP = 21, CT_ALG_TFTP = 69 };

enum ct_nat_flag {
    CT_NAT_F_SRC = 1 << 0,
    CT_NAT_F_DST = 1 << 1,
    CT_NAT_F_PERSISTENT = 1 << 2,
    CT_NAT_F_HASH = 1 << 3,
    CT_NAT_F_RANDOM = 1 << 4,
    /* trama's own */
    CT_NAT_F_GO_ON = 1 << 11,              /* with SRC or DST, in a ct with a table: nat.h, goes_on */
    CT_NAT_F_MAPPED = 1 << 12,             /* without SRC and DST: what mappings let in */
    CT_NAT_F_FILTERING_ENDPOINT = 1 << 13, /* with MAPPING: who is let in (RFC 4787, 5); neither: whoever was sent to */
    CT_NAT_F_FILTERING_ADDRESS = 1 << 14,
    CT_NAT_F_MAPPING = 1 << 15, /* with SRC: endpoint-independent mapping (RFC 4787, 4.1) */
};

/* The action nat within ct, or nat64. */
struct ct_nat {
    uint16_t flags;              /* enum ct_nat_flag */
    uint8_t family;              /* 4 or 6; 0: no address */
    bool has_addr_max;           /* else it is addr_min */
    bool has_port, has_port_max; /* else there is none, or it is port_min */
    struct value addr_min, addr_max;
    uint16_t port_min, port_max;
    uint32_t
        host_limit; /* trama's own, with SRC: how many connections, or mappings, a host may begin so; 0: any number */
    uint8_t prefix_len; /* nat64: of `prefix`, whose addresses stand for IPv4 ones (RFC 6052); 0: nat */
    struct value prefix;
};

/* 0, or the code of OFPET_BAD_ACTION that answers it. */
int ct_nat_decode(struct ct_nat *out, const struct ofp_nx_nat *in);
/* The bytes of its ranges are appended to `w`, which `out` borrows. */
void ct_nat_encode(struct ofp_nx_nat *out, struct wr *w, const struct ct_nat *in);

/* The same of nat64, trama's own: IPv6 to addresses in the prefix becomes IPv4 from these. */
int ct_nat64_decode(struct ct_nat *out, const struct ofp_trama_nat64 *in);
struct ofp_trama_nat64 ct_nat64_encode(const struct ct_nat *in);

/* Which of the actions within ct are its translation; CT_NAT_NONE: another. */
enum ct_nat_kind { CT_NAT_NONE, CT_NAT_NX, CT_NAT_64 };
enum ct_nat_kind ct_nat_kind(const struct ofp_action *a);
uint16_t ct_nat_flags(const struct ofp_action *a); /* enum ct_nat_flag; 0 of another, too */
/* Of a translation, whichever: as ct_nat_decode(). */
int ct_nat_read(struct ct_nat *out, const struct ofp_action *a);

/* The field that has the zone.  False: it is a number.  A field that is not known: FIELD_NONE. */
bool ct_zone_field(const struct ofp_nx_ct *ct, struct subfield *out);
uint32_t ct_zone_header(enum field_id field);

#endif
