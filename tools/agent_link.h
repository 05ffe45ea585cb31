/* SPDX-License-Identifier: Apache-2.0 */
/* agent_link.h - the way to the agent in a host: jobs are started there, and what they say is given to whoever started them.
 * Flow: lab test, lab exec -> [agent_link] -> agent, in a network namespace or a guest.   Thread: one for all links. */
#ifndef TOOLS_AGENT_LINK_H
#define TOOLS_AGENT_LINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/errbuf.h"

struct agent_link;

/* What a job says (borrowed): agent.h has the lines.  The last one has "exit", unless the link breaks before. */
typedef void agent_heard_fn(void *arg, const json_t *o);

/* An agent of our own in a namespace; it ends with the link, or with us.   Gives *out (agent_link_close). */
int agent_link_netns(struct agent_link **out, const char *netns, struct errbuf *e);
/* The agent at a unix socket, when it has said hello within `timeout_ms`: -ETIMEDOUT otherwise.  Gives *out. */
int agent_link_connect(struct agent_link **out, const char *path, int timeout_ms, struct errbuf *e);
void agent_link_close(struct agent_link *l); /* the agent kills every job */

/* Closes `fd` when the link is closed: what holds the link's place. */
void agent_link_keep(struct agent_link *l, int fd);

/* Starts the job that `request` (taken) describes; returns its id, not 0; -errno when the link is broken. */
long agent_link_start(struct agent_link *l, json_t *request, agent_heard_fn *heard, void *arg);
/* Sends a further line of the job, such as "in" (taken). */
void agent_link_send(struct agent_link *l, long id, json_t *o);
/* Kills the job; `heard` is not called any more. */
void agent_link_end(struct agent_link *l, long id);
void agent_link_end_all(struct agent_link *l);

/* Waits until something comes from one of them, or `fd` (-1: none) is readable, and has it heard.  Links may be NULL.
 * Returns 1 when `fd` is readable, 0, -EINTR, or -ECONNRESET when a link broke. */
int agent_links_wait(struct agent_link *const links[], size_t n, int fd, int timeout_ms);

#endif
