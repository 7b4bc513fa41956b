/*
 * Key ids, and Ed25519 signing keys (RFC 8032, by libsodium).
 *
 * A key id is the first 16 bytes of SHA-256 over the 32 raw bytes of a public
 * key, X25519 or Ed25519; as text base64url, 22 characters. Any thread.
 */
#ifndef POSTERN_SIGN_H
#define POSTERN_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/random.h"
#include "postern/secret.h"

#define PST_KEY_ID_BYTES 16
#define PST_KEY_ID_TEXT_LEN 22
#define PST_KEY_ID_TEXT_SIZE (PST_KEY_ID_TEXT_LEN + 1)
/* Both of X25519 and of Ed25519. */
#define PST_PUBLIC_KEY_BYTES 32
#define PST_SIGN_SEED_BYTES 32
#define PST_SIGNATURE_BYTES 64

struct pst_key_id {
    uint8_t bytes[PST_KEY_ID_BYTES];
};

/* An Ed25519 public key. */
struct pst_sign_public {
    uint8_t bytes[PST_PUBLIC_KEY_BYTES];
};

struct pst_signature {
    uint8_t bytes[PST_SIGNATURE_BYTES];
};

/* public_key: PST_PUBLIC_KEY_BYTES raw bytes. PST_ERR_INTERNAL; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_key_id_of(const uint8_t *public_key, struct pst_key_id *ret_id);

/* Exactly 22 characters of canonical base64url. PST_ERR_SYNTAX. */
PST_MUST_CHECK enum pst_err pst_key_id_parse(const char *text, size_t text_len,
                                             struct pst_key_id *ret_id);
/* ret_text: PST_KEY_ID_TEXT_SIZE bytes, NUL-terminated. */
void pst_key_id_format(const struct pst_key_id *id, char *ret_text);

/* Order of the *texts* (base64url), which is the order sets are sorted in. */
int pst_key_id_compare_text(const struct pst_key_id *a, const struct pst_key_id *b);
bool pst_key_id_equal(const struct pst_key_id *a, const struct pst_key_id *b);

/* One that can sign: seed in guarded memory, public half and id beside it. */
struct pst_signer {
    struct pst_sign_public public_key;
    struct pst_key_id id;
    /* The 32-byte seed; owned. */
    struct pst_secret *seed;
    /* libsodium's 64-byte form, made once; owned. */
    struct pst_secret *expanded;
};

/*
 * From a 32-byte seed (borrowed, copied). random NULL: the system's.
 * Given; release with pst_signer_free. PST_ERR_INVALID for another length.
 */
PST_MUST_CHECK enum pst_err pst_signer_from_seed(const struct pst_secret *seed,
                                                 struct pst_signer **ret_signer);
PST_MUST_CHECK enum pst_err pst_signer_new(const struct pst_random *random,
                                           struct pst_signer **ret_signer);
void pst_signer_free(struct pst_signer **signer);

/* Ed25519 over message. */
PST_MUST_CHECK enum pst_err pst_sign(const struct pst_signer *signer, struct pst_bytes message,
                                     struct pst_signature *ret_signature);

/* PST_OK, or PST_ERR_CRYPTO for whatever reason. */
PST_MUST_CHECK enum pst_err pst_sign_verify(const struct pst_sign_public *public_key,
                                            struct pst_bytes message,
                                            const struct pst_signature *signature);

#endif
