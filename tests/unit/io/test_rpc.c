/* SPDX-License-Identifier: Apache-2.0 */
/* test_rpc.c - io/rpc.h: a server on a loop in this thread, the waiting client in another. */
#include "io/rpc.h"

#include "io/json_scan.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static struct ev_loop *loop;
static ev_async client_done;
static char dir[] = "/tmp/test_rpc.XXXXXX", path[64];
static struct rpc_server *server;
static struct rpc_request *waiting;
static int n_gone;

static void run_echo(struct rpc_request *r, json_t *params, void *arg)
{
    assert_ptr_equal(arg, &server);
    rpc_reply(r, json_incref(params));
}

static void run_text(struct rpc_request *r, json_t *params, void *arg)
{
    const char *text = rpc_param_text(params, 0, "text");

    if (!text)
        rpc_reply_error(r, "text is missing");
    else
        rpc_reply_text(r, text);
}

static void run_big(struct rpc_request *r, json_t *params, void *arg)
{
    size_t n = 3000000;
    char *text = malloc(n + 1);

    memset(text, 'b', n);
    text[n] = '\0';
    rpc_reply(r, json_string_nocheck(text));
    free(text);
}

static void on_gone(struct rpc_request *r, void *arg)
{
    n_gone++;
    ev_break(loop, EVBREAK_ALL);
}

static void run_later(struct rpc_request *r, json_t *params, void *arg)
{
    waiting = r;
    rpc_on_gone(r, on_gone, NULL);
}

static void run_wake(struct rpc_request *r, json_t *params, void *arg)
{
    assert_int_equal(rpc_notify(waiting, "news", json_pack("[i]", 42)), 0);
    rpc_reply_text(waiting, "at last");
    waiting = NULL;
    rpc_reply_text(r, "woken");
}

static const struct rpc_method methods[] = {
    { "test/echo", "[X [LONG_Y [Z]]]", 0, 3, run_echo },
    { "test/text", "TEXT", 1, 1, run_text },
    { "test/big", "", 0, 0, run_big },
    { "test/later", "", 0, 0, run_later },
    { "test/wake", "", 0, 0, run_wake },
    { NULL },
};

/* What one client thread does and gets. */
struct job {
    const char *method;
    json_t *params;
    int timeout_ms, err, n_notified;
    json_t *result;
    struct errbuf e;
};

static bool notified(void *arg, const char *method, const json_t *params)
{
    struct job *j = arg;

    if (!strcmp(method, "news"))
        j->n_notified += (int)json_integer_value(json_array_get(params, 0));
    return true;
}

static void *client_run(void *arg)
{
    struct job *j = arg;
    struct rpc_client *c;

    j->err = rpc_client_open(&c, path, &j->e);
    if (!j->err) {
        rpc_client_on_notify(c, notified, j);
        j->err = rpc_client_call(c, j->method, j->params, j->timeout_ms ? j->timeout_ms : 20000, &j->result, &j->e);
        rpc_client_close(c);
    }
    ev_async_send(loop, &client_done);
    return NULL;
}

static void on_client_done(struct ev_loop *l, ev_async *w, int revents)
{
    ev_break(l, EVBREAK_ALL);
}

static void call(struct job *j)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, client_run, j), 0);
    ev_run(loop, 0);
    pthread_join(thread, NULL);
}

