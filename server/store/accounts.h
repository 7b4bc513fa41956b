/*
 * Accounts: how a person signs in, their sealed key ring with its wraps, and
 * second factors. Everything personal or secret was sealed or hashed by the
 * vault before it comes here. On the operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_ACCOUNTS_H
#define POSTERN_SERVER_STORE_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/kdf.h"
#include "postern/uuid.h"
#include "server/store/people.h"
#include "server/store/store.h"

#define PST_ACCOUNT_HASH_BYTES 32

struct pst_account {
    struct pst_uuid person;
    uint8_t login_index[PST_ACCOUNT_HASH_BYTES]; /* on writing alone */
    struct pst_sealed_text login;
    uint8_t auth_hash[PST_ACCOUNT_HASH_BYTES];
    struct pst_login_params params;
    bool has_recovery;
    uint8_t recovery_hash[PST_ACCOUNT_HASH_BYTES];
    int64_t ring_version;
};

/*
 * ring: as the vault sealed it, borrowed.
 * PST_ERR_EXISTS: the login is taken, or the person has an account.
 */
PST_MUST_CHECK enum pst_err pst_account_insert(struct pst_tx *tx, const struct pst_account *account,
                                               struct pst_bytes ring);
/* Everything anew. PST_ERR_NOT_FOUND; PST_ERR_EXISTS: the login is taken. */
PST_MUST_CHECK enum pst_err
pst_account_replace(struct pst_tx *tx, const struct pst_account *account, struct pst_bytes ring);

/*
 * Proofs, parameters and ring; the login stays. PST_ERR_NOT_FOUND.
 */
PST_MUST_CHECK enum pst_err pst_account_change(struct pst_tx *tx, const struct pst_account *account,
                                               struct pst_bytes ring);

/* PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_account_by_login(struct pst_tx *tx, const uint8_t *login_index,
                                                 struct pst_account *ret_account);
PST_MUST_CHECK enum pst_err pst_account_get(struct pst_tx *tx, const struct pst_uuid *person,
                                            struct pst_account *ret_account);
/*
 * Parameters of the account whose login hashes to this or next above it: what
 * an account chosen by chance has. PST_ERR_NOT_FOUND: none is above.
 */
PST_MUST_CHECK enum pst_err pst_account_params_near(struct pst_tx *tx, const uint8_t *login_index,
                                                    uint32_t *ret_memory_kib, uint32_t *ret_passes);

/* The recovery code was used. */
PST_MUST_CHECK enum pst_err pst_account_recovery_clear(struct pst_tx *tx,
                                                       const struct pst_uuid *person);

/* Appended to ret_ring. */
PST_MUST_CHECK enum pst_err pst_account_ring(struct pst_tx *tx, const struct pst_uuid *person,
                                             struct pst_buf *ret_ring);

/* Wraps: replaced all together. each() is called once for each, in order of kind. */
PST_MUST_CHECK enum pst_err pst_wrap_clear(struct pst_tx *tx, const struct pst_uuid *person);
PST_MUST_CHECK enum pst_err pst_wrap_insert(struct pst_tx *tx, const struct pst_uuid *person,
                                            const char *kind, struct pst_bytes sealed);
PST_MUST_CHECK enum pst_err pst_wrap_each(struct pst_tx *tx, const struct pst_uuid *person,
                                          enum pst_err (*each)(void *ctx, const char *kind,
                                                               struct pst_bytes sealed),
                                          void *ctx);

/* Most second factors of one person. */
#define PST_FACTORS_MAX 8

struct pst_factor {
    struct pst_uuid id;
    struct pst_uuid person;
    char kind[16]; /* totp */
    struct pst_sealed_text secret;
    int64_t last_step; /* newest TOTP time step used */
    int64_t created_at_ms;
};

PST_MUST_CHECK enum pst_err pst_factor_insert(struct pst_tx *tx, const struct pst_factor *factor);
/* Oldest first. ret_factors: room for PST_FACTORS_MAX. */
PST_MUST_CHECK enum pst_err pst_factor_list(struct pst_tx *tx, const struct pst_uuid *person,
                                            struct pst_factor *ret_factors, size_t *ret_count);
/* PST_ERR_NOT_FOUND when this step or a later one was used before. */
PST_MUST_CHECK enum pst_err pst_factor_step(struct pst_tx *tx, const struct pst_uuid *id,
                                            int64_t step);
/* PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_factor_delete(struct pst_tx *tx, const struct pst_uuid *id,
                                              const struct pst_uuid *person);
PST_MUST_CHECK enum pst_err pst_factor_clear(struct pst_tx *tx, const struct pst_uuid *person);

#endif
