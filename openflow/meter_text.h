/* SPDX-License-Identifier: Apache-2.0 */
/* meter_text.h - meters as ovs-ofctl users write them:
 * `meter=3,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=200,type=dscp_remark,rate=500,burst_size=100,prec_level=1`.
 * Rates are in kbit/s or packets/s, burst sizes in kbit or packets, by the flag.   Thread: any. */
#ifndef OPENFLOW_METER_TEXT_H
#define OPENFLOW_METER_TEXT_H

#include "base/errbuf.h"
#include "openflow/ofp_gen.h"

struct arena;
struct str;

/* Reads one meter.  Add and modify need meter, kbps or pktps, and a band or more; burst_size is said with the flag burst,
 * for every band.  Delete takes meter=N, meter=all, or nothing for all.  `out` and what it points to live in the arena.
 * -EINVAL with a sentence, -ENOMEM. */
int meter_text_parse(struct ofp_meter_mod *out, struct arena *a, const char *text, enum ofp_meter_mod_command cmd,
                     struct errbuf *e);
/* Writes a meter as ovs-ofctl dump-meters does (a line, then one for each band, without a newline at the end); OFPMC_ADD
 * reads it. */
void meter_text_print_config(struct str *s, const struct ofp_meter_config *m);
/* Writes what meter_text_parse reads with the command of the meter-mod. */
void meter_text_print_mod(struct str *s, const struct ofp_meter_mod *mm);

#endif
