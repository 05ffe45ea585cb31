/* SPDX-License-Identifier: Apache-2.0 */
/* meter.h - a meter: bands with a rate each, of which the fastest that is exceeded has its way with the frame.
 * Flow: exec (OP_METER) -> [meter_frame].   Spec: OpenFlow 1.3.5, 5.7, 7.3.4.4.
 *
 * A frame is measured with all its bytes, from the Ethernet header on, as it enters; one that is still to be cut into
 * segments counts as one packet.  Without a burst size of its own (the choice is ours then, 7.3.4.4) a band lets pass
 * METER_BURST_NS of its rate at once: so much a sender may stutter, or a TCP wait for its window, and still get the rate.
 * A meter does not change; see object.h.   Thread: C, unless said otherwise. */
#ifndef DATAPATH_METER_H
#define DATAPATH_METER_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/object.h"

struct bridge;
struct pkt;
struct rule_stat;
struct worker;

enum { METERS_MAX = 65536, METER_BURST_NS = 100000000 };

#define METER_CONTROLLER UINT32_C(0xfffffffe) /* OFPM_CONTROLLER: meets every packet-in of its bridge */

enum band_kind { BAND_DROP = 1, BAND_REMARK }; /* values of enum ofp_meter_band_type */

struct band_spec {
    enum band_kind kind;
    uint32_t rate;      /* kbit/s or packets/s, not 0 */
    uint32_t burst;     /* kbit or packets; 0: none of its own */
    uint8_t prec_level; /* BAND_REMARK: levels of drop precedence to be added (RFC 2597) */
};

struct meter_spec {
    uint32_t id;
    bool is_pktps;
    const struct band_spec *bands; /* borrowed during the call */
    unsigned n_bands;
    const struct meter *replaces; /* goes on counting where that one stopped; NULL: from zero */
};

struct band {
    alignas(64) _Atomic uint64_t due; /* meter.c, Theory; the one word that workers write */
    alignas(64) uint64_t limit;
    uint64_t cost; /* of a packet; of a bit, times `rate` */
    uint32_t rate;
    uint32_t stat;
    uint16_t index; /* as sent */
    uint8_t shift;
    uint8_t prec_level;
    enum band_kind kind;
};

struct meter {
    struct object object; /* first */
    struct bridge *bridge;
    bool is_pktps;
    bool has_remark;
    uint32_t slot; /* by which programs name it */
    uint32_t stat;
    unsigned n_bands;
    struct band bands[]; /* the fastest first */
};

/* Gives a meter for bridge_meter_add().  -ENOSPC: METERS_MAX of the datapath; -ENOMEM. */
int meter_new(struct meter **out, struct bridge *b, const struct meter_spec *spec);
/* Add / remove in the version being made. */
void bridge_meter_add(struct bridge *b, struct meter *m); /* takes */
void bridge_meter_remove(struct bridge *b, struct meter *m);
void meter_stats(const struct meter *m, struct rule_stat *out);
/* What band `i`, as sent, had its way with. */
void meter_band_stats(const struct meter *m, unsigned i, struct rule_stat *out);
void meter_free_object(struct object *o); /* of bridge->meters */

/* --- thread: W (or C), inside an RCU section --- */
const struct meter *meter_find(const struct bridge *b, uint32_t id, uint64_t version);
/* Charges a frame.  Returns the band that it exceeds, NULL: none.  Thread: any number at once. */
struct band *meter_charge(struct meter *m, uint32_t bytes, uint64_t now_ns);
/* Charges, counts, and remarks the frame if need be.  0; -EDQUOT: to be dropped; -ENOMEM.  Thread: W. */
int meter_frame(struct worker *w, struct pkt *p, struct meter *m);

#endif
