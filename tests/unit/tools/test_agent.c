/* SPDX-License-Identifier: Apache-2.0 */
/* test_agent.c - tools/agent.h by way of tools/agent_link.h: jobs, and the probes that need no privilege, over loopback. */
#include "tools/agent_link.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/str.h"
#include "tools/agent.h"
#include "tools/json_line.h"

enum { HELLO_MS = 20000, INPUT_SIZE = 200000 };

struct world {
    char dir[64];
    struct sockaddr_un at;
    int listener;
    pid_t pid; /* of the process that is the agent for one client after the other */
    struct agent_link *link;
};

static int setup(void **state)
{
    static struct world w;

    w = (struct world){ .dir = "/tmp/trama-agent-XXXXXX", .at.sun_family = AF_UNIX };
    assert_non_null(mkdtemp(w.dir));
    snprintf(w.at.sun_path, sizeof w.at.sun_path, "%s/agent", w.dir);
    w.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w.listener, (struct sockaddr *)&w.at, sizeof w.at), 0);
    assert_int_equal(listen(w.listener, 5), 0);
    w.pid = fork();
    while (!w.pid) {
        int fd = accept(w.listener, NULL, NULL);

        agent_serve(fd);
        close(fd);
    }
    assert_int_equal(agent_link_connect(&w.link, w.at.sun_path, HELLO_MS, NULL), 0);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    agent_link_close(w->link);
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, 0);
    close(w->listener);
    unlink(w->at.sun_path);
    rmdir(w->dir);
    return 0;
}

struct heard {
    struct str out, err;
    json_t *says; /* the last */
    size_t n_taken;
    int code; /* -1: it runs */
};

static void add_bytes(struct str *s, const char *text)
{
    static uint8_t bytes[AGENT_CHUNK];
    long n = json_to_bytes(text, bytes, sizeof bytes);

    assert_true(n >= 0);
    str_add_len(s, (const char *)bytes, (size_t)n);
}

static void hear(void *arg, const json_t *o)
{
    struct heard *h = arg;
    const char *out = json_string_value(json_object_get(o, "out")), *err = json_string_value(json_object_get(o, "err"));

    if (out)
        add_bytes(&h->out, out);
    if (err)
        add_bytes(&h->err, err);
    if (json_object_get(o, "says")) {
        json_decref(h->says);
        h->says = json_incref(json_object_get(o, "says"));
    }
    h->n_taken += (size_t)json_integer_value(json_object_get(o, "took"));
    if (json_object_get(o, "exit"))
        h->code = (int)json_integer_value(json_object_get(o, "exit"));
}

static void heard_fini(struct heard *h)
{
    str_fini(&h->out);
    str_fini(&h->err);
    json_decref(h->says);
}

static long start(struct world *w, struct heard *h, json_t *request)
{
    *h = (struct heard){ .code = -1 };
    assert_non_null(request);
    return agent_link_start(w->link, request, hear, h);
}

static void wait_end(struct world *w, struct heard *h)
{
    while (h->code < 0)
        assert_int_equal(agent_links_wait(&w->link, 1, -1, HELLO_MS), 0);
}

static void wait_says(struct world *w, struct heard *h)
{
    while (!h->says && h->code < 0)
        assert_int_equal(agent_links_wait(&w->link, 1, -1, HELLO_MS), 0);
}

static json_t *shell(const char *script)
{
    return json_pack("{s:s, s:[s,s,s]}", "do", "exec", "argv", "/bin/sh", "-c", script);
}

static void commands(void **state)
{
    static const struct {
        const char *script, *out, *err;
        int code;
    } cases[] = {
        { "echo one; echo two >&2; exit 7", "one\n", "two\n", 7 },
        { "kill -9 $$", "", "", 137 },
        { "exit 0", "", "", 0 },
    };
    struct heard h;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start(*state, &h, shell(cases[i].script));
        wait_end(*state, &h);
        assert_int_equal(h.code, cases[i].code);
        assert_string_equal(str_text(&h.out), cases[i].out);
        assert_string_equal(str_text(&h.err), cases[i].err);
        heard_fini(&h);
    }
    start(*state, &h, json_pack("{s:s, s:[s]}", "do", "exec", "argv", "/nonexistent/program"));
    wait_end(*state, &h);
    assert_int_equal(h.code, 127);
    assert_non_null(strstr(str_text(&h.err), "/nonexistent/program: No such file"));
    heard_fini(&h);
    start(*state, &h, json_pack("{s:s}", "do", "nothing that there is"));
    wait_end(*state, &h);
    assert_int_equal(h.code, 126);
    heard_fini(&h);
}

