/* SPDX-License-Identifier: Apache-2.0 */
/* probe_udp.c - sends datagrams until one comes back as it was; see probe_serve.c for the other side. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "tools/probe_impl.h"

enum { INTERVAL_MS = 200, DATAGRAM_SIZE = 1200 };

int probe_udp(const json_t *request)
{
    uint64_t begin_ns = clock_now(NULL), deadline_ns = probe_deadline(request), next_ns = begin_ns;
    uint8_t sent[DATAGRAM_SIZE], got[DATAGRAM_SIZE + 1];
    struct probe_target t;
    unsigned tries = 0;
    int err = probe_target(&t, probe_text(request, "to"), (int)json_integer_value(json_object_get(request, "port")));
    int fd = err ? -1 : socket(t.addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), said = 0;

    if (!err && (fd < 0 || connect(fd, (struct sockaddr *)&t.addr, t.len)))
        err = -errno;
    if (err)
        return probe_fail("%s: %s", probe_text(request, "to"), strerror(-err));
    be64_store(sent, begin_ns);
    for (size_t i = 8; i < sizeof sent; i++)
        sent[i] = probe_byte(i);
    do {
        struct pollfd f = { .fd = fd, .events = POLLIN };
        ssize_t n;

        if (clock_now(NULL) >= next_ns) {
            if (send(fd, sent, sizeof sent, 0) < 0)
                said = errno;
            tries++;
            next_ns = clock_now(NULL) + (uint64_t)INTERVAL_MS * NSEC_PER_MS;
        }
        poll(&f, 1, probe_left_ms(next_ns < deadline_ns ? next_ns : deadline_ns, INTERVAL_MS));
        while ((n = recv(fd, got, sizeof got, 0)) >= 0)
            if (n == (ssize_t)sizeof sent && !memcmp(got, sent, sizeof sent))
                return probe_succeed(begin_ns, tries);
        if (errno != EAGAIN && errno != EINTR)
            said = errno;
    } while (clock_now(NULL) < deadline_ns);
    return probe_fail("no answer to %u datagrams%s%s", tries, said ? ": " : "", said ? strerror(said) : "");
}
