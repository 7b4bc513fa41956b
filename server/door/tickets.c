#include "server/door/tickets.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/secret.h"

/* AES-256-CBC and HMAC-SHA256 (RFC 5077 4 with longer keys). */
#define CIPHER_BYTES ((size_t)32)
#define MAC_BYTES ((size_t)32)
#define IV_BYTES 16

struct key {
    uint8_t name[PST_DOOR_TICKET_NAME_BYTES];
    struct pst_secret *secret; /* cipher key, then MAC key; NULL: no key here */
    int64_t made_s;
};

struct pst_door_tickets {
    pthread_rwlock_t lock;
    struct key keys[PST_DOOR_TICKET_KEYS]; /* newest first */
};

/* What SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants back. */
enum ticket_answer {
    TICKET_FAILED = -1,
    TICKET_UNKNOWN = 0,
    TICKET_OK = 1,
    TICKET_RENEW = 2,
};

static enum pst_err key_make(int64_t now_s, struct key *ret_key)
{
    struct key key = {.made_s = now_s};
    if (RAND_bytes(key.name, sizeof key.name) != 1)
        return PST_ERR_INTERNAL;
    enum pst_err r = pst_secret_random(CIPHER_BYTES + MAC_BYTES, &key.secret);
    if (r == PST_OK)
        *ret_key = key;
    return r;
}

enum pst_err pst_door_tickets_new(int64_t now_s, struct pst_door_tickets **ret_tickets)
{
    struct pst_door_tickets *tickets = calloc(1, sizeof *tickets);
    if (tickets == NULL)
        return PST_ERR_NOMEM;
    enum pst_err r = key_make(now_s, &tickets->keys[0]);
    if (r != PST_OK) {
        free(tickets);
        return r;
    }
    (void)pthread_rwlock_init(&tickets->lock, NULL);
    *ret_tickets = tickets;
    return PST_OK;
}

void pst_door_tickets_free(struct pst_door_tickets **tickets)
{
    if (tickets == NULL || *tickets == NULL)
        return;
    for (size_t i = 0; i < PST_DOOR_TICKET_KEYS; i++)
        pst_secret_free(&(*tickets)->keys[i].secret);
    (void)pthread_rwlock_destroy(&(*tickets)->lock);
    free(*tickets);
    *tickets = NULL;
}

enum pst_err pst_door_tickets_rotate(struct pst_door_tickets *tickets, int64_t now_s,
                                     bool *ret_rotated)
{
    if (now_s - tickets->keys[0].made_s < PST_DOOR_TICKET_ROTATE_S) {
        *ret_rotated = false;
        return PST_OK;
    }
    struct key key;
    enum pst_err r = key_make(now_s, &key);
    if (r != PST_OK)
        return r;
    const int64_t life_s = (int64_t)PST_DOOR_TICKET_ROTATE_S * PST_DOOR_TICKET_KEYS;
    (void)pthread_rwlock_wrlock(&tickets->lock);
    pst_secret_free(&tickets->keys[PST_DOOR_TICKET_KEYS - 1].secret);
    memmove(&tickets->keys[1], &tickets->keys[0],
            (PST_DOOR_TICKET_KEYS - 1) * sizeof tickets->keys[0]);
    tickets->keys[0] = key;
    for (size_t i = 1; i < PST_DOOR_TICKET_KEYS; i++)
        if (now_s - tickets->keys[i].made_s >= life_s)
            pst_secret_free(&tickets->keys[i].secret);
    (void)pthread_rwlock_unlock(&tickets->lock);
    *ret_rotated = true;
    return PST_OK;
}

static bool key_use(const struct key *key, const uint8_t *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int encrypt)
{
    const uint8_t *bytes = pst_secret_bytes(key->secret);
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_END};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, bytes, iv, encrypt) == 1 &&
           EVP_MAC_init(mac, bytes + CIPHER_BYTES, MAC_BYTES, params) == 1;
}

static int seal_with_newest(struct pst_door_tickets *tickets, uint8_t *name, uint8_t *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
    if (RAND_bytes(iv, IV_BYTES) != 1)
        return TICKET_FAILED;
    memcpy(name, tickets->keys[0].name, PST_DOOR_TICKET_NAME_BYTES);
    return key_use(&tickets->keys[0], iv, cipher, mac, 1) ? TICKET_OK : TICKET_FAILED;
}

/* A TLS 1.3 client uses a ticket once (RFC 8446 C.4): it always gets the next one. */
static int open_with_named(struct pst_door_tickets *tickets, const uint8_t *name, const uint8_t *iv,
                           EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool single_use)
{
    for (size_t i = 0; i < PST_DOOR_TICKET_KEYS; i++) {
        const struct key *key = &tickets->keys[i];
        if (key->secret == NULL || memcmp(key->name, name, sizeof key->name) != 0)
            continue;
        if (!key_use(key, iv, cipher, mac, 0))
            return TICKET_FAILED;
        return i == 0 && !single_use ? TICKET_OK : TICKET_RENEW;
    }
    return TICKET_UNKNOWN;
}

static int context_index = -1;

static void context_index_make(void)
{
    context_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static int tickets_index(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, context_index_make);
    return context_index;
}

static int ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac, int encrypt)
{
    struct pst_door_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index());
    if (tickets == NULL)
        return TICKET_FAILED;
    (void)pthread_rwlock_rdlock(&tickets->lock);
    int answer = encrypt ? seal_with_newest(tickets, name, iv, cipher, mac)
                         : open_with_named(tickets, name, iv, cipher, mac,
                                           SSL_version(ssl) == TLS1_3_VERSION);
    (void)pthread_rwlock_unlock(&tickets->lock);
    return answer;
}

enum pst_err pst_door_tickets_install(struct pst_door_tickets *tickets, SSL_CTX *context)
{
    bool ok = SSL_CTX_set_ex_data(context, tickets_index(), tickets) == 1 &&
              SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key) == 1;
    return ok ? PST_OK : PST_ERR_INTERNAL;
}

void pst_door_tickets_name(struct pst_door_tickets *tickets,
                           uint8_t ret_name[PST_DOOR_TICKET_NAME_BYTES])
{
    (void)pthread_rwlock_rdlock(&tickets->lock);
    memcpy(ret_name, tickets->keys[0].name, PST_DOOR_TICKET_NAME_BYTES);
    (void)pthread_rwlock_unlock(&tickets->lock);
}
