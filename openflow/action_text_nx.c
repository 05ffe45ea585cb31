/* SPDX-License-Identifier: Apache-2.0 */
/* action_text_nx.c - reads the actions that Open vSwitch adds to OpenFlow; see action_text.h and action_text_impl.h. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "openflow/action_text_impl.h"
#include "openflow/learn.h"
#include "openflow/nx.h"
#include "openflow/value_text.h"

enum { TRUNC_MIN = 14, CLAUSES_MAX = 64 };

static struct errbuf *errors(const struct list *l)
{
    return l->t->e;
}

static const struct match *frame_of(const struct list *l)
{
    return l->t->match ? &l->frame : NULL;
}

/* Cuts the next of arguments joined by commas; false when there are no more. */
static bool next_arg(struct span *rest, struct span *arg)
{
    if (!rest->n)
        return false;
    (void)span_cut(rest, ',', arg);
    while (arg->n && *arg->p == ' ')
        *arg = (struct span){ arg->p + 1, arg->n - 1 };
    return true;
}

/* "A->B" */
static int cut_arrow(struct list *l, const struct word *w, struct span *from, struct span *to)
{
    size_t n = 0;

    while (n + 1 < w->value.n && memcmp(w->value.p + n, "->", 2) != 0)
        n++;
    if (w->delim != ':' || n + 2 >= w->value.n)
        return errbuf_set(errors(l), -EINVAL, "%.*s: '%.*s' is not of the form FROM->TO", SPAN_ARG(w->key),
                          SPAN_ARG(w->value));
    *from = (struct span){ w->value.p, n };
    *to = (struct span){ w->value.p + n + 2, w->value.n - n - 2 };
    return 0;
}

static int parse_subfield(const struct list *l, struct span text, struct subfield *out)
{
    return subfield_text_parse(out, text, frame_of(l), errors(l));
}

/* A port as OpenFlow 1.0 numbers it. */
static int parse_port16(const struct list *l, struct span text, uint16_t *out)
{
    uint32_t port = 0;

    if (!port_text_parse(text, l->t->names, &port) || (port > UINT16_MAX && port < 0xffffff00))
        return errbuf_set(errors(l), -EINVAL, "'%.*s' is not a port number or name of 16 bits", SPAN_ARG(text));
    *out = (uint16_t)port;
    return 0;
}

int action_list_load(struct list *l, enum field_id id, struct value v, struct value mask)
{
    struct subfield at = { .field = id };
    int err = 0;

    while (!err && at.ofs < field_table[id].bits) {
        struct subfield bit = { id, at.ofs, 1 };

        if (!subfield_take(bit, mask).lo) {
            at.ofs++;
            continue;
        }
        for (at.n_bits = 0; at.n_bits < 64 && at.ofs + at.n_bits < field_table[id].bits; at.n_bits++) {
            bit.ofs = at.ofs + at.n_bits;
            if (!subfield_take(bit, mask).lo)
                break;
        }
        err = action_list_add_nx(
            l, (struct ofp_nx_action){ .subtype = NXAST_REG_LOAD,
                                       .reg_load = { subfield_ofs_nbits(at), id, subfield_take(at, v).lo } });
        at.ofs += at.n_bits;
    }
    return err;
}

int parse_load(struct list *l, const struct word *w, unsigned arg)
{
    struct span from = span_of(""), to = from;
    struct subfield dst;
    struct value v;
    int err = cut_arrow(l, w, &from, &to);

    if (!err)
        err = parse_subfield(l, to, &dst);
    if (err)
        return err;
    if (!span_number128(from, value_ones(dst.n_bits), &v))
        return errbuf_set(errors(l), -EINVAL, "load: '%.*s' is not a number of %u bits", SPAN_ARG(from), dst.n_bits);
    return action_list_load(l, dst.field, subfield_place(dst, v), subfield_mask(dst));
}

int parse_move(struct list *l, const struct word *w, unsigned arg)
{
    struct subfield src, dst;
    struct span from = span_of(""), to = from;
    int err = cut_arrow(l, w, &from, &to);

    if (!err)
        err = parse_subfield(l, from, &src);
    if (!err)
        err = parse_subfield(l, to, &dst);
    if (err)
        return err;
    if (src.n_bits != dst.n_bits)
        return errbuf_set(errors(l), -EINVAL, "move: '%.*s' has %u bits, but '%.*s' has %u", SPAN_ARG(from), src.n_bits,
                          SPAN_ARG(to), dst.n_bits);
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_REG_MOVE,
                                   .reg_move = { src.n_bits, src.ofs, dst.ofs, src.field, dst.field } });
}

