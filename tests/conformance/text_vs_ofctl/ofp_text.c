/* SPDX-License-Identifier: Apache-2.0 */
/* ofp_text.c - the text syntax as a filter, for tests: one line in, one line out.
 *   encode   "KIND TEXT" -> the message in hex, or "error: SENTENCE"
 *   dump     "KIND TEXT" -> a multipart reply with one such flow, group or meter in hex, a tab, our own print of it
 *   print    hex of a flow-mod, group-mod or meter-mod -> our own print of it
 * KIND: add, mod, mod-strict, del, del-strict, group-add, group-mod, group-del, meter-add, meter-mod, meter-del.
 * Newlines in a print are shown as "\n". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openflow/flow_text.h"
#include "openflow/group_text.h"
#include "openflow/meter_text.h"
#include "openflow/ofp.h"

enum what { FLOW, GROUP, METER };

static const struct kind {
    const char *name;
    enum what what;
    unsigned command;
} kinds[] = {
    { "add", FLOW, FLOW_TEXT_ADD },
    { "mod", FLOW, FLOW_TEXT_MODIFY },
    { "mod-strict", FLOW, FLOW_TEXT_MODIFY_STRICT },
    { "del", FLOW, FLOW_TEXT_DELETE },
    { "del-strict", FLOW, FLOW_TEXT_DELETE_STRICT },
    { "group-add", GROUP, OFPGC_ADD },
    { "group-mod", GROUP, OFPGC_MODIFY },
    { "group-del", GROUP, OFPGC_DELETE },
    { "meter-add", METER, OFPMC_ADD },
    { "meter-mod", METER, OFPMC_MODIFY },
    { "meter-del", METER, OFPMC_DELETE },
};

static bool parse(struct ofp_msg *m, struct arena *a, char *line, struct errbuf *e)
{
    char *text = strchr(line, ' ');

    if (text)
        *text++ = '\0';
    else
        text = line + strlen(line);
    *m = (struct ofp_msg){ .version = OFP_VERSION_13, .xid = 1 };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];

        if (strcmp(line, k->name) != 0)
            continue;
        m->type = k->what == FLOW ? OFPT_FLOW_MOD : k->what == GROUP ? OFPT_GROUP_MOD : OFPT_METER_MOD;
        if (k->what == FLOW)
            return !flow_text_parse(&m->flow_mod, a, text, (enum flow_text_command)k->command, NULL, e);
        if (k->what == GROUP)
            return !group_text_parse(&m->group_mod, a, text, (enum ofp_group_mod_command)k->command, NULL, e);
        return !meter_text_parse(&m->meter_mod, a, text, (enum ofp_meter_mod_command)k->command, e);
    }
    errbuf_set(e, -1, "no such kind of text: %s", line);
    return false;
}

static void put_hex(const struct ofp_msg *m)
{
    struct wr w;

    wr_init(&w);
    ofp_encode(&w, m);
    if (w.bad)
        printf("error: cannot be encoded");
    for (size_t i = 0; i < w.len && !w.bad; i++)
        printf("%02x", w.p[i]);
    wr_fini(&w);
}

static void put_text(const struct str *s)
{
    for (const char *p = str_text(s); *p; p++) {
        if (*p == '\n')
            fputs("\\n", stdout);
        else
            putchar(*p);
    }
}

static void dump_flow(const struct ofp_flow_mod *fm, struct ofp_msg *reply, struct str *s)
{
    static struct ofp_flow_stats fs;

    fs = (struct ofp_flow_stats){
        .table_id = fm->table_id,
        .duration_sec = 12,
        .duration_nsec = 345678901,
        .priority = fm->priority,
        .idle_timeout = fm->idle_timeout,
        .hard_timeout = fm->hard_timeout,
        .flags = fm->flags,
        .cookie = fm->cookie,
        .packet_count = 6,
        .byte_count = 789,
        .match = fm->match,
        .instructions = fm->instructions,
        .n_instructions = fm->n_instructions,
    };
    reply->multipart_reply.type = OFPMP_FLOW;
    reply->multipart_reply.flow = (struct ofp_flow_stats_reply){ .flows = &fs, .n_flows = 1 };
    flow_text_print_stats(s, &fs, NULL);
}

static void dump_group(const struct ofp_group_mod *gm, struct ofp_msg *reply, struct str *s)
{
    static struct ofp_group_desc g;

    g = (struct ofp_group_desc){
        .type = gm->type,
        .group_id = gm->group_id,
        .buckets = gm->buckets,
        .n_buckets = gm->n_buckets,
    };
    reply->multipart_reply.type = OFPMP_GROUP_DESC;
    reply->multipart_reply.group_desc = (struct ofp_group_desc_reply){ &g, 1 };
    group_text_print_desc(s, &g, NULL);
}

static void dump_meter(const struct ofp_meter_mod *mm, struct ofp_msg *reply, struct str *s)
{
    static struct ofp_meter_config m;

    m = (struct ofp_meter_config){
        .flags = mm->flags, .meter_id = mm->meter_id, .bands = mm->bands, .n_bands = mm->n_bands
    };
    reply->multipart_reply.type = OFPMP_METER_CONFIG;
    reply->multipart_reply.meter_config = (struct ofp_meter_config_reply){ &m, 1 };
    meter_text_print_config(s, &m);
}

static void dump(const struct ofp_msg *m)
{
    struct ofp_msg reply = { .version = OFP_VERSION_13, .xid = 1, .type = OFPT_MULTIPART_REPLY };
    struct str s;

    str_init(&s);
    if (m->type == OFPT_FLOW_MOD)
        dump_flow(&m->flow_mod, &reply, &s);
    else if (m->type == OFPT_GROUP_MOD)
        dump_group(&m->group_mod, &reply, &s);
    else
        dump_meter(&m->meter_mod, &reply, &s);
    put_hex(&reply);
    putchar('\t');
    put_text(&s);
    str_fini(&s);
}

static void print(const char *hex, struct arena *a)
{
    static uint8_t buf[OFP_MAX_SIZE];
    struct ofp_msg m;
    struct ofp_err err;
    struct str s;
    size_t n = 0;
    char name[64];

    for (unsigned v; n < sizeof buf && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
        buf[n] = (uint8_t)v;
    if (ofp_decode(&m, a, buf, n, &err)) {
        printf("error: %s", ofp_err_name(err.type, err.code, name));
        return;
    }
    str_init(&s);
    if (m.type == OFPT_FLOW_MOD)
        flow_text_print_mod(&s, &m.flow_mod, NULL);
    else if (m.type == OFPT_GROUP_MOD)
        group_text_print_mod(&s, &m.group_mod, NULL);
    else if (m.type == OFPT_METER_MOD)
        meter_text_print_mod(&s, &m.meter_mod);
    put_text(&s);
    str_fini(&s);
}

int main(int argc, char **argv)
{
    static char line[1 << 18];

    if (argc != 2 ||
        (strcmp(argv[1], "encode") != 0 && strcmp(argv[1], "dump") != 0 && strcmp(argv[1], "print") != 0)) {
        fprintf(stderr, "usage: ofp_text encode|dump|print <LINES\n");
        return 2;
    }
    while (fgets(line, sizeof line, stdin)) {
        struct errbuf e = { "" };
        struct ofp_msg m;
        struct arena a;

        line[strcspn(line, "\n")] = '\0';
        arena_init(&a);
        if (*argv[1] == 'p')
            print(line, &a);
        else if (!parse(&m, &a, line, &e))
            printf("error: %s", e.text);
        else if (*argv[1] == 'e')
            put_hex(&m);
        else
            dump(&m);
        putchar('\n');
        arena_fini(&a);
    }
    return 0;
}
