#include "age_internal.h"

#include <sodium.h>
#include <string.h>

#include "postern/kdf.h"

#define PAYLOAD_INFO "payload"
#define CHUNK_NONCE_BYTES 12
#define LAST_FLAG 0x01

enum pst_err age_chunks_init(struct age_chunks *chunks, const struct pst_secret *file_key,
                             const uint8_t nonce[PST_AGE_NONCE_BYTES], bool sealing)
{
    struct pst_secret *key = NULL;
    *chunks = (struct age_chunks){.sealing = sealing};
    enum pst_err r =
        pst_hkdf_sha256(pst_bytes(pst_secret_bytes(file_key), pst_secret_len(file_key)),
                        pst_bytes(nonce, PST_AGE_NONCE_BYTES), PAYLOAD_INFO, PST_KDF_BYTES, &key);
    if (r != PST_OK)
        return r;
    chunks->cipher = EVP_CIPHER_CTX_new();
    if (chunks->cipher == NULL)
        r = PST_ERR_NOMEM;
    else if (EVP_CipherInit_ex(chunks->cipher, EVP_chacha20_poly1305(), NULL, pst_secret_bytes(key),
                               NULL, sealing) != 1)
        r = PST_ERR_INTERNAL;
    pst_secret_free(&key);
    return r;
}

void age_chunks_free(struct age_chunks *chunks)
{
    EVP_CIPHER_CTX_free(chunks->cipher); /* cleanses the key */
    chunks->cipher = NULL;
}

/* Eleven bytes of counter, big-endian, and the flag. */
static bool start_chunk(struct age_chunks *chunks, bool last)
{
    uint8_t nonce[CHUNK_NONCE_BYTES] = {0};
    for (size_t i = 0; i < sizeof chunks->counter; i++)
        nonce[CHUNK_NONCE_BYTES - 2 - i] = (uint8_t)(chunks->counter >> (8 * i));
    nonce[CHUNK_NONCE_BYTES - 1] = last ? LAST_FLAG : 0;
    return EVP_CipherInit_ex(chunks->cipher, NULL, NULL, NULL, nonce, chunks->sealing) == 1;
}

/* An empty chunk has only a tag; OpenSSL is not shown a length of 0. */
static bool run_cipher(EVP_CIPHER_CTX *cipher, uint8_t *out, const uint8_t *in, size_t len)
{
    int done = 0;
    return len == 0 ||
           (EVP_CipherUpdate(cipher, out, &done, in, (int)len) == 1 && (size_t)done == len);
}

enum pst_err age_chunk_seal(struct age_chunks *chunks, const uint8_t *plaintext, size_t len,
                            bool last, uint8_t *ret_sealed)
{
    int done = 0;
    if (!start_chunk(chunks, last) || !run_cipher(chunks->cipher, ret_sealed, plaintext, len) ||
        EVP_CipherFinal_ex(chunks->cipher, ret_sealed + len, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(chunks->cipher, EVP_CTRL_AEAD_GET_TAG, PST_AGE_TAG_BYTES,
                            ret_sealed + len) != 1)
        return PST_ERR_INTERNAL;
    chunks->counter++;
    return PST_OK;
}

enum pst_err age_chunk_open(struct age_chunks *chunks, const uint8_t *sealed, size_t len, bool last,
                            uint8_t *ret_plaintext)
{
    int done = 0;
    uint8_t tag[PST_AGE_TAG_BYTES], none[1];
    size_t plain_len = len - PST_AGE_TAG_BYTES;
    memcpy(tag, sealed + plain_len, sizeof tag);
    if (!start_chunk(chunks, last) ||
        EVP_CIPHER_CTX_ctrl(chunks->cipher, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1)
        return PST_ERR_INTERNAL;
    if (!run_cipher(chunks->cipher, ret_plaintext, sealed, plain_len) ||
        EVP_CipherFinal_ex(chunks->cipher, none, &done) != 1) {
        sodium_memzero(ret_plaintext, plain_len);
        return PST_ERR_CRYPTO;
    }
    chunks->counter++;
    return PST_OK;
}
