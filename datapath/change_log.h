/* SPDX-License-Identifier: Apache-2.0 */
/* change_log.h - which rules of a bridge changed when, as far as a worker needs it to go on with a program that it made in an
 * older version: no change since may concern the frames that the program is for.
 * Flow: datapath_commit notes what it shows -> [change_log] -> cache, which meets an entry of an older version.
 * Thread: C notes, W asks inside an RCU section. */
#ifndef DATAPATH_CHANGE_LOG_H
#define DATAPATH_CHANGE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/match.h"
#include "datapath/program.h"

struct change_set;
struct entry_mask;
struct rcu;

enum { CHANGE_SETS = 16 };

/* All zero is one without changes. */
struct change_log {
    _Atomic(struct change_set *) set[CHANGE_SETS];
    _Atomic uint64_t all; /* the version of the last change that may concern any frame */
};

void change_log_fini(struct change_log *log); /* no reader any more */
/* A rule with that match, of that table, comes or goes in `version`, which no worker sees yet. */
void change_log_note(struct change_log *log, struct rcu *rcu, uint8_t table_id, const struct compact_match *m,
                     uint64_t version);
/* Anything else changes in `version`: no older program is good any more. */
void change_log_note_all(struct change_log *log, uint64_t version);

/* What is known of a key: every word of the entry mask, or of a plain frame (plain.h) its columns, and the port. */
struct known_key {
    const struct entry_mask *mask;
    const uint64_t *word;
    bool is_plain;
    uint32_t in_port;
};

/* May a change after version `since` concern frames of that key, whose program was made with those lookups?  Looks at what
 * was noted before the caller's version was published. */
bool change_log_concerns(const struct change_log *log, uint64_t since, const struct lookups *l,
                         const struct known_key *k);

#endif
