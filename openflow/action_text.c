/* SPDX-License-Identifier: Apache-2.0 */
/* action_text.c - reads actions; see action_text.h.  What writes them is in action_print.c.
 *
 * Theory.  A `struct list` collects the actions of one list.  `frame` is the match, for words whose action depends on the
 * protocol (mod_tp_dst); `n_tags` counts the VLAN tags that are known to be there, because mod_vlan_vid pushes one when there
 * is none.  Whether the result is consistent is left to ofp_actions_check, which is asked once for the whole list. */
#include "openflow/action_text_impl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "openflow/match_text.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "openflow/text_lex.h"
#include "openflow/value_text.h"

static void list_init(struct list *l, const struct action_text *t)
{
    memset(l, 0, sizeof *l);
    l->t = t;
    if (!t->match)
        return;
    l->frame = *t->match;
    l->n_tags = key_get(&t->match->value, FIELD_VLAN_VID).lo != 0;
}

int action_list_add(struct list *l, struct ofp_action act)
{
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 4;
        struct ofp_action *more = arena_calloc(l->t->arena, room, sizeof *more);

        if (!more)
            return errbuf_set(l->t->e, -ENOMEM, "out of memory");
        if (l->n)
            memcpy(more, l->acts, l->n * sizeof *more);
        l->acts = more;
        l->room = room;
    }
    l->acts[l->n++] = act;
    return 0;
}

int action_list_add_nx(struct list *l, struct ofp_nx_action act)
{
    return action_list_add(l, (struct ofp_action){ .type = OFPAT_EXPERIMENTER,
                                                   .experimenter = { .experimenter = OFPEXP_NICIRA, .nicira = act } });
}

static int add_set(struct list *l, enum field_id id, uint64_t v)
{
    return action_list_add(
        l, (struct ofp_action){ .type = OFPAT_SET_FIELD, .set_field = { .field = ofp_oxm_make(id, value_of(v)) } });
}

static int number(struct list *l, const struct word *w, uint64_t max, uint64_t *v)
{
    return number_parse(w->key, w->value, max, v, l->t->e);
}

/* --- one function for each kind of word; `arg` is of its row in the table below --- */

int action_no_value(struct list *l, const struct word *w)
{
    if (!w->delim || (w->delim == '(' && !w->value.n))
        return 0;
    return errbuf_set(l->t->e, -EINVAL, "%.*s takes no value, but got '%.*s'", SPAN_ARG(w->key), SPAN_ARG(w->value));
}

static int parse_simple(struct list *l, const struct word *w, unsigned type)
{
    int err = action_no_value(l, w);

    if (err)
        return err;
    if (type == OFPAT_POP_VLAN && l->n_tags)
        l->n_tags--;
    if (type == OFPAT_POP_PBB)
        l->n_tags = 0;
    return action_list_add(l, (struct ofp_action){ .type = (enum ofp_action_type)type });
}

static int parse_drop(struct list *l, const struct word *w, unsigned arg)
{
    l->is_drop = true;
    return action_no_value(l, w);
}

static int parse_output(struct list *l, const struct word *w, unsigned arg)
{
    uint32_t port;

    if (w->delim == '(')
        return parse_output_nx(l, w, 0);
    if (!port_text_parse(w->value, l->t->names, &port)) {
        int err = parse_output_nx(l, w, 0);

        if (err <= 0)
            return err;
    }
    if (!port_text_parse(w->value, l->t->names, &port))
        return errbuf_set(l->t->e, -EINVAL, "output: '%.*s' is not a port number or name", SPAN_ARG(w->value));
    return action_list_add(
        l,
        (struct ofp_action){ .type = OFPAT_OUTPUT,
                             .output = { .port = port, .max_len = port == OFPP_CONTROLLER ? OFPCML_NO_BUFFER : 0 } });
}

/* The bare name of a reserved port. */
static int parse_port(struct list *l, const struct word *w, unsigned port)
{
    int err = action_no_value(l, w);

    return err ? err : action_list_add(l, (struct ofp_action){ .type = OFPAT_OUTPUT, .output = { .port = port } });
}

static int parse_controller(struct list *l, const struct word *w, unsigned arg)
{
    uint64_t max_len = OFPCML_NO_BUFFER;
    int err = 0;

    if (w->delim == '(')
        return parse_nx_controller(l, w, arg);
    if (w->delim)
        err = number(l, w, UINT16_MAX, &max_len);
    if (err)
        return err;
    return action_list_add(l,
                           (struct ofp_action){ .type = OFPAT_OUTPUT,
                                                .output = { .port = OFPP_CONTROLLER, .max_len = (uint16_t)max_len } });
}

