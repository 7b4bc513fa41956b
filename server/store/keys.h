/*
 * Key statements, all of them for ever, and the practice's records keys.
 * Records are personal: statements come here sealed by the vault. On the
 * operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_KEYS_H
#define POSTERN_SERVER_STORE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/store.h"

struct pst_key_row {
    struct pst_uuid person;
    int64_t serial;
    struct pst_sha256 hash;
    struct pst_uuid invitation; /* nil: a rotation */
    struct pst_sign_public sign_key;
    struct pst_key_id sign_key_id;
    uint8_t recipient[PST_PUBLIC_KEY_BYTES];
    struct pst_key_id recipient_id;
    int64_t at_ms;
    int64_t until_ms;
    int64_t replaced_at_ms; /* 0: not; on reading alone */
};

/* record: its text as the vault sealed it. PST_ERR_EXISTS: serial or hash taken. */
PST_MUST_CHECK enum pst_err pst_key_insert(struct pst_tx *tx, const struct pst_key_row *key,
                                           struct pst_bytes record);

/* The person's statements so far are replaced from then on. */
PST_MUST_CHECK enum pst_err pst_key_replaced(struct pst_tx *tx, const struct pst_uuid *person,
                                             int64_t at_ms);

/* The newest of a person. ret_record: appended to, may be NULL. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_key_newest(struct pst_tx *tx, const struct pst_uuid *person,
                                           struct pst_key_row *ret_key, struct pst_buf *ret_record);

/* Whose signing key this is, also one replaced. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_key_by_sign_id(struct pst_tx *tx, const struct pst_key_id *id,
                                               struct pst_key_row *ret_key);

/* All of a person, by serial. The record is borrowed for the call. */
PST_MUST_CHECK enum pst_err pst_key_each(struct pst_tx *tx, const struct pst_uuid *person,
                                         enum pst_err (*each)(void *ctx,
                                                              const struct pst_key_row *key,
                                                              struct pst_bytes record),
                                         void *ctx);

struct pst_records_row {
    int64_t serial;
    uint8_t recipient[PST_PUBLIC_KEY_BYTES];
    struct pst_key_id recipient_id;
};

/* record NULL for serial 0. PST_ERR_EXISTS: the serial is taken. */
PST_MUST_CHECK enum pst_err pst_records_insert(struct pst_tx *tx,
                                               const struct pst_records_row *records,
                                               const char *record, int64_t at_ms);

/* ret_record: appended to where there is one; may be NULL. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_records_newest(struct pst_tx *tx,
                                               struct pst_records_row *ret_records,
                                               struct pst_buf *ret_record);

/* Each signed record, by serial; borrowed for the call. */
PST_MUST_CHECK enum pst_err
pst_records_each(struct pst_tx *tx, enum pst_err (*each)(void *ctx, const char *record), void *ctx);

#endif
