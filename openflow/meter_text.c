/* SPDX-License-Identifier: Apache-2.0 */
/* meter_text.c - see meter_text.h. */
#include "openflow/meter_text.h"

#include <errno.h>
#include <inttypes.h>

#include "base/arena.h"
#include "base/str.h"
#include "openflow/ofp.h"
#include "openflow/text_lex.h"

static const struct {
    const char *name;
    uint16_t flag;
} flags[] = {
    { "kbps", OFPMF_KBPS },
    { "pktps", OFPMF_PKTPS },
    { "burst", OFPMF_BURST },
    { "stats", OFPMF_STATS },
};

static const struct {
    const char *name;
    uint32_t id;
} reserved[] = { { "all", OFPM_ALL }, { "controller", OFPM_CONTROLLER }, { "slowpath", OFPM_SLOWPATH } };

struct meter {
    struct ofp_meter_mod mm;
    struct arena *arena;
    struct errbuf *e;
    struct ofp_meter_band *band; /* the one being read */
    bool has_id;
    bool has_rate, has_burst, has_level; /* of `band` */
};

static int take_id(struct meter *m, const struct word *w)
{
    uint64_t v = 0;
    int err;

    m->has_id = true;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (span_is_nocase(w->value, reserved[i].name)) {
            m->mm.meter_id = reserved[i].id;
            if (reserved[i].id == OFPM_ALL && m->mm.command != OFPMC_DELETE)
                return errbuf_set(m->e, -EINVAL, "meter: only a deletion can be for all meters");
            return 0;
        }
    err = number_parse(w->key, w->value, OFPM_MAX, &v, m->e);
    m->mm.meter_id = (uint32_t)v;
    return err || v ? err : errbuf_set(m->e, -EINVAL, "meter: there is no meter 0");
}

static int finish_band(struct meter *m)
{
    bool has_burst_flag = m->mm.flags & OFPMF_BURST;

    if (!m->band)
        return 0;
    if (!m->has_rate)
        return errbuf_set(m->e, -EINVAL, "a band needs rate=N");
    if (has_burst_flag && !m->has_burst)
        return errbuf_set(m->e, -EINVAL, "a band needs burst_size=N, because the meter has the flag burst");
    if (!has_burst_flag && m->has_burst)
        return errbuf_set(m->e, -EINVAL, "burst_size: the meter lacks the flag burst");
    if (m->band->type == OFPMBT_DSCP_REMARK && !m->has_level)
        return errbuf_set(m->e, -EINVAL, "a band of type dscp_remark needs prec_level=N");
    if (m->band->type != OFPMBT_DSCP_REMARK && m->has_level)
        return errbuf_set(m->e, -EINVAL, "prec_level: only a band of type dscp_remark has one");
    return 0;
}

static int begin_band(struct meter *m, const struct word *w)
{
    int err = finish_band(m);

    if (err)
        return err;
    if (!m->mm.bands)
        return errbuf_set(m->e, -EINVAL, "type: bands=type=... must come first");
    m->band = &m->mm.bands[m->mm.n_bands++];
    m->has_rate = m->has_burst = m->has_level = false;
    if (span_is(w->value, "drop"))
        m->band->type = OFPMBT_DROP;
    else if (span_is(w->value, "dscp_remark"))
        m->band->type = OFPMBT_DSCP_REMARK;
    else
        return errbuf_set(m->e, -EINVAL, "type: '%.*s' is neither drop nor dscp_remark", SPAN_ARG(w->value));
    return 0;
}

static int take_band_word(struct meter *m, const struct word *w)
{
    uint64_t v = 0;
    int err;

    if (span_is(w->key, "type"))
        return begin_band(m, w);
    if (!m->band)
        return errbuf_set(m->e, -EINVAL, "%.*s: a band begins with type=drop or type=dscp_remark", SPAN_ARG(w->key));
    if (span_is(w->key, "rate")) {
        err = number_parse(w->key, w->value, UINT32_MAX, &v, m->e);
        m->band->rate = (uint32_t)v;
        m->has_rate = true;
    } else if (span_is(w->key, "burst_size")) {
        err = number_parse(w->key, w->value, UINT32_MAX, &v, m->e);
        m->band->burst_size = (uint32_t)v;
        m->has_burst = true;
    } else if (span_is(w->key, "prec_level")) {
        err = number_parse(w->key, w->value, UINT8_MAX, &v, m->e);
        if (!err)
            m->band->dscp_remark.prec_level = (uint8_t)v;
        m->has_level = true;
    } else {
        err = errbuf_set(m->e, -EINVAL, "'%.*s' is not a word of a meter's band (type, rate, burst_size, prec_level)",
                         SPAN_ARG(w->key));
    }
    return err;
}

