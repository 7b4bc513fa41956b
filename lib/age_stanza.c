#include "age_internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base64.h"
#include "postern/kdf.h"

#define VERSION_LINE "age-encryption.org/v1\n"
#define X25519_INFO "age-encryption.org/v1/X25519"
#define SCRYPT_SALT_LABEL "age-encryption.org/v1/scrypt"
#define EPHEMERAL_INFO "postern/1 ephemeral"
#define HEADER_INFO "header"
#define SCRYPT_R 8
#define SCRYPT_P 1

/* Each key wraps one file key once, so the nonce is fixed. */
static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static struct pst_bytes secret_bytes(const struct pst_secret *secret)
{
    return pst_bytes(pst_secret_bytes(secret), pst_secret_len(secret));
}

static void wrap(const struct pst_secret *wrap_key, const struct pst_secret *file_key,
                 uint8_t ret_wrapped[AGE_WRAPPED_BYTES])
{
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(ret_wrapped, NULL, pst_secret_bytes(file_key),
                                                    PST_AGE_FILE_KEY_BYTES, NULL, 0, NULL,
                                                    zero_nonce, pst_secret_bytes(wrap_key));
}

/* PST_ERR_NO_KEY when it is not for this key. */
static enum pst_err unwrap(const struct pst_secret *wrap_key, const struct pst_age_stanza *stanza,
                           struct pst_secret **ret_file_key)
{
    uint8_t wrapped[AGE_WRAPPED_BYTES];
    struct pst_secret *file_key = NULL;
    struct pst_bytes line = pst_bytes(stanza->body.ptr, stanza->body.len - 1);
    /* Exactly 32 bytes, against partitioning oracles: the parser saw to it, and so does this. */
    enum pst_err r = pst_base64_decode_exact(line, wrapped, sizeof wrapped);
    if (r == PST_OK)
        r = pst_secret_new(PST_AGE_FILE_KEY_BYTES, &file_key);
    if (r == PST_OK && crypto_aead_chacha20poly1305_ietf_decrypt(
                           pst_secret_mut(file_key), NULL, NULL, wrapped, sizeof wrapped, NULL, 0,
                           zero_nonce, pst_secret_bytes(wrap_key)) != 0)
        r = PST_ERR_NO_KEY;
    if (r == PST_OK)
        *ret_file_key = file_key;
    else
        pst_secret_free(&file_key);
    return r;
}

/* ---- X25519 ------------------------------------------------------------ */

/* scalar times point, and from it the key that wraps; low_order says what a zero means here. */
static enum pst_err x25519_wrap_key(const struct pst_secret *scalar,
                                    const uint8_t point[PST_AGE_KEY_BYTES],
                                    const uint8_t share[PST_AGE_KEY_BYTES],
                                    const struct pst_age_recipient *recipient,
                                    enum pst_err low_order, struct pst_secret **ret_key)
{
    struct pst_secret *shared = NULL;
    uint8_t salt[2 * PST_AGE_KEY_BYTES];
    memcpy(salt, share, PST_AGE_KEY_BYTES);
    memcpy(salt + PST_AGE_KEY_BYTES, recipient->bytes, PST_AGE_KEY_BYTES);
    enum pst_err r = pst_secret_new(PST_AGE_KEY_BYTES, &shared);
    /* libsodium refuses an all-zero result. */
    if (r == PST_OK &&
        crypto_scalarmult(pst_secret_mut(shared), pst_secret_bytes(scalar), point) != 0)
        r = low_order;
    if (r == PST_OK)
        r = pst_hkdf_sha256(secret_bytes(shared), pst_bytes(salt, sizeof salt), X25519_INFO,
                            PST_KDF_BYTES, ret_key);
    pst_secret_free(&shared);
    return r;
}

static enum pst_err x25519_text_append(const uint8_t share[PST_AGE_KEY_BYTES],
                                       const uint8_t wrapped[AGE_WRAPPED_BYTES],
                                       struct pst_buf *out)
{
    size_t start = out->len;
    enum pst_err r = pst_buf_append_str(out, "-> X25519 ");
    if (r == PST_OK)
        r = pst_base64_append(out, pst_bytes(share, PST_AGE_KEY_BYTES));
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    if (r == PST_OK)
        r = pst_base64_append(out, pst_bytes(wrapped, AGE_WRAPPED_BYTES));
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}

