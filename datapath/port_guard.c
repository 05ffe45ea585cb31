/* SPDX-License-Identifier: Apache-2.0 */
/* port_guard.c - see port_guard.h.
 *
 * Theory: a table of the netdev family with one base chain at the interface's ingress, whose policy is to drop.  Packet
 * sockets come before that hook.  The table is made with NFT_TABLE_F_OWNER: the kernel removes it when the netlink socket that
 * made it is closed, and keeps everybody else from flushing it.  So there is nothing to tidy up after a kill. */
#include "datapath/port_guard.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "base/bytes.h"

enum { SEQ_BEGIN = 1, SEQ_TABLE, SEQ_CHAIN, SEQ_END };

/* A batch of netlink messages being written; always large enough for the names that are put in. */
struct batch {
    _Alignas(4) uint8_t data[1024];
    uint32_t len, message;
};

static void begin(struct batch *b, uint16_t type, uint8_t family, uint32_t seq)
{
    struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = seq };
    struct nfgenmsg g = { .nfgen_family = family, .version = NFNETLINK_V0 };

    if (type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END)
        be16_store(&g.res_id, NFNL_SUBSYS_NFTABLES);
    else
        h.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
    b->message = b->len;
    memcpy(b->data + b->len, &h, sizeof h);
    memcpy(b->data + b->len + sizeof h, &g, sizeof g);
    b->len += (uint32_t)(sizeof h + sizeof g);
}

static void end(struct batch *b)
{
    uint32_t len = b->len - b->message;

    memcpy(b->data + b->message, &len, sizeof len); /* nlmsg_len comes first */
}

static void put(struct batch *b, uint16_t type, const void *value, size_t n)
{
    struct nlattr a = { .nla_len = (uint16_t)(sizeof a + n), .nla_type = type };

    memcpy(b->data + b->len, &a, sizeof a);
    memcpy(b->data + b->len + sizeof a, value, n);
    b->len += (uint32_t)NLA_ALIGN(sizeof a + n);
}

static void put_text(struct batch *b, uint16_t type, const char *text)
{
    put(b, type, text, strlen(text) + 1);
}

static void put_u32(struct batch *b, uint16_t type, uint32_t v)
{
    uint8_t wire[4];

    be32_store(wire, v);
    put(b, type, wire, sizeof wire);
}

static void build(struct batch *b, const char *table, const char *ifname)
{
    uint32_t hook;
    uint16_t hook_len;

    begin(b, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, SEQ_BEGIN);
    end(b);
    begin(b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NFPROTO_NETDEV, SEQ_TABLE);
    put_text(b, NFTA_TABLE_NAME, table);
    put_u32(b, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    end(b);
    begin(b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, NFPROTO_NETDEV, SEQ_CHAIN);
    put_text(b, NFTA_CHAIN_TABLE, table);
    put_text(b, NFTA_CHAIN_NAME, "ingress");
    hook = b->len;
    put(b, NFTA_CHAIN_HOOK | NLA_F_NESTED, "", 0);
    put_u32(b, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
    put_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)-500);
    put_text(b, NFTA_HOOK_DEV, ifname);
    hook_len = (uint16_t)(b->len - hook);
    memcpy(b->data + hook, &hook_len, sizeof hook_len); /* nla_len comes first */
    put_u32(b, NFTA_CHAIN_POLICY, NF_DROP);
    put_text(b, NFTA_CHAIN_TYPE, "filter");
    end(b);
    begin(b, NFNL_MSG_BATCH_END, AF_UNSPEC, SEQ_END);
    end(b);
}

/* Reads answers until the chain's; the first error counts.  They are there when send() returns. */
static int read_answer(int fd)
{
    _Alignas(4) uint8_t buf[4096];
    ssize_t n;

    while ((n = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) {
        uint32_t left = (uint32_t)n;

        for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            struct nlmsgerr answer;

            if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof answer))
                continue;
            memcpy(&answer, NLMSG_DATA(h), sizeof answer);
            if (answer.error)
                return answer.error;
            if (h->nlmsg_seq == SEQ_CHAIN)
                return 0;
        }
    }
    return n < 0 && errno != EAGAIN ? -errno : -EIO;
}

int guard_open(const char *ifname, int ifindex, const char *port, struct errbuf *e)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    struct batch b = { .len = 0 };
    char table[64];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    int err;

    if (fd < 0)
        return errbuf_set(e, -errno, "port %s: nftables: %s", port, strerror(errno));
    /* with the index: an interface that came back is another one, and the old port may not be closed yet */
    snprintf(table, sizeof table, "trama-%d-%.15s-%d", (int)getpid(), ifname, ifindex);
    build(&b, table, ifname);
    if (bind(fd, (struct sockaddr *)&kernel, sizeof kernel) ||
        sendto(fd, b.data, b.len, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        err = -errno;
    else
        err = read_answer(fd);
    if (!err)
        return fd;
    close(fd);
    if (err == -EEXIST)
        return errbuf_set(e, err, "port %s: %s is already a port of this process", port, ifname);
    return errbuf_set(e, err, "port %s: cannot keep %s's frames from the host (nftables, family netdev): %s", port,
                      ifname, strerror(-err));
}
