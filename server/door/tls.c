#include "server/door/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include "postern/cleanup.h"

/* Chains and authority lists are a few KiB; this bounds what a wrong file costs. */
#define PEM_MAX ((size_t)1 << 20)

/* TLS 1.2: forward secrecy and AEAD only (RFC 9325 4.2). */
#define CIPHERS_TLS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"

/*
 * Tickets a full handshake sends (OpenSSL's default is 2). Each costs an
 * encryption and a write; browsers open the second connection before they use
 * the first ticket anyway.
 */
#define TICKETS_SENT 1

/* A little less than what the oldest ticket key covers. */
#define SESSION_S (PST_DOOR_TICKET_ROTATE_S * (PST_DOOR_TICKET_KEYS - 1))

static const unsigned char alpn_http[] = "\x08http/1.1";
static const unsigned char session_context[] = "postern-door";

static enum pst_err file_bio(int fd, BIO **ret_bio)
{
    uint8_t part[4096];
    BIO *bio = BIO_new(BIO_s_mem());
    off_t at = 0;
    ssize_t got = bio == NULL ? -1 : 1;
    /* pread: the supervisor's open file may be read again by the next door */
    while (got > 0 && (size_t)at < PEM_MAX) {
        got = pread(fd, part, sizeof part, at);
        if (got > 0 && BIO_write(bio, part, (int)got) != (int)got)
            got = -1;
        at += got > 0 ? got : 0;
    }
    OPENSSL_cleanse(part, sizeof part);
    if (got != 0) {
        BIO_free(bio);
        return bio == NULL ? PST_ERR_NOMEM : PST_ERR_IO;
    }
    *ret_bio = bio;
    return PST_OK;
}

/* The server's certificate first, then the chain up to, not including, its root. */
static enum pst_err use_chain(SSL_CTX *context, BIO *bio)
{
    X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool ok = leaf != NULL && SSL_CTX_use_certificate(context, leaf) == 1;
    X509_free(leaf);
    X509 *next = NULL;
    while (ok && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = SSL_CTX_add0_chain_cert(context, next) == 1;
        if (!ok)
            X509_free(next);
    }
    ERR_clear_error(); /* the end of the file is an error to PEM_read */
    return ok ? PST_OK : PST_ERR_SYNTAX;
}

static int no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1; /* an encrypted key is an error, not a question on the terminal */
}

static enum pst_err use_key(SSL_CTX *context, BIO *bio)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    enum pst_err r = PST_ERR_SYNTAX;
    if (key != NULL) {
        bool ok = SSL_CTX_use_PrivateKey(context, key) == 1;
        r = ok && SSL_CTX_check_private_key(context) == 1 ? PST_OK : PST_ERR_CRYPTO;
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return r;
}

/* Client certificates are asked for, never demanded: most people have none. */
static enum pst_err use_authorities(SSL_CTX *context, BIO *bio)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    X509 *authority = NULL;
    size_t count = 0;
    bool ok = true;
    while (ok && (authority = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        ok = X509_STORE_add_cert(store, authority) == 1 &&
             SSL_CTX_add_client_CA(context, authority) == 1;
        X509_free(authority);
        count++;
    }
    ERR_clear_error();
    if (!ok || count == 0)
        return PST_ERR_SYNTAX;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return PST_OK;
}

typedef enum pst_err (*use_fn)(SSL_CTX *context, BIO *bio);

static enum pst_err use_file(SSL_CTX *context, int fd, use_fn use)
{
    BIO *bio = NULL;
    enum pst_err r = file_bio(fd, &bio);
    if (r != PST_OK)
        return r;
    r = use(context, bio);
    BIO_free(bio);
    return r;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl, (void)arg;
    unsigned char *chosen = NULL;
    int found =
        SSL_select_next_proto(&chosen, out_len, alpn_http, sizeof alpn_http - 1, in, in_len);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/*
 * IGNORE_UNEXPECTED_EOF: an end without close_notify is passed on as an end, and
 * the answer still goes out; HTTP's own framing tells whether something is missing.
 */
static bool set_up(SSL_CTX *context, unsigned minimum_tls)
{
    (void)SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                           SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_IGNORE_UNEXPECTED_EOF);
    static char groups[] = GROUPS; /* OpenSSL's macro takes no const text */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1); /* one read(2) a record, not two */
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_timeout(context, SESSION_S);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
    SSL_CTX_set_quiet_shutdown(context, 0);
    return SSL_CTX_set_min_proto_version(context, (int)minimum_tls) == 1 &&
           SSL_CTX_set_cipher_list(context, CIPHERS_TLS_1_2) == 1 &&
           SSL_CTX_set1_groups_list(context, groups) == 1 &&
           SSL_CTX_set_num_tickets(context, TICKETS_SENT) == 1 &&
           SSL_CTX_set_session_id_context(context, session_context, sizeof session_context - 1) ==
               1;
}

static enum pst_err fill(SSL_CTX *context, const struct pst_role_tls_files *files,
                         unsigned minimum_tls, struct pst_door_tickets *tickets)
{
    if (!set_up(context, minimum_tls))
        return PST_ERR_INTERNAL;
    enum pst_err r = use_file(context, files->certificate, use_chain);
    if (r == PST_OK)
        r = use_file(context, files->key, use_key);
    if (r == PST_OK && files->authorities >= 0)
        r = use_file(context, files->authorities, use_authorities);
    return r != PST_OK ? r : pst_door_tickets_install(tickets, context);
}

enum pst_err pst_door_tls_context(const struct pst_role_tls_files *files, unsigned minimum_tls,
                                  struct pst_door_tickets *tickets, SSL_CTX **ret_context)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = fill(context, files, minimum_tls, tickets);
    ERR_clear_error();
    if (r == PST_OK)
        *ret_context = context;
    else
        SSL_CTX_free(context);
    return r;
}

static enum pst_err certificate_facts(SSL *ssl, struct pst_handover *facts)
{
    X509 *peer = SSL_get0_peer_certificate(ssl);
    if (peer == NULL)
        return PST_OK;
    unsigned len = 0;
    if (SSL_get_verify_result(ssl) != X509_V_OK ||
        X509_digest(peer, EVP_sha256(), facts->certificate, &len) != 1)
        return PST_ERR_CRYPTO;
    facts->has_certificate = true;
    return PST_OK;
}

enum pst_err pst_door_tls_facts(SSL *ssl, struct pst_handover *facts)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    if (cipher == NULL)
        return PST_ERR_INTERNAL;
    facts->tls_version = (uint16_t)SSL_version(ssl);
    facts->cipher = SSL_CIPHER_get_protocol_id(cipher);
    facts->aead = SSL_CIPHER_is_aead(cipher) == 1;
    facts->resumed = SSL_session_reused(ssl) == 1;
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    if (alpn_len > 0 && alpn_len < sizeof facts->alpn)
        memcpy(facts->alpn, alpn, alpn_len);
    return certificate_facts(ssl, facts);
}
