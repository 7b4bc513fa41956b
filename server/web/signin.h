/*
 * The parts of signing in that session.c, me.c and enrolments.c share: logins,
 * proofs, second factors and the throttle. Called inside operations; strings
 * are borrowed.
 */
#ifndef POSTERN_SERVER_WEB_SIGNIN_H
#define POSTERN_SERVER_WEB_SIGNIN_H

#include "server/store/accounts.h"
#include "server/store/attempts.h"
#include "server/web/request.h"

/* Uses of pst_vault_auth_hash. */
#define PST_AUTH_PASSPHRASE "auth"
#define PST_AUTH_RECOVERY "recovery"
#define PST_AUTH_BYTES 32

/* The keyed hash of a login, normalised. PST_ERR_INVALID, PST_ERR_TOO_LONG: no login. */
PST_MUST_CHECK enum pst_err pst_signin_login_index(const struct pst_vault *vault, const char *login,
                                                   uint8_t *ret_index);

/* One who tries: by login or person, and by network address. */
struct pst_throttle {
    uint8_t subject[PST_ACCOUNT_HASH_BYTES];
    uint8_t address[PST_ACCOUNT_HASH_BYTES];
    uint8_t nonces[2][PST_ATTEMPT_NONCE_BYTES];
};

/* subject: a login's index, or a person's id. */
PST_MUST_CHECK enum pst_err pst_throttle_init(const struct pst_request *request,
                                              struct pst_bytes subject,
                                              struct pst_throttle *ret_throttle);

/*
 * PST_OK: go on. PST_ERR_BUSY: too many tries, and the refusal rate-limited is
 * set with how long to wait.
 */
PST_MUST_CHECK enum pst_err pst_throttle_check(struct pst_tx *tx, struct pst_request *request,
                                               const struct pst_throttle *throttle);

/* Count a failure. After a success those of the subject are forgotten. */
PST_MUST_CHECK enum pst_err pst_throttle_failed(struct pst_tx *tx,
                                                const struct pst_request *request,
                                                const struct pst_throttle *throttle);
PST_MUST_CHECK enum pst_err pst_throttle_passed(struct pst_tx *tx,
                                                const struct pst_throttle *throttle);

/* Does auth (32 bytes) belong to this person's hash? Constant time. */
bool pst_signin_auth_equal(const struct pst_vault *vault, const char *use,
                           const struct pst_uuid *person, const uint8_t *auth,
                           const uint8_t *want_hash);

/*
 * Use up a code of one of these factors.
 * PST_OK; PST_ERR_CRYPTO: of none, or used before.
 */
PST_MUST_CHECK enum pst_err pst_signin_code_use(struct pst_tx *tx,
                                                const struct pst_request *request,
                                                const struct pst_factor *factors, size_t count,
                                                const char *code);

#endif
