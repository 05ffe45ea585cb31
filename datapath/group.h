/* SPDX-License-Identifier: Apache-2.0 */
/* group.h - a group: buckets of actions, of which a frame meets all, one by its hash, or the first that is live.
 * Flow: translate -> [group_find] -> program.   Spec: OpenFlow 1.3.5, 5.6, 5.10, 6.5.
 *
 * A group does not change; see object.h.  That groups do not forward to each other, or watch each other, in a circle is the
 * caller's care; the datapath merely survives it.   Thread: C, unless said otherwise.  Numbers are host order. */
#ifndef DATAPATH_GROUP_H
#define DATAPATH_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/object.h"
#include "datapath/rule.h"

struct bridge;
struct rule_stat;

enum group_type { GROUP_ALL, GROUP_SELECT, GROUP_INDIRECT, GROUP_FF }; /* values of enum ofp_group_type */

#define GROUP_NONE UINT32_MAX /* watch_group: none (OFPG_ANY) */

struct bucket {
    const struct act *acts; /* in any order; in a group: as an action set is done */
    uint16_t n_acts;
    uint16_t weight;      /* select: its share; 0: nothing */
    uint32_t watch_port;  /* DP_PORT_NONE: none */
    uint32_t watch_group; /* GROUP_NONE: none */
    uint32_t stat;        /* the group's */
};

struct group {
    struct object object; /* first */
    struct bridge *bridge;
    enum group_type type;
    uint32_t stat;
    unsigned n_buckets;
    struct bucket buckets[];
};

struct group_spec {
    uint32_t id;
    enum group_type type;
    const struct bucket *buckets; /* borrowed during the call, with their actions */
    unsigned n_buckets;
    const struct group *replaces; /* goes on counting where that one stopped; NULL: from zero */
};

/* Gives a group for bridge_group_add().  -E2BIG: more different actions in a bucket than ACTION_SET_MAX; -ENOMEM, -ENOSPC. */
int group_new(struct group **out, struct bridge *b, const struct group_spec *spec);
/* Add / remove in the version being made. */
void bridge_group_add(struct bridge *b, struct group *g); /* takes */
void bridge_group_remove(struct bridge *b, struct group *g);
void group_stats(const struct group *g, struct rule_stat *out);
void group_bucket_stats(const struct group *g, unsigned i, struct rule_stat *out);

void group_free_object(struct object *o); /* of bridge->groups */

/* --- thread: W (or C), inside an RCU section --- */
const struct group *group_find(const struct bridge *b, uint32_t id, uint64_t version);
/* Is the port or the group live that the bucket watches?  A bucket that watches nothing is (6.5). */
bool port_is_live(const struct bridge *b, uint32_t number); /* OpenFlow number */
bool bucket_is_live(const struct bridge *b, const struct bucket *k, uint64_t version);

#endif
