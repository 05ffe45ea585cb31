/* SPDX-License-Identifier: Apache-2.0 */
/* addr.c - see addr.h.  IPv6 text forms are those of RFC 4291, 2.2, and RFC 5952. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool net_mac_parse(net_mac *out, const char *text)
{
    net_mac mac = 0;

    for (int i = 0; i < 6; i++, text += 3) {
        int hi = hex_digit(text[0]), lo = hi < 0 ? -1 : hex_digit(text[1]);

        if (lo < 0 || text[2] != (i < 5 ? ':' : '\0'))
            return false;
        mac = mac << 8 | (unsigned)(hi << 4 | lo);
    }
    *out = mac;
    return true;
}

const char *net_mac_text(net_mac mac, char out[NET_ADDR_TEXT])
{
    snprintf(out, NET_ADDR_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(mac >> 40 & 0xff), (unsigned)(mac >> 32 & 0xff),
             (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff), (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff));
    return out;
}

static unsigned width(const struct net_ip *ip)
{
    return ip->family == 4 ? 32 : 128;
}

bool net_ip_parse(struct net_ip *out, const char *text, bool *has_prefix)
{
    const char *slash = strchr(text, '/');
    char addr[NET_ADDR_TEXT];
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    struct net_ip ip = { 0 };

    if (len >= sizeof addr)
        return false;
    memcpy(addr, text, len);
    addr[len] = '\0';
    ip.family = strchr(addr, ':') ? 6 : 4;
    if (inet_pton(ip.family == 4 ? AF_INET : AF_INET6, addr, ip.b) != 1)
        return false;
    ip.prefix = (uint8_t)width(&ip);
    *has_prefix = slash;
    if (slash) {
        size_t n = strspn(slash + 1, "0123456789");
        unsigned prefix = n && n <= 3 && !slash[1 + n] ? (unsigned)strtoul(slash + 1, NULL, 10) : 999;

        if (prefix > width(&ip))
            return false;
        ip.prefix = (uint8_t)prefix;
    }
    *out = ip;
    return true;
}

const char *net_ip_text(const struct net_ip *ip, char out[NET_ADDR_TEXT])
{
    if (!inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, ip->b, out, NET_ADDR_TEXT))
        out[0] = '\0';
    return out;
}

const char *net_ip_prefix_text(const struct net_ip *ip, char out[NET_ADDR_TEXT])
{
    size_t len = strlen(net_ip_text(ip, out));

    snprintf(out + len, NET_ADDR_TEXT - len, "/%u", ip->prefix);
    return out;
}

bool net_ip_same(const struct net_ip *a, const struct net_ip *b)
{
    return a->family == b->family && !memcmp(a->b, b->b, sizeof a->b);
}

static unsigned bit(const struct net_ip *ip, unsigned i)
{
    return ip->b[i / 8] >> (7 - i % 8) & 1;
}

bool net_ip_is_in(const struct net_ip *ip, const struct net_ip *subnet)
{
    if (ip->family != subnet->family)
        return false;
    for (unsigned i = 0; i < subnet->prefix; i++)
        if (bit(ip, i) != bit(subnet, i))
            return false;
    return true;
}

bool net_ip_overlap(const struct net_ip *a, const struct net_ip *b)
{
    return net_ip_is_in(a, b) || net_ip_is_in(b, a);
}

/* Every bit behind the prefix is `want`. */
static bool host_bits_are(const struct net_ip *ip, unsigned want)
{
    for (unsigned i = ip->prefix; i < width(ip); i++)
        if (bit(ip, i) != want)
            return false;
    return true;
}

bool net_ip_host_is_zero(const struct net_ip *ip)
{
    return host_bits_are(ip, 0);
}

bool net_ip_host_is_ones(const struct net_ip *ip)
{
    return host_bits_are(ip, 1);
}
