/* SPDX-License-Identifier: Apache-2.0 */
/* lab_expect.h - tries the expectations of a lab's document, one after the other, with an agent in each host.
 * Flow: lab test -> [lab_expect] -> agent_link -> probes;  what failed -> lab_blame.   Thread: one. */
#ifndef TOOLS_LAB_EXPECT_H
#define TOOLS_LAB_EXPECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "base/str.h"
#include "tools/lab.h"

struct lab_trial; /* all that is open while a lab is tried */

/* One thing that was not as expected, and what is known about it. */
struct lab_failure {
    struct str what;   /* "h1 -> h2 (IPv4): no answer to 25 pings" */
    struct str *hints; /* each a clause that may explain it */
    size_t n_hints;
};

struct lab_verdict {
    struct str text; /* "ping works: h1 -> h2" */
    struct str note; /* "2 pairs, at most 3 ms"; may be empty */
    struct lab_failure *failures;
    size_t n_failures;      /* 0: passed */
    size_t n_more;          /* further failures, that are not described */
    struct lab_failure all; /* hints that concern all of them; `what` is empty */
    uint64_t time_ns;       /* what it took */
};

/* `lab` is borrowed until the end. */
int lab_trial_open(struct lab_trial **out, const struct lab *lab, struct errbuf *e);
/* Restores links that are still cut, ends everything that was started. */
void lab_trial_close(struct lab_trial *t);
/* Tries expectation `i`.  0: `v` says how it went; -EINTR: lab_process_is_interrupted; others: it could not be tried, `e`
 * says why.  End with lab_verdict_fini in each case. */
int lab_trial_run(struct lab_trial *t, size_t i, struct lab_verdict *v, struct errbuf *e);
void lab_verdict_fini(struct lab_verdict *v);

#endif
