/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c - recognises plain frames and makes their keys, word by word for a whole burst; see plain.h.
 * What it makes must be what pkt_parse() makes of the same frame: tests/unit/datapath/test_quick.c compares them. */
#include "datapath/plain.h"

#include "base/bytes.h"
#include "datapath/pkt.h"
#include "datapath/proto.h"

#include <rte_mbuf.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum { ETH_LEN = 14, TAG_LEN = 4, IPV4_LEN = 20 };

/* Stands for the frames that are not plain: all of its fields may be read, and mean nothing. */
static uint8_t nothing[128];

/* Offset of the IPv4 header of a plain frame; 0: it is none. */
static ALWAYS_INLINE uint8_t l3_offset(const struct rte_mbuf *m, const uint8_t *p)
{
    uint32_t len = rte_pktmbuf_data_len(m), l3 = ETH_LEN, total, l4;
    const uint8_t *ip = p + ETH_LEN;
    uint16_t type;

    if (unlikely(len < ETH_LEN + IPV4_LEN))
        return 0;
    type = be16_load(p + 12);
    if (is_vlan_tpid(type) && len >= ETH_LEN + TAG_LEN + IPV4_LEN) {
        type = be16_load(p + 16);
        l3 += TAG_LEN;
        ip += TAG_LEN;
    }
    if (type != ETH_TYPE_IPV4 || ip[0] != 0x45 || be16_load(ip + 6) & 0x3fff)
        return 0;
    l4 = ip[9] == IP_PROTO_UDP ? 8 : 20;
    total = be16_load(ip + 2);
    if ((ip[9] != IP_PROTO_UDP && ip[9] != IP_PROTO_TCP) || total < IPV4_LEN + l4 ||
        total > rte_pktmbuf_pkt_len(m) - l3 || len < l3 + IPV4_LEN + l4)
        return 0;
    return (uint8_t)l3;
}

unsigned plain_look_over(struct burst *b)
{
    unsigned n_others = 0;

    for (unsigned i = 0; i < b->n; i++) {
        b->p[i] = rte_pktmbuf_mtod(b->m[i], uint8_t *);
        b->l3_ofs[i] = l3_offset(b->m[i], b->p[i]);
        if (unlikely(!b->l3_ofs[i])) {
            b->p[i] = nothing;
            n_others++;
        }
    }
    b->is_looked_over = true;
    return n_others;
}

/* --- key words --- */

static ALWAYS_INLINE uint64_t at(enum field_id id, uint64_t v)
{
    return v << field_place[id].shift;
}

static ALWAYS_INLINE uint64_t be48_load(const uint8_t *p)
{
    return be64_load(p) >> 16;
}

static ALWAYS_INLINE uint64_t dst_word(const uint8_t *p, uint32_t l3)
{
    return at(FIELD_ETH_DST, be48_load(p)) | at(FIELD_ETH_TYPE, ETH_TYPE_IPV4);
}

static ALWAYS_INLINE uint64_t src_word(const uint8_t *p, uint32_t l3)
{
    uint64_t tci = be16_load(p + 14);
    uint64_t tag = at(FIELD_VLAN_PCP, tci >> 13) | at(FIELD_VLAN_VID, VLAN_PRESENT | (tci & 0xfff));

    return at(FIELD_ETH_SRC, be48_load(p + 6)) | (l3 > ETH_LEN ? tag : 0);
}

static ALWAYS_INLINE uint64_t tpid_word(const uint8_t *p, uint32_t l3)
{
    return l3 > ETH_LEN ? at(FIELD_VLAN_TPID, be16_load(p + 12)) : 0;
}

static ALWAYS_INLINE uint64_t ip_word(const uint8_t *p, uint32_t l3)
{
    const uint8_t *ip = p + l3;

    return at(FIELD_IP_PROTO, ip[9]) | at(FIELD_IP_DSCP, ip[1] >> 2) | at(FIELD_IP_ECN, ip[1] & 3) |
           at(FIELD_IP_TTL, ip[8]);
}

static ALWAYS_INLINE uint64_t ipv4_word(const uint8_t *p, uint32_t l3)
{
    return at(FIELD_IPV4_SRC, be32_load(p + l3 + 12)) | at(FIELD_IPV4_DST, be32_load(p + l3 + 16));
}

static ALWAYS_INLINE uint64_t l4_word(const uint8_t *p, uint32_t l3)
{
    const uint8_t *h = p + l3 + IPV4_LEN;

    return at(FIELD_TCP_SRC, be16_load(h)) | at(FIELD_TCP_DST, be16_load(h + 2)) |
           (p[l3 + 9] == IP_PROTO_TCP ? at(FIELD_TCP_FLAGS, be16_load(h + 12) & 0xfff) : 0);
}

