/* SPDX-License-Identifier: Apache-2.0 */
/* test_of_conn.c - io/of_conn.h against a peer of raw bytes, and against itself; time is moved by hand. */
#include "io/of_conn.h"

#include "io/stream.h"

#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND ((uint64_t)NSEC_PER_S)

/* One side: what it was told. */
struct side {
    struct of_conn *conn;
    int n_up, n_down, n_messages, n_room;
    enum ofp_type type;
    uint32_t xid;
    size_t n_bytes;
    char why[128];
    bool close_in_message;
};

static struct ev_loop *loop;
static struct clock clock_;
static struct side side, far_side;
static int peer; /* our end of the raw connection */

static void on_up(void *arg, struct of_conn *c)
{
    ((struct side *)arg)->n_up++;
}

static void on_message(void *arg, struct of_conn *c, const struct ofp_msg *m, const uint8_t *bytes, size_t n)
{
    struct side *s = arg;

    s->n_messages++;
    s->type = m->type;
    s->xid = m->xid;
    s->n_bytes = n;
    if (s->close_in_message) {
        of_conn_close(c);
        s->conn = NULL;
    }
}

static void on_room(void *arg, struct of_conn *c)
{
    ((struct side *)arg)->n_room++;
}

static void on_down(void *arg, struct of_conn *c, const char *why)
{
    struct side *s = arg;

    s->n_down++;
    snprintf(s->why, sizeof s->why, "%s", why);
    if (!of_conn_is_active(c))
        s->conn = NULL;
}

static const struct of_conn_events events = { on_up, on_message, on_room, on_down };

static struct of_conn_conf conf_of(struct side *s)
{
    return (struct of_conn_conf){ .events = &events, .arg = s, .name = "test", .clock = &clock_ };
}

