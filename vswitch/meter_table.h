/* SPDX-License-Identifier: Apache-2.0 */
/* meter_table.h - the meters of one bridge as its controllers see them: flags and bands as they were sent, age, and how
 * many flows use them.  The meters that frames meet are the datapath's.
 * Flow: agent_meter -> [meter_table] -> datapath meters.   Spec: OpenFlow 1.3.5, 5.7, 7.3.4.4.
 *
 * Changes are prepared, shown and taken back as those of group_table.h.   Thread: C. */
#ifndef VSWITCH_METER_TABLE_H
#define VSWITCH_METER_TABLE_H

#include "datapath/meter.h"
#include "vswitch/id_table.h"

struct clock;
struct meter_table;
struct rule_code;

enum { METER_TABLE_MAX = METERS_MAX, METER_BANDS_MAX = 16 };

/* What is under a meter's number: id_item's `now`. */
struct meter_entry {
    struct meter *meter; /* borrowed from the datapath */
    uint64_t created_ns; /* a modification does not change it */
    uint16_t flags;      /* enum ofp_meter_flags */
    uint16_t n_bands;    /* bytes */
    uint8_t bands[];     /* as they came on the wire */
};

int meter_table_new(struct meter_table **out, struct bridge *b, const struct clock *clock);
void meter_table_free(struct meter_table *mt); /* removes every meter; datapath_commit() must follow */

/* Adds a meter or puts it in the place of that of the same id, whose packet and byte counts go on (its bands' do not).
 * `bands`, the same as spec's, as they came on the wire: `n` bytes.  -ENOMEM, -ENOSPC: as meter_new(). */
int meter_table_put(struct meter_table *mt, struct meter_spec *spec, uint16_t flags, const void *bands, size_t n);
int meter_table_delete(struct meter_table *mt, struct id_item *item); /* -ENOMEM */
void meter_table_commit(struct meter_table *mt);
void meter_table_abort(struct meter_table *mt);

const struct id_table *meter_table_items(const struct meter_table *mt);
struct id_item *meter_table_find(const struct meter_table *mt, uint32_t id); /* NULL: no such meter */

/* A flow with this meter comes (by = 1) or goes (-1). */
void meter_table_count_flow(struct meter_table *mt, const struct rule_code *code, int by);

#endif
