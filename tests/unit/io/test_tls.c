/* SPDX-License-Identifier: Apache-2.0 */
/* test_tls.c - io/tls.h below io/stream.h, with certificates of io/pki.h. */
#include "io/tls.h"
#include "io/pki.h"
#include "io/stream.h"

#include <errno.h>
#include <ev.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { BIG = 3 << 20, TURNS_MAX = 1000000 };

struct end {
    struct stream *stream;
    uint8_t *got;
    size_t n_got, take;
    int n_opened, n_closed, err;
    char why[128];
};

static struct ev_loop *loop;
static char ours[64], theirs[64]; /* directories of two authorities */
static struct tls *server_tls, *client_tls;
static struct end server, client;
static bool is_server_plain;

static void on_opened(void *arg)
{
    ((struct end *)arg)->n_opened++;
}

static size_t on_received(void *arg, const uint8_t *p, size_t n)
{
    struct end *end = arg;
    size_t take = n < end->take ? n : end->take;

    assert_true(end->n_got + take <= BIG);
    memcpy(end->got + end->n_got, p, take);
    end->n_got += take;
    return take;
}

static void on_closed(void *arg, int err, const char *why)
{
    struct end *end = arg;

    end->n_closed++;
    end->err = err;
    end->stream = NULL;
    snprintf(end->why, sizeof end->why, "%s", why);
}

static const struct stream_events events = { .opened = on_opened, .received = on_received, .closed = on_closed };

static struct stream_conf conf_of(struct end *end, struct tls *tls)
{
    return (struct stream_conf){ .events = &events, .arg = end, .max_in = 1 << 16, .max_out = 2 * BIG, .tls = tls };
}

static void on_accepted(void *arg, int fd, const struct endpoint *peer)
{
    struct stream_conf conf = conf_of(&server, server_tls);

    assert_true(peer->is_tls != is_server_plain);
    assert_int_equal(stream_from_fd(&server.stream, loop, fd, peer, &conf), 0);
}

static void load(struct tls *t, const char *dir, const char *name)
{
    char key[128], crt[128], ca[128];
    struct errbuf e = { 0 };

    snprintf(key, sizeof key, "%s/%s.key", dir, name);
    snprintf(crt, sizeof crt, "%s/%s.crt", dir, name);
    snprintf(ca, sizeof ca, "%s/ca.crt", dir);
    if (tls_load(t, &(struct tls_files){ key, crt, ca }, &e))
        fail_msg("%s", e.text);
}

static int setup(void **state)
{
    server = (struct end){ .take = SIZE_MAX, .got = malloc(BIG) };
    client = (struct end){ .take = SIZE_MAX, .got = malloc(BIG) };
    is_server_plain = false;
    if (tls_new(&server_tls) || tls_new(&client_tls) || !server.got || !client.got)
        return -1;
    load(server_tls, ours, "controller");
    load(client_tls, ours, "switch");
    return 0;
}

static int teardown(void **state)
{
    stream_close(client.stream);
    stream_close(server.stream);
    tls_free(server_tls);
    tls_free(client_tls);
    free(server.got);
    free(client.got);
    return 0;
}

static void run_until(bool (*is_so)(void))
{
    for (int turns = 0; !is_so(); turns++) {
        assert_true(turns < TURNS_MAX);
        ev_run(loop, EVRUN_ONCE);
    }
}

static bool are_open(void)
{
    return client.n_opened && server.n_opened;
}

static bool are_closed(void)
{
    return client.n_closed && server.n_closed;
}

static bool have_all(void)
{
    return client.n_got == BIG && server.n_got == BIG;
}

/* Both ends exist; whether they come to terms is for the caller to see. */
static void meet(const char *listen, const char *connect)
{
    struct stream_conf conf = conf_of(&client, client_tls);
    struct endpoint at, to;
    struct listener *l;
    struct errbuf e = { 0 };

    assert_int_equal(endpoint_parse(&at, listen, &e), 0);
    assert_int_equal(listener_open(&l, loop, &at, on_accepted, NULL, &e), 0);
    assert_int_equal(endpoint_parse(&to, connect, &e), 0);
    to.port = listener_endpoint(l)->port;
    assert_int_equal(stream_connect(&client.stream, loop, &to, &conf, &e), 0);
    while (!server.stream)
        ev_run(loop, EVRUN_ONCE);
    listener_close(l);
}

