/* SPDX-License-Identifier: Apache-2.0 */
/* agent_bundle.c - many changes as one: a controller opens a bundle, adds messages to it, and commits it whole.
 * Spec: ONF EXT-230 (the bundles of OpenFlow 1.4, 6.9, as an experimenter's of 1.3).
 *
 * Theory.  A bundle is the bytes of its messages, one after another, kept by the session that opened it.  A message that is
 * added is decoded, so that its faults are told at once, but judged only at the commit, after those before it.  A commit is
 * two walks: the first prepares every change and stops at the first that is refused, whereupon all are taken back; the
 * second, which cannot fail, makes them visible: flows and whatever else has versions by one version of the datapath, so that
 * no frame meets a part of it, and port settings right after.  Every bundle is thus atomic and ordered, asked for or not. */
#include <errno.h>
#include <stdlib.h>

#include "vswitch/agent_impl.h"

enum { BUNDLES_MAX = 64, BUNDLE_BYTES_MAX = 256 << 20 }; /* of a session */

struct bundle {
    struct list link;
    uint32_t id;
    uint16_t flags;
    bool is_closed;
    uint32_t n_messages;
    struct wr messages;
};

static int bad_bundle(struct ofp_err *err, enum ofp_bundle_failed_code code)
{
    return refuse(err, OFPET_EXPERIMENTER, (uint16_t)code);
}

static struct bundle *bundle_find(const struct session *s, uint32_t id)
{
    for_each_list (struct bundle, b, &s->bundles, link)
        if (b->id == id)
            return b;
    return NULL;
}

static void bundle_free(struct bundle *b)
{
    list_remove(&b->link);
    wr_fini(&b->messages);
    free(b);
}

void bundles_free(struct session *s)
{
    for_each_list_safe (struct bundle, b, next, &s->bundles, link)
        bundle_free(b);
}

/* --- what may be in a bundle --- */

/* `prepare` checks, and makes what the commit of flows will show; `apply` does the rest and cannot fail; either may be NULL. */
static const struct kind {
    enum ofp_type type;
    handler_fn *prepare;
    void (*apply)(struct session *s, const struct ofp_msg *m);
} kinds[] = {
    { OFPT_FLOW_MOD, flow_mod_prepare, flow_mod_apply },
    { OFPT_GROUP_MOD, group_mod_prepare, NULL },
    { OFPT_METER_MOD, meter_mod_prepare, NULL },
    { OFPT_PORT_MOD, port_mod_check, port_mod_apply },
};

static const struct kind *kind_of(enum ofp_type type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type == type)
            return &kinds[i];
    return NULL;
}

/* --- requests --- */

static int bundle_open(struct bundle **out, struct session *s, uint32_t id, uint16_t flags, struct ofp_err *err)
{
    struct bundle *b;
    unsigned n = 0;

    for_each_list (struct bundle, other, &s->bundles, link)
        n++;
    b = n < BUNDLES_MAX ? calloc(1, sizeof *b) : NULL;
    if (!b)
        return bad_bundle(err, OFPBFC_OUT_OF_BUNDLES);
    b->id = id;
    b->flags = flags;
    wr_init(&b->messages);
    list_push_back(&s->bundles, &b->link);
    *out = b;
    return 0;
}

static size_t bytes_held(const struct session *s)
{
    size_t n = 0;

    for_each_list (struct bundle, b, &s->bundles, link)
        n += b->messages.len;
    return n;
}

/* The message inside: whole, of the same transaction, and one that a bundle can hold. */
static int check_message(const struct session *s, const struct ofp_msg *outer, struct ofp_header *h,
                         struct ofp_err *err)
{
    const struct ofp_bundle_add_message *add = &outer->experimenter.onf.bundle_add_message;
    struct ofp_msg m;
    int res;

