/* SPDX-License-Identifier: Apache-2.0 */
/* make_ofp_corpus.c - writes seeds: random valid messages of every kind, and those that texts say, a directory for each
 * kind; and scripts of the same (fuzz_script.h), in which the texts follow each other.
 * Usage: make_ofp_corpus TEXTS MESSAGES SCRIPTS, a file (as tests/fuzz/flows.txt) and two directories. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "openflow/flow_text.h"
#include "openflow/group_text.h"
#include "openflow/meter_text.h"
#include "tests/fuzz/fuzz_mutate.h"
#include "tests/fuzz/fuzz_script.h"

enum { PER_KIND = 8, SIZE_MAX_SEED = 4096, SCRIPTS = 40, SCRIPT_TEXTS = 120 };
enum { FIRST_BUFFER = 0x100 }; /* what a switch calls it (vswitch/packet_buffer.c) */

static const char *directory;
static struct wr texts[SCRIPT_TEXTS]; /* the messages of the texts, in order */
static size_t n_texts;

size_t LLVMFuzzerMutate(uint8_t *p, size_t n, size_t max)
{
    return n; /* seeds are made by what is described alone */
}

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void make_directory(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST)
        fail(path);
}

static void write_seed(const char *kind, const char *what, int number, const uint8_t *p, size_t n)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", directory, kind);
    make_directory(path);
    snprintf(path, sizeof path, "%s/%s/%s-%02d", directory, kind, what, number);
    f = fopen(path, "wb");
    if (!f)
        fail(path);
    if (fwrite(p, 1, n, f) != n || fclose(f))
        fail(path);
}

/* Random messages; those of a type that a peer may not send are seeds as well: they are to be refused. */
static void write_random(const struct fuzz_kind *k)
{
    uint8_t p[SIZE_MAX_SEED];

    for (int i = 0; i < PER_KIND; i++) {
        size_t n = fuzz_make(p, sizeof p, 100 * (uint64_t)i + 7, k);

        if (n)
            write_seed(k->name, "random", i, p, n);
    }
}

/* Reads one line as a message; false: it is none, or is to be refused. */
static bool read_text(struct ofp_msg *m, struct arena *a, const char *kind, const char *text)
{
    static const struct {
        const char *word;
        enum ofp_type type;
        int command, text_command;
    } words[] = {
        { "add", OFPT_FLOW_MOD, OFPFC_ADD, FLOW_TEXT_ADD },
        { "mod", OFPT_FLOW_MOD, OFPFC_MODIFY, FLOW_TEXT_MODIFY },
        { "mod-strict", OFPT_FLOW_MOD, OFPFC_MODIFY_STRICT, FLOW_TEXT_MODIFY_STRICT },
        { "del", OFPT_FLOW_MOD, OFPFC_DELETE, FLOW_TEXT_DELETE },
        { "del-strict", OFPT_FLOW_MOD, OFPFC_DELETE_STRICT, FLOW_TEXT_DELETE_STRICT },
        { "group-add", OFPT_GROUP_MOD, OFPGC_ADD, 0 },
        { "group-mod", OFPT_GROUP_MOD, OFPGC_MODIFY, 0 },
        { "group-del", OFPT_GROUP_MOD, OFPGC_DELETE, 0 },
        { "meter-add", OFPT_METER_MOD, OFPMC_ADD, 0 },
        { "meter-mod", OFPT_METER_MOD, OFPMC_MODIFY, 0 },
        { "meter-del", OFPT_METER_MOD, OFPMC_DELETE, 0 },
    };
    struct errbuf e = { { 0 } };
    int err = -EINVAL;

    *m = (struct ofp_msg){ .version = OFP_VERSION_13 };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].word, kind) != 0)
            continue;
        m->type = words[i].type;
        if (m->type == OFPT_FLOW_MOD)
            err = flow_text_parse(&m->flow_mod, a, text, (enum flow_text_command)words[i].text_command, NULL, &e);
        else if (m->type == OFPT_GROUP_MOD)
            err = group_text_parse(&m->group_mod, a, text, (enum ofp_group_mod_command)words[i].command, NULL, &e);
        else
            err = meter_text_parse(&m->meter_mod, a, text, (enum ofp_meter_mod_command)words[i].command, &e);
        if (!err && m->type == OFPT_FLOW_MOD)
            m->flow_mod.command = (enum ofp_flow_mod_command)words[i].command;
    }
    if (err)
        fprintf(stderr, "%s %s: %s\n", kind, text, e.text);
    return !err;
}

