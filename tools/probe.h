/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - what a host does to find out whether frames pass: each probe is a process inside the host, with the host's own
 * TCP/IP.  It writes lines of JSON to its standard output.
 * Flow: agent_job -> [probe] -> the kernel of the host, or AF_PACKET
 *
 *   ping    to, ms                  {"ok": true, "us": N, "tries": N} or {"ok": false, "why": ".."} after `ms`
 *   tcp     to, port, bytes, ms     the same; `bytes` go there and must come back as they were.  A failed attempt that the
 *                                   other side had accepted says "reached": true
 *   udp     to, port, ms            the same with datagrams
 *   serve   at [..], port           answers tcp and udp there until it is killed; {"ready": true} or {"ready": false, "why"}
 *   listen  mark                    {"ready": true}; then for each frame of that mark {"seen": SEQ} with "vlan" if it was tagged
 *   flood   mark, seq               broadcasts one such frame; {"ok": true} or {"ok": false, "why"}
 *   neighbour  to                   {"state": "reachable", "mac": ".."}; "none": the kernel has nothing about it
 *   route   to, add                 a route to that one address by the host's interface, made or (add: false) removed;
 *                                   {"ok": true, "changed": true}, or false when there was one
 *
 * Addresses are without prefix; times in milliseconds.   Thread: a process of its own. */
#ifndef TOOLS_PROBE_H
#define TOOLS_PROBE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum { PROBE_ETHERTYPE = 0x88b5 }; /* IEEE 802, local experimental */

bool probe_is_kind(const char *kind);
/* Runs request["do"]; returns the exit code of the process. */
int probe_run(const json_t *request);

#endif
