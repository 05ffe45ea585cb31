/* SPDX-License-Identifier: Apache-2.0 */
/* flow_list.h - flows that are to be shown: each as text and as JSON, and put into an order that can be read: by table, then
 * the higher priority first, then by match.   Thread: one. */
#ifndef TOOLS_FLOW_LIST_H
#define TOOLS_FLOW_LIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "openflow/ofp.h"

struct port_names;

struct flow_row {
    uint8_t table;
    uint16_t priority;
    uint64_t packets, bytes;
    const char *match; /* text */
    const char *line;  /* the flow as it is shown */
    json_t *json;      /* NULL when nobody wants it */
};

struct flow_list {
    struct arena arena; /* of the texts */
    struct flow_row *rows;
    size_t n, size;
    bool is_bad; /* memory ran out; some are missing */
};

enum flow_order { FLOW_BY_PRIORITY, FLOW_BY_PACKETS, FLOW_BY_BYTES };

struct flow_form {
    bool has_stats;                 /* counters, durations and cookies too, as ovs-ofctl dump-flows shows them */
    bool is_json;                   /* make `json` */
    const struct port_names *names; /* NULL: numbers */
};

void flow_list_init(struct flow_list *l);
void flow_list_fini(struct flow_list *l);
/* A row to be filled in by the caller; NULL: no memory. */
struct flow_row *flow_list_add(struct flow_list *l);
/* A flow as a switch told it. */
void flow_list_add_stats(struct flow_list *l, const struct ofp_flow_stats *fs, const struct flow_form *form);
void flow_list_sort(struct flow_list *l, enum flow_order order);

#endif
