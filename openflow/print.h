/* SPDX-License-Identifier: Apache-2.0 */
/* print.h - what the generated printer uses.  Private to openflow/; the printer itself is ofp_print() of openflow/ofp.h. */
#ifndef OPENFLOW_PRINT_H
#define OPENFLOW_PRINT_H

#include "openflow/ofp.h"

void print_mac(struct str *s, const uint8_t mac[6]);
void print_text(struct str *s, const char *text);            /* quoted; what is not printable ASCII as \xNN */
void print_bytes(struct str *s, const uint8_t *p, size_t n); /* hexadecimal, cut after 128 bytes with the count */

#endif
