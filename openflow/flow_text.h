/* SPDX-License-Identifier: Apache-2.0 */
/* flow_text.h - flows as ovs-ofctl users write them: `table=2,priority=10,in_port=1,dl_vlan=10,actions=pop_vlan,output:2`.
 * The words before `actions=` are the match (match_text.h) and these keywords: table, priority, cookie=V[/MASK],
 * idle_timeout, hard_timeout, buffer_id, out_port, out_group, send_flow_rem, check_overlap, reset_counts, no_packet_counts,
 * no_byte_counts.  What ovs-ofctl dump-flows shows beside them (duration, n_packets, n_bytes, idle_age, hard_age) is skipped,
 * so that what was dumped can be read back.   Thread: any. */
#ifndef OPENFLOW_FLOW_TEXT_H
#define OPENFLOW_FLOW_TEXT_H

#include "base/errbuf.h"

struct arena;
struct ofp_flow_mod;
struct ofp_flow_stats;
struct port_names;
struct str;

/* What the flow is for, which decides what may be said of it. */
enum flow_text_command {
    FLOW_TEXT_ADD,    /* needs actions */
    FLOW_TEXT_MODIFY, /* needs actions; cookie=V/MASK chooses flows, as with all that follow */
    FLOW_TEXT_MODIFY_STRICT,
    FLOW_TEXT_DELETE, /* no actions, no priority; every table and any cookie when not said; also a filter for dumps */
    FLOW_TEXT_DELETE_STRICT, /* no actions */
    FLOW_TEXT_N
};

/* Reads one flow.  `out` and what it points to live in the arena.  Unsaid: table 0 (delete: all), priority 32768, no
 * timeouts, no buffer, any out_port and out_group.  The actions have been checked against the match, as far as that can be
 * done without a switch.  -EINVAL with a sentence, -ENOMEM. */
int flow_text_parse(struct ofp_flow_mod *out, struct arena *a, const char *text, enum flow_text_command cmd,
                    const struct port_names *names, struct errbuf *e);

/* Writes what flow_text_parse reads with the command of the flow-mod. */
void flow_text_print_mod(struct str *s, const struct ofp_flow_mod *fm, const struct port_names *names);
/* Writes a flow as ovs-ofctl dump-flows does, without its leading blank; FLOW_TEXT_ADD reads it. */
void flow_text_print_stats(struct str *s, const struct ofp_flow_stats *fs, const struct port_names *names);

#endif
