/* SPDX-License-Identifier: Apache-2.0 */
/* addr.h - addresses as people write them: IPv4 and IPv6 with prefix, MAC, datapath ids, and the endpoints of connections.
 * Pure: text in, struct out.  Errors are -EINVAL with a sentence that names the input.  Thread: any. */
#ifndef IO_ADDR_H
#define IO_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/errbuf.h"

enum { ADDR_TEXT_SIZE = 64, ENDPOINT_TEXT_SIZE = 128, ENDPOINT_PATH_SIZE = 108, OPENFLOW_TCP_PORT = 6653 };

struct ip_addr {
    uint8_t family;     /* 4 or 6; 0: none */
    uint8_t prefix_len; /* of the network it is in; 32 or 128 when none was written */
    uint8_t bytes[16];  /* as on the wire; IPv4 in the first four */
};

/* "10.0.0.1", "fd00::1": without a prefix. */
int ip_parse(struct ip_addr *out, const char *text, struct errbuf *e);
/* "10.0.0.1/24", "fd00::1/64": the prefix must be there. */
int ip_prefix_parse(struct ip_addr *out, const char *text, struct errbuf *e);
/* Like ip_prefix_parse, and no bit behind the prefix may be set: "10.0.0.0/24". */
int ip_subnet_parse(struct ip_addr *out, const char *text, struct errbuf *e);
/* Writes at most `size` bytes; both return `text`.  ADDR_TEXT_SIZE is always enough. */
const char *ip_format(const struct ip_addr *a, char *text, size_t size);
const char *ip_prefix_format(const struct ip_addr *a, char *text, size_t size);
bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);      /* family and bytes; not the prefix */
bool ip_is_in(const struct ip_addr *a, const struct ip_addr *subnet); /* `a` lies in the prefix of `subnet` */
void ip_network(struct ip_addr *out, const struct ip_addr *a);        /* the bits behind the prefix cleared */

/* "02:00:00:00:00:0a"; also with '-'.  Six bytes. */
int mac_parse(uint8_t out[6], const char *text, struct errbuf *e);
const char *mac_format(const uint8_t mac[6], char *text, size_t size);

/* Decimal, "0x1f", 16 hex digits, or eight bytes with ':'.  Not 0. */
int dpid_parse(uint64_t *out, const char *text, struct errbuf *e);

enum endpoint_kind { ENDPOINT_TCP, ENDPOINT_UNIX };

/* Active: "tcp:10.0.0.1[:6653]", "tcp:[fd00::1]:6653", "unix:PATH".  Passive: "ptcp:[PORT][:IP]", "punix:PATH".
 * With TLS: "ssl:..." and "pssl:...", as tcp: and ptcp:. */
struct endpoint {
    enum endpoint_kind kind;
    bool is_passive, is_tls;
    struct ip_addr ip;             /* tcp; family 0: any address (passive only) */
    uint16_t port;                 /* tcp, host order; passive: 0 takes any free one */
    char path[ENDPOINT_PATH_SIZE]; /* unix */
};

int endpoint_parse(struct endpoint *out, const char *text, struct errbuf *e);
const char *endpoint_format(const struct endpoint *ep, char *text, size_t size); /* reads back as the same */
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/* To and from what the kernel takes.  */
socklen_t endpoint_to_sockaddr(const struct endpoint *ep, struct sockaddr_storage *out);
void endpoint_from_sockaddr(struct endpoint *out, const struct sockaddr_storage *in);

#endif
