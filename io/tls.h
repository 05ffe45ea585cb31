/* SPDX-License-Identifier: Apache-2.0 */
/* tls.h - TLS for streams: the keys of a program, and one session for each socket.  Both ends show a certificate, and each
 * must be signed by the authority that the other trusts; the names in them are not looked at, since switches are known by
 * their datapath id.
 * Flow: stream -> [tls] -> socket.   Spec: TLS 1.2 and 1.3 (RFC 5246, 8446); OpenFlow 1.3.5, 6.3.3.
 * Thread: C. */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/errbuf.h"

struct tls;
struct tls_session;

/* PEM files. */
struct tls_files {
    const char *key, *certificate;
    const char *ca; /* of the authorities whose certificates are taken */
};

int tls_new(struct tls **out); /* without keys yet: no session is possible */
void tls_free(struct tls *t);  /* sessions live on; NULL is fine */
/* Reads the files; sessions from now on use them.  Each of them, and that the key is that of the certificate, is checked:
 * when something is wrong nothing changes, and `e` names the file. */
int tls_load(struct tls *t, const struct tls_files *files, struct errbuf *e);
void tls_unload(struct tls *t); /* as after tls_new */
bool tls_is_loaded(const struct tls *t);

enum tls_role { TLS_CLIENT, TLS_SERVER };
/* On a connected non-blocking socket, which stays the caller's.  -ENOKEY: nothing is loaded; -ENOMEM. */
int tls_session_open(struct tls_session **out, struct tls *t, int fd, enum tls_role role);
void tls_session_close(struct tls_session *s); /* tells the peer, as far as the socket takes it; NULL is fine */

/* What a call waits for when it returned -EAGAIN. */
enum tls_wait { TLS_WAIT_READ, TLS_WAIT_WRITE };
/* Each: -EAGAIN with `*wait`; -EPROTO: the session is broken, tls_session_why() says how; another negative errno. */
int tls_handshake(struct tls_session *s, enum tls_wait *wait);                   /* 0: done */
ssize_t tls_read(struct tls_session *s, void *p, size_t n, enum tls_wait *wait); /* 0: the peer has ended it */
ssize_t tls_write(struct tls_session *s, const void *p, size_t n, enum tls_wait *wait);
bool tls_has_pending(const struct tls_session *s); /* bytes to be read that the socket no longer tells of */
const char *tls_session_why(const struct tls_session *s);

#endif
