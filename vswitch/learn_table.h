/* SPDX-License-Identifier: Apache-2.0 */
/* learn_table.h - what flows with the action learn have to do with those that they make: delete_learned (with the last of them
 * the others go) and limit (how many there may be).  Both are about a table and a cookie; here is one entry for each that a
 * flow names so.
 * Flow: agent_flow: [learn_table_reserve] -> flow_table -> [learn_table_count]; agent_finish: [learn_table_settle].
 * Spec: ovs-actions(7), learn.   Thread: C. */
#ifndef VSWITCH_LEARN_TABLE_H
#define VSWITCH_LEARN_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct bridge;
struct flow_table;
struct learn_table;
struct rule;
struct rule_code;

int learn_table_new(struct learn_table **out, struct bridge *b); /* -ENOMEM */
void learn_table_free(struct learn_table *lt);

/* Makes room for what a flow with this code will count, and tells its actions where the datapath counts their limit; the
 * actions are the caller's own.  -ENOMEM; -E2BIG: there are LEARN_ROOMS with a limit already. */
int learn_table_reserve(struct learn_table *lt, const struct flow_table *ft, struct rule_code *code);
/* A flow with this rule comes (by = 1) or goes (-1), be it only until an abort. */
void learn_table_count(struct learn_table *lt, const struct rule *r, int by);
/* Has the last flow gone (since the last call) that was to take others along? */
bool learn_table_is_due(const struct learn_table *lt);
/* Before a commit: deletes what goes along.  -ENOMEM. */
int learn_table_delete(struct learn_table *lt, struct flow_table *ft);
/* After a commit or an abort: forgets what nobody names any more. */
void learn_table_settle(struct learn_table *lt);

/* Is there a flow that would take along those of this table and cookie? */
bool learn_table_takes_along(const struct learn_table *lt, uint8_t table_id, uint64_t cookie);
/* How many flows of this table and cookie there are. */
uint32_t learn_table_flows(const struct learn_table *lt, const struct flow_table *ft, uint8_t table_id,
                           uint64_t cookie);

#endif
