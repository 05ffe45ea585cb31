/* SPDX-License-Identifier: Apache-2.0 */
/* neighbors.c - see neighbors.h. */
#include "controller/neighbors.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdlib.h>

void neighbors_init(struct neighbors *n)
{
    hmap_init(&n->map);
    n->n_held = 0;
}

static void let_go(struct neighbors *n, struct neighbor *of)
{
    n->n_held -= of->held != NULL;
    free(of->held);
    of->held = NULL;
}

static void drop(struct neighbors *n, struct neighbor *of)
{
    let_go(n, of);
    hmap_remove(&n->map, &of->link);
    free(of);
}

void neighbors_fini(struct neighbors *n)
{
    for_each_hmap_safe (struct neighbor, of, next, &n->map, link)
        drop(n, of);
    hmap_fini(&n->map);
}

static uint32_t place_hash(uint16_t vlan, const struct ip_addr *ip)
{
    return hash_bytes(ip->bytes, sizeof ip->bytes, vlan);
}

static struct neighbor *find(const struct neighbors *n, uint16_t vlan, const struct ip_addr *ip)
{
    for_each_hmap_hash (struct neighbor, of, &n->map, place_hash(vlan, ip), link)
        if (of->vlan == vlan && ip_equal(&of->ip, ip))
            return of;
    return NULL;
}

/* One that is there, or a new one; NULL: there are too many. */
static struct neighbor *get(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip)
{
    struct neighbor *of = find(n, vlan, ip);

    if (of || n->map.n >= NEIGHBORS_MAX)
        return of;
    of = calloc(1, sizeof *of);
    if (!of)
        return NULL;
    of->vlan = vlan;
    of->ip = *ip;
    hmap_insert(&n->map, &of->link, place_hash(vlan, ip));
    return of;
}

bool neighbors_see(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, net_mac mac, uint64_t now_ns)
{
    struct neighbor *of = get(n, vlan, ip);
    bool is_changed = of && of->mac != mac;

    if (!of)
        return false;
    of->mac = mac;
    of->seen_ns = now_ns;
    of->n_asked = 0;
    return is_changed;
}

bool neighbors_want(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, uint64_t now_ns)
{
    struct neighbor *of = get(n, vlan, ip);

    if (!of || (of->asked_ns && now_ns - of->asked_ns < (uint64_t)NEIGHBOR_ASK_MS * NSEC_PER_MS))
        return false;
    of->asked_ns = now_ns;
    of->n_asked++;
    return true;
}

void neighbors_hold(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip, struct neighbor_frame *frame)
{
    struct neighbor *of = find(n, vlan, ip);

    if (of)
        let_go(n, of);
    if (!of || of->mac || n->n_held >= NEIGHBORS_HELD_MAX) {
        free(frame);
        return;
    }
    of->held = frame;
    n->n_held++;
}

struct neighbor_frame *neighbors_take(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip)
{
    struct neighbor *of = find(n, vlan, ip);
    struct neighbor_frame *frame = of ? of->held : NULL;

    if (frame) {
        of->held = NULL;
        n->n_held--;
    }
    return frame;
}

net_mac neighbors_mac(const struct neighbors *n, uint16_t vlan, const struct ip_addr *ip)
{
    const struct neighbor *of = find(n, vlan, ip);

    return of ? of->mac : 0;
}

bool neighbors_tick(struct neighbors *n, uint64_t now_ns, const struct neighbor_events *events, void *arg)
{
    bool is_changed = false;

    for_each_hmap_safe (struct neighbor, of, next, &n->map, link) {
        if (of->mac && now_ns - of->seen_ns < (uint64_t)NEIGHBOR_FRESH_MS * NSEC_PER_MS)
            continue;
        if (now_ns - of->asked_ns < (uint64_t)NEIGHBOR_ASK_MS * NSEC_PER_MS)
            continue;
        if (of->n_asked >= (of->mac ? NEIGHBOR_TRIES : NEIGHBOR_FIRST_TRIES)) {
            is_changed |= of->mac != 0;
            events->lost(arg, of);
            drop(n, of);
            continue;
        }
        of->asked_ns = now_ns;
        of->n_asked++;
        events->ask(arg, of);
    }
    return is_changed;
}

bool neighbors_forget(struct neighbors *n, uint16_t vlan, const struct ip_addr *ip)
{
    struct neighbor *of = find(n, vlan, ip);

    if (!of)
        return false;
    drop(n, of);
    return true;
}
