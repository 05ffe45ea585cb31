/* SPDX-License-Identifier: Apache-2.0 */
/* probe_ping.c - ICMP echo, both families, until an answer comes.   Spec: RFC 792, RFC 4443. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tools/probe_impl.h"

enum {
    INTERVAL_MS = 200,
    HEAD_SIZE = 8, /* type, code, checksum, id, sequence */
    DATA_SIZE = 56,
    ECHO4 = 8,
    ECHO4_REPLY = 0,
    ECHO6 = 128,
    ECHO6_REPLY = 129,
};

struct ping {
    int fd;
    bool is_v6;
    uint16_t id;
    uint16_t sequence;
    uint8_t data[DATA_SIZE];
};

static uint16_t checksum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < n; i += 2)
        sum += be16_load(p + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void echo_send(struct ping *p)
{
    uint8_t message[HEAD_SIZE + DATA_SIZE] = { p->is_v6 ? ECHO6 : ECHO4 };

    be16_store(message + 4, p->id);
    be16_store(message + 6, ++p->sequence);
    memcpy(message + HEAD_SIZE, p->data, sizeof p->data);
    if (!p->is_v6)
        be16_store(message + 2, checksum(message, sizeof message));
    (void)!send(p->fd, message, sizeof message, 0); /* what is wrong comes back by the socket, or nothing does */
}

/* Is this an answer to us, with our data? */
static bool is_answer(const struct ping *p, const uint8_t *message, size_t n)
{
    if (!p->is_v6) { /* an IPv4 raw socket gives the header too */
        size_t header = n ? (size_t)(message[0] & 15) * 4 : 0;

        if (n < header)
            return false;
        message += header;
        n -= header;
    }
    return n == HEAD_SIZE + DATA_SIZE && message[0] == (p->is_v6 ? ECHO6_REPLY : ECHO4_REPLY) &&
           be16_load(message + 4) == p->id && !memcmp(message + HEAD_SIZE, p->data, DATA_SIZE);
}

static int socket_open(struct ping *p, const struct probe_target *t)
{
    int on = 1;

    p->is_v6 = t->addr.ss_family == AF_INET6;
    p->fd =
        socket(t->addr.ss_family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, p->is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    if (p->fd < 0)
        return -errno;
    if (p->is_v6)
        setsockopt(p->fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
        setsockopt(p->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
    return connect(p->fd, (const struct sockaddr *)&t->addr, t->len) ? -errno : 0;
}

int probe_ping(const json_t *request)
{
    uint64_t begin_ns = clock_now(NULL), deadline_ns = probe_deadline(request), next_ns = begin_ns;
    struct ping p = { .id = (uint16_t)getpid() };
    struct probe_target t;
    int err = probe_target(&t, probe_text(request, "to"), 0), said = 0;

    if (!err)
        err = socket_open(&p, &t);
    if (err)
        return probe_fail("%s: %s", probe_text(request, "to"), strerror(-err));
    be64_store(p.data, begin_ns);
    for (size_t i = 8; i < DATA_SIZE; i++)
        p.data[i] = probe_byte(i);
    do {
        struct pollfd f = { .fd = p.fd, .events = POLLIN };
        uint8_t message[2048];
        ssize_t n;

        if (clock_now(NULL) >= next_ns) {
            echo_send(&p);
            next_ns = clock_now(NULL) + (uint64_t)INTERVAL_MS * NSEC_PER_MS;
        }
        poll(&f, 1, probe_left_ms(next_ns < deadline_ns ? next_ns : deadline_ns, INTERVAL_MS));
        while ((n = recv(p.fd, message, sizeof message, 0)) >= 0)
            if (is_answer(&p, message, (size_t)n))
                return probe_succeed(begin_ns, p.sequence);
        if (errno != EAGAIN && errno != EINTR) {
            said = errno;
            while (recv(p.fd, message, sizeof message, MSG_ERRQUEUE) >= 0)
                ;
        }
    } while (clock_now(NULL) < deadline_ns);
    return probe_fail("no answer to %u pings%s%s", p.sequence, said ? ": " : "", said ? strerror(said) : "");
}
