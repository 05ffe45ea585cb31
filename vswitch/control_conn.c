/* SPDX-License-Identifier: Apache-2.0 */
/* control_conn.c - the connections that the switch tracks: listed, counted and thrown out, all or those that a filter says.
 *   FILTER: words joined by commas, all of which must hold: zone=N, proto=tcp|udp|icmp|icmpv6|sctp|N, address=A and port=N (of
 *   either side, before or behind translation), mark=N, state=NAME (a timer's), nat, answered, unanswered. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "datapath/conn.h"
#include "datapath/conn_holder.h"
#include "datapath/conn_track.h"
#include "vswitch/control_impl.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 100000, ADDRESS_TEXT = INET6_ADDRSTRLEN };

/* --- filters --- */

struct filter {
    bool has_zone, has_proto, has_address, has_port, has_mark, has_state, is_nat, is_answered, is_unanswered;
    bool is_twice; /* a key that had a value */
    uint16_t zone, port;
    uint8_t proto, family, state;
    uint32_t mark;
    struct value address;
};

static const struct {
    const char *name;
    uint8_t number;
} protos[] = {
    { "tcp", IP_PROTO_TCP },       { "udp", IP_PROTO_UDP },   { "icmp", IP_PROTO_ICMP },
    { "icmpv6", IP_PROTO_ICMPV6 }, { "sctp", IP_PROTO_SCTP },
};

static bool read_number(const char *text, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(text, &end, 0);
    return *text >= '0' && *text <= '9' && !*end && !errno && *out <= max;
}

static bool read_address(struct filter *f, const char *text)
{
    uint8_t b[16];

    if (inet_pton(AF_INET, text, b) == 1) {
        f->family = 4;
        f->address = value_of(be32_load(b));
        return true;
    }
    if (inet_pton(AF_INET6, text, b) != 1)
        return false;
    f->family = 6;
    f->address = (struct value){ be64_load(b), be64_load(b + 8) };
    return true;
}

static bool read_proto(struct filter *f, const char *text)
{
    unsigned long n;

    for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
        if (!strcmp(text, protos[i].name)) {
            f->proto = protos[i].number;
            return true;
        }
    if (!read_number(text, UINT8_MAX, &n))
        return false;
    f->proto = (uint8_t)n;
    return true;
}

static bool read_state(struct filter *f, const char *text)
{
    for (f->state = 0; f->state < CONN_TIMERS; f->state++)
        if (!strcmp(text, conn_timer_name((enum conn_timer)f->state)))
            return true;
    return false;
}

/* Whether the filter has a value for it; NULL: there is no such key. */
static bool *given(struct filter *f, const char *key)
{
    const struct {
        const char *key;
        bool *has;
    } all[] = { { "zone", &f->has_zone }, { "proto", &f->has_proto }, { "address", &f->has_address },
                { "port", &f->has_port }, { "mark", &f->has_mark },   { "state", &f->has_state } };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(key, all[i].key))
            return all[i].has;
    return NULL;
}

/* "zone=5" or "nat". */
static bool read_word(struct filter *f, char *word)
{
    char *value = strchr(word, '=');
    unsigned long n = 0;
    bool *has;

    if (!value) {
        f->is_nat |= !strcmp(word, "nat");
        f->is_answered |= !strcmp(word, "answered");
        f->is_unanswered |= !strcmp(word, "unanswered");
        return !strcmp(word, "nat") || !strcmp(word, "answered") || !strcmp(word, "unanswered");
    }
    *value++ = '\0';
    has = given(f, word);
    if (!has)
        return false;
    f->is_twice = *has;
    *has = true;
    if (f->is_twice)
        return false;
    if (!strcmp(word, "proto"))
        return read_proto(f, value);
    if (!strcmp(word, "address"))
        return read_address(f, value);
    if (!strcmp(word, "state"))
        return read_state(f, value);
    if (!read_number(value, strcmp(word, "mark") ? UINT16_MAX : UINT32_MAX, &n))
        return false;
    if (!strcmp(word, "zone"))
        f->zone = (uint16_t)n;
    else if (!strcmp(word, "port"))
        f->port = (uint16_t)n;
    else
        f->mark = (uint32_t)n;
    return true;
}

/* False: refused, and answered. */
static bool read_filter(struct rpc_request *r, const char *text, struct filter *f)
{
    char copy[200], said[200], *save = NULL;

    memset(f, 0, sizeof *f);
    if (!text)
        return true;
    if (strlen(text) >= sizeof copy) {
        rpc_reply_error(r, "the filter is longer than %zu letters", sizeof copy - 1);
        return false;
    }
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
        snprintf(said, sizeof said, "%s", word);
        if (!read_word(f, word)) {
            rpc_reply_error(r,
                            f->is_twice ? "filter '%s': of its kind there is another"
                                        : "filter '%s' is none of zone=N, proto=NAME, address=A, port=N, mark=N, "
                                          "state=NAME, nat, answered, unanswered",
                            said);
            return false;
        }
    }
    return true;
}