int parse_stack(struct list *l, const struct word *w, unsigned subtype)
{
    struct ofp_nx_action act = { .subtype = (enum ofp_nx_subtype)subtype };
    struct subfield f;
    static const uint8_t padding[6];
    int err = parse_subfield(l, w->value, &f);

    act.stack_push = (struct ofp_nx_stack){ f.ofs, f.field, f.n_bits, padding, sizeof padding };
    return err ? err : action_list_add_nx(l, act);
}

/* resubmit:PORT, resubmit(PORT), resubmit(PORT,TABLE), resubmit(,TABLE), the last two with `,ct` */
int parse_resubmit(struct list *l, const struct word *w, unsigned arg)
{
    struct ofp_nx_resubmit r = { .in_port = NX_PORT_IN_PORT, .table = NX_TABLE_SAME };
    struct span rest = w->value, port = { 0 }, table = { 0 };
    bool is_ct;
    uint64_t v = NX_TABLE_SAME;
    int err = 0;

    (void)span_cut(&rest, ',', &port);
    (void)span_cut(&rest, ',', &table);
    is_ct = span_is(rest, "ct");
    if (rest.n && !is_ct)
        return errbuf_set(errors(l), -EINVAL, "resubmit takes a port, a table and ct, not '%.*s'", SPAN_ARG(rest));
    if (port.n)
        err = parse_port16(l, port, &r.in_port);
    if (!err && table.n)
        err = number_parse(w->key, table, UINT8_MAX, &v, errors(l));
    if (err)
        return err;
    r.table = (uint8_t)v;
    if (r.in_port == NX_PORT_IN_PORT && r.table == NX_TABLE_SAME)
        return errbuf_set(errors(l), -EINVAL, "resubmit needs a port or a table: resubmit:PORT, resubmit(,TABLE)");
    return action_list_add_nx(l,
                              (struct ofp_nx_action){ .subtype = is_ct ? NXAST_RESUBMIT_TABLE_CT : NXAST_RESUBMIT_TABLE,
                                                      .resubmit_table = r });
}

/* --- choosing by a hash --- */

static int parse_word_of(const struct list *l, const struct ofp_enum *names, const char *what, struct span text,
                         unsigned *out)
{
    char word[32];
    uint32_t v;
    size_t n = text.n < sizeof word ? text.n : 0;

    memcpy(word, text.p, n);
    for (size_t i = 0; i < n; i++)
        if (word[i] == '+') /* symmetric_l3l4+udp */
            word[i] = '_';
    if (!n || !ofp_enum_find(names, word, n, &v))
        return errbuf_set(errors(l), -EINVAL, "'%.*s' is not %s", SPAN_ARG(text), what);
    *out = v;
    return 0;
}

/* Both begin with the fields to hash, a basis and an algorithm. */
struct chooser {
    unsigned fields, algorithm;
    uint64_t basis;
};

static int parse_chooser(const struct list *l, struct span *rest, const struct ofp_enum *algorithms, struct chooser *c)
{
    struct span fields = span_of(""), basis = fields, algorithm = fields;
    int err;

    (void)(next_arg(rest, &fields) && next_arg(rest, &basis) && next_arg(rest, &algorithm));
    err = parse_word_of(l, &ofp_nx_hash_fields_names, "a set of fields to hash", fields, &c->fields);
    if (!err)
        err = number_parse(span_of("basis"), basis, UINT16_MAX, &c->basis, errors(l));
    if (!err)
        err = parse_word_of(l, algorithms, "an algorithm", algorithm, &c->algorithm);
    return err;
}

