/* SPDX-License-Identifier: Apache-2.0 */
/* rule.h - what a table holds: a match with a priority, the code for frames that match, and the versions between which
 * it is visible.  Immutable once inserted, but for `removed_in`; a change of actions is a new rule that takes over the
 * old one's statistics slot.
 * Thread: C makes, inserts and removes rules; W reads them inside an RCU section. */
#ifndef DATAPATH_RULE_H
#define DATAPATH_RULE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/match.h"
#include "base/subfield.h"
#include "datapath/learn.h"
#include "datapath/link_choice.h"

/* The datapath's own actions; vswitch/ translates OpenFlow's to these. */
enum act_type {
    ACT_OUTPUT,     /* port */
    ACT_CONTROLLER, /* max_len, to; then ACT_DATA */
    ACT_GROUP,      /* group */
    ACT_SET_FIELD,  /* set */
    ACT_PUSH_VLAN,  /* ethertype */
    ACT_POP_VLAN,
    ACT_PUSH_MPLS, /* ethertype */
    ACT_POP_MPLS,  /* ethertype */
    ACT_PUSH_PBB,  /* ethertype */
    ACT_POP_PBB,
    ACT_SET_IP_TTL, /* ttl */
    ACT_DEC_IP_TTL,
    ACT_SET_MPLS_TTL, /* ttl */
    ACT_DEC_MPLS_TTL,
    ACT_COPY_TTL_OUT,
    ACT_COPY_TTL_IN,
    ACT_SET_QUEUE,    /* queue */
    ACT_MOVE,         /* src, dst: of as many bits */
    ACT_STACK_PUSH,   /* src */
    ACT_STACK_POP,    /* dst */
    ACT_OUTPUT_FIELD, /* src: the port's number, of 16 bits as OpenFlow 1.0 had them; max_len */
    ACT_OUTPUT_CUT,   /* port, max_bytes of the frame */
    ACT_CHECK_SIZE,   /* dst: a bit that says whether the frame is larger than max_len */
    ACT_FIN_TIMEOUT,  /* fin */
    ACT_RESUBMIT,     /* table_id (ACT_TABLE_SAME: the rule's), port (0: the frame's own) for that lookup alone */
    ACT_RESUBMIT_CT,  /* likewise; the lookup sees the original tuple of the frame's connection in place of its own */
    ACT_CLONE,        /* n_body actions that follow are done to a copy of the frame */
    ACT_CONJUNCTION,  /* conjunction: the rule is a part of it; nothing else is done */
    ACT_LEARN,        /* learn; then ACT_DATA, a struct learn_step each */
    ACT_MULTIPATH,    /* choice */
    ACT_BUNDLE,       /* choice among live ports: ACT_DATA, eight numbers each */
    ACT_CT, /* ct, and n_body actions: ACT_DATA twice for a translation, then what sets ct_mark and ct_label */
    ACT_CT_CLEAR,
    ACT_NPTV6,     /* value: the prefix inside, mask: outside; nptv6 */
    ACT_CLAMP_MSS, /* mss */
    ACT_EXIT,      /* nothing more is done, the action set neither, whatever led here */
    ACT_GOTO,      /* table_id; only here in what is left to do after a continuation, as the next three are */
    ACT_CLEAR_SET,
    ACT_WRITE_SET, /* n_body actions that follow are written to the action set */
    ACT_CONTEXT,   /* context: whose actions follow */
    ACT_DATA,      /* data of the action before: userdata of ACT_CONTROLLER */
    ACT_TYPES
};

/* Port numbers with a meaning of their own: the values of OpenFlow 1.3.5, 7.2.1 (enum ofp_port_no). */
enum {
    DP_PORT_MAX = 0xffffff00,
    DP_PORT_IN_PORT = 0xfffffff8,
    DP_PORT_TABLE = 0xfffffff9,
    DP_PORT_NORMAL = 0xfffffffa,
    DP_PORT_FLOOD = 0xfffffffb,
    DP_PORT_ALL = 0xfffffffc,
    DP_PORT_CONTROLLER = 0xfffffffd,
    DP_PORT_LOCAL = 0xfffffffe,
    DP_PORT_NONE = 0xffffffff
};

#define ACT_NO_STAT UINT32_MAX
enum { ACT_TABLE_SAME = 0xff, ACT_TTL_IDS = 14, ACT_DATA_SIZE = 32, ACT_USERDATA_MAX = 256 };

