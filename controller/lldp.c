/* SPDX-License-Identifier: Apache-2.0 */
/* lldp.c - see lldp.h. */
#include "controller/lldp.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { ETH_TYPE_LLDP = 0x88cc };
enum tlv { TLV_END = 0, TLV_CHASSIS = 1, TLV_PORT = 2, TLV_TTL = 3, TLV_SYSTEM_NAME = 5, TLV_ORGANIZATION = 127 };
enum { SUBTYPE_LOCAL = 7, TTL_S = 5, OURS_SIZE = 4 + 8 + 4 + 4 + 8 };

static const uint8_t multicast[6] = { 0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e };
/* Nobody's organization (the "local" bit is set), then our subtype. */
static const uint8_t ours[4] = { 0x76, 0x74, 0x72, 0x01 };

int lldp_key_make(struct lldp_key *key)
{
    return getrandom(key->k, sizeof key->k, 0) == (ssize_t)sizeof key->k ? 0 : -errno;
}

static uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

/* SipHash-2-4 of two words. */
static uint64_t seal(const struct lldp_key *key, const struct lldp *l)
{
    const uint64_t words[3] = { l->datapath_id, (uint64_t)l->port << 32 | l->serial, UINT64_C(16) << 56 };
    uint64_t v[4] = {
        key->k[0] ^ UINT64_C(0x736f6d6570736575),
        key->k[1] ^ UINT64_C(0x646f72616e646f6d),
        key->k[0] ^ UINT64_C(0x6c7967656e657261),
        key->k[1] ^ UINT64_C(0x7465646279746573),
    };

    for (int i = 0; i < 3; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void put_tlv(struct wr *w, enum tlv type, size_t n)
{
    wr_u16(w, (uint16_t)((unsigned)type << 9 | (unsigned)n));
}

static void put_text(struct wr *w, enum tlv type, int subtype, const char *text)
{
    size_t len = strnlen(text, 255);

    put_tlv(w, type, len + (subtype >= 0));
    if (subtype >= 0)
        wr_u8(w, (uint8_t)subtype);
    wr_bytes(w, text, len);
}

void lldp_write(struct wr *w, const struct lldp_key *key, const struct lldp *l, const uint8_t src[6], const char *name)
{
    char text[24];

    wr_bytes(w, multicast, 6);
    wr_bytes(w, src, 6);
    wr_u16(w, ETH_TYPE_LLDP);
    snprintf(text, sizeof text, "%016jx", (uintmax_t)l->datapath_id);
    put_text(w, TLV_CHASSIS, SUBTYPE_LOCAL, text);
    snprintf(text, sizeof text, "%u", (unsigned)l->port);
    put_text(w, TLV_PORT, SUBTYPE_LOCAL, text);
    put_tlv(w, TLV_TTL, 2);
    wr_u16(w, TTL_S);
    put_text(w, TLV_SYSTEM_NAME, -1, name);
    put_tlv(w, TLV_ORGANIZATION, OURS_SIZE);
    wr_bytes(w, ours, sizeof ours);
    wr_u64(w, l->datapath_id);
    wr_u32(w, l->port);
    wr_u32(w, l->serial);
    wr_u64(w, seal(key, l));
    put_tlv(w, TLV_END, 0);
}

enum lldp_verdict lldp_read(struct lldp *out, const struct lldp_key *key, const uint8_t *frame, size_t n)
{
    struct rd r = rd_init(frame, n);

    rd_skip(&r, 12);
    if (rd_u16(&r) != ETH_TYPE_LLDP)
        return LLDP_FOREIGN;
    while (!r.bad && r.left) {
        unsigned head = rd_u16(&r);
        struct rd tlv = rd_sub(&r, head & 0x1ff);
        const uint8_t *id;

        if (head >> 9 == TLV_END)
            break;
        if (head >> 9 != TLV_ORGANIZATION || tlv.left < sizeof ours)
            continue;
        id = rd_bytes(&tlv, sizeof ours);
        if (memcmp(id, ours, sizeof ours) != 0)
            continue;
        out->datapath_id = rd_u64(&tlv);
        out->port = rd_u32(&tlv);
        out->serial = rd_u32(&tlv);

        uint64_t sealed = rd_u64(&tlv);

        return !tlv.bad && !tlv.left && sealed == seal(key, out) ? LLDP_GOOD : LLDP_FORGED;
    }
    return LLDP_FOREIGN;
}
