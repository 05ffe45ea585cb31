/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_flow_text.c - any text: as a flow of each command, as actions, as a group and as a meter.  What is understood is
 * written, and what was written must read as the same; what is not understood leaves a sentence.  A flow must also be one
 * that a switch understands, and be the same there. */
#include <stdlib.h>
#include <string.h>

#include "openflow/action_text.h"
#include "openflow/flow_text.h"
#include "openflow/group_text.h"
#include "openflow/meter_text.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { GROUPS = FLOW_TEXT_N, METERS = GROUPS + 3, ACTIONS = METERS + 3, KINDS };

/* Over the wire and back: the match is legal, and the text stays. */
static void check_wire(const struct ofp_flow_mod *fm, struct arena *a, const char *text)
{
    struct ofp_msg m = { .version = OFP_VERSION_13, .type = OFPT_FLOW_MOD, .flow_mod = *fm }, back;
    struct ofp_err err;
    struct match match;
    struct str s;
    struct wr w;

    str_init(&s);
    wr_init(&w);
    ofp_encode(&w, &m);
    if (!w.bad) { /* a message may be too long */
        if (ofp_decode(&back, a, w.p, w.len, &err) || ofp_match_to_match(&match, &back.flow_mod.match, &err))
            abort();
        flow_text_print_mod(&s, &back.flow_mod, NULL);
        if (strcmp(str_text(&s), text) != 0)
            abort();
    }
    wr_fini(&w);
    str_fini(&s);
}

/* Reads `text` as one of the kinds and writes it again; false: it is none. */
static bool rewrite(struct str *s, unsigned kind, const char *text)
{
    struct errbuf e = { "" };
    struct action_list list;
    struct ofp_msg m;
    struct arena a;
    int err;

    arena_init(&a);
    if (kind < GROUPS) {
        err = flow_text_parse(&m.flow_mod, &a, text, (enum flow_text_command)kind, NULL, &e);
        if (!err) {
            flow_text_print_mod(s, &m.flow_mod, NULL);
            check_wire(&m.flow_mod, &a, str_text(s));
        }
    } else if (kind < METERS) {
        err = group_text_parse(&m.group_mod, &a, text, (enum ofp_group_mod_command)(kind - GROUPS), NULL, &e);
        if (!err)
            group_text_print_mod(s, &m.group_mod, NULL);
    } else if (kind < ACTIONS) {
        err = meter_text_parse(&m.meter_mod, &a, text, (enum ofp_meter_mod_command)(kind - METERS), &e);
        if (!err)
            meter_text_print_mod(s, &m.meter_mod);
    } else {
        err = actions_text_parse(&list, &(struct action_text){ .arena = &a, .e = &e }, text);
        if (!err)
            actions_text_print(s, list.actions, list.n_actions, NULL);
    }
    if (err && !e.text[0])
        abort();
    arena_fini(&a);
    return !err;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char *text = malloc(n + 1);

    if (!text)
        return 0;
    memcpy(text, p, n);
    text[n] = '\0';
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct str once, twice;

        str_init(&once);
        str_init(&twice);
        if (rewrite(&once, kind, text) &&
            (!rewrite(&twice, kind, str_text(&once)) || strcmp(str_text(&once), str_text(&twice)) != 0))
            abort();
        str_fini(&once);
        str_fini(&twice);
    }
    free(text);
    return 0;
}