static void turn(void)
{
    for (int i = 0; i < 20; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static int setup(void **state)
{
    struct of_conn_conf conf = conf_of(&side);
    struct endpoint ep = { .kind = ENDPOINT_UNIX, .path = "pair" };
    int fds[2];

    side = far_side = (struct side){ 0 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds))
        return -1;
    peer = fds[0];
    conf.max_out = 200000;
    return of_conn_accept(&side.conn, loop, fds[1], &ep, &conf);
}

static int teardown(void **state)
{
    of_conn_close(side.conn);
    of_conn_close(far_side.conn);
    close(peer);
    return 0;
}

static void put(const void *p, size_t n)
{
    assert_int_equal(send(peer, p, n, MSG_NOSIGNAL), n);
    turn();
}

/* What came from the conn since the last call. */
static size_t get(uint8_t *out, size_t size)
{
    turn();

    ssize_t n = recv(peer, out, size, 0);

    return n > 0 ? (size_t)n : 0;
}

static const uint8_t hello13[] = { 4, 0, 0, 16, 0, 0, 0, 7, 0, 1, 0, 8, 0, 0, 0, 0x10 };
static const uint8_t barrier[] = { 4, 20, 0, 8, 0, 0, 0, 9 };

static void come_up(void)
{
    uint8_t in[256];

    put(hello13, sizeof hello13);
    assert_int_equal(side.n_up, 1);
    assert_int_equal(get(in, sizeof in), 16);
}

static void greets_first(void **state)
{
    uint8_t in[256];

    assert_int_equal(get(in, sizeof in), 16);
    in[4] = in[5] = in[6] = 0;
    in[7] = 7;
    assert_memory_equal(in, hello13, 16);
    assert_int_equal(side.n_up, 0);
    assert_int_equal(of_conn_send(side.conn, &(struct ofp_msg){ .type = OFPT_ECHO_REQUEST }), -ENOTCONN);
}

static void negotiation(void **state)
{
    static const struct {
        const char *name;
        uint8_t in[64];
        size_t n;
        uint8_t want; /* agreed version; 0: refused */
        uint8_t error_version;
    } cases[] = {
        { "1.3 with bitmap", { 4, 0, 0, 16, 0, 0, 0, 7, 0, 1, 0, 8, 0, 0, 0, 0x10 }, 16, 4 },
        { "1.5 that can 1.3", { 6, 0, 0, 16, 0, 0, 0, 7, 0, 1, 0, 8, 0, 0, 0, 0x72 }, 16, 4 },
        { "1.5 that cannot", { 6, 0, 0, 16, 0, 0, 0, 7, 0, 1, 0, 8, 0, 0, 0, 0x40 }, 16, 0, 4 },
        { "1.3 without elements", { 4, 0, 0, 8, 0, 0, 0, 7 }, 8, 4 },
        { "1.5 without elements", { 6, 0, 0, 8, 0, 0, 0, 7 }, 8, 4 },
        { "1.0", { 1, 0, 0, 8, 0, 0, 0, 7 }, 8, 0, 1 },
        { "1.0 with rubbish behind", { 1, 0, 0, 10, 0, 0, 0, 7, 1, 2 }, 10, 0, 1 },
        { "unknown element first",
          { 4, 0, 0, 24, 0, 0, 0, 7, 0, 9, 0, 7, 1, 2, 3, 0, 0, 1, 0, 8, 0, 0, 0, 0x10 },
          24,
          4 },
        { "not a hello", { 4, 20, 0, 8, 0, 0, 0, 7 }, 8, 0, 4 },
        { "bitmap cut off", { 4, 0, 0, 14, 0, 0, 0, 7, 0, 1, 0, 8, 0, 0 }, 14, 0, 4 },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t in[256];

        if (i)
            assert_int_equal(setup(NULL), 0);
        assert_int_equal(get(in, sizeof in), 16);
        put(cases[i].in, cases[i].n);
        if (side.n_up != !!cases[i].want)
            fail_msg("%s: up %d", cases[i].name, side.n_up);
        if (cases[i].want) {
            assert_int_equal(of_conn_version(side.conn), cases[i].want);
        } else {
            size_t n = get(in, sizeof in);

            assert_true(n > 12);
            assert_int_equal(in[0], cases[i].error_version);
            assert_int_equal(in[1], 1);
            assert_int_equal(in[7], 7);                 /* the hello's xid */
            assert_memory_equal(in + 8, "\0\0\0\0", 4); /* HELLO_FAILED, INCOMPATIBLE */
            assert_int_equal(side.n_down, 1);
            assert_int_equal(recv(peer, in, 1, 0), 0);
        }
        teardown(NULL);
    }
    assert_int_equal(setup(NULL), 0);
}

static void messages_in_pieces(void **state)
{
    come_up();
    for (size_t i = 0; i < sizeof barrier; i++) {
        assert_int_equal(side.n_messages, 0);
        put(barrier + i, 1);
    }
    assert_int_equal(side.n_messages, 1);
    assert_int_equal(side.type, OFPT_BARRIER_REQUEST);
    assert_int_equal(side.xid, 9);
    assert_int_equal(side.n_bytes, 8);

    uint8_t many[8 * 100];

    for (int i = 0; i < 100; i++)
        memcpy(many + 8 * i, barrier, 8);
    put(many, sizeof many);
    assert_int_equal(side.n_messages, 101);
}

static void echo_and_late_hello(void **state)
{
    static const uint8_t request[] = { 4, 2, 0, 11, 0, 0, 0, 5, 'a', 'b', 'c' };
    uint8_t in[256];

    come_up();
    put(request, sizeof request);
    assert_int_equal(get(in, sizeof in), 11);
    assert_memory_equal(in, "\4\3\0\13\0\0\0\5abc", 11);
    put(hello13, sizeof hello13);
    assert_int_equal(side.n_messages, 0);
    assert_int_equal(side.n_down, 0);
}

static void bad_messages(void **state)
{
    static const struct {
        const char *name;
        uint8_t in[96];
        size_t n;
        uint16_t type, code;
    } cases[] = {
        { "another version", { 1, 20, 0, 8, 0, 0, 0, 9 }, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION },
        { "another version's echo", { 5, 2, 0, 8, 0, 0, 0, 9 }, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_VERSION },
        { "unknown type", { 4, 99, 0, 8, 0, 0, 0, 9 }, 8, OFPET_BAD_REQUEST, OFPBRC_BAD_TYPE },
        { "barrier too long", { 4, 20, 0, 96, 0, 0, 0, 9, 1, 2, 3 }, 96, OFPET_BAD_REQUEST, OFPBRC_BAD_LEN },
    };

    come_up();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n_data = cases[i].n < 64 ? cases[i].n : 64;
        uint8_t in[256];

        put(cases[i].in, cases[i].n);
        assert_int_equal(get(in, sizeof in), 12 + n_data);
        assert_int_equal(in[0], 4);
        assert_int_equal(in[1], 1);
        assert_int_equal(in[7], 9);
        if (in[9] != cases[i].type || in[11] != cases[i].code)
            fail_msg("%s: error %d.%d", cases[i].name, in[9], in[11]);
        assert_memory_equal(in + 12, cases[i].in, n_data);
    }
    assert_int_equal(side.n_messages, 0);
    assert_int_equal(side.n_down, 0);

    struct of_conn_stats st;

    of_conn_stats(side.conn, &st);
    assert_int_equal(st.n_bad, sizeof cases / sizeof *cases);
}

