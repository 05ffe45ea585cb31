/* SPDX-License-Identifier: Apache-2.0 */
/* lab_blame.h - looks for the reason of a failure: in the counters and tables of the switches, in what the hosts know of
 * each other, and with the controller.   Flow: lab_expect -> [lab_blame] -> control sockets, agents.   Thread: one. */
#ifndef TOOLS_LAB_BLAME_H
#define TOOLS_LAB_BLAME_H

#include "tools/lab_trial.h"

/* What every switch has counted by now (json_decref): to be compared with later. */
json_t *lab_blame_counts(const struct lab *lab);
/* Hints to why `from` does not reach `to` at its address `ip`. */
void lab_blame_pair(struct lab_trial *t, struct lab_failure *f, int from, int to, const struct ip_addr *ip);
/* Hints that concern the lab as a whole: frames that were dropped since t->before, daemons that do not answer, links that are
 * down, what the controller misses. */
void lab_blame_lab(struct lab_trial *t, struct lab_failure *f);

#endif
