/* SPDX-License-Identifier: Apache-2.0 */
/* addr.c - see addr.h. */
#include "io/addr.h"

#include "base/bytes.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static unsigned bits_of(const struct ip_addr *a)
{
    return a->family == 4 ? 32 : 128;
}

static bool bytes_parse(struct ip_addr *out, const char *text)
{
    *out = (struct ip_addr){ 0 };
    if (inet_pton(AF_INET, text, out->bytes) == 1)
        out->family = 4;
    else if (inet_pton(AF_INET6, text, out->bytes) == 1)
        out->family = 6;
    else
        return false;
    out->prefix_len = (uint8_t)bits_of(out);
    return true;
}

int ip_parse(struct ip_addr *out, const char *text, struct errbuf *e)
{
    if (!bytes_parse(out, text))
        return errbuf_set(e, -EINVAL, "'%.64s' is not an IPv4 or IPv6 address", text);
    return 0;
}

/* Decimal digits only, no sign, no space; false when there is anything else or the value exceeds `max`. */
static bool digits_parse(uint64_t *out, const char *s, size_t len, uint64_t max)
{
    uint64_t v = 0;

    if (!len)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isdigit((unsigned char)s[i]))
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v) || v > max)
            return false;
    }
    *out = v;
    return true;
}

int ip_prefix_parse(struct ip_addr *out, const char *text, struct errbuf *e)
{
    const char *slash = strchr(text, '/');
    char addr[ADDR_TEXT_SIZE];
    uint64_t prefix_len;

    if (!slash)
        return errbuf_set(e, -EINVAL, "'%.64s' has no prefix length, such as 10.0.0.1/24 or fd00::1/64", text);
    if ((size_t)(slash - text) >= sizeof addr)
        return errbuf_set(e, -EINVAL, "'%.64s' is not an address with prefix", text);
    memcpy(addr, text, (size_t)(slash - text));
    addr[slash - text] = '\0';
    if (!bytes_parse(out, addr))
        return errbuf_set(e, -EINVAL, "'%.64s' does not begin with an IPv4 or IPv6 address", text);
    if (!digits_parse(&prefix_len, slash + 1, strlen(slash + 1), bits_of(out)))
        return errbuf_set(e, -EINVAL, "'%.64s' has a prefix length that is not a number from 0 to %u", text,
                          bits_of(out));
    out->prefix_len = (uint8_t)prefix_len;
    return 0;
}

void ip_network(struct ip_addr *out, const struct ip_addr *a)
{
    *out = *a;
    for (unsigned i = 0; i < sizeof out->bytes; i++) {
        unsigned keep = a->prefix_len > i * 8 ? a->prefix_len - i * 8 : 0;

        if (keep < 8)
            out->bytes[i] &= (uint8_t) ~(0xff >> keep);
    }
}

int ip_subnet_parse(struct ip_addr *out, const char *text, struct errbuf *e)
{
    int err = ip_prefix_parse(out, text, e);
    char want[ADDR_TEXT_SIZE];
    struct ip_addr network;

    if (err)
        return err;
    ip_network(&network, out);
    if (!ip_equal(&network, out))
        return errbuf_set(e, -EINVAL, "'%.64s' has bits set behind its prefix; the subnet is %s", text,
                          ip_prefix_format(&network, want, sizeof want));
    return 0;
}

const char *ip_format(const struct ip_addr *a, char *text, size_t size)
{
    char s[INET6_ADDRSTRLEN] = "none";

    if (a->family)
        inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->bytes, s, sizeof s);
    snprintf(text, size, "%s", s);
    return text;
}

const char *ip_prefix_format(const struct ip_addr *a, char *text, size_t size)
{
    char s[ADDR_TEXT_SIZE];

    snprintf(text, size, "%s/%u", ip_format(a, s, sizeof s), a->prefix_len);
    return text;
}

bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
    return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool ip_is_in(const struct ip_addr *a, const struct ip_addr *subnet)
{
    struct ip_addr network = *a, want;

    network.prefix_len = subnet->prefix_len;
    ip_network(&network, &network);
    ip_network(&want, subnet);
    return ip_equal(&network, &want);
}

/* `n` bytes as two hex digits each, with one kind of separator between them. */
static bool hex_bytes_parse(uint8_t *out, size_t n, const char *text)
{
    if (strlen(text) != n * 3 - 1)
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *s = text + i * 3;

        if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
            return false;
        if (i + 1 < n && (s[2] != text[2] || (s[2] != ':' && s[2] != '-')))
            return false;
        out[i] = (uint8_t)strtoul((char[]){ s[0], s[1], '\0' }, NULL, 16);
    }
    return true;
}