enum pst_err pst_age_stanza_append(const struct pst_secret *file_key,
                                   const struct pst_age_recipient *recipient, struct pst_buf *out)
{
    uint8_t share[PST_AGE_KEY_BYTES], wrapped[AGE_WRAPPED_BYTES];
    struct pst_secret *ephemeral = NULL, *wrap_key = NULL;
    if (pst_secret_len(file_key) != PST_AGE_FILE_KEY_BYTES)
        return PST_ERR_INVALID;
    enum pst_err r =
        pst_hkdf_sha256(secret_bytes(file_key), pst_bytes(recipient->bytes, PST_AGE_KEY_BYTES),
                        EPHEMERAL_INFO, PST_AGE_KEY_BYTES, &ephemeral);
    if (r == PST_OK && crypto_scalarmult_base(share, pst_secret_bytes(ephemeral)) != 0)
        r = PST_ERR_INTERNAL;
    if (r == PST_OK)
        r = x25519_wrap_key(ephemeral, recipient->bytes, share, recipient, PST_ERR_INVALID,
                            &wrap_key);
    if (r == PST_OK) {
        wrap(wrap_key, file_key, wrapped);
        r = x25519_text_append(share, wrapped, out);
    }
    pst_secret_free(&ephemeral);
    pst_secret_free(&wrap_key);
    return r;
}

static bool is_type(const struct pst_age_stanza *stanza, const char *type)
{
    return pst_bytes_equal(pst_age_stanza_arg(stanza, 0), pst_bytes_str(type));
}

/* PST_ERR_NO_KEY also for a stanza of another type. */
static enum pst_err x25519_unwrap(const struct pst_age_stanza *stanza,
                                  const struct pst_secret *identity,
                                  const struct pst_age_recipient *recipient,
                                  struct pst_secret **ret_file_key)
{
    uint8_t share[PST_AGE_KEY_BYTES];
    struct pst_secret *wrap_key = NULL;
    if (!is_type(stanza, "X25519"))
        return PST_ERR_NO_KEY;
    enum pst_err r = pst_base64_decode_exact(pst_age_stanza_arg(stanza, 1), share, sizeof share);
    if (r == PST_OK)
        r = x25519_wrap_key(identity, share, share, recipient, PST_ERR_CRYPTO, &wrap_key);
    if (r == PST_OK)
        r = unwrap(wrap_key, stanza, ret_file_key);
    pst_secret_free(&wrap_key);
    return r;
}

/* ---- scrypt ------------------------------------------------------------ */

static enum pst_err scrypt_wrap_key(const struct pst_secret *passphrase,
                                    const uint8_t salt[AGE_SCRYPT_SALT_BYTES], unsigned log_n,
                                    struct pst_secret **ret_key)
{
    static const char label[] = SCRYPT_SALT_LABEL;
    uint8_t labelled[sizeof label - 1 + AGE_SCRYPT_SALT_BYTES];
    struct pst_secret *key = NULL;
    memcpy(labelled, label, sizeof label - 1);
    memcpy(labelled + sizeof label - 1, salt, AGE_SCRYPT_SALT_BYTES);
    enum pst_err r = pst_secret_new(PST_KDF_BYTES, &key);
    if (r == PST_OK &&
        crypto_pwhash_scryptsalsa208sha256_ll(
            pst_secret_bytes(passphrase), pst_secret_len(passphrase), labelled, sizeof labelled,
            (uint64_t)1 << log_n, SCRYPT_R, SCRYPT_P, pst_secret_mut(key), PST_KDF_BYTES) != 0)
        r = PST_ERR_NOMEM;
    if (r == PST_OK)
        *ret_key = key;
    else
        pst_secret_free(&key);
    return r;
}

/* The parser saw to ^[1-9][0-9]*$, of any length. */
static enum pst_err scrypt_log_n(const struct pst_age_stanza *stanza, unsigned max,
                                 unsigned *ret_log_n)
{
    struct pst_bytes text = pst_age_stanza_arg(stanza, 2);
    unsigned log_n = 0;
    for (size_t i = 0; i < text.len; i++) {
        log_n = log_n * 10 + (unsigned)(text.ptr[i] - '0');
        if (log_n > max)
            return PST_ERR_UNSUPPORTED;
    }
    *ret_log_n = log_n;
    return PST_OK;
}

static enum pst_err scrypt_unwrap(const struct pst_age_stanza *stanza,
                                  const struct pst_age_keys *keys, struct pst_secret **ret_file_key)
{
    uint8_t salt[AGE_SCRYPT_SALT_BYTES];
    unsigned log_n = 0;
    struct pst_secret *wrap_key = NULL;
    unsigned max = keys->log_n_max != 0 ? keys->log_n_max : PST_AGE_SCRYPT_LOG_N_MAX;
    if (!is_type(stanza, "scrypt"))
        return PST_ERR_NO_KEY;
    enum pst_err r = pst_base64_decode_exact(pst_age_stanza_arg(stanza, 1), salt, sizeof salt);
    if (r == PST_OK)
        r = scrypt_log_n(stanza, max, &log_n);
    if (r == PST_OK)
        r = scrypt_wrap_key(keys->passphrase, salt, log_n, &wrap_key);
    if (r == PST_OK)
        r = unwrap(wrap_key, stanza, ret_file_key);
    pst_secret_free(&wrap_key);
    return r;
}

