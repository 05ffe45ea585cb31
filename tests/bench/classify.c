/* SPDX-License-Identifier: Apache-2.0 */
/* classify.c - how fast one table finds rules: loads rules as ovs-ofctl writes them, takes keys from a capture, and looks them up
 * one by one and in bursts.  The table alone: no frames, no worker, no DPDK.
 *
 *   classify RULES.of TRACE.pcap [CHECKED]   the first CHECKED keys (100) are also looked for in a plain list */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "datapath/rcu.h"
#include "datapath/table.h"
#include "openflow/flow_text.h"
#include "openflow/match_text.h"
#include "openflow/ofp.h"
#include "openflow/semantics.h"
#include "tests/unit/datapath/rule_make.h"

enum { KEYS_MAX = 100000, ROUNDS = 5, CHECKED = 100 };

/* What a key is made of, kept small: in a switch, keys come fresh from the parser. */
struct tuple5 {
    uint16_t eth_type, src_port, dst_port;
    uint8_t proto;
    uint32_t src, dst;
};

struct bench {
    struct rcu *rcu;
    struct table *table;
    struct rule **rules;
    size_t n_rules, room;
    struct tuple5 *keys;
    size_t n_keys;
    uint64_t found; /* sum of the priorities found: all ways must agree */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long memory_kib(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "classify: %s: %s\n", what, why);
    exit(1);
}

static void read_rule(struct bench *b, const char *line)
{
    struct ofp_flow_mod fm;
    struct ofp_err oe;
    struct errbuf e;
    struct match m;
    struct arena a;

    arena_init(&a);
    if (flow_text_parse(&fm, &a, line, FLOW_TEXT_ADD, NULL, &e))
        die(line, e.text);
    if (ofp_match_to_match(&m, &fm.match, &oe))
        die(line, "no match that may be");
    if (b->n_rules == b->room) {
        b->room = b->room ? b->room * 2 : 1024;
        b->rules = realloc(b->rules, b->room * sizeof b->rules[0]);
        if (!b->rules)
            die(line, "no memory");
    }
    b->rules[b->n_rules++] = rule_make(&m, fm.priority, 1);
    arena_fini(&a);
}

static void read_rules(struct bench *b, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[1024];

    if (!f)
        die(path, "cannot be read");
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        read_rule(b, line);
    }
    fclose(f);
}

/* Addresses, protocol and ports of an IPv4 frame without options. */
static struct tuple5 tuple_of(const uint8_t *frame, size_t len)
{
    if (len < 38)
        return (struct tuple5){ 0 };
    return (struct tuple5){ be16_load(frame + 12), be16_load(frame + 34), be16_load(frame + 36), frame[23],
                            be32_load(frame + 26), be32_load(frame + 30) };
}

/* `k`: all zero but for an earlier one. */
static void key_of(struct key *k, const struct tuple5 *t)
{
    key_set_u64(k, FIELD_IN_PORT, 1);
    key_set_u64(k, FIELD_ETH_TYPE, t->eth_type);
    key_set_u64(k, FIELD_IP_PROTO, t->proto);
    key_set_u64(k, FIELD_IPV4_SRC, t->src);
    key_set_u64(k, FIELD_IPV4_DST, t->dst);
    key_set_u64(k, FIELD_TCP_SRC, t->src_port);
    key_set_u64(k, FIELD_TCP_DST, t->dst_port);
}

static void read_keys(struct bench *b, const char *path)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_t *p = pcap_open_offline(path, why);
    struct pcap_pkthdr *h;
    const uint8_t *frame;

    if (!p)
        die(path, why);
    b->keys = calloc(KEYS_MAX, sizeof b->keys[0]);
    while (b->keys && b->n_keys < KEYS_MAX && pcap_next_ex(p, &h, &frame) == 1)
        b->keys[b->n_keys++] = tuple_of(frame, h->caplen);
    pcap_close(p);
    if (!b->n_keys)
        die(path, "no frames");
}

