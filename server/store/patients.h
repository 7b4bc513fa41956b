/*
 * Patients: their row, ways to reach them, and who may see them.
 *
 * Whoever asks says how they look (PST_SEEN_BY_…): what is not visible that
 * way is PST_ERR_NOT_FOUND, the same as absent, after the same statements. What
 * is personal goes in and out encrypted (vault). Every change of a fact about
 * a patient makes the row's version grow. Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_PATIENTS_H
#define POSTERN_SERVER_STORE_PATIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/store/people.h"
#include "server/store/store.h"

enum {
    PST_SEEN_BY_ALL = 1,            /* intake, administrator */
    PST_SEEN_BY_CLINICIAN = 2,      /* a visit with them, or a thread of their team */
    PST_SEEN_BY_SELF = 4,           /* the patient */
    PST_SEEN_BY_REPRESENTATIVE = 8, /* live */
};

struct pst_viewer_of_patients {
    struct pst_uuid person;
    int64_t today_days; /* since 1970 */
    unsigned seen_by;   /* bits above */
};

/* One patient; bytes are borrowed for the call that gets them. */
struct pst_patient_row {
    struct pst_uuid id;
    int64_t state; /* enum pst_person_state */
    struct pst_bytes name_enc, key_enc, birth_enc;
    const char *language;
    struct pst_uuid merged_into; /* nil: not */
    int64_t ended_at_ms;         /* 0: not */
    int64_t version;
    bool enrolled;
    /* Of the latest consent; decision -1: there is none. */
    int64_t consent_decision;
    int64_t consent_expires_ms;  /* 0: never */
    int64_t terms_superseded_ms; /* first newer terms take effect; 0: none */
};

typedef enum pst_err pst_patient_fn(void *ctx, const struct pst_patient_row *row);

/* Calls fn once. PST_ERR_NOT_FOUND; what fn returns. */
PST_MUST_CHECK enum pst_err pst_patient_get(struct pst_tx *tx, const struct pst_uuid *id,
                                            const struct pst_viewer_of_patients *viewer,
                                            pst_patient_fn *fn, void *ctx);

struct pst_patient_filter {
    struct pst_uuid after;          /* nil: the first page */
    struct pst_bytes name_index;    /* empty: any */
    struct pst_bytes address_index; /* empty: any */
    size_t limit;
};

/* Calls fn for each, in order of id, until it does not return PST_OK. */
PST_MUST_CHECK enum pst_err pst_patient_list(struct pst_tx *tx,
                                             const struct pst_patient_filter *filter,
                                             const struct pst_viewer_of_patients *viewer,
                                             pst_patient_fn *fn, void *ctx);

/* All that a registration writes; everything borrowed. */
struct pst_patient_new {
    struct pst_uuid id;
    struct pst_bytes name_enc, name_index, key_enc, birth_enc, identity_enc;
    const char *language;
    struct pst_uuid created_by;
    int64_t at_ms;
};
PST_MUST_CHECK enum pst_err pst_patient_insert(struct pst_tx *tx,
                                               const struct pst_patient_new *patient);

/* Grow the version. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_patient_touch(struct pst_tx *tx, const struct pst_uuid *id);

PST_MUST_CHECK enum pst_err pst_patient_name_set(struct pst_tx *tx, const struct pst_uuid *id,
                                                 struct pst_bytes name_enc,
                                                 struct pst_bytes name_index);
PST_MUST_CHECK enum pst_err pst_patient_language_set(struct pst_tx *tx, const struct pst_uuid *id,
                                                     const char *language);

/* A double registration: it points to the one that stays, and can no longer sign in. */
PST_MUST_CHECK enum pst_err pst_patient_merge(struct pst_tx *tx, const struct pst_uuid *id,
                                              const struct pst_uuid *into);
PST_MUST_CHECK enum pst_err pst_patient_end(struct pst_tx *tx, const struct pst_uuid *id,
                                            int64_t at_ms, const char *reason);

/* ---- addresses ---- */

#define PST_ADDRESS_EMAIL "email"
#define PST_ADDRESS_PHONE "phone"

PST_MUST_CHECK enum pst_err pst_address_put(struct pst_tx *tx, const struct pst_uuid *patient,
                                            const char *kind, struct pst_bytes address_enc,
                                            struct pst_bytes address_index, int64_t at_ms);
/* PST_OK also when there was none. */
PST_MUST_CHECK enum pst_err pst_address_delete(struct pst_tx *tx, const struct pst_uuid *patient,
                                               const char *kind);

struct pst_address_row {
    const char *kind;
    struct pst_bytes address_enc, address_index;
};
typedef enum pst_err pst_address_fn(void *ctx, const struct pst_address_row *row);
PST_MUST_CHECK enum pst_err pst_address_list(struct pst_tx *tx, const struct pst_uuid *patient,
                                             pst_address_fn *fn, void *ctx);

#endif
