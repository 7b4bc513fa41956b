/*
 * The vault: personal fields encrypted one by one, and keyed hashes to look
 * them up by, with a key that is kept outside the database.
 *
 * For web, courier, keeper, export and posternd's tools. Not for messages
 * (sealed by their senders) and not for passphrases (never seen here).
 *
 * The master key is one file of 32 bytes, mode 0640, loaded into guarded
 * memory. From it come, by libsodium's crypto_kdf, one subkey a use. Fields
 * are XChaCha20-Poly1305 with a random nonce; the associated data names table,
 * column and row, so that no value can be moved to another place. Everything
 * about one patient is under that patient's own key, itself wrapped by the
 * vault: destroying the wrapped key shreds it all, in every copy.
 *
 * A vault never changes once open: any thread. Failures to open say only
 * PST_ERR_CRYPTO. Nothing is logged.
 */
#ifndef POSTERN_SERVER_VAULT_VAULT_H
#define POSTERN_SERVER_VAULT_VAULT_H

#include "postern/buf.h"
#include "postern/secret.h"

struct pst_uuid;
struct pst_vault;

#define PST_VAULT_KEY_BYTES 32
/* What sealing adds: nonce and tag. */
#define PST_VAULT_OVERHEAD_BYTES (24 + 16)
/* A blind index, an auth hash. */
#define PST_VAULT_HASH_BYTES 32
/* Longest name of a place or a use ("address.email"), longest row id. */
#define PST_VAULT_PLACE_MAX 64
#define PST_VAULT_ROW_MAX 256

/*
 * Make a key file with a fresh key, mode 0640; never over another.
 * PST_OK; PST_ERR_EXISTS; PST_ERR_IO.
 */
PST_MUST_CHECK enum pst_err pst_vault_create(const char *path);

/*
 * Load a key file. Refused when others than owner and group may read it.
 * Given. PST_OK; PST_ERR_NOT_FOUND; PST_ERR_DENIED (mode, or not readable);
 * PST_ERR_INVALID (not 32 bytes); PST_ERR_IO; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_vault_load(const char *path, struct pst_vault **ret_vault);

/* From a key of PST_VAULT_KEY_BYTES, borrowed. Given. PST_ERR_INVALID; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_vault_new(const struct pst_secret *master,
                                          struct pst_vault **ret_vault);
void pst_vault_free(struct pst_vault **vault);

/* Where a value lives: "table.column", and the bytes of the row's primary key. */
struct pst_vault_place {
    const char *column; /* NUL-terminated, at most PST_VAULT_PLACE_MAX */
    struct pst_bytes row;
};

static inline struct pst_vault_place pst_vault_at(const char *column, const void *row,
                                                  size_t row_len)
{
    return (struct pst_vault_place){column, pst_bytes(row, row_len)};
}

/*
 * Append nonce, ciphertext and tag of plain to out; and the way back. On
 * failure out is as before. For fields of nobody's patient record.
 * PST_OK; PST_ERR_INVALID (place); PST_ERR_CRYPTO; PST_ERR_TOO_LONG; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_vault_field_seal(const struct pst_vault *vault,
                                                 struct pst_vault_place place,
                                                 struct pst_bytes plain, struct pst_buf *out);
PST_MUST_CHECK enum pst_err pst_vault_field_open(const struct pst_vault *vault,
                                                 struct pst_vault_place place,
                                                 struct pst_bytes sealed, struct pst_buf *out);

/* One patient's key, in guarded memory. */
struct pst_patient_key;

/*
 * A fresh key for a patient.
 *   ret_wrapped  appended to: what patient.key_enc holds
 *   ret_key      given; pst_patient_key_free
 */
PST_MUST_CHECK enum pst_err pst_patient_key_new(const struct pst_vault *vault,
                                                const struct pst_uuid *patient,
                                                struct pst_buf *ret_wrapped,
                                                struct pst_patient_key **ret_key);

/* The key that patient.key_enc holds. Given. PST_ERR_CRYPTO, also when shredded. */
PST_MUST_CHECK enum pst_err pst_patient_key_unwrap(const struct pst_vault *vault,
                                                   const struct pst_uuid *patient,
                                                   struct pst_bytes wrapped,
                                                   struct pst_patient_key **ret_key);
void pst_patient_key_free(struct pst_patient_key **key);
#define PST_PATIENT_KEY __attribute__((cleanup(pst_patient_key_free)))

/* As pst_vault_field_seal and _open, under the patient's key. */
PST_MUST_CHECK enum pst_err pst_patient_key_seal(const struct pst_patient_key *key,
                                                 struct pst_vault_place place,
                                                 struct pst_bytes plain, struct pst_buf *out);
PST_MUST_CHECK enum pst_err pst_patient_key_open(const struct pst_patient_key *key,
                                                 struct pst_vault_place place,
                                                 struct pst_bytes sealed, struct pst_buf *out);

/*
 * A keyed hash for equality look-ups and throttling: the same text gives the
 * same hash for one use and vault, and tells nothing without the key.
 *   use         "address.email", "account.login", …
 *   normal      already normalised (normal.h)
 *   ret_index   PST_VAULT_HASH_BYTES
 */
PST_MUST_CHECK enum pst_err pst_vault_index(const struct pst_vault *vault, const char *use,
                                            struct pst_bytes normal, uint8_t *ret_index);

/*
 * Keyed BLAKE2b of what a client proves itself with, bound to person and use
 * ("auth", "recovery"). Compare with sodium_memcmp.
 */
PST_MUST_CHECK enum pst_err pst_vault_auth_hash(const struct pst_vault *vault, const char *use,
                                                const struct pst_uuid *person,
                                                struct pst_bytes auth, uint8_t *ret_hash);

#endif
