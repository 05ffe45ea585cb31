/* SPDX-License-Identifier: Apache-2.0 */
/* agent.c - see agent.h.  One loop over the stream and the pipes of every job. */
#include "tools/agent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/agent_job.h"
#include "tools/json_line.h"

enum { FDS_PER_JOB = 4, EXIT_CANNOT_RUN = 126 };

struct agent {
    struct json_line line;
    struct list jobs;
    struct pollfd fds[1 + FDS_PER_JOB * AGENT_JOBS_MAX];
};

static struct agent_job *job_find(struct agent *a, json_int_t id)
{
    for_each_list (struct agent_job, job, &a->jobs, link)
        if (job->id == id)
            return job;
    return NULL;
}

static void jobs_kill(struct agent *a)
{
    for_each_list_safe (struct agent_job, job, next, &a->jobs, link)
        agent_job_free(job);
}

static void say_exit(struct agent *a, json_int_t id, int code)
{
    json_line_send(&a->line, json_pack("{s:I, s:i}", "id", id, "exit", code));
}

/* --- what comes in --- */

static void input_write(struct agent *a, struct agent_job *job)
{
    ssize_t n = job->waiting.len ? write(job->in, job->waiting.s, job->waiting.len) : 0;

    if (n < 0 && errno != EAGAIN && errno != EINTR) { /* it reads no more */
        n = (ssize_t)job->waiting.len;
        job->is_in_ended = true;
    }
    if (n > 0) {
        json_line_send(&a->line, json_pack("{s:I, s:I}", "id", job->id, "took", (json_int_t)n));
        memmove(job->waiting.s, job->waiting.s + n, job->waiting.len - (size_t)n + 1);
        str_cut(&job->waiting, job->waiting.len - (size_t)n);
    }
    if (job->is_in_ended && !job->waiting.len) {
        close(job->in);
        job->in = -1;
    }
}

static void input_take(struct agent *a, struct agent_job *job, const char *text)
{
    static uint8_t bytes[AGENT_WINDOW];
    long n = json_to_bytes(text, bytes, sizeof bytes);

    if (job->in < 0) { /* nobody reads it, but the sender waits for the window */
        json_line_send(&a->line, json_pack("{s:I, s:I}", "id", job->id, "took", (json_int_t)(n > 0 ? n : 0)));
        return;
    }
    if (n > 0 && job->waiting.len + (size_t)n <= AGENT_WINDOW)
        str_add_len(&job->waiting, (const char *)bytes, (size_t)n);
    job->is_in_ended |= n <= 0;
    input_write(a, job);
}

static void job_begin(struct agent *a, const json_t *o, json_int_t id)
{
    struct agent_job *job;

    if (job_find(a, id) || list_count(&a->jobs) >= AGENT_JOBS_MAX || agent_job_start(&job, o)) {
        say_exit(a, id, EXIT_CANNOT_RUN);
        return;
    }
    list_push_back(&a->jobs, &job->link);
    if (!job->is_exec)
        job->is_in_ended = true;
    input_write(a, job);
}

static void take(struct agent *a, json_t *o)
{
    json_int_t id = json_integer_value(json_object_get(o, "id"));
    struct agent_job *job = job_find(a, id);
    const char *in = json_string_value(json_object_get(o, "in"));

    if (json_object_get(o, "hello")) {
        jobs_kill(a);
        json_line_send(&a->line, json_incref(o));
    } else if (json_object_get(o, "do")) {
        job_begin(a, o, id);
    } else if (job && json_object_get(o, "end")) {
        agent_job_free(job);
        say_exit(a, id, 128 + SIGKILL);
    } else if (job && in) {
        input_take(a, job, in);
    }
    json_decref(o);
}

/* --- what goes out --- */