int parse_multipath(struct list *l, const struct word *w, unsigned unused)
{
    struct span rest = w->value, links = { 0 }, arg = { 0 }, to = { 0 };
    struct chooser c = { 0 };
    uint64_t n_links = 0, v = 0;
    struct subfield dst;
    int err = parse_chooser(l, &rest, &ofp_nx_mp_algorithm_names, &c);

    (void)(next_arg(&rest, &links) && next_arg(&rest, &arg) && next_arg(&rest, &to));
    if (!err)
        err = number_parse(span_of("number of links"), links, 65536, &n_links, errors(l));
    if (!err)
        err = number_parse(span_of("argument"), arg, UINT32_MAX, &v, errors(l));
    if (!err)
        err = parse_subfield(l, to, &dst);
    if (err)
        return err;
    if (!n_links || rest.n || (dst.n_bits < 17 && n_links > UINT64_C(1) << dst.n_bits))
        return errbuf_set(errors(l), -EINVAL, "multipath: %u bits cannot tell '%.*s' links apart", dst.n_bits,
                          SPAN_ARG(links));
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_MULTIPATH,
                                   .multipath = { (enum ofp_nx_hash_fields)c.fields, (uint16_t)c.basis,
                                                  (enum ofp_nx_mp_algorithm)c.algorithm, (uint16_t)(n_links - 1),
                                                  (uint32_t)v, subfield_ofs_nbits(dst), dst.field } });
}

/* "members:1,2,3" (once "slaves:") as the wire has them. */
static int parse_members(const struct list *l, struct span rest, const uint8_t **ports, size_t *n)
{
    struct span head = span_of(""), port = head;
    uint8_t *out = arena_calloc(l->t->arena, rest.n + 1, 2);
    uint16_t number = 0;
    int err;

    if (!out)
        return errbuf_set(errors(l), -ENOMEM, "out of memory");
    (void)span_cut(&rest, ':', &head);
    if (!span_is(head, "members") && !span_is(head, "slaves"))
        return errbuf_set(errors(l), -EINVAL, "'%.*s' should be members:PORT,PORT,...", SPAN_ARG(head));
    for (*n = 0; next_arg(&rest, &port); *n += 2) {
        err = parse_port16(l, port, &number);
        if (err)
            return err;
        be16_store(out + *n, number);
    }
    *ports = out;
    return 0;
}

int parse_bundle(struct list *l, const struct word *w, unsigned subtype)
{
    struct ofp_nx_action act = { .subtype = (enum ofp_nx_subtype)subtype };
    struct span rest = w->value, kind = { 0 }, to = { 0 };
    struct chooser c = { 0 };
    struct subfield dst = { 0 };
    const uint8_t *ports = NULL;
    size_t n = 0;
    int err = parse_chooser(l, &rest, &ofp_nx_bd_algorithm_names, &c);

    (void)next_arg(&rest, &kind);
    if (!err && !span_is(kind, "ofport"))
        err = errbuf_set(errors(l), -EINVAL, "%.*s: members are of kind 'ofport', not '%.*s'", SPAN_ARG(w->key),
                         SPAN_ARG(kind));
    if (!err && subtype == NXAST_BUNDLE_LOAD)
        err = next_arg(&rest, &to) ? parse_subfield(l, to, &dst) : -EINVAL;
    if (!err)
        err = parse_members(l, rest, &ports, &n);
    if (err)
        return err;
    if (subtype == NXAST_BUNDLE)
        act.bundle = (struct ofp_nx_bundle){ (enum ofp_nx_bd_algorithm)c.algorithm,
                                             (enum ofp_nx_hash_fields)c.fields,
                                             (uint16_t)c.basis,
                                             NX_IN_PORT_HEADER,
                                             (uint16_t)(n / 2),
                                             ports,
                                             n };
    else
        act.bundle_load = (struct ofp_nx_bundle_load){ (enum ofp_nx_bd_algorithm)c.algorithm,
                                                       (enum ofp_nx_hash_fields)c.fields,
                                                       (uint16_t)c.basis,
                                                       NX_IN_PORT_HEADER,
                                                       (uint16_t)(n / 2),
                                                       subfield_ofs_nbits(dst),
                                                       dst.field,
                                                       ports,
                                                       n };
    return action_list_add_nx(l, act);
}

/* --- bytes --- */

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

    return c && at ? (int)(at - digits) : -1;
}

