/* SPDX-License-Identifier: Apache-2.0 */
/* probe_neighbour.c - what the host's kernel knows about the link address of a neighbour.   Spec: rtnetlink(7). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/probe_impl.h"

enum { BUFFER_SIZE = 32 << 10 };

struct neighbour {
    bool is_v6;
    const void *ip; /* as on the wire */
    uint16_t state;
    bool is_found, has_mac;
    uint8_t mac[6];
};

static const char *state_text(const struct neighbour *n)
{
    if (!n->is_found)
        return "none";
    if (n->state & NUD_INCOMPLETE)
        return "incomplete";
    if (n->state & NUD_FAILED)
        return "failed";
    if (n->state & NUD_REACHABLE)
        return "reachable";
    return n->state & NUD_PERMANENT ? "permanent" : "stale";
}

/* One entry of the kernel's table: takes it when it is of our address. */
static void entry_take(struct neighbour *n, struct nlmsghdr *h)
{
    struct ndmsg *m = NLMSG_DATA(h);
    int left = (int)NLMSG_PAYLOAD(h, sizeof *m);
    size_t ip_size = n->is_v6 ? 16 : 4;
    bool is_ours = false;
    const uint8_t *mac = NULL;

    for (struct rtattr *a = (struct rtattr *)((char *)m + NLMSG_ALIGN(sizeof *m)); RTA_OK(a, left);
         a = RTA_NEXT(a, left)) {
        if (a->rta_type == NDA_DST && RTA_PAYLOAD(a) == ip_size)
            is_ours = !memcmp(RTA_DATA(a), n->ip, ip_size);
        else if (a->rta_type == NDA_LLADDR && RTA_PAYLOAD(a) == 6)
            mac = RTA_DATA(a);
    }
    if (!is_ours)
        return;
    n->is_found = true;
    n->state = m->ndm_state;
    n->has_mac = mac != NULL;
    if (mac)
        memcpy(n->mac, mac, 6);
}

/* NLMSG_OK, which compares numbers of different signs. */
static bool is_whole(const struct nlmsghdr *h, int left)
{
    return left >= (int)sizeof *h && h->nlmsg_len >= sizeof *h && h->nlmsg_len <= (unsigned)left;
}

static int table_read(struct neighbour *n)
{
    struct {
        struct nlmsghdr h;
        struct ndmsg m;
    } ask = { .h = { .nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETNEIGH, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
              .m = { .ndm_family = n->is_v6 ? AF_INET6 : AF_INET } };
    static char buffer[BUFFER_SIZE] __attribute__((aligned(8)));
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || send(fd, &ask, sizeof ask, 0) < 0)
        return -errno;
    for (;;) {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        int left = (int)got;

        if (got <= 0)
            return -errno;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; is_whole(h, left); h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
                return 0;
            entry_take(n, h);
        }
    }
}

int probe_neighbour(const json_t *request)
{
    struct probe_target t;
    struct neighbour n = { .ip = &((struct sockaddr_in *)&t.addr)->sin_addr };
    char mac[18] = "";
    int err = probe_target(&t, probe_text(request, "to"), 0);

    if (!err && t.addr.ss_family == AF_INET6) {
        n.is_v6 = true;
        n.ip = &((struct sockaddr_in6 *)&t.addr)->sin6_addr;
    }
    if (!err)
        err = table_read(&n);
    if (err)
        return probe_fail("%s: %s", probe_text(request, "to"), strerror(-err));
    if (n.has_mac)
        snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", n.mac[0], n.mac[1], n.mac[2], n.mac[3], n.mac[4],
                 n.mac[5]);
    probe_say(json_pack("{s:s, s:s}", "state", state_text(&n), "mac", mac));
    return 0;
}