static void add_said(const char *kind, const struct ofp_msg *m)
{
    if (n_texts == SCRIPT_TEXTS)
        exit(1);
    ofp_encode(&texts[n_texts], m);
    write_seed(kind, "text", (int)n_texts, texts[n_texts].p, texts[n_texts].len);
    n_texts++;
}

/* What the flow does, with a frame in the message, or one that waits in the first buffer. */
static void add_packet_out(const struct ofp_msg *flow)
{
    static const uint8_t frame[60] = {
        2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8, 0x08, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17
    };
    struct ofp_msg m = { .version = OFP_VERSION_13, .type = OFPT_PACKET_OUT };

    if (flow->type != OFPT_FLOW_MOD || !flow->flow_mod.n_instructions ||
        flow->flow_mod.instructions[0].type != OFPIT_APPLY_ACTIONS)
        return;
    m.packet_out = (struct ofp_packet_out){
        .buffer_id = n_texts % 4 ? OFP_NO_BUFFER : FIRST_BUFFER,
        .in_port = n_texts % 3 ? OFPP_CONTROLLER : 7,
        .actions = flow->flow_mod.instructions[0].apply_actions.actions,
        .n_actions = flow->flow_mod.instructions[0].apply_actions.n_actions,
        .data = frame,
        .n_data = sizeof frame,
    };
    add_said("packet_out", &m);
}

/* Those of agent_world.h. */
static void add_port_mods(void)
{
    struct ofp_msg m = { .version = OFP_VERSION_13, .type = OFPT_PORT_MOD };

    m.port_mod =
        (struct ofp_port_mod){ .port_no = 7, .hw_addr = { 2, 0, 0, 0, 0, 7 }, .config = OFPPC_NO_FWD, .mask = 0x25 };
    add_said("port_mod", &m);
    m.port_mod =
        (struct ofp_port_mod){ .port_no = 300, .hw_addr = { 2, 0, 0, 0, 1, 44 }, .config = 0x41, .mask = 0x41 };
    add_said("port_mod", &m);
}

static void add_table_features(void)
{
    static const uint8_t next[] = { 5, 6 };
    struct ofp_table_feature_prop props[2] = {
        { .type = OFPTFPT_NEXT_TABLES, .next_tables = { next, sizeof next } },
        { .type = OFPTFPT_NEXT_TABLES_MISS },
    };
    struct ofp_table_features tables[3] = { { .table_id = 0, .name = "first", .max_entries = 5 },
                                            { .table_id = 4, .name = "", .max_entries = 100 },
                                            { .table_id = 253, .name = "last", .config = 3, .max_entries = 1 } };
    struct ofp_msg m = { .version = OFP_VERSION_13, .type = OFPT_MULTIPART_REQUEST };

    tables[1].properties = props;
    tables[1].n_properties = 2;
    m.multipart_request.type = OFPMP_TABLE_FEATURES;
    m.multipart_request.table_features = (struct ofp_table_features_list){ tables, 3 };
    add_said("multipart_request-table_features", &m);
    m.multipart_request.flags = OFPMPF_REQ_MORE;
    add_said("multipart_request-table_features", &m);
}

static void read_texts(const char *path)
{
    FILE *f = fopen(path, "r");
    char line[1024];
    struct arena a;

    if (!f)
        fail(path);
    arena_init(&a);
    while (fgets(line, sizeof line, f)) {
        char *text = strchr(line, ' ');
        struct ofp_msg m;

        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || !text)
            continue;
        *text++ = '\0';
        if (!read_text(&m, &a, line, text))
            exit(1);
        add_said(ofp_type_name(m.type), &m);
        add_packet_out(&m);
    }
    fclose(f);
    arena_fini(&a);
}

/* --- scripts --- */

static void add_step(struct wr *w, enum script_what what, uint8_t where, const uint8_t *p, size_t n)
{
    script_write(w, &(struct script_step){ .what = what, .where = where, .p = p, .n = n });
}

static void add_message(struct wr *script, uint8_t where, const struct ofp_msg *m)
{
    struct wr w;

    wr_init(&w);
    ofp_encode(&w, m);
    add_step(script, SCRIPT_MESSAGE, where, w.p, w.len);
    wr_fini(&w);
}