static bool has_address(const struct conn_tuple *t, const struct filter *f)
{
    const struct value *a = &f->address;

    return (t->family & ~CONN_HOLDER) == f->family &&
           ((t->src.hi == a->hi && t->src.lo == a->lo) || (t->dst.hi == a->hi && t->dst.lo == a->lo));
}

static bool fits(const struct filter *f, const struct conn_info *c)
{
    const struct conn_tuple *o = &c->tuple[CONN_ORIGINAL], *b = &c->tuple[CONN_REPLY];

    if ((f->has_zone && o->zone != f->zone) || (f->has_proto && o->proto != f->proto) ||
        (f->has_mark && c->mark != f->mark) || (f->has_state && c->timer != f->state) || (f->is_nat && !c->nat) ||
        (f->is_answered && !c->is_answered) || (f->is_unanswered && c->is_answered))
        return false;
    if (f->has_address && !has_address(o, f) && !has_address(b, f))
        return false;
    return !f->has_port || o->src_port == f->port || o->dst_port == f->port || b->src_port == f->port ||
           b->dst_port == f->port;
}

/* --- as JSON --- */

static const char *address_text(const struct conn_tuple *t, const struct value *v, char out[ADDRESS_TEXT])
{
    bool is_v4 = (t->family & ~CONN_HOLDER) == 4;
    uint8_t b[16];

    be64_store(b, v->hi);
    be64_store(b + 8, v->lo);
    return inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? b + 12 : b, out, ADDRESS_TEXT);
}

static json_t *show_tuple(const struct conn_tuple *t)
{
    char src[ADDRESS_TEXT], dst[ADDRESS_TEXT];
    json_t *o = json_pack("{s:s, s:s}", "src", address_text(t, &t->src, src), "dst", address_text(t, &t->dst, dst));

    if (conn_tuple_has_ids(t)) {
        json_object_set_new(o, "id", json_integer(t->src_port));
        json_object_set_new(o, "type", json_integer(t->dst_port));
    } else if (t->src_port || t->dst_port) {
        json_object_set_new(o, "sport", json_integer(t->src_port));
        json_object_set_new(o, "dport", json_integer(t->dst_port));
    }
    return o;
}

static const char *proto_text(uint8_t proto)
{
    static char number[4]; /* C only */

    for (size_t i = 0; i < sizeof protos / sizeof *protos; i++)
        if (protos[i].number == proto)
            return protos[i].name;
    snprintf(number, sizeof number, "%u", (unsigned)proto);
    return number;
}

static const char *nat_text(uint8_t nat)
{
    return nat & CT_SNAT ? "src" : nat & CT_DNAT ? "dst" : "";
}

static json_t *show_conn(const struct conn_info *c, uint64_t now_ns)
{
    const struct conn_tuple *t = &c->tuple[CONN_ORIGINAL];
    char label[40];
    json_t *o =
        json_pack("{s:i, s:s, s:s, s:o, s:o, s:b, s:I, s:I, s:s}", "zone", (int)t->zone, "proto", proto_text(t->proto),
                  "state", conn_timer_name((enum conn_timer)c->timer), "original", show_tuple(t), "reply",
                  show_tuple(&c->tuple[CONN_REPLY]), "answered", c->is_answered, "left", (json_int_t)c->left_s, "age",
                  (json_int_t)((now_ns - c->created_ns) / NSEC_PER_S), "nat", nat_text(c->nat));

    snprintf(label, sizeof label, "%#llx%016llx", (unsigned long long)c->label.hi, (unsigned long long)c->label.lo);
    json_object_set_new(o, "mark", json_integer((json_int_t)c->mark));
    if (c->label.hi | c->label.lo)
        json_object_set_new(o, "label", json_string(label));
    json_object_set_new(o, "packets", json_pack("[I, I]", (json_int_t)c->packets[0], (json_int_t)c->packets[1]));
    json_object_set_new(o, "bytes", json_pack("[I, I]", (json_int_t)c->bytes[0], (json_int_t)c->bytes[1]));
    if (t->proto == IP_PROTO_TCP)
        json_object_set_new(o, "tcp",
                            json_pack("[s, s]", tcp_state_name((enum tcp_state)c->tcp_state[0]),
                                      tcp_state_name((enum tcp_state)c->tcp_state[1])));
    return o;
}

/* --- methods --- */

struct visit {
    struct filter filter;
    struct conn_table *table;
    uint64_t now_ns;
    size_t n, limit;
    json_t *list;
    bool is_flush;
};