/* Pairs of hexadecimal digits, with dots between them or not. */
static int parse_hex(const struct list *l, const struct word *w, uint8_t **out, size_t *n)
{
    struct span s = w->value;

    *n = 0;
    *out = arena_calloc(l->t->arena, s.n / 2 + 16, 1); /* and room for padding */
    if (!*out)
        return errbuf_set(errors(l), -ENOMEM, "out of memory");
    while (s.n) {
        int high = hex_digit(s.p[0]), low = s.n > 1 ? hex_digit(s.p[1]) : -1;

        if (high < 0 || low < 0)
            return errbuf_set(errors(l), -EINVAL, "%.*s: '%.*s' are not pairs of hexadecimal digits", SPAN_ARG(w->key),
                              SPAN_ARG(w->value));
        (*out)[(*n)++] = (uint8_t)(high << 4 | low);
        s = (struct span){ s.p + 2, s.n - 2 };
        if (s.n && *s.p == '.')
            s = (struct span){ s.p + 1, s.n - 1 };
    }
    return 0;
}

int parse_note(struct list *l, const struct word *w, unsigned arg)
{
    uint8_t *bytes;
    size_t n;
    int err = parse_hex(l, w, &bytes, &n);

    if (err)
        return err;
    n = n > 6 ? (n - 6 + 7) / 8 * 8 + 6 : 6; /* the action's length is a multiple of 8 */
    return action_list_add_nx(l, (struct ofp_nx_action){ .subtype = NXAST_NOTE, .note = { bytes, n } });
}

/* --- to the controller --- */

static int parse_controller_word(struct list *l, const struct word *w, struct nx_controller *c)
{
    uint64_t v = 0;
    unsigned reason = 0;
    uint8_t *bytes;
    int err;

    if (span_is(w->key, "reason")) {
        err = parse_word_of(l, &ofp_packet_in_reason_names, "a reason of packet-ins", w->value, &reason);
        c->reason = (enum ofp_packet_in_reason)reason;
    } else if (span_is(w->key, "max_len")) {
        err = number_parse(w->key, w->value, UINT16_MAX, &v, errors(l));
        c->max_len = (uint16_t)v;
    } else if (span_is(w->key, "id")) {
        err = number_parse(w->key, w->value, UINT16_MAX, &v, errors(l));
        c->controller_id = (uint16_t)v;
    } else if (span_is(w->key, "meter_id")) {
        err = number_parse(w->key, w->value, OFPM_MAX, &v, errors(l));
        c->meter_id = (uint32_t)v;
    } else if (span_is(w->key, "userdata")) {
        err = parse_hex(l, w, &bytes, &c->n_userdata);
        c->userdata = bytes;
    } else if (span_is(w->key, "pause") && !w->delim) {
        c->is_pause = true;
        err = 0;
    } else {
        err = errbuf_set(errors(l), -EINVAL, "controller: '%.*s' is not one of its arguments", SPAN_ARG(w->key));
    }
    return err;
}

/* What it takes to say all of `c`: less than all of it is said by an older action. */
static int add_controller(struct list *l, const struct nx_controller *c)
{
    struct ofp_nx_controller_prop *p = arena_calloc(l->t->arena, 6, sizeof *p);
    size_t n = 0;

    if (!p)
        return errbuf_set(errors(l), -ENOMEM, "out of memory");
    if (!c->n_userdata && !c->is_pause && !c->meter_id)
        return action_list_add_nx(l,
                                  (struct ofp_nx_action){ .subtype = NXAST_CONTROLLER,
                                                          .controller = { c->max_len, c->controller_id, c->reason } });
    if (c->max_len != OFPCML_NO_BUFFER)
        p[n++] = (struct ofp_nx_controller_prop){ .type = NXAC2PT_MAX_LEN, .max_len = { c->max_len } };
    if (c->controller_id)
        p[n++] =
            (struct ofp_nx_controller_prop){ .type = NXAC2PT_CONTROLLER_ID, .controller_id = { c->controller_id } };
    if (c->reason != OFPR_ACTION)
        p[n++] = (struct ofp_nx_controller_prop){ .type = NXAC2PT_REASON, .reason = { c->reason } };
    if (c->n_userdata)
        p[n++] =
            (struct ofp_nx_controller_prop){ .type = NXAC2PT_USERDATA, .userdata = { c->userdata, c->n_userdata } };
    if (c->is_pause)
        p[n++] = (struct ofp_nx_controller_prop){ .type = NXAC2PT_PAUSE };
    if (c->meter_id)
        p[n++] = (struct ofp_nx_controller_prop){ .type = NXAC2PT_METER_ID, .meter_id = { c->meter_id } };
    return action_list_add_nx(l, (struct ofp_nx_action){ .subtype = NXAST_CONTROLLER2, .controller2 = { p, n } });
}

