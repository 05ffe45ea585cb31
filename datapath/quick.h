/* SPDX-License-Identifier: Apache-2.0 */
/* quick.h - carries out a program on many plain frames at once, operation by operation.
 * Flow: cache -> [quick] -> tx; exec.c is the way of every other program and frame, and does the same. */
#ifndef DATAPATH_QUICK_H
#define DATAPATH_QUICK_H

#include "datapath/plain.h"

struct bridge;
struct key;
struct worker;

/* Of the `n` frames numbered in `which` keeps those that the program can be carried out on quickly, in order, and puts the
 * others behind them; returns how many are kept. */
unsigned quick_sort(struct burst *f, const struct program *p, uint8_t *which, unsigned n);
/* Counts and changes the frames; where they go is for the caller to see.  Thread: W. */
void quick_run(struct worker *w, const struct bridge *b, struct burst *f, struct program *p, const uint8_t *which,
               unsigned n);
/* Counts the frames, and nothing else. */
void quick_count(struct worker *w, const struct bridge *b, struct burst *f, struct program *p, const uint8_t *which,
                 unsigned n);
/* Is the word of a key that of metadata or registers? */
bool quick_is_note(unsigned word);
/* Writes into a key the registers and metadata that the program (QUICK_CT) sets before its ct, and nothing else. */
void quick_note(const struct program *p, struct key *key);
/* Hands on the counts of up to `n` programs, which have waited longest, to their rules.  Thread: W. */
void quick_settle(struct worker *w, unsigned n);

#endif
