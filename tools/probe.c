/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c - see probe.h: the table of probes, and what they share. */
#include "tools/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tools/probe_impl.h"

static const struct {
    const char *name;
    int (*run)(const json_t *request);
} kinds[] = {
    { "ping", probe_ping },           { "tcp", probe_tcp },       { "udp", probe_udp },
    { "serve", probe_serve },         { "listen", probe_listen }, { "flood", probe_flood },
    { "neighbour", probe_neighbour }, { "route", probe_route },
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

bool probe_is_kind(const char *kind)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (!strcmp(kinds[i].name, kind))
            return true;
    return false;
}

int probe_run(const json_t *request)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (!strcmp(kinds[i].name, probe_text(request, "do")))
            return kinds[i].run(request);
    return 1;
}

void probe_say(json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT);

    if (text)
        dprintf(STDOUT_FILENO, "%s\n", text);
    free(text);
    json_decref(o);
}

int probe_fail(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    probe_say(json_pack("{s:b, s:s}", "ok", 0, "why", text));
    return 1;
}

int probe_succeed(uint64_t begin_ns, unsigned tries)
{
    probe_say(json_pack("{s:b, s:I, s:i}", "ok", 1, "us", (json_int_t)((clock_now(NULL) - begin_ns) / NSEC_PER_US),
                        "tries", (int)tries));
    return 0;
}

int probe_target(struct probe_target *t, const char *to, int port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

    *t = (struct probe_target){ 0 };
    be16_store(&v4.sin_port, (uint16_t)port);
    be16_store(&v6.sin6_port, (uint16_t)port);
    if (inet_pton(AF_INET, to, &v4.sin_addr) == 1)
        memcpy(&t->addr, &v4, t->len = sizeof v4);
    else if (inet_pton(AF_INET6, to, &v6.sin6_addr) == 1)
        memcpy(&t->addr, &v6, t->len = sizeof v6);
    else
        return -EINVAL;
    return 0;
}

const char *probe_text(const json_t *request, const char *key)
{
    const char *text = json_string_value(json_object_get(request, key));

    return text ? text : "";
}

uint64_t probe_deadline(const json_t *request)
{
    return clock_now(NULL) + (uint64_t)json_integer_value(json_object_get(request, "ms")) * NSEC_PER_MS;
}

int probe_left_ms(uint64_t deadline_ns, int at_most)
{
    uint64_t now = clock_now(NULL);
    uint64_t left = now < deadline_ns ? (deadline_ns - now + NSEC_PER_MS - 1) / NSEC_PER_MS : 0;

    return left < (uint64_t)at_most ? (int)left : at_most;
}

uint8_t probe_byte(uint64_t offset)
{
    uint64_t x = (offset + 1) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint8_t)(x >> 56 ^ x >> 29);
}
