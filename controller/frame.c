/* SPDX-License-Identifier: Apache-2.0 */
/* frame.c - see frame.h. */
#include "controller/frame.h"

#include <string.h>

enum { TYPE_VLAN = 0x8100, IPV4_HEADER = 20, IPV6_HEADER = 40, UDP_HEADER = 8, MIN_FRAME = 60 };

static net_mac rd_mac(struct rd *r)
{
    uint8_t bytes[6];

    rd_copy(r, bytes, sizeof bytes);
    return net_mac_of(bytes);
}

static void wr_mac(struct wr *w, net_mac mac)
{
    uint8_t bytes[6];

    net_mac_bytes(mac, bytes);
    wr_bytes(w, bytes, sizeof bytes);
}

static struct ip_addr rd_ip(struct rd *r, uint8_t family)
{
    struct ip_addr ip = { .family = family, .prefix_len = family == 4 ? 32 : 128 };

    rd_copy(r, ip.bytes, family == 4 ? 4 : 16);
    return ip;
}

static void wr_ip(struct wr *w, const struct ip_addr *ip)
{
    wr_bytes(w, ip->bytes, ip->family == 4 ? 4 : 16);
}

bool frame_read(struct frame *out, const uint8_t *bytes, size_t n)
{
    struct rd r = rd_init(bytes, n);

    *out = (struct frame){ 0 };
    out->dst = rd_mac(&r);
    out->src = rd_mac(&r);
    out->type = rd_u16(&r);
    if (out->type == TYPE_VLAN) {
        out->is_tagged = true;
        out->vlan = rd_u16(&r) & 0xfff;
        out->type = rd_u16(&r);
    }
    out->data = r.p;
    out->n_data = r.left;
    return !r.bad;
}

static void frame_begin(struct wr *w, net_mac dst, net_mac src, uint16_t vlan, uint16_t type)
{
    wr_mac(w, dst);
    wr_mac(w, src);
    if (vlan) {
        wr_u16(w, TYPE_VLAN);
        wr_u16(w, vlan);
    }
    wr_u16(w, type);
}

static void frame_end(struct wr *w, size_t start, uint16_t vlan)
{
    size_t want = start + MIN_FRAME + (vlan ? 4 : 0);

    if (w->len < want && !w->bad) {
        uint8_t *pad = wr_room(w, want - w->len);

        if (pad)
            memset(pad, 0, (size_t)(w->p + w->len - pad));
    }
}

bool arp_read(struct arp *out, const struct frame *f)
{
    struct rd r = rd_init(f->data, f->n_data);
    bool is_ethernet = rd_u16(&r) == 1, is_ip = rd_u16(&r) == FRAME_IP, is_sized = rd_u16(&r) == 0x0604;

    out->op = rd_u16(&r);
    out->sha = rd_mac(&r);
    out->spa = rd_ip(&r, 4);
    out->tha = rd_mac(&r);
    out->tpa = rd_ip(&r, 4);
    return f->type == FRAME_ARP && is_ethernet && is_ip && is_sized && !r.bad;
}

void arp_write(struct wr *w, net_mac dst, uint16_t vlan, const struct arp *a)
{
    size_t start = w->len;

    frame_begin(w, dst, a->sha, vlan, FRAME_ARP);
    wr_u16(w, 1);
    wr_u16(w, FRAME_IP);
    wr_u16(w, 0x0604);
    wr_u16(w, a->op);
    wr_mac(w, a->sha);
    wr_ip(w, &a->spa);
    wr_mac(w, a->tha);
    wr_ip(w, &a->tpa);
    frame_end(w, start, vlan);
}

static bool ipv4_read(struct ip_packet *out, const struct frame *f)
{
    struct rd r = rd_init(f->data, f->n_data);
    uint8_t first = rd_u8(&r);
    size_t header = (first & 0xfu) * 4, total;

    rd_skip(&r, 1);
    total = rd_u16(&r);
    rd_skip(&r, 2);
    out->is_later_fragment = rd_u16(&r) & 0x1fff;
    out->ttl = rd_u8(&r);
    out->proto = rd_u8(&r);
    rd_skip(&r, 2);
    out->src = rd_ip(&r, 4);
    out->dst = rd_ip(&r, 4);
    if (r.bad || first >> 4 != 4 || header < IPV4_HEADER || total < header || f->n_data < header)
        return false;
    out->n_whole = total < f->n_data ? total : f->n_data;
    out->data = f->data + header;
    out->n_data = out->n_whole - header;
    return true;
}

