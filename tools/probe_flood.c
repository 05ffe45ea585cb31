/* SPDX-License-Identifier: Apache-2.0 */
/* probe_flood.c - broadcasts of an Ethernet type that no kernel answers, and a listener that says of each what it saw.
 *
 * The frame: ff:ff:ff:ff:ff:ff, the interface's own address, 0x88b5, "trama", the mark (8 bytes), the number (4). */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tools/probe.h"
#include "tools/probe_impl.h"

enum { MAGIC_AT = 14, MARK_AT = 19, SEQ_AT = 27, FRAME_SIZE = 60, SEEN_MAX = 64 };
static const char magic[] = "trama";

static uint64_t mark_of(const json_t *request)
{
    return strtoull(probe_text(request, "mark"), NULL, 16);
}

/* `type`: ETH_P_ALL also shows tags, which the kernel takes away before it looks for who wants the frame's own type. */
static int packet_socket(int ifindex, uint16_t type)
{
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = ifindex };
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0)
        return -errno;
    be16_store(&at.sll_protocol, type);
    if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) || bind(fd, (struct sockaddr *)&at, sizeof at)) {
        int err = -errno;

        close(fd);
        return err;
    }
    return fd;
}

int probe_interface(struct sockaddr_ll *out)
{
    struct ifaddrs *list;
    int err = -ENODEV;

    if (getifaddrs(&list))
        return -ENODEV;
    for (const struct ifaddrs *a = list; a && err; a = a->ifa_next)
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET && a->ifa_flags & IFF_UP &&
            !(a->ifa_flags & IFF_LOOPBACK)) {
            memcpy(out, a->ifa_addr, sizeof *out);
            err = 0;
        }
    freeifaddrs(list);
    return err;
}

int probe_flood(const json_t *request)
{
    uint8_t frame[FRAME_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct sockaddr_ll at = { 0 };
    int err = probe_interface(&at), fd;

    if (err)
        return probe_fail("no interface is up");
    memcpy(frame + 6, at.sll_addr, 6);
    be16_store(frame + 12, PROBE_ETHERTYPE);
    memcpy(frame + MAGIC_AT, magic, sizeof magic - 1);
    be64_store(frame + MARK_AT, mark_of(request));
    be32_store(frame + SEQ_AT, (uint32_t)json_integer_value(json_object_get(request, "seq")));
    fd = packet_socket(at.sll_ifindex, PROBE_ETHERTYPE);
    if (fd < 0 || send(fd, frame, sizeof frame, 0) != FRAME_SIZE)
        return probe_fail("a broadcast cannot be sent: %s", strerror(fd < 0 ? -fd : errno));
    probe_say(json_pack("{s:b}", "ok", 1));
    return 0;
}

static int vlan_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            struct tpacket_auxdata aux;

            memcpy(&aux, CMSG_DATA(c), sizeof aux);
            if (aux.tp_status & TP_STATUS_VLAN_VALID)
                return aux.tp_vlan_tci & 0xfff;
        }
    return -1;
}

int probe_listen(const json_t *request)
{
    uint64_t mark = mark_of(request);
    struct sockaddr_ll at = { 0 };
    int fd = probe_interface(&at), n_seen = 0;

    if (!fd)
        fd = packet_socket(at.sll_ifindex, ETH_P_ALL);
    if (fd < 0) {
        probe_say(json_pack("{s:b, s:s}", "ready", 0, "why", strerror(-fd)));
        return 1;
    }
    probe_say(json_pack("{s:b}", "ready", 1));
    while (n_seen < SEEN_MAX) {
        uint8_t frame[2048], control[256];
        struct sockaddr_ll from;
        struct iovec part = { frame, sizeof frame };
        struct msghdr m = { .msg_name = &from,
                            .msg_namelen = sizeof from,
                            .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control };
        ssize_t len = recvmsg(fd, &m, 0);

        if (len < 0 && errno != EINTR && errno != ENETDOWN)
            return 1;
        if (len < SEQ_AT + 4 || from.sll_pkttype == PACKET_OUTGOING ||
            memcmp(frame + MAGIC_AT, magic, sizeof magic - 1) != 0 || be16_load(frame + 12) != PROBE_ETHERTYPE ||
            be64_load(frame + MARK_AT) != mark)
            continue;
        n_seen++;
        probe_say(json_pack("{s:I, s:i}", "seen", (json_int_t)be32_load(frame + SEQ_AT), "vlan", vlan_of(&m)));
    }
    return 0;
}
