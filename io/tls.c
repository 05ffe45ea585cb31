/* SPDX-License-Identifier: Apache-2.0 */
/* tls.c - see tls.h; OpenSSL does the work. */
#include "io/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls {
    SSL_CTX *ctx; /* NULL: nothing loaded */
};

struct tls_session {
    SSL *ssl;
    bool is_up, is_broken;
    char why[128];
};

int tls_new(struct tls **out)
{
    struct tls *t = calloc(1, sizeof *t);

    if (!t)
        return -ENOMEM;
    *out = t;
    return 0;
}

void tls_unload(struct tls *t)
{
    SSL_CTX_free(t->ctx);
    t->ctx = NULL;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    tls_unload(t);
    free(t);
}

bool tls_is_loaded(const struct tls *t)
{
    return t->ctx != NULL;
}

/* The oldest error that OpenSSL remembers, in its words; forgets all of them. */
static const char *reason(char *text, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *words = code ? ERR_reason_error_string(code) : NULL;

    if (words)
        snprintf(text, size, "%s", words);
    else if (code && ERR_SYSTEM_ERROR(code))
        snprintf(text, size, "%s", strerror(ERR_GET_REASON(code)));
    else
        snprintf(text, size, "%s", "unknown reason");
    ERR_clear_error();
    return text;
}

static int file_error(struct errbuf *e, const char *what, const char *path)
{
    char text[128];

    return errbuf_set(e, -EINVAL, "%s %s cannot be used: %s", what, path, reason(text, sizeof text));
}

static int load(SSL_CTX *ctx, const struct tls_files *files, struct errbuf *e)
{
    STACK_OF(X509_NAME) * names;

    if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate) != 1)
        return file_error(e, "the TLS certificate", files->certificate);
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1)
        return file_error(e, "the TLS key", files->key);
    if (SSL_CTX_load_verify_file(ctx, files->ca) != 1)
        return file_error(e, "the TLS authority", files->ca);
    names = SSL_load_client_CA_file(files->ca); /* shown to clients, which may choose by it */
    if (!names)
        return file_error(e, "the TLS authority", files->ca);
    SSL_CTX_set_client_CA_list(ctx, names);
    return 0;
}

int tls_load(struct tls *t, const struct tls_files *files, struct errbuf *e)
{
    SSL_CTX *ctx;
    int err;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_method());
    if (!ctx)
        return errbuf_set(e, -ENOMEM, "TLS cannot be set up: not enough memory");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    err = load(ctx, files, e);
    if (err) {
        SSL_CTX_free(ctx);
        return err;
    }
    tls_unload(t);
    t->ctx = ctx;
    return 0;
}

int tls_session_open(struct tls_session **out, struct tls *t, int fd, enum tls_role role)
{
    struct tls_session *s;

    if (!t || !t->ctx)
        return -ENOKEY;
    s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->ssl = SSL_new(t->ctx);
    if (!s->ssl || SSL_set_fd(s->ssl, fd) != 1) {
        SSL_free(s->ssl);
        free(s);
        ERR_clear_error();
        return -ENOMEM;
    }
    if (role == TLS_CLIENT)
        SSL_set_connect_state(s->ssl);
    else
        SSL_set_accept_state(s->ssl);
    *out = s;
    return 0;
}

void tls_session_close(struct tls_session *s)
{
    if (!s)
        return;
    if (s->is_up && !s->is_broken)
        (void)SSL_shutdown(s->ssl);
    SSL_free(s->ssl);
    ERR_clear_error();
    free(s);
}

/* What OpenSSL's `rc` means; `saved`: errno right after. */
static int outcome(struct tls_session *s, int rc, int saved, enum tls_wait *wait)
{
    char text[100];
    long verify;

    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        *wait = TLS_WAIT_READ;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *wait = TLS_WAIT_WRITE;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        s->is_broken = true;
        ERR_clear_error();
        return saved ? -saved : -ECONNRESET;
    default:
        s->is_broken = true;
        verify = SSL_get_verify_result(s->ssl);
        reason(text, sizeof text);
        if (verify != X509_V_OK)
            snprintf(s->why, sizeof s->why, "TLS: the peer's certificate is refused: %s",
                     X509_verify_cert_error_string(verify));
        else
            snprintf(s->why, sizeof s->why, "TLS: %s", text);
        return -EPROTO;
    }
}

int tls_handshake(struct tls_session *s, enum tls_wait *wait)
{
    int rc, err;

    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        s->is_up = true;
        return 0;
    }
    err = outcome(s, rc, errno, wait);
    return err ? err : -ECONNRESET; /* ended in the middle of it */
}

ssize_t tls_read(struct tls_session *s, void *p, size_t n, enum tls_wait *wait)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_read(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
    return rc > 0 ? rc : outcome(s, rc, errno, wait);
}

ssize_t tls_write(struct tls_session *s, const void *p, size_t n, enum tls_wait *wait)
{
    int rc, err;

    ERR_clear_error();
    errno = 0;
    rc = SSL_write(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
    if (rc > 0)
        return rc;
    err = outcome(s, rc, errno, wait);
    return err ? err : -EPIPE;
}

bool tls_has_pending(const struct tls_session *s)
{
    return SSL_pending(s->ssl) > 0;
}

const char *tls_session_why(const struct tls_session *s)
{
    return s->why[0] ? s->why : "TLS: the session is broken";
}
