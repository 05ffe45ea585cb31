/* SPDX-License-Identifier: Apache-2.0 */
/* conn_zone.c - see conn_zone.h. */
#include "datapath/conn_zone.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const uint32_t conn_timer_default_s[CONN_TIMERS] = {
    [CONN_TCP_SYN_SENT] = 240,                              /* RFC 5382, REQ-5: not less than four minutes */
    [CONN_TCP_SYN_RECV] = 240,                              /* likewise */
    [CONN_TCP_ESTABLISHED] = 7440,                          /* likewise: two hours and four minutes */
    [CONN_TCP_FIN_WAIT] = 240,                              /* likewise */
    [CONN_TCP_TIME_WAIT] = 240,                             /* RFC 7857, 2.2 */
    [CONN_TCP_CLOSE] = 240,                                 /* likewise: the reset may be lost on its way on */
    [CONN_UDP_FIRST] = 120,                                 /* RFC 4787, REQ-5: not less than two minutes */
    [CONN_UDP_SINGLE] = 120,       [CONN_UDP_STREAM] = 300, /* ... recommended: five */
    [CONN_ICMP_FIRST] = 60,                                 /* RFC 5508, REQ-1 */
    [CONN_ICMP_REPLY] = 60,        [CONN_SCTP_FIRST] = 240, [CONN_SCTP_ESTABLISHED] = 7440,
    [CONN_SCTP_CLOSE] = 4,         [CONN_OTHER_FIRST] = 60, [CONN_OTHER_STREAM] = 300,
};

static const char *const timer_names[] = {
    [CONN_TCP_SYN_SENT] = "tcp-syn-sent",
    [CONN_TCP_SYN_RECV] = "tcp-syn-recv",
    [CONN_TCP_ESTABLISHED] = "tcp-established",
    [CONN_TCP_FIN_WAIT] = "tcp-fin-wait",
    [CONN_TCP_TIME_WAIT] = "tcp-time-wait",
    [CONN_TCP_CLOSE] = "tcp-close",
    [CONN_UDP_FIRST] = "udp-first",
    [CONN_UDP_SINGLE] = "udp-single",
    [CONN_UDP_STREAM] = "udp-stream",
    [CONN_ICMP_FIRST] = "icmp-first",
    [CONN_ICMP_REPLY] = "icmp-reply",
    [CONN_SCTP_FIRST] = "sctp-first",
    [CONN_SCTP_ESTABLISHED] = "sctp-established",
    [CONN_SCTP_CLOSE] = "sctp-close",
    [CONN_OTHER_FIRST] = "other-first",
    [CONN_OTHER_STREAM] = "other-stream",
};
static_assert(sizeof timer_names / sizeof *timer_names == CONN_TIMERS, "name every timer");

const char *conn_timer_name(enum conn_timer t)
{
    return t >= 0 && t < CONN_TIMERS ? timer_names[t] : "unknown";
}

/* As struct conn_zone_conf; made once, and changed in place. */
struct zone {
    _Atomic uint32_t timeout_s[CONN_TIMERS];
    _Atomic uint32_t limit, host_limit;
};

struct conn_zones {
    _Atomic(struct zone *) at[CONN_ZONES]; /* NULL: nothing is set */
};

struct conn_zones *conn_zones_new(void)
{
    return calloc(1, sizeof(struct conn_zones));
}

void conn_zones_free(struct conn_zones *z)
{
    for (unsigned i = 0; z && i < CONN_ZONES; i++)
        free(atomic_load(&z->at[i]));
    free(z);
}

static uint32_t limit_or_none(uint32_t limit)
{
    return limit ? limit : UINT32_MAX;
}

uint32_t conn_zones_limit(const struct conn_zones *z, uint16_t zone)
{
    const struct zone *one = atomic_load_explicit(&z->at[zone], memory_order_acquire);

    return limit_or_none(one ? atomic_load_explicit(&one->limit, memory_order_relaxed) : 0);
}

uint32_t conn_zones_host_limit(const struct conn_zones *z, uint16_t zone)
{
    const struct zone *one = atomic_load_explicit(&z->at[zone], memory_order_acquire);

    return limit_or_none(one ? atomic_load_explicit(&one->host_limit, memory_order_relaxed) : 0);
}

uint32_t conn_zones_timeout_s(const struct conn_zones *z, uint16_t zone, enum conn_timer timer)
{
    const struct zone *one = atomic_load_explicit(&z->at[zone], memory_order_acquire);
    uint32_t s = one ? atomic_load_explicit(&one->timeout_s[timer], memory_order_relaxed) : 0;

    return s ? s : conn_timer_default_s[timer];
}

int conn_zones_set(struct conn_zones *z, uint16_t zone, const struct conn_zone_conf *conf)
{
    struct zone *one = atomic_load(&z->at[zone]);
    bool is_new = !one;

    if (is_new)
        one = calloc(1, sizeof *one);
    if (!one)
        return -ENOMEM;
    for (unsigned i = 0; i < CONN_TIMERS; i++)
        atomic_store_explicit(&one->timeout_s[i], conf->timeout_s[i], memory_order_relaxed);
    atomic_store_explicit(&one->limit, conf->limit, memory_order_relaxed);
    atomic_store_explicit(&one->host_limit, conf->host_limit, memory_order_relaxed);
    if (is_new)
        atomic_store_explicit(&z->at[zone], one, memory_order_release);
    return 0;
}

void conn_zones_get(const struct conn_zones *z, uint16_t zone, struct conn_zone_conf *out)
{
    const struct zone *one = atomic_load(&z->at[zone]);

    memset(out, 0, sizeof *out);
    for (unsigned i = 0; one && i < CONN_TIMERS; i++)
        out->timeout_s[i] = atomic_load_explicit(&one->timeout_s[i], memory_order_relaxed);
    out->limit = one ? atomic_load_explicit(&one->limit, memory_order_relaxed) : 0;
    out->host_limit = one ? atomic_load_explicit(&one->host_limit, memory_order_relaxed) : 0;
}