static void find_single(struct bench *b)
{
    static struct key key;

    for (size_t i = 0; i < b->n_keys; i++) {
        const struct rule *r;

        key_of(&key, &b->keys[i]);
        r = table_find(b->table, &key, 1);

        b->found += r ? r->priority : 0;
    }
}

static void find_burst(struct bench *b)
{
    const struct rule *found[TABLE_BURST];
    const struct key *keys[TABLE_BURST];
    static struct key room[TABLE_BURST];

    for (size_t i = 0; i < b->n_keys; i += TABLE_BURST) {
        unsigned n = 0;

        for (; n < TABLE_BURST && i + n < b->n_keys; n++) {
            key_of(&room[n], &b->keys[i + n]);
            keys[n] = &room[n];
        }
        table_find_burst(b->table, keys, n, 1, found);
        for (unsigned k = 0; k < n; k++)
            b->found += found[k] ? found[k]->priority : 0;
    }
}

/* The best of ROUNDS: what disturbs only ever adds. */
static void measure(struct bench *b, const char *what, void (*find)(struct bench *b))
{
    double best = 1e9;

    for (int i = 0; i < ROUNDS; i++) {
        double began = now_s(), took;

        b->found = 0;
        find(b);
        took = now_s() - began;
        best = took < best ? took : best;
    }
    printf("%s %8.1f ns/key  %7.3f Mpps  (sum %llu)\n", what, best * 1e9 / (double)b->n_keys,
           (double)b->n_keys / best / 1e6, (unsigned long long)b->found);
}

static int priority_in_list(const struct bench *b, const struct key *k)
{
    int best = -1;

    for (size_t i = 0; i < b->n_rules; i++) {
        const struct compact_match *m = b->rules[i]->match;
        const uint64_t *value = compact_match_values(m), *mask = compact_match_masks(m);
        uint64_t differs = 0;
        unsigned word, at = 0;

        for_each_key_word (word, &m->map) {
            differs |= (k->w[word] ^ value[at]) & mask[at];
            at++;
        }
        if (!differs && b->rules[i]->priority > best)
            best = b->rules[i]->priority;
    }
    return best;
}

static int check(const struct bench *b, size_t n)
{
    size_t n_wrong = 0;

    for (size_t i = 0; i < n && i < b->n_keys; i++) {
        static struct key key;
        const struct key *k = &key;
        const struct rule *r, *in_burst;

        key_of(&key, &b->keys[i]);
        r = table_find(b->table, k, 1);
        table_find_burst(b->table, &k, 1, 1, &in_burst);

        int want = priority_in_list(b, k);

        n_wrong += (r ? r->priority : -1) != want || (in_burst ? in_burst->priority : -1) != want;
    }
    if (n_wrong)
        printf("%zu of the first %zu keys are answered wrongly\n", n_wrong, n);
    return n_wrong ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    long before;
    double began;

    if (argc < 3)
        die("usage", "classify RULES.of TRACE.pcap [CHECKED]");
    read_rules(&b, argv[1]);
    read_keys(&b, argv[2]);
    before = memory_kib();
    began = now_s();
    if (rcu_new(&b.rcu, 1) || table_new(&b.table, b.rcu, NULL))
        die(argv[1], "no memory");
    for (size_t i = 0; i < b.n_rules; i++)
        if (table_insert(b.table, b.rules[i]))
            die(argv[1], "no memory");
    printf("%zu rules: %.3f s, %ld KiB as they came\n", b.n_rules, now_s() - began, memory_kib() - before);
    measure(&b, "single", find_single);
    began = now_s();
    for (int i = 0; i < 2; i++) /* the second time nothing has changed any more: what is left is compiled */
        table_tend(b.table);
    printf("%.3f s, %ld KiB when it has settled\n", now_s() - began, memory_kib() - before);
    measure(&b, "single", find_single);
    measure(&b, "burst ", find_burst);
    return check(&b, argc > 3 ? strtoul(argv[3], NULL, 10) : CHECKED);
}