int mac_parse(uint8_t out[6], const char *text, struct errbuf *e)
{
    if (!hex_bytes_parse(out, 6, text))
        return errbuf_set(e, -EINVAL, "'%.64s' is not a MAC address such as 02:00:00:00:00:0a", text);
    return 0;
}

const char *mac_format(const uint8_t mac[6], char *text, size_t size)
{
    snprintf(text, size, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return text;
}

int dpid_parse(uint64_t *out, const char *text, struct errbuf *e)
{
    size_t len = strlen(text);
    bool is_good = false;
    uint8_t bytes[8];

    if (len == 23 && hex_bytes_parse(bytes, 8, text)) {
        *out = be64_load(bytes);
        is_good = true;
    } else if (len > 2 && len <= 18 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        is_good = strspn(text + 2, "0123456789abcdefABCDEF") == len - 2;
        *out = is_good ? strtoull(text + 2, NULL, 16) : 0;
    } else if (len == 16 && strspn(text, "0123456789abcdefABCDEF") == len) {
        *out = strtoull(text, NULL, 16);
        is_good = true;
    } else {
        is_good = digits_parse(out, text, len, UINT64_MAX);
    }
    if (!is_good)
        return errbuf_set(e, -EINVAL, "'%.64s' is not a datapath id such as 1, 0x1f or 00:00:00:00:00:00:00:1f", text);
    if (!*out)
        return errbuf_set(e, -EINVAL, "a datapath id must not be 0");
    return 0;
}

static int port_parse(uint16_t *out, const char *s, size_t len, bool is_passive, const char *text, struct errbuf *e)
{
    uint64_t v;

    if (!digits_parse(&v, s, len, 65535) || (!v && !is_passive))
        return errbuf_set(e, -EINVAL, "'%.100s' has a TCP port that is not a number from 1 to 65535", text);
    *out = (uint16_t)v;
    return 0;
}

/* IP, [IP] or either with ":PORT" behind it (an IPv6 address with a port needs its brackets). */
static int host_parse(struct endpoint *out, const char *s, const char *text, struct errbuf *e)
{
    const char *end, *port = NULL;
    char addr[ADDR_TEXT_SIZE];

    if (*s == '[') {
        end = strchr(++s, ']');
        if (!end || (end[1] && end[1] != ':'))
            return errbuf_set(e, -EINVAL, "'%.100s' has brackets that do not enclose an address", text);
        port = end[1] ? end + 2 : NULL;
    } else {
        end = strchr(s, ':');
        if (end && strchr(end + 1, ':'))
            end = NULL; /* IPv6 without brackets */
        port = end ? end + 1 : NULL;
        if (!end)
            end = s + strlen(s);
    }
    if ((size_t)(end - s) >= sizeof addr)
        return errbuf_set(e, -EINVAL, "'%.100s' is too long for an address", text);
    memcpy(addr, s, (size_t)(end - s));
    addr[end - s] = '\0';
    if (!bytes_parse(&out->ip, addr))
        return errbuf_set(e, -EINVAL, "'%.100s' has no IPv4 or IPv6 address where one is expected", text);
    return port ? port_parse(&out->port, port, strlen(port), out->is_passive, text, e) : 0;
}

/* [PORT][:IP] */
static int passive_parse(struct endpoint *out, const char *s, const char *text, struct errbuf *e)
{
    size_t n = strcspn(s, ":");
    int err = n ? port_parse(&out->port, s, n, true, text, e) : 0;

    if (err || !s[n])
        return err;
    if (strchr(s + n, ']') && strchr(s + n, ']')[1])
        return errbuf_set(e, -EINVAL, "'%.100s' has something behind its address; the form is ptcp:PORT:IP", text);

    uint16_t port = out->port;

    err = host_parse(out, s + n + 1, text, e);
    out->port = port;
    return err;
}

int endpoint_parse(struct endpoint *out, const char *text, struct errbuf *e)
{
    static const struct {
        const char *prefix;
        enum endpoint_kind kind;
        bool is_passive, is_tls;
    } forms[] = {
        { "tcp:", ENDPOINT_TCP, false, false },   { "ptcp:", ENDPOINT_TCP, true, false },
        { "ssl:", ENDPOINT_TCP, false, true },    { "pssl:", ENDPOINT_TCP, true, true },
        { "unix:", ENDPOINT_UNIX, false, false }, { "punix:", ENDPOINT_UNIX, true, false },
    };

    *out = (struct endpoint){ .port = OPENFLOW_TCP_PORT };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t n = strlen(forms[i].prefix);
        const char *rest = text + n;

        if (strncmp(text, forms[i].prefix, n) != 0)
            continue;
        out->kind = forms[i].kind;
        out->is_passive = forms[i].is_passive;
        out->is_tls = forms[i].is_tls;
        if (out->kind == ENDPOINT_TCP)
            return out->is_passive ? passive_parse(out, rest, text, e) : host_parse(out, rest, text, e);
        out->port = 0;
        if (!*rest || strlen(rest) >= sizeof out->path)
            return errbuf_set(e, -EINVAL, "'%.100s' has a socket path of %zu bytes; 1 to %zu are possible", text,
                              strlen(rest), sizeof out->path - 1);
        memcpy(out->path, rest, strlen(rest) + 1);
        return 0;
    }
    return errbuf_set(e, -EINVAL,
                      "'%.100s' is not tcp:IP[:PORT], ssl:IP[:PORT], unix:PATH, ptcp:[PORT][:IP], "
                      "pssl:[PORT][:IP] or punix:PATH",
                      text);
}