static int parse_group(struct list *l, const struct word *w, unsigned arg)
{
    uint64_t v;
    int err = number(l, w, OFPG_MAX, &v);

    return err ? err
               : action_list_add(l, (struct ofp_action){ .type = OFPAT_GROUP, .group = { .group_id = (uint32_t)v } });
}

static int parse_set_queue(struct list *l, const struct word *w, unsigned arg)
{
    uint64_t v;
    int err = number(l, w, UINT32_MAX, &v);

    return err ? err
               : action_list_add(
                     l, (struct ofp_action){ .type = OFPAT_SET_QUEUE, .set_queue = { .queue_id = (uint32_t)v } });
}

static int parse_ttl(struct list *l, const struct word *w, unsigned type)
{
    struct ofp_action act = { .type = (enum ofp_action_type)type };
    uint64_t v;
    int err = number(l, w, UINT8_MAX, &v);

    if (err)
        return err;
    if (type == OFPAT_SET_NW_TTL)
        act.set_nw_ttl.ttl = (uint8_t)v;
    else
        act.set_mpls_ttl.ttl = (uint8_t)v;
    return action_list_add(l, act);
}

static int parse_ethertype(struct list *l, const struct word *w, unsigned type)
{
    struct ofp_action act = { .type = (enum ofp_action_type)type };
    uint64_t v;
    int err = number(l, w, UINT16_MAX, &v);

    if (err)
        return err;
    switch (type) {
    case OFPAT_PUSH_VLAN:
        act.push_vlan.ethertype = (uint16_t)v;
        l->n_tags++;
        break;
    case OFPAT_PUSH_MPLS:
        act.push_mpls.ethertype = (uint16_t)v;
        break;
    case OFPAT_POP_MPLS:
        act.pop_mpls.ethertype = (uint16_t)v;
        break;
    default:
        act.push_pbb.ethertype = (uint16_t)v;
        l->n_tags = 0;
        break;
    }
    return action_list_add(l, act);
}

/* mod_vlan_vid, mod_vlan_pcp: OpenFlow 1.0's, which tag a frame that has no tag. */
static int parse_mod_vlan(struct list *l, const struct word *w, unsigned id)
{
    uint64_t v;
    int err = number(l, w, id == FIELD_VLAN_VID ? 0xfff : 7, &v);

    if (err)
        return err;
    if (!l->n_tags) {
        err = action_list_add(l, (struct ofp_action){ .type = OFPAT_PUSH_VLAN, .push_vlan = { .ethertype = 0x8100 } });
        l->n_tags = 1;
    }
    if (err)
        return err;
    return add_set(l, (enum field_id)id, id == FIELD_VLAN_VID ? OFPVID_PRESENT | v : v);
}

static int parse_mod_tos(struct list *l, const struct word *w, unsigned arg)
{
    uint64_t v;
    int err = number(l, w, UINT8_MAX, &v);

    if (err)
        return err;
    if (v & 3)
        return errbuf_set(l->t->e, -EINVAL, "%.*s: '%.*s' sets the two lower bits, which are nw_ecn's",
                          SPAN_ARG(w->key), SPAN_ARG(w->value));
    return add_set(l, FIELD_IP_DSCP, v >> 2);
}

/* `part`: what to do about a mask, since set-field of OpenFlow 1.3 has none; NULL: refuse. */
static int set_value(struct list *l, const struct word *w, enum field_id id,
                     int (*part)(struct list *l, enum field_id id, struct value v, struct value mask))
{
    struct masked_value v;
    struct value ones = field_ones(id);
    int err = value_text_parse(id, w, l->t->names, &v, l->t->e);

    if (err)
        return err;
    if (v.mask.hi != ones.hi || v.mask.lo != ones.lo)
        return part ? part(l, id, v.value, v.mask)
                    : errbuf_set(l->t->e, -EINVAL, "%.*s: '%.*s' has a mask; to set part of a field, write set_field",
                                 SPAN_ARG(w->key), SPAN_ARG(w->value));
    return action_list_add(
        l, (struct ofp_action){ .type = OFPAT_SET_FIELD, .set_field = { .field = ofp_oxm_make(id, v.value) } });
}

