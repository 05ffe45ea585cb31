/* SPDX-License-Identifier: Apache-2.0 */
/* pkt.h - one frame on its way through the pipeline: the mbuf, where its headers lie, and the key parsed from it.
 * Flow: port rx -> [parse] -> classify -> [rewrite] -> port tx.
 *
 * Only what somebody asks for is parsed: `pkt_parse(p, layers)` fills the key words of the layers named (and of those
 * below, which it must walk through); asking again for less costs nothing.  A field that the frame does not have reads
 * as zero; eth_type, ip_proto and the like tell whether it is there.
 * Offsets count from the first byte of the frame; 0 means "not there". */
#ifndef DATAPATH_PKT_H
#define DATAPATH_PKT_H

#include <stdint.h>

#include "base/match.h"
#include "base/subfield.h"

struct nptv6;
struct rte_mbuf;

enum {
    PKT_LAYERS_ALL = (1 << LAYER_N) - 1,
    PKT_VLANS_MAX = 8,
    PKT_HEADERS_MAX = 256 /* headers are looked for in so many first bytes */
};

struct pkt {
    struct rte_mbuf *m;
    uint32_t in_port; /* OpenFlow port number on its bridge; OFPP_CONTROLLER for a packet-out */
    uint32_t queue;   /* of the ports it will be sent by; SHAPER_QUEUE_NONE */
    uint16_t layers;  /* bit per enum layer: parsed, its key words are valid */
    /* LAYER_L2 */
    uint16_t eth_type_ofs; /* of the ethertype behind all VLAN tags; 0 when a length stands there (802.3) */
    uint16_t l3_ofs;       /* what follows the ethertype (or SNAP header); 0 for MPLS */
    uint16_t mpls_ofs;     /* first label, or 0 */
    /* LAYER_L3 */
    uint16_t l3_len;      /* IP header with options and extension headers, or ARP packet; 0: none that is sound */
    uint16_t l4_ofs;      /* transport header; 0 in later fragments */
    uint16_t l4_len;      /* bytes from l4_ofs to the end of the L3 payload (Ethernet padding excluded) */
    uint16_t ip_proto_at; /* of the byte that ip_proto was read from, counted from l3_ofs */
    /* LAYER_L4 */
    uint16_t nd_option_ofs;   /* of the link-layer address option that nd_sll or nd_tll was read from */
    uint8_t l4_proto;         /* IP protocol whose whole fixed header is there, of those that are parsed; 0: none */
    uint8_t n_vlans;          /* tags on the frame; LAYER_L2 */
    uint8_t is_fragment;      /* a fragment, first or later; LAYER_L3 */
    uint8_t is_source_routed; /* IPv6 segments left: ipv6_dst is not in the pseudo-header; LAYER_L3 */
    struct key key;
};

/* Begins a frame: only LAYER_META is there (in_port, in_phy_port; all else zero).  Borrows `m`. */
void pkt_init(struct pkt *p, struct rte_mbuf *m, uint32_t in_port);
/* Parses what is missing of `layers`.  Never fails: a frame cut short lacks the fields that are cut off. */
void pkt_parse(struct pkt *p, unsigned layers);
/* Some bits of a field, as the frame is now; parses what it needs. */
static inline struct value pkt_take(struct pkt *p, struct subfield s)
{
    pkt_parse(p, 1u << field_table[s.field].layer);
    return subfield_take(s, key_get(&p->key, s.field));
}
/* The layers that hold the words of `map`. */
unsigned key_map_layers(const struct key_map *map);

/* --- rewrite_l2.c, rewrite_field.c: change frame, key (parsed layers) and offsets together; checksums are right after
 * each, also those of frames whose checksum or segmentation is still to be done (port.h).  All but pkt_writable need a
 * writable first segment that holds the headers: pkt_writable() sees to it.  Each returns 0, or leaves the frame as it is:
 * -ENOENT it has no such header, -EINVAL the field or the ethertype is not one for this, -ENOSPC no room (headroom, tags,
 * or a frame still to be cut that cannot be cut any more after the change), -ENOMEM.  Thread: W. --- */
/* A frame shared with another holder gets headers of its own (p->m may change); they are made contiguous. */
int pkt_writable(struct pkt *p);
/* Setting eth_type or ip_proto leaves what is behind as it is, and its checksum right for the new pseudo-header. */
int pkt_set_field(struct pkt *p, enum field_id id, struct value v, struct value mask);
int pkt_push_vlan(struct pkt *p, uint16_t tpid);
int pkt_pop_vlan(struct pkt *p);
/* The whole tag: what the field vlan_tci is set to; pushes or pops one when the bit that says there is one asks for it. */
int pkt_set_vlan_tci(struct pkt *p, uint16_t v, uint16_t mask);
int pkt_push_mpls(struct pkt *p, uint16_t ethertype);
int pkt_pop_mpls(struct pkt *p, uint16_t ethertype);
int pkt_push_pbb(struct pkt *p, uint16_t ethertype);
int pkt_pop_pbb(struct pkt *p);
int pkt_set_mpls_ttl(struct pkt *p, uint8_t ttl);
int pkt_set_ip_ttl(struct pkt *p, uint8_t ttl);
/* -ETIME: the TTL is 0 or 1 and may not be decremented (the frame is unchanged: an "invalid TTL"). */
int pkt_dec_mpls_ttl(struct pkt *p);
int pkt_dec_ip_ttl(struct pkt *p);
int pkt_copy_ttl_out(struct pkt *p);
int pkt_copy_ttl_in(struct pkt *p);
/* rewrite_prefix.c: the source's prefix, or, `is_in`, the destination's, if it is the one of `t`.  -EADDRNOTAVAIL: the address
 * has no other one. */
int pkt_set_prefix(struct pkt *p, const struct nptv6 *t, bool is_in);
/* rewrite_mss.c: a TCP SYN announces `mss` bytes at most; what announces less, or nothing, stays. */
int pkt_clamp_mss(struct pkt *p, uint16_t mss);

#endif
