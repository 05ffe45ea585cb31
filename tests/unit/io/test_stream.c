/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream.c - io/stream.h over unix and TCP sockets of this machine. */
#include "io/stream.h"

#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* One end: what happened to it. */
struct end {
    struct stream *stream;
    size_t take; /* bytes taken per call, 0: none */
    char got[256];
    size_t n_got, n_total;
    int n_opened, n_closed, n_room, err;
    char why[128];
    bool close_in_received;
};

static struct ev_loop *loop;
static char dir[] = "/tmp/test_stream.XXXXXX";
static struct end server, client;
static struct stream_conf server_conf, client_conf;

static void on_opened(void *arg)
{
    ((struct end *)arg)->n_opened++;
}

static size_t on_received(void *arg, const uint8_t *p, size_t n)
{
    struct end *end = arg;
    size_t take = n < end->take ? n : end->take, room = sizeof end->got - end->n_got;

    memcpy(end->got + end->n_got, p, take < room ? take : room);
    end->n_got += take < room ? take : room;
    end->n_total += take;
    if (end->close_in_received) {
        stream_close(end->stream);
        end->stream = NULL;
    }
    return take;
}

static void on_room(void *arg)
{
    ((struct end *)arg)->n_room++;
}

static void on_closed(void *arg, int err, const char *why)
{
    struct end *end = arg;

    end->n_closed++;
    end->err = err;
    end->stream = NULL;
    snprintf(end->why, sizeof end->why, "%s", why);
}

static const struct stream_events events = {
    .opened = on_opened,
    .received = on_received,
    .has_room = on_room,
    .closed = on_closed,
};

static void on_accepted(void *arg, int fd, const struct endpoint *peer)
{
    assert_int_equal(stream_from_fd(&server.stream, loop, fd, peer, &server_conf), 0);
}

/* Turns the loop until `*n` reaches `want`. */
static void run_until(const int *n, int want)
{
    for (int turns = 0; *n < want; turns++) {
        assert_true(turns < 100000);
        ev_run(loop, EVRUN_ONCE);
    }
}

static void run_until_size(const size_t *n, size_t want)
{
    for (int turns = 0; *n < want; turns++) {
        assert_true(turns < 100000);
        ev_run(loop, EVRUN_ONCE);
    }
}

static int setup(void **state)
{
    server = client = (struct end){ .take = SIZE_MAX };
    server_conf = (struct stream_conf){ &events, &server, 1 << 20, 1 << 20 };
    client_conf = (struct stream_conf){ &events, &client, 1 << 20, 1 << 20 };
    return 0;
}

static int teardown(void **state)
{
    stream_close(client.stream);
    stream_close(server.stream);
    return 0;
}

static void connect_pair(const char *at)
{
    struct endpoint ep, to;
    struct listener *l;
    struct errbuf e = { 0 };

    assert_int_equal(endpoint_parse(&ep, at, &e), 0);
    assert_int_equal(listener_open(&l, loop, &ep, on_accepted, NULL, &e), 0);
    to = *listener_endpoint(l);
    to.is_passive = false;
    if (to.kind == ENDPOINT_TCP)
        assert_true(to.port != 0);
    assert_int_equal(stream_connect(&client.stream, loop, &to, &client_conf, &e), 0);
    assert_int_equal(stream_send(client.stream, "x", 1), -ENOTCONN);
    run_until(&client.n_opened, 1);
    run_until(&server.n_opened, 1);
    listener_close(l);
}

static void unix_pair(void)
{
    char at[128];

    snprintf(at, sizeof at, "punix:%s/s", dir);
    connect_pair(at);
}

static void exchange(void)
{
    assert_int_equal(stream_send(client.stream, "hel", 3), 0);
    assert_int_equal(stream_send(client.stream, "lo", 2), 0);
    run_until_size(&server.n_got, 5);
    assert_memory_equal(server.got, "hello", 5);
    assert_int_equal(stream_send(server.stream, "world!", 6), 0);
    run_until_size(&client.n_got, 6);
    assert_memory_equal(client.got, "world!", 6);
    stream_close(client.stream);
    client.stream = NULL;
    run_until(&server.n_closed, 1);
    assert_int_equal(server.err, 0);
    assert_int_equal(client.n_closed, 0);
}

static void over_unix(void **state)
{
    unix_pair();
    exchange();
}

static void over_tcp(void **state)
{
    connect_pair("ptcp:0:127.0.0.1");
    assert_int_equal(stream_peer(server.stream)->ip.bytes[0], 127);
    exchange();
}

