/* SPDX-License-Identifier: Apache-2.0 */
/* flow_client.c - a controller that does nothing but send flow-mods, written before the clock starts, as fast as a switch
 * takes them or at a steady rate.
 *   flow_client SOCKET table FLOWS           adds flows of one mask (UDP 5-tuple, exact), then modifies, then deletes each
 *   flow_client SOCKET add FLOWS             adds them, and leaves them
 *   flow_client SOCKET rate PER_S SECONDS    adds and deletes in turn, of flows that no other uses
 * Prints one JSON object: per request its seconds, up to the answer to a barrier behind the last; how many errors came.
 * Spec: OpenFlow 1.3.5. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "openflow/ofp.h"

enum { IN_SIZE = 1 << 16 };

struct client {
    int fd;
    uint8_t in[IN_SIZE];
    size_t n_in;
    uint64_t n_errors;
    uint32_t first_error; /* type << 16 | code */
    uint32_t barrier;     /* the last that was answered */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "flow_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void connect_to(struct client *c, const char *path)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to))
        fail(path);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

/* Takes one message off what came; 0 when it is not all there. */
static size_t take_message(struct client *c, const uint8_t *p, size_t n)
{
    struct ofp_header h;

    if (!ofp_header_read(&h, p, n) || h.length > n)
        return 0;
    if (h.type == OFPT_ERROR && h.length >= 12) {
        if (!c->n_errors++)
            c->first_error = be32_load(p + 8);
    } else if (h.type == OFPT_BARRIER_REPLY) {
        c->barrier = h.xid;
    }
    return h.length < OFP_HEADER_SIZE ? OFP_HEADER_SIZE : h.length;
}

static void receive(struct client *c)
{
    ssize_t got = read(c->fd, c->in + c->n_in, sizeof c->in - c->n_in);
    size_t at = 0, n;

    if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
        fail("the switch closed the connection");
    c->n_in += got > 0 ? (size_t)got : 0;
    while ((n = take_message(c, c->in + at, c->n_in - at)))
        at += n;
    memmove(c->in, c->in + at, c->n_in - at);
    c->n_in -= at;
}

/* Sends it all, and reads what comes meanwhile. */
static void send_all(struct client *c, const uint8_t *p, size_t n)
{
    while (n) {
        struct pollfd pfd = { .fd = c->fd, .events = POLLIN | POLLOUT };
        ssize_t sent = write(c->fd, p, n);

        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            fail("write");
        p += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
        if (poll(&pfd, 1, n ? -1 : 0) > 0 && pfd.revents & POLLIN)
            receive(c);
    }
}

static void encode(struct wr *w, struct ofp_msg *m)
{
    m->version = OFP_VERSION_13;
    ofp_encode(w, m);
    if (w->bad)
        fail("out of memory");
}

static void wait_barrier(struct client *c, uint32_t xid)
{
    while (c->barrier != xid) {
        struct pollfd pfd = { .fd = c->fd, .events = POLLIN };

        poll(&pfd, 1, -1);
        receive(c);
    }
}

/* The `i`-th flow: a UDP 5-tuple of its own, out by port 2. */
static void encode_flow(struct wr *w, uint32_t i, enum ofp_flow_mod_command command)
{
    struct ofp_oxm oxms[] = {
        ofp_oxm_make(FIELD_ETH_TYPE, value_of(0x0800)),
        ofp_oxm_make(FIELD_IP_PROTO, value_of(17)),
        ofp_oxm_make(FIELD_IPV4_SRC, value_of(0xac100000 | (i >> 12))),
        ofp_oxm_make(FIELD_IPV4_DST, value_of(0x0a000000 | (i * 2654435761u >> 8))),
        ofp_oxm_make(FIELD_UDP_SRC, value_of(1024 + (i & 0xfff))),
        ofp_oxm_make(FIELD_UDP_DST, value_of(4789)),
    };
    struct ofp_action output = { .type = OFPAT_OUTPUT, .output = { .port = command == OFPFC_ADD ? 2 : 1 } };
    struct ofp_instruction apply = {
        .type = OFPIT_APPLY_ACTIONS,
        .apply_actions = { .actions = &output, .n_actions = 1 },
    };
    bool is_delete = command == OFPFC_DELETE_STRICT;
    struct ofp_msg m = {
        .type = OFPT_FLOW_MOD,
        .xid = i,
        .flow_mod = {
            .command = command, .priority = 100, .cookie = i, .buffer_id = OFP_NO_BUFFER, .out_port = OFPP_ANY,
            .out_group = OFPG_ANY, .match = { .oxms = oxms, .n_oxms = sizeof oxms / sizeof *oxms },
            .instructions = is_delete ? NULL : &apply, .n_instructions = !is_delete,
        },
    };

    encode(w, &m);
}

