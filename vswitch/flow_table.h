/* SPDX-License-Identifier: Apache-2.0 */
/* flow_table.h - the flows of one bridge as its controllers see them: found by table, priority and match for strict
 * commands, walked for loose ones, kept until they time out or are deleted.  The rules that frames meet are the
 * datapath's; here is what a rule does not know: cookie, flags, timeouts, age, and the instructions as they were sent.
 * Flow: agent_flow -> [flow_table] -> datapath rules.   Spec: OpenFlow 1.3.5, 5.5, 6.4, 7.3.4.1.
 *
 * Changes are made in two steps.  flow_add(), flow_modify(), flow_delete() prepare; flow_table_commit() shows frames every
 * change since the last commit at once, flow_table_abort() takes them all back.  So a bundle is many requests and one
 * commit.  After a request that returned an error nothing but flow_table_abort() may follow.
 * Cost: a strict request takes the same time however many flows there are; a loose one, and an overlap check, walk a table.
 *
 * Thread: C.  Numbers are host order. */
#ifndef VSWITCH_FLOW_TABLE_H
#define VSWITCH_FLOW_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hmap.h"
#include "base/list.h"
#include "base/wheel.h"
#include "datapath/datapath.h"

struct clock;
struct flow_table;

enum { FLOW_TABLE_ALL = 0xff, FLOW_TABLE_MAX_FLOWS = 4000000 };
#define FLOW_ANY UINT32_MAX /* out_port, out_group: do not ask (OFPP_ANY, OFPG_ANY) */
#define FLOW_EVERY_GROUP (UINT32_MAX - 1)

/* Values of enum ofp_flow_mod_flags, 7.3.4.1. */
enum flow_flag {
    FLOW_SEND_REMOVED = 1 << 0,
    FLOW_CHECK_OVERLAP = 1 << 1,
    FLOW_RESET_COUNTS = 1 << 2,
    FLOW_NO_PACKET_COUNTS = 1 << 3,
    FLOW_NO_BYTE_COUNTS = 1 << 4,
};

/* Values of enum ofp_flow_removed_reason, 7.4.2. */
enum flow_gone { FLOW_GONE_IDLE, FLOW_GONE_HARD, FLOW_GONE_DELETE, FLOW_GONE_GROUP };

/* What hangs in the list of a table, in order of `serial`. */
struct flow_node {
    struct list link;
    uint64_t serial; /* order of adding; whatever takes the place of a flow keeps it.  0: a cursor, not a flow */
};

struct flow {
    struct flow_node node;     /* first */
    struct hmap_link by_match; /* its table's index */
    struct wheel_link timer;
    struct rule *rule; /* borrowed from the datapath: match, priority, table id, cookie */
    uint64_t birth;    /* order of adding, too, but only a modified flow keeps it */
    uint64_t created_ns;
    uint64_t hard_from_ns;   /* the hard timeout counts from here: creation, or learned anew */
    uint64_t idle_from_ns;   /* idle at least from here on: creation, or the last use before its counters were reset */
    uint16_t idle_s, hard_s; /* 0: never */
    uint16_t asked_idle_s, asked_hard_s; /* what they were before flow_shorten() */
    uint16_t flags;
    uint16_t n_instructions; /* bytes */
    uint8_t instructions[];  /* as they came on the wire */
};

/* One change of a commit: a flow comes (`old` NULL), goes (`now` NULL), or takes the place of another. */
struct flow_change {
    const struct flow *old, *now;
    enum flow_gone why; /* it goes */
    uint32_t mark;      /* flow_table_mark() */
};

/* Was it a modification, rather than an addition in place of the old one? */
static inline bool flow_change_is_modification(const struct flow_change *c)
{
    return c->old && c->now && c->old->birth == c->now->birth;
}

struct flow_table_conf {
    struct datapath *dp; /* borrowed, as everything here */
    struct bridge *bridge;
    const struct clock *clock;
    uint32_t max_flows; /* per table; 0: FLOW_TABLE_MAX_FLOWS */
    /* A flow is going (not one that another replaces), with the commit that is under way.  May not change the table. */
    void (*removed)(void *arg, const struct flow *f, enum flow_gone why);
    /* Each change, in order, with the commit that is under way; NULL: nobody wants to know.  May not change the table. */
    void (*changed)(void *arg, const struct flow_change *c);
    /* A flow with this rule comes (by = 1) or goes (-1), be it only until an abort; NULL: nobody counts. */
    void (*count)(void *arg, const struct rule *r, int by);
    void *arg;
};

int flow_table_new(struct flow_table **out, const struct flow_table_conf *conf);
/* Removes every flow without a word to anybody, commits, and frees. */
void flow_table_free(struct flow_table *ft);