static void length_that_cannot_be(void **state)
{
    static const uint8_t bad[] = { 4, 20, 0, 7, 0, 0, 0, 9, 1, 2, 3 };
    uint8_t in[256];

    come_up();
    put(bad, sizeof bad);
    assert_int_equal(get(in, sizeof in), 12 + sizeof bad);
    assert_int_equal(in[9], OFPET_BAD_REQUEST);
    assert_int_equal(in[11], OFPBRC_BAD_LEN);
    assert_int_equal(side.n_down, 1);
    assert_string_equal(side.why, "a message of fewer than 8 bytes");
}

static void silent_peer(void **state)
{
    static const uint8_t reply[] = { 4, 3, 0, 8, 0, 0, 0, 2 };
    uint8_t in[256];

    come_up();
    clock_warp(&clock_, 4 * SECOND);
    of_conn_tick(side.conn);
    assert_int_equal(get(in, sizeof in), 0);
    clock_warp(&clock_, 1 * SECOND);
    of_conn_tick(side.conn);
    assert_int_equal(get(in, sizeof in), 8);
    assert_int_equal(in[1], OFPT_ECHO_REQUEST);
    put(reply, sizeof reply);
    clock_warp(&clock_, 5 * SECOND);
    of_conn_tick(side.conn);
    assert_int_equal(get(in, sizeof in), 8);
    assert_int_equal(side.n_down, 0);
    clock_warp(&clock_, 5 * SECOND);
    of_conn_tick(side.conn);
    assert_int_equal(side.n_down, 1);
    assert_string_equal(side.why, "no answer to an echo request");
    assert_null(side.conn);
}

static void no_hello(void **state)
{
    turn();
    clock_warp(&clock_, 9 * SECOND);
    of_conn_tick(side.conn);
    assert_int_equal(side.n_down, 0);
    clock_warp(&clock_, 2 * SECOND);
    of_conn_tick(side.conn);
    assert_int_equal(side.n_down, 1);
    assert_string_equal(side.why, "no hello from the peer");
}

static void peer_that_does_not_read(void **state)
{
    static uint8_t big[60000];
    struct ofp_msg m = { .type = OFPT_ECHO_REPLY, .echo_reply = { big, sizeof big } };
    struct of_conn_stats st;
    uint8_t request[1000];
    int err = 0, sent = 0;

    come_up();
    while (!err) {
        err = of_conn_send(side.conn, &m);
        sent += !err;
        turn();
        assert_true(sent < 100);
    }
    assert_int_equal(err, -ENOBUFS);
    assert_int_equal(of_conn_send_async(side.conn, &m), -ENOBUFS);
    of_conn_stats(side.conn, &st);
    assert_int_equal(st.n_dropped, 1);

    /* It asks and asks, and does not read the answers: we stop taking its questions. */
    memset(request, 0, sizeof request);
    memcpy(request, "\4\2\3\350", 4);
    for (int i = 0; i < 3000; i++) {
        (void)send(peer, request, sizeof request, MSG_NOSIGNAL);
        ev_run(loop, EVRUN_NOWAIT);
    }
    of_conn_stats(side.conn, &st);
    assert_true(st.n_in < 10);
    assert_int_equal(side.n_room, 0);
    for (int i = 0; i < 1000 && !side.n_room; i++) {
        while (recv(peer, big, sizeof big, 0) > 0)
            ;
        turn();
    }
    assert_int_equal(side.n_room, 1);
    assert_int_equal(side.n_down, 0);
    for (int i = 0; i < 100; i++) {
        while (recv(peer, big, sizeof big, 0) > 0)
            ;
        turn();
    }
    of_conn_stats(side.conn, &st);
    assert_true(st.n_in > 50); /* and go on when it reads */
}

static void close_from_callback(void **state)
{
    uint8_t two[16];

    come_up();
    side.close_in_message = true;
    memcpy(two, barrier, 8);
    memcpy(two + 8, barrier, 8);
    put(two, sizeof two);
    assert_int_equal(side.n_messages, 1);
    assert_int_equal(side.n_down, 0);
    assert_int_equal(recv(peer, two, sizeof two, 0), 0);
}

