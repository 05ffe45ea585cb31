/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - one flow entry as the controller thinks of it, and sets of them: what a switch should hold, what it holds.
 * Flow: compiler -> [flow set] -> reconcile -> session.
 *
 * A flow is told from others of its switch by (table, priority, match), as in OpenFlow 1.3.5, 6.4.
 * Thread: C. */
#ifndef CONTROLLER_FLOW_H
#define CONTROLLER_FLOW_H

#include "base/hmap.h"
#include "base/match.h"

/* Our flows are known by the upper half of their cookie ("tram"); the lower half says what made them. */
#define FLOW_COOKIE_PREFIX (UINT64_C(0x7472616d) << 32)
#define FLOW_COOKIE_MASK (UINT64_C(0xffffffff) << 32)

enum flow_kind {
    FLOW_KIND_LLDP = 1, /* discovery frames to the controller */
    FLOW_KIND_GUARD,    /* what no bridge forwards */
    FLOW_KIND_ACCESS,   /* ingress of a port that hosts use */
    FLOW_KIND_TRUNK,    /* ingress of a link */
    FLOW_KIND_SOURCE,   /* a known host at its port */
    FLOW_KIND_SPOOF,    /* a declared host's address at another port */
    FLOW_KIND_LEARN,    /* an unknown host: tells the controller */
    FLOW_KIND_HOST,     /* the way to a host */
    FLOW_KIND_FLOOD,    /* broadcast, multicast and unknown hosts */
    FLOW_KIND_INJECT,   /* frames that the controller makes */
    FLOW_KIND_SERVICE,  /* what the controller answers: DHCP, ND, router solicitations, DNS */
    FLOW_KIND_ARP,      /* ARP for a router's address, answered by the switch */
    FLOW_KIND_ECHO,     /* pings to a router, answered by the switch */
    FLOW_KIND_ROUTER,   /* frames for a router's MAC address */
    FLOW_KIND_UNNAT,    /* frames for an address that a router translates */
    FLOW_KIND_FORWARD,  /* a port forward or a one-to-one translation */
    FLOW_KIND_TTL,      /* time exceeded: shown to the controller */
    FLOW_KIND_ROUTE,    /* a route */
    FLOW_KIND_NO_ROUTE, /* none: shown to the controller */
    FLOW_KIND_NEIGHBOR, /* the MAC address of a next hop */
    FLOW_KIND_RESOLVE,  /* none known: shown to the controller */
    FLOW_KIND_REFUSED,  /* the gateway cannot translate one more connection: shown to the controller */
    FLOW_KIND_CLOSED,   /* to a router itself, where nothing listens: shown to the controller */
    FLOW_KIND_STATE,    /* connections of policies */
    FLOW_KIND_POLICY,   /* a rule of the document; the rest of the cookie is its index */
    FLOW_KIND_NAT,      /* source translation on the way out */
    FLOW_KIND_GUARDED,  /* sender addresses that a port may use */
    FLOW_KIND_TOO_BIG,  /* larger than the network takes that it goes to: shown to the controller */
    FLOW_KIND_N,
};
extern const char *const flow_kind_name[FLOW_KIND_N];

static inline uint64_t flow_cookie(enum flow_kind kind, uint16_t vlan)
{
    return FLOW_COOKIE_PREFIX | (uint64_t)kind << 24 | vlan;
}
static inline bool flow_cookie_is_ours(uint64_t cookie)
{
    return (cookie & FLOW_COOKIE_MASK) == FLOW_COOKIE_PREFIX;
}
/* Of a cookie that is ours; 0 when it is none that this version makes. */
static inline unsigned flow_cookie_kind(uint64_t cookie)
{
    unsigned kind = (unsigned)(cookie >> 24 & 0xff);

    return kind < FLOW_KIND_N ? kind : 0;
}