/* What a flow shall be.  Everything is borrowed during the call. */
struct flow_spec {
    uint8_t table_id; /* below DP_TABLES */
    uint16_t priority;
    const struct match *match;
    uint64_t cookie;
    uint16_t idle_s, hard_s, flags;
    const struct rule_code *code;
    const void *instructions; /* the same as `code`, as it came on the wire */
    uint16_t n_instructions;  /* bytes */
    bool is_learned;          /* of a flow that is there and equal only the hard timeout begins anew */
    bool is_replacing;        /* without one of the same match and priority: -ENOSPC */
};

/* Which flows are meant. */
struct flow_query {
    uint8_t table_id; /* or FLOW_TABLE_ALL */
    bool is_strict;   /* the flow with this very match and priority, else all that `match` covers */
    uint16_t priority;
    const struct match *match;
    uint64_t cookie, cookie_mask;
    uint32_t out_port;  /* only flows with an output there; FLOW_ANY: whichever */
    uint32_t out_group; /* likewise, with this group; FLOW_EVERY_GROUP: with a group */
    uint32_t meter_id;  /* only flows with this meter; 0: whichever */
};

/* Says that flow_add(), or a strict request, for this match comes soon: memory is asked for what that will read. */
void flow_table_expect(const struct flow_table *ft, uint8_t table_id, uint16_t priority, const struct match *match);

/* One of the same match and priority is replaced, with a new age, its counters kept unless FLOW_RESET_COUNTS (6.4).
 * -EEXIST: FLOW_CHECK_OVERLAP, and a flow of this priority overlaps; -ENOSPC: the table is full; -ENOMEM. */
int flow_add(struct flow_table *ft, const struct flow_spec *spec);
/* Gives the flows meant the code and instructions of `spec` (and its FLOW_RESET_COUNTS; the rest of it is not read).
 * Nothing found is no error.  -ENOMEM. */
int flow_modify(struct flow_table *ft, const struct flow_query *q, const struct flow_spec *spec);
/* A flow as frames know it: by its rule, seen at a time. */
struct flow_mark {
    uint8_t table_id;
    uint32_t stat; /* the rule's statistics slot */
    uint64_t cookie, seen_ns;
};
/* Makes the timeouts of a flow that has an action fin_timeout no longer than these (0: leaves it).  One that is gone meanwhile
 * is no error. */
void flow_shorten(struct flow_table *ft, const struct flow_mark *mark, uint16_t idle_s, uint16_t hard_s);
int flow_delete(struct flow_table *ft, const struct flow_query *q, enum flow_gone why); /* -ENOMEM */
void flow_table_mark(struct flow_table *ft, uint32_t mark);                             /* of the changes from now on */
void flow_table_commit(struct flow_table *ft);
void flow_table_abort(struct flow_table *ft);

/* Removes what has timed out, at most some thousands at a time; commits.  Call when flow_table_next_ns() has come. */
void flow_table_run(struct flow_table *ft);
uint64_t flow_table_next_ns(const struct flow_table *ft); /* WHEEL_NEVER: nothing waits */

uint32_t flow_table_count(const struct flow_table *ft, uint8_t table_id);
uint32_t flow_table_count_cookie(const struct flow_table *ft, uint8_t table_id, uint64_t cookie); /* walks the table */
uint32_t flow_table_limit(const struct flow_table *ft, uint8_t table_id);
/* For what is added from now on: of every table, and of one below that (UINT32_MAX: no less). */
void flow_table_set_limit(struct flow_table *ft, uint32_t max_flows);
void flow_table_set_table_limit(struct flow_table *ft, uint8_t table_id, uint32_t max_flows);
uint32_t flow_table_limit_max(const struct flow_table *ft); /* of any table */
void flow_stats(const struct flow_table *ft, const struct flow *f, struct rule_stat *out);
uint64_t flow_age_ns(const struct flow_table *ft, const struct flow *f);

uint64_t flow_table_birth(const struct flow_table *ft); /* what is added from now on has this one or a later */
/* Is the flow, of the table that was asked for, meant?  `m`: the query's match, compact; the query's own is not read. */
bool flow_is_meant(const struct flow_query *q, const struct compact_match *m, const struct flow *f);

/* A walk over the flows that a query means, which may pause while flows come and go: it sees every flow that was there
 * from its begin to its end, or what took its place, once, and none that was added after it began.  Fini before the table
 * is freed. */
struct flow_cursor {
    struct flow_node node; /* stands behind the last flow seen */
    struct flow_table *ft; /* NULL: at its end */
    uint8_t table_id, last_table;
    uint64_t end;                /* serials from here on are new */
    struct compact_match *match; /* owned */
    struct flow_query query;     /* without its match */
};
int flow_cursor_init(struct flow_cursor *c, struct flow_table *ft, const struct flow_query *q); /* -ENOMEM */
void flow_cursor_fini(struct flow_cursor *c);
/* The next flow, looking at no more than *budget flows; each one looked at takes one off.  NULL with *budget left: the end. */
const struct flow *flow_cursor_next(struct flow_cursor *c, unsigned *budget);

#endif
