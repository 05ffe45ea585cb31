/* SPDX-License-Identifier: Apache-2.0 */
/* probe_impl.h - what the files of probes share.   Thread: a process of its own. */
#ifndef TOOLS_PROBE_IMPL_H
#define TOOLS_PROBE_IMPL_H

#include <jansson.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/str.h"

struct probe_target {
    struct sockaddr_storage addr;
    socklen_t len;
};

int probe_ping(const json_t *request);
int probe_tcp(const json_t *request);
int probe_udp(const json_t *request);
int probe_serve(const json_t *request);
int probe_listen(const json_t *request);
int probe_flood(const json_t *request);
int probe_neighbour(const json_t *request);
int probe_route(const json_t *request);

void probe_say(json_t *o);                                                  /* takes; one line on standard output */
int probe_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* says ok: false and why; returns 1 */
int probe_succeed(uint64_t begin_ns, unsigned tries);                       /* says ok: true; returns 0 */
/* The first interface that is up and no loopback: a host has one.  -ENODEV. */
struct sockaddr_ll;
int probe_interface(struct sockaddr_ll *out);
/* Reads `to` and `port` (0 when there is none) of the request, or what is in an array of addresses. */
int probe_target(struct probe_target *t, const char *to, int port);
const char *probe_text(const json_t *request, const char *key); /* "" when it is not there */
uint64_t probe_deadline(const json_t *request);                 /* from now */
int probe_left_ms(uint64_t deadline_ns, int at_most);           /* for poll(): 0..at_most */
/* The byte at `offset` of the data that probes send: the same everywhere, with no short period. */
uint8_t probe_byte(uint64_t offset);

#endif