static void calls(void **state)
{
    static const struct {
        const char *method, *params; /* JSON */
        int err;
        const char *want; /* result as JSON, or the error's text */
    } cases[] = {
        { "test/echo", "[]", 0, "[]" },
        { "test/echo", "[\"a\\\"b{\", \"\\\\\", \"]}\"]", 0, "[\"a\\\"b{\",\"\\\\\",\"]}\"]" },
        { "test/echo", "[\"a\", -7, \"z\"]", 0, "[\"a\",\"-7\",\"z\"]" },
        { "test/echo", "{\"x\":7, \"long_y\":\"\"}", 0, "{\"x\":\"7\",\"long_y\":\"\"}" },
        { "test/echo", "{\"y\":7}", -EREMOTEIO,
          "\"test/echo\" command has no argument 'y'; it takes [X [LONG_Y [Z]]]" },
        { "test/echo", "{\"\":7}", -EREMOTEIO, "\"test/echo\" command has no argument ''; it takes [X [LONG_Y [Z]]]" },
        { "test/big", "{\"x\":\"7\"}", -EREMOTEIO, "\"test/big\" command has no argument 'x'" },
        { "test/echo", "[\"a\", {\"k\":[1,2.5,null]}]", -EREMOTEIO,
          "\"test/echo\" command: an argument is neither text nor a whole number" },
        { "test/echo", "{\"x\":null}", -EREMOTEIO,
          "\"test/echo\" command: an argument is neither text nor a whole number" },
        { "test/text", "[\"h\\u00e9\"]", 0, "\"h\xc3\xa9\"" },
        { "test/text", "{\"text\":\"t\"}", 0, "\"t\"" },
        { "test/text", "{}", -EREMOTEIO, "text is missing" },
        { "test/text", "[]", -EREMOTEIO, "\"test/text\" command requires at least 1 arguments" },
        { "test/text", "[\"a\",\"b\"]", -EREMOTEIO, "\"test/text\" command takes at most 1 arguments" },
        { "nothing", "[]", -EREMOTEIO,
          "\"nothing\" is not a valid command (use \"list-commands\" to see a list of them)" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct job j = { .method = cases[i].method, .params = json_loads(cases[i].params, 0, NULL) };

        call(&j);
        assert_int_equal(j.err, cases[i].err);
        if (j.err) {
            assert_string_equal(j.e.text, cases[i].want);
        } else {
            char *text = json_dumps(j.result, JSON_COMPACT | JSON_ENCODE_ANY);

            assert_string_equal(text, cases[i].want);
            free(text);
        }
        json_decref(j.result);
    }
}

static void list_commands(void **state)
{
    struct job j = { .method = "list-commands" };

    call(&j);
    assert_int_equal(j.err, 0);
    assert_non_null(strstr(json_string_value(j.result), "\n  test/text               TEXT\n"));
    json_decref(j.result);
}

static void big_reply(void **state)
{
    struct job j = { .method = "test/big" };

    call(&j);
    assert_int_equal(j.err, 0);
    assert_int_equal(json_string_length(j.result), 3000000);
    json_decref(j.result);
}

static void deferred_reply(void **state)
{
    struct job later = { .method = "test/later" }, wake = { .method = "test/wake" };
    pthread_t a;

    assert_int_equal(pthread_create(&a, NULL, client_run, &later), 0);
    while (!waiting)
        ev_run(loop, EVRUN_ONCE);
    call(&wake);
    pthread_join(a, NULL);
    assert_int_equal(wake.err, 0);
    assert_int_equal(later.err, 0);
    assert_int_equal(later.n_notified, 42);
    assert_string_equal(json_string_value(later.result), "at last");
    json_decref(later.result);
    json_decref(wake.result);
    ev_run(loop, EVRUN_NOWAIT);
}

static void client_gives_up(void **state)
{
    struct job j = { .method = "test/later", .timeout_ms = 20 };
    pthread_t thread;

    n_gone = 0;
    assert_int_equal(pthread_create(&thread, NULL, client_run, &j), 0);
    while (!n_gone)
        ev_run(loop, 0);
    pthread_join(thread, NULL);
    assert_int_equal(j.err, -ETIMEDOUT);
    assert_true(rpc_is_gone(waiting));
    assert_int_equal(rpc_notify(waiting, "news", json_array()), -ENOTCONN);
    rpc_reply_text(waiting, "nobody hears it");
    waiting = NULL;
    ev_run(loop, EVRUN_NOWAIT);
}

/* Sends raw bytes and reads until `want` answers have come, or the server has hung up. */
static size_t raw(const char *text, size_t len, char *out, size_t size, int want)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), seen = 0;
    size_t n_out = 0, at = 0;

    memcpy(addr.sun_path, path, strlen(path));
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    while (seen < want) {
        if (at < len && send(fd, text + at, 1, MSG_NOSIGNAL) == 1)
            at++;
        ev_run(loop, EVRUN_NOWAIT);

        ssize_t n = recv(fd, out + n_out, size - n_out - 1, 0);

        if (n == 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            seen += out[n_out + (size_t)i] == '}';
        n_out += n > 0 ? (size_t)n : 0;
    }
    out[n_out] = '\0';
    close(fd);
    ev_run(loop, EVRUN_NOWAIT);
    return n_out;
}