/* A probe writes lines of JSON. */
static void probe_said(struct agent *a, struct agent_job *job, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '\n') {
            str_add_char(&job->said, p[i]);
            continue;
        }
        json_line_send(&a->line, json_pack("{s:I, s:o}", "id", job->id, "says",
                                           json_loads(str_text(&job->said), JSON_DECODE_ANY, NULL)));
        str_reset(&job->said);
    }
}

/* Reads what is there; false when there is nothing (more). */
static bool pipe_read(struct agent *a, struct agent_job *job, enum agent_pipe which)
{
    char buffer[AGENT_CHUNK];
    ssize_t n = job->pipes[which] < 0 ? 0 : read(job->pipes[which], buffer, sizeof buffer);

    if (n > 0 && job->is_exec)
        json_line_send(&a->line, json_pack("{s:I, s:o}", "id", job->id, which == AGENT_OUT ? "out" : "err",
                                           json_of_bytes(buffer, (size_t)n)));
    else if (n > 0 && which == AGENT_OUT)
        probe_said(a, job, buffer, (size_t)n);
    if (n == 0 && job->pipes[which] >= 0) {
        close(job->pipes[which]);
        job->pipes[which] = -1;
    }
    return n > 0;
}

/* The process has ended: what it wrote is in the pipes; a child of its own that still holds them is not waited for. */
static void job_end(struct agent *a, struct agent_job *job)
{
    json_int_t id = job->id;
    int status = 0;

    while (pipe_read(a, job, AGENT_OUT) || pipe_read(a, job, AGENT_ERR))
        ;
    if (!job->is_exec)
        kill(-job->pid, SIGKILL);
    waitpid(job->pid, &status, 0);
    job->pid = 0;
    agent_job_free(job);
    say_exit(a, id, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

/* --- the loop --- */

static size_t fds_fill(struct agent *a)
{
    bool is_full = json_line_is_full(&a->line);
    size_t n = 0;

    a->fds[n++] = (struct pollfd){ .fd = a->line.fd,
                                   .events = (short)((is_full ? 0 : POLLIN) | (a->line.out.len ? POLLOUT : 0)) };
    for_each_list (struct agent_job, job, &a->jobs, link) {
        a->fds[n++] = (struct pollfd){ .fd = is_full ? -1 : job->pid_fd, .events = POLLIN };
        for (int i = 0; i < AGENT_PIPES; i++)
            a->fds[n++] = (struct pollfd){ .fd = is_full ? -1 : job->pipes[i], .events = POLLIN };
        a->fds[n++] = (struct pollfd){ .fd = job->waiting.len ? job->in : -1, .events = POLLOUT };
    }
    return n;
}

static void jobs_serve(struct agent *a)
{
    size_t at = 1;

    for_each_list_safe (struct agent_job, job, next, &a->jobs, link) {
        const struct pollfd *f = &a->fds[at];

        at += FDS_PER_JOB;
        for (int i = 0; i < AGENT_PIPES; i++)
            if (f[1 + i].revents)
                pipe_read(a, job, (enum agent_pipe)i);
        if (f[3].revents && job->in >= 0)
            input_write(a, job);
        if (f[0].revents)
            job_end(a, job);
    }
}

void agent_serve(int fd)
{
    struct agent *a = calloc(1, sizeof *a);
    int err = a ? 0 : -ENOMEM;
    json_t *o;

    if (!a)
        return;
    signal(SIGPIPE, SIG_IGN);
    json_line_init(&a->line, fd);
    list_init(&a->jobs);
    while (!err) {
        if (poll(a->fds, (nfds_t)fds_fill(a), -1) < 0 && errno != EINTR)
            break;
        jobs_serve(a);
        if (a->fds[0].revents & (POLLIN | POLLHUP | POLLERR))
            err = json_line_read(&a->line);
        while ((o = json_line_next(&a->line)))
            take(a, o);
        if (!err)
            err = json_line_flush(&a->line);
    }
    jobs_kill(a);
    json_line_fini(&a->line);
    free(a);
}
