/* SPDX-License-Identifier: Apache-2.0 */
/* learn.h - Nicira's action learn: makes a flow out of the frame that it is done on.  Its specs say what of the frame goes
 * into the flow's match and actions.   Thread: any. */
#ifndef OPENFLOW_LEARN_H
#define OPENFLOW_LEARN_H

#include "openflow/subfield.h"

struct arena;
struct ofp_err;
struct ofp_nx_action;
struct wr;

enum learn_dst { LEARN_MATCH, LEARN_LOAD, LEARN_OUTPUT };

struct learn_spec {
    enum learn_dst kind;
    bool is_immediate;   /* the value is `imm`, not the frame's `src` */
    uint16_t n_bits;     /* of everything here */
    struct subfield src; /* unless immediate */
    struct value imm;
    struct subfield dst; /* unless LEARN_OUTPUT */
};

struct learn {
    uint16_t idle_timeout, hard_timeout, fin_idle_timeout, fin_hard_timeout;
    uint16_t priority;
    uint64_t cookie;
    uint16_t flags; /* enum ofp_nx_learn_flags */
    uint8_t table_id;
    uint32_t limit;             /* flows in the table with that cookie; 0: any number */
    struct subfield result_dst; /* with NX_LEARN_F_WRITE_RESULT: the bit that says whether the limit let it be */
    struct learn_spec *specs;   /* in the arena */
    size_t n_specs;
};

/* Reads LEARN or LEARN2.  -EBADMSG with `err`, -ENOMEM. */
int learn_decode(struct learn *out, struct arena *a, const struct ofp_nx_action *act, struct ofp_err *err);
/* Makes the action; its bytes live in `w`, which must stay as it is.  `w` is bad when that failed. */
void learn_encode(struct ofp_nx_action *out, struct wr *w, const struct learn *l);

/* "learn(...)" without the word: what is in the parentheses.  -EINVAL with a sentence, -ENOMEM. */
int learn_text_parse(struct learn *out, struct arena *a, struct span text, const struct match *m, struct errbuf *e);
void learn_text_print(struct str *s, const struct learn *l);

#endif
