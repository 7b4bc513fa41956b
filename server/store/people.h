/*
 * People: one row for everybody who can be named, whatever their role; and the
 * checked credentials of clinicians. Names and numbers are sealed by the vault
 * before they come here (server/web/names.h). On the operation's thread.
 */
#ifndef POSTERN_SERVER_STORE_PEOPLE_H
#define POSTERN_SERVER_STORE_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/* As the table has them. */
enum pst_person_state {
    PST_PERSON_INVITED,
    PST_PERSON_ACTIVE,
    PST_PERSON_DISABLED,
    PST_PERSON_MERGED,
    PST_PERSON_ENDED,
    PST_PERSON__MAX
};

/* A name of PST_NAME_MAX_BYTES under the vault; a credential's number. */
#define PST_SEALED_TEXT_MAX_BYTES 320

/* A short text as the vault sealed it. */
struct pst_sealed_text {
    uint8_t bytes[PST_SEALED_TEXT_MAX_BYTES];
    size_t len;
};

/* PST_ERR_TOO_LONG. */
PST_MUST_CHECK enum pst_err pst_sealed_text_set(struct pst_sealed_text *text,
                                                struct pst_bytes bytes);

static inline struct pst_bytes pst_sealed_text_bytes(const struct pst_sealed_text *text)
{
    return pst_bytes(text->bytes, text->len);
}

struct pst_person {
    struct pst_uuid id;
    uint32_t roles;
    enum pst_person_state state;
    struct pst_sealed_text name;
    bool break_glass;
    int64_t created_at_ms;
    int64_t version; /* on reading alone */
};

/* PST_ERR_EXISTS: the id is taken. */
PST_MUST_CHECK enum pst_err pst_person_insert(struct pst_tx *tx, const struct pst_person *person);

/* PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_person_get(struct pst_tx *tx, const struct pst_uuid *id,
                                           struct pst_person *ret_person);

/*
 * Those with one of these roles, in the order of their ids, after one of them
 * (nil: from the first).
 *   ret_people  room for max; *ret_count are filled
 */
PST_MUST_CHECK enum pst_err pst_person_list(struct pst_tx *tx, uint32_t roles,
                                            const struct pst_uuid *after,
                                            struct pst_person *ret_people, size_t max,
                                            size_t *ret_count);

/* Roles, state, name and break_glass; the version grows. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_person_update(struct pst_tx *tx, const struct pst_person *person);

/* The patients a person stands for now, by id. */
PST_MUST_CHECK enum pst_err
pst_represented_each(struct pst_tx *tx, const struct pst_uuid *person, int64_t now_ms,
                     enum pst_err (*each)(void *ctx, const struct pst_uuid *patient), void *ctx);

#define PST_SPECIALTY_SIZE 128
#define PST_DISCLOSURE_SIZE 1024
/* Most credentials of one person that are read at once. */
#define PST_CREDENTIALS_MAX 32

struct pst_credential {
    struct pst_uuid id;
    struct pst_uuid person; /* on inserting alone */
    char kind[16];          /* npi, licence */
    struct pst_sealed_text number;
    char specialty[PST_SPECIALTY_SIZE];
    char subspecialty[PST_SPECIALTY_SIZE];
    struct pst_uuid checked_by;
    int64_t checked_at_ms;
    int64_t until_days; /* the last day it holds */
    char disclosure[PST_DISCLOSURE_SIZE];
};

PST_MUST_CHECK enum pst_err pst_credential_insert(struct pst_tx *tx,
                                                  const struct pst_credential *credential);

/* Oldest first. ret_credentials: room for PST_CREDENTIALS_MAX. */
PST_MUST_CHECK enum pst_err pst_credential_list(struct pst_tx *tx, const struct pst_uuid *person,
                                                struct pst_credential *ret_credentials,
                                                size_t *ret_count);

#endif