/* As much as no socket buffer holds, both ways at once, and every byte arrives in order. */
static void talk(void)
{
    uint8_t *data = malloc(BIG);

    assert_non_null(data);
    for (size_t i = 0; i < BIG; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    assert_int_equal(stream_send(client.stream, data, BIG), 0);
    assert_int_equal(stream_send(server.stream, data, BIG), 0);
    run_until(have_all);
    assert_memory_equal(client.got, data, BIG);
    assert_memory_equal(server.got, data, BIG);
    free(data);
}

static void over_v4(void **state)
{
    meet("pssl:0:127.0.0.1", "ssl:127.0.0.1");
    run_until(are_open);
    talk();
    stream_close(client.stream);
    client.stream = NULL;
    while (!server.n_closed)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(server.err, 0);
}

static void over_v6(void **state)
{
    meet("pssl:0:[::1]", "ssl:[::1]");
    run_until(are_open);
    talk();
}

/* A reader that takes odd amounts, and is held for a while. */
static void slow_reader(void **state)
{
    server.take = 1021;
    meet("pssl:0:127.0.0.1", "ssl:127.0.0.1");
    run_until(are_open);
    stream_hold(server.stream);
    assert_int_equal(stream_send(client.stream, "held", 4), 0);
    for (int i = 0; i < 20; i++)
        ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(server.n_got, 0);
    stream_resume(server.stream);
    while (server.n_got < 4)
        ev_run(loop, EVRUN_ONCE);
    server.n_got = 0;
    talk();
}

static void stranger_is_refused(void **state)
{
    load(client_tls, theirs, "stranger");
    meet("pssl:0:127.0.0.1", "ssl:127.0.0.1");
    run_until(are_closed);
    assert_int_equal(server.n_opened, 0);
    assert_int_equal(client.n_opened, 0);
    assert_int_equal(client.err, -EPROTO);
    assert_non_null(strstr(client.why, "the peer's certificate is refused"));
}

/* The client trusts the server, but not the other way round. */
static void client_without_the_right_certificate(void **state)
{
    char key[128], crt[128], ca[128];

    snprintf(key, sizeof key, "%s/stranger.key", theirs);
    snprintf(crt, sizeof crt, "%s/stranger.crt", theirs);
    snprintf(ca, sizeof ca, "%s/ca.crt", ours);
    assert_int_equal(tls_load(client_tls, &(struct tls_files){ key, crt, ca }, NULL), 0);
    meet("pssl:0:127.0.0.1", "ssl:127.0.0.1");
    run_until(are_closed);
    assert_int_equal(server.n_opened, 0);
    assert_int_equal(server.err, -EPROTO);
    assert_non_null(strstr(server.why, "the peer's certificate is refused"));
}

static void peer_in_the_clear(void **state)
{
    meet("pssl:0:127.0.0.1", "tcp:127.0.0.1");
    while (!client.n_opened)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(stream_send(client.stream, "this is no TLS at all", 21), 0);
    run_until(are_closed);
    assert_int_equal(server.n_opened, 0);
    assert_int_equal(server.err, -EPROTO);
    assert_non_null(strstr(server.why, "TLS: "));
}

static void server_in_the_clear(void **state)
{
    is_server_plain = true;
    meet("ptcp:0:127.0.0.1", "ssl:127.0.0.1");
    while (!server.n_opened)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(stream_send(server.stream, "nor is this", 11), 0);
    run_until(are_closed);
    assert_int_equal(client.n_opened, 0);
    assert_int_equal(client.err, -EPROTO);
}

static void peer_that_leaves_in_the_handshake(void **state)
{
    meet("pssl:0:127.0.0.1", "tcp:127.0.0.1");
    while (!client.n_opened)
        ev_run(loop, EVRUN_ONCE);
    stream_close(client.stream);
    client.stream = NULL;
    while (!server.n_closed)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(server.n_opened, 0);
    assert_true(server.err < 0);
}

static void keys_are_needed(void **state)
{
    struct stream_conf conf = conf_of(&client, client_tls);
    struct endpoint to;

    assert_true(tls_is_loaded(client_tls));
    tls_unload(client_tls);
    assert_false(tls_is_loaded(client_tls));
    assert_int_equal(endpoint_parse(&to, "ssl:127.0.0.1:1", NULL), 0);
    assert_int_equal(stream_connect(&client.stream, loop, &to, &conf, NULL), -ENOKEY);
    conf.tls = NULL;
    assert_int_equal(stream_connect(&client.stream, loop, &to, &conf, NULL), -ENOKEY);
}

/* Each names the file; what was loaded before stays in use. */
static void files_that_cannot_be_used(void **state)
{
    char key[128], crt[128], ca[128], other[128], none[128];
    struct errbuf e = { 0 };

    snprintf(key, sizeof key, "%s/switch.key", ours);
    snprintf(crt, sizeof crt, "%s/switch.crt", ours);
    snprintf(ca, sizeof ca, "%s/ca.crt", ours);
    snprintf(other, sizeof other, "%s/controller.key", ours);
    snprintf(none, sizeof none, "%s/none.pem", ours);

    const struct {
        struct tls_files files;
        const char *name;
    } cases[] = {
        { { none, crt, ca }, none },   { { key, none, ca }, none }, { { key, crt, none }, none },
        { { other, crt, ca }, other }, /* not the certificate's key */
        { { crt, crt, ca }, crt },     { { key, key, ca }, key },   { { key, crt, key }, key },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        e.text[0] = '\0';
        assert_int_equal(tls_load(client_tls, &cases[i].files, &e), -EINVAL);
        if (!strstr(e.text, cases[i].name) || !strstr(e.text, " cannot be used: "))
            fail_msg("case %zu: %s", i, e.text);
        assert_true(tls_is_loaded(client_tls));
    }
    meet("pssl:0:127.0.0.1", "ssl:127.0.0.1");
    run_until(are_open);
}

static void pki_refuses(void **state)
{
    static const char *const names[] = { "", "ca", "a/b", "../x", ".x", "-x", "a b", "ä" };
    struct errbuf e = { 0 };
    struct stat st;
    char path[128];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        e.text[0] = '\0';
        assert_int_equal(pki_issue(ours, names[i], PKI_DAYS, &e), -EINVAL);
        assert_non_null(strstr(e.text, names[i]));
    }
    e.text[0] = '\0';
    assert_int_equal(pki_init(ours, &e), -EEXIST);
    assert_non_null(strstr(e.text, "ca.key"));
    e.text[0] = '\0';
    assert_int_equal(pki_issue(ours, "switch", PKI_DAYS, &e), -EEXIST);
    assert_non_null(strstr(e.text, "switch.key"));
    e.text[0] = '\0';
    assert_int_equal(pki_issue("/nonexistent", "x", PKI_DAYS, &e), -ENOENT);
    assert_non_null(strstr(e.text, "pki init"));
    snprintf(path, sizeof path, "%s/switch.key", ours);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void make_authority(char *dir, size_t size, const char *const *names)
{
    struct errbuf e = { 0 };

    snprintf(dir, size, "/tmp/test_tls.XXXXXX");
    assert_non_null(mkdtemp(dir));
    if (pki_init(dir, &e))
        fail_msg("%s", e.text);
    for (; *names; names++)
        if (pki_issue(dir, *names, PKI_DAYS, &e))
            fail_msg("%s", e.text);
}

static void remove_authority(const char *dir, const char *const *names)
{
    char path[160];

    for (int i = -1; i < 0 || names[i]; i++)
        for (int k = 0; k < 2; k++) {
            snprintf(path, sizeof path, "%s/%s.%s", dir, i < 0 ? "ca" : names[i], k ? "key" : "crt");
            assert_int_equal(unlink(path), 0);
        }
    assert_int_equal(rmdir(dir), 0);
}

static const char *const our_names[] = { "switch", "controller", NULL };
static const char *const their_names[] = { "stranger", NULL };

static int make_all(void **state)
{
    make_authority(ours, sizeof ours, our_names);
    make_authority(theirs, sizeof theirs, their_names);
    return 0;
}

static int remove_all(void **state)
{
    remove_authority(ours, our_names);
    remove_authority(theirs, their_names);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(over_v4, setup, teardown),
        cmocka_unit_test_setup_teardown(over_v6, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
        cmocka_unit_test_setup_teardown(stranger_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(client_without_the_right_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_in_the_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(server_in_the_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_that_leaves_in_the_handshake, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_needed, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_cannot_be_used, setup, teardown),
        cmocka_unit_test(pki_refuses),
    };
    int failed;

    loop = ev_loop_new(EVFLAG_AUTO);
    failed = cmocka_run_group_tests(tests, make_all, remove_all);
    ev_loop_destroy(loop);
    return failed;
}
