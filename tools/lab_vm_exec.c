/* SPDX-License-Identifier: Apache-2.0 */
/* lab_vm_exec.c - commands in a guest; see lab_vm.h.  Input is read only as fast as the command takes it. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "tools/agent.h"
#include "tools/agent_link.h"
#include "tools/json_line.h"
#include "tools/lab_guest.h"
#include "tools/lab_process.h"
#include "tools/lab_vm_impl.h"

enum { HELLO_MS = 120000, INPUT_CHUNK = 16 << 10 };

/* A port serves one at a time, and whoever comes second would wait unseen: so each is held with a lock on a file. */
static int port_take(const struct lab *lab, int host, int number, int *lock)
{
    char path[LAB_PATH_SIZE], file[32];

    snprintf(file, sizeof file, "lock.%d", number);
    lab_vm_path(path, lab, host, file);
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0)
        return -errno;
    if (!flock(*lock, LOCK_EX | LOCK_NB))
        return 0;
    close(*lock);
    return -EBUSY;
}

int lab_vm_link(struct agent_link **out, const struct lab *lab, int host, struct errbuf *e)
{
    char path[LAB_PATH_SIZE], file[32];
    int lock = -1, number = 0, err = -EBUSY;

    for (; number < LAB_GUEST_PORTS; number++) {
        err = port_take(lab, host, number, &lock);
        if (err != -EBUSY)
            break;
    }
    if (err == -EBUSY)
        return errbuf_set(e, err, "host %s: %d commands run in it already; more are not possible",
                          lab->doc->hosts[host].name, LAB_GUEST_PORTS);
    if (err)
        return errbuf_set(e, err, "host %s: %s", lab->doc->hosts[host].name, strerror(-err));
    snprintf(file, sizeof file, "agent.%d", number);
    lab_vm_path(path, lab, host, file);
    err = agent_link_connect(out, path, HELLO_MS, e);
    if (err)
        close(lock);
    else
        agent_link_keep(*out, lock);
    return err;
}

struct run {
    struct agent_link *link;
    long id;
    int code; /* -1: it runs */
    size_t on_the_way;
    struct str *said; /* NULL: to our own output */
};

static void bytes_out(struct run *r, int fd, const char *text)
{
    uint8_t bytes[AGENT_CHUNK];
    long n = json_to_bytes(text, bytes, sizeof bytes);

    if (r->said && n > 0)
        str_add_len(r->said, (const char *)bytes, (size_t)n);
    for (long done = 0, w; !r->said && done < n; done += w) {
        w = write(fd, bytes + done, (size_t)(n - done));
        if (w < 0 && errno != EINTR && errno != EAGAIN)
            return;
        w = w < 0 ? 0 : w;
    }
}

static void heard(void *arg, const json_t *o)
{
    struct run *r = arg;
    const char *out = json_string_value(json_object_get(o, "out")), *err = json_string_value(json_object_get(o, "err"));

    if (out)
        bytes_out(r, STDOUT_FILENO, out);
    if (err)
        bytes_out(r, STDERR_FILENO, err);
    r->on_the_way -= (size_t)json_integer_value(json_object_get(o, "took"));
    if (json_object_get(o, "exit"))
        r->code = (int)json_integer_value(json_object_get(o, "exit"));
}

static int run_start(struct run *r, const char *const argv[])
{
    json_t *list = json_array();

    for (size_t i = 0; argv[i]; i++)
        json_array_append_new(list, json_string(argv[i]));
    if (json_array_size(list) == 0)
        return -EINVAL;
    r->id = agent_link_start(r->link, json_pack("{s:s, s:o}", "do", "exec", "argv", list), heard, r);
    return r->id < 0 ? (int)r->id : 0;
}

/* Reads some of our input and sends it; false at its end. */
static bool input_send(struct run *r)
{
    uint8_t bytes[INPUT_CHUNK];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n < 0)
        n = 0;
    r->on_the_way += (size_t)n;
    agent_link_send(r->link, r->id, json_pack("{s:o}", "in", json_of_bytes(bytes, (size_t)n)));
    return n > 0;
}

int lab_vm_run(struct agent_link *l, const char *const argv[], struct str *said)
{
    struct run r = { .link = l, .code = -1, .said = said };
    int err = run_start(&r, argv);

    if (!err)
        agent_link_send(l, r.id, json_pack("{s:s}", "in", ""));
    while (!err && r.code < 0) {
        err = agent_links_wait(&l, 1, -1, -1);
        if (err == -EINTR && !lab_process_is_interrupted())
            err = 0;
    }
    return r.code >= 0 ? r.code : err;
}

int lab_vm_exec(const struct lab *lab, int host, char *const argv[], struct errbuf *e)
{
    struct run r = { .code = -1 };
    bool has_input = true;
    int err = lab_vm_link(&r.link, lab, host, e);

    if (err)
        return err;
    err = run_start(&r, (const char *const *)argv);
    while (err >= 0 && r.code < 0) {
        bool is_wanted = has_input && r.on_the_way + INPUT_CHUNK <= AGENT_WINDOW;

        err = agent_links_wait(&r.link, 1, is_wanted ? STDIN_FILENO : -1, -1);
        if (err == 1)
            has_input = input_send(&r);
        if (err == -EINTR)
            err = 0;
    }
    agent_link_close(r.link);
    return r.code >= 0 ? r.code : errbuf_set(e, err, "host %s: %s", lab->doc->hosts[host].name, strerror(-err));
}
