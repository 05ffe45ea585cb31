/* SPDX-License-Identifier: Apache-2.0 */
/* doc.h - YAML documents as trees that remember where each word stood, so that a refusal can name file and line.
 * Flow: file -> [doc] -> doc_read (schema) -> a program's own structs.   Spec: YAML 1.1 as libyaml reads it, without tags,
 * with one document per file; a key may stand once in its map.  Thread: any, one at a time per document. */
#ifndef IO_DOC_H
#define IO_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/errbuf.h"

/* Limits that no sensible document meets (file.h has that of bytes): depth of nesting, nodes after aliases were followed. */
enum { DOC_DEPTH_MAX = 64, DOC_NODES_MAX = 16 << 20 };

enum doc_kind { DOC_SCALAR, DOC_MAP, DOC_SEQ };

struct doc_node {
    enum doc_kind kind;
    bool is_plain;         /* scalar without quotes: may be a number, a bool or null */
    unsigned line, column; /* from 1 */
    uint32_t n;            /* pairs or items */
    uint32_t n_nodes;      /* this node and all below, aliases followed */
    struct doc *doc;       /* the document it belongs to */
    union {
        const char *text;        /* scalar; UTF-8, ends with NUL, contains none */
        struct doc_pair *pairs;  /* map; in the order of the file */
        struct doc_node **items; /* seq */
    };
    uint32_t *index; /* map: places of the pairs by hash of the key, 2^index_bits of them; see doc_find */
    uint8_t index_bits;
};

struct doc_pair {
    struct doc_node *key, *value; /* `key` is a scalar */
};

/* Owns the tree; what schema readers allocate for their results lives here too, until doc_fini. */
struct doc {
    struct arena arena;
    const char *name;      /* for messages: the file's name as given */
    struct doc_node *root; /* NULL: the document is empty */
};

/* Reads a file; "-" is not special.  On failure `d` is empty and `e` says "FILE:LINE: what" (or "FILE: what").
 * -EINVAL: not a good document; -E2BIG: beyond a limit; else what reading the file gave.  Success: end with doc_fini. */
int doc_open(struct doc *d, const char *path, struct errbuf *e);
/* Reads `len` bytes of text; `name` stands for the file in messages. */
int doc_parse(struct doc *d, const char *name, const char *text, size_t len, struct errbuf *e);
void doc_fini(struct doc *d);

/* The value of a key, NULL when there is none or the node is no map.  Takes the same time however many keys there are. */
struct doc_node *doc_find(const struct doc_node *map, const char *key);
bool doc_is_null(const struct doc_node *n);    /* a plain ~, null or nothing at all; or `n` is NULL */
const char *doc_kind_name(enum doc_kind kind); /* "a value", "a map", "a list" */

/* Writes "FILE:LINE: sentence" and returns -EINVAL. */
int doc_error(const struct doc_node *n, struct errbuf *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* for_each_doc_pair(p, map) { p->key->text ... p->value ... } */
#define for_each_doc_pair(it_, map_) \
    for (const struct doc_pair *it_ = (map_)->pairs; it_ < (map_)->pairs + (map_)->n; it_++)

#endif
