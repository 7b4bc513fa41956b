/*
 * Age files made for tests: known randomness, headers with any lines and a
 * right MAC, payloads chunk by chunk. Shared by test_age*.c.
 */
#ifndef POSTERN_TESTS_AGE_FILES_H
#define POSTERN_TESTS_AGE_FILES_H

#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "postern/age.h"
#include "postern/age_armor.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/kdf.h"
#include "unit.h"

#define FILE_MAX ((size_t)8 * 1024 * 1024)

/* Gives the bytes it was told, in order; the test fails when asked for more. */
struct scripted {
    const uint8_t *bytes;
    size_t len;
};

static inline void scripted_fill(void *ctx, void *ret_bytes, size_t len)
{
    struct scripted *script = ctx;
    ck_assert_uint_le(len, script->len);
    memcpy(ret_bytes, script->bytes, len);
    script->bytes += len;
    script->len -= len;
}

static inline struct pst_secret *secret_of(const void *bytes, size_t len)
{
    struct pst_secret *secret = NULL;
    ck_assert_int_eq(pst_secret_new(len, &secret), PST_OK);
    memcpy(pst_secret_mut(secret), bytes, len);
    return secret;
}

/* An identity of 32 equal bytes. */
static inline struct pst_secret *identity_of(uint8_t byte)
{
    uint8_t bytes[PST_AGE_KEY_BYTES];
    memset(bytes, byte, sizeof bytes);
    return secret_of(bytes, sizeof bytes);
}

static inline struct pst_age_recipient recipient_of(const struct pst_secret *identity)
{
    struct pst_age_recipient recipient;
    ck_assert_int_eq(pst_age_identity_recipient(identity, &recipient), PST_OK);
    return recipient;
}

/* Append "---", the right MAC and a line feed to a header that begins at 0. */
static inline void header_close(struct pst_buf *file, const struct pst_secret *file_key)
{
    struct pst_secret *key = NULL;
    uint8_t mac[PST_AGE_MAC_BYTES];
    ck_assert_int_eq(pst_buf_append_str(file, "---"), PST_OK);
    ck_assert_int_eq(pst_hkdf_sha256(pst_bytes(pst_secret_bytes(file_key), 16), pst_bytes(NULL, 0),
                                     "header", 32, &key),
                     PST_OK);
    crypto_auth_hmacsha256(mac, file->bytes, file->len, pst_secret_bytes(key));
    pst_secret_free(&key);
    ck_assert_int_eq(pst_buf_append_byte(file, ' '), PST_OK);
    ck_assert_int_eq(pst_base64_append(file, pst_bytes(mac, sizeof mac)), PST_OK);
    ck_assert_int_eq(pst_buf_append_byte(file, '\n'), PST_OK);
}

/* Append a nonce of sixteen bytes 0x4e and return the payload's key. */
static inline struct pst_secret *payload_begin(struct pst_buf *file,
                                               const struct pst_secret *file_key)
{
    struct pst_secret *key = NULL;
    uint8_t nonce[PST_AGE_NONCE_BYTES];
    memset(nonce, 0x4e, sizeof nonce);
    ck_assert_int_eq(pst_buf_append(file, nonce, sizeof nonce), PST_OK);
    ck_assert_int_eq(pst_hkdf_sha256(pst_bytes(pst_secret_bytes(file_key), 16),
                                     pst_bytes(nonce, sizeof nonce), "payload", 32, &key),
                     PST_OK);
    return key;
}

/* Append one chunk of len bytes 'x', by libsodium, with any counter and flag. */
static inline void payload_chunk(struct pst_buf *file, const struct pst_secret *key,
                                 uint64_t counter, uint8_t flag, size_t len)
{
    uint8_t nonce[12] = {0}, *at = NULL;
    PST_FREE uint8_t *plaintext = malloc(len + 1);
    memset(plaintext, 'x', len + 1);
    for (size_t i = 0; i < 8; i++)
        nonce[10 - i] = (uint8_t)(counter >> (8 * i));
    nonce[11] = flag;
    ck_assert_int_eq(pst_buf_extend(file, len + PST_AGE_TAG_BYTES, &at), PST_OK);
    crypto_aead_chacha20poly1305_ietf_encrypt(at, NULL, plaintext, len, NULL, 0, NULL, nonce,
                                              pst_secret_bytes(key));
}

#endif