/* Their places in a key, and of these the bits that are not the same in every plain frame. */
static const struct {
    enum field_id field;
    uint64_t bits;
} columns[PLAIN_COLUMNS] = {
    [PLAIN_DST] = { FIELD_ETH_DST, ~UINT64_C(0xffff) }, [PLAIN_SRC] = { FIELD_ETH_SRC, UINT64_MAX },
    [PLAIN_TPID] = { FIELD_VLAN_TPID, UINT64_MAX },     [PLAIN_IP] = { FIELD_IP_PROTO, UINT64_C(0xffffffff) << 32 },
    [PLAIN_IPV4] = { FIELD_IPV4_SRC, UINT64_MAX },      [PLAIN_L4] = { FIELD_TCP_SRC, UINT64_MAX },
};

void plain_choose(struct entry_mask *m)
{
    m->n_plain = 0;
    memset(m->plain_place, ENTRY_NO_PLACE, sizeof m->plain_place);
    for (unsigned j = 0; j < m->n; j++)
        for (unsigned i = 0; i < PLAIN_COLUMNS; i++)
            if (m->word[j] == field_place[columns[i].field].word && m->mask[j] & columns[i].bits) {
                m->plain_place[m->word[j]] = (uint8_t)m->n_plain;
                m->plain[m->n_plain] = (uint8_t)i;
                m->plain_mask[m->n_plain++] = m->mask[j];
            }
}

void plain_whole_keys(const struct burst *b, const struct entry_mask *m, const uint8_t *which, unsigned n,
                      struct key *keys)
{
    for (unsigned j = 0; j < m->n; j++) {
        unsigned word = m->word[j], place = m->plain_place[word];
        uint64_t common = 0;

        if (word == field_place[FIELD_ETH_TYPE].word)
            common = at(FIELD_ETH_TYPE, ETH_TYPE_IPV4) & m->mask[j];
        else if (word == field_place[FIELD_IN_PORT].word)
            common = ((uint64_t)b->in_port << 32 | b->in_port) & m->mask[j];
        if (place == ENTRY_NO_PLACE)
            for (unsigned k = 0; k < n; k++)
                keys[k].w[word] = common;
        else
            for (unsigned k = 0; k < n; k++)
                keys[k].w[word] = common | b->keys.word[place][which[k]];
    }
}

/* One word of every frame's key, under the mask. */
static ALWAYS_INLINE void column(const struct burst *b, uint64_t mask, uint64_t *out, uint64_t *hash,
                                 uint64_t word(const uint8_t *p, uint32_t l3))
{
    for (unsigned i = 0; i < b->n; i++) {
        out[i] = word(b->p[i], b->l3_ofs[i]) & mask;
        hash[i] = hash_add(hash[i], out[i]);
    }
}

void plain_keys(struct burst *b, const struct entry_mask *m, uint64_t basis)
{
    uint64_t *hash = b->keys.hash;

    b->keys.n_words = m->n_plain;
    for (unsigned i = 0; i < b->n; i++)
        hash[i] = basis;
    for (unsigned j = 0; j < m->n_plain; j++) {
        uint64_t *out = b->keys.word[j], mask = m->plain_mask[j];

        switch ((enum plain_column)m->plain[j]) {
        case PLAIN_DST:
            column(b, mask, out, hash, dst_word);
            break;
        case PLAIN_SRC:
            column(b, mask, out, hash, src_word);
            break;
        case PLAIN_TPID:
            column(b, mask, out, hash, tpid_word);
            break;
        case PLAIN_IP:
            column(b, mask, out, hash, ip_word);
            break;
        case PLAIN_IPV4:
            column(b, mask, out, hash, ipv4_word);
            break;
        case PLAIN_L4:
            column(b, mask, out, hash, l4_word);
            break;
        case PLAIN_COLUMNS:
            break;
        }
    }
    for (unsigned i = 0; i < b->n; i++)
        hash[i] = cache_hash_end(hash[i]);
}

static ALWAYS_INLINE void words(const struct burst *b, uint64_t mask, uint64_t *out,
                                uint64_t word(const uint8_t *p, uint32_t l3))
{
    for (unsigned i = 0; i < b->n; i++)
        out[i] = word(b->p[i], b->l3_ofs[i]) & mask;
}

void plain_word(const struct burst *b, unsigned word, uint64_t mask, uint64_t *out)
{
    unsigned i = 0;

    while (i < PLAIN_COLUMNS && field_place[columns[i].field].word != word)
        i++;
    switch ((enum plain_column)i) {
    case PLAIN_DST:
        words(b, mask, out, dst_word);
        return;
    case PLAIN_SRC:
        words(b, mask, out, src_word);
        return;
    case PLAIN_TPID:
        words(b, mask, out, tpid_word);
        return;
    case PLAIN_IP:
        words(b, mask, out, ip_word);
        return;
    case PLAIN_IPV4:
        words(b, mask, out, ipv4_word);
        return;
    case PLAIN_L4:
        words(b, mask, out, l4_word);
        return;
    case PLAIN_COLUMNS:
        break;
    }
    memset(out, 0, b->n * sizeof *out);
}
