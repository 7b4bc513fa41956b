#include "postern/keyring.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "keyring_json.h"
#include "postern/cleanup.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define RING_CONTEXT "postern.keyring/1 "
#define WRAP_CONTEXT "postern.wrap/1 "
#define AD_MAX_BYTES (64 + PST_UUID_TEXT_LEN + PST_WRAP_KIND_MAX_BYTES)

enum pst_err pst_keyring_new(struct pst_keyring **ret_ring)
{
    struct pst_keyring *ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        return PST_ERR_NOMEM;
    *ret_ring = ring;
    return PST_OK;
}

void pst_keyring_free(struct pst_keyring **ring)
{
    if (ring == NULL || *ring == NULL)
        return;
    for (size_t i = 0; i < (*ring)->identities_count; i++)
        pst_secret_free(&(*ring)->identities[i]);
    for (size_t i = 0; i < (*ring)->signing_count; i++)
        pst_secret_free(&(*ring)->signing[i]);
    pst_secret_free(&(*ring)->root);
    free((*ring)->pins);
    free((*ring)->checkpoint);
    free(*ring);
    *ring = NULL;
}

static enum pst_err add_first(struct pst_secret **keys, size_t *count, struct pst_secret *key)
{
    if (*count == PST_KEYRING_KEYS_MAX || pst_secret_len(key) != PST_KEYRING_KEY_BYTES) {
        enum pst_err r = *count == PST_KEYRING_KEYS_MAX ? PST_ERR_TOO_LONG : PST_ERR_INVALID;
        pst_secret_free(&key);
        return r;
    }
    memmove(keys + 1, keys, *count * sizeof(struct pst_secret *));
    keys[0] = key;
    (*count)++;
    return PST_OK;
}

enum pst_err pst_keyring_add_identity(struct pst_keyring *ring, struct pst_secret *identity)
{
    return add_first(ring->identities, &ring->identities_count, identity);
}

enum pst_err pst_keyring_add_signing(struct pst_keyring *ring, struct pst_secret *seed)
{
    return add_first(ring->signing, &ring->signing_count, seed);
}

