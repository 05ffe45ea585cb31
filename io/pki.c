/* SPDX-License-Identifier: Apache-2.0 */
/* pki.c - see pki.h. */
#include "io/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERIAL_BITS = 159, BACKDATE_S = 3600 }; /* RFC 5280, 4.1.2.2: 20 bytes, positive; clocks differ */

/* What a certificate is to say, and who signs it. */
struct subject {
    const char *name;
    unsigned days;
    bool is_authority;
    EVP_PKEY *key;
    X509 *signer; /* NULL: itself */
    EVP_PKEY *signer_key;
};

static int path_of(char path[PATH_MAX], const char *dir, const char *name, const char *ending, struct errbuf *e)
{
    if (snprintf(path, PATH_MAX, "%s/%s.%s", dir, name, ending) >= PATH_MAX)
        return errbuf_set(e, -ENAMETOOLONG, "%.80s...: the path is too long", dir);
    return 0;
}

static int crypto_error(struct errbuf *e, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *words = code ? ERR_reason_error_string(code) : NULL;
    int err = errbuf_set(e, -EIO, "%s: %s", what, words ? words : "OpenSSL does not say why");

    ERR_clear_error();
    return err;
}

static bool add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    bool is_ok = ext && X509_add_ext(x, ext, -1);

    X509_EXTENSION_free(ext);
    return is_ok;
}

static bool add_extensions(X509 *x, const struct subject *s)
{
    X509V3_CTX ctx;
    char name[PKI_NAME_MAX + 8];

    X509V3_set_ctx(&ctx, s->signer ? s->signer : x, x, NULL, NULL, 0);
    snprintf(name, sizeof name, "DNS:%s", s->name);
    return add_extension(x, &ctx, NID_basic_constraints,
                         s->is_authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
           add_extension(x, &ctx, NID_key_usage,
                         s->is_authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
           add_extension(x, &ctx, NID_subject_key_identifier, "hash") &&
           add_extension(x, &ctx, NID_authority_key_identifier, "keyid") &&
           (s->is_authority || (add_extension(x, &ctx, NID_ext_key_usage, "serverAuth,clientAuth") &&
                                add_extension(x, &ctx, NID_subject_alt_name, name)));
}

static bool set_serial(X509 *x)
{
    BIGNUM *n = BN_new();
    bool is_ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
                 BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));

    BN_free(n);
    return is_ok;
}

/* The caller frees it; NULL: OpenSSL's error says why. */
static X509 *certificate_new(const struct subject *s)
{
    X509 *x = X509_new();
    X509_NAME *name = x ? X509_get_subject_name(x) : NULL;

    if (x && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
        X509_gmtime_adj(X509_getm_notBefore(x), -BACKDATE_S) &&
        X509_time_adj_ex(X509_getm_notAfter(x), (int)s->days, 0, NULL) && X509_set_pubkey(x, s->key) &&
        X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"trama", -1, -1, 0) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)s->name, -1, -1, 0) &&
        X509_set_issuer_name(x, s->signer ? X509_get_subject_name(s->signer) : name) && add_extensions(x, s) &&
        X509_sign(x, s->signer_key, EVP_sha256()))
        return x;
    X509_free(x);
    return NULL;
}

/* Opens a file that must not be there yet. */
static FILE *create(const char *path, mode_t mode, int *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

    *err = f ? 0 : -errno;
    if (fd >= 0 && !f)
        close(fd);
    return f;
}

/* Writes the pair, or nothing. */
static int write_pair(const char *dir, const struct subject *s, X509 *x, struct errbuf *e)
{
    char key_path[PATH_MAX], crt_path[PATH_MAX];
    int err = path_of(key_path, dir, s->name, "key", e), closed;
    FILE *f;
    bool is_ok;

    if (!err)
        err = path_of(crt_path, dir, s->name, "crt", e);
    if (err)
        return err;
    f = create(key_path, 0600, &err);
    if (!f)
        return errbuf_set(e, err, "%s cannot be made: %s", key_path, strerror(-err));
    is_ok = PEM_write_PrivateKey(f, s->key, NULL, NULL, 0, NULL, NULL);
    closed = fclose(f);
    if (!is_ok || closed) {
        unlink(key_path);
        return errbuf_set(e, -EIO, "%s cannot be written", key_path);
    }
    f = create(crt_path, 0644, &err);
    if (!f) {
        unlink(key_path);
        return errbuf_set(e, err, "%s cannot be made: %s", crt_path, strerror(-err));
    }
    is_ok = PEM_write_X509(f, x);
    closed = fclose(f);
    if (!is_ok || closed) {
        unlink(key_path);
        unlink(crt_path);
        return errbuf_set(e, -EIO, "%s cannot be written", crt_path);
    }
    return 0;
}

/* Makes a key for `s`, its certificate, and the two files. */
static int issue(const char *dir, struct subject *s, struct errbuf *e)
{
    X509 *x = NULL;
    int err;

    ERR_clear_error();
    s->key = EVP_EC_gen("P-256");
    if (!s->signer)
        s->signer_key = s->key;
    if (s->key)
        x = certificate_new(s);
    err = x ? write_pair(dir, s, x, e) : crypto_error(e, "no certificate could be made");
    X509_free(x);
    EVP_PKEY_free(s->key);
    return err;
}

int pki_init(const char *dir, struct errbuf *e)
{
    struct subject s = { .name = "ca", .days = PKI_CA_DAYS, .is_authority = true };

    if (mkdir(dir, 0755) && errno != EEXIST)
        return errbuf_set(e, -errno, "the directory %s cannot be made: %s", dir, strerror(errno));
    return issue(dir, &s, e);
}

static FILE *open_of(const char *dir, const char *ending, int *err, struct errbuf *e)
{
    char path[PATH_MAX];
    FILE *f;

    *err = path_of(path, dir, "ca", ending, e);
    if (*err)
        return NULL;
    f = fopen(path, "re");
    if (!f)
        *err = errbuf_set(e, -errno, "%s: %s; 'trama pki init' makes an authority", path, strerror(errno));
    return f;
}

/* The authority of `dir`; the caller frees both. */
static int load_signer(const char *dir, struct subject *s, struct errbuf *e)
{
    int err;
    FILE *f = open_of(dir, "crt", &err, e);

    if (!f)
        return err;
    s->signer = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    f = open_of(dir, "key", &err, e);
    if (!f)
        return err;
    s->signer_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    if (!s->signer || !s->signer_key || X509_check_private_key(s->signer, s->signer_key) != 1)
        return crypto_error(e, "ca.crt and ca.key are not a pair");
    return 0;
}

int pki_issue(const char *dir, const char *name, unsigned days, struct errbuf *e)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    struct subject s = { .name = name, .days = days };
    size_t len = strlen(name);
    int err;

    if (!len || len > PKI_NAME_MAX || name[strspn(name, chars)] || name[0] == '.' || name[0] == '-' ||
        !strcmp(name, "ca"))
        return errbuf_set(e, -EINVAL,
                          "'%.80s' is no name for a certificate: 1 to %d letters, digits, '.', '_' and '-', not 'ca'",
                          name, PKI_NAME_MAX);
    err = load_signer(dir, &s, e);
    if (!err)
        err = issue(dir, &s, e);
    X509_free(s.signer);
    EVP_PKEY_free(s.signer_key);
    return err;
}