int parse_nx_controller(struct list *l, const struct word *w, unsigned arg)
{
    struct nx_controller c = { .max_len = OFPCML_NO_BUFFER, .reason = OFPR_ACTION };
    struct span rest = w->value;
    struct word part;
    int err;

    while ((err = word_next(&rest, &part, errors(l))) > 0) {
        err = parse_controller_word(l, &part, &c);
        if (err)
            return err;
    }
    if (err)
        return err;
    if (c.reason == OFPR_ACTION && !c.controller_id && !c.n_userdata && !c.is_pause && !c.meter_id)
        return action_list_add(l, (struct ofp_action){ .type = OFPAT_OUTPUT,
                                                       .output = { .port = OFPP_CONTROLLER, .max_len = c.max_len } });
    return add_controller(l, &c);
}

int parse_dec_ttl(struct list *l, const struct word *w, unsigned arg)
{
    struct span rest = w->value, id = { 0 };
    uint8_t *ids = arena_calloc(l->t->arena, rest.n + 8, 2);
    size_t n = 0;
    uint64_t v;
    int err = w->delim == '(' ? 0 : action_no_value(l, w);

    if (err)
        return err;
    if (!ids)
        return errbuf_set(errors(l), -ENOMEM, "out of memory");
    if (!rest.n)
        return action_list_add(l, (struct ofp_action){ .type = OFPAT_DEC_NW_TTL });
    for (; next_arg(&rest, &id); n++) {
        err = number_parse(w->key, id, UINT16_MAX, &v, errors(l));
        if (err)
            return err;
        be16_store(ids + 2 * n, (uint16_t)v);
    }
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_DEC_TTL_CNT_IDS, .dec_ttl_cnt_ids = { (uint16_t)n, ids, 2 * n } });
}

/* check_pkt_larger(N)->FIELD[BIT] */
int parse_check_pkt_larger(struct list *l, const struct word *w, unsigned arg)
{
    static const uint8_t padding[6];
    struct span to = w->value, size = { 0 };
    struct subfield bit;
    uint64_t n;
    int err;

    if (w->delim != '(' || !span_cut(&to, ')', &size) || to.n < 3)
        return errbuf_set(errors(l), -EINVAL,
                          "check_pkt_larger is not of the form check_pkt_larger(BYTES)->FIELD[BIT]");
    to = (struct span){ to.p + 2, to.n - 2 };
    err = number_parse(w->key, size, UINT16_MAX, &n, errors(l));
    if (!err)
        err = parse_subfield(l, to, &bit);
    if (!err && bit.n_bits != 1)
        err = errbuf_set(errors(l), -EINVAL, "check_pkt_larger: '%.*s' has %u bits, and must have one", SPAN_ARG(to),
                         bit.n_bits);
    return err ? err
               : action_list_add_nx(
                     l, (struct ofp_nx_action){
                            .subtype = NXAST_CHECK_PKT_LARGER,
                            .check_pkt_larger = { (uint16_t)n, bit.ofs, bit.field, padding, sizeof padding },
                        });
}

int parse_fin_timeout(struct list *l, const struct word *w, unsigned arg)
{
    struct span rest = w->value;
    uint64_t idle = 0, hard = 0;
    struct word part;
    int err;

    while ((err = word_next(&rest, &part, errors(l))) > 0) {
        if (span_is(part.key, "idle_timeout"))
            err = number_parse(part.key, part.value, UINT16_MAX, &idle, errors(l));
        else if (span_is(part.key, "hard_timeout"))
            err = number_parse(part.key, part.value, UINT16_MAX, &hard, errors(l));
        else
            err = errbuf_set(errors(l), -EINVAL, "fin_timeout: '%.*s' is not one of its arguments", SPAN_ARG(part.key));
        if (err)
            return err;
    }
    if (err)
        return err;
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_FIN_TIMEOUT, .fin_timeout = { (uint16_t)idle, (uint16_t)hard } });
}

