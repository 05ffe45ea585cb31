/* SPDX-License-Identifier: Apache-2.0 */
/* pki.h - certificates for TLS between switches and controllers: an authority in a directory, and what it has signed.
 *   DIR/ca.key, DIR/ca.crt        the authority; keep the key where nobody else can read it
 *   DIR/NAME.key, DIR/NAME.crt    of a switch or a controller
 * Keys are ECDSA P-256, files PEM; keys are readable by their owner only.  No file is ever overwritten.
 * Spec: X.509 version 3 (RFC 5280).   Thread: any. */
#ifndef IO_PKI_H
#define IO_PKI_H

#include "base/errbuf.h"

enum { PKI_NAME_MAX = 63, PKI_CA_DAYS = 3650, PKI_DAYS = 825 };

/* Makes the directory where it is missing, and the authority in it.  -EEXIST: there is one already. */
int pki_init(const char *dir, struct errbuf *e);
/* Makes a key and has the authority sign a certificate for it.  `name`: letters, digits and "._-", not "ca".
 * -EEXIST: the name has one already. */
int pki_issue(const char *dir, const char *name, unsigned days, struct errbuf *e);

#endif
