/* SPDX-License-Identifier: Apache-2.0 */
/* net_doc_expect.h - the last part of a network document, what must and must not work.  Private to net/. */
#ifndef NET_NET_DOC_EXPECT_H
#define NET_NET_DOC_EXPECT_H

#include "net/net_doc_read.h"

/* `raw`: struct raw_expect.  Fills in doc->expects; everything else of `doc` is there. */
int net_doc_expect(struct net_doc *doc, const struct doc_array *raw, struct errbuf *e);

#endif
