/* SPDX-License-Identifier: Apache-2.0 */
/* lab_flood.c - tries that a broadcast reaches each host of its network once and nobody else; see lab_trial.h.
 *
 * Theory: one frame alone cannot show that there was no second copy, since nobody knows how long to wait for it.  So each host
 * listens, and `ROUNDS` frames are sent, each when the one before has arrived everywhere: a copy that takes another way, or
 * goes round a loop, has the time of all further rounds to arrive, and would be doubled in them too.  At the end nothing may
 * come for `QUIET_MS`.  What is missing may still come to be (`within`): then all is tried anew with another mark.  What came
 * twice, or to the wrong host, is a failure at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tools/lab_trial.h"

enum { ROUNDS = 3, QUIET_MS = 100, QUIET_LIMIT_MS = 2000, READY_MS = 10000, ROUND_MS = 1000, TICK_MS = 20 };

struct ear {
    struct flood *flood;
    struct agent_link *link;
    long id;
    bool is_ready, is_over;
    unsigned n_seen[ROUNDS + 1]; /* by number, from 1 */
    int vlan;                    /* of a frame that was tagged; -1: none was */
};

struct flood {
    struct lab_trial *t;
    int from;
    char mark[17];
    struct ear *ears;  /* by host */
    uint64_t heard_ns; /* the last time that something came */
};

static const struct net_doc *doc_of(const struct flood *f)
{
    return f->t->lab->doc;
}

static bool is_member(const struct flood *f, size_t host)
{
    return (int)host != f->from && doc_of(f)->hosts[host].network == doc_of(f)->hosts[f->from].network;
}

static void heard_ear(void *arg, const json_t *o)
{
    struct ear *ear = arg;
    const json_t *says = json_object_get(o, "says");
    json_int_t seq = json_integer_value(json_object_get(says, "seen"));

    ear->is_ready |= json_is_true(json_object_get(says, "ready"));
    ear->is_over |= json_object_get(o, "exit") != NULL;
    if (seq < 1 || seq > ROUNDS)
        return;
    ear->n_seen[seq]++;
    ear->flood->heard_ns = clock_now(NULL);
    if (json_integer_value(json_object_get(says, "vlan")) >= 0)
        ear->vlan = (int)json_integer_value(json_object_get(says, "vlan"));
}

static int ears_open(struct flood *f, struct errbuf *e)
{
    uint64_t end_ns = clock_now(NULL) + (uint64_t)READY_MS * NSEC_PER_MS;
    int err = 0;

    for (size_t i = 0; i < doc_of(f)->n_hosts && !err; i++) {
        struct ear *ear = &f->ears[i];

        *ear = (struct ear){ .flood = f, .vlan = -1 };
        if (!lab_trial_has(f->t, (int)i))
            continue;
        err = lab_trial_agent(f->t, (int)i, &ear->link, e);
        if (!err)
            ear->id =
                agent_link_start(ear->link, json_pack("{s:s, s:s}", "do", "listen", "mark", f->mark), heard_ear, ear);
    }
    for (size_t i = 0; i < doc_of(f)->n_hosts && !err; i++) {
        const struct ear *ear = &f->ears[i];

        while (!err && ear->id > 0 && !ear->is_ready && !ear->is_over && clock_now(NULL) < end_ns)
            err = lab_trial_wait(f->t, TICK_MS, e);
        if (!err && ear->link && !ear->is_ready)
            err = errbuf_set(e, -EIO, "host %s: its agent cannot listen", doc_of(f)->hosts[i].name);
    }
    return err;
}

static void ears_close(struct flood *f)
{
    for (size_t i = 0; i < doc_of(f)->n_hosts; i++)
        if (f->ears[i].id > 0)
            agent_link_end(f->ears[i].link, f->ears[i].id);
}

static bool has_arrived(const struct flood *f, int seq)
{
    for (size_t i = 0; i < doc_of(f)->n_hosts; i++)
        if (f->ears[i].link && is_member(f, i) && !f->ears[i].n_seen[seq])
            return false;
    return true;
}

