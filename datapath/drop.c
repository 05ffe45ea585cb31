/* SPDX-License-Identifier: Apache-2.0 */
/* drop.c - the names of the drop reasons, as counters and explanations show them. */
#include "datapath/drop.h"

#include <assert.h>

static const char *const names[] = {
    [DROP_NONE] = "none",
    [DROP_SHORT] = "short",
    [DROP_TABLE_MISS] = "table-miss",
    [DROP_NO_ACTION] = "no-action",
    [DROP_NO_SUCH_PORT] = "no-such-port",
    [DROP_TO_IN_PORT] = "to-in-port",
    [DROP_PORT_DOWN] = "port-down",
    [DROP_NO_FWD] = "no-fwd",
    [DROP_NO_RECV] = "no-recv",
    [DROP_NO_PACKET_IN] = "no-packet-in",
    [DROP_TTL] = "ttl",
    [DROP_NO_ROOM] = "no-room",
    [DROP_EVENT_FULL] = "event-full",
    [DROP_RING_FULL] = "ring-full",
    [DROP_TOO_DEEP] = "too-deep",
    [DROP_RESUBMIT_DEPTH] = "resubmit-depth",
    [DROP_RESUBMIT_WORK] = "resubmit-work",
    [DROP_TOO_LONG] = "too-long",
    [DROP_NO_GROUP] = "no-group",
    [DROP_NO_BUCKET] = "no-bucket",
    [DROP_METER] = "meter",
    [DROP_GROUP_DEPTH] = "group-depth",
    [DROP_VLAN] = "vlan",
    [DROP_RESERVED_MAC] = "reserved-mac",
    [DROP_HAIRPIN] = "hairpin",
    [DROP_NO_BRIDGE] = "no-bridge",
    [DROP_QUEUE_FULL] = "queue-full",
    [DROP_QUEUE_GONE] = "queue-gone",
    [DROP_TOO_BIG] = "too-big",
    [DROP_FRAGMENT] = "fragment",
    [DROP_FRAGMENT_BAD] = "fragment-bad",
    [DROP_FRAGMENT_TWICE] = "fragment-twice",
    [DROP_FRAGMENT_OVERLAP] = "fragment-overlap",
    [DROP_FRAGMENT_TIMEOUT] = "fragment-timeout",
    [DROP_FRAGMENT_NO_ROOM] = "fragment-no-room",
    [DROP_CONN_FULL] = "conn-full",
    [DROP_CONN_HOST] = "conn-host-limit",
    [DROP_CONN_CLASH] = "conn-clash",
    [DROP_CONN_BOUNCE] = "ftp-bounce",
    [DROP_NAT_PORTS] = "nat-ports",
    [DROP_NAT_FRAME] = "nat-frame",
    [DROP_NPTV6] = "nptv6",
    [DROP_UNHEARD] = "pause-unheard",
};
static_assert(sizeof names / sizeof *names == DROP_N, "name every drop reason");

const char *drop_name(enum drop d)
{
    return d >= 0 && d < DROP_N ? names[d] : "unknown";
}