static enum pst_err scrypt_text_append(const uint8_t salt[AGE_SCRYPT_SALT_BYTES], unsigned log_n,
                                       const uint8_t wrapped[AGE_WRAPPED_BYTES],
                                       struct pst_buf *out)
{
    enum pst_err r = pst_buf_append_str(out, "-> scrypt ");
    if (r == PST_OK)
        r = pst_base64_append(out, pst_bytes(salt, AGE_SCRYPT_SALT_BYTES));
    if (r == PST_OK)
        r = pst_buf_printf(out, " %u\n", log_n);
    if (r == PST_OK)
        r = pst_base64_append(out, pst_bytes(wrapped, AGE_WRAPPED_BYTES));
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    return r;
}

enum pst_err age_scrypt_header_append(const struct pst_secret *file_key,
                                      const struct pst_secret *passphrase, unsigned log_n,
                                      const struct pst_random *random, struct pst_buf *out)
{
    uint8_t salt[AGE_SCRYPT_SALT_BYTES], wrapped[AGE_WRAPPED_BYTES];
    struct pst_secret *wrap_key = NULL;
    size_t start = out->len;
    if (log_n < 1 || log_n > PST_AGE_SCRYPT_LOG_N_MAX)
        return PST_ERR_INVALID;
    pst_random_fill(random, salt, sizeof salt);
    enum pst_err r = scrypt_wrap_key(passphrase, salt, log_n, &wrap_key);
    if (r != PST_OK)
        return r;
    wrap(wrap_key, file_key, wrapped);
    pst_secret_free(&wrap_key);
    r = age_header_start(out);
    if (r == PST_OK)
        r = scrypt_text_append(salt, log_n, wrapped, out);
    if (r == PST_OK)
        r = age_header_end(file_key, start, out);
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}

/* ---- the whole header -------------------------------------------------- */

static enum pst_err header_mac(struct pst_bytes input, const struct pst_secret *file_key,
                               uint8_t ret_mac[PST_AGE_MAC_BYTES])
{
    struct pst_secret *key = NULL;
    crypto_auth_hmacsha256_state state;
    enum pst_err r = pst_hkdf_sha256(secret_bytes(file_key), pst_bytes(NULL, 0), HEADER_INFO,
                                     PST_KDF_BYTES, &key);
    if (r != PST_OK)
        return r;
    (void)crypto_auth_hmacsha256_init(&state, pst_secret_bytes(key), PST_KDF_BYTES);
    (void)crypto_auth_hmacsha256_update(&state, input.ptr, input.len);
    (void)crypto_auth_hmacsha256_final(&state, ret_mac);
    sodium_memzero(&state, sizeof state);
    pst_secret_free(&key);
    return PST_OK;
}

enum pst_err age_header_start(struct pst_buf *out)
{
    return pst_buf_append_str(out, VERSION_LINE);
}

enum pst_err age_header_end(const struct pst_secret *file_key, size_t start, struct pst_buf *out)
{
    uint8_t mac[PST_AGE_MAC_BYTES];
    enum pst_err r = pst_buf_append_str(out, "---");
    if (r == PST_OK)
        r = header_mac(pst_bytes(out->bytes + start, out->len - start), file_key, mac);
    if (r == PST_OK)
        r = pst_buf_append_byte(out, ' ');
    if (r == PST_OK)
        r = pst_base64_append(out, pst_bytes(mac, sizeof mac));
    if (r == PST_OK)
        r = pst_buf_append_byte(out, '\n');
    return r;
}

/* The same recipient twice would repeat an ephemeral secret. */
static bool any_twice(const struct pst_age_recipient *recipients, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (pst_age_recipient_equal(&recipients[i], &recipients[j]))
                return true;
    return false;
}

enum pst_err pst_age_header_append(const struct pst_secret *file_key,
                                   const struct pst_age_recipient *recipients, size_t count,
                                   struct pst_buf *out)
{
    size_t start = out->len;
    if (count == 0 || any_twice(recipients, count))
        return PST_ERR_INVALID;
    enum pst_err r = age_header_start(out);
    for (size_t i = 0; r == PST_OK && i < count; i++)
        r = pst_age_stanza_append(file_key, &recipients[i], out);
    if (r == PST_OK)
        r = age_header_end(file_key, start, out);
    if (r == PST_OK && out->len - start > PST_AGE_HEADER_MAX_BYTES)
        r = PST_ERR_TOO_LONG;
    if (r != PST_OK)
        pst_buf_truncate(out, start);
    return r;
}

