/* SPDX-License-Identifier: Apache-2.0 */
/* lab_trial.c - see lab_trial.h. */
#include "tools/lab_trial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tools/lab_process.h"
#include "tools/lab_vm.h"

enum { TICK_MS = 100 };

bool lab_trial_has(const struct lab_trial *t, int host)
{
    return t->lab->doc->hosts[host].kind != NET_HOST_EXTERNAL;
}

int lab_trial_agent(struct lab_trial *t, int host, struct agent_link **out, struct errbuf *e)
{
    int err = 0;

    if (!t->agents[host] && t->lab->doc->hosts[host].kind == NET_HOST_VM)
        err = lab_vm_link(&t->agents[host], t->lab, host, e);
    else if (!t->agents[host])
        err = agent_link_netns(&t->agents[host], t->lab->hosts[host].netns, e);
    *out = t->agents[host];
    return err;
}

int lab_trial_wait(struct lab_trial *t, int timeout_ms, struct errbuf *e)
{
    int err = agent_links_wait(t->agents, t->lab->doc->n_hosts, -1, timeout_ms < TICK_MS ? timeout_ms : TICK_MS);

    if (lab_process_is_interrupted())
        return -EINTR;
    if (err == -EINTR)
        return 0;
    return err ? errbuf_set(e, err, "a host of lab %s does not answer any more: %s", t->lab->name, strerror(-err)) : 0;
}

static void heard_answer(void *arg, const json_t *o)
{
    json_t **answer = arg;

    if (!*answer)
        *answer = json_object_get(o, "says") ? json_incref(json_object_get(o, "says")) : json_object();
}

json_t *lab_trial_ask(struct lab_trial *t, int host, json_t *request, int timeout_ms)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)timeout_ms * NSEC_PER_MS;
    struct agent_link *link;
    json_t *answer = NULL;
    int err = 0;
    long id;

    if (lab_trial_agent(t, host, &link, NULL)) {
        json_decref(request);
        return NULL;
    }
    id = agent_link_start(link, request, heard_answer, &answer);
    while (id > 0 && !answer && err != -ECONNRESET && clock_now(NULL) < end_ns) /* to its end also when interrupted */
        err = agent_links_wait(t->agents, t->lab->doc->n_hosts, -1, TICK_MS);
    if (id > 0)
        agent_link_end(link, id);
    return answer;
}

void lab_trial_end_jobs(struct lab_trial *t)
{
    for (size_t i = 0; i < t->lab->doc->n_hosts; i++)
        if (t->agents[i])
            agent_link_end_all(t->agents[i]);
}

/* --- verdicts --- */

struct lab_failure *lab_verdict_fail(struct lab_verdict *v, const char *fmt, ...)
{
    struct lab_failure *more =
        v->n_failures < LAB_FAILURES_SHOWN ? realloc(v->failures, (v->n_failures + 1) * sizeof *more) : NULL;
    char text[512];
    va_list args;

    if (!more) {
        v->n_more++;
        return NULL;
    }
    v->failures = more;
    more += v->n_failures++;
    *more = (struct lab_failure){ 0 };
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    str_add(&more->what, text);
    return more;
}

void lab_failure_hint(struct lab_failure *f, const char *fmt, ...)
{
    struct str *more = realloc(f->hints, (f->n_hints + 1) * sizeof *more);
    char text[512];
    va_list args;

    if (!more)
        return;
    f->hints = more;
    more[f->n_hints] = (struct str){ 0 };
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    str_add(&more[f->n_hints++], text);
}

static void failure_fini(struct lab_failure *f)
{
    for (size_t i = 0; i < f->n_hints; i++)
        str_fini(&f->hints[i]);
    free(f->hints);
    str_fini(&f->what);
}

void lab_verdict_fini(struct lab_verdict *v)
{
    for (size_t i = 0; i < v->n_failures; i++)
        failure_fini(&v->failures[i]);
    failure_fini(&v->all);
    free(v->failures);
    str_fini(&v->text);
    str_fini(&v->note);
    *v = (struct lab_verdict){ 0 };
}