/* mod_dl_src and its like. */
static int parse_mod(struct list *l, const struct word *w, unsigned id)
{
    return set_value(l, w, (enum field_id)id, NULL);
}

/* mod_tp_src, mod_tp_dst: the port of whatever protocol the match says. */
static int parse_mod_port(struct list *l, const struct word *w, unsigned is_dst)
{
    return set_value(l, w, match_text_field(&l->frame, span_of(is_dst ? "tp_dst" : "tp_src")), NULL);
}

/* set_field:VALUE->FIELD */
static int parse_set_field(struct list *l, const struct word *w, unsigned arg)
{
    struct word part = { .delim = ':' };
    enum field_id id;
    size_t n = 0;

    while (n + 1 < w->value.n && memcmp(w->value.p + n, "->", 2) != 0)
        n++;
    if (w->delim != ':' || n + 2 >= w->value.n)
        return errbuf_set(l->t->e, -EINVAL, "set_field: '%.*s' is not of the form VALUE->FIELD", SPAN_ARG(w->value));
    part.value = (struct span){ w->value.p, n };
    part.key = (struct span){ w->value.p + n + 2, w->value.n - n - 2 };
    if (span_is(part.key, "nw_tos"))
        return parse_mod_tos(l, &part, 0);
    id = span_is(part.key, "in_port") ? FIELD_IN_PORT16 : match_text_field(&l->frame, part.key);
    if (id == FIELD_NONE)
        return errbuf_set(l->t->e, -EINVAL, "set_field: '%.*s' is not a field of OpenFlow 1.3", SPAN_ARG(part.key));
    if (!field_table[id].is_settable)
        return errbuf_set(l->t->e, -EINVAL, "set_field: %.*s cannot be set", SPAN_ARG(part.key));
    return set_value(l, &part, id, action_list_load);
}

/* Open vSwitch's own actions, told apart from mistakes. */
static int refuse_extension(struct list *l, const struct word *w, unsigned arg)
{
    return errbuf_set(l->t->e, -EINVAL, "%.*s is an extension of Open vSwitch, which is not supported",
                      SPAN_ARG(w->key));
}

static int refuse_enqueue(struct list *l, const struct word *w, unsigned arg)
{
    return errbuf_set(l->t->e, -EINVAL, "enqueue is not in OpenFlow 1.3; write set_queue:QUEUE,output:PORT");
}

static int refuse_nested(struct list *l, const struct word *w, unsigned arg)
{
    return errbuf_set(l->t->e, -EINVAL, "%.*s is an instruction, but only actions can be here", SPAN_ARG(w->key));
}

