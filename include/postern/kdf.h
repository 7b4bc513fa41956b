/*
 * Keys from keys and from passphrases (formats.md "Key ring").
 *
 *   HKDF-SHA256   RFC 5869, by OpenSSL
 *   KDF(k,n,ctx)  libsodium's crypto_kdf_derive_from_key, 32 bytes out
 *   Argon2id      RFC 9106, by libsodium: 16-byte salt, one lane, 32 bytes out
 *
 * auth is what the server sees; wrap opens the key ring and never leaves the
 * client. Any thread; pst_login_derive takes its memory while it runs.
 */
#ifndef POSTERN_KDF_H
#define POSTERN_KDF_H

#include <stdint.h>

#include "postern/buf.h"
#include "postern/random.h"
#include "postern/secret.h"

#define PST_KDF_BYTES 32
#define PST_KDF_CONTEXT_BYTES 8
#define PST_LOGIN_SALT_BYTES 16

/* Clients refuse parameters below and above, whatever the server says. */
#define PST_LOGIN_MEMORY_MIN_KIB (64U * 1024)
#define PST_LOGIN_MEMORY_MAX_KIB (1024U * 1024)
#define PST_LOGIN_PASSES_MIN 3U
/* With 1 GiB a minute or more: beyond it a server only wants to stall a client. */
#define PST_LOGIN_PASSES_MAX 32U
/* Longest passphrase in UTF-8, before and after normalisation. */
#define PST_PASSPHRASE_MAX_BYTES 1024

struct pst_login_params {
    uint8_t salt[PST_LOGIN_SALT_BYTES];
    uint32_t memory_kib;
    uint32_t passes;
};

/* What a passphrase, recovery code or passkey gives. Both 32 bytes, owned. */
struct pst_login_keys {
    struct pst_secret *auth; /* NULL from a passkey */
    struct pst_secret *wrap;
};

/* A fresh salt with the least parameters. random NULL: the system's. */
void pst_login_params_new(const struct pst_random *random, struct pst_login_params *ret_params);

/* Within the limits above. PST_OK; PST_ERR_INVALID. */
PST_MUST_CHECK enum pst_err pst_login_params_check(const struct pst_login_params *params);

/*
 * HKDF-SHA256.
 *   salt  may be empty (RFC 5869: zeroes)
 *   len   1..PST_SECRET_MAX_BYTES
 * Given. PST_ERR_INTERNAL when OpenSSL fails; PST_ERR_INVALID; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_hkdf_sha256(struct pst_bytes key, struct pst_bytes salt,
                                            const char *context, size_t len,
                                            struct pst_secret **ret_key);

/*
 * KDF(key, number, context): key 32 bytes, context exactly 8 characters.
 * Given, 32 bytes. PST_ERR_INVALID; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_kdf(const struct pst_secret *key, uint64_t number,
                                    const char *context, struct pst_secret **ret_key);

/*
 * Passphrase (UTF-8, borrowed, without terminator) to keys: NFKC, Argon2id,
 * KDF 1 and 2. Release with pst_login_keys_free.
 * PST_ERR_INVALID: parameters out of limits, empty, not UTF-8;
 * PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_login_derive(const struct pst_secret *passphrase,
                                             const struct pst_login_params *params,
                                             struct pst_login_keys *ret_keys);

/* The 32-byte master of pst_login_derive, before KDF. Given. */
PST_MUST_CHECK enum pst_err pst_login_master(const struct pst_secret *passphrase,
                                             const struct pst_login_params *params,
                                             struct pst_secret **ret_master);

/* From the 16 raw bytes of a recovery code (enrol.h reads the text). */
PST_MUST_CHECK enum pst_err pst_login_from_recovery(const struct pst_secret *code,
                                                    struct pst_login_keys *ret_keys);

/* From the output of a passkey's PRF extension; auth stays NULL. */
PST_MUST_CHECK enum pst_err pst_login_from_prf(const struct pst_secret *output,
                                               struct pst_login_keys *ret_keys);

void pst_login_keys_free(struct pst_login_keys *keys);

#endif
