/*
 * What an account is made of, as clients send it: ring, wraps, credential,
 * recovery. Shared by enrolment and PUT /v1/me/keyring.
 */
#ifndef POSTERN_SERVER_WEB_CREDENTIAL_H
#define POSTERN_SERVER_WEB_CREDENTIAL_H

#include "postern/keyring.h"
#include "server/store/accounts.h"
#include "server/web/request.h"
#include "server/web/signin.h"

/* Ways to open one ring: passphrase, recovery, a few passkeys. */
#define PST_WRAPS_MAX 16

struct pst_keyring_body {
    const char *ring;
    json_t *wraps;
    json_t *credential; /* NULL: unchanged */
    json_t *recovery;   /* NULL: unchanged */
};

/* Decoded and sealed for the store. */
struct pst_keyring_sealed {
    struct pst_buf ring;
    size_t wraps_count;
    struct {
        const char *kind; /* borrowed from the request's body */
        struct pst_buf sealed;
    } wraps[PST_WRAPS_MAX];
    bool has_credential;
    uint8_t auth_hash[PST_ACCOUNT_HASH_BYTES];
    struct pst_login_params params;
    bool has_recovery;
    uint8_t recovery_hash[PST_ACCOUNT_HASH_BYTES];
};

/*
 * Check and seal for this person.
 *   ret_sealed  zeroed before; release with pst_keyring_sealed_free, also after
 *               a failure
 * PST_ERR_SYNTAX with a bad-request set; PST_ERR_NOMEM; PST_ERR_CRYPTO.
 */
PST_MUST_CHECK enum pst_err pst_keyring_body_seal(struct pst_request *request,
                                                  const struct pst_keyring_body *body,
                                                  const struct pst_uuid *person,
                                                  struct pst_keyring_sealed *ret_sealed);
void pst_keyring_sealed_free(struct pst_keyring_sealed *sealed);

/* The person's wraps, all anew. */
PST_MUST_CHECK enum pst_err pst_keyring_wraps_put(struct pst_tx *tx, const struct pst_uuid *person,
                                                  const struct pst_keyring_sealed *sealed);

/* wrap.wrap_enc: the row is person and kind. Appended to out. */
PST_MUST_CHECK enum pst_err pst_wrap_open(const struct pst_vault *vault,
                                          const struct pst_uuid *person, const char *kind,
                                          struct pst_bytes sealed, struct pst_buf *out);

#endif
