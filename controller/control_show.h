/* SPDX-License-Identifier: Apache-2.0 */
/* control_show.h - the state of the controller as JSON.   Thread: C.  Every function gives a reference, or NULL when memory
 * ran out. */
#ifndef CONTROLLER_CONTROL_SHOW_H
#define CONTROLLER_CONTROL_SHOW_H

#include <jansson.h>

#include "controller/controller.h"

json_t *show_net(const struct controller *c);
json_t *show_difference(const struct difference *d);
json_t *show_missing(const struct controller *c); /* a list of sentences: what controller_is_settled waits for */

#endif