static int take_word(struct meter *m, const struct word *w)
{
    if (span_is(w->key, "meter"))
        return take_id(m, w);
    if (m->mm.command == OFPMC_DELETE)
        return errbuf_set(m->e, -EINVAL, "'%.*s' cannot be said here, only meter", SPAN_ARG(w->key));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!w->delim && span_is(w->key, flags[i].name)) {
            m->mm.flags |= flags[i].flag;
            return 0;
        }
    return errbuf_set(m->e, -EINVAL, "'%.*s' is not a word of a meter (meter, kbps, pktps, burst, stats, bands)",
                      SPAN_ARG(w->key));
}

static bool is_bands(const struct word *w)
{
    return w->delim == '=' && (span_is(w->key, "bands") || span_is(w->key, "band"));
}

static int parse_bands(struct meter *m, struct span text)
{
    struct span rest = text;
    struct word w;
    size_t n = 0;
    int got;

    while ((got = word_next(&rest, &w, m->e)) > 0)
        n++;
    if (got)
        return got;
    m->mm.bands = arena_calloc(m->arena, n + 1, sizeof *m->mm.bands);
    if (!m->mm.bands)
        return errbuf_set(m->e, -ENOMEM, "out of memory");
    while (word_next(&text, &w, m->e) > 0) {
        if (is_bands(&w)) { /* another "band=type=drop": what is behind the sign is read as a word */
            text.n += (size_t)(text.p - w.value.p);
            text.p = w.value.p;
            continue;
        }
        got = take_band_word(m, &w);
        if (got)
            return got;
    }
    return finish_band(m);
}

static int check(const struct meter *m)
{
    uint16_t unit = m->mm.flags & (OFPMF_KBPS | OFPMF_PKTPS);

    if (m->mm.command == OFPMC_DELETE)
        return 0;
    if (!m->has_id)
        return errbuf_set(m->e, -EINVAL, "the meter needs meter=N");
    if (unit != OFPMF_KBPS && unit != OFPMF_PKTPS)
        return errbuf_set(m->e, -EINVAL, "the meter needs one of the flags kbps and pktps");
    if (!m->mm.n_bands)
        return errbuf_set(m->e, -EINVAL, "the meter needs a band, such as bands=type=drop,rate=1000");
    return 0;
}

int meter_text_parse(struct ofp_meter_mod *out, struct arena *a, const char *text, enum ofp_meter_mod_command cmd,
                     struct errbuf *e)
{
    struct meter m = { .mm = { .command = cmd, .meter_id = OFPM_ALL }, .arena = a, .e = e };
    struct span rest = span_of(text);
    struct word w;
    int err = 0, got;

    while ((got = word_next(&rest, &w, e)) > 0) {
        if (is_bands(&w) && cmd != OFPMC_DELETE) {
            err = parse_bands(&m, (struct span){ w.value.p, (size_t)(rest.p + rest.n - w.value.p) });
            got = 0;
            break;
        }
        err = take_word(&m, &w);
        if (err)
            break;
    }
    if (!err)
        err = got;
    if (!err)
        err = check(&m);
    if (!err)
        *out = m.mm;
    return err;
}

/* --- writing --- */

static void print_id(struct str *s, uint32_t id)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (reserved[i].id == id) {
            str_printf(s, "meter=%s", reserved[i].name);
            return;
        }
    str_printf(s, "meter=%" PRIu32, id);
}

static void print_band(struct str *s, const struct ofp_meter_band *b, uint16_t meter_flags)
{
    str_add(s, b->type == OFPMBT_DROP          ? "\ntype=drop"
               : b->type == OFPMBT_DSCP_REMARK ? "\ntype=dscp_remark"
                                               : "\ntype=experimenter");
    str_printf(s, " rate=%" PRIu32, b->rate);
    if (meter_flags & OFPMF_BURST)
        str_printf(s, " burst_size=%" PRIu32, b->burst_size);
    if (b->type == OFPMBT_DSCP_REMARK)
        str_printf(s, " prec_level=%u", b->dscp_remark.prec_level);
}

void meter_text_print_config(struct str *s, const struct ofp_meter_config *m)
{
    print_id(s, m->meter_id);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (m->flags & flags[i].flag)
            str_printf(s, " %s", flags[i].name);
    str_add(s, " bands=");
    for (size_t i = 0; i < m->n_bands; i++)
        print_band(s, &m->bands[i], m->flags);
}

void meter_text_print_mod(struct str *s, const struct ofp_meter_mod *mm)
{
    struct ofp_meter_config m = {
        .flags = mm->flags,
        .meter_id = mm->meter_id,
        .bands = mm->bands,
        .n_bands = mm->n_bands,
    };

    if (mm->command == OFPMC_DELETE)
        print_id(s, mm->meter_id);
    else
        meter_text_print_config(s, &m);
}
