/*
 * Invitations to enrol: kept for ever as evidence of who certified whom.
 * On the operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_INVITATIONS_H
#define POSTERN_SERVER_STORE_INVITATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/store.h"

struct pst_invitation_row {
    struct pst_uuid id;
    struct pst_uuid person;
    struct pst_sha256 hash;     /* of its record */
    struct pst_sign_public key; /* derived from the code */
    int64_t until_ms;
    int64_t used_at_ms;      /* 0: not yet; on reading alone */
    struct pst_uuid inviter; /* nil: the practice's first */
};

/* record: its text as the vault sealed it. PST_ERR_EXISTS. */
PST_MUST_CHECK enum pst_err pst_invitation_insert(struct pst_tx *tx,
                                                  const struct pst_invitation_row *invitation,
                                                  struct pst_bytes record, int64_t at_ms);

/* ret_record: appended to, may be NULL. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_invitation_get(struct pst_tx *tx, const struct pst_uuid *id,
                                               struct pst_invitation_row *ret_invitation,
                                               struct pst_buf *ret_record);

/* Use it up. PST_ERR_NOT_FOUND when it was used before. */
PST_MUST_CHECK enum pst_err pst_invitation_use(struct pst_tx *tx, const struct pst_uuid *id,
                                               int64_t at_ms);

#endif