enum pst_err pst_age_header_check_mac(struct pst_bytes bytes, const struct pst_age_header *header,
                                      const struct pst_secret *file_key)
{
    uint8_t mac[PST_AGE_MAC_BYTES];
    if (pst_secret_len(file_key) != PST_AGE_FILE_KEY_BYTES || bytes.len < header->len)
        return PST_ERR_INVALID;
    enum pst_err r = header_mac(pst_bytes(bytes.ptr, header->mac_input), file_key, mac);
    if (r == PST_OK && sodium_memcmp(mac, header->mac, sizeof mac) != 0)
        r = PST_ERR_CRYPTO;
    return r;
}

enum pst_err pst_age_header_check_stanzas(struct pst_bytes bytes,
                                          const struct pst_age_header *header,
                                          const struct pst_secret *file_key,
                                          const struct pst_age_recipient *recipients, size_t count)
{
    struct pst_bytes rest = pst_age_header_stanzas(bytes, header);
    struct pst_age_stanza stanza;
    struct pst_buf made = {.max = rest.len};
    enum pst_err r = header->stanza_count == count ? PST_OK : PST_ERR_CRYPTO;
    for (size_t i = 0; r == PST_OK && i < count; i++) {
        if (!pst_age_stanza_next(&rest, &stanza)) {
            r = PST_ERR_CRYPTO;
            break;
        }
        pst_buf_clear(&made);
        r = pst_age_stanza_append(file_key, &recipients[i], &made);
        if (r == PST_ERR_TOO_LONG ||
            (r == PST_OK && !pst_bytes_equal(pst_buf_bytes(&made), stanza.text)))
            r = PST_ERR_CRYPTO;
    }
    pst_buf_free(&made);
    return r;
}

/* ---- opening ----------------------------------------------------------- */

static enum pst_err try_identity(struct pst_bytes stanzas, const struct pst_secret *identity,
                                 struct pst_secret **ret_file_key)
{
    struct pst_age_recipient recipient;
    struct pst_age_stanza stanza;
    enum pst_err r = pst_age_identity_recipient(identity, &recipient);
    if (r == PST_OK)
        r = PST_ERR_NO_KEY;
    while (r == PST_ERR_NO_KEY && pst_age_stanza_next(&stanzas, &stanza))
        r = x25519_unwrap(&stanza, identity, &recipient, ret_file_key);
    return r;
}

static enum pst_err try_keys(struct pst_bytes stanzas, const struct pst_age_keys *keys,
                             struct pst_secret **ret_file_key)
{
    struct pst_bytes rest = stanzas;
    struct pst_age_stanza stanza;
    enum pst_err r = PST_ERR_NO_KEY;
    for (size_t i = 0; r == PST_ERR_NO_KEY && i < keys->identity_count; i++)
        r = try_identity(stanzas, keys->identities[i], ret_file_key);
    /* An scrypt stanza stands alone: the first is the only one. */
    if (r == PST_ERR_NO_KEY && keys->passphrase != NULL && pst_age_stanza_next(&rest, &stanza))
        r = scrypt_unwrap(&stanza, keys, ret_file_key);
    return r;
}

enum pst_err pst_age_header_unwrap(struct pst_bytes bytes, const struct pst_age_header *header,
                                   const struct pst_age_keys *keys,
                                   struct pst_secret **ret_file_key)
{
    struct pst_secret *file_key = NULL;
    enum pst_err r = PST_ERR_INTERNAL;
    if (keys->file_key != NULL)
        r = pst_secret_copy(keys->file_key, &file_key);
    else
        r = try_keys(pst_age_header_stanzas(bytes, header), keys, &file_key);
    if (r == PST_OK)
        r = pst_age_header_check_mac(bytes, header, file_key);
    if (r == PST_OK)
        *ret_file_key = file_key;
    else
        pst_secret_free(&file_key);
    return r;
}

enum pst_err pst_age_grant_unwrap(struct pst_bytes stanza_text, struct pst_bytes bytes,
                                  const struct pst_age_header *header,
                                  const struct pst_secret *identity,
                                  struct pst_secret **ret_file_key)
{
    struct pst_age_recipient recipient;
    struct pst_age_stanza stanza;
    struct pst_secret *file_key = NULL;
    enum pst_err r = pst_age_identity_recipient(identity, &recipient);
    if (r == PST_OK)
        r = pst_age_stanza_parse(stanza_text, &stanza);
    if (r == PST_OK)
        r = x25519_unwrap(&stanza, identity, &recipient, &file_key);
    if (r == PST_OK)
        r = pst_age_header_check_mac(bytes, header, file_key);
    if (r == PST_OK)
        *ret_file_key = file_key;
    else
        pst_secret_free(&file_key);
    return r;
}
