/* SPDX-License-Identifier: Apache-2.0 */
/* nx.c - see nx.h. */
#include "openflow/nx.h"

void nx_controller_read(struct nx_controller *out, const struct ofp_nx_action *act)
{
    *out = (struct nx_controller){ .max_len = OFPCML_NO_BUFFER, .reason = OFPR_ACTION };
    if (act->subtype == NXAST_CONTROLLER) {
        out->max_len = act->controller.max_len;
        out->controller_id = act->controller.controller_id;
        out->reason = act->controller.reason;
        return;
    }
    for (size_t i = 0; i < act->controller2.n_properties; i++) {
        const struct ofp_nx_controller_prop *p = &act->controller2.properties[i];

        switch (p->type) {
        case NXAC2PT_MAX_LEN:
            out->max_len = p->max_len.value;
            break;
        case NXAC2PT_CONTROLLER_ID:
            out->controller_id = p->controller_id.value;
            break;
        case NXAC2PT_REASON:
            out->reason = p->reason.value;
            break;
        case NXAC2PT_USERDATA:
            out->userdata = p->userdata.data;
            out->n_userdata = p->userdata.n_data;
            break;
        case NXAC2PT_PAUSE:
            out->is_pause = true;
            break;
        case NXAC2PT_METER_ID:
            out->meter_id = p->meter_id.value;
            break;
        }
    }
}