static void byte_by_byte(void **state)
{
    static const char two[] = " {\"id\":5,\"method\":\"test/text\",\"params\":[\"}\"]}\n"
                              "{\"id\":null,\"method\":\"test/text\",\"params\":[\"quiet\"]}"
                              "{\"id\":\"q\",\"method\":\"test/text\",\"params\":[\"b\"]}";
    char out[512];

    raw(two, sizeof two - 1, out, sizeof out, 3); /* one '}' is text */
    assert_string_equal(out,
                        "{\"id\":5,\"result\":\"}\",\"error\":null}{\"id\":\"q\",\"result\":\"b\",\"error\":null}");
}

static void garbage(void **state)
{
    static const char *const cases[] = { "x", "[1]", "{]", "{\"a\" 1}", "\"text\"", "{\"a\":\"\xff\"}", "}" };
    char out[512];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(raw(cases[i], strlen(cases[i]), out, sizeof out, 1), 0);
    raw("{\"id\":1}", 8, out, sizeof out, 1);
    assert_non_null(strstr(out, "\"result\":null,\"error\":\"a request is an object"));
}

static void nobody_there(void **state)
{
    struct errbuf e = { 0 };
    json_t *result = NULL;

    assert_int_equal(rpc_call("/nonexistent/x.ctl", "a", NULL, 100, &result, &e), -ENOENT);
    assert_string_equal(e.text, "no daemon answers at /nonexistent/x.ctl (No such file or directory)");
    e.text[0] = '\0';
    assert_int_equal(
        rpc_call("/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789/23456789"
                 "/23456789/23456789",
                 "a", NULL, 100, &result, &e),
        -ENAMETOOLONG);
}

static void scanner(void **state)
{
    static const struct {
        const char *text;
        long want;
    } cases[] = {
        { "{}", 2 },       { "  {}", 4 },  { "{\"a}\":\"\\\"}\"}", 12 }, { "{{}", 0 }, { "{\"", 0 }, { "", 0 },
        { "]", -EBADMSG }, { "{[]}x", 4 },
    };
    char deep[JSON_DEPTH_MAX + 2];
    struct json_scan s = { 0 };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s = (struct json_scan){ 0 };
        assert_int_equal(json_scan_next(&s, (const uint8_t *)cases[i].text, strlen(cases[i].text)), cases[i].want);
    }
    memset(deep, '{', sizeof deep);
    s = (struct json_scan){ 0 };
    assert_int_equal(json_scan_next(&s, (const uint8_t *)deep, sizeof deep), -EBADMSG);
}

static int open_server(void **state)
{
    struct errbuf e = { 0 };

    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/x.ctl", dir);
    loop = ev_loop_new(EVFLAG_AUTO);
    ev_async_init(&client_done, on_client_done);
    ev_async_start(loop, &client_done);
    return rpc_server_open(&server, loop, path, methods, &server, &e);
}

static int close_server(void **state)
{
    rpc_server_close(server);
    ev_loop_destroy(loop);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scanner),      cmocka_unit_test(calls),          cmocka_unit_test(list_commands),
        cmocka_unit_test(big_reply),    cmocka_unit_test(deferred_reply), cmocka_unit_test(client_gives_up),
        cmocka_unit_test(byte_by_byte), cmocka_unit_test(garbage),        cmocka_unit_test(nobody_there),
    };

    return cmocka_run_group_tests(tests, open_server, close_server);
}