static void encode_barrier(struct wr *w, uint32_t xid)
{
    struct ofp_msg m = { .type = OFPT_BARRIER_REQUEST, .xid = xid };

    encode(w, &m);
}

/* Sends `n` flow-mods and a barrier; the seconds until its answer. */
static double run(struct client *c, uint32_t n, enum ofp_flow_mod_command command)
{
    static uint32_t barrier = 0x7fffff00;
    struct wr w;
    double start;

    wr_init(&w);
    for (uint32_t i = 0; i < n; i++)
        encode_flow(&w, i, command);
    encode_barrier(&w, ++barrier);
    start = now_s();
    send_all(c, w.p, w.len);
    wait_barrier(c, barrier);
    wr_fini(&w);
    return now_s() - start;
}

/* Every millisecond what is due by then: adding the first half of the flows, then deleting them, and again. */
static uint64_t run_rate(struct client *c, uint32_t per_s, double seconds)
{
    enum { ROUND = 1000 };
    double start = now_s(), now;
    uint64_t sent = 0;
    struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
    struct wr w;

    wr_init(&w);
    while ((now = now_s() - start) < seconds) {
        uint64_t due = (uint64_t)(now * per_s);

        wr_reset(&w);
        for (; sent < due; sent++)
            encode_flow(&w, (uint32_t)(sent % ROUND), sent / ROUND % 2 ? OFPFC_DELETE_STRICT : OFPFC_ADD);
        send_all(c, w.p, w.len);
        if (poll(&pfd, 1, 1) > 0)
            receive(c);
    }
    wr_reset(&w);
    encode_barrier(&w, 1);
    send_all(c, w.p, w.len);
    wait_barrier(c, 1);
    wr_fini(&w);
    return sent;
}

int main(int argc, char **argv)
{
    static struct client c;
    static const uint8_t hello[] = { OFP_VERSION_13, OFPT_HELLO, 0, 8, 0, 0, 0, 1 };
    bool is_table = argc == 4 && !strcmp(argv[2], "table"), is_add = argc == 4 && !strcmp(argv[2], "add");

    if (!is_table && !is_add && !(argc == 5 && !strcmp(argv[2], "rate"))) {
        fprintf(stderr, "usage: flow_client SOCKET table|add FLOWS, or SOCKET rate PER_S SECONDS\n");
        return 2;
    }

    uint32_t n = (uint32_t)strtoul(argv[3], NULL, 10);

    connect_to(&c, argv[1]);
    send_all(&c, hello, sizeof hello);
    if (is_table || is_add) {
        printf("{\"flows\": %" PRIu32 ", \"add_s\": %.6f", n, run(&c, n, OFPFC_ADD));
        fflush(stdout);
    }
    if (is_table) {
        printf(", \"modify_s\": %.6f", run(&c, n, OFPFC_MODIFY_STRICT));
        printf(", \"delete_s\": %.6f", run(&c, n, OFPFC_DELETE_STRICT));
    }
    if (!is_table && !is_add)
        printf("{\"sent\": %" PRIu64, run_rate(&c, n, strtod(argv[4], NULL)));
    printf(", \"errors\": %" PRIu64 ", \"first_error\": \"%u/%u\"}\n", c.n_errors, c.first_error >> 16,
           c.first_error & 0xffff);
    return 0;
}
