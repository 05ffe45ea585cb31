/* SPDX-License-Identifier: Apache-2.0 */
/* model_net.h - a network of model switches for tests: each executes a flow set, frames travel over links that are up, and
 * what comes out at ports without a link is noted.  Knows of OpenFlow only what a flow spec can say. */
#ifndef TESTS_UNIT_CONTROLLER_MODEL_NET_H
#define TESTS_UNIT_CONTROLLER_MODEL_NET_H

#include "controller/compiler.h"

enum { MODEL_UNTAGGED = -1, MODEL_STEPS_MAX = 5000, MODEL_OUT_MAX = 4096 };

struct model_frame {
    net_mac dst, src;
    int vid; /* MODEL_UNTAGGED, or 0..4095 */
    uint8_t pcp;
    uint16_t type; /* below the tag */
};

struct model_out {
    int sw;
    uint32_t port; /* OFPP_CONTROLLER: shown to the controller */
    struct model_frame frame;
    uint64_t cookie; /* of the flow that sent it */
};

struct model_net {
    const struct net_doc *doc;
    const struct view *view;             /* for port numbers */
    const struct flow_set **flows;       /* of each switch */
    const bool *link_is_up;              /* in truth */
    struct model_out out[MODEL_OUT_MAX]; /* what left the network, in order */
    size_t n_out, n_steps;               /* steps: switches visited */
};

/* A frame comes in at a port.  Adds to `out`; n_steps beyond MODEL_STEPS_MAX means that it circles (and it is given up). */
void model_send(struct model_net *net, int sw, uint32_t port, const struct model_frame *f);
void model_forget(struct model_net *net);                               /* `out` is empty again */
size_t model_count(const struct model_net *net, int sw, uint32_t port); /* frames that came out there */

#endif