static const struct row {
    const char *name;
    int (*parse)(struct list *l, const struct word *w, unsigned arg);
    unsigned arg;
} rows[] = {
    { "drop", parse_drop, 0 },
    { "output", parse_output, 0 },
    { "controller", parse_controller, 0 },
    { "in_port", parse_port, OFPP_IN_PORT },
    { "table", parse_port, OFPP_TABLE },
    { "normal", parse_port, OFPP_NORMAL },
    { "flood", parse_port, OFPP_FLOOD },
    { "all", parse_port, OFPP_ALL },
    { "local", parse_port, OFPP_LOCAL },
    { "group", parse_group, 0 },
    { "set_queue", parse_set_queue, 0 },
    { "push_vlan", parse_ethertype, OFPAT_PUSH_VLAN },
    { "push_mpls", parse_ethertype, OFPAT_PUSH_MPLS },
    { "push_pbb", parse_ethertype, OFPAT_PUSH_PBB },
    { "pop_vlan", parse_simple, OFPAT_POP_VLAN },
    { "strip_vlan", parse_simple, OFPAT_POP_VLAN },
    { "pop_mpls", parse_ethertype, OFPAT_POP_MPLS },
    { "pop_pbb", parse_simple, OFPAT_POP_PBB },
    { "dec_ttl", parse_dec_ttl, 0 },
    { "mod_nw_ttl", parse_ttl, OFPAT_SET_NW_TTL },
    { "set_nw_ttl", parse_ttl, OFPAT_SET_NW_TTL },
    { "dec_mpls_ttl", parse_simple, OFPAT_DEC_MPLS_TTL },
    { "set_mpls_ttl", parse_ttl, OFPAT_SET_MPLS_TTL },
    { "copy_ttl_in", parse_simple, OFPAT_COPY_TTL_IN },
    { "copy_ttl_out", parse_simple, OFPAT_COPY_TTL_OUT },
    { "set_field", parse_set_field, 0 },
    { "mod_vlan_vid", parse_mod_vlan, FIELD_VLAN_VID },
    { "set_vlan_vid", parse_mod_vlan, FIELD_VLAN_VID },
    { "mod_vlan_pcp", parse_mod_vlan, FIELD_VLAN_PCP },
    { "set_vlan_pcp", parse_mod_vlan, FIELD_VLAN_PCP },
    { "mod_dl_src", parse_mod, FIELD_ETH_SRC },
    { "mod_dl_dst", parse_mod, FIELD_ETH_DST },
    { "mod_nw_src", parse_mod, FIELD_IPV4_SRC },
    { "mod_nw_dst", parse_mod, FIELD_IPV4_DST },
    { "mod_nw_tos", parse_mod_tos, 0 },
    { "mod_nw_ecn", parse_mod, FIELD_IP_ECN },
    { "mod_tp_src", parse_mod_port, 0 },
    { "mod_tp_dst", parse_mod_port, 1 },
    { "set_mpls_label", parse_mod, FIELD_MPLS_LABEL },
    { "set_mpls_tc", parse_mod, FIELD_MPLS_TC },
    { "set_tunnel", parse_mod, FIELD_TUNNEL_ID },
    { "set_tunnel64", parse_mod, FIELD_TUNNEL_ID },
    { "enqueue", refuse_enqueue, 0 },
    { "clear_actions", refuse_nested, 0 },
    { "write_actions", refuse_nested, 0 },
    { "write_metadata", refuse_nested, 0 },
    { "goto_table", refuse_nested, 0 },
    { "meter", refuse_nested, 0 },
    { "resubmit", parse_resubmit, 0 },
    { "load", parse_load, 0 },
    { "move", parse_move, 0 },
    { "push", parse_stack, NXAST_STACK_PUSH },
    { "pop", parse_stack, NXAST_STACK_POP },
    { "learn", parse_learn, 0 },
    { "ct", parse_ct, 0 },
    { "ct_clear", parse_exit, NXAST_CT_CLEAR },
    { "nat", parse_nat, 0 },
    { "nat64", parse_nat64, 0 },
    { "nptv6", parse_nptv6, 0 },
    { "clamp_mss", parse_clamp_mss, 0 },
    { "clone", parse_clone, 0 },
    { "sample", refuse_extension, 0 },
    { "multipath", parse_multipath, 0 },
    { "bundle", parse_bundle, NXAST_BUNDLE },
    { "bundle_load", parse_bundle, NXAST_BUNDLE_LOAD },
    { "conjunction", parse_conjunction, 0 },
    { "note", parse_note, 0 },
    { "exit", parse_exit, NXAST_EXIT },
    { "fin_timeout", parse_fin_timeout, 0 },
    { "pop_queue", parse_exit, NXAST_POP_QUEUE },
    { "encap", refuse_extension, 0 },
    { "decap", refuse_extension, 0 },
    { "check_pkt_larger", parse_check_pkt_larger, 0 },
    { "delete_field", refuse_extension, 0 },
    { "dec_nsh_ttl", refuse_extension, 0 },
};

static int parse_action(struct list *l, const struct word *w)
{
    uint32_t port;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (span_is_nocase(w->key, rows[i].name))
            return rows[i].parse(l, w, rows[i].arg);
    if (!w->delim && port_text_parse(w->key, l->t->names, &port))
        return parse_output(l, &(struct word){ .key = w->key, .value = w->key, .delim = ':' }, 0);
    return errbuf_set(l->t->e, -EINVAL, "'%.*s' is not an action", SPAN_ARG(w->key));
}

/* --- checking a whole list --- */

static bool has_any(void *arg, uint32_t id)
{
    return true;
}

static bool has_any_nx(void *arg, unsigned subtype)
{
    return true;
}

