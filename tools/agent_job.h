/* SPDX-License-Identifier: Apache-2.0 */
/* agent_job.h - one job of an agent: a child process group with pipes.   Thread: one. */
#ifndef TOOLS_AGENT_JOB_H
#define TOOLS_AGENT_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/str.h"

enum agent_pipe { AGENT_OUT, AGENT_ERR, AGENT_PIPES };

struct agent_job {
    struct list link;
    json_int_t id;
    bool is_exec;
    pid_t pid;
    int pid_fd;
    int in;                 /* what it reads; -1: closed */
    int pipes[AGENT_PIPES]; /* what it writes; -1: at its end */
    struct str waiting;     /* for `in` */
    bool is_in_ended;       /* close `in` when nothing waits */
    struct str said;        /* a probe's line that is not whole yet */
};

/* Begins what `request` wants.  Gives *out, or a negative errno.  The child is a group of its own and dies with us. */
int agent_job_start(struct agent_job **out, const json_t *request);
/* Kills what is left of it, and frees. */
void agent_job_free(struct agent_job *job);

#endif
