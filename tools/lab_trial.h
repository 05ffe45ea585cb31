/* SPDX-License-Identifier: Apache-2.0 */
/* lab_trial.h - what the files that try expectations share: the agents of all hosts, and the verdict that is being made.
 * Flow: lab_expect -> [lab_trial] -> agent_link.   Thread: one. */
#ifndef TOOLS_LAB_TRIAL_H
#define TOOLS_LAB_TRIAL_H

#include "tools/agent_link.h"
#include "tools/lab_expect.h"

enum { LAB_FAILURES_SHOWN = 4 };

struct lab_trial {
    const struct lab *lab;
    struct agent_link **agents; /* by host; NULL: not asked yet */
    bool *is_cut;               /* by link: by us */
    json_t *before;             /* what the switches had counted before the expectation; see lab_blame.h */
};

/* Can it be tried in this lab?  An external host is none of its machines. */
bool lab_trial_has(const struct lab_trial *t, int host);
/* The agent of a host, started or connected when it is the first time. */
int lab_trial_agent(struct lab_trial *t, int host, struct agent_link **out, struct errbuf *e);
/* Waits for something from any agent.  0, also when nothing came in time; -EINTR; -ECONNRESET with `e` set. */
int lab_trial_wait(struct lab_trial *t, int timeout_ms, struct errbuf *e);
/* Runs a probe whose first answer is all: gives it (json_decref), NULL when there was none within `timeout_ms`. */
json_t *lab_trial_ask(struct lab_trial *t, int host, json_t *request, int timeout_ms);

/* Ends whatever still runs in any host. */
void lab_trial_end_jobs(struct lab_trial *t);

/* A new failure of the verdict, NULL when enough are described.  */
struct lab_failure *lab_verdict_fail(struct lab_verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void lab_failure_hint(struct lab_failure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ping, tcp, udp; flood; cut and restore.  As lab_trial_run. */
int lab_try_pairs(struct lab_trial *t, const struct net_expect *x, struct lab_verdict *v, struct errbuf *e);
int lab_try_flood(struct lab_trial *t, const struct net_expect *x, struct lab_verdict *v, struct errbuf *e);
int lab_try_link(struct lab_trial *t, const struct net_expect *x, struct errbuf *e);

#endif
