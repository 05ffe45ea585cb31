/* SPDX-License-Identifier: Apache-2.0 */
/* flow_text.c - see flow_text.h. */
#include "openflow/flow_text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "openflow/action_text.h"
#include "openflow/match_text.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "openflow/text_lex.h"
#include "openflow/value_text.h"

enum { DEFAULT_PRIORITY = 0x8000 };

struct flow {
    struct ofp_flow_mod *fm;
    enum flow_text_command cmd;
    const struct port_names *names;
};

#define IN(cmd_) (1u << FLOW_TEXT_##cmd_)
enum {
    IN_ALL = (1u << FLOW_TEXT_N) - 1,
    IN_DELETES = IN(DELETE) | IN(DELETE_STRICT),
    IN_WRITES = IN_ALL & ~IN_DELETES,
};

static const enum ofp_flow_mod_command commands[] = {
    [FLOW_TEXT_ADD] = OFPFC_ADD,
    [FLOW_TEXT_MODIFY] = OFPFC_MODIFY,
    [FLOW_TEXT_MODIFY_STRICT] = OFPFC_MODIFY_STRICT,
    [FLOW_TEXT_DELETE] = OFPFC_DELETE,
    [FLOW_TEXT_DELETE_STRICT] = OFPFC_DELETE_STRICT,
};
static_assert(sizeof commands / sizeof *commands == FLOW_TEXT_N, "each has its number on the wire");

/* --- keywords --- */

static int take_table(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    if (v == OFPTT_ALL && !(IN_DELETES >> f->cmd & 1))
        return errbuf_set(e, -EINVAL, "table: only a deletion can be for all tables (255)");
    f->fm->table_id = (uint8_t)v;
    return 0;
}

static int take_priority(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    f->fm->priority = (uint16_t)v;
    return 0;
}

static int take_idle(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    f->fm->idle_timeout = (uint16_t)v;
    return 0;
}

static int take_hard(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    f->fm->hard_timeout = (uint16_t)v;
    return 0;
}

static int take_buffer(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    f->fm->buffer_id = (uint32_t)v;
    return 0;
}

static int take_out_group(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    f->fm->out_group = (uint32_t)v;
    return 0;
}

static int take_flag(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    f->fm->flags |= (uint16_t)v;
    return 0;
}

static int take_out_port(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    if (port_text_parse(w->value, f->names, &f->fm->out_port))
        return 0;
    return errbuf_set(e, -EINVAL, "out_port: '%.*s' is not a port number or name", SPAN_ARG(w->value));
}

static int cookie_number(struct span s, uint64_t *v, struct errbuf *e)
{
    if (span_is(s, "-1")) {
        *v = UINT64_MAX;
        return 0;
    }
    return number_parse(span_of("cookie"), s, UINT64_MAX, v, e);
}

static int take_cookie(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    struct span mask = w->value, value;
    bool has_mask = span_cut(&mask, '/', &value);
    int err = cookie_number(value, &f->fm->cookie, e);

    if (!err && has_mask)
        err = cookie_number(mask, &f->fm->cookie_mask, e);
    if (err)
        return err;
    if (has_mask && f->cmd == FLOW_TEXT_ADD)
        return errbuf_set(e, -EINVAL, "cookie: '%.*s' has a mask, but a new flow has all of its cookie",
                          SPAN_ARG(w->value));
    if (!has_mask && f->cmd != FLOW_TEXT_ADD)
        return errbuf_set(e, -EINVAL, "cookie: only a new flow gets one; to choose flows, write cookie=%.*s/-1",
                          SPAN_ARG(w->value));
    return 0;
}

static int skip(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e)
{
    return 0;
}

/* How the value is read before `take` gets it. */
enum value_kind { KIND_NUMBER, KIND_FLAG, KIND_OWN };

