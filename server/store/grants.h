/*
 * Messages given to newer keys: signed records that somebody who can open a
 * message makes for a key that came later. Added to, never changed. Records
 * come here sealed by the vault. On the operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_GRANTS_H
#define POSTERN_SERVER_STORE_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/facts.h"
#include "server/store/store.h"

/* Grants of one message that one reader is given, newest first: rotations of ten years. */
#define PST_GRANTS_MAX 64

struct pst_grant_row {
    struct pst_uuid message;
    struct pst_key_id key;
    struct pst_uuid granter;
    int64_t at_ms;
    struct pst_sha256 hash; /* on writing alone */
    struct pst_uuid event;
};

/*
 * May messages of the thread be given to this key? To the newest, good now, of
 * somebody who may read it (its patient, a live representative whom the latest
 * consent names, a clinician of its team or room), and to the team's newest.
 */
PST_MUST_CHECK enum pst_err pst_grant_key_fits(struct pst_tx *tx, const struct pst_uuid *thread,
                                               const struct pst_key_id *key, int64_t now_ms,
                                               bool *ret_fits);

/* The key by which a person reads the thread now: the team's, or their own. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_grant_key_of(struct pst_tx *tx, const struct pst_uuid *thread,
                                             const struct pst_uuid *person, int64_t now_ms,
                                             struct pst_thread_key *ret_key);

struct pst_grant_missing {
    struct pst_uuid message;
    int64_t seq;
};

/* Messages after a seq that the key does not open, oldest first; retracted ones left out. */
PST_MUST_CHECK enum pst_err pst_grant_missing(struct pst_tx *tx, const struct pst_uuid *thread,
                                              const struct pst_key_id *key, int64_t after_seq,
                                              struct pst_grant_missing *ret_missing, size_t max,
                                              size_t *ret_count);

/*
 * Add one, unless the same person gave the message to that key before.
 *   record   as the vault sealed it
 *   ret_new  false: it was there; grant's at_ms and event are then the first one's
 */
PST_MUST_CHECK enum pst_err pst_grant_insert(struct pst_tx *tx, struct pst_grant_row *grant,
                                             struct pst_bytes record, bool *ret_new);

/*
 * Those of a message for keys of this person, or of this team (nil: none),
 * newest first, PST_GRANTS_MAX at most. The record is borrowed for the call.
 */
PST_MUST_CHECK enum pst_err pst_grant_each(
    struct pst_tx *tx, const struct pst_uuid *message, const struct pst_uuid *person,
    const struct pst_uuid *team,
    enum pst_err (*each)(void *ctx, const struct pst_grant_row *grant, struct pst_bytes record),
    void *ctx);

#endif
