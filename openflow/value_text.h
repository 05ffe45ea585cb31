/* SPDX-License-Identifier: Apache-2.0 */
/* value_text.h - the value of one field as text, in the form that the registry names, with its mask after a slash:
 * 10.0.0.0/8, 01:00:00:00:00:00/01:00:00:00:00:00, +syn-ack, LOCAL.   Thread: any. */
#ifndef OPENFLOW_VALUE_TEXT_H
#define OPENFLOW_VALUE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/errbuf.h"
#include "base/field.h"
#include "openflow/text_lex.h"

struct str;

/* How ports are called besides their numbers.  Both functions may be NULL, and the whole table too. */
struct port_names {
    void *arg;
    bool (*find)(void *arg, const char *name, size_t len, uint32_t *number);
    const char *(*name)(void *arg, uint32_t number); /* borrowed until the next call; NULL: it has none */
};

/* What a match asks of a field. */
struct masked_value {
    struct value value, mask; /* no value bit outside of the mask */
};

/* Reads "VALUE" or "VALUE/MASK" of the field; w->key is what the user called it, for the sentence. */
int value_text_parse(enum field_id id, const struct word *w, const struct port_names *names, struct masked_value *out,
                     struct errbuf *e);
/* Writes the value, and "/MASK" unless the mask is full. */
void value_text_print(struct str *s, enum field_id id, struct masked_value v, const struct port_names *names);

/* A port by number, by name, or one of OpenFlow's reserved ones (whatever the case): IN_PORT, TABLE, NORMAL, FLOOD, ALL,
 * CONTROLLER, LOCAL, ANY, NONE. */
bool port_text_parse(struct span s, const struct port_names *names, uint32_t *number);
void port_text_print(struct str *s, uint32_t number, const struct port_names *names);

bool eth_text_parse(struct span s, uint64_t *out);
bool ipv4_text_parse(struct span s, uint32_t *out);
bool ipv6_text_parse(struct span s, struct value *out);

#endif