static const struct keyword {
    const char *name;
    enum value_kind kind;
    uint64_t max; /* of the number; the flag itself */
    unsigned in;  /* IN(command)s that it may be said with */
    int (*take)(struct flow *f, const struct word *w, uint64_t v, struct errbuf *e);
} keywords[] = {
    { "table", KIND_NUMBER, UINT8_MAX, IN_ALL, take_table },
    { "priority", KIND_NUMBER, UINT16_MAX, IN_WRITES | IN(DELETE_STRICT), take_priority },
    { "cookie", KIND_OWN, 0, IN_ALL, take_cookie },
    { "idle_timeout", KIND_NUMBER, UINT16_MAX, IN_WRITES, take_idle },
    { "hard_timeout", KIND_NUMBER, UINT16_MAX, IN_WRITES, take_hard },
    { "buffer_id", KIND_NUMBER, UINT32_MAX, IN_WRITES, take_buffer },
    { "out_port", KIND_OWN, 0, IN_DELETES, take_out_port },
    { "out_group", KIND_NUMBER, UINT32_MAX, IN_DELETES, take_out_group },
    { "send_flow_rem", KIND_FLAG, OFPFF_SEND_FLOW_REM, IN_WRITES, take_flag },
    { "check_overlap", KIND_FLAG, OFPFF_CHECK_OVERLAP, IN_WRITES, take_flag },
    { "reset_counts", KIND_FLAG, OFPFF_RESET_COUNTS, IN_WRITES, take_flag },
    { "no_packet_counts", KIND_FLAG, OFPFF_NO_PKT_COUNTS, IN_WRITES, take_flag },
    { "no_byte_counts", KIND_FLAG, OFPFF_NO_BYT_COUNTS, IN_WRITES, take_flag },
    { "duration", KIND_OWN, 0, IN_ALL, skip },
    { "n_packets", KIND_OWN, 0, IN_ALL, skip },
    { "n_bytes", KIND_OWN, 0, IN_ALL, skip },
    { "idle_age", KIND_OWN, 0, IN_ALL, skip },
    { "hard_age", KIND_OWN, 0, IN_ALL, skip },
};

static int take_keyword(void *arg, const struct word *w, struct errbuf *e)
{
    const struct keyword *k = keywords, *end = keywords + sizeof keywords / sizeof *keywords;
    struct flow *f = arg;
    uint64_t v;
    int err = 0;

    while (k < end && !span_is(w->key, k->name))
        k++;
    if (k == end)
        return 0;
    if (!(k->in >> f->cmd & 1))
        return errbuf_set(e, -EINVAL, "%s cannot be said here", k->name);
    v = k->max;
    if (k->kind == KIND_FLAG && w->delim)
        return errbuf_set(e, -EINVAL, "%s takes no value, but got '%.*s'", k->name, SPAN_ARG(w->value));
    if (k->kind == KIND_NUMBER)
        err = number_parse(w->key, w->value, k->max, &v, e);
    if (!err)
        err = k->take(f, w, v, e);
    return err ? err : 1;
}

/* --- reading --- */

/* Where "actions=" begins: what is before it, and what behind. */
static int split(struct span text, struct span *before, const char **actions, struct errbuf *e)
{
    struct span rest = text;
    struct word w;
    int got;

    *before = text;
    *actions = NULL;
    while ((got = word_next(&rest, &w, e)) > 0) {
        if (!span_is(w.key, "actions") && !span_is(w.key, "action"))
            continue;
        if (w.delim != '=')
            return errbuf_set(e, -EINVAL, "'%.*s' must be followed by '='", SPAN_ARG(w.key));
        before->n = (size_t)(w.key.p - text.p);
        *actions = w.value.p;
        return 0;
    }
    return got;
}

int flow_text_parse(struct ofp_flow_mod *out, struct arena *a, const char *text, enum flow_text_command cmd,
                    const struct port_names *names, struct errbuf *e)
{
    bool is_delete = IN_DELETES >> cmd & 1;
    struct ofp_flow_mod fm = {
        .command = commands[cmd],
        .table_id = is_delete ? OFPTT_ALL : 0,
        .priority = DEFAULT_PRIORITY,
        .buffer_id = OFP_NO_BUFFER,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    struct flow f = { .fm = &fm, .cmd = cmd, .names = names };
    struct action_text t = { .arena = a, .names = names, .e = e };
    struct instruction_list list = { 0 };
    const char *actions;
    struct span before;
    struct match m;
    int err = split(span_of(text), &before, &actions, e);

    if (err)
        return err;
    if (is_delete && actions)
        return errbuf_set(e, -EINVAL, "actions cannot be said here");
    err = match_text_parse(&m, before, names, take_keyword, &f, e);
    if (err)
        return err;
    if (!is_delete && !actions)
        return errbuf_set(e, -EINVAL, "the flow has no actions; end it with actions=..., if need be with actions=drop");
    t.match = &m;
    if (actions)
        err = instructions_text_parse(&list, &t, actions);
    if (err)
        return err;
    fm.instructions = list.instructions;
    fm.n_instructions = list.n_instructions;
    if (match_to_ofp_match(&fm.match, a, &m))
        return errbuf_set(e, -ENOMEM, "out of memory");
    *out = fm;
    return 0;
}

/* --- writing --- */

static void print_flags(struct str *s, unsigned flags, char separator)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (keywords[i].kind == KIND_FLAG && flags & keywords[i].max)
            str_printf(s, "%s%c", keywords[i].name, separator);
}

