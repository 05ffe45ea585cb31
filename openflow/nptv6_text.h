/* SPDX-License-Identifier: Apache-2.0 */
/* nptv6_text.h - trama's action nptv6: its wire form as base/nptv6.h has it, and its text.   Thread: any. */
#ifndef OPENFLOW_NPTV6_TEXT_H
#define OPENFLOW_NPTV6_TEXT_H

#include "base/nptv6.h"
#include "base/str.h"
#include "openflow/ofp.h"

struct nptv6 nptv6_decode(const struct ofp_trama_nptv6 *in); /* nptv6_is_sound() says whether it may be so */
void nptv6_text_print(struct str *s, const struct ofp_trama_nptv6 *n);

#endif