/* Sends all rounds; ends early, with 0 too, when one does not arrive in time. */
static int rounds_run(struct flood *f, struct lab_verdict *v, struct errbuf *e)
{
    int err = 0;

    for (int seq = 1; seq <= ROUNDS && !err; seq++) {
        uint64_t end_ns = clock_now(NULL) + (uint64_t)ROUND_MS * NSEC_PER_MS;
        json_t *said = lab_trial_ask(
            f->t, f->from, json_pack("{s:s, s:s, s:i}", "do", "flood", "mark", f->mark, "seq", seq), READY_MS);

        if (!json_is_true(json_object_get(said, "ok"))) {
            const char *why = json_string_value(json_object_get(said, "why"));

            lab_verdict_fail(v, "%s: %s", doc_of(f)->hosts[f->from].name, why ? why : "its agent does not answer");
            json_decref(said);
            return 0;
        }
        json_decref(said);
        while (!err && !has_arrived(f, seq) && clock_now(NULL) < end_ns)
            err = lab_trial_wait(f->t, TICK_MS, e);
        if (!has_arrived(f, seq))
            break;
    }
    f->heard_ns = clock_now(NULL);
    for (uint64_t limit_ns = f->heard_ns + (uint64_t)QUIET_LIMIT_MS * NSEC_PER_MS, now = f->heard_ns;
         !err && now < limit_ns && now < f->heard_ns + (uint64_t)QUIET_MS * NSEC_PER_MS; now = clock_now(NULL))
        err = lab_trial_wait(f->t, TICK_MS, e);
    return err;
}

/* What one host should not have seen. */
static void judge_host(const struct flood *f, size_t host, struct lab_verdict *v)
{
    const struct net_doc *doc = doc_of(f);
    const char *name = doc->hosts[host].name, *from = doc->hosts[f->from].name;
    const struct ear *ear = &f->ears[host];
    unsigned n = 0, most = 0;

    for (int seq = 1; seq <= ROUNDS; seq++) {
        n += ear->n_seen[seq];
        most = ear->n_seen[seq] > most ? ear->n_seen[seq] : most;
    }
    if (ear->vlan >= 0)
        lab_verdict_fail(v, "%s -> %s: the broadcast arrives with a tag of VLAN %d", from, name, ear->vlan);
    if ((int)host == f->from && n)
        lab_verdict_fail(v, "%s: its own broadcast comes back to it, %u times", from, most);
    else if (!is_member(f, host) && n)
        lab_verdict_fail(v, "%s -> %s: the broadcast arrives in another network: %s is in %s, %s in %s", from, name,
                         from, doc->networks[doc->hosts[f->from].network].name, name,
                         doc->networks[doc->hosts[host].network].name);
    else if (most > 1)
        lab_verdict_fail(v, "%s -> %s: one broadcast arrives %u times", from, name, most);
}

static void judge_missing(const struct flood *f, struct lab_verdict *v)
{
    for (size_t i = 0; i < doc_of(f)->n_hosts; i++)
        for (int seq = 1; seq <= ROUNDS && f->ears[i].link && is_member(f, i); seq++)
            if (!f->ears[i].n_seen[seq]) {
                lab_verdict_fail(v, "%s -> %s: the broadcast does not arrive", doc_of(f)->hosts[f->from].name,
                                 doc_of(f)->hosts[i].name);
                break;
            }
}

/* All rounds of one host; *is_missing: nothing is wrong but that some did not arrive. */
static int attempt(struct flood *f, struct lab_verdict *v, bool *is_missing, struct errbuf *e)
{
    size_t n_before = v->n_failures + v->n_more;
    int err;

    snprintf(f->mark, sizeof f->mark, "%016llx", (unsigned long long)clock_now(NULL));
    err = ears_open(f, e);
    if (!err)
        err = rounds_run(f, v, e);
    ears_close(f);
    for (size_t i = 0; i < doc_of(f)->n_hosts && !err; i++)
        judge_host(f, i, v);
    *is_missing = !err && v->n_failures + v->n_more == n_before && !has_arrived(f, ROUNDS);
    return err;
}

int lab_try_flood(struct lab_trial *t, const struct net_expect *x, struct lab_verdict *v, struct errbuf *e)
{
    struct flood f = { .t = t, .ears = calloc(t->lab->doc->n_hosts + 1, sizeof *f.ears) };
    int err = f.ears ? 0 : errbuf_set(e, -ENOMEM, "not enough memory");
    size_t n_tried = 0;

    for (size_t i = 0; i < x->n_from && !err; i++) {
        uint64_t end_ns = clock_now(NULL) + (uint64_t)x->within_ms * NSEC_PER_MS;
        bool is_missing = true;

        f.from = x->from[i];
        if (!lab_trial_has(t, f.from))
            continue;
        n_tried++;
        do
            err = attempt(&f, v, &is_missing, e);
        while (!err && is_missing && clock_now(NULL) < end_ns);
        if (!err && is_missing)
            judge_missing(&f, v);
    }
    if (!err && !n_tried)
        err = errbuf_set(e, -EINVAL, "there is no host of this lab to try it with");
    if (!err)
        str_printf(&v->note, "%d broadcasts of %zu %s", ROUNDS, n_tried, n_tried == 1 ? "host" : "hosts");
    free(f.ears);
    return err;
}
