/* SPDX-License-Identifier: Apache-2.0 */
/* clamp_text.c - trama's action clamp_mss, as text: clamp_mss(1360). */
#include "openflow/action_text_impl.h"

#include <errno.h>

int parse_clamp_mss(struct list *l, const struct word *w, unsigned arg)
{
    struct ofp_action act = { .type = OFPAT_EXPERIMENTER, .experimenter = { .experimenter = OFPEXP_TRAMA } };
    uint64_t mss = 0;

    if (w->delim != '(' || !span_number(w->value, UINT16_MAX, &mss) || !mss)
        return errbuf_set(l->t->e, -EINVAL, "clamp_mss: '%.*s' is no segment size from 1 to 65535, in parentheses",
                          SPAN_ARG(w->value));
    act.experimenter.trama.subtype = TRAMAAST_CLAMP_MSS;
    act.experimenter.trama.clamp_mss.mss = (uint16_t)mss;
    return action_list_add(l, act);
}