static bool ipv6_read(struct ip_packet *out, const struct frame *f)
{
    struct rd r = rd_init(f->data, f->n_data);
    uint8_t first = rd_u8(&r);
    size_t len;

    rd_skip(&r, 3);
    len = rd_u16(&r);
    out->proto = rd_u8(&r);
    out->ttl = rd_u8(&r);
    out->src = rd_ip(&r, 6);
    out->dst = rd_ip(&r, 6);
    if (r.bad || first >> 4 != 6)
        return false;
    out->data = r.p;
    out->n_data = len < r.left ? len : r.left;
    out->n_whole = IPV6_HEADER + out->n_data;
    return true;
}

bool ip_read(struct ip_packet *out, const struct frame *f)
{
    *out = (struct ip_packet){ .whole = f->data };
    if (f->type == FRAME_IP)
        return ipv4_read(out, f);
    return f->type == FRAME_IPV6 && ipv6_read(out, f);
}

/* RFC 1071. */
static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (n & 1)
        sum += (uint32_t)p[n - 1] << 8;
    return sum;
}

static uint16_t sum_end(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void ip_header(struct wr *w, const struct ip_write *how, size_t n)
{
    size_t start = w->len;

    if (how->src->family == 6) {
        wr_u32(w, UINT32_C(6) << 28);
        wr_u16(w, (uint16_t)n);
        wr_u8(w, how->proto);
        wr_u8(w, how->ttl);
        wr_ip(w, how->src);
        wr_ip(w, how->dst);
        return;
    }
    wr_u16(w, 0x4500);
    wr_u16(w, (uint16_t)(IPV4_HEADER + n));
    wr_u32(w, 0);
    wr_u8(w, how->ttl);
    wr_u8(w, how->proto);
    wr_u16(w, 0);
    wr_ip(w, how->src);
    wr_ip(w, how->dst);
    if (!w->bad)
        be16_store(w->p + start + 10, sum_end(sum_add(0, w->p + start, IPV4_HEADER)));
}

void ip_write(struct wr *w, const struct ip_write *how, const uint8_t *payload, size_t n)
{
    size_t start = w->len, at, n_ip = how->src->family == 4 ? 4 : 16;
    uint32_t sum = 0;

    frame_begin(w, how->dst_mac, how->src_mac, how->vlan, how->src->family == 4 ? FRAME_IP : FRAME_IPV6);
    ip_header(w, how, n);
    at = w->len;
    wr_bytes(w, payload, n);
    if (!w->bad && how->sum_at != SIZE_MAX) {
        if (how->proto != FRAME_ICMP) { /* the pseudo header */
            sum = sum_add(sum_add(0, how->src->bytes, n_ip), how->dst->bytes, n_ip);
            sum += how->proto + (uint32_t)n;
        }
        be16_store(w->p + at + how->sum_at, 0);
        sum = sum_end(sum_add(sum, w->p + at, n));
        be16_store(w->p + at + how->sum_at, sum || how->proto == FRAME_ICMP ? (uint16_t)sum : UINT16_MAX);
    }
    frame_end(w, start, how->vlan);
}

bool ip_may_cut(const struct ip_packet *ip)
{
    enum { DF = 0x4000 };

    return ip->src.family == 4 && !(be16_load(ip->whole + 6) & DF);
}

bool ip_is_whole(const struct ip_packet *ip)
{
    return be16_load(ip->whole + 2) == ip->n_whole;
}

/* Options that only the first fragment has become ones that say nothing (RFC 791, 3.1). */
static void options_end(uint8_t *header, size_t n)
{
    enum { END = 0, NOP = 1, COPIED = 0x80 };

    for (size_t i = IPV4_HEADER, len; i < n && header[i] != END; i += len) {
        len = header[i] == NOP || i + 1 == n || header[i + 1] < 2 ? 1 : header[i + 1];
        len = len < n - i ? len : n - i;
        if (!(header[i] & COPIED))
            memset(header + i, NOP, len);
    }
}

size_t ip_cut(struct wr *w, const struct frame *f, const struct ip_packet *ip, uint16_t mtu, size_t at)
{
    enum { MF = 0x2000, HEADER_MAX = 60, UNIT = 8 };
    size_t start = w->len, n_header = ip->n_whole - ip->n_data, step = (mtu - n_header) / UNIT * UNIT;
    size_t n = ip->n_data - at < step ? ip->n_data - at : step;
    uint16_t place = (uint16_t)(be16_load(ip->whole + 6) + at / UNIT);
    uint8_t header[HEADER_MAX];

    memcpy(header, ip->whole, n_header);
    if (at)
        options_end(header, n_header);
    be16_store(header + 2, (uint16_t)(n_header + n));
    be16_store(header + 6, at + n < ip->n_data ? place | MF : place);
    be16_store(header + 10, 0);
    be16_store(header + 10, sum_end(sum_add(0, header, n_header)));
    frame_begin(w, f->dst, f->src, f->vlan, f->type);
    wr_bytes(w, header, n_header);
    wr_bytes(w, ip->data + at, n);
    frame_end(w, start, f->vlan);
    return at + n;
}

bool udp_read(struct udp *out, const struct ip_packet *ip)
{
    struct rd r = rd_init(ip->data, ip->n_data);
    size_t n;

    out->src = rd_u16(&r);
    out->dst = rd_u16(&r);
    n = rd_u16(&r);
    rd_skip(&r, 2);
    out->data = r.p;
    out->n_data = n - UDP_HEADER;
    return ip->proto == FRAME_UDP && !ip->is_later_fragment && !r.bad && n >= UDP_HEADER && out->n_data <= r.left;
}

void udp_write(struct wr *w, const struct ip_write *how, const struct udp *u)
{
    struct ip_write whole = *how;
    struct wr m;

    whole.proto = FRAME_UDP;
    whole.sum_at = 6;
    wr_init(&m);
    wr_u16(&m, u->src);
    wr_u16(&m, u->dst);
    wr_u16(&m, (uint16_t)(UDP_HEADER + u->n_data));
    wr_u16(&m, 0);
    wr_bytes(&m, u->data, u->n_data);
    if (m.bad)
        w->bad = true;
    else
        ip_write(w, &whole, m.p, m.len);
    wr_fini(&m);
}

bool tcp_reset_write(struct wr *w, const struct ip_write *how, const struct ip_packet *ip)
{
    enum { HEADER = 20, FIN = 1, SYN = 2, RST = 4, ACK = 16, SUM_AT = 16 };
    struct rd r = rd_init(ip->data, ip->n_data);
    uint16_t src = rd_u16(&r), dst = rd_u16(&r);
    uint32_t seq = rd_u32(&r), ack = rd_u32(&r);
    uint8_t header = (uint8_t)(rd_u8(&r) >> 4) * 4, flags = rd_u8(&r), out[HEADER] = { 0 };
    struct ip_write whole = *how;

    if (ip->proto != FRAME_TCP || ip->is_later_fragment || r.bad || header < HEADER || header > ip->n_data ||
        flags & RST)
        return false;
    be16_store(out, dst);
    be16_store(out + 2, src);
    if (flags & ACK) {
        be32_store(out + 4, ack);
    } else {
        be32_store(out + 8, seq + (uint32_t)(ip->n_data - header) + !!(flags & SYN) + !!(flags & FIN));
    }
    out[12] = HEADER / 4 << 4;
    out[13] = flags & ACK ? RST : RST | ACK;
    whole.src = &ip->dst;
    whole.dst = &ip->src;
    whole.proto = FRAME_TCP;
    whole.sum_at = SUM_AT;
    ip_write(w, &whole, out, sizeof out);
    return true;
}

struct ip_addr ip_link_local(net_mac mac)
{
    struct ip_addr ip = { .family = 6, .prefix_len = 128, .bytes = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };
    uint8_t m[6];

    net_mac_bytes(mac, m);
    memcpy(ip.bytes + 8, m, 3);
    memcpy(ip.bytes + 13, m + 3, 3);
    ip.bytes[8] ^= 2;
    return ip;
}

bool ip_is_single(const struct ip_addr *ip)
{
    static const uint8_t zeros[16];

    if (ip->family == 4)
        return ip->bytes[0] && ip->bytes[0] < 224 && ip->bytes[0] != 127;
    return ip->bytes[0] != 0xff && memcmp(ip->bytes, zeros, 16) != 0;
}