enum flow_act_type {
    FLOW_ACT_OUTPUT,
    FLOW_ACT_PUSH_VLAN,
    FLOW_ACT_POP_VLAN,
    FLOW_ACT_SET_VLAN,
    FLOW_ACT_SET,        /* a whole field */
    FLOW_ACT_MOVE,       /* a whole field into another of its width */
    FLOW_ACT_DEC_TTL,    /* of IP */
    FLOW_ACT_CT,         /* through the connection table, and on in a table */
    FLOW_ACT_CT_CLEAR,   /* forget what the connection table said */
    FLOW_ACT_NPTV6,      /* one prefix for another */
    FLOW_ACT_CLAMP_MSS,  /* what a TCP SYN announces: arg at most */
    FLOW_ACT_CHECK_SIZE, /* bit 0 of the field: larger than arg bytes */
};
enum flow_ct_flag { FLOW_CT_COMMIT = 1 << 0, FLOW_CT_FORCE = 1 << 1, FLOW_CT_NAT = 1 << 2 };
/* One action of an apply-actions instruction.  What a type does not use is zero. */
struct flow_act {
    uint8_t type;       /* enum flow_act_type */
    uint8_t field, src; /* set, move: enum field_id */
    uint8_t table;      /* ct: where the frame goes on */
    uint16_t arg;       /* output: max_len for the controller; push: Ethertype; set vlan: id 0..4095; ct: zone */
    uint8_t ct_flags;   /* enum flow_ct_flag */
    uint16_t nat_flags; /* ct: enum ct_nat_flag; 0 with FLOW_CT_NAT: as the connection has it */
    uint32_t port;      /* output */
    uint8_t nat_family; /* ct: 4, 6, or 0 */
    uint16_t alg;       /* ct: CT_ALG_FTP, CT_ALG_TFTP; 0: none */
    uint16_t port_min, port_max;   /* ct: of the translation; 0: none given */
    uint32_t host_limit;           /* ct: of the translation; 0: none */
    struct value value, value_max; /* set: the value; ct: first and last address of the translation */
    uint8_t prefix_len;            /* of `prefix`; ct: NAT64's, 0: none; nptv6: the one inside */
    uint8_t outside_len;           /* nptv6: of `value`, the prefix outside; arg: 1 for the destination */
    struct value prefix;
};

enum { FLOW_NO_GOTO = 0xff, FLOW_PRIORITY_MAX = 65535 };

/* What an entry is and does, apart from its match.  `acts` is borrowed where a spec is passed. */
struct flow_spec {
    uint8_t table, goto_table; /* goto: FLOW_NO_GOTO: none */
    uint16_t priority;
    uint16_t idle_s, hard_s; /* seconds; 0: never */
    uint16_t flags;          /* OFPFF_*, OpenFlow 1.3.5, 7.3.4.1 */
    uint64_t cookie;
    uint64_t metadata, metadata_mask; /* write-metadata; mask 0: none */
    const struct flow_act *acts;      /* apply-actions */
    size_t n_acts;
    bool is_strange; /* read from a switch: does something that a spec cannot say; equal to no other */
};

/* In one block of memory with its match and actions. */
struct flow {
    struct flow_spec spec;
    const struct compact_match *match;
    struct hmap_link link; /* in a set */
};

/* Copies all.  NULL: out of memory.  Gives. */
struct flow *flow_new(const struct flow_spec *spec, const struct match *match);
struct flow *flow_dup(const struct flow *f);
void flow_free(struct flow *f);

enum flow_difference { FLOW_SAME, FLOW_DIFFERS_IN_ACTION, FLOW_DIFFERS }; /* in action: modify-strict can mend it */
enum flow_difference flow_compare(const struct flow *a, const struct flow *b);
bool flow_same_place(const struct flow *a, const struct flow *b); /* same table, priority and match */

/* At most one flow for each place. */
struct flow_set {
    struct hmap flows;
};

void flow_set_init(struct flow_set *s);
void flow_set_fini(struct flow_set *s);
/* Takes `f` (NULL: -ENOMEM); one that has its place already is freed. */
int flow_set_put(struct flow_set *s, struct flow *f);
/* Copies. */
int flow_set_add(struct flow_set *s, const struct flow_spec *spec, const struct match *match);
struct flow *flow_set_find(const struct flow_set *s, const struct flow *like); /* in the same place; NULL: none */
void flow_set_remove(struct flow_set *s, const struct flow *like);             /* frees what is in that place */
static inline size_t flow_set_count(const struct flow_set *s)
{
    return s->flows.n;
}

#define for_each_flow(f_, set_) for_each_hmap (struct flow, f_, &(set_)->flows, link)

#endif