static bool visit_one(void *arg, const struct conn_info *c)
{
    struct visit *v = arg;

    if (!fits(&v->filter, c))
        return true;
    if (v->list && v->n == v->limit) {
        v->limit = 0; /* there are more */
        return false;
    }
    v->n++;
    if (v->list)
        json_array_append_new(v->list, show_conn(c, v->now_ns));
    if (v->is_flush)
        conn_doom(v->table, c);
    return true;
}

static void visit_all(const struct control *c, struct visit *v)
{
    v->table = conn_track_table(c->conf.sw->dp);
    v->now_ns = clock_now(c->conf.sw->clock);
    if (v->table)
        conn_for_each(v->table, v->now_ns, visit_one, v);
}

/* [FILTER [LIMIT]]; false: the request is answered. */
static bool begin_list(struct rpc_request *r, json_t *params, struct visit *v)
{
    const char *limit = rpc_param_text(params, 1, "limit");
    unsigned long n = LIST_DEFAULT;

    if (!read_filter(r, rpc_param_text(params, 0, "filter"), &v->filter))
        return false;
    if (limit && (!read_number(limit, LIST_MAX, &n) || !n)) {
        rpc_reply_error(r, "limit '%s' is not a number from 1 to %d", limit, LIST_MAX);
        return false;
    }
    v->limit = n;
    v->list = json_array();
    return true;
}

void conn_list(struct rpc_request *r, json_t *params, void *arg)
{
    struct visit v = { 0 };

    if (!begin_list(r, params, &v))
        return;
    visit_all(arg, &v);
    rpc_reply_either(r, params, json_pack("{s:o, s:b}", "connections", v.list, "more", v.n && !v.limit));
}

static void add_stats(json_t *o, const struct conn_table *t)
{
    struct conn_stats st;

    conn_table_stats(t, &st);
    json_object_set_new(o, "made", json_integer((json_int_t)st.made));
    json_object_set_new(o, "expired", json_integer((json_int_t)st.expired));
    json_object_set_new(o, "pushed_out", json_integer((json_int_t)st.pushed_out));
    json_object_set_new(o, "no_room", json_integer((json_int_t)st.no_room));
    json_object_set_new(o, "limited", json_integer((json_int_t)st.limited));
    json_object_set_new(o, "host_limited", json_integer((json_int_t)st.host_limited));
    json_object_set_new(o, "tries", json_integer((json_int_t)st.tries));
}

void conn_counts(struct rpc_request *r, json_t *params, void *arg)
{
    struct visit v = { 0 };
    json_t *o, *zones = json_array();
    const char *filter = rpc_param_text(params, 0, "filter");

    if (!read_filter(r, filter, &v.filter)) {
        json_decref(zones);
        return;
    }
    if (filter)
        visit_all(arg, &v);
    else
        v.table = conn_track_table(((struct control *)arg)->conf.sw->dp);
    if (v.table && !filter)
        v.n = conn_count(v.table);
    o = json_pack("{s:I, s:I}", "count", (json_int_t)v.n, "max", (json_int_t)(v.table ? conn_max(v.table) : 0));
    for (unsigned zone = 0; v.table && zone < CONN_ZONES; zone++)
        if (conn_zone_count(v.table, (uint16_t)zone))
            json_array_append_new(zones, json_pack("{s:i, s:I}", "zone", (int)zone, "count",
                                                   (json_int_t)conn_zone_count(v.table, (uint16_t)zone)));
    json_object_set_new(o, "zones", zones);
    if (v.table)
        add_stats(o, v.table);
    rpc_reply_either(r, params, o);
}

void conn_flush(struct rpc_request *r, json_t *params, void *arg)
{
    struct visit v = { .is_flush = true };

    if (!read_filter(r, rpc_param_text(params, 0, "filter"), &v.filter))
        return;
    visit_all(arg, &v);
    rpc_reply_either(r, params, json_pack("{s:I}", "flushed", (json_int_t)v.n));
}

/* --- mappings --- */

static const char *filtering_text(uint8_t filtering)
{
    return filtering == NAT_FILTERING_ENDPOINT  ? "endpoint-independent"
           : filtering == NAT_FILTERING_ADDRESS ? "address-dependent"
                                                : "address-and-port-dependent";
}

/* Endpoint-independent ones; other entries that connections hold are not shown. */
static bool visit_mapping(void *arg, const struct conn_info *c)
{
    struct visit *v = arg;
    const struct conn_tuple *in = &c->tuple[CONN_ORIGINAL], *out = &c->tuple[CONN_REPLY];
    uint16_t port = conn_tuple_has_ids(out) ? out->src_port : out->dst_port;
    char inside[ADDRESS_TEXT], outside[ADDRESS_TEXT];

    if (!c->nat || in->family & CONN_EXPECTED || !fits(&v->filter, c))
        return true;
    if (v->n == v->limit) {
        v->limit = 0; /* there are more */
        return false;
    }
    v->n++;
    json_array_append_new(v->list,
                          json_pack("{s:i, s:s, s:s, s:i, s:s, s:i, s:s, s:I}", "zone", (int)in->zone, "proto",
                                    proto_text(in->proto), "inside", address_text(in, &in->src, inside), "inside_port",
                                    (int)in->src_port, "outside", address_text(out, &out->dst, outside), "outside_port",
                                    (int)port, "filtering", filtering_text(c->helper), "held", (json_int_t)c->mark));
    return true;
}

