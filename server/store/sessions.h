/*
 * Sessions: who is signed in. Tokens are never here, only their SHA-256.
 *
 * Limits are the web role's business (session_policy.h); a row that is over is
 * as good as none. Ended sessions leave no row: the ledger tells of them.
 */
#ifndef POSTERN_SERVER_STORE_SESSIONS_H
#define POSTERN_SERVER_STORE_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "postern/hash.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/* Most sessions one person has at once; a new one beyond it ends the oldest. */
#define PST_SESSIONS_MAX 32

struct pst_session_row {
    struct pst_uuid id;
    struct pst_uuid person;
    int64_t created_at_ms;
    int64_t used_at_ms; /* to the minute */
    int64_t expires_at_ms;
    int64_t step_up_at_ms; /* 0: never */
    /* Of the person, on reading alone. */
    uint32_t roles;
    int64_t state;
};

/* PST_ERR_CONFLICT: no such person. */
PST_MUST_CHECK enum pst_err pst_session_insert(struct pst_tx *tx, const struct pst_sha256 *token,
                                               const struct pst_session_row *session);

/* PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_session_find(struct pst_tx *tx, const struct pst_sha256 *token,
                                             struct pst_session_row *ret_session);
PST_MUST_CHECK enum pst_err pst_session_get(struct pst_tx *tx, const struct pst_uuid *id,
                                            struct pst_session_row *ret_session);

/* Its last use, and its last second factor. PST_ERR_NOT_FOUND when it has ended. */
PST_MUST_CHECK enum pst_err pst_session_touch(struct pst_tx *tx, const struct pst_sha256 *token,
                                              int64_t used_at_ms);
PST_MUST_CHECK enum pst_err pst_session_step_up(struct pst_tx *tx, const struct pst_uuid *id,
                                                int64_t at_ms);

/* A person's, oldest first. ret_sessions: room for PST_SESSIONS_MAX. */
PST_MUST_CHECK enum pst_err pst_session_list(struct pst_tx *tx, const struct pst_uuid *person,
                                             struct pst_session_row *ret_sessions,
                                             size_t *ret_count);

/* End one (PST_ERR_NOT_FOUND); all of a person but one (nil: all); those over. */
PST_MUST_CHECK enum pst_err pst_session_end(struct pst_tx *tx, const struct pst_uuid *id);
PST_MUST_CHECK enum pst_err pst_session_end_all(struct pst_tx *tx, const struct pst_uuid *person,
                                                const struct pst_uuid *but);
PST_MUST_CHECK enum pst_err pst_session_sweep(struct pst_tx *tx, int64_t now_ms);

#endif
