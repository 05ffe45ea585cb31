/* SPDX-License-Identifier: Apache-2.0 */
/* agent_link.c - see agent_link.h. */
#include "tools/agent_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "io/netns.h"
#include "tools/agent.h"
#include "tools/json_line.h"

enum { LINKS_MAX = 1024, HELLO_AGAIN_MS = 500 };

struct job {
    struct list link;
    long id;
    agent_heard_fn *heard;
    void *arg;
};

struct agent_link {
    struct json_line line;
    struct list jobs;
    long last_id;
    pid_t pid; /* of our own agent; 0: somebody else's */
    int kept;  /* -1: nothing */
    bool is_broken;
};

static struct agent_link *link_new(int fd)
{
    struct agent_link *l = calloc(1, sizeof *l);

    if (!l) {
        close(fd);
        return NULL;
    }
    json_line_init(&l->line, fd);
    list_init(&l->jobs);
    l->kept = -1;
    return l;
}

/* The child: nothing of ours but the socket, and an end when we end, however that is. */
static void agent_run(const char *netns, int fd)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid(); /* ^C is for us; we end it */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd > 3)
        dup2(fd, 3);
    close_range(4, ~0U, 0);
    if (!netns_enter(netns, NULL))
        agent_serve(3);
    _exit(0);
}

int agent_link_netns(struct agent_link **out, const char *netns, struct errbuf *e)
{
    int fds[2], fd = netns_open(netns, e);
    pid_t pid;

    if (fd < 0)
        return fd;
    close(fd);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
        return errbuf_set(e, -errno, "no sockets for an agent: %s", strerror(errno));
    pid = fork();
    if (!pid)
        agent_run(netns, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return errbuf_set(e, -EAGAIN, "no process for an agent: %s", strerror(errno));
    }
    *out = link_new(fds[0]);
    if (*out)
        (*out)->pid = pid;
    return *out ? 0 : errbuf_set(e, -ENOMEM, "not enough memory");
}

/* Waits for the answer to our hello; what comes before it was for somebody else.  It is said again and again: a guest may
 * throw away what comes while it still ends with the client before us. */
static int hello(struct agent_link *l, int timeout_ms)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)timeout_ms * NSEC_PER_MS;
    json_int_t nonce = (json_int_t)(clock_now(NULL) ^ (uint64_t)getpid() << 40) & INT64_MAX;
    bool was_heard = false;
    int err = 0;

    json_line_send(&l->line, json_pack("{s:i}", "hello", 0)); /* whatever line was cut off before us ends here */
    while (!err && !was_heard) {
        struct pollfd f = { .fd = l->line.fd, .events = POLLIN };
        json_t *o;
        int n;

        if (clock_now(NULL) >= end_ns)
            return -ETIMEDOUT;
        json_line_send(&l->line, json_pack("{s:I}", "hello", nonce));
        n = poll(&f, 1, HELLO_AGAIN_MS);
        if (n < 0)
            return -errno; /* -EINTR: the user wants us to end */
        err = n ? json_line_read(&l->line) : 0;
        while (!was_heard && (o = json_line_next(&l->line))) {
            was_heard = json_integer_value(json_object_get(o, "hello")) == nonce;
            json_decref(o);
        }
    }
    return was_heard ? 0 : err;
}

int agent_link_connect(struct agent_link **out, const char *path, int timeout_ms, struct errbuf *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct agent_link *l;
    int fd, err;

    if (strlen(path) >= sizeof at.sun_path)
        return errbuf_set(e, -ENAMETOOLONG, "%s: too long for a socket", path);
    memcpy(at.sun_path, path, strlen(path));
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at)) {
        err = -errno;
        if (fd >= 0)
            close(fd);
        return errbuf_set(e, err, "%s: %s", path, strerror(-err));
    }
    l = link_new(fd);
    if (!l)
        return errbuf_set(e, -ENOMEM, "not enough memory");
    err = hello(l, timeout_ms);
    if (!err) {
        *out = l;
        return 0;
    }
    agent_link_close(l);
    return errbuf_set(e, err, "%s: the agent says nothing: %s", path, strerror(-err));
}

static void job_free(struct job *job)
{
    list_remove(&job->link);
    free(job);
}

void agent_link_close(struct agent_link *l)
{
    if (!l)
        return;
    for_each_list_safe (struct job, job, next, &l->jobs, link)
        job_free(job);
    close(l->line.fd);
    json_line_fini(&l->line);
    if (l->pid)
        waitpid(l->pid, NULL, 0);
    if (l->kept >= 0)
        close(l->kept);
    free(l);
}

void agent_link_keep(struct agent_link *l, int fd)
{
    l->kept = fd;
}

static struct job *job_find(struct agent_link *l, long id)
{
    for_each_list (struct job, job, &l->jobs, link)
        if (job->id == id)
            return job;
    return NULL;
}

long agent_link_start(struct agent_link *l, json_t *request, agent_heard_fn *heard, void *arg)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job || l->is_broken) {
        free(job);
        json_decref(request);
        return l->is_broken ? -ECONNRESET : -ENOMEM;
    }
    *job = (struct job){ .id = ++l->last_id, .heard = heard, .arg = arg };
    list_push_back(&l->jobs, &job->link);
    agent_link_send(l, job->id, request);
    return job->id;
}

void agent_link_send(struct agent_link *l, long id, json_t *o)
{
    json_object_set_new(o, "id", json_integer(id));
    json_line_send(&l->line, o);
}

void agent_link_end(struct agent_link *l, long id)
{
    struct job *job = job_find(l, id);

    if (!job)
        return;
    job_free(job);
    agent_link_send(l, id, json_pack("{s:b}", "end", 1));
}

void agent_link_end_all(struct agent_link *l)
{
    for_each_list_safe (struct job, job, next, &l->jobs, link)
        agent_link_end(l, job->id);
}

static void hear(struct agent_link *l)
{
    json_t *o;

    l->is_broken |= json_line_read(&l->line) || json_line_flush(&l->line);
    while ((o = json_line_next(&l->line))) {
        struct job *job = job_find(l, (long)json_integer_value(json_object_get(o, "id")));

        if (job && json_object_get(o, "exit")) { /* gone before it is told: it may start another */
            list_remove(&job->link);
            job->heard(job->arg, o);
            free(job);
        } else if (job) {
            job->heard(job->arg, o);
        }
        json_decref(o);
    }
}

int agent_links_wait(struct agent_link *const links[], size_t n, int fd, int timeout_ms)
{
    struct pollfd fds[LINKS_MAX + 1];
    bool is_broken = false;
    int got;

    if (n > LINKS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        fds[i] = (struct pollfd){ .fd = links[i] && !links[i]->is_broken ? links[i]->line.fd : -1,
                                  .events = (short)(POLLIN | (links[i] && links[i]->line.out.len ? POLLOUT : 0)) };
    fds[n] = (struct pollfd){ .fd = fd, .events = POLLIN };
    got = poll(fds, (nfds_t)n + 1, timeout_ms);
    if (got < 0)
        return -errno;
    for (size_t i = 0; i < n; i++) {
        if (links[i] && fds[i].revents)
            hear(links[i]);
        is_broken |= links[i] && links[i]->is_broken;
    }
    return is_broken ? -ECONNRESET : fds[n].revents ? 1 : 0;
}
