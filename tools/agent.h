/* SPDX-License-Identifier: Apache-2.0 */
/* agent.h - what works inside a host of the lab: a process in its network namespace, or one in a guest.  It does jobs that
 * come as lines of JSON, each in a child of its own, and tells what becomes of them.
 * Flow: lab test, lab exec -> agent_link -> (socket, virtio-serial) -> [agent] -> agent_job -> probe
 *
 *   in   {"hello": NONCE}                   ends every job; the answer is the same line
 *        {"id": N, "do": KIND, ...}         begins a job; probe.h has the kinds, and "exec" with "argv": [..] is one
 *        {"id": N, "in": HEX}               for what an "exec" reads; "" is its end.  At most AGENT_WINDOW bytes on the way
 *        {"id": N, "end": true}             kills it
 *   out  {"id": N, "says": {..}}            a probe
 *        {"id": N, "out": HEX}, "err"       what an exec writes
 *        {"id": N, "took": BYTES}           of "in"
 *        {"id": N, "exit": CODE}            the last of this job; 128 + signal when one killed it */
#ifndef TOOLS_AGENT_H
#define TOOLS_AGENT_H

enum { AGENT_WINDOW = 64 << 10, AGENT_CHUNK = 16 << 10, AGENT_JOBS_MAX = 256 };

/* Works until the other side of `fd` goes; every job is dead then.  */
void agent_serve(int fd);

#endif
