/* Patients as answers: one of a list, and one with all that is on record. Inside run(). */
#ifndef POSTERN_SERVER_WEB_PATIENT_SHOW_H
#define POSTERN_SERVER_WEB_PATIENT_SHOW_H

#include "server/store/patients.h"
#include "server/web/request.h"

/* {id, name, birth, language, state, consent, enrolled}. Given. */
PST_MUST_CHECK enum pst_err pst_patient_json(const struct pst_request *request,
                                             const struct pst_patient_row *row, json_t **ret_json);

/* The caller's answer for one patient: 200 with ETag. PST_ERR_NOT_FOUND. */
PST_MUST_CHECK enum pst_err pst_patient_answer(struct pst_tx *tx, struct pst_request *request,
                                               const struct pst_uuid *id);

#endif