const char *endpoint_format(const struct endpoint *ep, char *text, size_t size)
{
    const char *p = ep->is_passive ? "p" : "", *proto = ep->is_tls ? "ssl" : "tcp";
    char ip[ADDR_TEXT_SIZE];

    if (ep->kind == ENDPOINT_UNIX) {
        snprintf(text, size, "%sunix:%s", p, ep->path);
        return text;
    }
    ip_format(&ep->ip, ip, sizeof ip);

    bool is_v6 = ep->ip.family == 6;

    if (!ep->is_passive)
        snprintf(text, size, "%s:%s%s%s:%u", proto, is_v6 ? "[" : "", ip, is_v6 ? "]" : "", ep->port);
    else if (!ep->ip.family)
        snprintf(text, size, "p%s:%u", proto, ep->port);
    else
        snprintf(text, size, "p%s:%u:%s%s%s", proto, ep->port, is_v6 ? "[" : "", ip, is_v6 ? "]" : "");
    return text;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->kind == b->kind && a->is_passive == b->is_passive && a->is_tls == b->is_tls && a->port == b->port &&
           ip_equal(&a->ip, &b->ip) && !strcmp(a->path, b->path);
}

socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (ep->kind == ENDPOINT_UNIX) {
        struct sockaddr_un *un = (struct sockaddr_un *)out;

        un->sun_family = AF_UNIX;
        memcpy(un->sun_path, ep->path, sizeof un->sun_path);
        return sizeof *un;
    }
    if (ep->ip.family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;

        in->sin_family = AF_INET;
        be16_store(&in->sin_port, ep->port);
        memcpy(&in->sin_addr, ep->ip.bytes, 4);
        return sizeof *in;
    }

    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out; /* "any" takes IPv4 too */

    in6->sin6_family = AF_INET6;
    be16_store(&in6->sin6_port, ep->port);
    memcpy(&in6->sin6_addr, ep->ip.bytes, 16);
    return sizeof *in6;
}

void endpoint_from_sockaddr(struct endpoint *out, const struct sockaddr_storage *in)
{
    *out = (struct endpoint){ .kind = ENDPOINT_TCP };
    if (in->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)in;

        out->kind = ENDPOINT_UNIX;
        memcpy(out->path, un->sun_path, sizeof out->path - 1);
    } else if (in->ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)in;

        out->ip = (struct ip_addr){ .family = 4, .prefix_len = 32 };
        memcpy(out->ip.bytes, &in4->sin_addr, 4);
        out->port = be16_load(&in4->sin_port);
    } else if (in->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)in;

        out->ip = (struct ip_addr){ .family = 6, .prefix_len = 128 };
        memcpy(out->ip.bytes, &in6->sin6_addr, 16);
        out->port = be16_load(&in6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) { /* an IPv4 peer of a socket that takes both */
            out->ip = (struct ip_addr){ .family = 4, .prefix_len = 32 };
            memcpy(out->ip.bytes, in6->sin6_addr.s6_addr + 12, 4);
        }
    }
}
