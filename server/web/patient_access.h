/*
 * What every route below /v1/patients/{id} begins with: may the caller see this
 * patient, and the patient's key to open fields with. Inside run() alone.
 */
#ifndef POSTERN_SERVER_WEB_PATIENT_ACCESS_H
#define POSTERN_SERVER_WEB_PATIENT_ACCESS_H

#include "postern/time.h"
#include "server/store/patients.h"
#include "server/vault/fields.h"
#include "server/web/consent_check.h"
#include "server/web/request.h"

struct pst_patient_access {
    struct pst_uuid id;
    bool gone; /* merged into another, or ended */
    bool enrolled;
    int64_t version;
    struct pst_consent_standing standing;
    struct pst_patient_key *key;
};

/*
 * PST_OK; PST_ERR_NOT_FOUND: absent, or not visible for the caller in the
 * roles that open this route.
 */
PST_MUST_CHECK enum pst_err pst_patient_access(struct pst_tx *tx, const struct pst_request *request,
                                               const struct pst_uuid *id,
                                               struct pst_patient_access *ret_access);

/* The same for what changes something: PST_ERR_CONFLICT when the patient is gone. */
PST_MUST_CHECK enum pst_err pst_patient_access_live(struct pst_tx *tx,
                                                    const struct pst_request *request,
                                                    const struct pst_uuid *id,
                                                    struct pst_patient_access *ret_access);
/* As another viewer than the caller's roles make them. */
PST_MUST_CHECK enum pst_err pst_patient_access_as(struct pst_tx *tx,
                                                  const struct pst_request *request,
                                                  const struct pst_viewer_of_patients *viewer,
                                                  const struct pst_uuid *id,
                                                  struct pst_patient_access *ret_access);

void pst_patient_access_free(struct pst_patient_access *access);
#define PST_PATIENT_ACCESS __attribute__((cleanup(pst_patient_access_free)))

/* How the caller looks at patients on this route. */
void pst_patient_viewer(const struct pst_request *request,
                        struct pst_viewer_of_patients *ret_viewer);

/* Days since 1970 of the day it is (UTC). */
int64_t pst_today_days(int64_t now_ms);

/* An event about a patient, by the caller, into the record. */
PST_MUST_CHECK enum pst_err pst_patient_event(struct pst_tx *tx, const struct pst_request *request,
                                              enum pst_event_kind kind,
                                              const struct pst_uuid *patient);

/* {"id": id}, 201. */
PST_MUST_CHECK enum pst_err pst_answer_created(struct pst_request *request,
                                               const struct pst_uuid *id);

/* A date of the body in days since 1970; false when it is none. NULL: false. */
bool pst_body_date(const char *text, int64_t *ret_days);

/* Is text one of a closed list that ends with NULL? */
bool pst_body_one_of(const char *text, const char *const *list);

#endif