/* "priority=1,MATCH", with a blank behind unless there is nothing. */
static void print_match(struct str *s, unsigned priority, const struct ofp_match *m, const struct port_names *names)
{
    size_t start = s->len, fields;

    if (priority != DEFAULT_PRIORITY)
        str_printf(s, "priority=%u,", priority);
    fields = s->len;
    match_text_print(s, m, names);
    if (s->len == fields && s->len > start)
        str_cut(s, s->len - 1);
    if (s->len > start)
        str_add_char(s, ' ');
}

/* Only what the command heeds: a new flow's cookie, or which cookies are chosen. */
static void print_cookie(struct str *s, const struct ofp_flow_mod *fm)
{
    if (fm->command == OFPFC_ADD && fm->cookie)
        str_printf(s, "cookie=%#" PRIx64 ",", fm->cookie);
    if (fm->command != OFPFC_ADD && fm->cookie_mask)
        str_printf(s, "cookie=%#" PRIx64 "/%#" PRIx64 ",", fm->cookie, fm->cookie_mask);
}

void flow_text_print_mod(struct str *s, const struct ofp_flow_mod *fm, const struct port_names *names)
{
    bool is_delete = fm->command == OFPFC_DELETE || fm->command == OFPFC_DELETE_STRICT;

    if (fm->table_id != (is_delete ? OFPTT_ALL : 0))
        str_printf(s, "table=%u,", fm->table_id);
    print_cookie(s, fm);
    if (fm->idle_timeout)
        str_printf(s, "idle_timeout=%u,", fm->idle_timeout);
    if (fm->hard_timeout)
        str_printf(s, "hard_timeout=%u,", fm->hard_timeout);
    if (fm->buffer_id != OFP_NO_BUFFER && !is_delete)
        str_printf(s, "buffer_id=%" PRIu32 ",", fm->buffer_id);
    if (is_delete && fm->out_port != OFPP_ANY) {
        str_add(s, "out_port=");
        port_text_print(s, fm->out_port, names);
        str_add_char(s, ',');
    }
    if (is_delete && fm->out_group != OFPG_ANY)
        str_printf(s, "out_group=%" PRIu32 ",", fm->out_group);
    print_flags(s, fm->flags, ',');
    print_match(s, fm->command == OFPFC_DELETE ? DEFAULT_PRIORITY : fm->priority, &fm->match, names);
    if (!is_delete) {
        str_add(s, "actions=");
        instructions_text_print(s, fm->instructions, fm->n_instructions, names);
    } else if (s->len && (s->s[s->len - 1] == ' ' || s->s[s->len - 1] == ',')) {
        str_cut(s, s->len - 1);
    }
}

/* Seconds, with as many decimals as needed, but none or three at least. */
static void print_duration(struct str *s, uint32_t sec, uint32_t nsec)
{
    str_printf(s, "duration=%" PRIu32, sec);
    if (nsec) {
        str_printf(s, ".%09" PRIu32, nsec);
        for (unsigned digits = 9; digits > 3 && s->len && s->s[s->len - 1] == '0'; digits--)
            str_cut(s, s->len - 1);
    }
    str_add(s, "s, ");
}

void flow_text_print_stats(struct str *s, const struct ofp_flow_stats *fs, const struct port_names *names)
{
    str_printf(s, "cookie=0x%" PRIx64 ", ", fs->cookie);
    print_duration(s, fs->duration_sec, fs->duration_nsec);
    str_printf(s, "table=%u, ", fs->table_id);
    str_printf(s, "n_packets=%" PRIu64 ", n_bytes=%" PRIu64 ", ", fs->packet_count, fs->byte_count);
    if (fs->idle_timeout)
        str_printf(s, "idle_timeout=%u, ", fs->idle_timeout);
    if (fs->hard_timeout)
        str_printf(s, "hard_timeout=%u, ", fs->hard_timeout);
    print_flags(s, fs->flags, ' ');
    print_match(s, fs->priority, &fs->match, names);
    str_add(s, "actions=");
    instructions_text_print(s, fs->instructions, fs->n_instructions, names);
}
