/* SPDX-License-Identifier: Apache-2.0 */
/* frame_text.h - one frame in one line, for people who watch a port; and the same as JSON.
 * Flow: capture -> [frame_text] -> terminal.   Pure: bytes in, text out; any bytes will do.   Thread: any. */
#ifndef TOOLS_FRAME_TEXT_H
#define TOOLS_FRAME_TEXT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct str;

/* "02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 10 IPv4 10.0.0.1:4533 > 10.0.0.2:80 TCP SA seq 1 ack 8 win 64240 len 0".
 * `n` bytes are there of a frame of `len`.  What is cut off is said to be. */
void frame_text(struct str *s, const uint8_t *p, size_t n, size_t len);

/* {"src": MAC, "dst": MAC, "vlans": [{"tpid", "vid", "pcp"}], "ethertype": "0x0800", then what there is of "arp", "ip", "tcp",
 * "udp", "sctp", "icmp"}. */
json_t *frame_json(const uint8_t *p, size_t n, size_t len);

#endif