    if (!ofp_header_read(h, add->message, add->n_message) || h->length < OFP_HEADER_SIZE || h->length > add->n_message)
        return bad_bundle(err, OFPBFC_MSG_BAD_LEN);
    if (h->xid != outer->xid)
        return bad_bundle(err, OFPBFC_MSG_BAD_XID);
    if (h->version != outer->version || !kind_of((enum ofp_type)h->type))
        return bad_bundle(err, OFPBFC_MSG_UNSUP);
    if (s->main->role == OFPCR_ROLE_SLAVE)
        return refuse(err, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
    res = ofp_decode(&m, &s->agent->arena, add->message, h->length, err);
    return res == -ENOMEM ? bad_bundle(err, OFPBFC_MSG_TOO_MANY) : res;
}

int handle_bundle_add(struct session *s, const struct ofp_msg *msg, struct ofp_err *err)
{
    const struct ofp_bundle_add_message *add = &msg->experimenter.onf.bundle_add_message;
    struct bundle *b = bundle_find(s, add->bundle_id);
    struct ofp_header h;
    int res;

    if (b && (b->is_closed || b->flags != add->flags)) {
        res = bad_bundle(err, b->is_closed ? OFPBFC_BUNDLE_CLOSED : OFPBFC_BAD_FLAGS);
        bundle_free(b);
        return res;
    }
    res = check_message(s, msg, &h, err);
    if (!res && bytes_held(s) + h.length > BUNDLE_BYTES_MAX)
        res = bad_bundle(err, OFPBFC_MSG_TOO_MANY);
    if (!res && !b)
        res = bundle_open(&b, s, add->bundle_id, add->flags, err);
    if (res)
        return res;
    wr_bytes(&b->messages, add->message, h.length);
    if (b->messages.bad) { /* some of it may be missing now */
        bundle_free(b);
        return bad_bundle(err, OFPBFC_MSG_TOO_MANY);
    }
    b->n_messages++;
    return 0;
}

/* Walks the messages.  The first that fails has been answered with its error; true: none did. */
static bool prepare_all(struct session *s, const struct bundle *b)
{
    struct rd r = rd_init(b->messages.p, b->messages.len);

    while (r.left) {
        struct ofp_err why = { .type = OFPET_BAD_REQUEST, .code = OFPBRC_EPERM };
        const uint8_t *p = r.p;
        struct ofp_header h;
        struct ofp_msg m;
        int res;

        (void)ofp_header_read(&h, p, r.left);
        rd_skip(&r, h.length);
        arena_reset(&s->agent->arena);
        flow_table_mark(s->agent->flows, h.xid);
        res = ofp_decode(&m, &s->agent->arena, p, h.length, &why);
        if (!res && s->main->role == OFPCR_ROLE_SLAVE)
            res = refuse(&why, OFPET_BAD_REQUEST, OFPBRC_IS_SLAVE);
        if (!res)
            res = kind_of(m.type)->prepare(s, &m, &why);
        if (!res)
            continue;
        session_send_error(s, &why, p, h.length, h.xid);
        return false;
    }
    return true;
}

static void apply_all(struct session *s, const struct bundle *b)
{
    struct rd r = rd_init(b->messages.p, b->messages.len);

    while (r.left) {
        const uint8_t *p = r.p;
        struct ofp_header h;
        struct ofp_err why;
        struct ofp_msg m;

        (void)ofp_header_read(&h, p, r.left);
        rd_skip(&r, h.length);
        if (!kind_of((enum ofp_type)h.type)->apply)
            continue;
        arena_reset(&s->agent->arena);
        if (!ofp_decode(&m, &s->agent->arena, p, h.length, &why))
            kind_of(m.type)->apply(s, &m);
    }
}

static int bundle_commit(struct session *s, struct bundle *b, struct ofp_err *err)
{
    bool is_ok = prepare_all(s, b);

    agent_finish(s->agent, is_ok ? 0 : -EBADMSG);
    if (is_ok)
        apply_all(s, b);
    bundle_free(b);
    return is_ok ? 0 : bad_bundle(err, OFPBFC_MSG_FAILED);
}

static int control(struct session *s, const struct ofp_bundle_control *c, struct ofp_err *err)
{
    struct bundle *b = bundle_find(s, c->bundle_id);
    int res = 0;

    switch (c->type) {
    case OFPBCT_OPEN_REQUEST:
        if (!b)
            return bundle_open(&b, s, c->bundle_id, c->flags, err);
        res = bad_bundle(err, OFPBFC_BUNDLE_EXIST);
        break;
    case OFPBCT_CLOSE_REQUEST:
    case OFPBCT_COMMIT_REQUEST:
        if (!b)
            return bad_bundle(err, OFPBFC_BAD_ID);
        if (b->flags != c->flags)
            res = bad_bundle(err, OFPBFC_BAD_FLAGS);
        else if (c->type == OFPBCT_COMMIT_REQUEST)
            return bundle_commit(s, b, err);
        else if (b->is_closed)
            res = bad_bundle(err, OFPBFC_BUNDLE_CLOSED);
        else
            b->is_closed = true;
        break;
    case OFPBCT_DISCARD_REQUEST:
        if (!b)
            return bad_bundle(err, OFPBFC_BAD_ID);
        bundle_free(b);
        return 0;
    case OFPBCT_OPEN_REPLY:
    case OFPBCT_CLOSE_REPLY:
    case OFPBCT_COMMIT_REPLY:
    case OFPBCT_DISCARD_REPLY:
        return bad_bundle(err, OFPBFC_BAD_TYPE);
    }
    if (res) /* whoever has lost track of a bundle begins anew */
        bundle_free(b);
    return res;
}

int handle_bundle_control(struct session *s, const struct ofp_msg *m, struct ofp_err *err)
{
    const struct ofp_bundle_control *c = &m->experimenter.onf.bundle_control;
    struct ofp_msg reply = {
        .type = OFPT_EXPERIMENTER,
        .experimenter = { .experimenter = OFPEXP_ONF, .onf = { .exp_type = ONFT_BUNDLE_CONTROL } },
    };
    int res = control(s, c, err);

    if (res)
        return res;
    /* the reply to a request is the number after it */
    reply.experimenter.onf.bundle_control = (struct ofp_bundle_control){
        .bundle_id = c->bundle_id, .type = (enum ofp_bundle_control_type)(c->type + 1), .flags = c->flags
    };
    session_send(s, &reply, m->xid);
    return 0;
}