/* conjunction(ID,K/N) */
int parse_conjunction(struct list *l, const struct word *w, unsigned arg)
{
    struct span n_text = w->value, id_text = { 0 }, k_text = { 0 };
    uint64_t id = 0, k = 0, n = 0;

    (void)span_cut(&n_text, ',', &id_text);
    (void)span_cut(&n_text, '/', &k_text);
    while (k_text.n && *k_text.p == ' ')
        k_text = (struct span){ k_text.p + 1, k_text.n - 1 };
    if (!span_number(id_text, UINT32_MAX, &id) || !span_number(k_text, CLAUSES_MAX, &k) ||
        !span_number(n_text, CLAUSES_MAX, &n) || n < 2 || !k || k > n)
        return errbuf_set(errors(l), -EINVAL, "conjunction: '%.*s' is not ID,K/N with 1 <= K <= N and 2 <= N <= %d",
                          SPAN_ARG(w->value), CLAUSES_MAX);
    return action_list_add_nx(l,
                              (struct ofp_nx_action){ .subtype = NXAST_CONJUNCTION,
                                                      .conjunction = { (uint8_t)(k - 1), (uint8_t)n, (uint32_t)id } });
}

int parse_clone(struct list *l, const struct word *w, unsigned arg)
{
    struct action_list inner;
    int err = action_list_parse_inner(&inner, l, w->value);

    if (err)
        return err;
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_CLONE, .clone = { inner.actions, inner.n_actions } });
}

int parse_learn(struct list *l, const struct word *w, unsigned arg)
{
    struct ofp_nx_action act;
    const uint8_t *specs;
    struct learn learn;
    struct wr bytes;
    int err = learn_text_parse(&learn, l->t->arena, w->value, frame_of(l), errors(l));

    if (err)
        return err;
    wr_init(&bytes);
    learn_encode(&act, &bytes, &learn);
    specs = arena_dup(l->t->arena, bytes.len ? (const void *)bytes.p : "", bytes.len);
    if (act.subtype == NXAST_LEARN)
        act.learn.specs = specs;
    else
        act.learn2.specs = specs;
    err = bytes.bad || !specs ? errbuf_set(errors(l), -ENOMEM, "out of memory") : action_list_add_nx(l, act);
    wr_fini(&bytes);
    return err;
}

int parse_exit(struct list *l, const struct word *w, unsigned subtype)
{
    int err = action_no_value(l, w);

    return err ? err : action_list_add_nx(l, (struct ofp_nx_action){ .subtype = (enum ofp_nx_subtype)subtype });
}

/* --- output --- */

static int parse_output_trunc(struct list *l, const struct word *w)
{
    uint64_t max_len = 0;
    uint16_t port = 0;
    struct span rest = w->value;
    struct word part;
    int err;

    while ((err = word_next(&rest, &part, errors(l))) > 0) {
        if (span_is(part.key, "port"))
            err = parse_port16(l, part.value, &port);
        else if (span_is(part.key, "max_len"))
            err = number_parse(part.key, part.value, UINT32_MAX, &max_len, errors(l));
        else
            err = errbuf_set(errors(l), -EINVAL, "output: '%.*s' is not one of its arguments", SPAN_ARG(part.key));
        if (err)
            return err;
    }
    if (err)
        return err;
    if (max_len < TRUNC_MIN || !port)
        return errbuf_set(errors(l), -EINVAL, "output(%.*s): needs port=PORT and max_len=N, which is %d at least",
                          SPAN_ARG(w->value), TRUNC_MIN);
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_OUTPUT_TRUNC, .output_trunc = { port, (uint32_t)max_len } });
}

int parse_output_nx(struct list *l, const struct word *w, unsigned arg)
{
    struct errbuf ignored;
    struct subfield src;

    if (w->delim == '(')
        return parse_output_trunc(l, w);
    if (subfield_text_parse(&src, w->value, frame_of(l), &ignored))
        return 1;
    return action_list_add_nx(
        l, (struct ofp_nx_action){ .subtype = NXAST_OUTPUT_REG,
                                   .output_reg = { subfield_ofs_nbits(src), src.field, OFPCML_NO_BUFFER } });
}
