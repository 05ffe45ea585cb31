/* SPDX-License-Identifier: Apache-2.0 */
/* hosts.c - see hosts.h. */
#include "controller/hosts.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdlib.h>

static uint32_t key_hash(uint16_t vlan, net_mac mac)
{
    uint64_t w = (uint64_t)vlan << 48 | mac;

    return hash_words(&w, 1, 0);
}

static struct host *find(const struct hosts *h, uint16_t vlan, net_mac mac)
{
    for_each_hmap_hash (struct host, host, &h->map, key_hash(vlan, mac), link)
        if (host->vlan == vlan && host->mac == mac)
            return host;
    return NULL;
}

/* --- how many are at each port --- */
struct port_count {
    struct hmap_link link;
    struct host_place at;
    size_t n;
};

static uint32_t place_hash(struct host_place at)
{
    uint64_t w[2] = { at.datapath_id, at.port };

    return hash_words(w, 2, 0);
}

static struct port_count *count_find(const struct hosts *h, struct host_place at)
{
    for_each_hmap_hash (struct port_count, p, &h->ports, place_hash(at), link)
        if (p->at.datapath_id == at.datapath_id && p->at.port == at.port)
            return p;
    return NULL;
}

/* One more there.  False: too many, or no memory. */
static bool count_up(struct hosts *h, struct host_place at)
{
    struct port_count *p = count_find(h, at);

    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            return false;
        p->at = at;
        hmap_insert(&h->ports, &p->link, place_hash(at));
    }
    if (p->n >= HOSTS_PER_PORT_MAX)
        return false;
    p->n++;
    return true;
}

static void count_down(struct hosts *h, struct host_place at)
{
    struct port_count *p = count_find(h, at);

    if (!p || --p->n)
        return;
    hmap_remove(&h->ports, &p->link);
    free(p);
}

size_t hosts_at(const struct hosts *h, struct host_place at)
{
    const struct port_count *p = count_find(h, at);

    return p ? p->n : 0;
}

/* --- hosts --- */
void hosts_init(struct hosts *h)
{
    hmap_init(&h->map);
    hmap_init(&h->ports);
}

static void drop(struct hosts *h, struct host *host)
{
    count_down(h, (struct host_place){ host->datapath_id, host->port });
    hmap_remove(&h->map, &host->link);
    free(host);
}

void hosts_fini(struct hosts *h)
{
    for_each_hmap_safe (struct host, host, next, &h->map, link)
        drop(h, host);
    hmap_fini(&h->map);
    hmap_fini(&h->ports); /* empty by now */
}

enum hosts_news hosts_see(struct hosts *h, uint16_t vlan, net_mac mac, struct host_place at, uint64_t now_ns)
{
    struct host *host = find(h, vlan, mac);

    if (host) {
        if (host->datapath_id == at.datapath_id && host->port == at.port)
            return HOSTS_SAME;
        if (now_ns - host->since_ns < (uint64_t)HOSTS_MOVE_MS * NSEC_PER_MS)
            return HOSTS_REFUSED;
        if (!count_up(h, at))
            return HOSTS_REFUSED;
        count_down(h, (struct host_place){ host->datapath_id, host->port });
        host->n_moves++;
    } else {
        if (h->map.n >= HOSTS_MAX || !count_up(h, at))
            return HOSTS_REFUSED;
        host = calloc(1, sizeof *host);
        if (!host) {
            count_down(h, at);
            return HOSTS_REFUSED;
        }
        host->mac = mac;
        host->vlan = vlan;
        hmap_insert(&h->map, &host->link, key_hash(vlan, mac));
    }
    host->datapath_id = at.datapath_id;
    host->port = at.port;
    host->since_ns = now_ns;
    return host->n_moves ? HOSTS_MOVED : HOSTS_NEW;
}

bool hosts_forget(struct hosts *h, uint16_t vlan, net_mac mac, struct host_place at)
{
    struct host *host = find(h, vlan, mac);

    if (!host || host->datapath_id != at.datapath_id || host->port != at.port)
        return false;
    drop(h, host);
    return true;
}

size_t hosts_forget_place(struct hosts *h, struct host_place at)
{
    size_t n = 0;

    for_each_hmap_safe (struct host, host, next, &h->map, link) {
        if (host->datapath_id != at.datapath_id || (at.port && host->port != at.port))
            continue;
        drop(h, host);
        n++;
    }
    return n;
}
