/* SPDX-License-Identifier: Apache-2.0 */
/* ofp.h - OpenFlow messages: bytes <-> C structs <-> text.
 *
 * The structs are generated from openflow/spec (see <build>/openflow/ofp_gen.h); conventions:
 * - Everything is host order.  The versions share the structs; `ofp_type` has the numbers of 1.3 whatever the wire says.
 * - A list is `struct ofp_x *xs; size_t n_xs;`, bytes are `const uint8_t *data; size_t n_data;` (a count of bytes).
 * - A decoded message borrows: lists and long strings from the arena, bytes (and raw fields) from the decoded buffer.
 *   To keep it, keep both.
 * - A tagged union has `type` and, for each case that carries something, a member of the case's name in lower case:
 *   `action.type == OFPAT_OUTPUT` goes with `action.output`, `msg.type == OFPT_FLOW_MOD` with `msg.flow_mod`.
 * - Lengths and padding are not in the structs: the encoder works them out, and the decoder has checked them.
 * - What the decoder checks: version, type, every length, padding's presence, and the values the specification has an error
 *   for at that place (commands, known flags, field widths, bits outside a mask, a field given twice).  What it leaves to the
 *   caller: prerequisites between fields, whether ports, tables and groups exist, what the switch supports.
 * - Names of numbers: openflow/names.h.  Multipart replies of any length: openflow/multipart.h.
 * Thread: any; the functions keep no state. */
#ifndef OPENFLOW_OFP_H
#define OPENFLOW_OFP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/str.h"
#include "openflow/names.h"
#include "openflow/ofp_gen.h"

enum { OFP_VERSION_10 = 0x01, OFP_VERSION_13 = 0x04, OFP_VERSION_14 = 0x05, OFP_VERSION_15 = 0x06 };
enum { OFP_HEADER_SIZE = 8, OFP_MAX_SIZE = 65535 };

/* What to answer an illegal message with (OFPT_ERROR's type and code). */
struct ofp_err {
    uint16_t type, code;
};

/* Whose the code is when the type is OFPET_EXPERIMENTER: the numbers that we know do not overlap. */
uint32_t ofp_err_experimenter(uint16_t code);

/* The header that every version has (7.1). */
struct ofp_header {
    uint8_t version, type; /* `type` as on the wire */
    uint16_t length;       /* bytes, these 8 included */
    uint32_t xid;
};

/* Reads the header of the message that begins at `p`.  False: fewer than 8 bytes. */
bool ofp_header_read(struct ofp_header *h, const uint8_t *p, size_t n);

/* Is there a codec for this version? */
bool ofp_version_known(uint8_t version);

/* Decodes one whole message, `n` bytes.  Returns 0; -EBADMSG and what to answer in `err`; -ENOMEM.
 * HELLO, ERROR and ECHO are understood in every version, for negotiation.  After -EBADMSG `out` holds the header
 * (version, type, xid) when there was one. */
int ofp_decode(struct ofp_msg *out, struct arena *a, const uint8_t *p, size_t n, struct ofp_err *err);

/* Appends the message, with its header, to `w`.  `w` is bad after it when memory ran out, when the message is longer than
 * 65535 bytes, or when the version cannot say it; what was appended is then of no use. */
void ofp_encode(struct wr *w, const struct ofp_msg *m);

/* Lists that stand alone, as a flow or group table keeps them: exactly `n` bytes, without any header. */
void ofp_instructions_encode(struct wr *w, uint8_t version, const struct ofp_instruction *xs, size_t n_xs);
int ofp_buckets_decode(struct ofp_bucket **xs, size_t *n_xs, struct arena *a, uint8_t version, const uint8_t *p,
                       size_t n, struct ofp_err *err);
void ofp_buckets_encode(struct wr *w, uint8_t version, const struct ofp_bucket *xs, size_t n_xs);
int ofp_bands_decode(struct ofp_meter_band **xs, size_t *n_xs, struct arena *a, uint8_t version, const uint8_t *p,
                     size_t n, struct ofp_err *err);
void ofp_bands_encode(struct wr *w, uint8_t version, const struct ofp_meter_band *xs, size_t n_xs);

/* The match with its own header and padding (struct ofp_match of 7.2.3); encoding: ofp_match_encode() of openflow/oxm.h. */
int ofp_match_decode(struct ofp_match *out, struct arena *a, const uint8_t *p, size_t n, struct ofp_err *err);

/* One line of text with every field, without a newline.  Readable, not parsable. */
void ofp_print(struct str *s, const struct ofp_msg *m);
void ofp_actions_print(struct str *s, const struct ofp_action *xs, size_t n);
void ofp_instructions_print(struct str *s, const struct ofp_instruction *xs, size_t n);

#endif