/* A child that stays, and still has the pipes, is not waited for, nor ended. */
static void stays(void **state)
{
    struct heard h;
    pid_t pid;

    start(*state, &h, shell("sleep 1000 & echo $!; exit 3"));
    wait_end(*state, &h);
    assert_int_equal(h.code, 3);
    pid = (pid_t)strtol(str_text(&h.out), NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    heard_fini(&h);
}

/* More than the window, which is to be kept by the sender; what comes out is what went in. */
static void input(void **state)
{
    struct world *w = *state;
    static uint8_t bytes[INPUT_SIZE];
    size_t sent = 0;
    struct heard h;
    long id = start(w, &h, json_pack("{s:s, s:[s]}", "do", "exec", "argv", "cat"));

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    while (h.code < 0) {
        while (sent < sizeof bytes && sent - h.n_taken + AGENT_CHUNK <= AGENT_WINDOW) {
            size_t n = sizeof bytes - sent < AGENT_CHUNK ? sizeof bytes - sent : AGENT_CHUNK;

            agent_link_send(w->link, id, json_pack("{s:o}", "in", json_of_bytes(bytes + sent, n)));
            sent += n;
            if (sent == sizeof bytes)
                agent_link_send(w->link, id, json_pack("{s:s}", "in", ""));
        }
        assert_int_equal(agent_links_wait(&w->link, 1, -1, HELLO_MS), 0);
    }
    assert_int_equal(h.code, 0);
    assert_int_equal(h.out.len, sizeof bytes);
    assert_memory_equal(h.out.s, bytes, sizeof bytes);
    heard_fini(&h);
}

/* A client that goes in the middle of a line does not harm the next; its jobs end. */
static void next_client(void **state)
{
    struct world *w = *state;
    static const char part[] = "{\"id\": 3, \"do\": \"exec\", \"argv\": [\"/bin/";
    struct heard h;
    int fd;

    start(w, &h, shell("sleep 1000"));
    agent_link_close(w->link);
    w->link = NULL;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&w->at, sizeof w->at), 0);
    assert_int_equal(write(fd, part, sizeof part - 1), sizeof part - 1);
    close(fd);
    assert_int_equal(agent_link_connect(&w->link, w->at.sun_path, HELLO_MS, NULL), 0);
    heard_fini(&h);
    start(w, &h, shell("echo here"));
    wait_end(w, &h);
    assert_string_equal(str_text(&h.out), "here\n");
    heard_fini(&h);
}

/* A TCP socket that listens on a free port of loopback. */
static int listener_open(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    be32_store(&at.sin_addr, INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(listen(fd, 5), 0);
    *port = be16_load(&at.sin_port);
    return fd;
}

static json_t *probe(const char *kind, uint16_t port, int ms)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:i}", "do", kind, "to", "127.0.0.1", "port", (int)port, "ms", ms, "bytes",
                     300000);
}

static void probe_says(struct world *w, json_t *request, bool is_ok, const char *why)
{
    struct heard h;

    start(w, &h, request);
    wait_end(w, &h);
    assert_non_null(h.says);
    assert_int_equal(json_is_true(json_object_get(h.says, "ok")), is_ok);
    if (why)
        assert_non_null(strstr(json_string_value(json_object_get(h.says, "why")), why));
    heard_fini(&h);
}

static void tcp_and_udp(void **state)
{
    struct world *w = *state;
    struct heard server, second;
    uint16_t port;
    long id;

    close(listener_open(&port));
    probe_says(w, probe("tcp", port, 0), false, "connect: Connection refused");
    probe_says(w, probe("udp", port, 0), false, "no answer to 1 datagrams");
    id = start(w, &server, json_pack("{s:s, s:[s], s:i}", "do", "serve", "at", "127.0.0.1", "port", (int)port));
    wait_says(w, &server);
    assert_true(json_is_true(json_object_get(server.says, "ready")));
    probe_says(w, probe("tcp", port, 10000), true, NULL);
    probe_says(w, probe("udp", port, 10000), true, NULL);
    start(w, &second, json_pack("{s:s, s:[s], s:i}", "do", "serve", "at", "127.0.0.1", "port", (int)port));
    wait_end(w, &second);
    assert_true(json_is_false(json_object_get(second.says, "ready")));
    agent_link_end(w->link, id);
    heard_fini(&second);
    heard_fini(&server);
    probe_says(w, probe("tcp", port, 0), false, "connect: Connection refused"); /* the agent has ended it before */
}

/* Who gives back something else, or less, is found out. */
static void tcp_wrong(void **state)
{
    static const struct {
        size_t wrong_at, n; /* of `n` bytes that come back, that one is changed */
        const char *why;
    } cases[] = { { 1000, 2000, "byte 1000 came back wrong" },
                  { SIZE_MAX, 2000, "the connection ended after 2000 of 300000 bytes" } };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static uint8_t bytes[400000];
        struct world *w = *state;
        struct heard h;
        uint16_t port;
        int listener = listener_open(&port), fd;
        ssize_t n, len = 0;

        start(w, &h, probe("tcp", port, 0));
        fd = accept(listener, NULL, NULL);
        while ((n = recv(fd, bytes + len, sizeof bytes - (size_t)len, 0)) > 0)
            len += n;
        assert_int_equal(len, 300000);
        if (cases[i].wrong_at < cases[i].n)
            bytes[cases[i].wrong_at] ^= 1;
        assert_int_equal(send(fd, bytes, cases[i].n, MSG_NOSIGNAL), cases[i].n);
        close(fd);
        wait_end(w, &h);
        assert_false(json_is_true(json_object_get(h.says, "ok")));
        assert_true(json_is_true(json_object_get(h.says, "reached")));
        assert_non_null(strstr(json_string_value(json_object_get(h.says, "why")), cases[i].why));
        heard_fini(&h);
        close(listener);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),    cmocka_unit_test(stays),       cmocka_unit_test(input),
        cmocka_unit_test(next_client), cmocka_unit_test(tcp_and_udp), cmocka_unit_test(tcp_wrong),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