/* Whose actions are being done: told to the controller in packet-ins. */
struct act_context {
    uint64_t cookie;
    uint8_t table_id;
    uint8_t reason; /* enum event_reason */
    uint32_t stat;  /* the rule's slot; of a packet-out ACT_NO_STAT */
};

struct act {
    enum act_type type;
    union {
        uint32_t port; /* OpenFlow number; reserved ports but CONTROLLER too */
        uint32_t group;
        uint16_t max_len; /* bytes of the frame for the controller; 0xffff: all of it */
        uint16_t ethertype;
        uint32_t queue; /* of whatever port it will be sent by */
        uint8_t ttl;
        uint16_t mss;
        enum field_id field; /* ACT_SET_FIELD */
        uint32_t n_body;
        struct {
            uint8_t inside_len, outside_len;
            bool is_in;
        } nptv6;
    };
    union {
        struct {
            struct value value, mask; /* ACT_SET_FIELD */
        };
        struct {
            struct subfield src, dst;
        };
        struct act_context context;
        uint8_t table_id;
        struct {
            uint16_t controller_id, n_userdata;
            bool has_reason, is_pause; /* is_pause: what follows waits until the controller says to go on */
            uint8_t reason;            /* enum event_reason; unless has_reason, what the rule gives */
            uint32_t meter_id;         /* in place of the controller meter; 0: that one */
        } to;                          /* ACT_CONTROLLER */
        struct {
            uint16_t n, id[ACT_TTL_IDS];
        } ttl_ids; /* ACT_DEC_IP_TTL: the controllers that hear of an invalid TTL; none: 0 */
        struct {
            uint32_t id;
            uint8_t clause, n_clauses; /* of 2 to 64; the first is 0 */
        } conjunction;
        struct {
            uint16_t flags; /* conn_track.h */
            uint16_t zone;
            uint32_t zone_src; /* packed subfield; 0: `zone` */
            uint8_t table_id;  /* where a copy goes on; ACT_TABLE_SAME: nowhere */
            uint8_t helper;    /* enum conn_helper */
        } ct;
        struct fin_timeout fin;
        uint32_t max_bytes;
        struct learn_head learn;
        struct link_choice choice;
        uint8_t data[ACT_DATA_SIZE];
    };
};

enum { NO_GOTO = 0xff };

/* The instructions of a rule, OpenFlow 1.3.5, 5.9, in the order in which they are done. */
struct rule_code {
    uint32_t meter_id; /* 0: none */
    const struct act *apply, *write;
    uint16_t n_apply, n_write;
    bool is_clear;      /* clear the action set, before write */
    uint8_t goto_table; /* NO_GOTO: the pipeline ends here */
    uint64_t metadata, metadata_mask;
};

/* Where frames that meet a rule go on (path.c). */
enum rule_way {
    WAY_OTHER,     /* not for the rule alone to say */
    WAY_END,       /* nowhere */
    WAY_ON,        /* to its goto_table, with the key that they have */
    WAY_ON_EDITED, /* likewise, with another */
};

static const uint64_t RULE_FOREVER = UINT64_MAX;

struct tuple;

struct rule {
    _Atomic(struct rule *) next[2]; /* tuple.c: the two chains of a growing hash table */
    uint64_t added_in;              /* visible from this version on */
    _Atomic uint64_t removed_in;    /* ... up to before this one */
    uint32_t hash;                  /* tuple.c: of the masked values */
    uint32_t stat;                  /* statistics slot, see stat.h */
    uint64_t cookie;                /* told to the controller in packet-ins */
    uint16_t priority;
    uint8_t table_id;
    bool is_table_miss; /* priority 0, no match: OpenFlow 1.3.5, 5.4 */
    enum rule_way way;
    uint32_t space;      /* table.c: the tuple space that it was put into */
    uint32_t place[2];   /* table.c: where it is in a forest */
    struct tuple *tuple; /* tuple.c: its subtable */
    struct rule_code code;
    const struct compact_match *match;
    struct bridge *bridge;
    struct rule *change[2]; /* bridge.c: the lists of changes of the version being made */
};

static inline bool rule_is_visible(const struct rule *r, uint64_t version)
{
    return r->added_in <= version && version < atomic_load_explicit(&r->removed_in, memory_order_relaxed);
}

#endif