static void over_tcp_any(void **state)
{
    struct endpoint ep, to;
    struct listener *l;

    assert_int_equal(endpoint_parse(&ep, "ptcp:0", NULL), 0);
    assert_int_equal(listener_open(&l, loop, &ep, on_accepted, NULL, NULL), 0);
    assert_int_equal(endpoint_parse(&to, "tcp:127.0.0.1", NULL), 0);
    to.port = listener_endpoint(l)->port;
    assert_int_equal(stream_connect(&client.stream, loop, &to, &client_conf, NULL), 0);
    run_until(&server.n_opened, 1);
    run_until(&client.n_opened, 1);
    assert_int_equal(stream_peer(server.stream)->ip.family, 4);
    listener_close(l);
    exchange();
}

static void partial_reads(void **state)
{
    server.take = 2;
    unix_pair();
    assert_int_equal(stream_send(client.stream, "abcdefg", 7), 0);
    run_until_size(&server.n_got, 7);
    assert_memory_equal(server.got, "abcdefg", 7);
}

static void reader_that_takes_nothing(void **state)
{
    static const char big[8192];

    server.take = 0;
    server_conf.max_in = 4096;
    unix_pair();
    assert_int_equal(stream_send(client.stream, big, sizeof big), 0);
    run_until(&server.n_closed, 1);
    assert_int_equal(server.err, -EMSGSIZE);
}

static void peer_that_does_not_read(void **state)
{
    static const char big[65536];
    size_t n_sent = 0;
    int err;

    client_conf.max_out = 200000;
    unix_pair();
    stream_hold(server.stream);
    for (int i = 0; i < 1000 && !client.n_closed; i++) {
        err = stream_send(client.stream, big, sizeof big);
        if (err)
            assert_int_equal(err, -ENOBUFS);
        else
            n_sent += sizeof big;
        assert_true(stream_pending(client.stream) <= client_conf.max_out);
        ev_run(loop, EVRUN_NOWAIT);
    }
    assert_true(n_sent < 10 * sizeof big);
    assert_int_equal(stream_send(client.stream, big, 150000), -ENOBUFS);
    assert_int_equal(client.n_room, 0);
    stream_resume(server.stream);
    run_until(&client.n_room, 1);
    assert_true(stream_pending(client.stream) <= client_conf.max_out / 2);
    run_until_size(&server.n_total, n_sent);
    assert_int_equal(server.n_total, n_sent);
    assert_int_equal(stream_room(client.stream), client_conf.max_out);
}

static void held_bytes_come_again(void **state)
{
    server.take = 1;
    unix_pair();
    stream_hold(server.stream);
    assert_int_equal(stream_send(client.stream, "zz", 2), 0);
    for (int i = 0; i < 10; i++)
        ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(server.n_got, 0);
    stream_resume(server.stream);
    run_until_size(&server.n_got, 2);
}

/* One that floods: the other is served after a bounded number of its pieces, and each is served to its end. */
static void flood_beside_another(void **state)
{
    enum { PIECE = 8, PIECES = 3000, BOUND = 3 * 64 };
    static const char bytes[PIECE * PIECES];
    static const struct endpoint peer = { .kind = ENDPOINT_UNIX };
    int flood[2], quiet[2];

    server.take = client.take = PIECE;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, flood), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, quiet), 0);
    assert_int_equal(stream_from_fd(&server.stream, loop, flood[0], &peer, &server_conf), 0);
    assert_int_equal(stream_from_fd(&client.stream, loop, quiet[0], &peer, &client_conf), 0);
    run_until(&server.n_opened, 1);
    run_until(&client.n_opened, 1);
    assert_int_equal(write(flood[1], bytes, sizeof bytes), sizeof bytes);
    run_until_size(&server.n_total, PIECE);
    for (size_t i = 1; i <= 10; i++) {
        size_t before = server.n_total;

        assert_int_equal(write(quiet[1], bytes, PIECE), PIECE);
        run_until_size(&client.n_total, i * PIECE);
        assert_in_range(server.n_total - before, 1, BOUND * PIECE);
    }
    assert_true(server.n_total < sizeof bytes);
    close(flood[1]);
    run_until(&server.n_closed, 1);
    assert_int_equal(server.n_total, sizeof bytes);
    close(quiet[1]);
}

/* What a reader finds wrong with bytes of a later turn ends the stream too, without another event. */
static size_t fail_at_the_end(void *arg, const uint8_t *p, size_t n)
{
    struct end *end = arg;

    end->n_total++;
    if (n == 1)
        stream_fail(end->stream, -EBADMSG, "the last byte");
    return 1;
}