/* Packet-ins shall come in one of the forms; a resumed frame needs NXT_PACKET_IN2. */
static void add_format(struct wr *script, int number)
{
    struct ofp_msg m = { .version = OFP_VERSION_13,
                         .type = OFPT_EXPERIMENTER,
                         .experimenter = { .experimenter = OFPEXP_NICIRA } };

    m.experimenter.nicira.exp_type = NXT_SET_PACKET_IN_FORMAT;
    m.experimenter.nicira.set_packet_in_format.format = number % 4 ? NXPIF_NXT_PACKET_IN2 : NXPIF_NXT_PACKET_IN;
    add_message(script, 0, &m);
}

/* What is said, in a bundle. */
static void add_bundled(struct wr *script, const struct wr *said)
{
    struct ofp_msg m = {
        .version = OFP_VERSION_13,
        .type = OFPT_EXPERIMENTER,
        .xid = be32_load(said->p + sizeof(uint32_t)),
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_BUNDLE_ADD_MESSAGE,
                                   .bundle_add_message = { 1, OFPBF_ATOMIC, said->p, said->len } } },
    };

    add_message(script, 0, &m);
}

/* What was said from the first on, up to one: the groups and flows among them, changes, and deletions; then, in a third of the
 * scripts, the first again, which is refused, and all with it. */
static void add_bundle(struct wr *script, int number)
{
    struct ofp_msg commit = {
        .version = OFP_VERSION_13,
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF,
                          .onf = { .exp_type = ONFT_BUNDLE_CONTROL,
                                   .bundle_control = { 1, OFPBCT_COMMIT_REQUEST, OFPBF_ATOMIC } } },
    };

    for (size_t i = 0; i < n_texts && i < 2 * (size_t)number; i++)
        if (texts[i].p[1] != OFPT_PACKET_OUT)
            add_bundled(script, &texts[i]);
    if (number % 3 == 0)
        add_bundled(script, &texts[0]);
    add_message(script, 0, &commit);
}

/* A window of the texts, with frames and time between them; each kind of message has its turn. */
static void write_script(const struct fuzz_kind *kinds, size_t n_kinds, int number)
{
    uint8_t p[SIZE_MAX_SEED];
    struct wr w;
    size_t n;

    wr_init(&w);
    add_format(&w, number);
    if (number % 4 > 1)
        add_bundle(&w, number);
    for (size_t i = 0; i < 20; i++) {
        size_t at = ((size_t)number % 2 * (size_t)number * 3 + i) % n_texts;

        add_step(&w, SCRIPT_MESSAGE, (uint8_t)(i % 5 ? 0 : number), texts[at].p, texts[at].len);
        p[0] = (uint8_t)(number * 7 + (int)i * 3);
        if (i % 3 == 2)
            add_step(&w, SCRIPT_FRAME, (uint8_t)i, p, 1);
        if (i % 6 == 5)
            add_step(&w, SCRIPT_RESUME, 0, p, 2);
    }
    for (size_t i = 0; i < 5; i++) {
        n = fuzz_make(p, sizeof p, (uint64_t)number * 5 + i, &kinds[((size_t)number * 5 + i) % n_kinds]);
        add_step(&w, SCRIPT_MESSAGE, (uint8_t)i, p, n);
    }
    be16_store(p, (uint16_t)(number * 3));
    add_step(&w, SCRIPT_TIME, 0, p, 2);
    add_step(&w, (enum script_what)(SCRIPT_HANG_UP + number % (SCRIPT_N - SCRIPT_HANG_UP)), (uint8_t)number, p, 2);
    p[0] = (uint8_t)number;
    add_step(&w, SCRIPT_FRAME, 1, p, 1);
    write_seed(".", "script", number, w.p, w.len);
    wr_fini(&w);
}

int main(int argc, char **argv)
{
    static struct fuzz_kind kinds[FUZZ_KINDS_MAX];
    size_t n_kinds = fuzz_kinds(kinds);

    if (argc != 4) {
        fprintf(stderr, "usage: make_ofp_corpus TEXTS MESSAGES SCRIPTS\n");
        return 2;
    }
    directory = argv[2];
    make_directory(directory);
    for (size_t i = 0; i < n_kinds; i++)
        write_random(&kinds[i]);
    read_texts(argv[1]);
    add_port_mods();
    add_table_features();
    directory = argv[3];
    make_directory(directory);
    for (int i = 0; i < SCRIPTS; i++)
        write_script(kinds, n_kinds, i);
    while (n_texts)
        wr_fini(&texts[--n_texts]);
    return 0;
}
