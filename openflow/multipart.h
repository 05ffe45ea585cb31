/* SPDX-License-Identifier: Apache-2.0 */
/* multipart.h - multipart replies of any length: elements go in one by one, messages under 64 KiB come out, all but the
 * last with the MORE flag.  Spec: OpenFlow 1.3.5, 7.3.5.
 *
 *     ofp_mp_begin(&mp, &w, request.version, request.xid, OFPMP_FLOW);
 *     for (each flow)
 *         ofp_mp_add_flow(&mp, &stats);
 *     ofp_mp_end(&mp);
 *
 * Whole messages lie in `w` in order.  An agent that does not want a million flows in memory at once sends between the
 * elements what is ready: ofp_mp_ready() says how many leading bytes of `w` are whole messages; after sending them,
 * ofp_mp_sent() takes them out.  Not for types whose reply is one struct (DESC, AGGREGATE, the features): ofp_encode().
 * Thread: the writer's owner. */
#ifndef OPENFLOW_MULTIPART_H
#define OPENFLOW_MULTIPART_H

#include "openflow/ofp.h"

struct ofp_mp {
    struct wr *w;
    size_t start;      /* offset in `w` of the message being filled */
    size_t size_limit; /* bytes of one message; OFP_MAX_SIZE unless the user lowers it after begin */
    uint32_t xid;
    uint8_t version;
    enum ofp_multipart_type type;
};

/* Starts the first message behind what `w` holds.  Borrows `w` until ofp_mp_end().  An experimenter's reply: updates of
 * flow monitors (EXT-187). */
void ofp_mp_begin(struct ofp_mp *mp, struct wr *w, uint8_t version, uint32_t xid, enum ofp_multipart_type type);
/* Finishes the last message, which may be without elements. */
void ofp_mp_end(struct ofp_mp *mp);
/* The same, but the reply goes on in messages that another ofp_mp_begin() starts. */
void ofp_mp_end_part(struct ofp_mp *mp);

/* One element each.  `w` is bad when `mp` is of another type, or when one element does not fit into a message. */
void ofp_mp_add_flow(struct ofp_mp *mp, const struct ofp_flow_stats *x);
void ofp_mp_add_table(struct ofp_mp *mp, const struct ofp_table_stats *x);
void ofp_mp_add_port_stats(struct ofp_mp *mp, const struct ofp_port_stats *x);
void ofp_mp_add_queue(struct ofp_mp *mp, const struct ofp_queue_stats *x);
void ofp_mp_add_group(struct ofp_mp *mp, const struct ofp_group_stats *x);
void ofp_mp_add_group_desc(struct ofp_mp *mp, const struct ofp_group_desc *x);
void ofp_mp_add_meter(struct ofp_mp *mp, const struct ofp_meter_stats *x);
void ofp_mp_add_meter_config(struct ofp_mp *mp, const struct ofp_meter_config *x);
void ofp_mp_add_table_features(struct ofp_mp *mp, const struct ofp_table_features *x);
void ofp_mp_add_port(struct ofp_mp *mp, const struct ofp_port *x);

/* A flow whose instructions are kept encoded, as ofp_instructions_encode() made them: `x` without instructions, then these
 * `n` bytes as they are. */
void ofp_mp_add_flow_encoded(struct ofp_mp *mp, const struct ofp_flow_stats *x, const uint8_t *instructions, size_t n);

void ofp_mp_add_update_encoded(struct ofp_mp *mp, const struct ofp_flow_update *x, const uint8_t *instructions,
                               size_t n);

size_t ofp_mp_ready(const struct ofp_mp *mp);  /* leading bytes of `w` that are whole messages */
void ofp_mp_sent(struct ofp_mp *mp, size_t n); /* drops the first `n` bytes of `w`, n <= ofp_mp_ready() */

#endif
