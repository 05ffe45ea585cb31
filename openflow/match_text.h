/* SPDX-License-Identifier: Apache-2.0 */
/* match_text.h - matches as ovs-ofctl users write them: `tcp,in_port=1,dl_vlan=10,nw_src=10.0.0.0/8,tp_dst=80`.
 * A field goes by the specification's name or by ovs-ofctl's; `/mask` may follow every value.  Protocols are shorthands for
 * eth_type and ip_proto; tp_src, nw_src and icmp_type mean the field that the protocol has.   Thread: any. */
#ifndef OPENFLOW_MATCH_TEXT_H
#define OPENFLOW_MATCH_TEXT_H

#include "base/errbuf.h"
#include "base/match.h"
#include "openflow/text_lex.h"

struct ofp_match;
struct port_names;
struct str;

/* Reads the words of a match.  Words that are not of a match are told to `other`, which returns 1 when it took one, 0 when it
 * does not know it, or a negative errno with a sentence; NULL knows none.  Prerequisites are checked, and may stand behind
 * the field that asks for them.  -EINVAL with a sentence. */
int match_text_parse(struct match *out, struct span text, const struct port_names *names,
                     int (*other)(void *arg, const struct word *w, struct errbuf *e), void *arg, struct errbuf *e);

/* Writes the fields in ovs-ofctl's order, joined by commas; nothing when there are none.  A field that the registry does not
 * know is shown in the codec's form, which cannot be parsed. */
void match_text_print(struct str *s, const struct ofp_match *m, const struct port_names *names);

/* The field that `name` means for set_field and for actions on frames that `m` matches; FIELD_NONE: no field of OpenFlow 1.3
 * has this name, or the protocol it needs is not known. */
enum field_id match_text_field(const struct match *m, struct span name);
/* What set_field calls a field. */
const char *match_text_field_name(enum field_id id);
/* "eth_type=0x0800 or eth_type=0x86dd", what a match must have for the field; "" when nothing. */
void match_text_needs(struct str *s, enum field_id id);

#endif
