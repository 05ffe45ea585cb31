/* SPDX-License-Identifier: Apache-2.0 */
/* text_lex.h - cuts the text of flows, groups and meters into words: `key=value`, `key:value`, `key(value)` or `key`,
 * separated by commas or white space outside of parentheses.
 * Flow: text -> [text_lex] -> match_text, action_text, group_text, meter_text.   Thread: any. */
#ifndef OPENFLOW_TEXT_LEX_H
#define OPENFLOW_TEXT_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "base/field.h"

/* A stretch of somebody's text. */
struct span {
    const char *p;
    size_t n;
};

/* For a printf "%.*s"; words of more than 64 characters are cut. */
#define SPAN_ARG(s_) (int)((s_).n > 64 ? 64 : (s_).n), (s_).p

/* One word.  `value` is empty and `delim` 0 for a bare key. */
struct word {
    struct span key, value;
    char delim; /* '=', ':', '(' or 0 */
};

struct span span_of(const char *text);
bool span_is(struct span s, const char *text);        /* exactly */
bool span_is_nocase(struct span s, const char *text); /* whatever the case of ASCII letters */
/* Cuts `s` at the first `c`: the part before it goes to `head`, `s` keeps what follows.  False, and all of `s` is the head,
 * when there is no `c`. */
bool span_cut(struct span *s, char c, struct span *head);

/* Takes the next word off `rest`.  1: there was one, 0: the end, -EINVAL: parentheses do not match. */
int word_next(struct span *rest, struct word *out, struct errbuf *e);

/* Decimal, or hexadecimal with 0x; not above `max`.  A leading zero is refused, because some take it for octal. */
bool span_number(struct span s, uint64_t max, uint64_t *out);
/* The same for up to 128 bits; what 64 do not hold is hexadecimal. */
bool span_number128(struct span s, struct value max, struct value *out);
/* As span_number, with the sentence "KEY: 'S' is not a number from 0 to MAX". */
int number_parse(struct span key, struct span s, uint64_t max, uint64_t *out, struct errbuf *e);

#endif
