/* SPDX-License-Identifier: Apache-2.0 */
/* control_policies.h - net/policies: what each policy of the document has hit, over all switches.   Thread: C. */
#ifndef CONTROLLER_CONTROL_POLICIES_H
#define CONTROLLER_CONTROL_POLICIES_H

#include <jansson.h>

#include "controller/controller.h"
#include "io/rpc.h"

/* Asks every switch for its flows and answers the request when all have told.  Takes a reference of `params`. */
void control_policies(struct controller *c, struct rpc_request *r, json_t *params);

#endif
