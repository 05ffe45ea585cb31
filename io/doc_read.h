/* SPDX-License-Identifier: Apache-2.0 */
/* doc_read.h - a small schema for documents: a table says which keys a map may have and which function reads each value
 * into which member.  A key that no row names, a missing required one, a wrong kind, a value out of range: each is refused
 * with "FILE:LINE: KEY: sentence".
 *
 *     static const struct doc_field port_fields[] = {
 *         { "ofport", doc_read_u32, offsetof(struct port_doc, ofport), &(struct doc_range){ 1, 0xffffff00 } },
 *         { "netns", doc_read_string, offsetof(struct port_doc, netns) },
 *         { NULL },
 *     };
 *
 * Members that the document does not mention are left as they are, so defaults are set before.  Strings and arrays are
 * borrowed from the document.  Thread: any, one at a time per document. */
#ifndef IO_DOC_READ_H
#define IO_DOC_READ_H

#include "io/doc.h"

/* Reads `n` into `out`, guided by `arg`.  Returns 0 or a negative errno with `e` set. */
typedef int doc_read_fn(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);

struct doc_field {
    const char *key; /* NULL ends the table */
    doc_read_fn *read;
    size_t offset;   /* of the member in the struct that the map is read into */
    const void *arg; /* what `read` wants to know */
    bool is_required;
};

/* The whole of a map, field by field.  A missing map (null) is read as an empty one.  `arg`: the table. */
int doc_read_map(const struct doc_node *n, const struct doc_field *fields, void *out, struct errbuf *e);
/* A map inside a map; `arg`: const struct doc_field *, `out`: the inner struct. */
int doc_read_fields(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);

/* What lists and maps with free keys are read into; `items` borrowed from the document. */
struct doc_array {
    void *items;
    size_t n;
};

/* Arg of doc_read_list and doc_read_named. */
struct doc_items {
    size_t size;          /* of one item */
    doc_read_fn *read;    /* reads one item (a list's) or one value (a map's) ... */
    const void *arg;      /* ... with this */
    const void *defaults; /* what an item is before it is read; NULL: zeros */
    size_t name_offset;   /* doc_read_named: of the `const char *` that gets the key */
    doc_read_fn
        *read_name; /* doc_read_named: checks the key, such as doc_read_name; NULL: doc_read_name with its rule */
    const void *name_arg;
    size_t node_offset; /* of a `const struct doc_node *` in the item, for later messages; 0: none */
    size_t min, max;    /* how many there must be; max 0: any number */
};

int doc_read_list(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);  /* struct doc_array */
int doc_read_named(const struct doc_node *n, const void *arg, void *out, struct errbuf *e); /* struct doc_array */

struct doc_range { /* both ends included */
    uint64_t min, max;
};
struct doc_text {
    size_t min, max;   /* bytes; max 0: any */
    const char *chars; /* what it may consist of, NULL: everything but control characters */
};
/* Letters, digits, '_', '-', '.', at most 63, not beginning with '-' or '.'. */
extern const struct doc_text doc_name_rule;

/* `arg`: struct doc_text or NULL.  `out`: const char *. */
int doc_read_string(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* A name for things; `arg`: struct doc_text or NULL for doc_name_rule.  `out`: const char *. */
int doc_read_name(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* A name that the kernel takes for an interface: 1 to 15 bytes without '/', ':' and spaces.  `out`: const char *. */
int doc_read_ifname(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* true, false, yes, no.  `out`: bool. */
int doc_read_bool(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* Decimal or 0x.  `arg`: struct doc_range or NULL for all that fits.  `out`: of that width. */
int doc_read_u8(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
int doc_read_u16(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
int doc_read_u32(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* `arg`: const char *const[], NULL ends; a NULL inside is not possible.  `out`: an enum (int): place in the table. */
int doc_read_enum(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* A time such as 300ms, 5s, 2min, 1h; a bare number is seconds.  `arg`: struct doc_range in ns.  `out`: uint64_t, ns. */
int doc_read_time(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* A rate such as 64kbit, 100Mbit, 2Gbit; a bare number is bits per second.  `arg`: struct doc_range.  `out`: uint64_t. */
int doc_read_rate(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
/* See io/addr.h for the forms.  `out`: struct ip_addr. */
int doc_read_ip(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
int doc_read_ip_prefix(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
int doc_read_subnet(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);
int doc_read_mac(const struct doc_node *n, const void *arg, void *out,
                 struct errbuf *e); /* uint8_t[6], not a group's */
int doc_read_dpid(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);     /* uint64_t */
int doc_read_mtu(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);      /* uint16_t, 68..65535 */
int doc_read_vid(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);      /* uint16_t, 1..4094 */
int doc_read_endpoint(const struct doc_node *n, const void *arg, void *out, struct errbuf *e); /* struct endpoint */
/* `out`: const struct doc_node *: for what a table cannot say; the caller reads it by hand. */
int doc_read_node(const struct doc_node *n, const void *arg, void *out, struct errbuf *e);

#endif