static void fail_in_a_later_turn(void **state)
{
    static const struct stream_events failing = { .received = fail_at_the_end, .closed = on_closed };
    static const char bytes[1000];

    server_conf.events = &failing;
    server.n_opened = 1;
    unix_pair();
    assert_int_equal(stream_send(client.stream, bytes, sizeof bytes), 0);
    run_until(&server.n_closed, 1);
    assert_int_equal(server.n_total, sizeof bytes);
    assert_string_equal(server.why, "the last byte");
}

static void close_from_callback(void **state)
{
    server.close_in_received = true;
    server.take = 1;
    unix_pair();
    assert_int_equal(stream_send(client.stream, "abc", 3), 0);
    run_until(&client.n_closed, 1);
    assert_int_equal(server.n_got, 1);
    assert_int_equal(server.n_closed, 0);
}

static void fail_sends_what_is_queued(void **state)
{
    unix_pair();
    assert_int_equal(stream_send(server.stream, "bye", 3), 0);
    stream_fail(server.stream, -EPROTO, "a reason");
    assert_int_equal(stream_send(server.stream, "more", 4), -ENOTCONN);
    assert_int_equal(server.n_closed, 0);
    run_until(&server.n_closed, 1);
    assert_int_equal(server.err, -EPROTO);
    assert_string_equal(server.why, "a reason");
    run_until(&client.n_closed, 1);
    assert_int_equal(client.n_got, 3);
}

static void nobody_listens(void **state)
{
    struct endpoint to;
    struct errbuf e = { 0 };
    char at[128];

    snprintf(at, sizeof at, "unix:%s/none", dir);
    assert_int_equal(endpoint_parse(&to, at, &e), 0);
    assert_int_equal(stream_connect(&client.stream, loop, &to, &client_conf, &e), -ENOENT);
    assert_non_null(strstr(e.text, "/none: No such file"));
    assert_int_equal(endpoint_parse(&to, "tcp:127.0.0.1:1", &e), 0);
    if (!stream_connect(&client.stream, loop, &to, &client_conf, NULL)) {
        run_until(&client.n_closed, 1);
        assert_int_equal(client.err, -ECONNREFUSED);
    }
    to.is_passive = true;
    assert_int_equal(stream_connect(&client.stream, loop, &to, &client_conf, NULL), -EINVAL);
}

static void stale_and_taken_sockets(void **state)
{
    struct listener *l, *second;
    struct errbuf e = { 0 };
    struct endpoint ep;
    struct stat st;
    char at[128];

    snprintf(at, sizeof at, "punix:%s/s", dir);
    assert_int_equal(endpoint_parse(&ep, at, NULL), 0);
    assert_int_equal(listener_open(&l, loop, &ep, on_accepted, NULL, NULL), 0);
    assert_int_equal(stat(ep.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(listener_open(&second, loop, &ep, on_accepted, NULL, &e), -EADDRINUSE);
    assert_non_null(strstr(e.text, ep.path));
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_NOWAIT); /* the question whether somebody listens was a connection too */
    stream_close(server.stream);
    server.stream = NULL;

    /* As after kill -9: the name is there, the listener is not. */
    char saved[140];

    snprintf(saved, sizeof saved, "%s.saved", ep.path);
    assert_int_equal(link(ep.path, saved), 0);
    listener_close(l);
    assert_int_equal(rename(saved, ep.path), 0);
    assert_int_equal(listener_open(&l, loop, &ep, on_accepted, NULL, NULL), 0);
    listener_close(l);
    assert_int_equal(stat(ep.path, &st), -1);

    /* A file that is no socket stays. */
    FILE *f = fopen(ep.path, "w");

    assert_non_null(f);
    fclose(f);
    assert_int_equal(listener_open(&l, loop, &ep, on_accepted, NULL, NULL), -EADDRINUSE);
    assert_int_equal(unlink(ep.path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(over_unix, setup, teardown),
        cmocka_unit_test_setup_teardown(over_tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(over_tcp_any, setup, teardown),
        cmocka_unit_test_setup_teardown(partial_reads, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_that_takes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_that_does_not_read, setup, teardown),
        cmocka_unit_test_setup_teardown(held_bytes_come_again, setup, teardown),
        cmocka_unit_test_setup_teardown(flood_beside_another, setup, teardown),
        cmocka_unit_test_setup_teardown(fail_in_a_later_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(close_from_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(fail_sends_what_is_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_listens, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_and_taken_sockets, setup, teardown),
    };
    int failed;

    if (!mkdtemp(dir))
        return 1;
    loop = ev_loop_new(EVFLAG_AUTO);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    ev_loop_destroy(loop);
    rmdir(dir);
    return failed;
}