void nat_mappings(struct rpc_request *r, json_t *params, void *arg)
{
    struct visit v = { .table = conn_track_table(((struct control *)arg)->conf.sw->dp) };

    if (!begin_list(r, params, &v))
        return;
    if (v.filter.has_mark || v.filter.has_state || v.filter.is_answered || v.filter.is_unanswered) {
        json_decref(v.list);
        rpc_reply_error(r, "mappings have no mark and no state: filters are zone=N, proto=NAME, address=A, port=N");
        return;
    }
    if (v.table)
        conn_for_each_holder(v.table, visit_mapping, &v);
    rpc_reply_either(r, params, json_pack("{s:o, s:b}", "mappings", v.list, "more", v.n && !v.limit));
}

/* --- zones --- */

/* "limit=1000", "host-limit=50" or "udp-first=30"; 0: the default. */
static bool read_setting(struct conn_zone_conf *conf, char *word)
{
    char *value = strchr(word, '=');
    unsigned long n;

    if (!value || !read_number(value + 1, UINT32_MAX, &n))
        return false;
    *value = '\0';
    if (!strcmp(word, "limit") || !strcmp(word, "host-limit")) {
        *(*word == 'l' ? &conf->limit : &conf->host_limit) = (uint32_t)n;
        return true;
    }
    for (unsigned i = 0; i < CONN_TIMERS; i++)
        if (!strcmp(word, conn_timer_name((enum conn_timer)i))) {
            conf->timeout_s[i] = (uint32_t)n;
            return n <= 30ul * 24 * 3600;
        }
    return false;
}

static json_t *show_zone(const struct conn_table *t, uint16_t zone)
{
    struct conn_zone_conf conf;
    json_t *o = json_pack("{s:i}", "zone", (int)zone);

    conn_zone_get(t, zone, &conf);
    json_object_set_new(o, "count", json_integer((json_int_t)conn_zone_count(t, zone)));
    json_object_set_new(o, "limit", json_integer((json_int_t)conf.limit));
    json_object_set_new(o, "host-limit", json_integer((json_int_t)conf.host_limit));
    for (unsigned i = 0; i < CONN_TIMERS; i++)
        json_object_set_new(
            o, conn_timer_name((enum conn_timer)i),
            json_integer((json_int_t)(conf.timeout_s[i] ? conf.timeout_s[i] : conn_timer_default_s[i])));
    return o;
}

/* Changes what is named, all or nothing. */
static bool apply_settings(struct rpc_request *r, struct conn_table *t, uint16_t zone, const char *settings)
{
    char copy[400], said[400], *save = NULL;
    struct conn_zone_conf conf;

    if (strlen(settings) >= sizeof copy) {
        rpc_reply_error(r, "the settings are longer than %zu letters", sizeof copy - 1);
        return false;
    }
    conn_zone_get(t, zone, &conf);
    snprintf(copy, sizeof copy, "%s", settings);
    for (char *word = strtok_r(copy, ", ", &save); word; word = strtok_r(NULL, ", ", &save)) {
        snprintf(said, sizeof said, "%s", word);
        if (!read_setting(&conf, word)) {
            rpc_reply_error(
                r, "setting '%s' is none of limit=N, host-limit=N, and TIMER=SECONDS of a timer such as udp-first",
                said);
            return false;
        }
    }
    if (conn_zone_set(t, zone, &conf)) {
        rpc_reply_error(r, "not enough memory");
        return false;
    }
    return true;
}

void conn_zone(struct rpc_request *r, json_t *params, void *arg)
{
    struct datapath *dp = ((struct control *)arg)->conf.sw->dp;
    const char *text = rpc_param_text(params, 0, "zone"), *settings = rpc_param_text(params, 1, "settings");
    unsigned long zone;

    if (!text || !read_number(text, UINT16_MAX, &zone)) {
        rpc_reply_error(r, "zone '%s' is not a number from 0 to 65535", text ? text : "");
        return;
    }
    if (conn_track_open(dp)) {
        rpc_reply_error(r, "not enough memory");
        return;
    }
    if (!settings || apply_settings(r, conn_track_table(dp), (uint16_t)zone, settings))
        rpc_reply_either(r, params, show_zone(conn_track_table(dp), (uint16_t)zone));
}