static const char *complaint(const struct ofp_err *err, const struct ofp_action *act)
{
    switch ((enum ofp_bad_action_code)err->code) {
    case OFPBAC_BAD_OUT_PORT:
        return "no frame can be sent there";
    case OFPBAC_BAD_ARGUMENT:
        return act->type == OFPAT_EXPERIMENTER ? "an argument has a value that it cannot have"
                                               : "not an Ethernet type of such a header";
    case OFPBAC_BAD_TAG:
        return "more headers than there is room for";
    case OFPBAC_BAD_SET_ARGUMENT:
        return "the field cannot have this value; a VLAN id needs bit 0x1000 (or write mod_vlan_vid)";
    case OFPBAC_MATCH_INCONSISTENT:
        return "match and earlier actions do not say that the frame has what this works on";
    case OFPBAC_BAD_TYPE:
    case OFPBAC_BAD_LEN:
    case OFPBAC_BAD_EXPERIMENTER:
    case OFPBAC_BAD_EXP_TYPE:
    case OFPBAC_EPERM:
    case OFPBAC_TOO_MANY:
    case OFPBAC_BAD_QUEUE:
    case OFPBAC_BAD_OUT_GROUP:
    case OFPBAC_UNSUPPORTED_ORDER:
    case OFPBAC_BAD_SET_TYPE:
    case OFPBAC_BAD_SET_LEN:
        break;
    }
    return "not allowed here";
}

static int check(const struct list *l, const struct match *m)
{
    struct ofp_check c = { .n_tables = OFPTT_MAX + 1,
                           .has_group = has_any,
                           .has_queue = has_any,
                           .has_nx = has_any_nx,
                           .is_packet_out = true };
    struct ofp_err err;
    struct str s;
    size_t n = 1;
    int got;

    if (!ofp_actions_check(&c, m, l->acts, l->n, &err))
        return 0;
    while (n < l->n && !ofp_actions_check(&c, m, l->acts, n, &err))
        n++;
    str_init(&s);
    actions_text_print(&s, &l->acts[n - 1], 1, l->t->names);
    got = errbuf_set(l->t->e, -EINVAL, "%s: %s", str_text(&s), complaint(&err, &l->acts[n - 1]));
    str_fini(&s);
    return got;
}

static int check_drop(const struct list *l, size_t n_others)
{
    if (l->is_drop && l->n + n_others)
        return errbuf_set(l->t->e, -EINVAL, "drop must stand alone");
    return 0;
}

static int parse_actions(struct list *l, struct span text)
{
    struct word w;
    int err;

    while ((err = word_next(&text, &w, l->t->e)) > 0) {
        err = parse_action(l, &w);
        if (err)
            return err;
    }
    return err ? err : check_drop(l, 0);
}

enum { DEPTH_MAX = 16 };

int action_list_parse_inner(struct action_list *out, struct list *l, struct span text)
{
    struct list inner;
    int err;

    if (l->depth == DEPTH_MAX)
        return errbuf_set(l->t->e, -EINVAL, "more than %d lists of actions within each other", DEPTH_MAX);
    list_init(&inner, l->t);
    inner.depth = l->depth + 1;
    inner.frame = l->frame;
    inner.n_tags = l->n_tags;
    err = parse_actions(&inner, text);
    *out = (struct action_list){ inner.acts, inner.n };
    return err;
}

int actions_text_parse(struct action_list *out, const struct action_text *t, const char *text)
{
    struct list l;
    int err;

    list_init(&l, t);
    err = parse_actions(&l, span_of(text));
    if (!err)
        err = check(&l, t->match);
    if (!err)
        *out = (struct action_list){ .actions = l.acts, .n_actions = l.n };
    return err;
}

/* --- instructions --- */

/* In the order in which they are done, which is the order they must be written in. */
enum step { STEP_METER, STEP_APPLY, STEP_CLEAR, STEP_WRITE, STEP_METADATA, STEP_GOTO, STEP_N };

static const char *const step_name[] = { "meter",         "actions",        "clear_actions",
                                         "write_actions", "write_metadata", "goto_table" };
static_assert(sizeof step_name / sizeof *step_name == STEP_N, "a name for every step");

struct program {
    const struct action_text *t;
    struct list apply;
    struct ofp_instruction insts[STEP_N];
    bool has[STEP_N];
};

static enum step step_of(const struct word *w)
{
    for (enum step i = 0; i < STEP_N; i++)
        if (i != STEP_APPLY && span_is_nocase(w->key, step_name[i]))
            return i;
    return STEP_APPLY;
}

