/* SPDX-License-Identifier: Apache-2.0 */
/* agent_job.c - see agent_job.h. */
#include "tools/agent_job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/probe.h"

enum { ARGV_MAX = 1024, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static void child_exec(const json_t *request)
{
    const json_t *list = json_object_get(request, "argv");
    size_t n = json_array_size(list);
    const char *argv[ARGV_MAX + 1] = { 0 };

    for (size_t i = 0; i < n && i < ARGV_MAX; i++)
        argv[i] = json_string_value(json_array_get(list, i));
    if (!argv[0] || n > ARGV_MAX)
        _exit(EXIT_CANNOT_RUN);
    execvp(argv[0], (char *const *)argv);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN);
}

/* In the child: only the three pipes, no signal blocked or ignored, and an end when the agent ends. */
static void child_run(const json_t *request, pid_t agent, const int fds[3])
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != agent)
        _exit(EXIT_CANNOT_RUN);
    setsid();
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            _exit(EXIT_CANNOT_RUN);
    close_range(3, ~0U, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!strcmp(json_string_value(json_object_get(request, "do")), "exec"))
        child_exec(request);
    _exit(probe_run(request));
}

static void pipes_close(int pipes[3][2])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++)
            if (pipes[i][j] >= 0)
                close(pipes[i][j]);
}

static int child_start(struct agent_job *job, const json_t *request)
{
    int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    pid_t agent = getpid();

    for (int i = 0; i < 3; i++)
        if (pipe2(pipes[i], O_CLOEXEC)) {
            pipes_close(pipes);
            return -errno;
        }
    job->pid = fork();
    if (!job->pid)
        child_run(request, agent, (int[]){ pipes[0][0], pipes[1][1], pipes[2][1] });
    job->pid_fd = job->pid > 0 ? pidfd_open(job->pid, 0) : -1;
    if (job->pid_fd < 0) {
        pipes_close(pipes);
        return -errno;
    }
    job->in = pipes[0][1];
    job->pipes[AGENT_OUT] = pipes[1][0];
    job->pipes[AGENT_ERR] = pipes[2][0];
    close(pipes[0][0]);
    close(pipes[1][1]);
    close(pipes[2][1]);
    fcntl(job->in, F_SETFL, O_NONBLOCK);
    fcntl(job->pipes[AGENT_OUT], F_SETFL, O_NONBLOCK);
    fcntl(job->pipes[AGENT_ERR], F_SETFL, O_NONBLOCK);
    return 0;
}

int agent_job_start(struct agent_job **out, const json_t *request)
{
    const char *kind = json_string_value(json_object_get(request, "do"));
    struct agent_job *job;
    int err;

    if (!kind || (strcmp(kind, "exec") != 0 && !probe_is_kind(kind)))
        return -EINVAL;
    job = calloc(1, sizeof *job);
    if (!job)
        return -ENOMEM;
    list_init(&job->link);
    job->id = json_integer_value(json_object_get(request, "id"));
    job->is_exec = !strcmp(kind, "exec");
    job->pid_fd = job->in = job->pipes[AGENT_OUT] = job->pipes[AGENT_ERR] = -1;
    err = child_start(job, request);
    if (err) {
        agent_job_free(job);
        return err;
    }
    *out = job;
    return 0;
}

void agent_job_free(struct agent_job *job)
{
    if (!job)
        return;
    if (job->pid > 0) {
        kill(-job->pid, SIGKILL);
        kill(job->pid, SIGKILL); /* before it has its group */
        waitpid(job->pid, NULL, 0);
    }
    list_remove(&job->link);
    for (int i = 0; i < AGENT_PIPES; i++)
        if (job->pipes[i] >= 0)
            close(job->pipes[i]);
    if (job->in >= 0)
        close(job->in);
    if (job->pid_fd >= 0)
        close(job->pid_fd);
    str_fini(&job->waiting);
    str_fini(&job->said);
    free(job);
}
