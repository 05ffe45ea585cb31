/* SPDX-License-Identifier: Apache-2.0 */
/* group_table.h - the groups of one bridge as its controllers see them: buckets as they were sent, age, and who names
 * them.  The groups that frames meet are the datapath's.
 * Flow: agent_group -> [group_table] -> datapath groups.   Spec: OpenFlow 1.3.5, 5.6, 6.5, 7.3.4.2.
 *
 * Changes are prepared, and shown by the commit of the flow table (flow_table.h), after which group_table_commit() follows;
 * to take them back, group_table_abort() comes before flow_table_abort().   Thread: C. */
#ifndef VSWITCH_GROUP_TABLE_H
#define VSWITCH_GROUP_TABLE_H

#include "datapath/group.h"
#include "vswitch/id_table.h"

struct clock;
struct group_table;

enum { GROUP_TABLE_MAX = 65536, GROUP_BUCKETS_MAX = 1024 };

/* What is under a group's number: id_item's `now`. */
struct group_entry {
    struct group *group; /* borrowed from the datapath */
    uint64_t created_ns; /* a modification does not change it */
    size_t n_buckets;    /* bytes */
    uint8_t buckets[];   /* as they came on the wire */
};

int group_table_new(struct group_table **out, struct bridge *b, const struct clock *clock);
void group_table_free(struct group_table *gt); /* removes every group; datapath_commit() must follow */

/* Adds a group or puts it in the place of that of the same id, whose packet and byte counts go on (its buckets' do not).
 * `buckets`, the same as spec's, as they came on the wire: `n` bytes.  -E2BIG, -ENOMEM, -ENOSPC: as group_new(). */
int group_table_put(struct group_table *gt, struct group_spec *spec, const void *buckets, size_t n);
int group_table_delete(struct group_table *gt, struct id_item *item); /* -ENOMEM */
int group_table_delete_all(struct group_table *gt);                   /* -ENOMEM */
void group_table_commit(struct group_table *gt);
void group_table_abort(struct group_table *gt);

const struct id_table *group_table_items(const struct group_table *gt);
struct id_item *group_table_find(const struct group_table *gt, uint32_t id); /* NULL: no such group */
/* Would a group with these buckets lead back to itself, by what they forward to or (other way) by what they watch? */
enum group_way { GROUP_FORWARDS, GROUP_WATCHES };
bool group_table_has_circle(struct group_table *gt, const struct group_spec *spec, enum group_way way);

/* A flow with these actions comes (by = 1) or goes (-1). */
void group_table_count_flow(struct group_table *gt, const struct rule_code *code, int by);

#endif