static int parse_write_actions(struct program *p, const struct word *w)
{
    struct ofp_instruction *inst = &p->insts[STEP_WRITE];
    struct list l;
    int err;

    if (w->delim != '(')
        return errbuf_set(p->t->e, -EINVAL, "write_actions needs its actions in parentheses");
    list_init(&l, p->t);
    err = parse_actions(&l, w->value);
    if (!err)
        err = check(&l, NULL);
    inst->type = OFPIT_WRITE_ACTIONS;
    inst->write_actions.actions = l.acts;
    inst->write_actions.n_actions = l.n;
    return err;
}

static int parse_write_metadata(struct program *p, const struct word *w)
{
    struct ofp_instruction *inst = &p->insts[STEP_METADATA];
    struct masked_value v = { 0 };
    int err = value_text_parse(FIELD_METADATA, w, NULL, &v, p->t->e);

    inst->type = OFPIT_WRITE_METADATA;
    inst->write_metadata.metadata = v.value.lo;
    inst->write_metadata.metadata_mask = v.mask.lo;
    return err;
}

static int parse_instruction(struct program *p, enum step step, const struct word *w)
{
    struct ofp_instruction *inst = &p->insts[step];
    uint64_t v = 0;
    int err;

    switch (step) {
    case STEP_METER:
        err = number_parse(w->key, w->value, OFPM_MAX, &v, p->t->e);
        *inst = (struct ofp_instruction){ .type = OFPIT_METER, .meter = { .meter_id = (uint32_t)v } };
        return err || v ? err : errbuf_set(p->t->e, -EINVAL, "meter: there is no meter 0");
    case STEP_CLEAR:
        inst->type = OFPIT_CLEAR_ACTIONS;
        return action_no_value(&p->apply, w);
    case STEP_WRITE:
        return parse_write_actions(p, w);
    case STEP_METADATA:
        return parse_write_metadata(p, w);
    case STEP_GOTO:
        err = number_parse(w->key, w->value, OFPTT_MAX, &v, p->t->e);
        *inst = (struct ofp_instruction){ .type = OFPIT_GOTO_TABLE, .goto_table = { .table_id = (uint8_t)v } };
        return err;
    case STEP_APPLY:
    case STEP_N:
        break;
    }
    return parse_action(&p->apply, w);
}

static int parse_step(struct program *p, const struct word *w)
{
    enum step step = step_of(w);

    if (p->has[step] && step != STEP_APPLY)
        return errbuf_set(p->t->e, -EINVAL, "%s is there twice", step_name[step]);
    if (span_is_nocase(w->key, "apply_actions"))
        return errbuf_set(p->t->e, -EINVAL, "apply_actions is what happens anyway; write its actions as they are");
    for (unsigned later = step + 1; later < STEP_N; later++)
        if (p->has[later])
            return errbuf_set(p->t->e, -EINVAL, "%.*s must stand before %s", SPAN_ARG(w->key), step_name[later]);
    p->has[step] = true;
    return parse_instruction(p, step, w);
}

static int finish(struct instruction_list *out, struct program *p)
{
    size_t n = 0;

    p->has[STEP_APPLY] = p->apply.n > 0;
    p->insts[STEP_APPLY].type = OFPIT_APPLY_ACTIONS;
    p->insts[STEP_APPLY].apply_actions.actions = p->apply.acts;
    p->insts[STEP_APPLY].apply_actions.n_actions = p->apply.n;
    *out = (struct instruction_list){ .instructions = arena_calloc(p->t->arena, STEP_N, sizeof *out->instructions) };
    if (!out->instructions)
        return errbuf_set(p->t->e, -ENOMEM, "out of memory");
    for (unsigned i = 0; i < STEP_N; i++)
        if (p->has[i])
            out->instructions[n++] = p->insts[i];
    out->n_instructions = n;
    return 0;
}

int instructions_text_parse(struct instruction_list *out, const struct action_text *t, const char *text)
{
    struct program p;
    struct span rest = span_of(text);
    struct word w;
    size_t n_others = 0;
    int err;

    memset(&p, 0, sizeof p);
    p.t = t;
    list_init(&p.apply, t);
    while ((err = word_next(&rest, &w, t->e)) > 0) {
        err = parse_step(&p, &w);
        if (err)
            return err;
    }
    if (err)
        return err;
    for (unsigned i = 0; i < STEP_N; i++)
        n_others += i != STEP_APPLY && p.has[i];
    err = check_drop(&p.apply, n_others);
    if (!err)
        err = check(&p.apply, t->match);
    return err ? err : finish(out, &p);
}