static void peer_leaves(void **state)
{
    come_up();
    close(peer);
    peer = -1;
    turn();
    assert_int_equal(side.n_down, 1);
    assert_string_equal(side.why, "closed by the peer");
}

static void every_cut(void **state)
{
    static const uint8_t session[] = {
        4, 0, 0, 16, 0, 0, 0, 7, 0, 1, 0, 8, 0, 0, 0, 0x10, 4, 20, 0, 8, 0, 0, 0, 9, 4, 2, 0, 10, 0, 0, 0, 5, 'a', 'b',
    };

    for (size_t n = 0; n < sizeof session; n++) {
        if (n)
            assert_int_equal(setup(NULL), 0);
        put(session, n);
        assert_int_equal(side.n_up, n >= 16);
        assert_int_equal(side.n_messages, n >= 24);
        close(peer);
        peer = -1;
        turn();
        assert_int_equal(side.n_down, 1);
    }
}

/* ---- the active end ---- */

static void on_accepted(void *arg, int fd, const struct endpoint *from)
{
    struct of_conn_conf conf = conf_of(&far_side);

    assert_int_equal(of_conn_accept(&far_side.conn, loop, fd, from, &conf), 0);
}

static void active_and_reconnect(void **state)
{
    struct of_conn_conf conf = conf_of(&side);
    char dir[] = "/tmp/test_of_conn.XXXXXX";
    struct endpoint at = { .kind = ENDPOINT_UNIX, .is_passive = true }, to;
    struct listener *l;

    of_conn_close(side.conn);
    assert_non_null(mkdtemp(dir));
    snprintf(at.path, sizeof at.path, "%s/s", dir);
    to = at;
    assert_int_equal(of_conn_open(&side.conn, loop, &to, &conf, NULL), -EINVAL);
    to.is_passive = false;
    assert_int_equal(of_conn_open(&side.conn, loop, &to, &conf, NULL), 0);
    turn();
    assert_string_equal(of_conn_last_error(side.conn), "No such file or directory");

    /* 1 s, 2 s, 4 s, 8 s, 8 s: nobody is there. */
    static const int pauses[] = { 1, 2, 4, 8, 8 };

    for (size_t i = 0; i < 5; i++) {
        struct of_conn_stats before, after;

        of_conn_stats(side.conn, &before);
        clock_warp(&clock_, (uint64_t)pauses[i] * SECOND - 1000000);
        of_conn_tick(side.conn);
        turn();
        of_conn_stats(side.conn, &after);
        assert_int_equal(before.since_ns, after.since_ns);
        clock_warp(&clock_, 1000000);
        of_conn_tick(side.conn);
        turn();
        of_conn_stats(side.conn, &after);
        assert_true(after.since_ns > before.since_ns);
    }
    assert_int_equal(side.n_down, 0);
    assert_int_equal(listener_open(&l, loop, &at, on_accepted, NULL, NULL), 0);
    clock_warp(&clock_, 8 * SECOND);
    of_conn_tick(side.conn);
    turn();
    assert_int_equal(side.n_up, 1);
    assert_int_equal(far_side.n_up, 1);
    assert_string_equal(of_conn_last_error(side.conn), "");

    struct ofp_msg m = { .type = OFPT_BARRIER_REQUEST, .xid = 77 };

    assert_int_equal(of_conn_send(side.conn, &m), 0);
    turn();
    assert_int_equal(far_side.n_messages, 1);
    assert_int_equal(far_side.xid, 77);

    of_conn_drop(side.conn, "on request");
    turn();
    assert_int_equal(side.n_down, 1);
    assert_string_equal(side.why, "on request");
    assert_int_equal(far_side.n_down, 1);
    clock_warp(&clock_, 1 * SECOND); /* the pause is short again */
    of_conn_tick(side.conn);
    turn();
    assert_int_equal(side.n_up, 2);
    of_conn_close(far_side.conn);
    far_side.conn = NULL;
    turn();
    assert_int_equal(side.n_down, 2);
    listener_close(l);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(greets_first, setup, teardown),
        cmocka_unit_test_setup_teardown(negotiation, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(echo_and_late_hello, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(length_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(silent_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(no_hello, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_that_does_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(close_from_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(active_and_reconnect, setup, teardown),
    };
    int failed;

    clock_stop(&clock_);
    loop = ev_loop_new(EVFLAG_AUTO);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    ev_loop_destroy(loop);
    return failed;
}
