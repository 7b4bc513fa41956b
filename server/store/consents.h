/*
 * Consents, refusals and withdrawals of a patient: a numbered row each, only
 * ever added. The record itself is encrypted. Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_CONSENTS_H
#define POSTERN_SERVER_STORE_CONSENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/sign.h"
#include "postern/uuid.h"
#include "server/store/store.h"

struct pst_consent_row {
    struct pst_uuid id;
    struct pst_uuid patient;
    int64_t seq; /* 1, 2, …: given when it is written */
    enum pst_decision decision;
    uint32_t purposes; /* 1 << enum pst_purpose */
    const char *terms_id;
    int64_t terms_version;
    const char *language;
    int64_t expires_at_ms; /* 0: never */
    int64_t at_ms;
    int64_t recorded_at_ms;
    struct pst_uuid recorded_by;
    struct pst_sha256 hash;
    struct pst_bytes record_enc;
};

/* The latest, as far as deciding needs it. PST_ERR_NOT_FOUND: there is none. */
struct pst_consent_latest {
    struct pst_uuid id;
    int64_t seq;
    enum pst_decision decision;
    struct pst_sha256 hash;
    int64_t expires_at_ms; /* 0: never */
    int64_t at_ms;
    int64_t terms_version;
};
PST_MUST_CHECK enum pst_err pst_consent_latest(struct pst_tx *tx, const struct pst_uuid *patient,
                                               struct pst_consent_latest *ret_latest);

/* Whose consent it is. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_consent_patient(struct pst_tx *tx, const struct pst_uuid *id,
                                                struct pst_uuid *ret_patient);

/* PST_ERR_EXISTS: the id, or the number, is taken. */
PST_MUST_CHECK enum pst_err pst_consent_insert(struct pst_tx *tx,
                                               const struct pst_consent_row *row);
/* What it covers; address_index: keyed hash, the person for proxy, no bytes for others. */
PST_MUST_CHECK enum pst_err pst_consent_purpose_insert(struct pst_tx *tx,
                                                       const struct pst_uuid *consent,
                                                       enum pst_purpose purpose,
                                                       struct pst_bytes address_index);

typedef enum pst_err pst_consent_fn(void *ctx, const struct pst_uuid *id, int64_t seq,
                                    struct pst_bytes record_enc);
/* Newest first, those numbered below before_seq. */
PST_MUST_CHECK enum pst_err pst_consent_list(struct pst_tx *tx, const struct pst_uuid *patient,
                                             int64_t before_seq, size_t limit, pst_consent_fn *fn,
                                             void *ctx);

/* The newest signing key of a person, if it holds at that time; else PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_consent_sign_key(struct pst_tx *tx, const struct pst_uuid *person,
                                                 int64_t at_ms, struct pst_sign_public *ret_key);

#endif
