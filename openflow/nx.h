/* SPDX-License-Identifier: Apache-2.0 */
/* nx.h - what is common to Nicira's actions: ports of 16 bits, and the two forms of sending to the controller.   Thread: any. */
#ifndef OPENFLOW_NX_H
#define OPENFLOW_NX_H

#include "openflow/ofp.h"

enum {
    NX_PORT_IN_PORT = 0xfff8,      /* OpenFlow 1.0's OFPP_IN_PORT */
    NX_TABLE_SAME = 0xff,          /* of resubmit: the table that the flow is in */
    NX_IN_PORT_HEADER = 0x00000002 /* the NXM header of in_port, the kind of a bundle's members */
};

/* A port of OpenFlow 1.0, whose reserved ports are at the end of 16 bits, as one of 1.3. */
static inline uint32_t nx_port_widen(uint16_t port)
{
    return port >= 0xff00 ? 0xffff0000u | port : port;
}

/* controller(...), of whichever form. */
struct nx_controller {
    uint16_t max_len, controller_id;
    enum ofp_packet_in_reason reason;
    const uint8_t *userdata; /* borrowed */
    size_t n_userdata;
    bool is_pause;
    uint32_t meter_id; /* 0: none */
};

/* Reads CONTROLLER or CONTROLLER2. */
void nx_controller_read(struct nx_controller *out, const struct ofp_nx_action *act);

#endif
