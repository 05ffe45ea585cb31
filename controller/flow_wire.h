/* SPDX-License-Identifier: Apache-2.0 */
/* flow_wire.h - flows to OpenFlow messages and back.   Spec: OpenFlow 1.3.5, 7.3.4.1, 7.3.5.2. */
#ifndef CONTROLLER_FLOW_WIRE_H
#define CONTROLLER_FLOW_WIRE_H

#include "controller/reconcile.h"
#include "openflow/ofp.h"

/* The flow-mod for a change; everything it points to lives in the arena.  xid and version are left to the caller.
 * 0 or -ENOMEM. */
int flow_to_mod(struct ofp_msg *out, struct arena *a, const struct change *c);
/* Gives a flow; one that does what a spec cannot say is marked strange.  -EBADMSG: its match makes no sense. */
int flow_from_stats(struct flow **out, const struct ofp_flow_stats *stats);

#endif
