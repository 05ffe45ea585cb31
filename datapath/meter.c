/* SPDX-License-Identifier: Apache-2.0 */
/* meter.c - see meter.h.
 *
 * Theory.  A band is a leaky bucket kept as one number (the generic cell rate algorithm of ITU-T I.371): `due` is the time
 * at which all that was let pass has been paid off at the band's rate.  A frame passes when `due` is at most `limit` ahead
 * of now; then `due`, or now if that is later, goes up by what the frame costs.  So the bucket refills by itself, nothing
 * is rounded from second to second, and workers share it by one compare-and-swap.
 *
 * Time is counted in 2^-shift ns, so that a packet's cost at a high rate is exact to some 10^-4 (`SHIFT_MAX`); the number wraps
 * around, and only differences are looked at.  A `due` that is further ahead than any frame can have put it is one of a
 * band that slept for half a wrap, and means that everything is paid off.
 *
 * Packets: the limit is the burst less one packet, and a burst of b lets exactly b pass at once.  Bits: it is the whole burst,
 * and the frame that uses up the rest may be larger than that: else a frame larger than the burst (64 KiB to be cut) would
 * never pass.  Bands are asked from the fastest down, and the first that is exceeded decides: slower ones are not charged for
 * what it takes. */
#include "datapath/meter.h"

#include <assert.h>
#include <errno.h>
#include <rte_mbuf.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "datapath/datapath_impl.h"
#include "datapath/pkt.h"

enum { SHIFT_MAX = 12 };

static const uint64_t LIMIT_MAX = UINT64_C(1) << 61, SECOND_NS = NSEC_PER_S;

/* --- making --- */

static void band_init(struct band *x, const struct band_spec *spec, bool is_pktps)
{
    /* rate and burst have the same unit but for "per second" */
    uint64_t burst_ns = METER_BURST_NS;

    if (spec->burst) {
        unsigned __int128 ns = (unsigned __int128)spec->burst * SECOND_NS / spec->rate;

        burst_ns = ns < LIMIT_MAX ? (uint64_t)ns : LIMIT_MAX;
    }
    x->kind = spec->kind;
    x->rate = spec->rate;
    x->prec_level = spec->prec_level;
    for (x->shift = SHIFT_MAX; burst_ns > LIMIT_MAX >> x->shift; x->shift--)
        ;
    x->limit = burst_ns << x->shift;
    if (is_pktps) {
        x->cost = (SECOND_NS << x->shift) / spec->rate;
        x->limit -= x->cost < x->limit ? x->cost : x->limit;
    } else {
        x->cost = (SECOND_NS / 1000) << x->shift;
    }
    atomic_init(&x->due, 0);
}

static int take_slot(struct datapath *dp, struct meter *m)
{
    for (uint32_t i = 0; i < METERS_MAX; i++) {
        uint32_t slot = (dp->meter_hint + i) % METERS_MAX;

        if (atomic_load(&dp->meters[slot]))
            continue;
        m->slot = slot;
        dp->meter_hint = slot + 1;
        atomic_store_explicit(&dp->meters[slot], m, memory_order_release);
        return 0;
    }
    return -ENOSPC;
}

static void free_stats(struct meter *m, unsigned n_bands)
{
    struct stat_pool *pool = m->bridge->dp->stats;

    for (unsigned i = 0; i < n_bands; i++)
        stat_free(pool, m->bands[i].stat);
    stat_free(pool, m->stat);
}

/* Slots of statistics for the meter and each of its bands. */
static int take_stats(struct meter *m, const struct meter *replaces)
{
    struct stat_pool *pool = m->bridge->dp->stats;
    int err = 0;

    if (replaces)
        stat_ref(pool, m->stat = replaces->stat);
    else
        err = stat_alloc(pool, &m->stat);
    if (err)
        return err;
    for (unsigned i = 0; i < m->n_bands; i++) {
        err = stat_alloc(pool, &m->bands[i].stat);
        if (err) {
            free_stats(m, i);
            return err;
        }
    }
    return 0;
}

static int by_falling_rate(const void *a, const void *b)
{
    const struct band *x = a, *y = b;

    if (x->rate != y->rate)
        return x->rate < y->rate ? 1 : -1;
    return x->index - y->index;
}

