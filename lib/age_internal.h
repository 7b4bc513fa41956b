/*
 * What the age sources share among themselves: wrapping one file key, and the
 * chunk cipher. Not for others; age.h and age_header.h are.
 */
#ifndef POSTERN_LIB_AGE_INTERNAL_H
#define POSTERN_LIB_AGE_INTERNAL_H

#include <openssl/evp.h>

#include "postern/age_header.h"

/* Salt of an scrypt stanza. */
#define AGE_SCRYPT_SALT_BYTES 16

/* A file key with its tag, as it stands in a stanza's body. */
#define AGE_WRAPPED_BYTES (PST_AGE_FILE_KEY_BYTES + PST_AGE_TAG_BYTES)

/*
 * The header under way in out, which begins at start: append "---" and the MAC.
 * PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err age_header_end(const struct pst_secret *file_key, size_t start,
                                           struct pst_buf *out);

/* Append the version line. */
PST_MUST_CHECK enum pst_err age_header_start(struct pst_buf *out);

/* A whole header with one scrypt stanza; salt from random. */
PST_MUST_CHECK enum pst_err
age_scrypt_header_append(const struct pst_secret *file_key, const struct pst_secret *passphrase,
                         unsigned log_n, const struct pst_random *random, struct pst_buf *out);

/* STREAM: the payload's chunks, one after the other, sealing or opening. */
struct age_chunks {
    EVP_CIPHER_CTX *cipher;
    uint64_t counter;
    bool sealing;
};

/* nonce: the payload's 16 bytes. Release with age_chunks_free, also after failure. */
PST_MUST_CHECK enum pst_err age_chunks_init(struct age_chunks *chunks,
                                            const struct pst_secret *file_key,
                                            const uint8_t nonce[PST_AGE_NONCE_BYTES], bool sealing);
void age_chunks_free(struct age_chunks *chunks);

/* len <= PST_AGE_CHUNK_BYTES; writes len + PST_AGE_TAG_BYTES. */
PST_MUST_CHECK enum pst_err age_chunk_seal(struct age_chunks *chunks, const uint8_t *plaintext,
                                           size_t len, bool last, uint8_t *ret_sealed);

/*
 * len, with its tag, from PST_AGE_TAG_BYTES; writes len - PST_AGE_TAG_BYTES.
 * PST_ERR_CRYPTO, and ret_plaintext wiped, when it does not verify; the counter
 * then stays.
 */
PST_MUST_CHECK enum pst_err age_chunk_open(struct age_chunks *chunks, const uint8_t *sealed,
                                           size_t len, bool last, uint8_t *ret_plaintext);

#endif
