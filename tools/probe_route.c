/* SPDX-License-Identifier: Apache-2.0 */
/* probe_route.c - a route to one address, straight over the host's interface: so that hosts of different subnets, which
 * must not reach each other, do try.   Spec: rtnetlink(7). */
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "tools/probe_impl.h"

struct route_request {
    struct nlmsghdr h;
    struct rtmsg m;
    uint8_t attributes[64];
};

static void attribute_add(struct route_request *r, uint16_t type, const void *value, size_t size)
{
    struct rtattr *a = (struct rtattr *)((uint8_t *)r + NLMSG_ALIGN(r->h.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (uint16_t)RTA_LENGTH(size);
    memcpy(RTA_DATA(a), value, size);
    r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) + RTA_LENGTH(size));
}

/* Sends one request and takes the kernel's verdict: 0 or a negative errno. */
static int request_send(const struct route_request *r)
{
    struct {
        struct nlmsghdr h;
        struct nlmsgerr e;
        uint8_t rest[512];
    } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), err = -EIO;

    if (fd < 0)
        return -errno;
    if (send(fd, r, r->h.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
        err = -errno;
    else if (answer.h.nlmsg_type == NLMSG_ERROR)
        err = answer.e.error;
    close(fd);
    return err;
}

int probe_route(const json_t *request)
{
    bool is_new = json_is_true(json_object_get(request, "add"));
    struct route_request r = { .h = { .nlmsg_len = NLMSG_LENGTH(sizeof r.m),
                                      .nlmsg_type = is_new ? RTM_NEWROUTE : RTM_DELROUTE,
                                      .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK |
                                                                (is_new ? NLM_F_CREATE | NLM_F_EXCL : 0)) },
                               .m = { .rtm_table = RT_TABLE_MAIN,
                                      .rtm_protocol = RTPROT_STATIC,
                                      .rtm_scope = RT_SCOPE_LINK,
                                      .rtm_type = RTN_UNICAST } };
    struct sockaddr_ll at;
    struct probe_target t;
    int err = probe_target(&t, probe_text(request, "to"), 0);

    if (!err)
        err = probe_interface(&at);
    if (err)
        return probe_fail("%s: %s", probe_text(request, "to"), strerror(-err));
    r.m.rtm_family = (uint8_t)t.addr.ss_family;
    if (t.addr.ss_family == AF_INET6) {
        r.m.rtm_dst_len = 128;
        attribute_add(&r, RTA_DST, &((struct sockaddr_in6 *)&t.addr)->sin6_addr, 16);
    } else {
        r.m.rtm_dst_len = 32;
        attribute_add(&r, RTA_DST, &((struct sockaddr_in *)&t.addr)->sin_addr, 4);
    }
    attribute_add(&r, RTA_OIF, &at.sll_ifindex, sizeof at.sll_ifindex);
    err = request_send(&r);
    if (err && err != -EEXIST)
        return probe_fail("route to %s: %s", probe_text(request, "to"), strerror(-err));
    probe_say(json_pack("{s:b, s:b}", "ok", 1, "changed", !err));
    return 0;
}