int meter_new(struct meter **out, struct bridge *b, const struct meter_spec *spec)
{
    size_t size = sizeof(struct meter) + spec->n_bands * sizeof(struct band);
    struct meter *m = aligned_alloc(64, (size + 63) & ~(size_t)63);
    int err;

    if (!m)
        return -ENOMEM;
    memset(m, 0, size);
    m->object.id = spec->id;
    m->bridge = b;
    m->is_pktps = spec->is_pktps;
    m->n_bands = spec->n_bands;
    for (unsigned i = 0; i < spec->n_bands; i++) {
        band_init(&m->bands[i], &spec->bands[i], spec->is_pktps);
        m->bands[i].index = (uint16_t)i;
        m->has_remark |= spec->bands[i].kind == BAND_REMARK;
    }
    qsort(m->bands, m->n_bands, sizeof m->bands[0], by_falling_rate);
    err = take_stats(m, spec->replaces);
    if (err) {
        free(m);
        return err;
    }
    err = take_slot(b->dp, m);
    if (err) {
        free_stats(m, m->n_bands);
        free(m);
        return err;
    }
    *out = m;
    return 0;
}

void meter_free_object(struct object *o)
{
    struct meter *m = (struct meter *)o; /* its first member */

    atomic_store(&m->bridge->dp->meters[m->slot], NULL);
    free_stats(m, m->n_bands);
    free(m);
}

void bridge_meter_add(struct bridge *b, struct meter *m)
{
    object_add(&b->meters, &m->object, m->object.id);
}

void bridge_meter_remove(struct bridge *b, struct meter *m)
{
    object_remove(&m->object);
}

void meter_stats(const struct meter *m, struct rule_stat *out)
{
    stat_read(m->bridge->dp->stats, m->stat, out);
}

void meter_band_stats(const struct meter *m, unsigned i, struct rule_stat *out)
{
    for (unsigned j = 0; j < m->n_bands; j++)
        if (m->bands[j].index == i)
            stat_read(m->bridge->dp->stats, m->bands[j].stat, out);
}

/* --- metering --- */

const struct meter *meter_find(const struct bridge *b, uint32_t id, uint64_t version)
{
    return (const struct meter *)object_find(&b->meters, id, version);
}

/* Charges the band; false: it is exceeded. */
static bool band_charge(struct band *x, uint64_t cost, uint64_t now)
{
    uint64_t due = atomic_load_explicit(&x->due, memory_order_relaxed), next;

    do {
        int64_t ahead = (int64_t)(due - now);

        if (ahead > (int64_t)(x->limit + cost + (SECOND_NS << x->shift)))
            ahead = 0; /* of long ago */
        if (ahead > (int64_t)x->limit)
            return false;
        next = now + (ahead > 0 ? (uint64_t)ahead : 0) + cost;
    } while (!atomic_compare_exchange_weak_explicit(&x->due, &due, next, memory_order_relaxed, memory_order_relaxed));
    return true;
}

struct band *meter_charge(struct meter *m, uint32_t bytes, uint64_t now_ns)
{
    for (unsigned i = 0; i < m->n_bands; i++) {
        struct band *x = &m->bands[i];
        uint64_t cost = m->is_pktps ? x->cost : (uint64_t)bytes * 8 * x->cost / x->rate;

        if (!band_charge(x, cost, now_ns << x->shift))
            return x;
    }
    return NULL;
}

/* Adds to the drop precedence of the assured forwarding classes AF11 to AF43 (RFC 2597, 6), which ends at three.  What
 * is of no such class, or not IP, stays as it is. */
static int remark(struct pkt *p, uint8_t levels)
{
    uint64_t dscp, class, precedence;
    int err;

    pkt_parse(p, 1u << LAYER_L3);
    dscp = key_get(&p->key, FIELD_IP_DSCP).lo;
    class = dscp >> 3;
    precedence = dscp >> 1 & 3;
    if (dscp & 1 || class < 1 || class > 4 || !precedence || precedence == 3)
        return 0;
    precedence = levels < 3 - precedence ? precedence + levels : 3;
    err = pkt_writable(p);
    if (err)
        return err;
    (void)pkt_set_field(p, FIELD_IP_DSCP, value_of(class << 3 | precedence << 1), field_ones(FIELD_IP_DSCP));
    return 0;
}

int meter_frame(struct worker *w, struct pkt *p, struct meter *m)
{
    uint32_t bytes = rte_pktmbuf_pkt_len(p->m);
    const struct band *x = meter_charge(m, bytes, w->now_ns);

    stat_add(w->stats, m->stat, 1, bytes, w->now_ns);
    if (!x)
        return 0;
    stat_add(w->stats, x->stat, 1, bytes, w->now_ns);
    return x->kind == BAND_DROP ? -EDQUOT : remark(p, x->prec_level);
}
