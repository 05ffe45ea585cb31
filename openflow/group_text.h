/* SPDX-License-Identifier: Apache-2.0 */
/* group_text.h - groups as ovs-ofctl users write them:
 * `group_id=7,type=select,bucket=weight:5,watch_port:1,actions=output:1,bucket=weight:3,actions=output:2`.   Thread: any. */
#ifndef OPENFLOW_GROUP_TEXT_H
#define OPENFLOW_GROUP_TEXT_H

#include "base/errbuf.h"
#include "openflow/ofp_gen.h"

struct arena;
struct port_names;
struct str;

/* Reads one group.  Add and modify need group_id and type (all, select, indirect, ff or fast_failover); delete takes
 * group_id=N, group_id=all, or nothing for all.  Unsaid: weight 1 in a select group, else 0; no watch_port and watch_group.
 * `out` and what it points to live in the arena.  -EINVAL with a sentence, -ENOMEM. */
int group_text_parse(struct ofp_group_mod *out, struct arena *a, const char *text, enum ofp_group_mod_command cmd,
                     const struct port_names *names, struct errbuf *e);
/* Writes a group as ovs-ofctl dump-groups does, without its leading blank; OFPGC_ADD reads it. */
void group_text_print_desc(struct str *s, const struct ofp_group_desc *g, const struct port_names *names);
/* Writes what group_text_parse reads with the command of the group-mod. */
void group_text_print_mod(struct str *s, const struct ofp_group_mod *gm, const struct port_names *names);

#endif