/* Where id is among the pins, or would be. */
static size_t pin_place(const struct pst_keyring *ring, const struct pst_uuid *id)
{
    size_t low = 0;
    size_t high = ring->pins_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pst_uuid_compare(&ring->pins[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct pst_pin *pst_keyring_pin(const struct pst_keyring *ring, const struct pst_uuid *id)
{
    size_t at = pin_place(ring, id);
    bool is = at < ring->pins_count && pst_uuid_equal(&ring->pins[at].id, id);
    return is ? &ring->pins[at] : NULL;
}

enum pst_err pst_keyring_pin_set(struct pst_keyring *ring, const struct pst_pin *pin)
{
    size_t at = pin_place(ring, &pin->id);
    if (at < ring->pins_count && pst_uuid_equal(&ring->pins[at].id, &pin->id)) {
        ring->pins[at] = *pin;
        return PST_OK;
    }
    if (ring->pins_count == PST_KEYRING_PINS_MAX)
        return PST_ERR_TOO_LONG;
    struct pst_pin *pins = reallocarray(ring->pins, ring->pins_count + 1, sizeof(struct pst_pin));
    if (pins == NULL)
        return PST_ERR_NOMEM;
    ring->pins = pins;
    memmove(pins + at + 1, pins + at, (ring->pins_count - at) * sizeof *pins);
    pins[at] = *pin;
    ring->pins_count++;
    return PST_OK;
}

enum pst_err pst_keyring_checkpoint_set(struct pst_keyring *ring, const char *text)
{
    char *copy = NULL;
    if (text != NULL) {
        if (strlen(text) > PST_KEYRING_CHECKPOINT_MAX_BYTES)
            return PST_ERR_TOO_LONG;
        copy = strdup(text);
        if (copy == NULL)
            return PST_ERR_NOMEM;
    }
    free(ring->checkpoint);
    ring->checkpoint = copy;
    return PST_OK;
}

enum pst_err pst_keyring_key_new(const struct pst_random *random, struct pst_secret **ret_key)
{
    enum pst_err r = pst_secret_new(PST_KEYRING_KEY_BYTES, ret_key);
    if (r == PST_OK)
        pst_random_fill(random, pst_secret_mut(*ret_key), PST_KEYRING_KEY_BYTES);
    return r;
}

/* Appends nonce and ciphertext of plain. */
static enum pst_err seal(struct pst_bytes plain, const struct pst_secret *key, const char *ad,
                         const struct pst_random *random, struct pst_buf *out)
{
    uint8_t nonce[NONCE_BYTES];
    uint8_t *at = NULL;
    if (pst_secret_len(key) != PST_KEYRING_KEY_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r = pst_buf_extend(out, NONCE_BYTES + plain.len + TAG_BYTES, &at);
    if (r != PST_OK)
        return r;
    pst_random_fill(random, nonce, sizeof nonce);
    memcpy(at, nonce, sizeof nonce);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE_BYTES, NULL, plain.ptr, plain.len,
                                                     (const uint8_t *)ad, strlen(ad), NULL, nonce,
                                                     pst_secret_bytes(key));
    return PST_OK;
}

/* ret_plain: sealed.len - NONCE_BYTES - TAG_BYTES bytes. */
static enum pst_err unseal(struct pst_bytes sealed, const struct pst_secret *key, const char *ad,
                           uint8_t *ret_plain)
{
    if (pst_secret_len(key) != PST_KEYRING_KEY_BYTES)
        return PST_ERR_INVALID;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            ret_plain, NULL, NULL, sealed.ptr + NONCE_BYTES, sealed.len - NONCE_BYTES,
            (const uint8_t *)ad, strlen(ad), sealed.ptr, pst_secret_bytes(key)) != 0)
        return PST_ERR_CRYPTO;
    return PST_OK;
}

static enum pst_err ring_ad(const struct pst_uuid *person, struct pst_buf *ad)
{
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(person, id);
    return pst_buf_printf(ad, RING_CONTEXT "%s", id);
}

static enum pst_err wrap_ad(const struct pst_uuid *person, const char *kind, struct pst_buf *ad)
{
    char id[PST_UUID_TEXT_SIZE];
    if (!pst_wrap_kind_valid(kind))
        return PST_ERR_INVALID;
    pst_uuid_format(person, id);
    return pst_buf_printf(ad, WRAP_CONTEXT "%s %s", id, kind);
}

enum pst_err pst_keyring_seal(const struct pst_keyring *ring, const struct pst_secret *key,
                              const struct pst_uuid *person, const struct pst_random *random,
                              struct pst_buf *out)
{
    struct pst_buf json = {0};
    PST_BUF struct pst_buf ad = {.max = AD_MAX_BYTES};
    enum pst_err r = ring_ad(person, &ad);
    if (r == PST_OK)
        r = pst_keyring_json_write(ring, &json);
    if (r == PST_OK)
        r = seal(pst_buf_bytes(&json), key, pst_buf_str(&ad), random, out);
    pst_keyring_json_wipe(&json);
    return r;
}

enum pst_err pst_keyring_open(struct pst_bytes sealed, const struct pst_secret *key,
                              const struct pst_uuid *person, struct pst_keyring **ret_ring)
{
    struct pst_buf json = {.max = PST_KEYRING_MAX_BYTES};
    uint8_t *at = NULL;
    PST_BUF struct pst_buf ad = {.max = AD_MAX_BYTES};
    if (sealed.len < NONCE_BYTES + TAG_BYTES)
        return PST_ERR_CRYPTO;
    enum pst_err r = ring_ad(person, &ad);
    if (r == PST_OK)
        r = pst_buf_extend(&json, sealed.len - NONCE_BYTES - TAG_BYTES, &at);
    if (r == PST_OK)
        r = unseal(sealed, key, pst_buf_str(&ad), at);
    if (r == PST_OK)
        r = pst_keyring_json_read(pst_buf_bytes(&json), ret_ring);
    pst_keyring_json_wipe(&json);
    return r;
}

enum pst_err pst_keyring_wrap(const struct pst_secret *key, const struct pst_secret *wrap_key,
                              const struct pst_uuid *person, const char *kind,
                              const struct pst_random *random, struct pst_buf *out)
{
    PST_BUF struct pst_buf ad = {.max = AD_MAX_BYTES};
    if (pst_secret_len(key) != PST_KEYRING_KEY_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r = wrap_ad(person, kind, &ad);
    if (r != PST_OK)
        return r;
    return seal(pst_bytes(pst_secret_bytes(key), PST_KEYRING_KEY_BYTES), wrap_key, pst_buf_str(&ad),
                random, out);
}

enum pst_err pst_keyring_unwrap(struct pst_bytes wrapped, const struct pst_secret *wrap_key,
                                const struct pst_uuid *person, const char *kind,
                                struct pst_secret **ret_key)
{
    struct pst_secret *key = NULL;
    PST_BUF struct pst_buf ad = {.max = AD_MAX_BYTES};
    enum pst_err r = wrap_ad(person, kind, &ad);
    if (r == PST_OK && wrapped.len != PST_WRAP_BYTES)
        r = PST_ERR_CRYPTO;
    if (r == PST_OK)
        r = pst_secret_new(PST_KEYRING_KEY_BYTES, &key);
    if (r == PST_OK)
        r = unseal(wrapped, wrap_key, pst_buf_str(&ad), pst_secret_mut(key));
    if (r == PST_OK)
        *ret_key = key;
    else
        pst_secret_free(&key);
    return r;
}

bool pst_wrap_kind_valid(const char *kind)
{
    static const char prf[] = "prf:";
    static const char base64url[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    if (strcmp(kind, "passphrase") == 0 || strcmp(kind, "recovery") == 0)
        return true;
    size_t len = strlen(kind);
    if (strncmp(kind, prf, sizeof prf - 1) != 0 || len == sizeof prf - 1 ||
        len > PST_WRAP_KIND_MAX_BYTES)
        return false;
    return strspn(kind + sizeof prf - 1, base64url) == len - (sizeof prf - 1);
}
